"""The radial Dirac equation by its squared Hamiltonian: no spurious states, r^β at the origin built in."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from toolkit.kernels.line import radial as kernels
from toolkit.mesh.quantum.radial_elements import C_LIGHT, FOLLOW, RadialElements


def origin_power(Z: float, kappa: int, c: float = C_LIGHT) -> float:
    """β = √(κ² − (Z/c)²): P and Q behave like r^β at a point nucleus."""
    return float(np.sqrt(kappa * kappa - (Z / c) ** 2))


def sommerfeld(Z: float, n: int, kappa: int, c: float = C_LIGHT) -> float:
    """E = c²/√(1 + (Z/c)²/(n − |κ| + β)²) − c², the level of a hydrogen-like ion, written without cancellation."""
    x = (Z / c / (n - abs(kappa) + origin_power(Z, kappa, c))) ** 2
    root = np.sqrt(1 + x)
    return float(-(c**2) * x / (root * (1 + root)))


class SquaredDirac:
    """The lowest positive-energy solutions of one κ, of P = r^β p and Q = r^β q with p, q in the elements.

    The weak form of H² (rest energy c² in H) is symmetric and bounded below, and its bound states are its lowest, so
    nothing spurious comes in. Rid of c⁴, its eigenvalue is μ = E (E + 2c²), E without the rest energy.
    `elements` integrate with a weight at the origin; β = 0 is the plain form, with P = Q = 0 at the origin.
    Cost: O(N p³) for each factorisation, 2 to 20 of them for each level.
    Reference: O. Čertík et al. (2024), doi:10.1016/j.cpc.2023.109051, Sec. 3.
    """

    def __init__(self, elements: RadialElements, kappa: int, beta: float, c: float = C_LIGHT):
        self.elements, self.kappa, self.beta, self.c = elements, kappa, beta, c
        self.weight = elements.w * elements.r ** (2 * beta)

    @cached_property
    def _kinetic(self) -> np.ndarray:
        return self.c**2 * self.elements.product(self.weight, "slopes", "slopes")

    @cached_property
    def _overlap(self) -> np.ndarray:
        """Element matrices of the overlap, p and q of a node side by side, (N, 2p + 2, 2p + 2)."""
        one = self.elements.product(self.weight)
        return self._paired(one, one, np.zeros_like(one))

    def _paired(self, pp: np.ndarray, qq: np.ndarray, pq: np.ndarray) -> np.ndarray:
        n = self.elements.p + 1
        out = np.empty((len(pp), n, 2, n, 2))
        out[:, :, 0, :, 0], out[:, :, 1, :, 1] = pp, qq
        out[:, :, 0, :, 1], out[:, :, 1, :, 0] = pq, pq.transpose(0, 2, 1)
        return out.reshape(-1, 2 * n, 2 * n)

    def _terms(self, V: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Factors of p p, of q q, and of the mixed terms, at the points."""
        c2, kappa, beta, r = self.c**2, self.kappa, self.beta, self.elements.r
        barrier = -beta * (beta - 1)
        upper = V * V + 2 * c2 * V + c2 * (kappa * (kappa + 1) + barrier) / r**2
        lower = V * V - 2 * c2 * V + c2 * (kappa * (kappa - 1) + barrier) / r**2
        return upper, lower, self.c * V

    def _matrix(self, V: np.ndarray) -> np.ndarray:
        """Element matrices of H² − c⁴, p and q of a node side by side, (N, 2p + 2, 2p + 2)."""
        upper, lower, mixed = self._terms(V)
        el, m = self.elements, self.weight
        slope = el.product(m * mixed, "slopes", "basis")
        coupling = slope - slope.transpose(0, 2, 1) + el.product(m * mixed * 2 * self.kappa / el.r)
        return self._paired(self._kinetic + el.product(m * upper), self._kinetic + el.product(m * lower), coupling)

    def solve(self, V: np.ndarray, count: int, near: tuple | None = None):
        """Energies (count,), (p, q) at the nodes (2, count, size), ∫ r^{2β}(p² + q²) dr = 1, the factorisations made.

        `near` holds energies and (p, q) of a potential that is close.
        """
        fixed = self.beta == 0
        self.elements.check_room(2 * (self.elements.size - 1 - fixed), count)
        values, pairs = np.empty(count), np.empty((count, 2 * self.elements.size))
        if near is not None:
            values[:] = near[0] * (near[0] + 2 * self.c**2)
            pairs[:] = np.moveaxis(near[1], 0, -1).reshape(count, -1)
        tol = 2 * self.c**2 * FOLLOW
        work = kernels.lowest(self._matrix(V), self._overlap, 2, fixed, tol, near is not None, values, pairs)
        nodal = np.ascontiguousarray(np.moveaxis(pairs.reshape(count, -1, 2), -1, 0))
        return self.energies(V, *nodal), nodal, work

    def energies(self, V: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """E of states by the Rayleigh quotient μ of H² − c⁴, summed at the points: E = μ/(c² + √(c⁴ + μ)).

        The matrix loses ε‖H²‖, much more than a level's share of it; these sums lose ε of their terms, and an error of
        the vector enters squared.
        """
        el, m = self.elements, self.weight
        upper, lower, mixed = self._terms(V)
        (p, dp), (q, dq) = ((el.at_points(v), el.at_points(v, "slopes")) for v in (p, q))
        cross = 2 * mixed * (dp * q - p * dq + 2 * self.kappa / el.r * p * q)
        form = self.c**2 * (dp**2 + dq**2) + upper * p**2 + lower * q**2 + cross
        mu = np.einsum("eq,keq->k", m, form) / np.einsum("eq,keq->k", m, p**2 + q**2)
        return mu / (self.c**2 + np.sqrt(self.c**4 + mu))
