"""Pseudo numerical methods: Adams' and Runge–Kutta's averages of ε, carried along by DDIM's step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.lab import Experiment
from toolkit.core.prediction import Pick, lowest
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.ddim import DDIM
from toolkit.sampler.solvers.deis import combined, transfer
from toolkit.sampler.solvers.sampler import Sampler


class _Pseudo(Sampler):
    """ε averaged by a rule for equal steps, then x_t = φ(x, ε̄, s, t) = (α_t/α_s) x + (σ_t − (α_t/α_s) σ_s) ε̄.

    φ is exact where ε is constant. The averages do not know φ's weight, hence order 2 whatever the rule, on grids
    whose steps change smoothly.
    """

    weights: ClassVar[tuple[float, ...]] = ()

    def warm(self, problem, state, eps, s: float, t: float):
        """ε̄ of a step that has too few before it, from ε = eps at s."""
        raise NotImplementedError

    @property
    def memory(self) -> int:
        return len(self.weights)

    def leap(self, problem, state, s, t):
        denoised = self.predict_start(problem, state, s)
        if state.i < len(self.weights) - 1:
            mean = self.warm(problem, state, problem.implied_noise(state.x, denoised, s), s, t)
        else:
            latest = (problem.implied_noise(x, x0, u) for u, x, x0 in state.history[::-1])
            mean = combined(self.weights, latest)
        return transfer(problem.process, state.x, mean, s, t)

    def ahead(self, problem, state, eps, s: float, t: float):
        """ε at t where φ carries the particles with eps: one evaluation."""
        x = transfer(problem.process, state.x, eps, s, t)
        return problem.implied_noise(x, self.predict(problem, state, x, t), t)


@dataclass(frozen=True)
class SPNDM(_Pseudo):
    """S-PNDM: ε̄ = (3ε − ε')/2, the first step by the pseudo improved Euler rule. One evaluation a step, order 2.

    Reference: L. Liu, Y. Ren, Z. Lin, Z. Zhao (2022), arXiv:2202.09778, Sec. 3.3 and App. (second order).
    """

    name: ClassVar[str] = "s_pndm"
    title: ClassVar[str] = "S-PNDM"
    sources: ClassVar[tuple[str, ...]] = ("liu2022pndm",)
    order: ClassVar[float] = 2.0
    weights: ClassVar[tuple[float, ...]] = (3 / 2, -1 / 2)

    def warm(self, problem, state, eps, s, t):
        """(ε + ε at the end)/2: one evaluation more."""
        return 0.5 * (eps + self.ahead(problem, state, eps, s, t))


@dataclass(frozen=True)
class FPNDM(_Pseudo):
    """F-PNDM: ε̄ = (55ε − 59ε' + 37ε'' − 9ε''')/24, the first three steps by the pseudo Runge–Kutta rule.

    One evaluation a step, four in each of the first three; order 2, with a smaller constant than S-PNDM's.
    Reference: L. Liu, Y. Ren, Z. Lin, Z. Zhao (2022), arXiv:2202.09778, Alg. 2 and Sec. 3.3.
    """

    name: ClassVar[str] = "f_pndm"
    title: ClassVar[str] = "F-PNDM"
    sources: ClassVar[tuple[str, ...]] = ("liu2022pndm",)
    order: ClassVar[float] = 2.0
    weights: ClassVar[tuple[float, ...]] = (55 / 24, -59 / 24, 37 / 24, -9 / 24)

    def warm(self, problem, state, eps, s, t):
        """(ε + 2ε₂ + 2ε₃ + ε₄)/6 with the middle in time: three evaluations more."""
        middle = 0.5 * (s + t)
        two = self.ahead(problem, state, eps, s, middle)
        three = self.ahead(problem, state, two, s, middle)
        return (eps + 2 * two + 2 * three + self.ahead(problem, state, three, s, t)) / 6


EXPERIMENTS = (
    Experiment(
        "pseudo-steps",
        "Fifty steps against a thousand",
        "F-PNDM in 50 steps, DDIM in 1000: which ends closer to the exact flow?",
        PlaneMixture(particles=2000),
        (FPNDM(steps=50), SPNDM(steps=50), DDIM(steps=1000)),
        THROUGH,
        measure="final_error",
        against="nfe",
        picture="cloud",
        predict=Pick("Which ends closest to the exact flow?", lowest("final_error")),
        why=(
            r"DDIM's step is exact where the noise $\varepsilon$ does not change, and is wrong by as much as it does: "
            "order 1. F-PNDM puts a mean of the last four in its place, whose weights take the change into account, "
            "and S-PNDM one of two: order 2. Fifty such steps are worth about a thousand of DDIM's here, because "
            "$50^2$ is of the size of $1000$; which is ahead depends on the constants, which no theory names."
        ),
        formula=(
            r"\bar\varepsilon=\tfrac{1}{24}\bigl(55\,\varepsilon-59\,\varepsilon'+37\,\varepsilon''-9\,\varepsilon'''\bigr),"
            r"\qquad x_t=\frac{\alpha_t}{\alpha_s}\,x_s+"
            r"\Bigl(\sigma_t-\frac{\alpha_t}{\alpha_s}\sigma_s\Bigr)\bar\varepsilon"
        ),
        level=1,
        then="purify",
    ),
)
