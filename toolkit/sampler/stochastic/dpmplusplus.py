"""SDE-DPM-Solver++: the reverse equation with noise, on one Brownian path or with fresh noise at each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.memo import remembered
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.probe import Measure
from toolkit.core.stop import THROUGH
from toolkit.core.study import solve
from toolkit.sampler.laws.measures import NAN, rms
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.ddim import DDPM
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.sampler import Sampler

FINEST = 1024  # steps of the solution that others on the same path are compared with
PATHS = 32  # over which a strong error is a mean


def resolved(problem, end: float) -> np.ndarray:
    """The reverse equation on the problem's path in 1024 steps of SDE-DPM-Solver++(2M), shape (m, d); kept with it."""
    method = SDEDPMSolverPP2M(steps=FINEST, end=end)
    return remembered(problem, method, lambda: solve(problem, method, THROUGH).state.x)


def strong_error(problem, state) -> float:
    """RMS distance from the same Brownian path in 1024 steps; NaN before the end."""
    if state.i < len(state.times) - 1:
        return NAN
    path = resolved(problem.few, float(state.times[-1]))
    return rms(state.x[: len(path)] - path)


STRONG = Measure(
    "strong_error",
    "distance from the path resolved",
    strong_error,
    "‖x − x(W)‖",
    doc="RMS distance from the same Brownian path in 1024 steps, 256 particles",
)


class _Reverse(Sampler):
    """x_t = (σ_t/σ_s) e^{−h} x + α_t (1 − e^{−2h}) D + σ_t √(1 − e^{−2h}) z for an average D of x₀.

    z = (W_t − W_s)/√h of the problem's path has correlation 1 − h²/24 + … with ∫ e^{λ − λ_t} dW: strong order 1.
    """

    stochastic = True
    shared_path: bool  # a knob of each

    def carried(self, problem, state, mean, s: float, t: float):
        """x at t for the average `mean`."""
        process = problem.process
        h = float(process.log_snr(t) - process.log_snr(s))
        drawn = problem.path_noise(s, t) if self.shared_path else problem.fresh_noise(state.i)
        kept = process.sigma(t) / process.sigma(s) * np.exp(-h)
        share = -np.expm1(-2 * h)
        return kept * state.x + process.alpha(t) * share * mean + process.sigma(t) * np.sqrt(share) * drawn

    def measures(self, problem):
        return (STRONG,) if self.shared_path else ()

    def claims(self, problem):
        if not self.shared_path or problem.scattered or not self.small_steps(problem, 64):
            return ()  # where noise decides between far modes, the order shows after thousands of steps only
        if problem.particles < PATHS:
            return ()  # a mean over paths: one path's slope is not another's
        assumed = f"one Brownian path for all steps, a smooth score, the mean over {PATHS} paths or more"
        about = dict(source="lu2022pp", assumes=assumed, stop=THROUGH)
        title = "strong error ∝ N^−1"
        return (Order(measure="strong_error", p=1.0, over="steps", values=(64, 128, 256), title=title, **about),)


@dataclass(frozen=True)
class SDEDPMSolverPP1(_Reverse):
    """SDE-DPM-Solver++(1): D = x₀ at the start of the step. It is ancestral sampling. One evaluation, strong order 1.

    Reference: C. Lu et al. (2022), arXiv:2211.01095, Sec. 5 (first order).
    """

    name: ClassVar[str] = "sde_dpm_solver_pp1"
    title: ClassVar[str] = "SDE-DPM-Solver++ 1"
    sources: ClassVar[tuple[str, ...]] = ("lu2022pp",)
    shared_path: bool = knob(True, doc="noise from one Brownian path, the same whatever the steps")

    def leap(self, problem, state, s, t):
        return self.carried(problem, state, self.predict_start(problem, state, s), s, t)


@dataclass(frozen=True)
class SDEDPMSolverPP2M(_Reverse):
    """SDE-DPM-Solver++(2M): D = x₀ + (x₀ − x₀')/2r, r = h'/h, h' and x₀' of the step before. One evaluation a step.

    The drift is averaged to second order, which lowers the error; the strong order is still 1, as the path's increments
    do not tell its integral.
    Reference: C. Lu et al. (2022), arXiv:2211.01095, Sec. 5 (second order, multistep).
    """

    name: ClassVar[str] = "sde_dpm_solver_pp2m"
    title: ClassVar[str] = "SDE-DPM-Solver++ 2M"
    sources: ClassVar[tuple[str, ...]] = ("lu2022pp",)
    memory: ClassVar[int] = 2
    shared_path: bool = knob(True, doc="noise from one Brownian path, the same whatever the steps")

    def leap(self, problem, state, s, t):
        process, denoised = problem.process, self.predict_start(problem, state, s)
        if len(state.history) > 1:
            before, _, earlier = state.history[-2]
            ratio = (process.log_snr(s) - process.log_snr(before)) / (process.log_snr(t) - process.log_snr(s))
            denoised = denoised + (denoised - earlier) / (2 * ratio)
        return self.carried(problem, state, denoised, s, t)


def remembers_better(runs) -> bool:
    """Whether the second method, with memory, ended nearer to the law than the first."""
    return bool(runs[1].history.last("sliced_wasserstein") < runs[0].history.last("sliced_wasserstein"))


EXPERIMENTS = (
    Experiment(
        "noise-with-memory",
        "Noise, and memory",
        "The same twenty evaluations with fresh noise: does memory bring the particles closer to the law?",
        PlaneMixture(particles=20_000, shape="moons"),
        (SDEDPMSolverPP1(shared_path=False), SDEDPMSolverPP2M(shared_path=False), DDPM(), DPMSolverPP2M()),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="cloud",
        predict=Pick(
            "Will SDE-DPM-Solver++ 2M, which remembers one output, end nearer to the law than 1?",
            whether(remembers_better),
            options=YES_NO,
        ),
        why=(
            "SDE-DPM-Solver++ 1 is ancestral sampling: its curve lies on that of DDPM. 2M puts the value of $x_0$ in "
            "the middle of the step, extrapolated from two outputs, in the place of that at its start; the drift is "
            "then right to second order, and with as many evaluations the particles end far nearer to the law. Each "
            "single path is not better resolved for that: along a path the order stays one."
        ),
        formula=(
            r"x_t=\frac{\sigma_t}{\sigma_s}e^{-h}x_s+\alpha_t\bigl(1-e^{-2h}\bigr)"
            r"\Bigl(x_0+\frac{x_0-x_0'}{2r}\Bigr)+\sigma_t\sqrt{1-e^{-2h}}\;z"
        ),
        level=2,
        then="batches-at-rest",
    ),
)
