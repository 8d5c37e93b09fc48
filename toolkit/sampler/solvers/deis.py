"""DEIS: exponential integrators of dy/dρ = ε with y = x/α, ρ = σ/α: Adams–Bashforth and Runge–Kutta in ρ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.prediction import Sketch
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.dpmsolver import GAP
from toolkit.sampler.solvers.sampler import Sampler
from toolkit.sampler.solvers.step_ladder import StepLadder

NODES = 32  # of Gauss–Legendre: the integrals are exact to rounding up to a whole schedule in one step
STARTS = ("Runge–Kutta", "lower orders")
VARIABLES = ("time", "ρ", "log ρ")
RULES = {  # (rows of a, weights b, order); the places are the sums of the rows
    "midpoint": (((), (1 / 2,)), (0.0, 1.0), 2),
    "Heun": (((), (1.0,)), (1 / 2, 1 / 2), 2),
    "Kutta": (((), (1 / 2,), (-1.0, 2.0)), (1 / 6, 4 / 6, 1 / 6), 3),
    "RK4": (((), (1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)), (1 / 6, 2 / 6, 2 / 6, 1 / 6), 4),
}


@cache
def gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """(nodes in (0, 1), weights that sum to 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return 0.5 * (nodes + 1), 0.5 * weights


def transfer(process, x, eps, s: float, t: float):
    """φ(x, ε, s, t) = (α_t/α_s) x + (σ_t − (α_t/α_s) σ_s) ε: the probability flow where ε is constant."""
    ratio = process.alpha(t) / process.alpha(s)
    return ratio * x + (process.sigma(t) - ratio * process.sigma(s)) * eps


def adams_weights(process, s: float, t: float, places, variable: str) -> np.ndarray:
    """C_j = α_t ∫_s^t ρ'(τ) Π_{k≠j} (u(τ) − u_k)/(u_j − u_k) dτ, u the `variable`, shape (len(places),).

    Gauss–Legendre in λ, in which dρ = −e^{−λ} dλ is smooth. Reference: arXiv:2204.13902, Sec. 3.
    """
    share, weight = gauss_legendre()
    first, last = process.log_snr(s), process.log_snr(t)
    level = first + share * (last - first)
    at = np.array([_in(process, variable, u) for u in places])
    along = np.asarray(_in(process, variable, process.time(level)) if variable != "log ρ" else -level)
    basis = np.ones((len(at), NODES))
    for j, k in np.ndindex(len(at), len(at)):
        if j != k:
            basis[j] *= (along - at[k]) / (at[j] - at[k])
    return -process.sigma(t) * (last - first) * basis @ (weight * np.exp(last - level))


def _in(process, variable: str, t):
    """The time t in the variable that polynomials are taken in."""
    if variable == "time":
        return t
    return -process.log_snr(t) if variable == "log ρ" else np.exp(-process.log_snr(t))


def runge_kutta(sampler, problem, state, eps, s: float, t: float, rule: str) -> np.ndarray:
    """One step of a Runge–Kutta rule in ρ for y = x/α, from ε = eps at s; the other stages are evaluated."""
    process, (rows, weights, _) = problem.process, RULES[rule]
    first = np.exp(-process.log_snr(s))
    width, y, found = np.exp(-process.log_snr(t)) - first, state.x / process.alpha(s), [eps]
    for row in rows[1:]:
        place = sum(row)
        u = t if place == 1 else float(process.time(-np.log(first + place * width)))
        ahead = process.alpha(u) * (y + width * combined(row, found))
        found.append(problem.implied_noise(ahead, sampler.predict(problem, state, ahead, u), u))
    return process.alpha(t) * (y + width * combined(weights, found))


def combined(weights, arrays) -> np.ndarray:
    """Σ w_j a_j over the weights that are not zero."""
    return sum(w * a for w, a in zip(weights, arrays) if w)


def fine(problem, order: float) -> dict:
    """The ladder of a multistep method of order 3 and more, asymptotic only from a hundred steps on."""
    values = (256, 512, 1024, 2048) if order == 4 else (128, 256, 512, 1024)
    return dict(values=values) if order >= 3 and problem.ladder(order) else {}


@dataclass(frozen=True)
class DEIS(Sampler):
    """tAB-DEIS: x_t = (α_t/α_s) x + Σ_j C_j ε_j, a polynomial of degree q through the latest q + 1 noises.

    C_j = α_t ∫ ρ' L_j dτ is integrated exactly, L_j Lagrange's polynomials in `variable` (time: tAB; ρ: ρAB). One
    evaluation a step, order q + 1; q = 0 is DDIM. The first q steps are ρRK's of order four (four evaluations each), or
    as published of lower orders, which leaves order 2 in the end (late: noise is large there, and errors weigh little).
    The C_j alternate in sign and grow with q: for few steps take a small q.
    Reference: Q. Zhang, Y. Chen (2023), arXiv:2204.13902, Alg. 1 and Sec. 3 (tAB), Sec. 4 (ρAB).
    """

    title: ClassVar[str] = "DEIS"
    sources: ClassVar[tuple[str, ...]] = ("zhang2023deis",)
    clock: ClassVar[str] = "ρ"
    q: int = knob(2, 0, 3, doc="degree of the polynomial")
    variable: str = knob("time", choices=VARIABLES, doc="what the polynomial is in")
    start: str = knob("Runge–Kutta", choices=STARTS, doc="the first q steps")

    def label(self) -> str:
        return f"DEIS, q = {self.q}"

    @property
    def order(self) -> float:
        return self.q + 1.0 if self.start == "Runge–Kutta" else min(self.q + 1.0, 2.0)

    @property
    def memory(self) -> int:
        return self.q + 1

    def leap(self, problem, state, s, t):
        process, denoised = problem.process, self.predict_start(problem, state, s)
        if self.start == "Runge–Kutta" and state.i < self.q:
            return runge_kutta(self, problem, state, problem.implied_noise(state.x, denoised, s), s, t, "RK4")
        latest = state.history[::-1]
        weights = adams_weights(process, s, t, [u for u, _, _ in latest], self.variable)
        noises = (problem.implied_noise(x, x0, u) for u, x, x0 in latest)
        return process.alpha(t) / process.alpha(s) * state.x + combined(weights, noises)

    def measures(self, problem):
        return (GAP,) if self.q == 0 else ()

    def claims(self, problem):
        if self.q:
            about = dict(at_least=True) if self.start != "Runge–Kutta" else {}
            return self.promised_order(problem, **about, **fine(problem, self.order))
        about = dict(source="zhang2023deis", assumes="exact arithmetic", title="each step is DDIM's", stop=THROUGH)
        return (*Sampler.claims(self, problem), Exact(measure="ddim_gap", tol=1e-12, always=True, **about))


@dataclass(frozen=True)
class RhoRungeKutta(Sampler):
    """ρRK-DEIS: a Runge–Kutta rule for dy/dρ = ε, y = x/α, ρ = σ/α. As many evaluations a step as stages.

    Orders: midpoint and Heun 2, Kutta 3, RK4 4. Heun on α = 1, σ = t is EDM's sampler. For a Gaussian y² = v + ρ², and
    the midpoint rule's term in h³ is ρ((ρ² − 3v)/12 + (v − ρ²)/4 + ρ²/6) = 0 (times y/(v + ρ²)³): there it has order 3.
    Reference: Q. Zhang, Y. Chen (2023), arXiv:2204.13902, Sec. 4 (ρRK).
    """

    title: ClassVar[str] = "ρRK-DEIS"
    sources: ClassVar[tuple[str, ...]] = ("zhang2023deis",)
    clock: ClassVar[str] = "ρ"
    rule: str = knob("Kutta", choices=tuple(RULES), doc="the Runge–Kutta rule")

    def label(self) -> str:
        return f"ρRK-DEIS, {self.rule}"

    @property
    def order(self) -> float:
        return float(RULES[self.rule][2])

    @property
    def stages(self) -> int:
        return len(RULES[self.rule][1])

    def leap(self, problem, state, s, t):
        eps = problem.implied_noise(state.x, self.predict_start(problem, state, s), s)
        return runge_kutta(self, problem, state, eps, s, t, self.rule)

    def claims(self, problem):
        return self.promised_order(problem, at_least=self.rule == "midpoint")


EXPERIMENTS = (
    Experiment(
        "memory-for-order",
        "Memory instead of evaluations",
        "DEIS raises its order by remembering, Runge–Kutta by evaluating more. Which leads, and when?",
        PlaneMixture(particles=256),
        (*(StepLadder(sampler=DEIS(q=q)) for q in range(4)), StepLadder(sampler=RhoRungeKutta(rule="RK4"))),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
        predict=Sketch(
            "DEIS with q = 2 remembers two outputs beside the newest. How steeply does its error fall?",
            "final_error",
            of=2,
            order=True,
        ),
        why=(
            "A polynomial of degree $q$ through the last $q+1$ outputs makes a method of order $q+1$ for one "
            "evaluation a step; Runge–Kutta's rule of order four pays four. With few evaluations memory leads, as it "
            "takes more steps for the same price. Later Runge–Kutta is no worse than DEIS of the same order: "
            "its error for a step is so much smaller that the price comes back."
        ),
        formula=(
            r"x_t=\frac{\alpha_t}{\alpha_s}\,x_s+\sum_{j=0}^{q}C_j\,\varepsilon_j,\qquad "
            r"C_j=\alpha_t\int_s^t\rho'(\tau)\,L_j(\tau)\,d\tau,\quad \rho=\sigma/\alpha"
        ),
        level=2,
        minutes=6,
        then="free-correction",
    ),
)
