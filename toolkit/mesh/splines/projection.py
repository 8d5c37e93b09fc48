"""Splines on uniform knots: a curve approximated on finer and finer grids, the basis by matrix or by recursion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
from scipy.linalg import solveh_banded

from toolkit.core.claims import Exact, Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, order_seen
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.line import bspline

SAMPLES = 801
LAST_LEVEL = Status("converged", "the finest grid is done", "Raise `levels` to go on")
REFINED = Stop(rtol=0.0, steps=20)


def uniform_knots(n: int, p: int) -> np.ndarray:
    """n intervals on [0, 1] and p knots more on either side, all equally far apart: (n + 2p + 1,)."""
    return np.arange(-p, n + p + 1) / n


def open_knots(n: int, p: int) -> np.ndarray:
    """n intervals on [0, 1], the ends p+1 times: (n + 2p + 1,)."""
    return np.concatenate((np.zeros(p), np.arange(n + 1) / n, np.ones(p)))


@lru_cache(maxsize=64)
def gauss(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss' rule with m points on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(m)
    return (nodes + 1) / 2, weights / 2


def spread(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss' rule with m points on each of n equal intervals of [0, 1]: points (n, m) and weights (m,)."""
    nodes, weights = gauss(m)
    return (np.arange(n)[:, None] + nodes) / n, weights / n


class ByRecursion:
    """Values of the uniform basis of one degree by Cox–de Boor."""

    def __init__(self, n: int, p: int):
        self.knots, self.p = uniform_knots(n, p), p

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(e, values): spline e[q]+j at x[q] has the value values[q, j]; shapes (m,) and (m, p+1)."""
        e, _ = bspline.intervals(self.knots, self.p, x)
        values = np.empty((len(x), self.p + 1))
        bspline.by_recursion(self.knots, self.p, e, x, values)
        return e, values


class ByMatrix(ByRecursion):
    """Values of the uniform basis of one degree by its basis matrix, the same for every interval and grid."""

    def __init__(self, n: int, p: int):
        super().__init__(n, p)
        self.matrix = basis_matrix(p)

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e, u = bspline.intervals(self.knots, self.p, x)
        values = np.empty((len(x), self.p + 1))
        bspline.by_matrix(self.matrix, u, values)
        return e, values


@lru_cache(maxsize=32)
def basis_matrix(p: int) -> np.ndarray:
    """M with basis (1, u, …, u^p) Mᵀ on every interval of uniform knots, (p+1, p+1)."""
    return bspline.basis_matrices(np.arange(-p, p + 2.0), p)[0]


EVALUATIONS = {"matrix": ByMatrix, "recursion": ByRecursion}


def along(e: np.ndarray, values: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """The spline with these coefficients at the points where its basis has these values."""
    return np.einsum("qj,qj->q", values, coefficients[e[:, None] + np.arange(values.shape[1])])


@dataclass(frozen=True)
class Curve(Problem):
    """A smooth function on [0, 1] to approximate.

    "wave": sin(ω x + 1/2) e^{−x}; "runge": 1/(1 + ω² (2x−1)²); "bump": e^{−ω² (x − 0.4)²}.
    """

    title: ClassVar[str] = "a curve"
    shape: str = knob("wave", choices=("wave", "runge", "bump"), doc="which function")
    omega: float = knob(12.0, 1.0, 60.0, log=True, symbol="ω", doc="frequency, or steepness")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The function at the points x."""
        if self.shape == "wave":
            return np.sin(self.omega * x + 0.5) * np.exp(-x)
        if self.shape == "runge":
            return 1 / (1 + (self.omega * (2 * x - 1)) ** 2)
        return np.exp(-((self.omega * (x - 0.4)) ** 2))

    @property
    def resolution(self) -> float:
        """Intervals that begin to resolve it: six a period, or about four over the width of a peak."""
        return self.omega * {"wave": 1, "runge": 4, "bump": 2}[self.shape]

    @cached_property
    def norm(self) -> float:
        """Its L2 norm."""
        x, weights = spread(200, 8)
        return float(np.sqrt(np.sum(self(x) ** 2 @ weights)))


@dataclass(slots=True, kw_only=True)
class FitState(State):
    """Intervals, coefficients of the splines, the relative L2 error and the number of unknowns."""

    n: int
    degree: int
    coefficients: np.ndarray
    error: float
    unknowns: float

    def solution(self) -> np.ndarray:
        return self.coefficients


@dataclass(frozen=True)
class SplineFit(Method):
    """The L2 projection onto splines of degree p on uniform knots; a step refines.

    The basis is evaluated by the recursion of Cox and de Boor or, as MatrixKAN does, by one matrix: on every interval
    (1, u, …, u^p) M, u the place in the interval. The order is p+1 for smooth functions, the values are the same to
    rounding. A step costs O(n p²). Beyond degree 10 the splines at the ends are nearly dependent.
    Reference: C. Coffman, L. Chen, MatrixKAN, arXiv:2502.07176 (2025); K. Qin, The Visual Computer 16 (2000) 177–186,
    doi:10.1007/s003710050206; C. de Boor, J. Approx. Theory 6 (1972) 50–62.
    """

    title: ClassVar[str] = "spline projection"
    sources: ClassVar[tuple[str, ...]] = ("coffman2025", "qin2000", "deboor1972")
    monitors: ClassVar[tuple[str, ...]] = ("error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (Curve,)
    degree: int = knob(3, 1, 10, symbol="p", doc="degree of the splines")
    evaluation: str = knob("matrix", choices=tuple(EVALUATIONS), doc="how the basis is evaluated")
    start: int = knob(8, 2, 64, log=True, symbol="n₀", doc="intervals of the coarsest grid")
    growth: float = knob(1.5, 1.2, 2.0, doc="intervals of a grid over those of the one before")
    levels: int = knob(10, 1, 12, doc="number of refinements")

    def label(self) -> str:
        return f"degree {self.degree} by {self.evaluation}"

    def intervals(self, k: int) -> int:
        """Intervals after k refinements, at most 4096."""
        return min(round(self.start * self.growth**k), 4096)

    def init(self, problem: Curve) -> FitState:
        state = FitState(n=self.start, degree=self.degree, coefficients=np.empty(0), error=0.0, unknowns=0.0)
        return self._solved(problem, state)

    def step(self, problem: Curve, state: FitState) -> FitState:
        state.k += 1
        state.n = self.intervals(state.k)
        self._solved(problem, state)
        if state.k >= self.levels:
            state.status = LAST_LEVEL
        return state

    def _solved(self, problem: Curve, state: FitState) -> FitState:
        p, n = self.degree, state.n
        basis = EVALUATIONS[self.evaluation](n, p)
        x, weights = spread(n, p + 3)
        e, values = basis(x.ravel())
        state.coefficients = _projected(n, p, values.reshape(n, -1, p + 1), problem(x), weights)
        misfit = problem(x) - along(e, values, state.coefficients).reshape(x.shape)
        state.error = float(np.sqrt(np.sum(misfit**2 @ weights))) / problem.norm
        state.unknowns = float(n + p)
        state.work.nfe += x.size
        state.work.solves += 1
        state.work.flops += 2.0 * x.size * (p + 1) ** 2 + (n + p) * (p + 1.0) ** 2
        return state

    def _resolving(self, problem: Curve) -> tuple[int, int]:
        """(grids that do not resolve the curve, those that do and whose errors are not yet rounding's), about."""
        n = np.unique([self.intervals(k) for k in range(self.levels + 1)])
        clear = (problem.resolution / (2 * np.pi * n)) ** (self.degree + 1) > 1e-12
        return int(np.sum(n < problem.resolution)), int(np.sum((n >= problem.resolution) & clear))

    def claims(self, problem: Curve) -> tuple:
        p = self.degree
        coarse, grids = self._resolving(problem)
        order = Order(
            measure="error",
            p=p + 1,
            over="unknowns",
            skip=coarse,
            floor=1e-12,
            tol=0.3,
            at_least=True,
            title=f"L2 order p + 1 = {p + 1}",
            assumes="a smooth function, resolved by the grid",
            source="deboor1972",
            stop=REFINED,
        )
        return (
            *((order,) if grids >= 3 else ()),
            Exact(
                measure="basis_gap",
                tol=1e-12,
                always=True,
                title="matrix and recursion give the same basis, to 1e-12",
                assumes="uniform knots",
                source="coffman2025",
                stop=REFINED,
            ),
        )

    def measures(self, problem: Curve) -> tuple[Measure, ...]:
        return (BASIS_GAP,)


def _projected(n: int, p: int, values: np.ndarray, data: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients of the L2 projection from basis values (n, m, p+1) and data (n, m): banded normal equations."""
    blocks = np.einsum("em,emi,emj->eij", np.broadcast_to(weights, data.shape), values, values)
    loads = np.einsum("em,emi->ei", data * weights, values)
    band, load = np.zeros((p + 1, n + p)), np.zeros(n + p)
    for i in range(p + 1):
        load[i : i + n] += loads[:, i]
        for j in range(i, p + 1):
            band[j - i, i : i + n] += blocks[:, i, j]
    return solveh_banded(band, load, lower=True, check_finite=False)


def _basis_gap(problem, state: FitState) -> float:
    x = spread(state.n, state.degree + 3)[0].ravel()
    one, other = (kind(state.n, state.degree)(x)[1] for kind in EVALUATIONS.values())
    return float(np.max(np.abs(one - other)))


BASIS_GAP = Measure(
    "basis_gap",
    "matrix against recursion",
    _basis_gap,
    "max |B_matrix − B_recursion|",
    doc="the largest difference of a basis value over the points of the quadrature",
)


def _fit(problem, state: FitState):
    """The curve and the spline."""
    x = np.linspace(0, 1, SAMPLES)
    spline = along(*ByMatrix(state.n, state.degree)(x), state.coefficients)
    return {"x": x, "curve": problem(x), "spline": spline}


def _misfit(problem, state: FitState):
    """|curve − spline|."""
    shown = _fit(problem, state)
    return {"x": shown["x"], "|curve − spline|": np.abs(shown["curve"] - shown["spline"]) + 1e-17}


CASES = (Curve(),)


def order_of_second(runs) -> float:
    """The order of the L2 projection onto splines of the second degree of the race."""
    return runs[1].method.degree + 1.0


EXPERIMENTS = (
    Experiment(
        "degrees",
        "One matrix for every piece",
        "Turn the degree up: does each degree buy its order, and does it matter how the basis is evaluated?",
        Curve(),
        (SplineFit(degree=1), SplineFit(), SplineFit(evaluation="recursion"), SplineFit(degree=5)),
        REFINED,
        measure="error",
        against="unknowns",
        picture="spline-fit",
        predict=Guess(
            "Which order will degree three (the second) have?",
            order_seen("error", "unknowns", 1),
            0.0,
            10.0,
            theory=order_of_second,
            log=False,
            close=1.05,
        ),
        why=(
            "A spline of degree $p$ is a polynomial of that degree between two knots, and a smooth curve is one "
            "too but for a rest that goes like $h^{p+1}$. So each degree buys one order: a steeper line. The "
            "matrix and the recursion are two ways to write the same basis, and their curves lie on one another."
        ),
        formula=r"\|u-u_h\|_{L^2}\le C\,h^{p+1}\,\|u^{(p+1)}\|_{L^2}",
        level=1,
        minutes=4,
        then="convolved",
    ),
)

PICTURES = (
    Picture("spline-fit", "curve and spline", "lines", _fit, x="x", of=FitState),
    Picture("spline-misfit", "distance of curve and spline", "lines", _misfit, x="x", log=True, of=FitState),
)
