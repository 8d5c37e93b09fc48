"""What every sampling problem is: a law of the data, a noising process, particles of pure noise, and the exact flow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.errors import ToolkitError
from toolkit.core.knob import knob, seed_knob
from toolkit.core.loading import loading
from toolkit.core.memo import assembled
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.sampler.laws import measures
from toolkit.sampler.laws.following import Followed
from toolkit.sampler.laws.schedules import SCHEDULES, Schedule, schedule

FEW = 256  # particles that are followed by the exact flow
INITIAL, NOISE, PATH, FRESH = 1, 2, 3, 4  # what a stream of random numbers is for
SPAN, DEPTH = 64.0, 18


@dataclass(frozen=True)
class Diffusion(Problem):
    """Carry particles from noise at `process.start` to data, x_t = α x₀ + σ ε, with the exact score of p_t.

    A law gives `dim`, `draw(generator, n)` (data) and `denoise(x, t)`. x is (n, d), t a number; all else follows:
    ε(x, t) = (x − α E[x₀|x_t = x])/σ, score = −ε/σ, and the probability flow dx/dt = α' E[x₀|x] + σ' ε.
    Particles start in the exact law p_T, so that only the sampler errs; particle i is the same for any `particles`.
    """

    learnt: ClassVar[bool] = False  # whether `denoise` is a network's: then only theorems are claimed on it
    gaussian: ClassVar[bool] = False  # whether the law is a Gaussian, whose `moments` are known
    scattered: ClassVar[bool] = True  # whether modes may be far apart: noise then decides which one a particle takes
    closed_form: ClassVar[bool] = False  # whether the Jacobian of `denoise` is known: its products and its diagonal
    in_plane: ClassVar[bool] = False  # whether E[x₀|x] is the compiled one, so that many steps may be done in one call
    count: ClassVar[int] = 0  # K, components of a mixture that is given by `parts`
    guidance: ClassVar[float | None] = None  # the scale w; None where there is none
    schedule: str = knob("VP linear", choices=tuple(SCHEDULES), doc="how the noise grows")
    particles: int = knob(10_000, 1, 200_000, log=True, symbol="n", doc="particles")
    seed: int = seed_knob("the particles and of the samplers' noise")

    # -- the law --------------------------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """d, numbers a particle has."""
        raise NotImplementedError

    def draw(self, generator: np.random.Generator, n: int) -> np.ndarray:
        """n independent data, shape (n, d); the first ones are the same for any n."""
        raise NotImplementedError

    def denoise(self, x: np.ndarray, t: float) -> np.ndarray:
        """E[x₀ | x_t = x], shape (n, d)."""
        raise NotImplementedError

    def denoise_along(self, x: np.ndarray, u: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
        """(E[x₀|x], J u) with J = ∂E[x₀|x]/∂x = (α/σ²) Cov[x₀|x], symmetric; both (n, d); two evaluations' cost.

        ToolkitError where it has no closed form.
        """
        raise ToolkitError(f"{type(self).__name__}: expected a Gaussian or a mixture, whose Jacobian is known.")

    def jacobian_diagonal(self, x: np.ndarray, t: float) -> np.ndarray:
        """∂E[x₀|x]_j/∂x_j = (α/σ²) Var[x₀_j | x], shape (n, d); ToolkitError where it has no closed form."""
        raise ToolkitError(f"{type(self).__name__}: expected a Gaussian or a mixture, whose Jacobian is known.")

    def jacobian(self, x: np.ndarray, t: float) -> np.ndarray | None:
        """∂E[x₀|x]/∂x at each row of x, shape (n, d, d); None where it is not at hand."""
        return None

    @property
    def smooth(self) -> bool:
        """Whether E[x₀|x] is a smooth function of x."""
        return True

    # -- what follows from it -------------------------------------------------------------------------------------

    @cached_property
    def process(self) -> Schedule:
        """The noising process."""
        return schedule(self.schedule)

    def implied_noise(self, x: np.ndarray, denoised: np.ndarray, t: float) -> np.ndarray:
        """ε = (x − α x₀)/σ for a denoised x₀: no evaluation."""
        return (x - self.process.alpha(t) * denoised) / self.process.sigma(t)

    def noise(self, x: np.ndarray, t: float) -> np.ndarray:
        """ε(x, t) = E[ε | x_t = x], what a noise-predicting network learns."""
        return self.implied_noise(x, self.denoise(x, t), t)

    def score(self, x: np.ndarray, t: float) -> np.ndarray:
        """∇ log p_t(x) = −ε/σ (Tweedie's formula)."""
        return -self.noise(x, t) / self.process.sigma(t)

    def velocity(self, x: np.ndarray, denoised: np.ndarray, t: float) -> np.ndarray:
        """α' x₀ + σ' ε, the right-hand side of the probability flow: no evaluation."""
        fall, rise = self.process.rates(t)
        return fall * denoised + rise * self.implied_noise(x, denoised, t)

    def noise_along(self, x: np.ndarray, u: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
        """(ε(x, t), (∂ε/∂x)ᵀ u) for ε = (x − α E[x₀|x])/σ, both (n, d); where `closed_form`."""
        denoised, pushed = self.denoise_along(x, u, t)
        return self.implied_noise(x, denoised, t), (u - self.process.alpha(t) * pushed) / self.process.sigma(t)

    # -- randomness -----------------------------------------------------------------------------------------------

    def stream(self, *key: int) -> np.random.Generator:
        """The generator that belongs to a key under this seed."""
        return np.random.default_rng((self.seed, *key))

    @cached_property
    def initial(self) -> np.ndarray:
        """x_T, exact draws of p_T, shape (n, d); read-only."""
        t = self.process.start
        data = self.draw(self.stream(INITIAL), self.particles)
        noise = self.stream(NOISE).standard_normal((self.particles, self.dim))
        return frozen(self.process.alpha(t) * data + self.process.sigma(t) * noise)

    def fresh_noise(self, step: int) -> np.ndarray:
        """Standard normal noise of one step, shape (n, d), keyed by (seed, step)."""
        return self.stream(FRESH, step).standard_normal((self.particles, self.dim))

    def brownian(self, t: float) -> np.ndarray:
        """W(λ(t) − λ(T)), shape (n, d): one Brownian path a particle, whatever the steps, in the clock λ = log(α/σ).

        Lévy's construction on [0, 64], each midpoint keyed by its place; linear below 64/2^18.
        """
        clock = float(self.process.log_snr(t) - self.process.log_snr(self.process.start))
        if not 0 <= clock <= SPAN:
            raise ToolkitError(f"brownian({t!r}): expected a time between the start and where λ has risen by {SPAN}.")
        shape = (self.particles, self.dim)
        low, high, left, width = np.zeros(shape), np.sqrt(SPAN) * self.stream(PATH).standard_normal(shape), 0.0, SPAN
        for depth in range(DEPTH):
            width /= 2
            place = int(left / width) + 1
            draw = self.stream(PATH, depth + 1, place).standard_normal(shape)
            middle = 0.5 * (low + high) + np.sqrt(width / 2) * draw
            if clock < left + width:
                high = middle
            else:
                low, left = middle, left + width
        return low + (clock - left) / width * (high - low)

    def path_noise(self, s: float, t: float) -> np.ndarray:
        """(W(t) − W(s))/√(λ(t) − λ(s)), standard normal, shape (n, d): the path's share of a step from s to t."""
        span = float(self.process.log_snr(t) - self.process.log_snr(s))
        return (self.brownian(t) - self.brownian(s)) / np.sqrt(span)

    # -- the exact flow -------------------------------------------------------------------------------------------

    @cached_property
    def few(self) -> Diffusion:
        """This problem with at most 256 of its particles, those that are followed by the exact flow."""
        return self if self.particles <= FEW else self.turned(particles=FEW)

    def flow(self, end: float) -> np.ndarray:
        """Where the exact flow carries the first 256 particles by the time `end`, shape (m, d); kept once computed."""
        few = self.few
        if few is not self:
            return few.flow(end)
        return assembled(self, ("flow", end), lambda: frozen(self.carried(self.initial, self.process.start, end)))

    def path(self, t: float) -> np.ndarray:
        """Where the exact flow carries the first 256 particles by the time t, from the latest time known before it."""
        few = self.few
        if few is not self:
            return few.path(t)
        passed = assembled(self, "places along the flow", dict)
        if t not in passed:
            before = min((s for s in passed if s > t), default=self.process.start)
            passed[t] = frozen(self.carried(passed.get(before, self.initial), before, t))
        return passed[t]

    def carried(self, x: np.ndarray, s: float, t: float) -> np.ndarray:
        """x carried by the probability flow from s to t: DOP853 for y = x/σ, y' = (α/σ) x₀, in λ.

        To about 1e-12; to 1e-6 where the flow is not `smooth`, as every kink of it costs evaluations by the digit.
        """
        with loading():
            from scipy.integrate import solve_ivp

        process = self.process

        def slope(level, y):
            time = float(process.time(level))
            sigma = process.sigma(time)
            return (process.alpha(time) / sigma * self.denoise(sigma * y.reshape(x.shape), time)).ravel()

        ends = float(process.log_snr(s)), float(process.log_snr(t))
        rtol = 1e-12 if self.smooth else 1e-6
        told = Followed(slope, ends, "Following the exact flow")
        found = solve_ivp(told, ends, (x / process.sigma(s)).ravel(), "DOP853", rtol=rtol, atol=rtol / 10)
        if not found.success:
            raise ToolkitError(f"The exact flow could not be computed ({found.message}): take a later end.")
        return process.sigma(t) * found.y[:, -1].reshape(x.shape)

    def measures(self) -> tuple[Measure, ...]:
        return measures.of(self)

    def ladder(self, order: float) -> tuple[int, ...]:
        """Numbers of steps in the asymptotic range of a sampler of this order; empty where it is out of reach."""
        return ()
