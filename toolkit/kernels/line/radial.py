"""Radial atoms: element matrices into a matrix, exchange and correlation of the electron gas.

Symbols: n density, r_s radius of the sphere that holds one electron, y = √r_s, Y(y) = y² + b y + c.

Used by toolkit/mesh/quantum: radial elements, Schrödinger's and Dirac's; the local density approximation.
"""

import math

import numpy as np

from toolkit.kernels._jit import kernel

# Fit of Vosko, Wilk and Nusair to the paramagnetic electron gas, in Hartree (A of the paper is in Rydberg).
_A, _Y0, _B, _C = 0.0621814, -0.10498, 3.72744, 12.9352
_TINY = 1e-300


@kernel
def _factorised(A, S, sigma, shared, fixed, F):
    """A − σ S = U^T D^{−1} U, element after element, into F (elements, m, m): rows of U on and above the diagonal.

    The last `shared` unknowns, and where `fixed` the first, are held at zero. Returns the negative pivots: by
    Sylvester's law the number of eigenvalues below σ.
    """
    count, m, _ = A.shape
    below = 0
    for e in range(count):
        last = m if e == count - 1 else m - shared
        for i in range(m):
            for j in range(i, m):
                F[e, i, j] = A[e, i, j] - sigma * S[e, i, j]
        if e:
            for i in range(shared):
                for j in range(i, shared):
                    F[e, i, j] += F[e - 1, m - shared + i, m - shared + j]
        for k in range(m):
            held = (k < shared and e == 0 and fixed) or (k >= m - shared and e == count - 1)
            if held:
                F[e, :k, k] = 0.0
                F[e, k, k:] = 0.0
                F[e, k, k] = 1.0
        for k in range(last):
            pivot = F[e, k, k]
            if pivot == 0.0:
                pivot = F[e, k, k] = _TINY
            below += pivot < 0.0
            for i in range(k + 1, m):
                share = F[e, k, i] / pivot
                for j in range(i, m):
                    F[e, i, j] -= share * F[e, k, j]
    return below


@kernel
def _solved(F, shared, b):
    """U^T D^{−1} U x = b, x in place of b."""
    count, m, _ = F.shape
    for e in range(count):
        at = e * (m - shared)
        for k in range(m if e == count - 1 else m - shared):
            share = b[at + k] / F[e, k, k]
            for i in range(k + 1, m):
                b[at + i] -= share * F[e, k, i]
    for e in range(count - 1, -1, -1):
        at = e * (m - shared)
        for k in range((m if e == count - 1 else m - shared) - 1, -1, -1):
            left = b[at + k]
            for i in range(k + 1, m):
                left -= F[e, k, i] * b[at + i]
            b[at + k] = left / F[e, k, k]


@kernel
def _times(S, shared, x, out):
    """Add S x to `out`."""
    count, m, _ = S.shape
    for e in range(count):
        at = e * (m - shared)
        for i in range(m):
            total = 0.0
            for j in range(m):
                total += S[e, i, j] * x[at + j]
            out[at + i] += total


@kernel
def _refined(A, S, sigma, hold, shared, fixed, tol, x, F, b):
    """Rayleigh quotient iteration from σ and x, in place, until σ moves by less than `tol`; σ stays for `hold` steps.

    (A − σ S) y = S x, σ ← σ + (y·S x)/(y·S y), x ← y/‖y‖_S. Returns σ and the steps.
    """
    for step in range(8):
        b[:] = 0.0
        _times(S, shared, x, b)
        if fixed:
            b[:shared] = 0.0
        b[len(b) - shared :] = 0.0
        _factorised(A, S, sigma, shared, fixed, F)
        x[:] = b
        _solved(F, shared, x)
        overlap = np.dot(x, b)
        b[:] = 0.0
        _times(S, shared, x, b)
        square = np.dot(x, b)
        x /= math.sqrt(square)
        if step >= hold:
            sigma += overlap / square
            if abs(overlap / square) < tol:
                break
    return sigma, step + 1


@kernel
def _bracket(A, S, rank, low, high, shared, fixed, F):
    """An interval round the eigenvalue with `rank` others below it, a ten-thousandth of it wide; and its cost."""
    made = 0
    while _factorised(A, S, low, shared, fixed, F) > rank:
        high, low = low, low - max(abs(low), 1.0)
        made += 1
    while _factorised(A, S, high, shared, fixed, F) <= rank:
        low, high = high, high + max(abs(high) / 2, 1.0)
        made += 1
    while high - low > max(1e-4 * max(abs(low), abs(high)), 1e-12):
        middle = (low + high) / 2
        if _factorised(A, S, middle, shared, fixed, F) > rank:
            high = middle
        else:
            low = middle
        made += 1
    return low, high, made + 2


@kernel
def lowest(A, S, shared, fixed, tol, warm, values, x):
    """The lowest eigenpairs of A v = λ S v, chains of element matrices (elements, m, m) that share `shared` unknowns.

    The last `shared` unknowns, and where `fixed` the first, are zero. `values` (count,) and `x` (count, unknowns) are
    written, S-normalised; where `warm` they hold close ones. A state found from a close one counts only if as many
    eigenvalues lie below it as its rank says; else its value is bracketed by bisection (Sylvester's law of inertia).
    S is positive definite. Returns the factorisations made, each of elements · m³/3 products.
    """
    F, b = np.empty_like(A), np.empty(x.shape[1])
    work = 0
    for rank in range(len(values)):
        done = False
        if warm:
            values[rank], steps = _refined(A, S, values[rank], 0, shared, fixed, tol, x[rank], F, b)
            work += steps + 1
            done = _factorised(A, S, values[rank] - 1e-4 * abs(values[rank]), shared, fixed, F) == rank
        if not done:
            low = -1.0 if rank == 0 else values[rank - 1]
            low, high, steps = _bracket(A, S, rank, low, low / 2, shared, fixed, F)
            work += steps
            x[rank] = 1.0
            values[rank], steps = _refined(A, S, (low + high) / 2, 2, shared, fixed, tol, x[rank], F, b)
            work += steps
    return work


@kernel
def exchange_correlation(n, c_light, energy, potential):
    """Local density approximation per electron: ε_xc(n) and v_xc = d(n ε_xc)/dn, in Hartree, at densities n (points,).

    Exchange of Dirac, times the factors of MacDonald and Vosko where `c_light` is finite (0: non-relativistic);
    correlation by the fit of Vosko, Wilk and Nusair.
    """
    q = math.sqrt(4 * _C - _B * _B)
    shift = _B * _Y0 / (_Y0 * _Y0 + _B * _Y0 + _C)
    for i in range(len(n)):
        if n[i] < _TINY:
            energy[i] = potential[i] = 0.0
            continue
        y = (3 / (4 * math.pi * n[i])) ** (1 / 6)
        Y, angle = y * y + _B * y + _C, math.atan(q / (2 * y + _B))
        logs = math.log(y * y / Y) - shift * math.log((y - _Y0) ** 2 / Y)
        ec = _A / 2 * (logs + (2 * _B - 2 * shift * (_B + 2 * _Y0)) / q * angle)
        vc = ec - _A / 6 * (_C * (y - _Y0) - _B * _Y0 * y) / ((y - _Y0) * Y)
        ex = -3 / (4 * math.pi) * (3 * math.pi**2 * n[i]) ** (1 / 3)
        vx = 4 * ex / 3
        if c_light > 0:
            beta = -4 * math.pi * ex / (3 * c_light)  # Fermi velocity over the speed of light
            factor, slope = _relativity(beta)
            ex, vx = ex * factor, vx * slope
        energy[i], potential[i] = ex + ec, vx + vc


@kernel
def _relativity(beta):
    """Factors of exchange energy and potential at β = k_F/c; series where the closed forms cancel."""
    if beta < 0.02:
        b2 = beta * beta
        return 1 - b2 * (2 / 3 - b2 * (2 / 5 - 48 / 175 * b2)), 1 - b2 * (1 - b2 * (4 / 5 - 24 / 35 * b2))
    root = math.sqrt(1 + beta * beta)
    arc = math.log(beta + root)
    return 1 - 1.5 * ((beta * root - arc) / beta**2) ** 2, 1.5 * arc / (beta * root) - 0.5
