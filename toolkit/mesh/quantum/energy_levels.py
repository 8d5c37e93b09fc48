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
        if cells * p > MOST_UNKNOWNS or p > 30:
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
        floor = 10 * ROUNDING * max(1.0, abs(problem.exact[0]))
        order = Order(
            measure="energy_error",
            p=2 * self.p,
            over="cells",
            skip=4 if self.mesh == "uniform" and problem.charge else 2,
            floor=floor,
            tol=0.3,
            title=f"the energies converge with order 2p = {2 * self.p} in h",
            source="certik2024",
            assumes="a mesh graded the same way at every step",
            stop=Stop(steps=8, atol=floor, rtol=0.0),
        )
        few = (
            self.mesh == "exponential" and self.p * np.log2(self.elements) > 9
        )  # at rounding before three meshes count
        found = () if few else (order,)
        if not problem.charge or problem.levels < 3 or self.mesh == "uniform" or self.p < 2:
            return found
        fewer = Beats(
            other=self.turned(mesh="uniform"),
            measure="cells",
            factor=0.25,
            title="an exponential mesh needs a quarter of a uniform one's elements, or fewer, for 1e-8",
            source="certik2024",
            stop=Stop(steps=12, atol=1e-8 * problem.charge**2, rtol=0.0),
        )
        return (*found, fewer)


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
        if self.mesh == "uniform" or self.elements < 5:
            return ()
        deep = max(1.0, abs(problem.exact[0]))
        about = dict(source="certik2024", assumes="wave functions analytic in every element")
        rate = Rate(
            measure="energy_error",
            factor=0.25,
            start=0.3,
            floor=1e-9,
            title="exponential in p: a degree more divides the error by four at least, in the mean",
            stop=Stop(steps=28, atol=10 * ROUNDING * deep, rtol=0.0),
            **about,
        )
        tol = 1e-8
        exact = Exact(
            measure="energy_error",
            tol=tol,
            title="the levels are those of the closed form to 1e-8 Ha",
            stop=Stop(steps=28, rtol=0.0),
            **about,
        )
        return (rate, exact)


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
