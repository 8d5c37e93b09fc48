"""Kernels of the mesh movers: de Boor's equidistribution on a line, Monge–Ampère maps of a square.

On the line, `x` holds n + 1 rising nodes and `density` a number for each of the n cells. On the square, fields live on
(n + 1) × (n + 1) nodes of the computational grid of spacing h; index 0 runs along x, 1 along y. The potential φ is
continued evenly across the border, so that a border node slides along its side and a corner stays.

Used by toolkit/mesh/moving: de Boor's equidistribution, and maps by Monge–Ampère's equation.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def smoothed(density, q, out):
    """out_i = Σ_k density_k q^|i − k| over all cells, in two sweeps: neighbours then differ by a factor in [q, 1/q]."""
    n = density.size
    left = 0.0
    for i in range(n):
        left = density[i] + q * left
        out[i] = left
    right = 0.0
    for i in range(n - 1, -1, -1):
        out[i] += right
        right = q * (density[i] + right)


@kernel
def deboor(x, density, out):
    """New nodes that share out the mass of a piecewise constant density on the old cells in equal parts."""
    n = density.size
    total = 0.0
    for i in range(n):
        total += density[i] * (x[i + 1] - x[i])
    out[0], out[n] = x[0], x[n]
    cell, below, mass = 0, 0.0, density[0] * (x[1] - x[0])
    for j in range(1, n):
        goal = total * j / n
        while below + mass < goal and cell < n - 1:
            below += mass
            cell += 1
            mass = density[cell] * (x[cell + 1] - x[cell])
        out[j] = x[cell] + (goal - below) / density[cell]


@kernel
def unevenness(x, density):
    """max_i |n density_i h_i / Σ density h − 1|: zero on an equidistributing mesh."""
    n = density.size
    total = 0.0
    for i in range(n):
        total += density[i] * (x[i + 1] - x[i])
    worst = 0.0
    for i in range(n):
        worst = max(worst, abs(n * density[i] * (x[i + 1] - x[i]) / total - 1.0))
    return worst


@kernel
def _even(i, n):
    """The index that i stands for when a field is continued evenly across both ends of 0 … n."""
    return -i if i < 0 else (2 * n - i if i > n else i)


@kernel
def moved(phi, h, x, y, jacobian):
    """x = ξ + ∇φ by central differences, and det(I + D²φ) by the compact second differences, at every node."""
    n = phi.shape[0] - 1
    a, b, c = 0.5 / h, 1.0 / (h * h), 0.25 / (h * h)
    for i in range(n + 1):
        w, e = _even(i - 1, n), _even(i + 1, n)
        for j in range(n + 1):
            s, t = _even(j - 1, n), _even(j + 1, n)
            x[i, j] = i * h + a * (phi[e, j] - phi[w, j])
            y[i, j] = j * h + a * (phi[i, t] - phi[i, s])
            xx = 1.0 + b * (phi[e, j] - 2.0 * phi[i, j] + phi[w, j])
            yy = 1.0 + b * (phi[i, t] - 2.0 * phi[i, j] + phi[i, s])
            xy = c * (phi[e, t] - phi[e, s] - phi[w, t] + phi[w, s])
            jacobian[i, j] = xx * yy - xy * xy


@kernel
def corners(x, y, h):
    """(least corner Jacobian, corners where it is not positive, total area) of the quadrilaterals of a moved grid.

    A bilinear cell is one-to-one when its Jacobian is positive at its four corners; it is 1 on the uniform grid.
    """
    n = x.shape[0] - 1
    least, tangled, area, scale = np.inf, 0, 0.0, 1.0 / (h * h)
    for i in range(n):
        for j in range(n):
            ax, ay = x[i + 1, j] - x[i, j], y[i + 1, j] - y[i, j]
            bx, by = x[i + 1, j + 1] - x[i, j + 1], y[i + 1, j + 1] - y[i, j + 1]
            cx, cy = x[i, j + 1] - x[i, j], y[i, j + 1] - y[i, j]
            dx, dy = x[i + 1, j + 1] - x[i + 1, j], y[i + 1, j + 1] - y[i + 1, j]
            for value in (ax * cy - ay * cx, ax * dy - ay * dx, bx * cy - by * cx, bx * dy - by * dx):
                least = min(least, value)
                tangled += not value > 0.0
                area += 0.25 * value
    return least * scale, tangled, area


@kernel
def sample(table, x, y, value, gx, gy):
    """A table on a uniform grid of the unit square and its gradient at points, by Catmull–Rom cubics (C¹).

    A product of two functions of x and of y stays one. Points outside are taken to the border.
    """
    m = table.shape[0] - 1
    wx, dx, wy, dy = np.empty(4), np.empty(4), np.empty(4), np.empty(4)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            p = min(max(x[i, j], 0.0), 1.0) * m
            q = min(max(y[i, j], 0.0), 1.0) * m
            k, l = min(int(p), m - 1), min(int(q), m - 1)
            _cubic(p - k, wx, dx)
            _cubic(q - l, wy, dy)
            v, vx, vy = 0.0, 0.0, 0.0
            for a in range(4):
                row = _even(k + a - 1, m)
                r, s = 0.0, 0.0
                for b in range(4):
                    t = table[row, _even(l + b - 1, m)]
                    r += wy[b] * t
                    s += dy[b] * t
                v += wx[a] * r
                vx += dx[a] * r
                vy += wx[a] * s
            value[i, j], gx[i, j], gy[i, j] = v, m * vx, m * vy


@kernel
def _cubic(t, w, d):
    """Weights of the four neighbours at offset t in [0, 1], and their derivatives."""
    w[0] = 0.5 * t * (t * (2.0 - t) - 1.0)
    w[1] = 0.5 * (t * t * (3.0 * t - 5.0) + 2.0)
    w[2] = 0.5 * t * (t * (4.0 - 3.0 * t) + 1.0)
    w[3] = 0.5 * t * t * (t - 1.0)
    d[0] = 0.5 * (t * (4.0 - 3.0 * t) - 1.0)
    d[1] = 0.5 * t * (9.0 * t - 10.0)
    d[2] = 0.5 * (t * (8.0 - 9.0 * t) + 1.0)
    d[3] = 0.5 * t * (3.0 * t - 2.0)


@kernel
def residual(value, jacobian, out):
    """out = m(x) det(I + D²φ) / θ − 1, θ the trapezoidal mean of m(x) det(I + D²φ); returns (θ, root mean square)."""
    n = value.shape[0] - 1
    theta = 0.0
    for i in range(n + 1):
        for j in range(n + 1):
            weight = (0.5 if i == 0 or i == n else 1.0) * (0.5 if j == 0 or j == n else 1.0)
            out[i, j] = value[i, j] * jacobian[i, j]
            theta += weight * out[i, j]
    theta /= n * n
    square = 0.0
    for i in range(n + 1):
        for j in range(n + 1):
            weight = (0.5 if i == 0 or i == n else 1.0) * (0.5 if j == 0 or j == n else 1.0)
            out[i, j] = out[i, j] / theta - 1.0
            square += weight * out[i, j] ** 2
    return theta, np.sqrt(square) / n


@kernel
def linearised(phi, value, gx, gy, jacobian, theta, h, rows, columns, entries):
    """The derivative of m(ξ + ∇φ) det(I + D²φ) / θ with respect to φ, θ fixed, as triplets: nine for each node."""
    n = phi.shape[0] - 1
    b, c, a = 1.0 / (h * h), 0.25 / (h * h), 0.5 / h
    at = 0
    for i in range(n + 1):
        w, e = _even(i - 1, n), _even(i + 1, n)
        for j in range(n + 1):
            s, t = _even(j - 1, n), _even(j + 1, n)
            xx = 1.0 + b * (phi[e, j] - 2.0 * phi[i, j] + phi[w, j])
            yy = 1.0 + b * (phi[i, t] - 2.0 * phi[i, j] + phi[i, s])
            xy = c * (phi[e, t] - phi[e, s] - phi[w, t] + phi[w, s])
            m, g = value[i, j] / theta, jacobian[i, j] / theta
            across, along, cross = m * yy * b, m * xx * b, 2.0 * m * xy * c
            px, py = g * gx[i, j] * a, g * gy[i, j] * a
            rows[at : at + 9] = i * (n + 1) + j
            columns[at], entries[at] = i * (n + 1) + j, -2.0 * (across + along)
            columns[at + 1], entries[at + 1] = e * (n + 1) + j, across + px
            columns[at + 2], entries[at + 2] = w * (n + 1) + j, across - px
            columns[at + 3], entries[at + 3] = i * (n + 1) + t, along + py
            columns[at + 4], entries[at + 4] = i * (n + 1) + s, along - py
            columns[at + 5], entries[at + 5] = e * (n + 1) + t, -cross
            columns[at + 6], entries[at + 6] = w * (n + 1) + s, -cross
            columns[at + 7], entries[at + 7] = e * (n + 1) + s, cross
            columns[at + 8], entries[at + 8] = w * (n + 1) + t, cross
            at += 9
