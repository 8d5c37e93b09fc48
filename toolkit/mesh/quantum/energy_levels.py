"""Energy levels in a given radial potential, on ladders of elements and degrees: what an order is worth in an atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Exact, Order, Rate
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.quantum.dirac import SquaredDirac, origin_power
from toolkit.mesh.quantum.radial_elements import RadialElements, graded
from toolkit.mesh.quantum.radial_levels import RadialLevels, RelativisticIon, SchroedingerLevels

ROUNDING = 2e-12  # of the deepest level: what is left of an energy when its terms are summed
MOST_UNKNOWNS = 8000
MOST_DEGREE = 30
FINE = 1e-11  # relative error in energy below which rounding decides


def phase(problem: RadialLevels, ends: np.ndarray) -> float:
    """z = max ½ h k over elements with these ends (N + 1,), k the largest √(2(E − V)) of the last level in an element.

    At a nucleus k is Z at most, as in e^{−Zr}. Beyond a turning point waves only decay.
    """
    h = np.diff(ends)
    r = ends[:-1, None] + h[:, None] * np.linspace(0.05, 1, 40)
    k = np.sqrt(2 * np.maximum(problem.exact[-1] - problem.potential(r), 0.0)).max(axis=1)
    return float((h * (np.minimum(k, problem.charge) if problem.charge else k)).max() / 2)


def left_over(z: float, p: int) -> float:
    """The relative error in energy, about, of degree p where waves turn by 2z in an element: (Π_{q≤p} z/(2q + 1))².

    The coefficients of e^{izx} in Legendre's polynomials are (2p + 1) |j_p(z)|, j_p(z) ~ z^p/(2p + 1)!!.
    """
    return float(np.prod(z / (2.0 * np.arange(1, p + 1) + 1)) ** 2)


@dataclass(slots=True, kw_only=True)
class RadialState(State):
    """Bound states in radial elements: `elements` in use and `energies` (states,), in Ha."""

    elements: RadialElements
    energies: np.ndarray

    def outermost(self, problem, most: int) -> tuple[list[str], np.ndarray, np.ndarray]:
        """(names, functions at the nodes (n, size), the power of r taken out of each (n,)) of the last `most` states.

        In a given potential there are few: all of them.
        """
        raise NotImplementedError


@dataclass(slots=True, kw_only=True)
class LevelsState(RadialState):
    """The radial functions at the nodes (parts, levels, size), energies (levels,) and how far they are off.

    `power` is the r^power taken out of the functions. `cells` and `degree` count up along the ladder.
    """

    functions: np.ndarray
    power: float
    energy_error: float
    unknowns: float
    cells: float
    degree: float

    def solution(self) -> np.ndarray:
        return self.energies

    def outermost(self, problem, most: int) -> tuple[list[str], np.ndarray, np.ndarray]:
        names = [f"level {k + 1}" for k in range(len(self.energies))]
        return names, self.functions[0], np.full(len(names), self.power)


@dataclass(frozen=True)
class RadialLadder(Method):
    """Base of the ladders: a step refines the space and solves in it; it ends at the most unknowns or the last degree.

    Subclasses give `p` and `elements`, what to begin with, and say what is next (`_next`) and how to solve (`_solved`).
    """

    sources: ClassVar[tuple[str, ...]] = ("certik2024",)
    problems: ClassVar[tuple[type, ...]] = (SchroedingerLevels,)
    monitors: ClassVar[tuple[str, ...]] = ("energy_error", "unknowns", "cells", "degree")
    scales: ClassVar[tuple[str, ...]] = ("unknowns", "cells", "degree")
    mesh: str = knob("exponential", choices=("exponential", "uniform"), doc="how the elements lie")
    grading: float = knob(
        50.0, 1.0, 1e5, log=True, symbol="a", doc="exponential mesh: length of the last element over the first's"
    )
    p: ClassVar[int]
    elements: ClassVar[int]

    def init(self, problem: RadialLevels) -> LevelsState:
        return self._at(problem, self.elements, self.p)

    def step(self, problem: RadialLevels, state: LevelsState) -> LevelsState:
        cells, p = self._next(int(state.cells), int(state.degree))
        fresh = self._at(problem, cells, p)
        fresh.k, fresh.work.solves = state.k + 1, fresh.work.solves + state.work.solves
        cells, p = self._next(cells, p)
        if cells * p > MOST_UNKNOWNS or p > MOST_DEGREE:
            fresh.status = Status("converged", "the last level of the ladder is done")
        return fresh

    def _next(self, cells: int, p: int) -> tuple[int, int]:
        """(elements, degree) of the space after that of so many elements of degree p."""
        raise NotImplementedError

    def _ends(self, problem: RadialLevels, cells: int) -> np.ndarray:
        return graded(problem.r_max, cells, self.grading if self.mesh == "exponential" else 1.0)

    def _at(self, problem: RadialLevels, cells: int, p: int) -> LevelsState:
        elements = self._space(problem, self._ends(problem, cells), p)
        energies, functions, power, work = self._solved(problem, elements)
        error = float(np.max(np.abs(energies - problem.exact)))
        seen = dict(energy_error=error, unknowns=float(functions[:, 0].size), cells=float(cells), degree=float(p))
        state = LevelsState(elements=elements, energies=energies, functions=functions, power=power, **seen)
        state.work.solves = work
        return state

    def _space(self, problem: RadialLevels, ends: np.ndarray, p: int) -> RadialElements:
        return RadialElements(ends, p)

    def _solved(self, problem: RadialLevels, elements: RadialElements):
        energies, functions, work = elements.levels(problem.potential(elements.r), problem.l, problem.levels)
        return energies, functions[None], 0.0, work


@dataclass(frozen=True)
class ElementLadder(RadialLadder):
    """Radial elements of one degree, their number doubled at every step: the energies converge with order 2p.

    Nodes and overlap by Gauss–Lobatto quadrature, the rest by Gauss quadrature. Cost: O(N p³) for each of about twenty
    factorisations a level. On a uniform mesh the cusp at the nucleus, not the tail, rules the number of elements.
    Reference: O. Čertík et al., Comput. Phys. Commun. 297 (2024) 109051, doi:10.1016/j.cpc.2023.109051, Sec. 3.
    """

    title: ClassVar[str] = "radial elements, h-ladder"
    p: int = knob(3, 1, 12, symbol="p", doc="degree of the elements")
    elements: int = knob(8, 2, 64, log=True, symbol="N", doc="elements to begin with")

    def _next(self, cells: int, p: int) -> tuple[int, int]:
        return 2 * cells, p

    def claims(self, problem: RadialLevels) -> tuple:
        skip, rows = self._asymptotic(problem)
        found = (self._order(problem, skip),) if rows >= 3 else ()
        graded_well = self.mesh == "exponential" and 10 <= self.grading <= 1000 and 2 <= self.p <= 5
        if not graded_well or not problem.charge or problem.l or problem.levels < 3 or self.elements > 16:
            return found
        fewer = Beats(
            other=self.turned(mesh="uniform"),
            measure="cells",
            factor=0.25,
            title="an exponential mesh needs a quarter of a uniform one's elements, or fewer, for 1e-8",
            source="certik2024",
            assumes="s states, cusps at the nucleus; a mesh graded for it",
            stop=Stop(steps=12, atol=1e-8 * problem.charge**2, rtol=0.0),
        )
        return (*found, fewer)

    def _order(self, problem: RadialLevels, skip: int) -> Order:
        floor = 10 * ROUNDING * max(1.0, float(abs(problem.exact[0])))
        return Order(
            measure="energy_error",
            p=2 * self.p,
            over="cells",
            skip=skip,
            floor=floor,
            tol=0.3,
            title=f"the energies converge with order 2p = {2 * self.p} in h",
            source="certik2024",
            assumes="a mesh graded the same way at every step",
            stop=Stop(steps=8, atol=floor, rtol=0.0),
        )

    def _asymptotic(self, problem: RadialLevels) -> tuple[int, int]:
        """(steps until the elements resolve the waves, steps from there until rounding decides), about."""
        steps = np.arange(1 + min(8, int(np.log2(MOST_UNKNOWNS / (self.elements * self.p)))))
        z = phase(problem, self._ends(problem, self.elements)) / 2.0**steps
        cusp = problem.charge and (self.mesh == "uniform" or self.grading < 10)  # nothing is graded for it
        resolved = z <= (0.4 if cusp else 1.2)
        clear = [left_over(one, self.p) > 2 * FINE for one in z]
        return int(np.argmax(resolved)) if resolved.any() else len(z), int(np.sum(resolved & clear))


@dataclass(frozen=True)
class DegreeLadder(RadialLadder):
    """Radial elements of one mesh, their degree raised by one at every step: exponential convergence to rounding.

    Cost: O(N p³) for each of about twenty factorisations a level.
    Reference: O. Čertík et al., Comput. Phys. Commun. 297 (2024) 109051, doi:10.1016/j.cpc.2023.109051, Sec. 4.
    """

    title: ClassVar[str] = "radial elements, p-ladder"
    p: int = knob(2, 1, 20, symbol="p", doc="degree to begin with")
    elements: int = knob(6, 1, 64, log=True, symbol="N", doc="elements")

    def _next(self, cells: int, p: int) -> tuple[int, int]:
        return cells, p + 1

    def claims(self, problem: RadialLevels) -> tuple:
        if self.mesh == "uniform":
            return ()
        deep, z = max(1.0, float(abs(problem.exact[0]))), phase(problem, self._ends(problem, self.elements))
        tol = max(1e-8, ROUNDING * deep)
        about = dict(source="certik2024", assumes="wave functions analytic in every element, few waves in it")
        degrees = range(self.p, MOST_DEGREE + 1)
        rows = sum(left_over(z, p) > FINE for p in degrees)
        rate = Rate(
            measure="energy_error",
            factor=0.25,
            start=0.3,
            floor=1e-9,
            title="exponential in p: a degree more divides the error by four at least, in the mean",
            stop=Stop(steps=28, atol=10 * ROUNDING * deep, rtol=0.0),
            **about,
        )
        exact = Exact(
            measure="energy_error",
            tol=tol,
            title=f"the levels are those of the closed form to {tol:.0e} Ha",
            stop=Stop(steps=28, rtol=0.0),
            **about,
        )
        return (*((rate,) if z <= 6 and rows >= 7 else ()), *((exact,) if z <= 12 else ()))


@dataclass(frozen=True)
class DiracLadder(DegreeLadder):
    """The squared Dirac operator, p-ladder: no spurious levels, and r^β, the behaviour at the nucleus, built in.

    Without r^β (`asymptotic` off) the slopes of κ = ±1 diverge at the nucleus and the convergence is algebraic.
    The first element takes Gauss–Jacobi quadrature with the weight r^{2β − 2}. Cost: eight times that of Schrödinger's.
    Reference: O. Čertík et al., Comput. Phys. Commun. 297 (2024) 109051, doi:10.1016/j.cpc.2023.109051, Sec. 3.
    """

    title: ClassVar[str] = "squared Dirac elements, p-ladder"
    problems: ClassVar[tuple[type, ...]] = (RelativisticIon,)
    asymptotic: bool = knob(True, doc="P and Q as r^β times polynomials, not as polynomials")

    def claims(self, problem: RelativisticIon) -> tuple:
        return DegreeLadder.claims(self, problem) if self.asymptotic and problem.Z <= 92 else ()

    def _space(self, problem: RelativisticIon, ends: np.ndarray, p: int) -> RadialElements:
        exponent = 2 * origin_power(problem.Z, problem.kappa) - 2 if self.asymptotic else 0.0
        return RadialElements(ends, p, exponent, spare=14)

    def _solved(self, problem: RelativisticIon, elements: RadialElements):
        beta = origin_power(problem.Z, problem.kappa) if self.asymptotic else 0.0
        solver = SquaredDirac(elements, problem.kappa, beta)
        energies, functions, work = solver.solve(problem.potential(elements.r), problem.levels)
        return energies, functions, beta, work
