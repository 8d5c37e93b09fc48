"""Descent in parallel rounds: the steps of an optimiser with momentum as a chain, solved by generalised Picard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Beats
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.problem import Problem
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.mixtures import SpaceMixture, responsibilities
from toolkit.sampler.parallel.chain import ChainState, _Sweeps, chain_measures

LEAST = 1e-6  # the tolerance from which on fewer rounds are promised
FORMS = ("generalised", "Jacobi")


@dataclass(frozen=True)
class Descent(Problem):
    """Heavy-ball descent on −log p of a mixture: m_{i+1} = β m_i − ∇log p(θ_i), θ_{i+1} = θ_i − η m_{i+1}, i < N.

    A node of the chain is (θ, m), two rows of d numbers; m is zero at first. The slope is what costs, as it does where
    p is a diffusion model's; η is `rate` s², and |∇²log p| ≥ −1/s² everywhere. No momentum: plain descent.
    Reference: L. Zhou, A. Shih, C. Meng, S. Ermon (2024), arXiv:2311.17082, Sec. 4; B. T. Polyak (1964),
    doi:10.1016/0041-5553(64)90137-5.
    """

    title: ClassVar[str] = "descent with momentum"
    sources: ClassVar[tuple[str, ...]] = ("zhou2024dreampropeller", "polyak1964")
    length: int = knob(64, 2, 512, log=True, symbol="N", doc="steps of the descent")
    dimension: int = knob(8, 1, 128, symbol="d", doc="numbers that are optimised")
    components: int = knob(5, 1, 200, log=True, symbol="K", doc="components of the mixture")
    width: float = knob(0.5, 0.1, 2.0, log=True, symbol="s", doc="standard deviation of a component")
    rate: float = knob(0.04, 1e-3, 1.0, log=True, doc="length of a step, η/s²")
    momentum: float = knob(0.8, 0.0, 0.99, symbol="β", doc="share of the step before; 0: none")
    seed: int = seed_knob("the start")

    @cached_property
    def law(self) -> SpaceMixture:
        """The mixture."""
        return SpaceMixture(dimension=self.dimension, components=self.components, width=self.width, particles=1)

    def slope(self, theta: np.ndarray) -> np.ndarray:
        """−∇log p at many points at once, (n, d): Σ_k r_k (θ − μ_k)/s²."""
        weights, means, widths = self.law.parts
        share = responsibilities(theta, means, widths**2, np.log(weights))
        return (theta - share @ means) / self.width**2

    def moved(self, node: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """(θ, m) after (θ, m) = node, shape (2, d), with the slope given: no evaluation."""
        speed = self.momentum * node[1] + slope
        return np.stack((node[0] - self.rate * self.width**2 * speed, speed))

    @cached_property
    def start(self) -> np.ndarray:
        """(θ₀, 0), (2, d): θ₀ normal, of length about 2."""
        theta = np.random.default_rng(self.seed).standard_normal(self.dimension) * 2 / np.sqrt(self.dimension)
        return np.stack((theta, np.zeros(self.dimension)))

    @cached_property
    def path(self) -> np.ndarray:
        """All nodes, one step after another, shape (N + 1, 2d)."""
        path = [self.start]
        for _ in range(self.length):
            path.append(self.moved(path[-1], self.slope(path[-1][:1])[0]))
        return np.array(path).reshape(self.length + 1, -1)

    def measures(self):
        return chain_measures()


@dataclass(frozen=True)
class DescentRounds(_Sweeps):
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
        about |= dict(source="zhou2024dreampropeller", stop=THROUGH, other=self.turned(window=1))
        return (Beats(measure="k", factor=1 - 1 / steps, **about),)


def descended(problem, state):
    """The first coordinates of the guessed descent, against the step."""
    if not isinstance(state, ChainState) or not isinstance(problem, Descent):
        return None
    shown = range(min(4, problem.dimension))
    return {"x": np.arange(len(state.path))} | {f"number {j + 1}": state.path[:, j] for j in shown}


PICTURES = (Picture("descended", "the guessed descent", "lines", descended, x="step", y="θ"),)
CASES = (Descent(length=24, dimension=3), Descent(length=32, components=1, momentum=0.0))
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
        THROUGH,
        measure="chain_error",
        picture="descended",
    ),
)
