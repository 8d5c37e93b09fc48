"""More matrix differential equations: particles in a slab by place and direction, and a Riccati equation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.linalg import expm

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob
from toolkit.rank.dynamics.problems import MatrixFlow


@dataclass(frozen=True)
class TransportFlow(MatrixFlow):
    """f_t + μ f_x + f = ½ σ_s ∫ f dμ′ on a periodic line: particles by place (rows) and direction (columns).

    Upwind differences in x, Gauss–Legendre directions μ with weights w; Y_jk = √w_k f(x_j, μ_k), so that norms are
    those of L². Y′ = −D⁻ Y M⁺ + D⁺ Y M⁻ − Y + ½ σ_s Y √w √wᵀ. A pulse, the same in all directions, is of rank one at
    first and spreads. The reference: a Fourier transform in x and an n_μ × n_μ exponential a wavenumber.
    Reference: G. Ceruti, J. Kusch, C. Lubich, BIT 62 (2022) 1149–1174, doi:10.1007/s10543-021-00907-7, section 6.
    """

    title: ClassVar[str] = "particle transport"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2022adaptive",)
    n: int = knob(80, 8, 160, log=True, symbol="n", doc="cells along the line")
    directions: int = knob(24, 4, 48, symbol="n_μ", doc="directions, Gauss–Legendre points")
    scattering: float = knob(1.0, 0.0, 1.0, symbol="σ_s", doc="share of the collisions that scatter; 1: none absorbs")
    rate: float = knob(2.0, 0.0, 50.0, symbol="σ", doc="collisions a unit of time")
    end: float = knob(0.5, 0.05, 2.0, symbol="T", doc="final time")

    @cached_property
    def parts(self):
        """(positive μ, negative μ, √w) by direction."""
        mu, weights = np.polynomial.legendre.leggauss(self.directions)
        return np.maximum(mu, 0.0), np.maximum(-mu, 0.0), np.sqrt(weights)

    @cached_property
    def initial(self):
        x = (np.arange(self.n) + 0.5) / self.n
        return frozen(np.outer(np.exp(-0.5 * ((x - 0.5) / 0.05) ** 2), self.parts[2]))

    @property
    def stiffness(self) -> float:
        return 2.0 * self.n + self.rate

    def slope(self, t, left, right):
        forth, back, root = self.parts
        down = self.n * (left - np.roll(left, 1, axis=0))
        up = self.n * (np.roll(left, -1, axis=0) - left)
        collided = 0.5 * self.scattering * np.outer(root, root @ right) - right
        return (
            np.hstack((-down, up, self.rate * left)),
            np.hstack((forth[:, None] * right, back[:, None] * right, collided)),
        )

    @cached_property
    def _spectral(self):
        forth, back, root = self.parts
        shift = np.exp(-2j * np.pi * np.arange(self.n) / self.n)
        down, up = self.n * (1 - shift), self.n * (shift.conj() - 1)
        mixed = self.rate * (0.5 * self.scattering * np.outer(root, root) - np.eye(self.directions))
        waves = np.fft.fft(self.initial, axis=0)
        return down[:, None] * forth - up[:, None] * back, mixed, waves

    def reference(self, t):
        moving, mixed, waves = self._spectral
        half = self.n // 2 + 1  # the others are their conjugates
        generators = np.broadcast_to(mixed, (half, *mixed.shape)).astype(complex)
        places = np.arange(self.directions)
        generators[:, places, places] -= moving[:half]
        now = np.einsum("kd,kde->ke", waves[:half], expm(t * generators))
        return np.fft.irfft(now, self.n, axis=0)


@dataclass(frozen=True)
class RiccatiFlow(MatrixFlow):
    """Y′ = A Y + Y Aᵀ + B Bᵀ − g Y Cᵀ C Y: the differential Riccati equation; with g = 0 Lyapunov's.

    A: diffusion and convection on a line in n inner points; B and C: where one heats, and where one looks. The start
    is of rank two; the solution is symmetric, and of low rank numerically. The reference: an exponential of the
    Hamiltonian matrix over a short time, then doubled as Y = H + E Y₀ (I + G Y₀)⁻¹ Eᵀ, which does not grow as it does.
    Reference: H. Mena, A. Ostermann, L.-M. Pfurtscheller, C. Piazzola, J. Comput. Appl. Math. 340 (2018) 602–614,
    arXiv:1705.10175 (Riccati and Lyapunov flows by low-rank splitting).
    """

    title: ClassVar[str] = "Riccati or Lyapunov flow"
    sources: ClassVar[tuple[str, ...]] = ("mena2018",)
    n: int = knob(50, 6, 100, log=True, symbol="n", doc="inner points of the line")
    nu: float = knob(0.02, 1e-3, 0.2, log=True, symbol="ν", doc="diffusion")
    convection: float = knob(0.5, 0.0, 4.0, symbol="c", doc="convection: A is not symmetric")
    gain: float = knob(1.0, 0.0, 100.0, symbol="g", doc="factor of the quadratic term; 0: Lyapunov")
    end: float = knob(1.0, 0.05, 5.0, symbol="T", doc="final time")

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A (n, n), B (n, 2), Cᵀ (n, 2)."""
        n, width = self.n, self.n + 1
        x = np.arange(1.0, n + 1) / width
        low = np.full(n - 1, self.nu * width**2 + 0.5 * self.convection * width)
        high = np.full(n - 1, self.nu * width**2 - 0.5 * self.convection * width)
        a = np.diag(np.full(n, -2 * self.nu * width**2)) + np.diag(low, -1) + np.diag(high, 1)
        b = np.stack([np.exp(-80 * (x - place) ** 2) for place in (0.25, 0.55)], 1)
        c = np.stack([np.exp(-80 * (x - place) ** 2) for place in (0.5, 0.8)], 1)
        return a, b, c / np.sqrt(n)

    @cached_property
    def initial(self):
        b = self.parts[1]
        return frozen(0.1 * b @ b.T)

    @property
    def stiffness(self) -> float:
        width = self.n + 1
        return 8 * self.nu * width**2 + 2 * self.convection * width + self.gain

    def slope(self, t, left, right):
        a, b, c = self.parts
        drained = self.gain * ((right.conj().T @ c) @ (c.T @ left))
        return np.hstack((a @ left - left @ drained, left, b)), np.hstack((right, a @ right, b))

    def reference(self, t):
        a, b, c = self.parts
        g, q = self.gain * c @ c.T, b @ b.T
        hamiltonian = np.block([[-a.T, g], [q, a]])
        doublings = max(0, int(np.ceil(np.log2(max(t * np.abs(hamiltonian).sum(0).max(), 1e-300)))))
        m = expm(t * 2.0**-doublings * hamiltonian)
        n, one = self.n, np.eye(self.n)
        inverse = np.linalg.inv(m[:n, :n])
        e, g, h = inverse.T, inverse @ m[:n, n:], m[n:, :n] @ inverse
        for _ in range(doublings):
            w = np.linalg.solve(one + g @ h, np.hstack((e.T, g)))
            e, g, h = w[:, :n].T @ e, g + e.T @ w[:, n:] @ e, h + e @ h @ w[:, :n]
            g, h = 0.5 * (g + g.T), 0.5 * (h + h.T)
        y = self.initial
        return h + e @ np.linalg.solve(one + y @ g, y) @ e.T
