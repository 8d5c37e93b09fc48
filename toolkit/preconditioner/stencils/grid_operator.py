"""The constant stencil operator without a matrix, and conjugate gradients on it.

(A u)_i = sum_d a_d / h² (2 u_i - u_(i-) - u_(i+)),   h = 1/n,   (n-1)^d unknowns, homogeneous Dirichlet values.
"""

import numba
import numpy as np

from toolkit.kernels.stencil import constant as stencil_constant
from toolkit.preconditioner.stencils.grid_cycle import GridCycle
from toolkit.preconditioner.stencils.grid_levels import SERIAL_BELOW, checked_coefficients, checked_intervals


class GridOperator:
    """A for n intervals a side and coefficients (a_0, …), axis 0 slowest; vectors flat, float64, C-ordered.

    Immutable and free of workspaces: sessions may share one.
    """

    def __init__(self, intervals: int, coefficients: tuple[float, ...] = (1.0, 1.0)):
        self.coefficients, self.intervals = checked_coefficients(coefficients), checked_intervals(intervals)
        m, a = self.intervals - 1, self.coefficients
        self.size = m ** len(a)
        self._box = {1: (1, 1, m), 2: (m, 1, m), 3: (m, m, m)}[len(a)]
        padded = {1: (0.0, 0.0, *a), 2: (a[0], 0.0, a[-1]), 3: a}[len(a)]
        self._wide = self.size >= SERIAL_BELOW
        self._strengths = tuple(value * float(self.intervals) ** 2 for value in padded)

    def multiply(self, u, out) -> float:
        """out <- A u; returns u . A u."""
        return stencil_constant.multiply(self._grid(out), self._grid(u), self._strengths, self._wide)

    def residual(self, b, u, out) -> float:
        """out <- b - A u; returns its norm."""
        return stencil_constant.residual(self._grid(out), self._grid(u), self._grid(b), self._strengths, self._wide)

    def conjugate_gradients(self, b, x, *, steps: int, tolerance: float = 0.0, cycle: GridCycle | None = None):
        """Conjugate gradients from x, in place, preconditioned by `cycle.apply` when given.

        Stops after `steps` or when the recursive residual is at most tolerance * norm(b); returns the norms of the
        recursive residuals, the first included. Cost of a step: one product, 3 vectors updated; plus the cycle.
        Reference: Hestenes and Stiefel (1952), doi:10.6028/jres.049.044.
        """
        r, p, q = np.empty(self.size), np.zeros(self.size), np.empty(self.size)
        z = r if cycle is None else np.empty(self.size)
        norms = [self.residual(b, x, r)]
        target, before = tolerance * stencil_constant.inner(self._grid(b), self._grid(b)) ** 0.5, 0.0
        blocks = max(1, min(numba.get_num_threads(), self._box[0] // 8)) if self._wide else 1
        grid_x, grid_r, grid_p, grid_q, grid_z = (self._grid(v) for v in (x, r, p, q, z))
        for _ in range(steps):
            if norms[-1] <= target or norms[-1] == 0.0:
                break
            if cycle is not None:
                cycle.apply(r, z)
            now = stencil_constant.inner(grid_r, grid_z) if cycle is not None else norms[-1] ** 2
            beta = now / before if before else 0.0
            energy = stencil_constant.direct_multiply(grid_p, grid_q, grid_z, beta, self._strengths, blocks)
            square = stencil_constant.advance_iterate(grid_x, grid_r, grid_p, grid_q, now / energy, self._wide)
            norms.append(np.sqrt(square))
            before = now
        return norms

    def _grid(self, v):
        if v.dtype != np.float64 or v.size != self.size or not v.flags.c_contiguous:
            raise ValueError(
                f"got a vector of {v.size} {v.dtype} values; this operator takes {self.size} contiguous float64 values "
                f"((n-1)^d with n={self.intervals}, d={len(self.coefficients)}): pass np.ascontiguousarray(v, float)"
            )
        return v.reshape(self._box)
