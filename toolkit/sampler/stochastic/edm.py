"""The stochastic sampler of EDM: noise is added and removed on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.prediction import YES_NO, Guess, Pick, ratio, whether
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.laws.schedules import GRIDS
from toolkit.sampler.solvers.drawing import Drawing
from toolkit.sampler.solvers.step_ladder import StepLadder

MOST_CHURN = np.sqrt(2) - 1  # a step never adds more noise than there is


@dataclass(frozen=True)
class EDMStochastic(Drawing):
    """Heun's rule for dy/dr = (y − x₀)/r, y = x/α, r = σ/α, after noise is added: r̂ = (1 + γ) r at each step.

    γ = min(S_churn/N, √2 − 1) where S_tmin ≤ r ≤ S_tmax, else 0; y gets √(r̂² − r²) S_noise z. Noise added and removed
    forgets earlier errors. Two evaluations a step (one without the correction). No churn: order 2 against the flow;
    with churn the law is met, to the same order, if S_noise = 1.
    Reference: T. Karras, M. Aittala, T. Aila, S. Laine (2022), arXiv:2206.00364, Alg. 2, in y = x/α for any α.
    """

    title: ClassVar[str] = "EDM, stochastic"
    sources: ClassVar[tuple[str, ...]] = ("karras2022",)
    clock: ClassVar[str] = "ρ"
    grid: str = knob("Karras", choices=GRIDS, doc="how the times are spaced")
    churn: float = knob(20.0, 0.0, 1000.0, symbol="S_churn", doc="noise added over the whole run; 0: none")
    churn_from: float = knob(0.05, 0.0, 1e3, symbol="S_tmin", doc="least σ/α at which noise is added")
    churn_to: float = knob(50.0, 0.0, 1e9, log=True, symbol="S_tmax", doc="largest σ/α at which noise is added")
    churn_noise: float = knob(1.0, 0.9, 1.1, symbol="S_noise", doc="standard deviation of the added noise")
    heun: bool = knob(True, doc="correct each step by Heun's rule; else Euler's")

    @property
    def stochastic(self) -> bool:
        return self.churn > 0

    @property
    def order(self) -> float:
        return 2.0 if self.heun else 1.0

    @property
    def stages(self) -> int:
        return 2 if self.heun else 1

    def moved(self, problem, predict, x, s, t, draws):
        process = problem.process
        alpha, r, lower = process.alpha(s), self.noise_level(problem, s), self.noise_level(problem, t)
        y = x / alpha
        if self.churn and self.churn_from <= r <= self.churn_to:  # lines 4 to 6
            higher = r * (1 + min(self.churn / self.steps, MOST_CHURN))
            y = y + np.sqrt(higher**2 - r**2) * self.churn_noise * draws[0]
            r, s = higher, float(process.time(-np.log(higher)))
            x = process.alpha(s) * y
        slope = (y - predict(x, s)) / r
        ahead = y + (lower - r) * slope
        if self.heun:  # lines 9 to 11
            other = (ahead - predict(process.alpha(t) * ahead, t)) / lower
            ahead = y + 0.5 * (lower - r) * (slope + other)
        return process.alpha(t) * ahead

    def label(self) -> str:
        if self.stochastic:
            return self.title
        return f"EDM, {'Heun' if self.heun else 'Euler'}" + (f", ρ = {self.rho:g}" if self.grid == "Karras" else "")

    def claims(self, problem):
        if not self.stochastic:
            return self.promised_order(problem)
        return self.promised_law(problem, self.order) if self.churn_noise == 1 else ()


def healed(runs) -> bool:
    """Whether one with noise ended nearer to the law than the first method, which adds none."""
    ends = [run.history.last("sliced_wasserstein") for run in runs]
    return bool(min(ends[1:]) < ends[0])


EXPERIMENTS = (
    Experiment(
        "churn",
        "Does noise heal?",
        "Errors made early are forgotten when noise is added and removed again. Does that pay with an exact score?",
        PlaneMixture(particles=20_000),
        (EDMStochastic(steps=24, churn=0.0), EDMStochastic(steps=24, churn=2.0), EDMStochastic(steps=24, churn=8.0)),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="cloud",
        predict=Pick("Will a sampler with churn end nearer to the law?", whether(healed), options=YES_NO),
        why=(
            r"Churn raises the noise to $(1+\gamma)$ times what it is, and the step has to come down from there: it is "
            "longer, and misses by more. What noise can heal is an error made before, such as that of a network's "
            "score; here the score is exact, and the misses of the steps are all there is. So with few steps the walk "
            r"without noise ends nearest, and each bit of churn costs. Above $(\sqrt2-1)N$ more of it changes nothing."
        ),
        formula=r"\hat\sigma=(1+\gamma)\,\sigma,\qquad \gamma=\min\bigl(S_{\mathrm{churn}}/N,\ \sqrt2-1\bigr)",
        level=1,
        then="karras-rho",
    ),
    Experiment(
        "karras-rho",
        "Where should the steps be?",
        "Heun's rule each time; ρ = 1 spaces the noise evenly, ρ = 7 crowds the steps at its end. What is it worth?",
        PlaneMixture(particles=256, schedule="EDM"),
        tuple(StepLadder(sampler=EDMStochastic(churn=0.0, rho=rho)) for rho in (1.0, 3.0, 7.0)),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
        predict=Guess(
            "With the most steps, how many times smaller is the error for $\\rho=7$ than for $\\rho=1$?",
            *(ratio("final_error", 0, 2), 1.0, 10_000.0),
            unit="times",
            close=3.0,
        ),
        why=(
            r"Even spacing, $\rho=1$, spends nearly all steps where the noise is far larger than the data, and passes "
            r"the stretch in which the shape appears in the last few. A larger $\rho$ crowds the steps at small noise, "
            "so that each takes away about the same share of it. The rule is of order 2 in each case, but with "
            r"$\rho=1$ the slope shows late, when even the last steps have become small."
        ),
        formula=(
            r"\sigma_i=\Bigl(\sigma_{\max}^{1/\rho}+\frac{i}{N}"
            r"\bigl(\sigma_{\min}^{1/\rho}-\sigma_{\max}^{1/\rho}\bigr)\Bigr)^{\rho}"
        ),
        level=1,
        then="how-few-steps",
    ),
)
