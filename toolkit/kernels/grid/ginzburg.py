"""Kernels of the Ginzburg–Landau energies. W(u) = (u² − 1)²/4 between the wells, (|u| − 1)² beyond: −1 ≤ W″ ≤ 2.

Used by toolkit/mesh/phases: the gradient flow with and without momentum, and the energies.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def _slope(u):
    """W′."""
    a = abs(u)
    return u * (u * u - 1.0) if a <= 1.0 else 2.0 * (u - np.copysign(1.0, u))


@kernel
def _height(u):
    """W."""
    a = abs(u)
    return 0.25 * (u * u - 1.0) ** 2 if a <= 1.0 else (a - 1.0) ** 2


@kernel
def forcing(u, before, rho, step, split, y, out):
    """y = u + ρ (u − before), the extrapolated field, and out = y + σ (S y − W′(y)), the right-hand side of a step."""
    for i in range(u.size):
        y[i] = u[i] + rho * (u[i] - before[i])
        out[i] = y[i] + step * (split * y[i] - _slope(y[i]))


@kernel
def wells(u, out):
    """out = W′(u); returns Σ W(u)."""
    total = 0.0
    for i in range(u.size):
        total += _height(u[i])
        out[i] = _slope(u[i])
    return total


@kernel
def grid_energy(u, eps, h):
    """(∫ ε/2 |∇u|² + W(u)/ε, L2 norm of −εΔu + W′(u)/ε) on cells of side h of a square, nothing through its border."""
    n, m = u.shape
    bend, well, square = 0.0, 0.0, 0.0
    c = eps / (h * h)
    for i in range(n):
        for j in range(m):
            v = u[i, j]
            west = u[i - 1, j] - v if i > 0 else 0.0
            east = u[i + 1, j] - v if i < n - 1 else 0.0
            south = u[i, j - 1] - v if j > 0 else 0.0
            north = u[i, j + 1] - v if j < m - 1 else 0.0
            bend += east * east + north * north
            well += _height(v)
            g = _slope(v) / eps - c * (west + east + south + north)
            square += g * g
    return 0.5 * eps * bend + h * h / eps * well, h * np.sqrt(square)
