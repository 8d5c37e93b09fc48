"""Fluxes in equilibrium around every vertex, and what linear finite elements leave of an equation, cell by cell.

Symbols. Cell t has the corners cells[t] (counter-clockwise), area |t|, diffusion κ_t, and u = u_h has the constant
gradient g_t there. Edge k of a cell runs from corner k to k + 1, `sides[t, k]` is its number, `beside[e]` the cells at
edge e (−1: none). F_e is the flux through e out of beside[e, 0]; in a cell the flux of lowest Raviart–Thomas order is
σ(x) = Σ_k F_k (x − p_k) / 2|t| with the outward F_k and the corner p_k opposite to edge k.

Reference: D. Braess, J. Schöberl, Math. Comp. 77 (2008) 651–672, doi:10.1090/S0025-5718-07-02080-7; as mixed problems
around a vertex: A. Ern, M. Vohralík, SIAM J. Numer. Anal. 53 (2015) 1058–1081, doi:10.1137/130950100, Construction 3.4.

Used by toolkit/mesh/adaptive: error estimators, and jumps of the gradient.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def gradients(points, cells, u, out):
    """∇u_h in every cell (m, 2)."""
    for t in range(cells.shape[0]):
        i, j, k = cells[t, 0], cells[t, 1], cells[t, 2]
        ax, ay = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1]
        bx, by = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1]
        p, q, twice = u[j] - u[i], u[k] - u[i], ax * by - ay * bx
        out[t, 0] = (p * by - q * ay) / twice
        out[t, 1] = (q * ax - p * bx) / twice


@kernel
def equilibrate(points, cells, sides, beside, rest, grads, kappa, areas):
    """F_e with ∫_t div σ = Σ_a rest[t, a], close to −κ∇u_h: Σ over the vertices a of fluxes σ_a around them.

    `rest[t, a]` = ∫_t f ψ_a − (what the finite element solution gives for ψ_a in t) sums to zero over the cells of an
    inner vertex. σ_a has no flux through the rim of the patch of a (but where that is the border of the domain), so its
    fluxes X through the spokes follow one from another, X_next = X + rest, but for one constant c: the one for which
    Σ ‖κ^−½ (σ_a + I(κ ψ_a ∇u_h))‖² is least, I the Raviart–Thomas interpolation in each cell: then σ = −κ∇u_h where the
    fluxes of u_h are in equilibrium already.
    """
    m = cells.shape[0]
    flux, done = np.zeros(beside.shape[0]), np.zeros((m, 3), np.bool_)
    for border in (True, False):
        for t in range(m):
            for a in range(3):
                if not done[t, a] and (not border or beside[sides[t, a], 1] < 0):
                    c = _constant(points, cells, sides, beside, rest, grads, kappa, areas, t, a, done)
                    _spread(sides, beside, rest, c, t, a, flux)
    return flux


@kernel
def _across(sides, beside, t, a):
    """(cell, its corner) next around corner a of cell t, counter-clockwise; (−1, 0) beyond the border."""
    e = sides[t, (a + 2) % 3]
    other = beside[e, 1] if beside[e, 0] == t else beside[e, 0]
    if other < 0:
        return -1, 0
    for b in range(3):
        if sides[other, b] == e:
            return other, b
    return -1, 0


@kernel
def _constant(points, cells, sides, beside, rest, grads, kappa, areas, t, a, done):
    """The flux c through the first spoke, from the cell (t, a) on counter-clockwise."""
    first, corner, passed, top, bottom = t, a, 0.0, 0.0, 0.0
    while t >= 0:
        done[t, a] = True
        left = passed + rest[t, a]
        o, v, w = cells[t, a], cells[t, (a + 1) % 3], cells[t, (a + 2) % 3]
        half, scale = 0.5 * kappa[t], 1.0 / (4.0 * kappa[t] * areas[t])
        # What −κ ψ_a ∇u_h of this cell lets through its two spokes, taken off.
        x, y = half * grads[t, 0], half * grads[t, 1]
        into = passed + x * (points[o, 1] - points[v, 1]) + y * (points[v, 0] - points[o, 0])
        out = left + x * (points[o, 1] - points[w, 1]) + y * (points[w, 0] - points[o, 0])
        square = 0.0
        for d in range(2):
            rim = points[w, d] - points[v, d]
            middle = (points[o, d] + points[v, d] + points[w, d]) / 3.0
            top += rim * (out * (middle - points[v, d]) - into * (middle - points[w, d])) * scale
            square += rim * rim
        bottom += square * scale
        passed = left
        t, a = _across(sides, beside, t, a)
        if t == first and a == corner:
            break
    return -top / bottom


@kernel
def _spread(sides, beside, rest, x, t, a, flux):
    """Add the fluxes around a vertex, x through the first spoke into the cell (t, a), to those of the edges."""
    first, corner = t, a
    while True:
        e = sides[t, a]
        flux[e] += -x if beside[e, 0] == t else x
        x += rest[t, a]
        last = sides[t, (a + 2) % 3]
        t, a = _across(sides, beside, t, a)
        if t < 0:
            flux[last] += x
            return
        if t == first and a == corner:
            return


@kernel
def misfits(points, cells, sides, beside, flux, grads, kappa, areas, out, divergence):
    """out_t = ‖κ^−½ (σ + κ∇u_h)‖²_t, exactly, and div σ in every cell."""
    for t in range(cells.shape[0]):
        x, y, total, spread = 0.0, 0.0, 0.0, 0.0
        i, j, k = cells[t, 0], cells[t, 1], cells[t, 2]
        mx = (points[i, 0] + points[j, 0] + points[k, 0]) / 3.0
        my = (points[i, 1] + points[j, 1] + points[k, 1]) / 3.0
        for s in range(3):
            e, o = sides[t, s], cells[t, (s + 2) % 3]
            f = flux[e] if beside[e, 0] == t else -flux[e]
            dx, dy = mx - points[o, 0], my - points[o, 1]
            x += f * dx
            y += f * dy
            total += f
            spread += dx * dx + dy * dy  # Σ |m − p|² over the corners: ∫ |x − m|² is |t|/12 of it
        half = 0.5 / areas[t]
        p, q = x * half + kappa[t] * grads[t, 0], y * half + kappa[t] * grads[t, 1]
        divergence[t] = total / areas[t]
        out[t] = (areas[t] * (p * p + q * q) + (0.5 * divergence[t]) ** 2 * areas[t] * spread / 12.0) / kappa[t]


@kernel
def jumps(points, cells, sides, beside, grads, kappa, out):
    """out_t = ½ Σ_E h_E ‖κ^−½ [κ∂u_h/∂n]‖²_E over the inner edges of t, κ the larger one beside E."""
    total = np.zeros(beside.shape[0])
    for t in range(cells.shape[0]):
        for s in range(3):
            i, j = cells[t, s], cells[t, (s + 1) % 3]
            nx, ny = points[j, 1] - points[i, 1], points[i, 0] - points[j, 0]
            total[sides[t, s]] += kappa[t] * (grads[t, 0] * nx + grads[t, 1] * ny)
    out[:] = 0.0
    for e in range(beside.shape[0]):
        s, t = beside[e, 0], beside[e, 1]
        if t >= 0:
            share = 0.5 * total[e] ** 2 / max(kappa[s], kappa[t])
            out[s] += share
            out[t] += share
