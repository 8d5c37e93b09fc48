"""The thermal block: stationary heat in a square of p × q blocks, each with a conductivity of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.fft import dstn
from scipy.linalg import solveh_banded

from toolkit.core.arrays import frozen
from toolkit.core.claims import Bound, at_most_one
from toolkit.core.knob import knob, seed_knob
from toolkit.core.stop import Stop
from toolkit.rank.reduced.galerkin_model import Reduced
from toolkit.rank.reduced.problems import Parametrised


@dataclass(frozen=True)
class ThermalBlock(Parametrised):
    """−div(κ(μ) ∇u) = 1 on the unit square, u = 0 on its border, κ = μ_b in block b; 1/contrast ≤ μ_b ≤ 1.

    Linear elements on an n × n grid of squares cut along a diagonal: the five-point scheme, the conductance between
    two neighbours the mean of the conductivities of the cells on either side. A(μ) = Σ_b μ_b A_b, and X = Σ_b A_b
    gives the norm |u|_X = |∇u|. As every A_b is semidefinite, α(μ) = min_b μ_b is a lower bound of the coercivity in
    that norm (min-theta), max_b μ_b one of the continuity from above. X is diagonal in sines:
    `whitened` maps a functional r to coordinates in which its dual norm is the Euclidean one.
    Full solves by banded Cholesky: O(n⁴). Training and test parameters are drawn uniformly with the seed.
    Reference: G. Rozza, D. B. P. Huynh, A. T. Patera, Arch. Comput. Methods Eng. 15 (2008) 229–275,
    doi:10.1007/s11831-008-9019-9, sections 6.1 and 7.
    """

    title: ClassVar[str] = "thermal block"
    sources: ClassVar[tuple[str, ...]] = ("rozza2008",)
    columns: int = knob(3, 1, 3, symbol="p", doc="blocks side by side")
    rows: int = knob(3, 1, 3, symbol="q", doc="blocks on top of one another")
    n: int = knob(36, 6, 120, symbol="n", doc="cells along a side")
    contrast: float = knob(10.0, 1.5, 1000.0, log=True, doc="largest conductivity over the smallest")
    training: int = knob(200, 10, 5000, log=True, doc="parameters the greedy search looks at")
    tests: int = knob(25, 5, 500, log=True, doc="parameters the true error is measured at")
    seed: int = seed_knob("the training and test parameters")

    @property
    def blocks(self) -> int:
        """Number of parameters."""
        return self.columns * self.rows

    @property
    def unknowns(self) -> int:
        """Number of inner vertices."""
        return (self.n - 1) ** 2

    # -- the equation -------------------------------------------------------------------------------------------

    @cached_property
    def block_of_cell(self) -> np.ndarray:
        """The block each cell lies in (n, n), rows of cells from below."""
        place = np.arange(self.n)
        return frozen((place * self.rows // self.n)[:, None] * self.columns + place * self.columns // self.n)

    @cached_property
    def conductances(self) -> tuple[np.ndarray, np.ndarray]:
        """Shares of the blocks in the conductance of each edge along a row (b, n+1, n) and a column (b, n, n+1)."""
        inside = np.zeros((self.blocks, self.n + 2, self.n + 2))
        inside[:, 1:-1, 1:-1] = self.block_of_cell == np.arange(self.blocks)[:, None, None]
        along = 0.5 * (inside[:, :-1, 1:-1] + inside[:, 1:, 1:-1])
        across = 0.5 * (inside[:, 1:-1, :-1] + inside[:, 1:-1, 1:])
        return frozen(along), frozen(across)

    @cached_property
    def load(self) -> np.ndarray:
        """The functional f: h² at every inner vertex."""
        return frozen(np.full(self.unknowns, 1.0 / self.n**2))

    @cached_property
    def operators(self) -> tuple[sp.csr_array, ...]:
        """A_b, one a block."""
        return tuple(self._assembled(*(part[b] for part in self.conductances)) for b in range(self.blocks))

    def _assembled(self, along: np.ndarray, across: np.ndarray) -> sp.csr_array:
        """The matrix with these conductances of the edges, inner vertices only."""
        diagonal, right, up = _stencil(along, across)
        right[:, -1] = 0.0
        side = self.n - 1
        bands = [diagonal.ravel(), right.ravel()[:-1], right.ravel()[:-1], up[:-1].ravel(), up[:-1].ravel()]
        matrix = sp.csr_array(sp.diags_array(bands, offsets=[0, 1, -1, side, -side]))
        matrix.eliminate_zeros()
        return matrix

    def solve(self, mu: np.ndarray) -> np.ndarray:
        """The full solution (unknowns,) at conductivities mu (blocks,)."""
        diagonal, right, up = _stencil(*(np.tensordot(mu, part, 1) for part in self.conductances))
        right[:, -1] = 0.0
        side = self.n - 1
        band = np.zeros((side + 1, self.unknowns))
        band[0], band[1], band[side] = diagonal.ravel(), right.ravel(), up.ravel()
        return solveh_banded(band, self.load, overwrite_ab=True, lower=True, check_finite=False)

    # -- norms --------------------------------------------------------------------------------------------------

    @cached_property
    def _frequencies(self) -> np.ndarray:
        """Square roots of the eigenvalues of X, (n−1, n−1)."""
        wave = 2 - 2 * np.cos(np.pi * np.arange(1, self.n) / self.n)
        return frozen(np.sqrt(wave[:, None] + wave))

    def whitened(self, functionals: np.ndarray) -> np.ndarray:
        """X^(−1/2) r in sine coordinates, for functionals (…, unknowns)."""
        return (_sines(functionals, self.n) / self._frequencies).reshape(functionals.shape)

    def coordinates(self, fields: np.ndarray) -> np.ndarray:
        """X^(1/2) u in sine coordinates, for fields (…, unknowns): |·| of it is |u|_X."""
        return (_sines(fields, self.n) * self._frequencies).reshape(fields.shape)

    def fields(self, coordinates: np.ndarray) -> np.ndarray:
        """The fields with these `coordinates`."""
        split = coordinates.reshape(-1, self.n - 1, self.n - 1) / self._frequencies
        return _sines(split, self.n).reshape(coordinates.shape)

    @cached_property
    def whitened_load(self) -> np.ndarray:
        """f in the coordinates of `whitened`; its length is the dual norm of f."""
        return frozen(self.whitened(self.load))

    def applied(self, field: np.ndarray) -> np.ndarray:
        """A_b u for every block, whitened: (blocks, unknowns)."""
        return self.whitened(np.stack([operator @ field for operator in self.operators]))

    def residual(self, mu: np.ndarray, field: np.ndarray) -> float:
        """|f − A(μ) u| in the dual norm, directly."""
        applied = sum(value * (operator @ field) for value, operator in zip(mu, self.operators))
        return float(np.linalg.norm(self.whitened(self.load - applied)))

    # -- parameters ---------------------------------------------------------------------------------------------

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Parameters drawn uniformly, (count, blocks)."""
        low = 1 / self.contrast
        return frozen(low + (1 - low) * np.random.default_rng(seed).random((count, self.blocks)))

    # -- reduction ----------------------------------------------------------------------------------------------

    def empty_model(self) -> Reduced:
        """No basis function yet."""
        return Reduced.empty(self)

    def load_norms(self, parameters: np.ndarray) -> np.ndarray:
        """The dual norm of f, which no parameter changes, (M,)."""
        return np.full(len(parameters), np.linalg.norm(self.whitened_load))

    def certified(self, stop: Stop) -> tuple:
        """The bound is one, and by at most the contrast too large."""
        about = dict(source="rozza2008", assumes="affine and coercive, min-theta bound of the coercivity", stop=stop)
        return (
            at_most_one("overrun", slack=1e-6, title="certified: no error exceeds its bound", **about),
            Bound(
                measure="effectivity_most",
                curve=lambda k, values: np.full(len(k), self.contrast),
                slack=1e-3,
                title="effectivity at most the contrast, γ(μ)/α(μ)",
                **about,
            ),
        )

    def image(self, field: np.ndarray) -> np.ndarray:
        """A field as an image with its border, (n+1, n+1)."""
        return np.pad(field.reshape(self.n - 1, self.n - 1), 1)


def _stencil(along: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(diagonal, entry to the right, entry upwards) of the inner vertices, (n−1, n−1) each."""
    left, right = along[1:-1, :-1], along[1:-1, 1:]
    down, up = across[:-1, 1:-1], across[1:, 1:-1]
    return left + right + down + up, -right, -up


def _sines(arrays: np.ndarray, n: int) -> np.ndarray:
    """Orthonormal sine transform, its own inverse, of arrays of (n−1)² numbers each: (…, n−1, n−1)."""
    return dstn(arrays.reshape(-1, n - 1, n - 1), type=1, axes=(1, 2), norm="ortho")
