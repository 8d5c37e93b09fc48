"""Sequences of related linear systems: what recycling and learning methods are asked to solve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft
import scipy.sparse as sp

from toolkit.core.arrays import csr, frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.probe import Measure
from toolkit.kernels.dense.sequence import sor_costs
from toolkit.preconditioner.systems.given import system
from toolkit.preconditioner.systems.problems import LinearSystem

SWEEP_LIMIT = 10_000


class SystemSequence(LinearSystem):
    """`count` systems A_i x = b_i. Seen as one linear system it is its first.

    `parameters` is a (count, p) array: what system i was made from, and what sorting compares.
    """

    symmetric: ClassVar[bool] = True
    definite: ClassVar[bool] = True

    @property
    def parameters(self) -> np.ndarray:
        """(count, p) array of what each system was made from."""
        raise NotImplementedError

    def system(self, i: int) -> LinearSystem:
        """The i-th system, counted from 0."""
        raise NotImplementedError

    @cached_property
    def matrix(self) -> sp.csr_array:
        return self.system(0).matrix

    @cached_property
    def rhs(self) -> np.ndarray:
        return self.system(0).rhs

    @property
    def solvable(self) -> bool:
        return False

    @cached_property
    def exact(self) -> None:
        """None: the sequence has no one solution."""
        return None

    def measures(self) -> tuple[Measure, ...]:
        return ()

    @property
    def units(self) -> dict[str, float]:
        """None: a residual is that of the system at work."""
        return {}

    def doubt(self, state, column: str, goal: float) -> None:
        """None: `residual` is that of the system at work, of which the state alone knows."""
        return None


@dataclass(frozen=True)
class DarcySequence(SystemSequence):
    """Darcy flow −∇·(K_i ∇u) = 1 on the unit square, u = 0 on its boundary, K_i = exp(spread · g_i).

    g_i are independent Gaussian random fields with covariance proportional to (−Δ + 9 I)^−2, cut to the first cosine
    modes and scaled to unit mean variance: the data generation task of neural operators. n intervals a side,
    (n − 1)² unknowns; 5-point operator, coefficient of an edge the mean of the two cells it borders.
    Reference: H. Wang et al., ICLR 2024, arXiv:2401.09516, Section 6 (Darcy flow).
    """

    title: ClassVar[str] = "Darcy sequence"
    sources: ClassVar[tuple[str, ...]] = ("wang2024skr",)
    n: int = knob(32, 4, 128, log=True, doc="intervals a side")
    count: int = knob(50, 1, 500, log=True, doc="systems in the sequence")
    modes: int = knob(4, 2, 128, log=True, doc="cosine modes of log K a direction; fewer: systems more alike")
    spread: float = knob(0.5, 0.0, 3.0, symbol="σ", doc="standard deviation of log K")
    seed: int = seed_knob("the fields")

    @property
    def shape(self) -> tuple[int, int]:
        return (self.n - 1, self.n - 1)

    @cached_property
    def parameters(self) -> np.ndarray:
        """log K_i on the n × n cells, a row a system."""
        m = min(self.modes, self.n)
        waves = np.arange(m)
        decay = 1.0 / (np.pi**2 * (waves[:, None] ** 2 + waves[None, :] ** 2) + 9.0)
        decay[0, 0] = 0.0
        noise = np.random.default_rng(self.seed).standard_normal((self.count, m, m))
        fields = scipy.fft.idctn(decay * noise, s=(self.n, self.n), axes=(1, 2), norm="ortho")
        unit = self.n / np.sqrt((decay**2).sum())
        return frozen(self.spread * unit * fields.reshape(self.count, -1))

    def system(self, i: int) -> LinearSystem:
        a = np.exp(self.parameters[i]).reshape(self.n, self.n)
        across, along = (a[:, 1:] + a[:, :-1]) / 2, (a[1:] + a[:-1]) / 2
        m, scale = self.n - 1, float(self.n**2)
        east = along[:, 1:-1].copy()
        south = across[1:-1].copy()
        centre = along[:, :-1] + along[:, 1:] + across[:-1] + across[1:]
        row = np.append(east, np.zeros((m, 1)), axis=1).reshape(-1)[:-1]
        down = south.reshape(-1)
        matrix = sp.diags_array([centre.reshape(-1), -row, -row, -down, -down], offsets=[0, 1, -1, m, -m]) * scale
        return system(csr(matrix), np.ones(m * m), symmetric=True, definite=True)


@dataclass(frozen=True)
class ShiftedSequence(SystemSequence):
    """Shifted Laplacians (A + c_i I) x = b_i: A the 5-point matrix (diagonal 4) on the unit square, n intervals a side.

    c_i = −0.15 + 0.6 β_i with β_i from Beta(1/2, 3/2) (high variance) or Beta(2, 6) (low variance); b_i is a standard
    normal vector conditioned on ‖b_i‖ ≤ √n, as the theory of learning to relax asks.
    Reference: M. Khodak et al., ICLR 2024, arXiv:2310.02246, Section 2.3 and Appendix (n = 11 there, 10² unknowns).
    """

    title: ClassVar[str] = "shifted sequence"
    sources: ClassVar[tuple[str, ...]] = ("khodak2024",)
    n: int = knob(11, 4, 40, doc="intervals a side; above 11 some shifted matrices would be indefinite and c is scaled")
    count: int = knob(500, 1, 5000, log=True, doc="systems in the sequence")
    variance: str = knob("high", choices=("high", "low"), doc="distribution of the shifts")
    tol: float = knob(1e-8, 1e-12, 1e-1, log=True, doc="relative residual at which a system counts as solved")
    seed: int = seed_knob("shifts and right-hand sides")

    @property
    def shape(self) -> tuple[int, int]:
        return (self.n - 1, self.n - 1)

    @cached_property
    def laplacian(self) -> sp.csr_array:
        """A, without shift, diagonal 4."""
        m = self.n - 1
        line = sp.diags_array([-np.ones(m - 1), 2 * np.ones(m), -np.ones(m - 1)], offsets=[-1, 0, 1])
        return csr(sp.kron(line, sp.eye_array(m)) + sp.kron(sp.eye_array(m), line))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """(lowest, highest) shift that can occur: [−0.15, 0.45], scaled with λmin(A) on finer grids."""
        scale = min(1.0, np.sin(np.pi / (2 * self.n)) ** 2 / np.sin(np.pi / 22) ** 2)
        return -0.15 * float(scale), 0.45 * float(scale)

    @cached_property
    def shifts(self) -> np.ndarray:
        """c_i, shape (count,)."""
        shape = (0.5, 1.5) if self.variance == "high" else (2.0, 6.0)
        low, high = self.interval
        return frozen(low + (high - low) * np.random.default_rng([self.seed, 0]).beta(*shape, self.count))

    @property
    def parameters(self) -> np.ndarray:
        return self.shifts[:, None]

    @cached_property
    def loads(self) -> np.ndarray:
        """b_i, shape (count, (n − 1)²): normal vectors, drawn again while they are longer than √dimension."""
        size = (self.n - 1) ** 2
        rng = np.random.default_rng([self.seed, 1])
        loads = rng.standard_normal((self.count, size))
        while len(long := np.flatnonzero((loads**2).sum(axis=1) > size)):
            loads[long] = rng.standard_normal((len(long), size))
        return frozen(loads)

    def system(self, i: int) -> LinearSystem:
        shifted = self.laplacian + self.shifts[i] * sp.eye_array(len(self.loads[i]))
        return system(csr(shifted), self.loads[i], symmetric=True, definite=True)

    def costs(self, omegas: np.ndarray, which: slice = slice(None)) -> np.ndarray:
        """SOR sweeps each system, or some of them, needs with each ω, (count, d): what regret is measured against."""
        a, shifts, loads = self.laplacian, self.shifts[which], self.loads[which]
        return sor_costs(a.indptr, a.indices, a.data, shifts, omegas, loads, self.tol, SWEEP_LIMIT)

    def best_omega(self, i: int) -> float:
        """Young's ω_opt of system i, 1 + (μ/(1 + √(1 − μ²)))² with μ = 4 cos(πh)/(4 + c_i), h = 1/n."""
        mu = 4 * np.cos(np.pi / self.n) / (4 + self.shifts[i])
        return float(1 + (mu / (1 + np.sqrt(1 - mu**2))) ** 2)
