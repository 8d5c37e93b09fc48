"""The Riesz fractional equation, by collocation with B-splines: orders, symbol and conditioning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Guess, Pick, shrunk, whether
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.state import State
from toolkit.kernels.line import bspline
from toolkit.mesh.splines import fractional_matrix
from toolkit.mesh.splines.fractional_matrix import angles, collocated, eigenvalues, places, spectrum, symbol
from toolkit.mesh.splines.projection import LAST_LEVEL, REFINED, along, open_knots

SAMPLES = 4001
SHOWN = 300  # unknowns up to which the eigenvalues are drawn


@dataclass(frozen=True)
class Riesz(Problem):
    """−∂^α u/∂|x|^α = f on (0, 1), u = 0 outside, 1 < α < 2: diffusion whose walkers make long jumps.

    ∂^α/∂|x|^α = −(D₊^α + D₋^α)/(2 cos(πα/2)), D± the Riemann–Liouville derivatives from the left and from the right.
    "smooth": u = (4x(1−x))^m with f in powers of x and 1−x. "exit": f = 1, u = (x(1−x))^{α/2}/Γ(1+α), the mean time
    until the walker leaves; it grows like the power α/2 of the distance from the ends.
    """

    title: ClassVar[str] = "fractional diffusion"
    sources: ClassVar[tuple[str, ...]] = ("mazza2023", "getoor1961")
    alpha: float = knob(1.5, 1.05, 1.95, symbol="α", doc="order of the derivative")
    data: str = knob("smooth", choices=("smooth", "exit"), doc="smooth solution, or mean exit time")
    power: int = knob(6, 3, 8, symbol="m", doc="power of 4x(1−x) in the smooth solution")

    def exact(self, x: np.ndarray) -> np.ndarray:
        """The solution at the points x."""
        if self.data == "exit":
            return (x * (1 - x)) ** (self.alpha / 2) / math.gamma(1 + self.alpha)
        return (4 * x * (1 - x)) ** self.power

    def load(self, x: np.ndarray) -> np.ndarray:
        """f at points 0 < x < 1. Smooth: x^m (1−x)^m in powers of x, of which D₊ x^q = Γ(q+1)/Γ(q+1−α) x^{q−α}."""
        if self.data == "exit":
            return np.ones_like(x)
        m, total = self.power, 0.0
        share = np.longdouble(4**m * math.gamma(m + 1) / math.gamma(m + 1 - self.alpha))
        ends = np.array([x, 1 - x], dtype=np.longdouble)  # the powers cancel: the sum needs the digits
        for i in range(m + 1):
            total += share * ends ** (m + i - self.alpha)
            share *= -(m - i) * (m + i + 1) / (i + 1) / (m + i + 1 - np.longdouble(self.alpha))
        return total.sum(axis=0).astype(float) / (2 * math.cos(math.pi * self.alpha / 2))


@dataclass(slots=True, kw_only=True)
class CollocationState(State):
    """Intervals, coefficients of the splines inside, the largest error and the number of unknowns."""

    n: int
    degree: int
    coefficients: np.ndarray
    error: float
    unknowns: float

    def solution(self) -> np.ndarray:
        return self.coefficients

    def at(self, x: np.ndarray) -> np.ndarray:
        """The spline at the points x."""
        t = open_knots(self.n, self.degree)
        e, u = bspline.intervals(t, self.degree, x)
        values = np.empty((len(x), self.degree + 1))
        bspline.by_matrices(bspline.basis_matrices(t, self.degree), e, u, values)
        return along(e, values, np.concatenate(([0.0], self.coefficients, [0.0])))


@dataclass(frozen=True)
class SplineCollocation(Method):
    """Collocation with B-splines of degree p at the Greville abscissae; a step halves the intervals.

    Splines on open uniform knots that vanish at the ends; their fractional derivatives are exact. The matrix is
    Toeplitz but for a few rows and columns; its symbol has a zero of order α at 0 and decays at π as p grows.
    Dense: a step costs O(n² p) powers and O(n³). Even p pay: the order is p+2−α, for odd p it is p+1−α.
    Reference: M. Mazza, M. Donatelli, C. Manni, H. Speleers, Numer. Linear Algebra Appl. 30 (2023) e2462,
    arXiv:2106.14834.
    """

    title: ClassVar[str] = "spline collocation"
    sources: ClassVar[tuple[str, ...]] = ("mazza2023",)
    monitors: ClassVar[tuple[str, ...]] = ("error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (Riesz,)
    degree: int = knob(3, 2, 7, symbol="p", doc="degree of the splines")
    start: int = knob(8, 4, 16, symbol="n₀", doc="intervals of the coarsest grid")
    levels: int = knob(5, 1, 5, doc="times the intervals are halved")

    def label(self) -> str:
        return f"degree {self.degree}"

    def init(self, problem: Riesz) -> CollocationState:
        state = CollocationState(n=self.start, degree=self.degree, coefficients=np.empty(0), error=0.0, unknowns=0.0)
        return self._solved(problem, state)

    def step(self, problem: Riesz, state: CollocationState) -> CollocationState:
        state.n *= 2
        state.k += 1
        self._solved(problem, state)
        if state.k >= self.levels:
            state.status = LAST_LEVEL
        return state

    def _solved(self, problem: Riesz, state: CollocationState) -> CollocationState:
        n, p = state.n, self.degree
        state.coefficients = np.linalg.solve(self.matrix(problem, n), problem.load(places(n, p)))
        x = (1 - np.cos(np.pi * np.linspace(0, 1, SAMPLES))) / 2  # closer at the ends, where rough solutions are worst
        state.error = float(np.max(np.abs(state.at(x) - problem.exact(x))))
        state.unknowns = float(n + p - 2)
        state.work.nfe += n + p - 2
        state.work.solves += 1
        state.work.flops += 2 / 3 * state.unknowns**3
        return state

    def claims(self, problem: Riesz) -> tuple:
        exact = Exact(
            measure="column_gap",
            tol=1e-9,
            always=True,
            title="a middle column is that of a cardinal spline, whose derivative has a closed form",
            assumes="uniform knots but at the ends",
            source="mazza2023",
            stop=REFINED,
        )
        return (exact,) if self.levels < 4 else (*self._accuracy(problem), *self._spectral(problem), exact)

    def _spectral(self, problem: Riesz):
        about = dict(over="unknowns", source="mazza2023", stop=REFINED, skip=2)
        yield Order(
            measure="condition",
            p=problem.alpha,
            growing=True,
            title="the condition number grows like n^α",
            assumes="n large against p: for small n and large p the high frequencies decide",
            **about,
        )
        yield Order(
            measure="symbol_gap",
            p=1.0,
            tol=0.2,
            title="the eigenvalues follow the symbol, in the mean as 1/n",
            assumes="the symbol is the paper's, the rate is observed",
            **about,
        )

    def _accuracy(self, problem: Riesz):
        """The order, up to degree 5: beyond, rounding has the last word before three grids have spoken."""
        p, alpha = self.degree, problem.alpha
        about = dict(measure="error", over="unknowns", floor=2e-11, stop=REFINED)
        if problem.data == "exit":
            title = "order α/2 for any p: the ends are rough"
            assumes = "u ~ x^{α/2} at an end of a uniform grid"
            yield Order(p=alpha / 2, skip=2, title=title, assumes=assumes, source="getoor1961", **about)
        elif p <= 5 and self.levels - self._coarse() >= 2:
            title = f"order p + {2 - p % 2} − α = {p + 2 - p % 2 - alpha:.3g} in the maximum norm"
            assumes = "u smooth and flat at the ends; found by experiment in the paper"
            tol = 0.15 if p <= 3 else 0.3  # higher orders are still coming down to theirs
            about |= dict(p=p + 2 - p % 2 - alpha, skip=self._coarse(), tol=tol)
            yield Order(title=title, assumes=assumes, source="mazza2023", **about)

    def _coarse(self) -> int:
        """Grids of less than 32 intervals, on which high orders do not show yet."""
        return max(0, math.ceil(math.log2(32 / self.start)))

    def matrix(self, problem: Riesz, n: int) -> np.ndarray:
        """The matrix of the step with n intervals, (n+p−2, n+p−2)."""
        return collocated(problem.alpha, self.degree, n)

    def measures(self, problem: Riesz) -> tuple[Measure, ...]:
        """What is known of the matrix of a step."""

        def condition(problem, state):
            made = lambda: float(np.linalg.cond(self.matrix(problem, state.n)))  # noqa: E731
            return remembered(problem, ("condition", self, state.n), made)

        def symbol_gap(problem, state):
            made = lambda: eigenvalues(problem.alpha, state.n, self.matrix(problem, state.n))  # noqa: E731
            values = remembered(problem, ("eigenvalues", self, state.n), made)
            sampled = np.sort(symbol(angles(state.n, self.degree), self.degree, problem.alpha))
            return float(np.mean(np.abs(values - sampled)) / sampled[-1])

        def column_gap(problem, state):
            return fractional_matrix.column_gap(problem.alpha, self.degree, state.n, self.matrix(problem, state.n))

        return (
            Measure("condition", "condition number", condition, "κ₂(A)", doc="ratio of the extreme singular values"),
            Measure(
                "symbol_gap",
                "eigenvalues against symbol",
                symbol_gap,
                "mean |λ_j − f(θ_j)| / max f",
                doc="eigenvalues of n^{−α} A and the symbol at θ_j = jπ/(N+1), both in rising order",
            ),
            Measure(
                "column_gap",
                "middle column against its closed form",
                column_gap,
                "max |a_ij − a(ξ_i − j)| / max |a|",
                doc="within p + 3 intervals of the spline, where the closed form does not cancel",
            ),
        )


def _solution(problem, state: CollocationState):
    """The spline and the exact solution."""
    x = np.linspace(0, 1, 801)
    return {"x": x, "exact": problem.exact(x), "spline": state.at(x)}


def _spectrum(problem, state: CollocationState):
    """Eigenvalues of the scaled matrix on the symbol that generates it."""
    theta, sampled, values = spectrum(problem.alpha, state.degree, state.n)
    return {"symbol": (theta, sampled), "eigenvalues of n^−α A": (theta, values)}


def _few(problem, state: CollocationState) -> bool:
    """Whether the eigenvalues are few enough to be computed for a picture."""
    return state.unknowns <= SHOWN


CASES = (Riesz(), Riesz(data="exit"))


def odd_pays(runs) -> bool | None:
    """Whether the last halving divided the error of the second method by clearly more than that of the first."""
    falls = [shrunk("error", of)(runs) for of in (1, 0)]
    return None if None in falls else falls[0] > 1.25 * falls[1]


def rough_ends(runs) -> float:
    """What a halving divides the error by where the solution is like the power α/2 at the ends."""
    return 2.0 ** (runs[0].problem.alpha / 2)


EXPERIMENTS = (
    Experiment(
        "fractional",
        "Half a derivative",
        "Turn α from 1 to 2: who pays for the odd degree, and where do the eigenvalues lie on the symbol?",
        Riesz(),
        tuple(SplineCollocation(degree=p) for p in (2, 3, 4, 5)),
        REFINED,
        measure="error",
        against="unknowns",
        picture="riesz-spectrum",
        predict=Pick(
            "Is degree three of a clearly higher order than degree two?", whether(odd_pays), theory=1, options=YES_NO
        ),
        why=(
            "Collocation asks the equation at points, as many as there are splines, and an even degree gets more "
            r"out of them than an odd one. The orders are $p+2-\alpha$ for even and $p+1-\alpha$ for odd $p$: two "
            "and three have the same, four and five again. This was found by experiment and is not proven."
        ),
        formula=r"\|u-u_h\|_\infty=O(h^{p+2-\alpha})\ (p\ \text{even}),\qquad O(h^{p+1-\alpha})\ (p\ \text{odd})",
        level=3,
        minutes=5,
        then="exit-time",
    ),
    Experiment(
        "exit-time",
        "How long until it jumps out?",
        "A walker with long jumps leaves the interval. Why does no degree help against its rough ends?",
        Riesz(data="exit"),
        tuple(SplineCollocation(degree=p) for p in (2, 3, 5)),
        REFINED,
        measure="error",
        against="unknowns",
        picture="riesz-solution",
        predict=Guess(
            "By what number does a halving of the intervals divide the error of degree two in the end?",
            shrunk("error"),
            1.0,
            16.0,
            theory=rough_ends,
            close=1.1,
        ),
        why=(
            r"The time until the walker leaves is $(x(1-x))^{\alpha/2}$ up to a constant: near an end it grows "
            "like a power below one, with a slope without bound. No polynomial of any degree follows that on "
            r"equal intervals, so that all lines have the slope $\alpha/2$. A degree shifts the line but does not "
            "turn it."
        ),
        formula=r"u(x)=\frac{(x(1-x))^{\alpha/2}}{\Gamma(1+\alpha)},\qquad \|u-u_h\|_\infty=O(h^{\alpha/2})",
        level=3,
        minutes=5,
        then="own_mesh",
    ),
)

PICTURES = (
    Picture("riesz-solution", "splines and exact solution", "lines", _solution, x="x", y="u", of=CollocationState),
    Picture(
        "riesz-spectrum",
        "spectrum and symbol",
        "points",
        _spectrum,
        x="θ",
        y="λ / n^α",
        of=CollocationState,
        when=_few,
    ),
)
