"""Chebyshev–Tucker: potentials interpolated by few Chebyshev polynomials whose coefficients are a Tucker tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, at_most_one
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, last
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.tensors.multilinear import cp_full, leading, mode_svd, projected, times, tucker_full
from toolkit.rank.tensors.problems import Potential, tail

LAST_DEGREE = Status("converged", "the last degree is done", "Raise `degree` to go on")
DEGREES = Stop(rtol=0.0, steps=60)
MOST_TERMS = 4_000_000
BLOCK = 512


def nodes(degree: int) -> np.ndarray:
    """Chebyshev points cos(j π/n), j = 0 … n."""
    return np.cos(np.pi * np.arange(degree + 1) / degree)


def to_coefficients(degree: int) -> np.ndarray:
    """The matrix (n + 1, n + 1) from values at the points to coefficients of T_0 … T_n.

    c_i = 2/(n γ_i) Σ_j f_j cos(i j π/n)/γ_j with γ = 2 at the ends, else 1.
    Reference: L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM (2013), chapter 3.
    """
    ends = np.ones(degree + 1)
    ends[[0, -1]] = 2.0
    cosines = np.cos(np.pi * np.outer(np.arange(degree + 1), np.arange(degree + 1)) / degree)
    return 2 / degree * cosines / ends / ends[:, None]


def polynomials(degree: int, x: np.ndarray) -> np.ndarray:
    """T_0 … T_n at x: (len x, n + 1)."""
    return np.cos(np.arccos(np.clip(x, -1, 1))[:, None] * np.arange(degree + 1))


def gaussians(problem: Potential) -> tuple[np.ndarray, np.ndarray]:
    """Exponents t and weights w with erf(ω r)/r = Σ w e^{−t² r²} in the cube, to rounding: Gauss–Legendre on [0, ω].

    The range-separated form of the sum of particles: N times as many rank-one terms, all of them smooth.
    Reference: P. Benner, V. Khoromskaia, B. Khoromskij, SIAM J. Sci. Comput. 40 (2018) A1034–A1062, section 3.
    """
    x, w = np.polynomial.legendre.leggauss(16 + math.ceil(3.5 * problem.omega))
    return (x + 1) / 2 * problem.omega, w * problem.omega / math.sqrt(math.pi)


def coefficient_tensor(problem: Potential, degree: int) -> np.ndarray:
    """Coefficients (n + 1)³ of the interpolant; of Gaussians term by term, never their values on a grid."""
    basis, x = to_coefficients(degree), nodes(degree)
    if problem.kernel != "long range":
        found = problem(x, x, x)
        for mode in range(3):
            found = times(found, basis, mode)
        return found
    exponents, weights = gaussians(problem)
    places, charges = problem.particle_table
    found, several = np.zeros((degree + 1,) * 3), max(1, BLOCK // len(exponents))
    for start in range(0, len(places), several):
        part = places[start : start + several]
        lines = [np.exp(-((x[:, None, None] - part[:, k, None]) ** 2) * exponents**2) for k in range(3)]
        scale = np.outer(charges[start : start + several], weights).ravel()
        found += cp_full(scale, [basis @ one.reshape(degree + 1, -1) for one in lines])
    return found


def tolerated(tensor: np.ndarray, tolerance: float, sweeps: int = 0) -> tuple[np.ndarray, list, float]:
    """Core, factors and what is lost, ‖C − C̃‖_F ≤ tolerance ‖C‖_F: HOSVD ranks, then sweeps of Tucker-ALS.

    Every mode may lose a third of the squared tolerance; the sweeps only improve.
    """
    norm, factors = float(np.linalg.norm(tensor)), []
    for mode in range(tensor.ndim):
        left, values = mode_svd(tensor, mode)
        rank = max(1, int(np.argmax(tail(values) <= tolerance * norm / math.sqrt(tensor.ndim))))
        factors.append(np.ascontiguousarray(left[:, :rank]))
    for _ in range(sweeps):
        for mode, factor in enumerate(factors):
            better = leading(projected(tensor, factors, skip=mode), mode, factor.shape[1])[0]
            factors[mode] = better if better.shape == factor.shape else factor
    core = projected(tensor, factors)
    return core, factors, float(np.linalg.norm(tensor - tucker_full(core, factors)))


@dataclass(slots=True, kw_only=True)
class ChebyshevState(State):
    """Core, factors of coefficients (n + 1, r), and how good: errors are maxima on the problem's grid, relative.

    truncation: of the whole interpolant; allowance: what the tolerance may cost more, (n + 1)^{3/2} ε ‖C‖_F.
    """

    core: np.ndarray
    factors: list
    values: np.ndarray
    degree: float = 0.0
    error: float = 0.0
    truncation: float = 0.0
    allowance: float = 0.0
    rank: float = 0.0
    unknowns: float = 0.0

    def solution(self) -> np.ndarray:
        return self.values

    def lines(self, *points: np.ndarray) -> list[np.ndarray]:
        """The modes' functions at points of every axis, (m, r) each."""
        return [polynomials(len(u) - 1, x) @ u for x, u in zip(points, self.factors)]

    def at(self, points: np.ndarray) -> np.ndarray:
        """The approximation at points (m, 3) of [−1, 1]³: no grid, O(m r³)."""
        a, b, c = self.lines(*points.T)
        return np.einsum("ijk,mi,mj,mk->m", self.core, a, b, c, optimize=True)


@dataclass(frozen=True)
class ChebyshevTucker(Method):
    """Interpolate at Chebyshev points, decompose the coefficients C to a tolerance; a step raises the degree.

    f ≈ Σ C_{ijk} T_i(x) T_j(y) T_k(z), C ≈ G ×₁ U ×₂ V ×₃ W with ranks from ε: ranks of the function, not of a grid.
    As |T_i| ≤ 1 the error is at most that of interpolation plus Σ |C − C̃| ≤ (n + 1)^{3/2} ε ‖C‖_F. The long range of
    1/r enters as Gaussians, interpolated factor by factor. A step costs O(n³) per term and a Tucker decomposition of n³
    numbers, whatever the grid. Singular potentials need degrees like 1/δ: take their long range.
    Reference: P. Benner, B. Khoromskij, V. Khoromskaia, B. Sun, arXiv:2503.01696 (2025), sections 3 and 4.
    """

    title: ClassVar[str] = "Chebyshev–Tucker"
    sources: ClassVar[tuple[str, ...]] = ("benner2025", "benner2018", "trefethen2013")
    monitors: ClassVar[tuple[str, ...]] = ("error", "truncation", "rank", "degree", "unknowns")
    linear: ClassVar[tuple[str, ...]] = ("rank",)
    scales: ClassVar[tuple[str, ...]] = ("degree", "unknowns")
    problems: ClassVar[tuple[type, ...]] = (Potential,)
    degree: int = knob(32, 2, 48, symbol="n", doc="highest degree of the Chebyshev polynomials")
    every: int = knob(2, 1, 12, doc="by how much a step raises the degree")
    tolerance: float = knob(1e-6, 1e-14, 0.5, log=True, symbol="ε", doc="relative tolerance of the Tucker tensor")
    sweeps: int = knob(1, 0, 5, doc="sweeps of Tucker-ALS after the HOSVD")

    def suits(self, problem) -> str:
        refused = super().suits(problem)
        terms = 0 if refused or problem.kernel == "long range" else problem.particles * (self.degree + 1) ** 3
        if terms > MOST_TERMS:
            return (
                f"{terms} kernel values are too many ({MOST_TERMS}): fewer particles, a lower degree, or 'long range'"
            )
        return refused

    def at_step(self, k) -> int:
        """The degree of step k."""
        return min(2 + self.every * int(k), self.degree)

    def init(self, problem: Potential) -> ChebyshevState:
        return self._interpolated(problem, ChebyshevState(core=np.empty(0), factors=[], values=np.empty(0)))

    def step(self, problem: Potential, state: ChebyshevState) -> ChebyshevState:
        state.k += 1
        return self._interpolated(problem, state)

    def _interpolated(self, problem, state):
        degree = self.at_step(state.k)
        whole, top = coefficient_tensor(problem, degree), float(np.abs(problem.data).max())
        state.core, state.factors, _ = tolerated(whole, self.tolerance, self.sweeps)
        basis = polynomials(degree, problem.line)
        state.values = tucker_full(state.core, state.lines(*(problem.line,) * 3))
        state.error = float(np.abs(state.values - problem.data).max()) / top
        state.truncation = float(np.abs(tucker_full(whole, [basis] * 3) - problem.data).max()) / top
        state.allowance = (degree + 1) ** 1.5 * self.tolerance * float(np.linalg.norm(whole)) / top
        state.degree, state.rank = float(degree), float(max(state.core.shape))
        state.unknowns = float(state.core.size + sum(u.size for u in state.factors))
        state.work.nfe += problem.particles * (degree + 1) ** 3
        if state.k and degree >= self.degree:
            state.status = LAST_DEGREE
        return state

    def measures(self, problem) -> tuple[Measure, ...]:
        def share(problem, state):
            return state.error / (state.truncation + state.allowance + 1e-14)

        def on_grid(problem, state):
            return float(max(core_rank(problem, self.tolerance)))

        doc = "the same HOSVD and tolerance for the tensor of values on the problem's uniform grid"
        return (
            Measure(
                "budget_share", "error over truncation and tolerance", share, log=False, doc="at most one by theory"
            ),
            Measure("grid_rank", "rank on the grid", on_grid, "r", doc=doc, log=False),
        )

    def claims(self, problem: Potential) -> tuple:
        about = dict(source="benner2025", stop=DEGREES)
        tracked = at_most_one(
            "budget_share",
            title="the error is at most truncation plus (n + 1)^{3/2} ε ‖C‖",
            assumes="maxima over the same grid",
            **about,
        )
        if problem.kernel != "long range":
            return (tracked,)
        top = float(np.abs(problem.data).max())
        before = Bound(
            measure="truncation",
            curve=lambda k, v: np.array([ellipse_bound(problem, self.at_step(one)) / top for one in k]),
            floor=1e-11,  # the given values are those at r + 10⁻¹²
            title="truncation at most 4 M ρ^{−n}/(ρ − 1) for the best ellipse, Gaussian by Gaussian",
            assumes="entire functions, known on every ellipse",
            **about | {"source": "trefethen2013"},
        )
        return (tracked, before)


def core_rank(problem: Potential, tolerance: float) -> tuple[int, ...]:
    """The multilinear rank that a tolerance asks of the values on the grid."""
    limit = tolerance * problem.norm / math.sqrt(3)
    return tuple(max(1, int(np.argmax(tail(values) <= limit))) for _, values in problem.modes)


def ellipse_bound(problem: Potential, degree: int) -> float:
    """What the interpolant of the long range errs by at most, before anything is computed.

    On the ellipse of parameter ρ, semi-axis b = (ρ − 1/ρ)/2, |e^{−t²(z − a)²}| ≤ e^{t² b²}, so a factor errs by
    E = min_ρ 4 e^{t² b²} ρ^{−n}/(ρ − 1); three factors below one by E (1 + (1 + E) + (1 + E)²); the terms are summed.
    Reference: L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM (2013), theorem 8.2.
    """
    exponents, weights = gaussians(problem)
    rho = 1 + np.logspace(-3, 2, 400)
    height = (rho - 1 / rho) / 2
    logs = np.log(4 / (rho - 1)) - degree * np.log(rho) + exponents[:, None] ** 2 * height**2
    one = np.exp(np.minimum(logs.min(axis=1), 50.0))
    return float(np.abs(problem.particle_table[1]).sum() * (weights @ (one * (1 + (1 + one) + (1 + one) ** 2))))


def potential_slices(problem, state):
    """The middle slice: given, and the error's logarithm; log₁₀ |core|."""
    middle = problem.n // 2
    error = np.abs(state.values - problem.data)[:, :, middle]
    core = np.abs(state.core).max(axis=2)
    return {
        "potential": problem.data[:, :, middle],
        "log₁₀ error": np.log10(error + 1e-16),
        "log₁₀ core": np.log10(core / (core.max() or 1.0) + 1e-12),
    }


def mode_functions(problem, state):
    """The first functions of the first mode."""
    x = np.linspace(-1, 1, 101)
    (found,) = state.lines(x)[:1]
    return {"x": x, **{f"u{j + 1}": found[:, j] for j in range(min(4, found.shape[1]))}}


CASES = (Potential(kernel="long range", omega=2.0, particles=6, n=16),)

EXPERIMENTS = (
    Experiment(
        "long-range-potential",
        "A potential without a grid",
        "Raise the degree: when does the tolerance take over, and how far below the degree does the rank stay?",
        Potential(kernel="long range", n=32),
        (ChebyshevTucker(tolerance=1e-3), ChebyshevTucker(tolerance=1e-6), ChebyshevTucker(tolerance=1e-9)),
        DEGREES,
        measure="error",
        against="degree",
        picture="long-range-slice",
        predict=Guess(
            "Degree 32 has 33 polynomials along every axis. How many functions an axis does a tolerance of 10⁻⁶ keep of"
            " them?",
            truth=last("rank", of=1),
            low=1,
            high=33,
            whole=True,
        ),
        why=r"The long range of the potential is a sum of Gaussians, smooth in the whole plane of complex numbers, so"
        r" interpolation at Chebyshev points errs less than any power $\rho^{-n}$ of the degree in the end. Then the"
        r" coefficients are decomposed to the tolerance $\varepsilon$, and from the degree where interpolation is"
        r" better than that the error stays where $\varepsilon$ puts it. The rank stops growing at that degree too: it"
        r" belongs to the function and the tolerance, neither to the degree nor to a grid.",
        formula=r"\max |f - \tilde f| \ \le\ \max |f - f_n| + (n+1)^{3/2}\, \varepsilon\, \|C\|_F",
        level=2,
        minutes=7,
        then="als-sweeps",
    ),
)

PICTURES = (
    Picture("long-range-slice", "potential, error and core", "images", potential_slices, of=ChebyshevState),
    Picture("axis-functions", "functions of the first axis", "lines", mode_functions, x="x", of=ChebyshevState),
)
