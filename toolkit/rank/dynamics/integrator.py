"""Low-rank dynamics: the state U S Vᴴ, the three sub-problems of its factors, and the frame of the integrators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Flat, Order
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.rank.dynamics.problems import MatrixFlow, PlantedFlow

SHOWN = 24  # singular values kept of every step, for the picture
BLOWN_UP = 1e8
SMALLER = (1e-3, 1e-6, 1e-9, 1e-12)  # of σ_min
REACHED = Status("converged", "reached the final time")


@dataclass(slots=True, kw_only=True)
class LowRankState(State):
    """Y = U S Vᴴ at the time t, U (m, r) and V (n, r) orthonormal; `spectra` holds σ_j of every step so far."""

    u: np.ndarray
    s: np.ndarray
    v: np.ndarray
    rank: float
    t: float = 0.0
    time: float = 0.0
    unknowns: float
    spectra: np.ndarray

    def solution(self) -> np.ndarray:
        return self.u @ self.s @ self.v.conj().T


def runge_kutta(f: Callable, t: float, h: float, y: np.ndarray, steps: int) -> np.ndarray:
    """y(t + h) of y′ = f(t, y) by `steps` steps of the classical fourth-order method."""
    tau = h / steps
    for i in range(steps):
        now = t + i * tau
        one = f(now, y)
        two = f(now + tau / 2, y + tau / 2 * one)
        three = f(now + tau / 2, y + tau / 2 * two)
        four = f(now + tau, y + tau * three)
        y = y + tau / 6 * (one + 2 * two + 2 * three + four)
    return y


class Substeps:
    """The sub-problems of one step, (t, t + h): each sees only the factors it is handed.

    K′ = F(K Vᴴ) V, L′ = F(U Lᴴ)ᴴ U, S′ = Uᴴ F(U S Vᴴ) V, by Runge–Kutta steps as many as the stiffness asks; where the
    matrix A(t) is given, by its increment, which is exact.
    """

    def __init__(self, problem: MatrixFlow, work, t: float, h: float):
        self.problem, self.work, self.t, self.h = problem, work, t, h
        self.steps = max(1, int(np.ceil(h * problem.stiffness - 1e-9)))
        now = problem.given(t)
        self.increment = None if now is None else problem.given(t + h) - now

    def left(self, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        """K(t + h), K(t) = k (m, r)."""
        return self._solved(k, lambda x: (x, v), lambda p, q: p @ (q.conj().T @ v), lambda d: d @ v)

    def right(self, u: np.ndarray, l: np.ndarray) -> np.ndarray:
        """L(t + h), L(t) = l (n, r)."""
        return self._solved(l, lambda x: (u, x), lambda p, q: q @ (p.conj().T @ u), lambda d: d.conj().T @ u)

    def core(self, u: np.ndarray, s: np.ndarray, v: np.ndarray, sign: float = 1.0) -> np.ndarray:
        """S(t + h), S(t) = s (r, r′); with sign −1 the equation runs with −F."""
        mine, other = u.conj().T, v
        return self._solved(
            s,
            lambda x: (u @ x, v),
            lambda p, q: sign * (mine @ p) @ (q.conj().T @ other),
            lambda d: sign * (mine @ d @ other),
        )

    def _solved(self, start, lifted, projected, moved):
        if self.increment is not None:
            self.work.nfe += 1
            return start + moved(self.increment)
        self.work.nfe += 4 * self.steps
        slope = self.problem.slope
        return runge_kutta(lambda t, x: projected(*slope(t, *lifted(x))), self.t, self.h, start, self.steps)


def orthogonal(*blocks: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the columns of all blocks side by side; the first block's, if orthonormal, up to signs."""
    return np.linalg.qr(np.hstack(blocks))[0]


def truncation(values: np.ndarray, tolerance: float, most: int) -> int:
    """The least rank, 1 … most, whose singular tail √Σ σ² is at most the tolerance."""
    tails = np.sqrt(np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0))
    return int(min(max(1, np.argmax(tails <= tolerance)), most, len(values)))


def steps_knob():
    """The knob for the number of time steps."""
    return knob(100, 2, 4000, log=True, symbol="T/h", doc="time steps, all of one length")


def rank_knob():
    """The knob for the rank."""
    return knob(6, 1, 40, symbol="r", doc="rank of the approximation")


def worn(steps: int, span: float, stiffness: float, problems: int) -> float:
    """By what share `problems` sub-problems of skew F in each of `steps` spans shorten a vector at most.

    Runge and Kutta's polynomial has |R(iz)| = 1 − z⁶/144 + …, z at most the stiffness times an inner step.
    """
    inner = max(1, int(np.ceil(span * stiffness - 1e-9)))
    return steps * problems * inner * 1.1 * (span * stiffness / inner) ** 6 / 144


class LowRankIntegrator(Method):
    """What the integrators share: start from the best rank-r approximation, `leap` from t to t + h, end at the end."""

    problems: ClassVar[tuple[type, ...]] = (MatrixFlow,)
    monitors: ClassVar[tuple[str, ...]] = ("rank", "unknowns", "time")
    linear: ClassVar[tuple[str, ...]] = ("rank", "time")
    scales: ClassVar[tuple[str, ...]] = ("time",)
    steps: int
    rank: int

    def leap(self, problem: MatrixFlow, state: LowRankState, t: float, h: float) -> tuple:
        """(U, S, V) at t + h."""
        raise NotImplementedError

    def starting_rank(self, problem: MatrixFlow) -> int:
        """Rank of what is begun with, no more than the initial value has rows and columns."""
        return min(self.rank, *problem.initial.shape)

    def init(self, problem: MatrixFlow) -> LowRankState:
        u, values, vh = problem.factors
        r = self.starting_rank(problem)
        state = LowRankState(
            u=u[:, :r].copy(),
            s=np.diag(values[:r]).astype(u.dtype),
            v=vh[:r].conj().T.copy(),
            rank=float(r),
            unknowns=0.0,
            spectra=np.full((self.steps + 1, SHOWN), np.nan),
        )
        return self._noted(state)

    def step(self, problem: MatrixFlow, state: LowRankState) -> LowRankState:
        state.k += 1
        start, stop = (problem.end * (i / self.steps) for i in (state.k - 1, state.k))
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                u, s, v = self.leap(problem, state, start, stop - start)
                size = float(np.linalg.norm(s))
        except np.linalg.LinAlgError:
            size = np.nan
        if not size <= BLOWN_UP * (1 + np.linalg.norm(problem.factors[1])):
            cause = f"the factors grew out of all bounds after t = {start:.3g}"
            state.status = Status("diverged", cause, "Take more steps, or an integrator that needs no inverse of S")
            return state
        state.u, state.s, state.v, state.t = u, s, v, stop
        if state.k >= self.steps:
            state.status = REACHED
        return self._noted(state)

    def _noted(self, state: LowRankState) -> LowRankState:
        values = np.linalg.svd(state.s, compute_uv=False)[:SHOWN]
        state.spectra[state.k, : len(values)] = values
        state.rank, state.time = float(len(state.s)), state.t
        state.unknowns = float(state.u.size + state.s.size + state.v.size)
        return state

    def promised_order(self, p: int, source: str, values=(20, 40, 80), sharp: bool = False, **about) -> Order:
        """The error at the end is bounded by a multiple of steps^−p; `sharp`: it is in proportion to that."""
        power = "h" + ("" if p == 1 else f"^{p}")
        title = f"error at the end ∝ {power}" if sharp else f"error at the end of order {power} at least"
        here = dict(tol=0.25, at_least=not sharp, stop=THROUGH) | about
        return Order(measure="error", p=p, over="steps", values=values, title=title, source=source, **here)

    def promised_robust(self, source: str) -> Flat:
        """The error does not grow as the smallest singular value falls over nine decades."""
        title = "error untouched by σ_min from 1e-3 to 1e-12"
        about = dict(source=source, assumes="F tangent up to ε", stop=THROUGH)
        return Flat(measure="error", over="sigma_min", values=SMALLER, growth=4.0, slack=1e-8, title=title, **about)

    def promised_exact(self, source: str, **about) -> Exact:
        """A given matrix of no higher rank is reproduced."""
        title = "a given X(t) of rank r is reproduced"
        here = dict(tol=1e-11, always=True, stop=THROUGH) | about
        return Exact(measure="error", title=title, source=source, assumes="Uᵀ X and X V of full rank", **here)


def planted(problem, form: str, epsilon: float, rank: int) -> bool:
    """Whether the problem is a planted one of this form, rank at most `rank` and model error at most `epsilon`."""
    fits = isinstance(problem, PlantedFlow) and problem.form == form and problem.rank <= rank
    return fits and problem.epsilon <= epsilon
