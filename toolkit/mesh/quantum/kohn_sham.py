"""Kohn–Sham atoms in the local density approximation, brought to self-consistency step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.stop import Stop
from toolkit.kernels.line import radial as kernels
from toolkit.mesh.quantum.atomic_table import SYMBOLS, published, shells, split
from toolkit.mesh.quantum.dirac import SquaredDirac, origin_power
from toolkit.mesh.quantum.energy_levels import RadialState
from toolkit.mesh.quantum.radial_elements import C_LIGHT, RadialElements, graded

LETTERS = "spdf"


@dataclass(frozen=True)
class KohnShamAtom(Problem):
    """The ground state of a neutral atom in the local density approximation, its density spherical, its spins paired.

    −P''/2 + (V + l(l + 1)/2r²) P = ε P, or Dirac's equation; V = −Z/r + V_H[n] + v_xc(n), 4πr² n = Σ f (P² + Q²).
    Functional of Vosko, Wilk and Nusair; with Dirac's equation the exchange is that of MacDonald and Vosko. The
    occupations f and the nucleus, a point, are those of the reference tables.
    References: S. Kotochigova et al., Phys. Rev. A 55 (1997) 191, doi:10.1103/PhysRevA.55.191; A. H. MacDonald,
    S. H. Vosko, J. Phys. C 12 (1979) 2977, doi:10.1088/0022-3719/12/15/007.
    """

    title: ClassVar[str] = "Kohn–Sham atom"
    sources: ClassVar[tuple[str, ...]] = ("kotochigova1997", "vosko1980", "macdonald1979")
    Z: int = knob(10, 1, 118, symbol="Z", doc="atomic number: 1 is hydrogen, 10 neon, 92 uranium")
    relativistic: bool = knob(False, doc="Dirac's equation and relativistic exchange in place of Schrödinger's")

    @property
    def symbol(self) -> str:
        """The element: Ne."""
        return SYMBOLS[self.Z - 1]

    @property
    def c_light(self) -> float:
        """Speed of light in atomic units; 0 where it does not enter."""
        return C_LIGHT if self.relativistic else 0.0

    def caption(self) -> str:
        return f"{self.symbol}, {self.Z} electrons" if self.Z > 1 else "H, one electron"

    @cached_property
    def states(self) -> list[tuple[int, int, float]]:
        """(n, l, electrons), of Dirac's equation (n, κ, electrons), by n, then l."""
        bare = shells(self.Z)
        return [part for shell in bare for part in split(shell)] if self.relativistic else bare

    @cached_property
    def names(self) -> list[str]:
        """Spectroscopic names of the states: 2p, 3d3/2."""
        if not self.relativistic:
            return [f"{n}{LETTERS[l]}" for n, l, _ in self.states]
        l_of = [k if k > 0 else -k - 1 for _, k, _ in self.states]
        return [f"{n}{LETTERS[l]}{2 * abs(k) - 1}/2" for (n, k, _), l in zip(self.states, l_of)]

    @property
    def published(self) -> float | None:
        """Total energy (Ha) of the reference tables; None beyond uranium."""
        return published(self.Z, self.relativistic)

    def measures(self) -> tuple[Measure, ...]:
        error = (ENERGY_ERROR,) if self.published is not None else ()
        return (*error, TOTAL_ENERGY, ELECTRONS, *(() if self.relativistic else (VIRIAL,)))


def _energy_error(problem, state) -> float:
    return abs(state.total_energy - problem.published)


def _electrons(problem, state) -> float:
    return abs(state.elements.integral(4 * np.pi * state.elements.r**2 * state.density) - problem.Z)


ENERGY_ERROR = Measure(
    "energy_error", "total energy against the table", _energy_error, "|E − E_table|", "Ha", doc="published LDA energies"
)
TOTAL_ENERGY = Measure("total_energy", "total energy", lambda _, s: s.total_energy, "E", "Ha", log=False)
ELECTRONS = Measure("electron_count", "electrons amiss", _electrons, "|∫ n dr − Z|", doc="normalised by another rule")
VIRIAL = Measure(
    "virial", "virial ratio from 2", lambda _, s: abs(s.virial - 2), "|−V/T − 2|", doc="V with the virial of v_xc"
)


@dataclass(slots=True, kw_only=True)
class AtomState(RadialState):
    """The screening potential (Ha) put in and got out, the density, and the states, at the quadrature points (N, q).

    `energies` (states,), `large` and `small` (states, size) the nodal values of the radial functions (over r^β for
    Dirac's equation), `density` in electrons per cubed Bohr; `potential_change` is ⟨|V_out − V_in|⟩ of an electron.
    `tried` and `missed` are the last potentials in and their residuals.
    """

    solvers: dict
    screening: np.ndarray
    returned: np.ndarray
    density: np.ndarray
    radial_density: np.ndarray
    orbitals: np.ndarray
    total_energy: float = float("nan")
    virial: float = float("nan")
    potential_change: float = float("nan")
    tried: list = field(default_factory=list)
    missed: list = field(default_factory=list)

    def solution(self) -> np.ndarray:
        return np.append(self.energies, self.total_energy)

    def outermost(self, problem, most: int) -> tuple[list[str], np.ndarray, np.ndarray]:
        outer = np.argsort(self.energies)[-most:]
        powers = [self.solvers[problem.states[i][1]].beta if self.solvers else 0.0 for i in outer]
        return [problem.names[i] for i in outer], self.orbitals[0][outer], np.array(powers)


def thomas_fermi(r: np.ndarray, Z: int) -> np.ndarray:
    """The screening potential V + Z/r of an approximate Thomas–Fermi atom, with an ion's charge of 1 at least.

    Reference: M. Oulne, Appl. Math. Comput. 218 (2011) 303–307, arXiv:physics/0511017.
    """
    root = np.sqrt(r * (128 * Z / (9 * np.pi**2)) ** (1 / 3))
    a, b, g = 0.7280642371, -0.5430794693, 0.3612163121
    left = (1 + a * root + b * root**2 * np.exp(-g * root)) ** 2 * np.exp(-2 * a * root)
    return (Z - np.maximum(Z * left, 1.0)) / r


@dataclass(frozen=True)
class SelfConsistency(Method):
    """Kohn–Sham self-consistency: a step solves every l (or κ) in the mixed potential, then Poisson's equation.

    Orbitals of degree p on a graded mesh, dense symmetric eigenproblems; the potential goes in mixed by Anderson's
    acceleration of V ↦ V_out(V), or plainly, V + α (V_out − V).
    Fails by cycling where α is large and the outer shells are nearly degenerate. Cost of a step: O((N p)³) for each
    l or κ. Total energies agree with the tables to their digits from p = 20 on; `elements` and `grading` rule the rest.
    Reference: O. Čertík, J. E. Pask, I. Fernando, R. Goswami, N. Sukumar, L. A. Collins, G. Manzini, J. Vackář,
    Comput. Phys. Commun. 297 (2024) 109051, doi:10.1016/j.cpc.2023.109051, arXiv:2307.05856.
    """

    title: ClassVar[str] = "Kohn–Sham self-consistency by hp elements"
    sources: ClassVar[tuple[str, ...]] = ("certik2024", "anderson1965")
    problems: ClassVar[tuple[type, ...]] = (KohnShamAtom,)
    monitors: ClassVar[tuple[str, ...]] = ("potential_change",)
    slow: ClassVar[bool] = True
    p: int = knob(25, 4, 30, symbol="p", doc="degree of the elements")
    elements: int = knob(7, 2, 12, symbol="N", doc="elements")
    grading: float = knob(1e4, 1.0, 1e6, log=True, symbol="a", doc="length of the last element over the first's")
    r_max: float = knob(40.0, 10.0, 100.0, log=True, symbol="r_max", unit="Bohr", doc="end of the mesh")
    mixing: str = knob("Anderson", choices=("Anderson", "linear"), doc="how the next potential is made")
    damping: float = knob(0.5, 0.01, 1.0, symbol="α", live=True, doc="share of the residual that is added")
    memory: int = knob(6, 1, 12, doc="steps that Anderson's mixing looks back")

    def init(self, problem: KohnShamAtom) -> AtomState:
        exponent = 2 * origin_power(problem.Z, -1) - 2 if problem.relativistic else 0.0
        spare = 14 if problem.relativistic else 6
        elements = RadialElements(graded(self.r_max, self.elements, self.grading), self.p, exponent, spare)
        solvers = {}
        if problem.relativistic:
            kappas = {kappa for _, kappa, _ in problem.states}
            solvers = {k: SquaredDirac(elements, k, origin_power(problem.Z, k)) for k in kappas}
        nothing = np.zeros(0)
        start = thomas_fermi(elements.r, problem.Z)
        blank = dict.fromkeys(("returned", "density", "radial_density", "energies", "orbitals"), nothing)
        return _evaluated(problem, AtomState(elements=elements, solvers=solvers, screening=start, **blank))

    def step(self, problem: KohnShamAtom, state: AtomState) -> AtomState:
        keep = self.memory if self.mixing == "Anderson" else 0
        state.tried = [*state.tried, state.screening][-keep - 1 :]
        state.missed = [*state.missed, state.returned - state.screening][-keep - 1 :]
        state.screening = _mixed(state.tried, state.missed, self.damping, state.elements.w)
        state.k += 1
        return _evaluated(problem, state)

    @property
    def nearness(self) -> float:
        """1/ρ of the ellipse around an element [a, qa] through the nucleus: energies err by about ρ^−2p for it."""
        root = self.grading ** (0.5 / (self.elements - 1))
        return (root - 1) / (root + 1)

    def claims(self, problem: KohnShamAtom) -> tuple:
        """Where the mesh is fine enough, by trial from beryllium to uranium, and the mixing one that converges."""
        fine = self.p >= 20 and self.elements >= 6 + problem.relativistic and 1e3 <= self.grading <= 1e5
        fine &= self.nearness ** (2 * self.p) <= 1e-14
        mixed = self.mixing == "Anderson" and self.memory >= 3 and 0.2 <= self.damping <= 0.8
        if problem.published is None or not fine or not mixed or self.r_max < 30:
            return ()
        about = dict(stop=Stop(rtol=1e-9, steps=60), assumes="p ≥ 20, a mesh graded for the nucleus")
        virial = Exact(
            measure="virial", tol=1e-8, title="the virial theorem: −V/T = 2 at the end", source="levy1985", **about
        )
        return (
            Exact(
                measure="energy_error",
                tol=1e-6,
                title="the total energy is that of the tables, to their printed digits",
                source="kotochigova1997",
                **about,
            ),
            Exact(
                measure="electron_count", tol=1e-9, title="the density holds Z electrons", source="certik2024", **about
            ),
            *(() if problem.relativistic else (virial,)),
        )


def _mixed(tried: list, missed: list, damping: float, weight: np.ndarray) -> np.ndarray:
    """V + α f − Σ γ (ΔV + α Δf), γ minimising ‖f − Σ γ Δf‖: Anderson's mixing; with one pair, linear mixing."""
    plain = tried[-1] + damping * missed[-1]
    if len(tried) == 1:
        return plain
    changes = np.array([new - old for old, new in pairwise(tried)])
    misses = np.array([new - old for old, new in pairwise(missed)])
    root = np.sqrt(weight).ravel()
    columns = misses.reshape(len(misses), -1) * root
    gamma = np.linalg.lstsq(columns.T, missed[-1].ravel() * root, rcond=1e-12)[0]
    return plain - np.tensordot(gamma, changes + damping * misses, axes=1)


def _evaluated(problem: KohnShamAtom, state: AtomState) -> AtomState:
    """The state with everything that follows from its screening potential."""
    el = state.elements
    V = state.screening - problem.Z / el.r
    state.energies, state.orbitals, charges = _states(problem, state, V)
    counts = np.array([count for *_, count in problem.states])
    state.radial_density = np.einsum("k,keq->eq", counts, charges)
    n = state.density = state.radial_density / (4 * np.pi * el.r**2)
    hartree, xc, v_xc = el.hartree(n), np.empty_like(n), np.empty_like(n)
    kernels.exchange_correlation(n.ravel(), problem.c_light, xc.ravel(), v_xc.ravel())
    state.returned = hartree + v_xc
    electrons = el.w * state.radial_density
    kinetic = counts @ state.energies - np.vdot(electrons, V)
    coulomb = np.vdot(electrons, hartree / 2 - problem.Z / el.r)
    state.total_energy = float(kinetic + coulomb + np.vdot(electrons, xc))
    state.virial = float(-(coulomb + 3 * np.vdot(electrons, v_xc - xc)) / kinetic)
    state.potential_change = float(np.vdot(electrons, np.abs(state.returned - state.screening))) / problem.Z
    return state


def _states(problem: KohnShamAtom, state: AtomState, V: np.ndarray):
    """Energies (states,), nodal functions (components, states, size) and P² + Q² (states, N, q) of the states."""
    el, which = state.elements, problem.states
    parts = 2 if problem.relativistic else 1
    energies, nodal = np.empty(len(which)), np.empty((parts, len(which), el.size))
    charges = np.empty((len(which), *el.r.shape))
    for number in sorted({number for _, number, _ in which}):
        mine = [i for i, (_, other, _) in enumerate(which) if other == number]
        near = (state.energies[mine], state.orbitals[:, mine]) if len(state.energies) else None
        if problem.relativistic:
            solver = state.solvers[number]
            energies[mine], nodal[:, mine], work = solver.solve(V, len(mine), near)
            power = el.r ** (2 * solver.beta)
        else:
            near = near and (near[0], near[1][0])
            energies[mine], nodal[0, mine], work = el.levels(V, number, len(mine), near)
            power = 1.0
        state.work.solves += work
        charges[mine] = power * np.sum(el.at_points(nodal[:, mine]) ** 2, axis=0)
    return energies, nodal, charges
