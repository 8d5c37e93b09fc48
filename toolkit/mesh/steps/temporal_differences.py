"""Policy evaluation in continuous time: what temporal differences find as the time mesh is refined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, lowest
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.steps.policy_value import LinearQuadratic, increments, variation_minimiser

FIRST = 4  # instants of the first time mesh
ALL = Stop(measure="parameter_error", rtol=0.0, steps=40)


@dataclass(slots=True, kw_only=True)
class PolicyState(State):
    """θ on a time mesh of `instants` steps, and its distances to θ* and to the minimiser of the quadratic variation."""

    theta: np.ndarray
    instants: float
    parameter_error: float
    bias_error: float

    def solution(self) -> np.ndarray:
        return self.theta


class TimeMeshMethod(Method):
    """What the estimators share: a step halves the time mesh and solves for θ anew. `solved` is the estimator."""

    problems: ClassVar[tuple[type, ...]] = (LinearQuadratic,)
    monitors: ClassVar[tuple[str, ...]] = ("parameter_error", "bias_error", "instants")
    scales: ClassVar[tuple[str, ...]] = ("instants",)

    def solved(self, problem: LinearQuadratic, n: int) -> np.ndarray:
        """θ on the mesh of n steps."""
        raise NotImplementedError

    def init(self, problem):
        return self._judged(problem, self.solved(problem, FIRST), FIRST, 0)

    def step(self, problem, state):
        n = 2 * int(state.instants)
        after = self._judged(problem, self.solved(problem, n), n, state.k + 1)
        after.work.nfe = state.work.nfe + n
        if n >= 1 << problem.levels:
            after.status = Status("converged", f"the finest time mesh, {n} steps, is done", "Raise `levels` to go on")
        return after

    def _judged(self, problem, theta, n, k) -> PolicyState:
        scale = float(np.linalg.norm(problem.truth))
        error = float(np.linalg.norm(theta - problem.truth)) / scale
        bias = float(np.linalg.norm(theta - variation_minimiser(problem))) / scale
        return PolicyState(k=k, theta=theta, instants=float(n), parameter_error=error, bias_error=bias)

    def measures(self, problem):
        return (BIAS_SHARE,)

    def claims(self, problem) -> tuple:
        if self.suits(problem) or problem.paths or problem.levels < 7:
            return ()
        about = dict(over="instants", skip=2, source="jia2022", stop=ALL)
        exactly = "exact expectations; value function in the span of the basis"
        return (Order(measure="parameter_error", p=1.0, title="θ → θ* like Δt", assumes=exactly, **about),)


@dataclass(frozen=True)
class MartingaleLoss(TimeMeshMethod):
    """min ½ E ∫ |M_T − M_t|² dt, M_t = J^θ(t, X_t) + ∫_0^t r ds: regression on the reward to go at every instant.

    Discretised with left sums, as gradient Monte Carlo does: E Σ φ_i φ_iᵀ θ = E Σ φ_i (R_i − f_i). θ errs by O(Δt).
    A step: one mesh of n instants, O(n) with exact expectations, O(n paths) without.
    Reference: Y. Jia, X. Y. Zhou, J. Mach. Learn. Res. 23 (2022), arXiv:2108.06655, martingale loss function.
    """

    title: ClassVar[str] = "martingale loss"
    sources: ClassVar[tuple[str, ...]] = ("jia2022",)

    def solved(self, problem, n):
        _, _, here = increments(problem, n)
        moments = problem.pairs(n)
        A = np.einsum("iap,ipq,ibq->ab", here, moments, here)
        b = np.einsum("iap,ip->a", here[:, :, [0, 2]], problem.futures(n))
        b += problem.g * np.einsum("iap,ip->a", here, moments[:, :, 0])
        return np.linalg.solve(A, b)


@dataclass(frozen=True)
class OrthogonalityTD(TimeMeshMethod):
    """E ∫ ξ_t dM^θ_t = 0 with the test functions ξ_t = ∂J^θ/∂θ (CLSTD(0)) or their trace ∫_0^t λ^{t−s} ∂J^θ/∂θ ds.

    Discretised: E Σ ξ_i (J_{i+1} − J_i + r_i Δt) = 0, a linear system in θ, which errs by O(Δt). The discrete value
    function is in the span of the basis: with exact expectations every λ, and the martingale loss, give one θ.
    A step: one mesh of n instants.
    Reference: Y. Jia, X. Y. Zhou, J. Mach. Learn. Res. 23 (2022), arXiv:2108.06655, martingale
    orthogonality conditions.
    """

    title: ClassVar[str] = "martingale orthogonality"
    sources: ClassVar[tuple[str, ...]] = ("jia2022",)
    trace: float = knob(0.0, 0.0, 1.0, symbol="λ", doc="memory of the test function for one unit of time; 0: none")

    def label(self) -> str:
        return "CLSTD(0)" if self.trace == 0 else f"CLSTD({self.trace:g})"

    def solved(self, problem, n):
        ahead, rest, here = increments(problem, n)
        plain = np.einsum("iap,ipq->iaq", here, problem.pairs(n))
        tested = _traced(problem, n, self.trace) if self.trace else plain
        A = np.einsum("iaq,ibq->ab", tested, ahead)
        return np.linalg.solve(A, -np.einsum("iaq,iq->a", tested, rest))


def _traced(problem: LinearQuadratic, n: int, memory: float) -> np.ndarray:
    """E[ξ_i wᵀ] of the trace ξ_i = Σ_{j≤i} λ^{t_i − t_j} φ_j Δt, (n, 3, 3), w = (X_i², X_{i+1}², 1)."""
    dt = problem.horizon / n
    fade = memory**dt
    square, constant = problem.basis(problem.horizon * (1 - np.arange(n) / n))
    out = np.empty((n, 3, 3))
    if problem.paths:
        x, xi = problem.seen(n), np.zeros((problem.paths, 3))
        for i in range(n):
            xi = fade * xi + dt * (x[:, i, None] * square[i] + constant[i])
            out[i] = xi.T @ np.column_stack((x[:, i], x[:, i + 1], np.ones(len(x)))) / len(x)
        return out
    v = problem.variance(np.linspace(0, problem.horizon, n + 1))
    shrink, kick = np.exp(-2 * problem.kappa * dt), problem.sigma**2 * problem.decay(dt)
    by_square, mean = np.zeros(3), np.zeros(3)  # E[ξ X_i²], E[ξ]
    for i in range(n):
        by_square = fade * by_square + dt * (3 * v[i] ** 2 * square[i] + v[i] * constant[i])
        mean = fade * mean + dt * (v[i] * square[i] + constant[i])
        ahead = shrink * by_square + kick * mean
        out[i] = np.column_stack((by_square, ahead, mean))
        by_square = ahead
    return out


@dataclass(frozen=True)
class MeanSquareTD(TimeMeshMethod):
    """min E Σ (J_{i+1} − J_i + r_i Δt)²/Δt · Δt: the mean-square temporal difference, which is the wrong thing.

    As Δt → 0 it tends to the quadratic variation E⟨M^θ⟩_T: the minimiser makes noise small, not M a martingale, and
    stays off θ* on every mesh. A step: one mesh of n instants.
    Reference: Y. Jia, X. Y. Zhou, J. Mach. Learn. Res. 23 (2022), arXiv:2108.06655, mean-square TD error.
    """

    title: ClassVar[str] = "mean-square TD error"
    sources: ClassVar[tuple[str, ...]] = ("jia2022",)

    def solved(self, problem, n):
        ahead, rest, _ = increments(problem, n)
        moments = problem.pairs(n)
        A = np.einsum("iap,ipq,ibq->ab", ahead, moments, ahead)
        return np.linalg.solve(A, -np.einsum("iap,ipq,iq->a", ahead, moments, rest))

    def claims(self, problem) -> tuple:
        if self.suits(problem) or problem.paths or problem.levels < 7:
            return ()
        about = dict(source="jia2022", stop=ALL, assumes="exact expectations")
        far = "its error stays above two thirds of that minimiser's"
        return (
            Order(measure="bias_error", p=1.0, over="instants", skip=3, title="θ → argmin of ⟨M^θ⟩ like Δt", **about),
            Exact(measure="bias_share", tol=1.5, title=far, **about),
        )


@dataclass(slots=True, kw_only=True)
class EpisodeState(PolicyState):
    """θ while it is learnt, and the source of the paths."""

    rng: np.random.Generator


@dataclass(frozen=True)
class OnlineTD(TimeMeshMethod):
    """CTD(0): θ ← θ + a_k φ_i (J_{i+1} − J_i + r_i Δt) at every instant of an episode, a_k = rate/(1 + k/50).

    Stochastic approximation of the orthogonality condition; a step is one batch of episodes, each simulated exactly.
    Reference: Y. Jia, X. Y. Zhou, J. Mach. Learn. Res. 23 (2022), arXiv:2108.06655, online CTD(0).
    """

    title: ClassVar[str] = "online CTD(0)"
    sources: ClassVar[tuple[str, ...]] = ("jia2022",)
    no_claim: ClassVar[str] = (
        "its error falls with noise; the paper proves where it tends to, not how fast it gets there"
    )
    rate: float = knob(2.0, 0.01, 20.0, log=True, symbol="a", live=True, doc="learning rate of the first episodes")
    instants: int = knob(64, 4, 1024, log=True, doc="steps of the time mesh")
    batch: int = knob(64, 1, 1000, log=True, doc="episodes that a step averages over")

    def init(self, problem):
        state = self._judged(problem, np.zeros(3), self.instants, 0)
        rng = np.random.default_rng([problem.seed, 1])
        errors = dict(parameter_error=state.parameter_error, bias_error=state.bias_error)
        return EpisodeState(theta=state.theta, instants=state.instants, rng=rng, **errors)

    def step(self, problem, state):
        n, rng = self.instants, state.rng
        dt = problem.horizon / n
        shrink, kick = np.exp(-problem.kappa * dt), problem.sigma * np.sqrt(problem.decay(dt))
        square, constant = problem.basis(problem.horizon * (1 - np.arange(n + 1) / n))
        gain = self.rate / (1 + state.k / 50)
        theta, x = state.theta, problem.spread * rng.standard_normal(self.batch)
        for i in range(n):
            after = shrink * x + kick * rng.standard_normal(self.batch)
            phi = x[:, None] ** 2 * square[i] + constant[i]
            ahead = after[:, None] ** 2 * square[i + 1] + constant[i + 1]
            change = (ahead - phi) @ theta - problem.g * (after**2 - x**2) - problem.q * x**2 * dt
            theta = theta + gain * (phi.T @ change) / self.batch
            x = after
        judged = self._judged(problem, theta, n, state.k + 1)
        state.theta, state.k = theta, judged.k
        state.parameter_error, state.bias_error = judged.parameter_error, judged.bias_error
        state.work.nfe += n * self.batch
        return state

    def claims(self, problem) -> tuple:
        return ()


def _bias_share(problem, state) -> float:
    far = float(np.linalg.norm(variation_minimiser(problem) - problem.truth) / np.linalg.norm(problem.truth))
    return far / state.parameter_error if state.parameter_error > 0 else float("nan")


def _values(problem, state: PolicyState):
    """The value at the start over x: exact, and by the θ at hand."""
    x = np.linspace(-2, 2, 81) * problem.spread
    found = {"x": x, "value": problem.value(problem.truth, problem.horizon, x)}
    return found | {"estimate": problem.value(state.theta, problem.horizon, x)}


BIAS_SHARE = Measure("bias_share", "share of the bias", _bias_share, "‖θ_QV − θ*‖ / ‖θ − θ*‖")
CASES = (
    LinearQuadratic(),
    LinearQuadratic(kappa=0.5, sigma=0.7, g=0.4, horizon=2.0),
    LinearQuadratic(paths=200, levels=6),
)
PICTURES = (Picture("value", "value at the start", "lines", _values, "x", "J(0, x)", of=PolicyState),)


def astray(runs) -> int:
    """The method that ended farthest from the true parameters."""
    return int(np.argmax([run.history.last("parameter_error") for run in runs]))


EXPERIMENTS = (
    Experiment(
        "policy",
        "Time differences, done right",
        "Squared temporal differences look like a loss. Halve the time step again and again: whom does it lead astray?",
        LinearQuadratic(),
        (MartingaleLoss(), OrthogonalityTD(), OrthogonalityTD(trace=0.5), MeanSquareTD()),
        ALL,
        measure="parameter_error",
        against="instants",
        picture="value",
        predict=Pick("Who ends farthest from the true parameters?", astray, theory=3),
        why=(
            "The true value function makes $M_t$ a martingale: its future changes have mean zero. Squaring the "
            "changes does something else: their sum tends to the quadratic variation, and the smallest of that is"
            " not the true one. So the mean-square TD error comes nearer and nearer to a wrong answer, while the "
            r"others are wrong by $O(\Delta t)$ only."
        ),
        formula=r"\sum_i (M_{t_{i+1}}-M_{t_i})^2\ \to\ \langle M\rangle_T",
        level=3,
        minutes=6,
        then="policy_noise",
    ),
    Experiment(
        "policy_noise",
        "Time differences from a thousand paths",
        "The same from a thousand paths: where does noise, not the time step, decide, and what does another seed do?",
        LinearQuadratic(paths=1000, levels=9),
        (MartingaleLoss(), OrthogonalityTD(), OrthogonalityTD(trace=0.5), MeanSquareTD()),
        ALL,
        measure="parameter_error",
        against="instants",
        picture="value",
        predict=Pick("Who ends nearest to the true parameters?", lowest("parameter_error")),
        why=(
            r"With a coarse time mesh the error of the steps, $O(\Delta t)$, decides; with a fine one that of the "
            r"paths does, about $1/\sqrt n$ for $n$ of them, and halving the steps no longer helps. Which of the "
            "sound estimators is nearest depends on the draw. That of the mean-square TD error stays far off: no "
            "number of paths mends a wrong aim."
        ),
        formula=r"\hat\theta-\theta^*=O(\Delta t)+O(n^{-1/2})",
        level=3,
        minutes=6,
        then="fractional",
    ),
)
