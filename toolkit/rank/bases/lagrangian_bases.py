"""Reduced bases of fronts: those that stay where the grid is, and those that move with the flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Guess, Pick, lowest, reached, whether
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.bases.fronts import KINDS, TravellingFront, runge_kutta, slopes, stiffness

STEPS = Stop(rtol=0.0, steps=12)
SPENT = Status("converged", "the largest number of modes is reached", "Raise `modes` to go on")
SPANNED = Status("converged", "the snapshots lie in the modes to rounding", "Nothing is left to add")


@dataclass(slots=True, kw_only=True)
class ModesState(State):
    """Left and right singular factors of the snapshots, how many are used, and the share of the snapshots missed."""

    vectors: np.ndarray
    values: np.ndarray
    misfit: float = 1.0
    unknowns: float = 0.0

    def solution(self) -> np.ndarray:
        return self.vectors[:, : self.k]


def shares(values: np.ndarray, count: int) -> float:
    """(Σ_(k > count) σ_k² / Σ σ_k²)^½."""
    return float(np.linalg.norm(values[count:]) / np.linalg.norm(values))


@dataclass(frozen=True)
class EulerianPod(Method):
    """Proper orthogonal decomposition on the grid at rest; a step adds one mode.

    u ≈ Φ a, a′ = −Φᵀ f(Φa)_x + ν Φᵀ (Φa)_xx (Galerkin, differences of order four), integrated by Runge and Kutta's
    method. What k modes miss is the tail of the singular values (Eckart, Young), and it falls slowly for what travels.
    One SVD at the first step, O(n m²). The reduced model is integrated only where its error is asked for.
    Reference: L. Sirovich, Quart. Appl. Math. 45 (1987) 561–571, doi:10.1090/qam/910462.
    """

    title: ClassVar[str] = "Eulerian POD"
    sources: ClassVar[tuple[str, ...]] = ("sirovich1987", "kunisch2001")
    problems: ClassVar[tuple[type, ...]] = (TravellingFront,)
    monitors: ClassVar[tuple[str, ...]] = ("misfit", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    modes: int = knob(24, 1, 80, symbol="k", doc="largest number of modes")

    def init(self, problem: TravellingFront) -> ModesState:
        vectors, values, _ = np.linalg.svd(problem.eulerian[:, : problem.trained], full_matrices=False)
        return ModesState(vectors=vectors, values=values)

    def step(self, problem: TravellingFront, state: ModesState) -> ModesState:
        state.k += 1
        state.misfit, state.unknowns = shares(state.values, state.k), float(state.k)
        if state.misfit < 1e-14:
            state.status = SPANNED
        elif state.k >= min(self.modes, len(state.values)):
            state.status = SPENT
        return state

    def reduced(self, problem: TravellingFront, state: ModesState) -> np.ndarray:
        """The reduced model's solution at all times, (n, m)."""
        phi = state.vectors[:, : state.k]
        d = slopes(phi, problem.x)
        diffusion = problem.viscosity * (phi.T @ slopes(d, problem.x))
        square = np.einsum("xi,xj,xk->ijk", phi, phi, d, optimize=True)
        linear = -0.5 * (phi.T @ d)
        rates = {
            KINDS[0]: lambda t, a: linear @ a,
            KINDS[1]: lambda t, a: -(square @ a) @ a,
            KINDS[2]: lambda t, a: diffusion @ a - (square @ a) @ a,
        }
        return phi @ marched(rates[problem.kind], problem.t, phi.T @ problem.eulerian[:, 0])

    def compared(self, problem: TravellingFront, state: ModesState) -> tuple[np.ndarray, np.ndarray]:
        """(the reduced model, the truth) at the same places and times, (n, m) both."""
        return self.reduced(problem, state), problem.eulerian

    def measures(self, problem):
        return (reduced_error(self), ECKART)

    def claims(self, problem: TravellingFront) -> tuple:
        title = "what the modes miss is the tail of the singular values"
        about = dict(source="kunisch2001", assumes="none: Eckart and Young's theorem", stop=STEPS)
        return (Exact(measure="tail_gap", tol=1e-12, always=True, title=title, **about),)


def marched(rate, times: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Coefficients at all times, (k, m); once they are not finite they stay so."""
    found = np.empty((len(start), len(times)))
    found[:, 0] = start
    with np.errstate(over="ignore", invalid="ignore"):
        for j in range(len(times) - 1):
            found[:, j + 1] = runge_kutta(rate, times[j], times[j + 1] - times[j], found[:, j], 2)
    return found


def _tail_gap(problem, state) -> float:
    seen = problem.eulerian[:, : problem.trained]
    phi = state.vectors[:, : state.k]
    return abs(float(np.linalg.norm(seen - phi @ (phi.T @ seen)) / np.linalg.norm(seen)) - state.misfit)


def reduced_error(method: EulerianPod | LagrangianPod) -> Measure:
    """The error of a method's reduced model, not a number where it is unstable or its grid folds."""

    def of(problem, state) -> float:
        if not state.k:
            return 1.0
        guess, truth = method.compared(problem, state)
        found = np.linalg.norm(guess - truth) / np.linalg.norm(truth)
        return float(found) if found < 10 else float("nan")

    doc = "over all times, those beyond the window included; a gap where the reduced model is unstable"
    return Measure("reduced_error", "error of the reduced model", of, "|ũ − u|/|u|", doc=doc)


ECKART = Measure("tail_gap", "misfit against singular tail", _tail_gap, "|misfit − tail|")


@dataclass(slots=True, kw_only=True)
class MovingState(ModesState):
    """Besides, the singular factors of the positions, and how many of both are used."""

    place_vectors: np.ndarray
    place_values: np.ndarray
    places: int = 0
    states: int = 0


@dataclass(frozen=True)
class LagrangianPod(Method):
    """Modes for the state and for the positions of a grid that moves with the flow; step k: k and k + 1 of them.

    x′ = f′(w), w′ = ν w_xx on the moving grid; x ≈ Φ_x a, w ≈ Φ_w b; a′ = Φ_xᵀ f′(Φ_w b), and b by Galerkin in the
    measure of the moving grid, linear elements, fluxes at the ends given, trapezoidal rule with the grid at half time.
    Without viscosity w does not change and x = ξ + t f′(w): positions have rank two and states rank one, exactly, so
    the reduced model is exact, beyond the window too. Viscosity adds ranks. Two SVDs at the first step. The grid leaves
    the domain with the flow and crowds in a shock; where too few modes let it fold, the reduced model ends.
    Reference: R. Mojgani, M. Balajewicz, arXiv:1701.04343 (2017), sections 2 and 3.
    """

    title: ClassVar[str] = "Lagrangian POD"
    sources: ClassVar[tuple[str, ...]] = ("mojgani2017",)
    problems: ClassVar[tuple[type, ...]] = (TravellingFront,)
    monitors: ClassVar[tuple[str, ...]] = ("misfit", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    modes: int = knob(16, 1, 40, symbol="k", doc="largest number of modes of the state")

    def init(self, problem: TravellingFront) -> MovingState:
        seen = slice(0, problem.trained)
        places, states = (one[:, seen] for one in problem.lagrangian)
        vectors, values, _ = np.linalg.svd(states, full_matrices=False)
        place_vectors, place_values, _ = np.linalg.svd(places, full_matrices=False)
        return MovingState(vectors=vectors, values=values, place_vectors=place_vectors, place_values=place_values)

    def step(self, problem: TravellingFront, state: MovingState) -> MovingState:
        state.k += 1
        state.states, state.places = state.k, min(state.k + 1, len(state.place_values))
        state.unknowns = float(state.states + state.places)
        state.misfit = max(shares(state.values, state.states), shares(state.place_values, state.places))
        if state.misfit < 1e-14:
            state.status = SPANNED
        elif state.k >= min(self.modes, len(state.values)):
            state.status = SPENT
        return state

    def reduced(self, problem: TravellingFront, state: MovingState) -> tuple[np.ndarray, np.ndarray]:
        """(positions, states) of the reduced model at all times, (n, m) both."""
        phi, psi = state.vectors[:, : state.states], state.place_vectors[:, : state.places]
        b, a = phi.T @ problem.lagrangian[1][:, 0], psi.T @ problem.x
        speed = psi.T @ phi  # of the positions, times the state
        places, states = np.full((2, problem.n, problem.times), np.nan)
        places[:, 0], states[:, 0] = psi @ a, phi @ b
        parts = 2 if problem.kind == KINDS[2] else 1
        for j in range(problem.times - 1):
            span = (problem.t[j + 1] - problem.t[j]) / parts
            for t in problem.t[j] + span * (np.arange(parts) + 0.5):
                after = self._diffused(problem, phi, b, psi @ (a + span / 2 * speed @ b), t, span)
                if after is None:  # the grid has folded
                    return places, states
                constant = problem.kind == KINDS[0]
                a = a + span * (psi.T @ np.full(problem.n, 0.5) if constant else speed @ (b + after) / 2)
                b = after
            places[:, j + 1], states[:, j + 1] = psi @ a, phi @ b
        return places, states

    def _diffused(self, problem, phi, b, x, t, span):
        """b after a step of the trapezoidal rule with the grid at half time; itself where nothing diffuses."""
        if problem.kind != KINDS[2]:
            return b
        if np.diff(x).min() <= 0:
            return None
        mass, stiff = stiffness(phi, x)
        flux = problem.merging(x[[0, -1]], t)[1] * (-1, 1)
        lost = span * problem.viscosity / 2 * stiff
        return np.linalg.solve(mass + lost, mass @ b - lost @ b + span * problem.viscosity * (flux @ phi[[0, -1]]))

    def compared(self, problem: TravellingFront, state: MovingState) -> tuple[np.ndarray, np.ndarray]:
        """(the reduced model, the truth where its grid is) at all times, (n, m) both; NaN once it has folded."""
        places, guess = self.reduced(problem, state)
        known = np.isfinite(places).all()
        return guess, problem.exact(places, problem.t) if known else np.full_like(guess, np.nan)

    def measures(self, problem):
        return (reduced_error(self), RANK_STATE, RANK_PLACE)

    def claims(self, problem: TravellingFront) -> tuple:
        if problem.kind == KINDS[2]:
            return ()
        words = "no viscosity, and no shock yet"
        about = dict(source="mojgani2017", assumes=words)
        made = (
            Exact(measure="second_state", tol=1e-13, always=True, title="the states have rank 1", stop=STEPS, **about),
            Exact(measure="third_place", tol=1e-13, always=True, title="positions have rank 2", stop=STEPS, **about),
            Exact(
                measure="reduced_error", tol=1e-11, title="with 2 + 1 modes, exact at all times", stop=STEPS, **about
            ),
        )
        far = problem.kind == KINDS[0] and problem.window * problem.last / 2 > 3 * problem.width
        if not far and not (problem.kind == KINDS[1] and min(problem.window, problem.last) >= 0.9):
            return made
        race = Beats(
            other=EulerianPod(modes=80),
            measure="unknowns",
            factor=0.5,
            title="needs half as many modes as at rest, or fewer",
            stop=Stop(rtol=1e-3, steps=80),
            source="mojgani2017",
            assumes=f"{words}; a pulse that moves by three of its widths, or is about to break",
        )
        return (*made, race)


def _ratio(which: str, place: int):
    def of(problem, state) -> float:
        values = getattr(state, which)
        return float(values[place] / values[0]) if len(values) > place else 0.0

    return of


RANK_STATE = Measure("second_state", "second singular value of the states", _ratio("values", 1), "σ₂/σ₁")
RANK_PLACE = Measure("third_place", "third singular value of the positions", _ratio("place_values", 2), "σ₃/σ₁")


def _shapes(problem, state):
    """The first four modes of the state."""
    return {"x": problem.x, **{f"mode {i + 1}": state.vectors[:, i] for i in range(max(1, min(4, state.k)))}}


def _paths(problem, state):
    """Twelve particles on their way."""
    chosen = np.linspace(0, problem.n - 1, 12).astype(int)
    return {"x": problem.t, **{f"{problem.x[i]:.2f}": problem.lagrangian[0][i] for i in chosen}}


PICTURES = (
    Picture("front-modes", "modes of the state", "lines", _shapes, x="x", y="mode", of=ModesState),
    Picture("particle-paths", "particles on their way", "lines", _paths, x="t", y="x", of=MovingState),
)

EXACT = 1e-13  # a misfit that is rounding's


def moving_ranks(runs) -> float | None:
    """One mode of the state and two of the positions, where nothing diffuses; None where something does."""
    return None if runs[1].problem.kind == KINDS[2] else 3.0


def half_as_many(runs) -> bool | None:
    """Whether the moving basis has an error of 1e-3 with at most half of the unknowns of the one at rest."""
    rest, moving = (reached("reduced_error", 1e-3, i, "unknowns")(runs) for i in (0, 1))
    return None if None in (rest, moving) else moving <= rest / 2


EXPERIMENTS = (
    Experiment(
        "pulse-travels",
        "A pulse travels: how many modes?",
        "A pulse keeps its shape and moves. How many modes at rest, and how many that move with it?",
        TravellingFront(),
        (EulerianPod(), LagrangianPod()),
        Stop(rtol=0.0, steps=24),
        measure="misfit",
        against="unknowns",
        picture="front-space-time",
        predict=Guess(
            "How many modes that move with the pulse, of states and positions together, until nothing is missed?",
            reached("misfit", EXACT, 1, "unknowns"),
            low=1,
            high=24,
            theory=moving_ranks,
            unit="modes",
            log=False,
            whole=True,
            close=1.02,
        ),
        why="On a grid at rest a pulse that moves looks new at each place it comes to: the singular values of "
        "its snapshots fall slowly, and what $k$ modes miss is their tail, the least that any $k$ modes "
        r"can miss. On a grid that goes along nothing changes at all. The positions are $x = \xi + t "
        "f'(w)$, a sum of two products, and the states are the same at all times: rank two and rank one, "
        "exactly.",
        formula=r"x(\xi, t) = \xi + t \, f'(w(\xi)), \qquad w(\xi, t) = w(\xi)",
        level=1,
        minutes=4,
        then="beyond-window",
    ),
    Experiment(
        "fronts-merge",
        "Two fronts meet and merge",
        "With viscosity the states along the paths change too. What is left of the gain?",
        TravellingFront(kind=KINDS[2]),
        (EulerianPod(), LagrangianPod()),
        Stop(rtol=0.0, steps=16),
        measure="reduced_error",
        against="unknowns",
        picture="particle-paths",
        predict=Pick(
            "With viscosity, does the moving basis still need at most half as many unknowns for an error of $10^{-3}$?",
            whether(half_as_many),
            options=YES_NO,
        ),
        why=r"Along the paths the states obey $w' = \nu w_{xx}$: they change, and their rank grows. As the "
        "moving basis carries modes for the positions besides, it now needs more unknowns for the same "
        "error, and with too few of them its grid folds and the model ends: a gap in its curve. What is "
        "left of the gain is the other end, where modes at rest have stopped to help. Nothing is promised "
        "here.",
        formula=r"\dot x = f'(w), \qquad \dot w = \nu \, \partial_{xx} w",
        level=2,
        minutes=5,
        then="register-pulse",
    ),
    Experiment(
        "beyond-window",
        "Beyond the times that were seen",
        "Modes are made of the first half of the times. Which reduced model knows what comes next?",
        TravellingFront(kind=KINDS[1], window=0.5),
        (EulerianPod(), LagrangianPod()),
        Stop(rtol=0.0, steps=16),
        measure="reduced_error",
        against="unknowns",
        picture="front-modes",
        predict=Pick(
            "Whose error is smaller, over all times, those not seen included?", lowest("reduced_error"), theory=1
        ),
        why="The modes at rest span what was seen, and the front has gone on to places where they are small: "
        "each further mode helps a little, however well they hold what was seen. On the moving grid the "
        "front is where it always was. Without viscosity its states have rank one and its positions, "
        "linear in $t$, rank two: half of the times tell everything, and the reduced model is exact at the "
        "others.",
        formula=r"x(\xi, t) = \xi + t \, w(\xi), \qquad u(x(\xi, t), t) = w(\xi), \qquad t < t_{\text{shock}}",
        level=2,
        minutes=5,
        then="fronts-merge",
    ),
)
