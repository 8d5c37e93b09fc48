"""Singly RK-TASE methods: explicit Runge–Kutta made stable by operators that need one factorisation a step."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.claims import FEWER, Beats
from toolkit.core.knob import knob
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.problems import Evolution
from toolkit.mesh.steps.runge_kutta import FixedStep, TimeState, steps_knob
from toolkit.mesh.steps.tase_coefficients import Tableau, modified2, modified3, singly


def quality_knob():
    """The knob of how far the matrix W is from the Jacobian, the same for all methods of this kind."""
    return knob(0.9, 0.5, 2.0, symbol="θ", doc="W = θ f′: how far off the Jacobian is; 1: exact")


def refresh_knob():
    """The knob of how long a Jacobian serves, the same for all methods of this kind."""
    return knob(1, 0, 1000, doc="steps for which a Jacobian and its factors serve; 0: the first one to the end")


class TASE(FixedStep):
    """Y_i = y + h Σ a_ij K_j, K_i = T_i f(Y_i), y⁺ = y + h Σ b_i K_i, T_i = Σ_l β_il (I − γhW)^−l.

    W is any matrix near the Jacobian; subclasses give the `tableau`. s evaluations and s·p solves a step.
    """

    quality: float
    refresh: int

    @property
    def tableau(self) -> Tableau:
        """The coefficients, exact."""
        raise NotImplementedError

    @cached_property
    def _numbers(self) -> tuple:
        """(a, b, beta) in floating point."""
        rows = [[float(x) for x in row] for row in self.tableau.a]
        weights = [[float(x) for x in row] for row in self.tableau.beta]
        return rows, [float(x) for x in self.tableau.b], weights

    def leap(self, problem: Evolution, state: TimeState, h: float) -> np.ndarray:
        if state.factors is None or (self.refresh and state.k % self.refresh == 0):
            state.jacobian = self.quality * problem.jacobian(state.y)
            self.factor(problem, state, float(self.tableau.gamma) * h)
        rows, b, beta = self._numbers
        slopes, y = [], state.y
        for row, weights in zip(rows, beta):
            stage = y + sum((h * a * k for a, k in zip(row, slopes)), 0.0)
            f, k = self.rhs(problem, state, stage), 0.0
            for weight in reversed(weights):  # Horner's rule in (I − γhW)⁻¹
                k = self.solve(problem, state, weight * f + k)
            slopes.append(k)
        state.work.flops += 6.0 * len(b) ** 2 * problem.size
        return y + sum(h * w * k for w, k in zip(b, slopes))

    def rival(self) -> TASE | None:
        """The method of the same cost it should be better than."""
        return None

    def claims(self, problem: Evolution) -> tuple:
        source, about = self.sources[0], "any W with h (W − f′) small on the solution"
        found = list(self.promised_mass(problem, source))
        if problem.ladder:
            finer = 1 if self.refresh == 1 and abs(self.quality - 1) < 0.16 else 2
            values = tuple(finer * steps for steps in problem.ladder)
            found.append(self.promised_order(problem, values, source, about, at_least=True, tol=0.25))
            if self.rival() is not None and self.refresh == 1 and self.steps >= min(problem.ladder):
                title = "smaller error than singly RK-TASE at equal cost"
                assumes = "the same steps, solves and W; so many steps that the order shows"
                here = dict(measure="error", title=title, source=source, assumes=assumes)
                found.append(Beats(other=self.rival(), factor=FEWER, stop=THROUGH, **here))
        return tuple(found)


@dataclass(frozen=True)
class ModifiedTASE2(TASE):
    """Modified singly RK-TASE of order 2: two stages, each with an operator of its own, one factorisation a step.

    K_i = T_i f(Y_i), T_i = β_i1 M⁻¹ + β_i2 M⁻², M = I − hW/3. Order 2 whatever W is (the conditions of W-methods);
    with W = f′ L-stable, and of order 3 on linear problems. W = θf′ stays stable on the negative axis for θ ≥ 5/6.
    Four solves and two evaluations a step. The coefficients are the one-parameter solution in `tase_coefficients`.
    Reference: M. Calvo, J. I. Montijano, L. Rández, J. Sci. Comput. 103 (2025), doi:10.1007/s10915-025-02813-4,
    arXiv:2407.01785 (the class and its order conditions; the free parameters are chosen here).
    """

    title: ClassVar[str] = "modified singly RK-TASE 2"
    name: ClassVar[str] = "ms_rk_tase_2"
    sources: ClassVar[tuple[str, ...]] = ("calvo2025", "bassenne2021", "steihaug1979")
    accuracy: ClassVar[int] = 2
    tableau: ClassVar[Tableau] = modified2()
    steps: int = steps_knob()
    quality: float = quality_knob()
    refresh: int = refresh_knob()

    def rival(self):
        return SinglyTASE(order=2, omega=1.25, steps=self.steps, quality=self.quality, refresh=self.refresh)


@dataclass(frozen=True)
class ModifiedTASE3(TASE):
    """Modified singly RK-TASE of order 3: three stages, each with an operator of its own, one factorisation a step.

    K_i = T_i f(Y_i), T_i = Σ_{l≤3} β_il M^−l, M = I − 4hW/9. Order 3 whatever W is: all eight conditions of W-methods
    hold exactly; with W = f′ L-stable. W = θf′ stays stable on the negative axis for θ ≥ 0.71.
    Nine solves and three evaluations a step. The coefficients are derived in `tase_coefficients`.
    Reference: M. Calvo, J. I. Montijano, L. Rández, J. Sci. Comput. 103 (2025), doi:10.1007/s10915-025-02813-4,
    arXiv:2407.01785 (the class and its order conditions; the free parameters are chosen here).
    """

    title: ClassVar[str] = "modified singly RK-TASE 3"
    name: ClassVar[str] = "ms_rk_tase_3"
    sources: ClassVar[tuple[str, ...]] = ("calvo2025", "bassenne2021", "steihaug1979")
    accuracy: ClassVar[int] = 3
    tableau: ClassVar[Tableau] = modified3()
    steps: int = steps_knob()
    quality: float = quality_knob()
    refresh: int = refresh_knob()

    def rival(self):
        return SinglyTASE(order=3, omega=1.5, steps=self.steps, quality=self.quality, refresh=self.refresh)


@dataclass(frozen=True)
class SinglyTASE(TASE):
    """Singly RK-TASE: one operator T = I − (I − M⁻¹)^p, M = I − ωhW, for every stage of Ralston's method of order p.

    T = I + O(h^p), so the order is p whatever W is. A-stable for p = 2 and ω ≥ 1; for p = 3 A(89°)-stable for
    ω ≥ 1.2, not A-stable, and R(∞) = 0 is out of reach for p = 2. p² solves and p evaluations a step.
    Reference: M. Calvo, L. Fu, J. I. Montijano, L. Rández, J. Sci. Comput. 96 (2023) 17,
    doi:10.1007/s10915-023-02232-3; the operator: M. Bassenne, L. Fu, A. Mani, J. Comput. Phys. 424 (2021) 109847.
    """

    title: ClassVar[str] = "singly RK-TASE"
    name: ClassVar[str] = "singly_rk_tase"
    sources: ClassVar[tuple[str, ...]] = ("calvo2023", "bassenne2021")
    order: int = knob(3, choices=(2, 3), symbol="p", doc="order of consistency and of the operator")
    no_claim: ClassVar[str] = (
        "ω is outside of 1.2 (order 2: 1) to 2: not stable on stiff problems, or far from its order"
    )
    omega: float = knob(1.5, 0.5, 4.0, symbol="ω", doc="M = I − ωhW: larger is more stable, smaller more accurate")
    steps: int = steps_knob()
    quality: float = quality_knob()
    refresh: int = refresh_knob()

    @property
    def accuracy(self) -> int:
        return self.order

    def claims(self, problem: Evolution) -> tuple:
        """None where ω is too small for stiff problems, or so large that the order shows late."""
        return TASE.claims(self, problem) if {2: 1.0, 3: 1.2}[self.order] <= self.omega <= 2 else ()

    @cached_property
    def tableau(self) -> Tableau:
        return singly(self.order, Fraction(self.omega).limit_denominator(10**6))
