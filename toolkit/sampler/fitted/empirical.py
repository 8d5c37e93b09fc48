"""DPM-Solver-v3: the exponential integrator whose linear part, scale and shift are statistics of the law."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.lab import Picture
from toolkit.core.loading import loading
from toolkit.core.memo import remembered
from toolkit.core.stop import THROUGH
from toolkit.sampler.fitted import training
from toolkit.sampler.solvers.deis import STARTS, fine, runge_kutta
from toolkit.sampler.solvers.sampler import Sampler

CORRECTORS = ("none", "half", "full")
KINDS = ("exact Jacobian", "differences", "data prediction", "noise prediction")
SPECIAL = {"data prediction": (1.0, 0.0, 0.0), "noise prediction": (0.0, -1.0, 0.0)}
NODES, CELL = 12, 0.25  # Gauss–Legendre nodes in a cell of λ at most so wide
RIDGE = 1e-6  # of the regression, relative to the variance of the data
NUDGE = 1e-4  # in λ, of the total derivative


class Statistics:
    """l, s, b as functions of λ with values (d,), through their antiderivatives L, S and B = ∫ e^{−S} b.

    Cubic splines through a table; B is the spline's own antiderivative, so that b is by definition e^S B' and no
    quadrature enters the order. Special ones, constants, are exact.
    """

    def __init__(self, levels: np.ndarray, table: np.ndarray, nfe: int = 0):
        """levels (K,), rising; table (3, K, d): l, s and b there. Breakdown where they, or e^{−S}, are not finite."""
        with loading():
            from scipy.interpolate import CubicSpline

        self.l, s = (CubicSpline(levels, one) for one in table[:2])
        self.L, self.S = self.l.antiderivative(), s.antiderivative()
        with np.errstate(over="ignore", invalid="ignore"):
            rate = np.exp(-self.S(levels)) * table[2]
        if not np.all(np.isfinite(rate)):
            raise Breakdown("the statistics of the law leave all bounds on the way", "Take a later end")
        self.B = CubicSpline(levels, rate).antiderivative()
        self.nfe = nfe

    def integrals(self, first: float, last: float, order: int) -> tuple[np.ndarray, np.ndarray]:
        """(∫ E (λ − λ_s)^k/k! dλ for k < order, (order, d); e^{S_s} ∫ E (B − B_s) dλ, (d,)), E = e^{ΔL + ΔS}."""
        cells = max(1, int(np.ceil((last - first) / CELL)))
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        share = (np.arange(cells)[:, None] + 0.5 * (nodes + 1)).ravel() / cells
        level = first + share * (last - first)
        E = np.exp(self.L(level) - self.L(first) + self.S(level) - self.S(first))
        E *= np.tile(weights, cells)[:, None] * 0.5 * (last - first) / cells
        powers = np.stack([(level - first) ** k / factorial(k) for k in range(order)])
        return powers @ E, np.exp(self.S(first)) * (E * (self.B(level) - self.B(first))).sum(axis=0)


def differenced_diagonal(problem, x: np.ndarray, t: float) -> np.ndarray:
    """An estimate of ∂E[x₀|x]_j/∂x_j by central differences, (n, d), whose mean over particles is what matters.

    One pair of evaluations a coordinate; in more than 8 dimensions one pair along random signs v in all, v ⊙ J v
    (Hutchinson), other signs for each particle.
    """
    d = x.shape[1]
    h = 1e-5 * np.hypot(problem.process.alpha(t), problem.process.sigma(t))
    if d > 8:
        v = np.sign(problem.stream(training.TRAINING, 2).standard_normal(x.shape))
        return v * (problem.denoise(x + h * v, t) - problem.denoise(x - h * v, t)) / (2 * h)
    out = np.empty_like(x)
    for j, shift in enumerate(h * np.eye(d)):
        out[:, j] = (problem.denoise(x + shift, t) - problem.denoise(x - shift, t))[:, j] / (2 * h)
    return out


def estimated(problem, levels: np.ndarray, n: int, exact: bool) -> Statistics:
    """The statistics at λ in `levels` from n draws of p_t.

    l = E[diag ∂(σ ε)/∂x] makes the Jacobian of the rest small (eq. 5); s and b are the regression, a coordinate each,
    of df/dλ along the flow on f = (σ ε − l x)/α (eq. 11). The same draws at every λ: smooth in λ.
    """
    process, (data, noise) = problem.process, training.draws(problem, n)
    times = [float(t) for t in process.time(levels)]
    states = [process.alpha(t) * data + process.sigma(t) * noise for t in times]
    linear, nfe, known = [], 0, exact and problem.closed_form
    for x, t in zip(states, times):
        slope = problem.jacobian_diagonal(x, t) if known else differenced_diagonal(problem, x, t)
        nfe += 1 if known else 2 * (problem.dim if problem.dim <= 8 else 1)
        linear.append(1 - process.alpha(t) * slope.mean(axis=0))
    table = np.stack([np.array(linear), np.zeros((len(levels), problem.dim)), np.zeros((len(levels), problem.dim))])
    rest, floor = Statistics(levels, table), RIDGE * data.var(axis=0).mean() * n
    for i, (x, level) in enumerate(zip(states, levels)):
        f, change = rate_along(problem, rest, x, float(level))
        spread = f - f.mean(axis=0)
        total = (spread**2).sum(axis=0) + floor  # f hardly varies where the law is nearly Gaussian
        table[1, i] = (spread * change).sum(axis=0) / total
        table[2, i] = change.mean(axis=0) - table[1, i] * f.mean(axis=0)
    return Statistics(levels, table, nfe + 3 * len(levels))


def rest_of(problem, statistics: Statistics, x: np.ndarray, denoised: np.ndarray, t: float) -> np.ndarray:
    """f = (σ ε − l x)/α = (1 − l) x/α − x₀, (n, d)."""
    process = problem.process
    return (1 - statistics.l(float(process.log_snr(t)))) / process.alpha(t) * x - denoised


def rate_along(problem, statistics, x: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """(f, df/dλ along the flow), by central differences with three evaluations."""
    process, found = problem.process, []
    t = float(process.time(level))
    denoised = problem.denoise(x, t)
    for shift in (-NUDGE, NUDGE):
        later = float(process.time(level + shift))
        ratio = process.sigma(later) / process.sigma(t)  # DDIM's curve is tangent to the flow
        y = ratio * x + (process.alpha(later) - ratio * process.alpha(t)) * denoised
        found.append(rest_of(problem, statistics, y, problem.denoise(y, later), later))
    f = rest_of(problem, statistics, x, denoised, t)
    return f, (found[1] - found[0]) / (2 * NUDGE)


@dataclass(slots=True, kw_only=True)
class EmpiricalState(training.FittedState):
    """The particles x are predicted; `base` (n, d) are those, corrected if they are, that the latest step began at."""

    base: np.ndarray


@dataclass(frozen=True)
class DPMSolverV3(Sampler):
    """DPM-Solver-v3, multistep: x_t = α_t e^{−ΔL} (x_s/α_s − I₀ g − e^{S_s} ∫E (B − B_s) − Σ_k I_k g^{(k)}).

    f = (σ ε − l x)/α, g_r = e^{S_s − S_r} f_r − e^{S_s} (B_r − B_s), I_k = ∫ E (λ − λ_s)^k/k! dλ, E = e^{ΔL + ΔS}; the
    derivatives g^{(k)} are those of the polynomial through the last `degree` values. l, s, b are statistics of the law,
    a coordinate each; (1, 0, 0) is data prediction, (0, −1, 0) noise prediction. One evaluation a step.
    `pseudo`: each derivative by the fewest values (for few steps). `corrector`: the step before is done once more, in
    the order it had, with the value at its end in place of the oldest one, which costs no evaluation (the first step,
    of order 1, is left as it is); "half": for t ≤ 1/2 only, as published (the released code does so for t > 1/2).
    `corrector_pseudo`: the oldest value is kept too, one order more, and each derivative is of the fewest values.
    With p = 3 the first two steps, of lower orders, leave order 2 in the end (late: noise is large there, and errors
    weigh little). Training: a few hundred evaluations.
    At few steps its error is below that with data prediction; on separate modes noise prediction may beat both.
    Reference: K. Zheng, C. Lu, J. Chen, J. Zhu (2023), arXiv:2310.13268, eq. 4–16, Theorems 3.3 and 3.4, Sec. 3.2.2
    (predictor and corrector), 3.3 (half-corrector) and 3.4 (statistics).
    """

    title: ClassVar[str] = "DPM-Solver-v3"
    sources: ClassVar[tuple[str, ...]] = ("zheng2023v3",)
    monitors: ClassVar[tuple[str, ...]] = (*Sampler.monitors, "training_nfe")
    memory: ClassVar[int] = 4
    steps: int = knob(8, 1, 100_000, log=True, symbol="N", doc="steps from noise to data")
    degree: int = knob(2, 1, 3, symbol="p", doc="order of the solver")
    statistics: str = knob("exact Jacobian", choices=KINDS, doc="where l, s and b are from")
    pseudo: bool = knob(False, doc="derivatives of g from the fewest values")
    corrector: str = knob("none", choices=CORRECTORS, doc="which steps are corrected once their end is evaluated")
    corrector_pseudo: bool = knob(False, doc="a corrector of one order more, its derivatives from the fewest values")
    start: str = knob("lower orders", choices=STARTS, doc="the first steps, of lower orders as published, or ρRK's")
    lower_last: bool = knob(False, doc="lower order in the last steps")
    samples: int = knob(256, 4, 5000, log=True, doc="draws of p_t for the statistics")
    table: int = knob(48, 8, 1000, log=True, symbol="K", doc="places in λ where they are taken")

    @property
    def order(self) -> float:
        return float(self.degree if self.start == "Runge–Kutta" else min(self.degree, 2))

    def label(self) -> str:
        kind = "" if self.statistics == KINDS[0] else f", {self.statistics}"
        return f"{self.title}, order {self.degree}{kind}" + (", corrected" if self.corrector != "none" else "")

    def taken(self, problem, end: float) -> Statistics:
        """The statistics between the start and the end, kept with the problem."""
        levels = np.linspace(problem.process.log_snr(problem.process.start), problem.process.log_snr(end), self.table)
        if self.statistics in SPECIAL:
            return Statistics(levels, np.multiply.outer(SPECIAL[self.statistics], np.ones((self.table, problem.dim))))
        key = "statistics", end, self.samples, self.table, self.statistics
        return remembered(problem, key, lambda: estimated(problem, levels, self.samples, self.statistics == KINDS[0]))

    def init(self, problem):
        plain = Sampler.init(self, problem)
        taken = self.taken(problem, float(plain.times[-1]))
        state = training.fitted(plain, taken, taken.nfe)
        return state.widened(EmpiricalState, base=state.x)

    def leap(self, problem, state, s, t):
        denoised = self.predict_start(problem, state, s)
        if self.climbing(state.i):
            state.base = state.x
            return runge_kutta(self, problem, state, problem.implied_noise(state.x, denoised, s), s, t, "RK4")
        state.base = self.corrected(problem, state, s)
        known = state.history[: -self.order_of(state.i) - 1 : -1]
        return self.moved(problem, state.fit, state.base, known, t, self.pseudo)

    def order_of(self, i: int) -> int:
        """The order of the prediction of step i: lower with fewer outputs known, and at the end if asked."""
        order = min(self.degree, i + 1)
        return min(order, self.steps - i) if self.lower_last else order

    def climbing(self, i: int) -> bool:
        """Whether step i is one of those before the order is reached, taken by Runge–Kutta."""
        return self.start == "Runge–Kutta" and 0 <= i < self.degree - 1

    def corrected(self, problem, state, s: float) -> np.ndarray:
        """The particles at s, from where the step before began, through the output at s too; as predicted if not."""
        late = self.corrector == "full" or (self.corrector == "half" and s <= 0.5 * problem.process.start)
        if not late or state.i == 0 or self.climbing(state.i - 1):
            return state.x
        order = self.order_of(state.i - 1) + self.corrector_pseudo  # of the step that is corrected
        if order < 2:
            return state.x
        end, before, *older = state.history[::-1]
        return self.moved(problem, state.fit, state.base, [before, end, *older][:order], s, self.corrector_pseudo)

    def moved(self, problem, fit: Statistics, x: np.ndarray, known: list, t: float, pseudo: bool) -> np.ndarray:
        """x carried from the time of known[0] to t through the outputs known, (time, x, x₀) each (eq. 14)."""
        process, s = problem.process, known[0][0]
        first, last = float(process.log_snr(s)), float(process.log_snr(t))
        nodes, values = self.rests(problem, fit, first, known)
        I, shift = fit.integrals(first, last, len(known))
        y = x / process.alpha(s) - shift
        for weight, slope in zip(I, derivatives(nodes, values, pseudo)):
            y = y - weight * slope
        return process.alpha(t) * np.exp(fit.L(first) - fit.L(last)) * y

    def rests(self, problem, fit: Statistics, first: float, known: list) -> tuple[list, list]:
        """(λ, g) of the outputs known, g from λ = `first` (eq. 8)."""
        nodes, values = [], []
        for u, x, denoised in known:
            level = float(problem.process.log_snr(u))
            f = rest_of(problem, fit, x, denoised, u)
            fall = np.exp(fit.S(first) - fit.S(level))
            nodes.append(level)
            values.append(fall * f - np.exp(fit.S(first)) * (fit.B(level) - fit.B(first)))
        return nodes, values

    def claims(self, problem):
        more = self.corrector != "none" or self.degree > self.order
        more |= self.statistics in SPECIAL and self.degree == 3 and problem.gaussian  # as UniP-3 there
        found = self.promised_order(problem, at_least=more, **fine(problem, self.order))
        measured = training.connected(problem) and self.degree == 2 and 5 <= self.steps <= 10
        measured = measured and self.corrector == "none"
        if self.statistics in SPECIAL or not measured or not training.representative(problem, self.samples):
            return found
        other = self.turned(statistics="data prediction")
        title = "error at the end below that with data prediction"
        about = dict(source="zheng2023v3", assumes="5 to 10 steps, no wide gaps in the law", stop=THROUGH)
        return (*found, Beats(other=other, measure="final_error", title=title, **about))


def derivatives(nodes: list, values: list, pseudo: bool) -> list:
    """[g, g', g'', …] at nodes[0] of the polynomial through all values; `pseudo`: g^{(k)} = k! g[λ_0, …, λ_k] only."""
    found, table = [values[0]], list(values)
    if pseudo or len(nodes) < 3:
        for k in range(1, len(nodes)):
            table = [(table[j] - table[j + 1]) / (nodes[j] - nodes[j + k]) for j in range(len(table) - 1)]
            found.append(factorial(k) * table[0])
        return found
    powers = np.array([[(node - nodes[0]) ** k for k in range(1, len(nodes))] for node in nodes[1:]])
    inverse = np.linalg.inv(powers)
    for k, row in enumerate(inverse, 1):
        found.append(factorial(k) * sum(c * (value - values[0]) for c, value in zip(row, values[1:])))
    return found


def statistics_of(problem, state):
    """l, s and the shift B of the first coordinate against log(α/σ)."""
    level = np.linspace(*problem.process.log_snr(np.array([state.times[0], state.times[-1]])), 121)
    fit = state.fit
    rate = fit.S(level, 1)[:, 0]
    return {"x": level, "l": fit.l(level)[:, 0], "s": rate, "b": np.exp(fit.S(level))[:, 0] * fit.B(level, 1)[:, 0]}


PICTURES = (
    Picture(
        "law_statistics", "statistics of the law", "lines", statistics_of, x="log(α/σ)", y="l, s, b", of=EmpiricalState
    ),
)
