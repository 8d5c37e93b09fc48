"""Solvers in a transformed time and scale, the bound on their error on exact paths, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.sampler.fitted import training
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.laws.schedules import log_snr_rate, time_grid

NUDGE = 1e-5  # of difference quotients, relative


@dataclass(frozen=True)
class ScaleTime:
    """The solvers of one number of steps n and one rule: x̄(r) = s(r) x(t(r)), r from 0 to 1, solved by RK1 or RK2.

    θ, (4N,), N = n stages: logarithms of the increments of t, of ṫ and of s at N nodes, and ṡ; t runs in shares of the
    way from the start to the end. All functions of θ take a leading axis and complex numbers.
    Reference: N. Shaul et al. (2024), arXiv:2310.19075, eq. 14–20 and App. F.
    """

    start: float
    end: float
    n: int
    stages: int

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """(t (…, N+1) in shares, ṫ (…, N), s (…, N+1), ṡ (…, N))."""
        steps, pace, scale, growth = np.split(theta, 4, axis=-1)
        parts = np.exp(steps)
        shares = np.cumsum(parts, axis=-1) / parts.sum(axis=-1, keepdims=True)
        nought = np.zeros_like(theta[..., :1])
        return np.concatenate((nought, shares), -1), np.exp(pace), np.exp(np.concatenate((nought, scale), -1)), growth

    def scalars(self, theta: np.ndarray) -> np.ndarray:
        """(…, n, 8): A, B, C, a, b, t½, t, t₊ of each step x₊ = A x + B u + C u(a x + b u, t½), u = u(x, t)."""
        return self.rule(*self.split(theta))

    def rule(self, shares, pace, scale, growth) -> np.ndarray:
        """`scalars` of t, ṫ, s, ṡ at the nodes."""
        m, span = self.stages, self.end - self.start
        h = m / pace.shape[-1]
        t = self.start + span * shares
        s, after = scale[..., :-1:m], scale[..., m::m]
        if m == 1:
            nought = np.zeros_like(s)
            first = (s + h * growth) / after, h * span * pace * s / after
            return np.stack((*first, nought, nought, nought, t[..., :-1], t[..., :-1], t[..., 1:]), -1)
        half, rise, turn = scale[..., 1::m], h * growth[..., 1::m] / after, h * span / after
        a, b = (s + 0.5 * h * growth[..., ::m]) / half, 0.5 * h * span * s * pace[..., ::m] / half
        weights = s / after + rise * a, rise * b, turn * pace[..., 1::m] * half
        return np.stack((*weights, a, b, t[..., 1::m], t[..., :-1:m], t[..., m::m]), -1)

    def growths(self, theta: np.ndarray, lipschitz: float) -> np.ndarray:
        """M_i = Π_{j>i} L_j, (…, n): how much an error made in step i may grow by the end, eq. 25–27."""
        _, pace, scale, growth = self.split(theta)
        m, h = self.stages, 1 / self.n
        size = growth * np.sign(growth.real) / scale[..., :-1] + lipschitz * pace
        each = h * size if m == 1 else h * size[..., 1::m] * (1 + 0.5 * h * size[..., ::m])
        each = scale[..., :-1:m] / scale[..., m::m] * (1 + each)
        later = np.cumprod(each[..., :0:-1], axis=-1)[..., ::-1]
        return np.concatenate((later, np.ones_like(each[..., :1])), -1)

    def gradient(self, function, theta: np.ndarray) -> np.ndarray:
        """∂function/∂θ, (4N, …), by complex steps: exact to rounding."""
        shifted = theta + 1e-30j * np.eye(len(theta))
        return function(shifted).imag / 1e-30

    def plain(self, process, grid: str, rho: float) -> np.ndarray:
        """θ of the rule itself in the clock of a grid: t(r) is the grid's, ṫ its derivative, s = 1."""
        nodes, span = self.n * self.stages, self.end - self.start
        t = time_grid(process, grid, nodes, self.end, rho)
        pace = clock_rate(process, grid, t, rho)[:-1] / span
        return np.concatenate((np.log(np.diff(t) / span), np.log(pace), np.zeros(2 * nodes)))

    def refined(self, process, theta: np.ndarray, times: int) -> np.ndarray:
        """`scalars` of a solver with `times` as many steps in the same t(r), s(r), (n·times, 8).

        Between the nodes λ(r) and log s(r) are the cubics through values and derivatives learnt.
        """
        shares, pace, scale, growth = self.split(theta)
        nodes, span = self.n * self.stages, self.end - self.start
        t = self.start + span * shares
        turn = log_snr_rate(process, t)
        level = process.log_snr(t), np.append(pace, (shares[-1] - shares[-2]) * nodes) * span * turn
        size = np.log(scale), np.append(growth / scale[:-1], (np.log(scale[-1]) - np.log(scale[-2])) * nodes)
        r = np.arange(nodes * times + 1) / times
        (level, level_rate), (size, size_rate) = hermite(r, *level, 1 / nodes), hermite(r, *size, 1 / nodes)
        t = process.time(level)
        t[0], t[-1], scale = self.start, self.end, np.exp(size)
        pace = level_rate / log_snr_rate(process, t) / span
        return self.rule((t - self.start) / span, pace[:-1], scale, (size_rate * scale)[:-1])


def clock_rate(process, grid: str, t: np.ndarray, rho: float) -> np.ndarray:
    """dt/dr of a grid at its own times t, r its share of the steps."""
    if grid == "uniform":
        return np.full(len(t), t[-1] - t[0])
    if grid == "quadratic":
        return 2 * np.sqrt(t) * (np.sqrt(t[-1]) - np.sqrt(t[0]))
    level = process.log_snr(t)
    if grid == "log-SNR":
        return (level[-1] - level[0]) / log_snr_rate(process, t)
    noise = np.exp(-level / rho)
    return -rho * (noise[-1] - noise[0]) / noise / log_snr_rate(process, t)


def hermite(r: np.ndarray, value: np.ndarray, rate: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray]:
    """(values, derivatives) at r h of the piecewise cubic with the given values and derivatives at 0, h, 2h, …"""
    k = np.minimum(r.astype(int), len(value) - 2)
    u, rise, left, right = r - k, value[k + 1] - value[k], h * rate[k], h * rate[k + 1]
    bend, twist = 3 * rise - 2 * left - right, left + right - 2 * rise
    return value[k] + u * (left + u * (bend + u * twist)), (left + u * (2 * bend + 3 * u * twist)) / h


class Lesson:
    """What a solver is fitted to: exact paths of training particles, the bound on the error, and its gradient.

    `bound(θ)` is Σ_i M_i E|x*(t_i) − one step from x*(t_{i−1})| (eq. 26), where x* moves with t; `error(θ)` the RMS
    distance at the end of a whole sampling.
    """

    def __init__(self, problem: Diffusion, family: ScaleTime, samples: int, lipschitz: float):
        self.problem, self.family, self.lipschitz, self.nfe = problem, family, lipschitz, 0
        self.x = training.noises(problem, samples)
        self.path = training.ExactPath(problem, self.x, family.start, family.end)
        self.nfe += self.path.nfe

    def slope(self, x: np.ndarray, t: float) -> np.ndarray:
        """u(x, t), one evaluation."""
        self.nfe += 1
        return self.problem.velocity(x, self.problem.denoise(x, t), t)

    def error(self, theta: np.ndarray) -> float:
        """RMS distance from the exact end after a whole sampling of the training particles."""
        x = self.x
        for row in self.family.scalars(theta):
            x = stepped(self.slope, x, row, self.family.stages)
        return rms(x - self.path(self.family.end))

    def bound(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """(the loss, its gradient (4N,))."""
        family = self.family
        rows, growths = family.scalars(theta), family.growths(theta, self.lipschitz)
        times = np.append(rows[:, 6], rows[-1, 7])
        x = [self.path(float(t)) for t in times]
        u = [self.slope(y, float(t)) for y, t in zip(x, times)]
        local = [self._local(row, x[i], u[i], x[i + 1], u[i + 1]) for i, row in enumerate(rows)]
        errors, slopes = np.array([one[0] for one in local]), np.array([one[1] for one in local])
        gradient = np.einsum("pis,is->p", family.gradient(family.scalars, theta), slopes * growths[:, None])
        gradient += family.gradient(lambda one: family.growths(one, self.lipschitz), theta) @ errors
        return float(growths @ errors), gradient

    def _local(self, row, x, u, after, u_after) -> tuple[float, np.ndarray]:
        """(mean distance of one step from the exact path, its derivatives by A, B, C, a, b, t½, t, t₊)."""
        A, B, C, a, b, half, t, _ = row
        delta = NUDGE * t
        turn = (self.slope(x - delta * u, t - delta) - u) / -delta  # du/dt along the path
        changes = [-x, -u, 0 * x, 0 * x, 0 * x, 0 * x, -A * u - B * turn, u_after]
        rest = after - A * x - B * u
        if self.family.stages == 2:
            inner = a * x + b * u
            other = self.slope(inner, half)
            along = [(self.slope(inner + NUDGE * way, half) - other) / NUDGE for way in (x, u, turn)]
            late = (self.slope(inner, half * (1 + NUDGE)) - other) / (NUDGE * half)
            rest = rest - C * other
            changes[2:6] = -other, -C * along[0], -C * along[1], -C * late
            changes[6] = changes[6] - C * (a * along[1] + b * along[2])
        far = np.sqrt(np.einsum("nd,nd->n", rest, rest))
        way = rest / np.maximum(far, 1e-300)[:, None]
        return float(far.mean()), np.array([np.einsum("nd,nd->", way, one) for one in changes]) / len(far)


def stepped(slope, x: np.ndarray, row: np.ndarray, stages: int) -> np.ndarray:
    """One step of a solver given by its eight scalars."""
    A, B, C, a, b, half, t, _ = (float(one) for one in row)
    u = slope(x, t)
    x, inner = A * x + B * u, a * x + b * u
    return x + C * slope(inner, half) if stages == 2 else x
