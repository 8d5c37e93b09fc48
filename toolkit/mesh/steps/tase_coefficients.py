"""Coefficients of singly RK-TASE methods, exact: solved from their order conditions, and their stability function.

A method is Y_i = y + h Σ_{j<i} a_ij K_j, K_i = T_i f(Y_i), y⁺ = y + h Σ b_i K_i with one operator for every stage,
T_i = Σ_l β_il (I − γhW)^−l, W any matrix. Expanded, T_i = Σ_m t_im (hW)^m with t_im = γ^m Σ_l β_il C(l + m − 1, m),
and with t_i0 = 1 it is consistent of order 3 for every W if and only if, beside the four conditions on (A, b) alone,
Σ b_i t_i1 = 0, Σ b_i c_i t_i1 = 0, Σ b_i a_ij t_j1 = 0 and Σ b_i t_i2 = 0 (of order 2: the first of these).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction as F
from math import comb

import numpy as np


@dataclass(frozen=True)
class Tableau:
    """a: (s, s) strictly lower rows, b: (s,), gamma, beta: (s, p); all Fractions."""

    a: tuple[tuple[F, ...], ...]
    b: tuple[F, ...]
    gamma: F
    beta: tuple[tuple[F, ...], ...]

    @property
    def c(self) -> tuple[F, ...]:
        """c_i = Σ_j a_ij, the nodes of the stages, (s,)."""
        return tuple(sum(row, F(0)) for row in self.a)

    def moment(self, i: int, m: int) -> F:
        """t_im, the m-th coefficient of T_i in hW."""
        return self.gamma**m * sum(weight * comb(l + m, m) for l, weight in enumerate(self.beta[i]))


def modified2(gamma: F = F(1, 3)) -> Tableau:
    """Order 2, two stages, L-stable: β₁₁ = 2γ is chosen, the rest follows.

    Σ b_i β_i1 = 2 and R(∞) = 1 − 2/γ + β₁₁β₂₁/(2γ²) = 0 give β₂₁ = 2 − γ, b₂ = (2 − 2γ)/(2 − 3γ), a₂₁ = 1/(2b₂).
    With γ = 1/3 the stability function is e^z + O(z⁴): of order 3 on linear problems with W = f′. 0 < γ < 2/3.
    """
    b2 = (2 - 2 * gamma) / (2 - 3 * gamma)
    beta = ((2 * gamma, 1 - 2 * gamma), (2 - gamma, gamma - 1))
    return Tableau(((), (1 / (2 * b2),)), (1 - b2, b2), gamma, beta)


def modified3() -> Tableau:
    """Order 3, three stages, L-stable: c = (0, 1/2, 1/3), t_i1 = 0 for every stage, γ = 4/9, β₁₁ = 10/27.

    t_i1 = 0 gives β_i2 = 3 − 2β_i1, β_i3 = β_i1 − 2; Σ b_i β_i1 = 3 gives β₃₁; R(∞) = 0 is then quadratic in β₂₁, with
    a rational root for this γ and β₁₁.
    """
    gamma, first = F(4, 9), (F(10, 27), F(22, 9), F(112, 81))
    beta = tuple((x, 3 - 2 * x, x - 2) for x in first)
    return Tableau(((), (F(1, 2),), (F(5, 9), F(-2, 9))), (F(1, 2), F(2), F(-3, 2)), gamma, beta)


def singly(order: int, gamma: F) -> Tableau:
    """Singly RK-TASE: T = I − (I − (I − γhW)⁻¹)^p at every stage, on Ralston's explicit method of order p.

    Reference: M. Calvo, L. Fu, J. I. Montijano, L. Rández, J. Sci. Comput. 96 (2023) 17.
    """
    weights = tuple(F((-1) ** l * comb(order, l + 1)) for l in range(order))
    if order == 2:
        return Tableau(((), (F(2, 3),)), (F(1, 4), F(3, 4)), gamma, (weights,) * 2)
    return Tableau(((), (F(1, 2),), (F(0), F(3, 4))), (F(2, 9), F(1, 3), F(4, 9)), gamma, (weights,) * 3)


def conditions(method: Tableau, order: int) -> dict[str, F]:
    """What is left of each order condition up to `order` for any W, by elementary differential: all zero if met."""
    s = range(len(method.b))
    b, c = method.b, method.c
    a = [row + (F(0),) * (len(b) - len(row)) for row in method.a]
    t1, t2 = [method.moment(i, 1) for i in s], [method.moment(i, 2) for i in s]
    left = {f"T_{i}(0)": method.moment(i, 0) - 1 for i in s} | {"f": sum(b) - 1}
    if order >= 2:
        left |= {"f'f": sum(b[i] * c[i] for i in s) - F(1, 2), "Wf": sum(b[i] * t1[i] for i in s)}
    if order >= 3:
        left |= {
            "f''ff": sum(b[i] * c[i] ** 2 for i in s) - F(1, 3),
            "f'f'f": sum(b[i] * a[i][j] * c[j] for i in s for j in s) - F(1, 6),
            "f'Wf": sum(b[i] * a[i][j] * t1[j] for i in s for j in s),
            "Wf'f": sum(b[i] * t1[i] * c[i] for i in s),
            "WWf": sum(b[i] * t2[i] for i in s),
        }
    return left


def stability(method: Tableau, z, quality: float = 1.0):
    """R(z), the factor of a step for y′ = λy, z = hλ, with W = quality · λ; z a number or an array."""
    z = np.asarray(z)
    q = 1 / (1 - float(method.gamma) * quality * z)
    slopes = []
    for row, weights in zip(method.a, method.beta):
        stage = 1 + sum((float(a) * k for a, k in zip(row, slopes)), 0 * z)
        slopes.append(z * stage * sum(float(w) * q ** (l + 1) for l, w in enumerate(weights)))
    return 1 + sum(float(b) * k for b, k in zip(method.b, slopes))


def at_infinity(method: Tableau) -> F:
    """R(∞) with W = f′, exact."""
    slopes = []
    for row, weights in zip(method.a, method.beta):
        slopes.append(-weights[0] / method.gamma * (1 + sum((a * k for a, k in zip(row, slopes)), F(0))))
    return 1 + sum(b * k for b, k in zip(method.b, slopes))
