"""Descent in parallel rounds: the steps of an optimiser with momentum as a chain, solved by generalised Picard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import Pick, first_there
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.parallel.chain import ChainState, Sweeps
from toolkit.sampler.parallel.problems import Descent

LEAST = 1e-6  # the tolerance from which on fewer rounds are promised
FORMS = ("generalised", "Jacobi")


@dataclass(frozen=True)
class DescentRounds(Sweeps):
    """All slopes of a window at once, then the optimiser's own update with them: a round instead of a step.

    "generalised": (θ, m)_{j+1}^{new} = update((θ, m)_j^{new}, ∇f(θ_j^{old})), momentum run through anew in each round;
    "Jacobi": update((θ, m)_j^{old}, ∇f(θ_j^{old})). The window slides past all nodes of which θ and η m moved by no
    more than the tolerance (relative to s), one at least: exact after N rounds at most. A round counts an evaluation a
    node.
    Reference: L. Zhou, A. Shih, C. Meng, S. Ermon (2024), arXiv:2311.17082, Sec. 4 and Alg. 1.
    """

    title: ClassVar[str] = "descent in Picard rounds"
    sources: ClassVar[tuple[str, ...]] = ("zhou2024dreampropeller",)
    problems: ClassVar[tuple[type, ...]] = (Descent,)
    form: str = knob("generalised", choices=FORMS, doc="what a round takes from the round before")
    window: int = knob(16, 1, 512, log=True, symbol="p", doc="nodes of a round")
    tolerance: float = knob(0.0, 0.0, 1.0, doc="change at which a node is left; 0: only when nothing moves")

    def label(self):
        return f"{self.title}, {self.form}, window {self.window}"

    def init(self, problem):
        path = np.repeat(problem.start.reshape(1, -1), problem.length + 1, axis=0)
        return ChainState(path=path, change=float(np.linalg.norm(problem.start)) + 1.0)

    def finished(self, problem, state):
        return state.first >= problem.length

    def sweep(self, problem, state):
        first, last = state.first, min(state.first + self.window, problem.length)
        nodes = state.path.reshape(len(state.path), 2, -1)
        slopes = problem.slope(nodes[first:last, 0])
        state.work.nfe += last - first
        state.depth += 1
        path, node = nodes.copy(), nodes[first]
        for j, slope in enumerate(slopes, first):
            node = problem.moved(node if self.form == "generalised" else nodes[j], slope)
            path[j + 1] = node
        path[last + 1 :] = node
        change = np.linalg.norm(path - nodes, axis=2)[first + 1 : last + 1] * (1, problem.rate * problem.width**2)
        moving = np.flatnonzero(change.sum(axis=1) > self.tolerance * problem.width)
        state.first = first + 1 + int(moving[0]) if len(moving) else last
        return path.reshape(len(path), -1)

    def claims(self, problem):
        if self.tolerance == 0:
            return tuple(self.promised(problem, 1))
        steps, calm = problem.length, problem.rate <= 0.2 * (1 - problem.momentum) and self.tolerance >= LEAST
        if not calm or self.form == "Jacobi" or self.window == 1 or steps < 16:
            return ()
        about = dict(title=f"fewer rounds than the {steps} steps, to {self.tolerance:g}", assumes="η/s² ≤ (1 − β)/5")
        about |= dict(source="zhou2024dreampropeller", stop=THROUGH_GROWTH, other=self.turned(window=1))
        return (Beats(measure="k", factor=1 - 1 / steps, **about),)


def descended(problem, state):
    """The first coordinates of the guessed descent, against the step."""
    shown = range(min(4, problem.dimension))
    return {"x": np.arange(len(state.path))} | {f"number {j + 1}": state.path[:, j] for j in shown}


PICTURES = (Picture("descended", "the guessed descent", "lines", descended, x="step", y="θ", of=Descent),)
EXPERIMENTS = (
    Experiment(
        "descent-in-parallel",
        "An optimiser that does not wait",
        "Each step needs the one before, and its momentum. How many rounds if all slopes of a window come at once?",
        Descent(),
        (
            DescentRounds(tolerance=1e-3),
            DescentRounds(tolerance=1e-3, window=64),
            DescentRounds(form="Jacobi", window=64),
        ),
        THROUGH_GROWTH,
        measure="chain_error",
        picture="descended",
        predict=Pick("Which is done after the fewest rounds?", first_there()),
        why=(
            "The slopes are what costs, and a round takes all those of a window at once; the generalised form then "
            "runs the momentum $m$ through anew, which is cheap. Jacobi's form does not, so that news travels one step "
            "a round and as many rounds are needed as there are steps. A window over the whole way is no faster than a "
            "short one: what it guesses far ahead is wild at first, and its error grows before it falls."
        ),
        formula=(
            r"m_{j+1}=\beta\,m_j+\nabla f\bigl(\theta_j^{\mathrm{old}}\bigr),\qquad "
            r"\theta_{j+1}=\theta_j-\eta\,m_{j+1}"
        ),
        level=2,
        then="memory-for-order",
    ),
)
