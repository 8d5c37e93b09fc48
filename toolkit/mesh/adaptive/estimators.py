"""What a finite element solution gets wrong, cell by cell, by estimates that do not know the solution.

All are squares (m,) that add up over the cells, in the energy norm |||v|||² = ∫ κ|∇v|² + c v²; κ and c are constant in
every cell, and the Dirichlet data g is interpolated on the border.
"""

from __future__ import annotations

import numpy as np

from toolkit.kernels.triangles import equilibration as kernels
from toolkit.mesh.adaptive.level import GAUSS, Level
from toolkit.mesh.adaptive.triangulation import Triangulation, quadrature


def rest(level: Level) -> np.ndarray:
    """∫ f ψ_a − c u_h ψ_a − κ∇u_h·∇ψ_a over each cell (m, 3), of linear elements: zero summed around inner vertices."""
    mesh, (corners, weights) = level.mesh, quadrature(level.parts)
    shares = mesh.areas[:, None] * (level.f @ (weights[:, None] * corners))
    at = level.u[mesh.cells]
    shares -= (level.c * mesh.areas / 12)[:, None] * (at + at.sum(axis=1, keepdims=True))
    return shares - level.kappa[:, None] * _stiff(mesh, at)


def _stiff(mesh: Triangulation, at: np.ndarray) -> np.ndarray:
    """∫ ∇u_h·∇ψ_a over each cell, from the values at its corners."""
    p, q, r = mesh.shapes[:, :3].T
    a, b, c = at.T
    return np.column_stack([p * (b - a) + r * (c - a), p * (a - b) + q * (c - b), q * (b - c) + r * (a - c)])


def flux(level: Level) -> np.ndarray:
    """The equilibrated flux σ ≈ −κ∇u_h through every edge (e,), out of its first cell: lowest Raviart–Thomas order.

    Its divergence is the mean of f − c u_h in every cell. Reference: Braess and Schöberl (2008),
    doi:10.1090/S0025-5718-07-02080-7; Ern and Vohralík (2015), doi:10.1137/130950100.
    """
    mesh, about = level.mesh, (level.gradients, level.kappa, level.mesh.areas)
    return kernels.equilibrate(mesh.points, mesh.cells, mesh.sides, mesh.beside, rest(level), *about)


def misfit(level: Level, through: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(‖κ^−½ (σ + κ∇u_h)‖² in every cell, div σ) of a flux through the edges, for linear elements."""
    mesh, squares, divergence = level.mesh, np.empty(len(level.mesh)), np.empty(len(level.mesh))
    about = (level.gradients, level.kappa, mesh.areas)
    kernels.misfits(mesh.points, mesh.cells, mesh.sides, mesh.beside, through, *about, squares, divergence)
    return squares, divergence


def remainder(level: Level, divergence: np.ndarray) -> np.ndarray:
    """‖f − c u_h − div σ‖² in every cell."""
    corners, weights = quadrature(level.parts)
    left = level.f - divergence[:, None]
    if level.c.any():
        left = left - level.c[:, None] * level.values(corners)
    return level.mesh.areas * (left**2 @ weights)


def equilibrated(level: Level) -> np.ndarray:
    """η_T² = (‖κ^−½ (σ + κ∇u_h)‖ + min(h_T/π√κ, 1/√c) ‖f − c u_h − div σ‖)², and the border's part; linear elements.

    A guaranteed bound, without any constant: |||u − u_h|||² ≤ Σ η_T² (Prager and Synge 1947; Payne and Weinberger's
    constant h_T/π on convex cells, as div σ has the mean of f − c u_h).
    Reference: Ern and Vohralík (2015), doi:10.1137/130950100, Theorem 3.3; the border: `lifted`.
    """
    squares, divergence = misfit(level, flux(level))
    weight = level.mesh.diameters / (np.pi * np.sqrt(level.kappa))
    with np.errstate(divide="ignore"):
        weight = np.minimum(weight, 1 / np.sqrt(level.c))
    return (np.sqrt(squares) + weight * np.sqrt(remainder(level, divergence))) ** 2 + lifted(level)


def residual(level: Level) -> np.ndarray:
    """η_T² = min(h_T²/κ, 1/c) ‖f + κΔu_h − c u_h‖² + ½ Σ_E h_E/κ ‖[κ∂u_h/∂n]‖²_E, and the border's part.

    The sum is over the inner edges E of T. Reliable and efficient up to constants that depend on the least angle.
    Reference: R. Verfürth, A Posteriori Error Estimation Techniques for Finite Element Methods (2013),
    doi:10.1093/acprof:oso/9780199679423.001.0001, section 1.4.
    """
    with np.errstate(divide="ignore"):
        weight = np.minimum(level.mesh.diameters**2 / level.kappa, 1 / level.c)
    return weight * remainder(level, -level.kappa * level.laplacian) + jumps(level) + lifted(level)


def jumps(level: Level) -> np.ndarray:
    """½ Σ_E h_E ‖κ^−½ [κ∂u_h/∂n]‖²_E in every cell, by Gauss's two points of an edge where u_h is quadratic."""
    mesh, out = level.mesh, np.empty(len(level.mesh))
    if level.degree == 1:
        kernels.jumps(mesh.points, mesh.cells, mesh.sides, mesh.beside, level.gradients, level.kappa, out)
        return out
    squares = np.zeros(len(mesh.ends))
    for s in (0.5 - 0.5 / np.sqrt(3.0), 0.5 + 0.5 / np.sqrt(3.0)):
        total = 0.0
        for k in range(3):
            first = mesh.beside[mesh.sides[:, k], 0] == np.arange(len(mesh))  # s runs as it does in the first cell
            ends = np.roll(np.array([[1 - s, s, 0], [s, 1 - s, 0]]), k, axis=1)
            slopes = np.where(first, *level.slopes(ends).transpose(2, 0, 1))
            side = (mesh.points[mesh.cells[:, (k + 1) % 3]] - mesh.points[mesh.cells[:, k]]).T
            outward = level.kappa * (slopes[0] * side[1] - slopes[1] * side[0])
            total = total + np.bincount(mesh.sides[:, k], outward, len(mesh.ends))
        squares += 0.5 * total**2
    inner = mesh.beside[:, 1] >= 0
    beside = mesh.beside[inner]
    share = 0.5 * squares[inner] / level.kappa[beside].max(axis=1)
    return np.bincount(beside.ravel(), np.repeat(share, 2), len(mesh))


def lifted(level: Level) -> np.ndarray:
    """|||w|||² in every cell of a function w with w = g − g_h on the border, g_h the interpolated data.

    In the triangle behind a border edge E, w is g − g_h on E times the distance ρ from the opposite corner (0 there, 1
    on E), so it vanishes on the other edges. An error bound for zero data plus |||w|||² is one for data g, since the
    harmonic extension is orthogonal to what vanishes on the border and has no more energy than w.
    """
    problem, mesh = level.problem, level.mesh
    cells = mesh.beside[mesh.border, 0]
    side = np.argmax(mesh.sides[cells] == mesh.border[:, None], axis=1)
    a, b, o = (mesh.points[mesh.cells[cells, (side + k) % 3]] for k in range(3))
    s, weights = (GAUSS[0] + 1) / 2, GAUSS[1] / 2
    along = (b - a).T[:, :, None]
    x = a.T[:, :, None] + s * along
    ends = level.u[mesh.cells[cells, side]], level.u[mesh.cells[cells, (side + 1) % 3]]
    gap = problem.exact(x) - ends[0][:, None] * (1 - s) - ends[1][:, None] * s
    slope = (problem.exact_gradient(x) * along).sum(axis=0) - (ends[1] - ends[0])[:, None]
    if level.bubbles is not None:
        gap = gap - level.bubbles[mesh.border, None] * 4 * s * (1 - s)
        slope = slope - level.bubbles[mesh.border, None] * 4 * (1 - 2 * s)
    ray = x - o.T[:, :, None]
    energy = ((gap * along - slope * ray) ** 2).sum(axis=0) @ weights / (4 * mesh.areas[cells])
    mass = mesh.areas[cells] / 2 * (gap**2 @ weights)
    parts = np.sqrt(level.kappa[cells] * energy + level.c[cells] * mass)
    return np.bincount(cells, parts, len(mesh)) ** 2  # the triangle inequality where a cell has several such edges
