"""Gradient descent on the factors of a low-rank matrix, and what all descents on them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order, Rate
from toolkit.core.knob import knob, seed_knob
from toolkit.core.method import Method
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.rank.recovery.problems import (
    PlentifulSensing,
    Recovery,
    Sensing,
)

BLOWN = 1e50
NEAR = "measurements near an isometry, no noise"


@dataclass(slots=True, kw_only=True)
class FactorsState(State):
    """X = left @ rightᵀ, A*(r) of its residual, and what is recorded of it.

    `error` = ‖X − truth‖_F/‖truth‖_F, `loss` = ½‖A(X) − y‖², `rate` = ln(loss before/loss now), 0 at the start.
    """

    left: np.ndarray
    right: np.ndarray
    slope: np.ndarray
    error: float = 1.0
    loss: float = 0.0
    rate: float = 0.0

    def solution(self) -> np.ndarray:
        return self.left @ self.right.T

    def copy(self, into: FactorsState | None = None) -> FactorsState:
        twin = State.copy(self, into)
        if self.right is self.left:  # X Xᵀ of one array is rounded otherwise than the product of two equal ones
            twin.right = twin.left
        return twin


def seed():
    """The knob for the seed of the first factors."""
    return seed_knob("the first factors")


def size(default: float):
    """The knob for the size of the first factors."""
    return knob(default, 1e-12, 3.0, log=True, symbol="α", doc="size of the first factors, over √σ_1")


def gaussian_factors(problem: Recovery, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Two Gaussian factors, entries of variance σ_1/n: each column is about as long as √σ_1."""
    rng, k = np.random.default_rng(number), problem.searched
    m, n = problem.truth.shape
    scale = np.sqrt(problem.largest)
    return rng.standard_normal((m, k)) * scale / np.sqrt(m), rng.standard_normal((n, k)) * scale / np.sqrt(n)


def spectral_factors(problem: Recovery) -> tuple[np.ndarray, np.ndarray]:
    """U_k Σ_k^½ and V_k Σ_k^½ of A*(y): the best start that needs no luck."""
    left, values, right = np.linalg.svd(problem.adjoint(problem.data), full_matrices=False)
    k = problem.searched
    return left[:, :k] * np.sqrt(values[:k]), right[:k].T * np.sqrt(values[:k])


class FactorDescent(Method):
    """What the descents share: two factors, one product with A and one with A* a step."""

    monitors: ClassVar[tuple[str, ...]] = ("error", "loss", "rate")
    linear: ClassVar[tuple[str, ...]] = ("rate",)
    problems: ClassVar[tuple[type, ...]] = (Recovery,)
    no_claim: ClassVar[str] = "its rates are known for planted matrices, enough measurements and no noise"

    def init(self, problem: Recovery) -> FactorsState:
        left, right = self.first(problem)
        return self._judged(problem, FactorsState(left=left, right=right, slope=np.empty(0)))

    def step(self, problem: Recovery, state: FactorsState) -> FactorsState:
        state.k += 1
        state.left, state.right = self.moved(problem, state)
        return self._judged(problem, state)

    def first(self, problem: Recovery) -> tuple[np.ndarray, np.ndarray]:
        """The factors at the start."""
        raise NotImplementedError

    def moved(self, problem: Recovery, state: FactorsState) -> tuple[np.ndarray, np.ndarray]:
        """The factors after a step."""
        raise NotImplementedError

    def pulled(self, problem: Recovery, residual: np.ndarray) -> np.ndarray:
        """A* of the residual."""
        return problem.adjoint(residual)

    def _judged(self, problem: Recovery, state: FactorsState) -> FactorsState:
        now, before = state.solution(), state.loss
        if not np.abs(now).max() < BLOWN:  # squares would overflow: the run ends on the error
            state.error = state.loss = float("inf")
            return state
        residual = problem.residual(now)
        state.slope = self.pulled(problem, residual)
        state.error = problem.distance(now)
        state.loss = 0.5 * float(np.vdot(residual, residual))
        state.rate = float(np.log(before / state.loss)) if before > 0 and state.loss > 0 else 0.0
        state.work.matvecs += 2
        state.work.flops += 6.0 * now.size * state.left.shape[1]
        return state


class SymmetricFactors(FactorDescent):
    """X Xᵀ, for positive semidefinite truths."""

    problems: ClassVar[tuple[type, ...]] = (Sensing,)

    def first(self, problem):
        factor = self.alpha * gaussian_factors(problem, self.seed)[0]
        return factor, factor

    def moved(self, problem, state):
        factor = self.descended(problem, state)
        return factor, factor

    def descended(self, problem: Sensing, state: FactorsState) -> np.ndarray:
        """The factor after a step."""
        raise NotImplementedError

    def pulled(self, problem, residual):
        slope = problem.adjoint(residual)
        return (slope + slope.T) / 2


def linear(factor: float, source: str, title: str, steps: int = 2000, assumes: str = NEAR, **options) -> Rate:
    """The error falls by a factor in the end."""
    stop = Stop(measure="error", rtol=0.0, atol=1e-9, steps=steps)
    about = dict(measure="error", floor=1e-8, title=title, assumes=assumes, source=source, stop=stop)
    return Rate(factor=factor, **about | options)


def accurate(tolerance: float, steps: int) -> Stop:
    """Ended at this relative error."""
    return Stop(measure="error", rtol=0.0, atol=tolerance, steps=steps)


@dataclass(frozen=True)
class SymmetricDescent(SymmetricFactors):
    """X ← X − η A*(A(X Xᵀ) − y) X: gradient descent on ¼‖A(X Xᵀ) − y‖².

    k = r: linear, by 1 − η σ_r a step in the end where A is an isometry. k > r: what nobody needs dies like
    dx/dt = −x³, so that ‖X Xᵀ − M‖_F ~ 1/t and the loss ~ 1/t². Diverges for η σ_1 near 1 and above.
    Reference: N. Xiong, L. Ding, S. S. Du, arXiv:2310.01769 (ICLR 2024), lower bound for symmetric factors.
    """

    title: ClassVar[str] = "gradient descent on X Xᵀ"
    sources: ClassVar[tuple[str, ...]] = ("xiong2024",)
    alpha: float = size(0.5)
    eta: float = knob(0.5, 0.001, 2.0, log=True, symbol="η", live=True, doc="step length, over 1/σ_1")
    seed: int = seed()

    def descended(self, problem, state):
        return state.left - self.eta / problem.largest * (state.slope @ state.left)

    def claims(self, problem: Sensing) -> tuple:
        if not problem.clean or problem.condition > 10 or not 0.05 <= self.eta <= 0.6:
            return ()
        slower = Order(
            measure="k",
            p=0.9,
            over="condition",
            values=(20.0, 40.0, 80.0, 160.0),
            tol=0.2,  # the logarithm in κ ln(1/(κ ε)) takes a tenth to a sixth of an order off
            growing=True,
            title="steps grow in proportion to the condition number, but for a logarithm",
            assumes="all columns needed, or a tiny start",
            source="xu2023scaled",
            stop=accurate(1e-4, max(6000, round(3000 / self.eta))),
        )
        if problem.searched == problem.rank:
            title = "linear with as many columns as the rank, at least half the rate of an isometry"
            return (linear(1 - 0.5 * self.eta / problem.condition, "xiong2024", title), slower)
        if self.alpha <= 1e-6:
            return (slower,) if isinstance(problem, PlentifulSensing) else ()
        return (
            Order(
                measure="loss",
                p=2.0,
                over="k",
                tol=0.25,
                skip=300,
                title="more columns than the rank: the loss falls like t⁻² only",
                assumes="k > r, first factors not tiny: " + NEAR,
                source="xiong2024",
                stop=Stop(rtol=0.0, steps=1500),
            ),
        )


@dataclass(frozen=True)
class AsymmetricDescent(FactorDescent):
    """F ← F − η A*(r) G, G ← G − η A*(r)ᵀ F: gradient descent on ½‖A(F Gᵀ) − y‖².

    FᵀF − GᵀG hardly moves. From random factors of sizes α and α/3 this imbalance, of size α², remains: it makes what
    nobody needs (k > r) die at the linear rate exp(−c α² t), c η (F₀ᵀF₀ − G₀ᵀG₀)/α². With k = r the rate is η σ_r.
    The spectral start takes the leading singular vectors of A*(y), balanced. Diverges for η σ_1 near 1.
    Reference: N. Xiong, L. Ding, S. S. Du, arXiv:2310.01769 (ICLR 2024), theorems on asymmetric factors.
    """

    title: ClassVar[str] = "gradient descent on F Gᵀ"
    sources: ClassVar[tuple[str, ...]] = ("xiong2024",)
    start: str = knob("random", choices=("random", "spectral"), doc="the first factors")
    alpha: float = size(0.5)
    eta: float = knob(0.5, 0.001, 2.0, log=True, symbol="η", live=True, doc="step length, over 1/σ_1")
    seed: int = seed()

    def first(self, problem):
        if self.start == "spectral":
            return spectral_factors(problem)
        left, right = gaussian_factors(problem, self.seed)
        return self.alpha * left, self.alpha / 3 * right

    def moved(self, problem, state):
        eta = self.eta / problem.largest
        left, right = state.left, state.right
        return left - eta * (state.slope @ right), right - eta * (state.slope.T @ left)

    def claims(self, problem: Recovery) -> tuple:
        if not problem.clean or problem.condition > 10 or not 0.05 <= self.eta <= 0.6:
            return ()
        if problem.searched == problem.planted:
            if not problem.isometric:
                return ()
            title = "linear with as many columns as the rank, at least half the rate of an isometry"
            return (linear(1 - 0.5 * self.eta / problem.condition, "xiong2024", title),)
        if self.start != "random":
            return ()
        return (
            Order(
                measure="rate",
                p=2.0,
                over="alpha",
                values=(0.2, 0.3, 0.45),
                growing=True,
                tol=0.25,
                title="the linear rate grows like α²: twice the start, four times the rate",
                assumes="k > r, factors of sizes α and α/3: " + NEAR,
                source="xiong2024",
                stop=Stop(measure="loss", rtol=1e-16, steps=3000),
            ),
        )
