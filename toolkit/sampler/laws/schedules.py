"""Noising processes x_t = α(t) x₀ + σ(t) ε, and the grids of times on which a sampler walks back from T to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.errors import KnobError


class Schedule:
    """α, σ and what follows from them, for numbers or arrays of times; t falls from `start` (noise) towards 0 (data).

    λ = log(α/σ) is half the log signal-to-noise ratio, which rises as t falls; `time` inverts it. In the forward
    equation dx = f x dt + g dW, f = α'/α and g² = 2σσ' − 2fσ². `end` is where samplers stop unless told otherwise.
    Reference: Y. Song et al. (2021), arXiv:2011.13456; D. Kingma et al. (2021), arXiv:2107.00630.
    """

    start: ClassVar[float] = 1.0
    end: ClassVar[float] = 1e-3
    lowest: ClassVar[float] = 1e-9

    def alpha(self, t):
        """The factor of the data, α(t)."""
        raise NotImplementedError

    def sigma(self, t):
        """The standard deviation of the noise, σ(t)."""
        raise NotImplementedError

    def rates(self, t):
        """(α'(t), σ'(t))."""
        raise NotImplementedError

    def time(self, log_snr):
        """t with λ(t) = log_snr."""
        raise NotImplementedError

    def log_snr(self, t):
        """λ(t) = log(α/σ)."""
        return np.log(self.alpha(t)) - np.log(self.sigma(t))

    def drift(self, t):
        """f(t) = α'/α."""
        return self.rates(t)[0] / self.alpha(t)

    def diffusion(self, t):
        """g²(t) = 2σσ' − 2fσ²."""
        sigma, (_, rise) = self.sigma(t), self.rates(t)
        return 2 * sigma * (rise - self.drift(t) * sigma)


@dataclass(frozen=True)
class VPLinear(Schedule):
    """Variance preserving, α² + σ² = 1, with −2 log α = β₀ t + (β₁ − β₀) t²/2 (the limit of DDPM's linear β).

    Reference: Y. Song et al. (2021), arXiv:2011.13456, eq. 32; C. Lu et al. (2022), arXiv:2206.00927, App. D.4.
    """

    low: float = 0.1
    high: float = 20.0

    def _depth(self, t):
        return t * (self.low + 0.5 * (self.high - self.low) * t)

    def alpha(self, t):
        return np.exp(-0.5 * self._depth(t))

    def sigma(self, t):
        return np.sqrt(-np.expm1(-self._depth(t)))

    def rates(self, t):
        alpha, beta = self.alpha(t), self.low + (self.high - self.low) * t
        return -0.5 * beta * alpha, 0.5 * beta * alpha**2 / self.sigma(t)

    def time(self, log_snr):
        depth = np.logaddexp(0.0, -2 * np.asarray(log_snr, dtype=float))
        return 2 * depth / (self.low + np.sqrt(self.low**2 + 2 * (self.high - self.low) * depth))


@dataclass(frozen=True)
class VPCosine(Schedule):
    """Variance preserving with α = cos(a(t + s))/cos(a s), a = π/(2 + 2s); it stops at T = 0.9946, before α is 0.

    σ² = sin(a(t + 2s)) sin(a t)/cos²(a s) has no cancellation at t → 0.
    Reference: A. Nichol, P. Dhariwal (2021), arXiv:2102.09672, eq. 17; C. Lu et al. (2022), arXiv:2206.00927, App. D.4.
    """

    offset: float = 0.008
    start: ClassVar[float] = 0.9946

    @property
    def _pace(self) -> float:
        return 0.5 * np.pi / (1 + self.offset)

    def alpha(self, t):
        return np.cos(self._pace * (t + self.offset)) / np.cos(self._pace * self.offset)

    def sigma(self, t):
        a, s = self._pace, self.offset
        return np.sqrt(np.sin(a * (t + 2 * s)) * np.sin(a * t)) / np.cos(a * s)

    def rates(self, t):
        a, s = self._pace, self.offset
        fall = -a * np.sin(a * (t + s)) / np.cos(a * s)
        return fall, -self.alpha(t) * fall / self.sigma(t)

    def time(self, log_snr):
        depth = np.logaddexp(0.0, -2 * np.asarray(log_snr, dtype=float))
        a, least = self._pace, self._pace * self.offset
        alpha, variance = np.exp(-0.5 * depth), -np.expm1(-depth)
        angle = np.arctan2(np.sqrt(variance + (alpha * np.sin(least)) ** 2), alpha * np.cos(least))
        near = np.arcsin(np.minimum(1.0, variance * np.cos(least) ** 2 / np.sin(angle + least)))
        return np.where(angle < 0.5, near, angle - least) / a


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding: α = 1, σ = σ_min (σ_max/σ_min)^t; noise of size σ_min is never removed.

    Reference: Y. Song et al. (2021), arXiv:2011.13456, eq. 31.
    """

    low: float = 0.01
    high: float = 50.0
    end: ClassVar[float] = 0.05

    def alpha(self, t):
        return np.ones_like(t, dtype=float)[()]

    def sigma(self, t):
        return self.low * (self.high / self.low) ** np.asarray(t, dtype=float)[()]

    def rates(self, t):
        return np.zeros_like(t, dtype=float)[()], np.log(self.high / self.low) * self.sigma(t)

    def time(self, log_snr):
        return (-np.asarray(log_snr, dtype=float)[()] - np.log(self.low)) / np.log(self.high / self.low)


@dataclass(frozen=True)
class EDM(Schedule):
    """α = 1, σ = t, from 80 to 0.002: trajectories are straight but for the data.

    Reference: T. Karras, M. Aittala, T. Aila, S. Laine (2022), arXiv:2206.00364, Table 1.
    """

    start: ClassVar[float] = 80.0
    end: ClassVar[float] = 0.002

    def alpha(self, t):
        return np.ones_like(t, dtype=float)[()]

    def sigma(self, t):
        return np.asarray(t, dtype=float)[()]

    def rates(self, t):
        return np.zeros_like(t, dtype=float)[()], np.ones_like(t, dtype=float)[()]

    def time(self, log_snr):
        return np.exp(-np.asarray(log_snr, dtype=float)[()])


@dataclass(frozen=True)
class FlowMatching(Schedule):
    """Straight lines: α = 1 − t, σ = t. It starts at 0.999, as λ is −∞ at 1.

    Reference: Y. Lipman et al. (2023), arXiv:2210.02747, eq. 20–22; X. Liu, C. Gong, Q. Liu (2023), arXiv:2209.03003.
    """

    start: ClassVar[float] = 0.999

    def alpha(self, t):
        return 1 - np.asarray(t, dtype=float)[()]

    def sigma(self, t):
        return np.asarray(t, dtype=float)[()]

    def rates(self, t):
        return -np.ones_like(t, dtype=float)[()], np.ones_like(t, dtype=float)[()]

    def time(self, log_snr):
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(np.asarray(log_snr, dtype=float)[()]))


SCHEDULES: dict[str, Schedule] = {
    "VP linear": VPLinear(),
    "VP cosine": VPCosine(),
    "VE": VE(),
    "EDM": EDM(),
    "flow matching": FlowMatching(),
}
WIDEST = 0.5  # in log(α/σ), of a step that an order is seen with
GRIDS = ("uniform", "log-SNR", "quadratic", "Karras")


def schedule(name: str) -> Schedule:
    """A schedule by name; KnobError with the known names."""
    if name not in SCHEDULES:
        raise KnobError(f"schedule = {name!r}: expected one of {', '.join(SCHEDULES)}.")
    return SCHEDULES[name]


def time_grid(process: Schedule, kind: str, steps: int, end: float | None = None, rho: float = 7.0) -> np.ndarray:
    """steps + 1 times that fall strictly from `process.start` to `end`, shape (steps + 1,).

    kind: "uniform" in t; "log-SNR": uniform in λ; "quadratic": uniform in √t; "Karras": uniform in (σ/α)^{1/ρ}.
    KnobError for no steps, an unknown kind, an end that is not below the start, or times that coincide.
    Reference: C. Lu et al. (2022), arXiv:2206.00927, Sec. 3.4; J. Song et al. (2021), arXiv:2010.02502, App. D.2;
    T. Karras et al. (2022), arXiv:2206.00364, eq. 5.
    """
    end = process.end if end is None else float(end)
    if isinstance(steps, bool) or int(steps) != steps or steps < 1:
        raise KnobError(f"steps = {steps!r}: expected a whole number of at least 1.")
    if not process.lowest <= end < process.start:
        raise KnobError(f"end = {end:g}: expected a time from {process.lowest:g} to below {process.start:g}.")
    if not 0 < rho < np.inf:
        raise KnobError(f"rho = {rho!r}: expected a positive number.")
    share = np.arange(int(steps) + 1) / int(steps)
    if kind == "uniform":
        times = process.start + share * (end - process.start)
    elif kind == "quadratic":
        times = (np.sqrt(process.start) + share * (np.sqrt(end) - np.sqrt(process.start))) ** 2
    elif kind in ("log-SNR", "Karras"):
        first, last = process.log_snr(process.start), process.log_snr(end)
        if kind == "Karras":
            first, last = np.exp(-first / rho), np.exp(-last / rho)
        level = first + share * (last - first)
        times = process.time(level if kind == "log-SNR" else -rho * np.log(level))
    else:
        raise KnobError(f"grid = {kind!r}: expected one of {', '.join(GRIDS)}.")
    times[0], times[-1] = process.start, end
    return checked_times(times)


def checked_times(times) -> np.ndarray:
    """Times as floats, shape (n,); KnobError unless there are two at least, finite, each below the one before."""
    times = np.asarray(times, dtype=float)
    if times.ndim != 1 or len(times) < 2 or not np.all(np.isfinite(times)):
        raise KnobError("times: expected at least two finite numbers in a row.")
    stuck = np.flatnonzero(np.diff(times) >= 0)
    if len(stuck):
        i = int(stuck[0])
        raise KnobError(
            f"times[{i}] = {times[i]!r} and times[{i + 1}] = {times[i + 1]!r}: expected each below the one before; "
            "take fewer steps or another grid."
        )
    return times


def small_steps(process, times) -> bool:
    """Whether no step is longer than 1/2 in λ = log(α/σ): beyond, no order shows, however many steps are short."""
    return bool(np.max(np.diff(process.log_snr(np.asarray(times)))) <= WIDEST)


def log_snr_rate(process, t):
    """dλ/dt."""
    fall, rise = process.rates(t)
    return fall / process.alpha(t) - rise / process.sigma(t)
