"""The Gaussian law, whose probability flow is linear: everything about it is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.errors import DataError
from toolkit.core.knob import knob
from toolkit.sampler.laws.problems import Diffusion


@dataclass(frozen=True)
class GaussianFlow(Diffusion):
    """An anisotropic Gaussian N(μ, Σ): the probability flow is linear and known in closed form.

    Σ has eigenvalues from 1 down to 1/`anisotropy` along a random frame, μ is random of length `offset`;
    x_t = α μ + C_t^{1/2} C_T^{−1/2} (x_T − α_T μ) with C_t = α² Σ + σ² I. `GivenGaussian`: μ and Σ of your own.
    Reference: T. Karras et al. (2022), arXiv:2206.00364, App. B; M. Peluchetti, arXiv:2312.14589.
    """

    title: ClassVar[str] = "Gaussian"
    sources: ClassVar[tuple[str, ...]] = ("karras2022",)
    gaussian: ClassVar[bool] = True
    scattered: ClassVar[bool] = False
    closed_form: ClassVar[bool] = True
    dimension: int = knob(2, 1, 256, symbol="d", doc="dimensions")
    anisotropy: float = knob(16.0, 1.0, 1e4, log=True, symbol="κ", doc="largest over smallest eigenvalue of Σ")
    offset: float = knob(1.0, 0.0, 10.0, doc="length of the mean")

    @property
    def dim(self) -> int:
        return self.dimension

    @cached_property
    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """(eigenvalues (d,), frame (d, d), a column an eigenvector) of Σ."""
        frame = np.linalg.qr(np.random.default_rng(self.dimension).standard_normal((self.dim, self.dim)))[0]
        return np.geomspace(1.0, 1 / self.anisotropy, self.dim), frame

    @cached_property
    def mean(self) -> np.ndarray:
        """μ, shape (d,)."""
        direction = np.random.default_rng(self.dimension + 1).standard_normal(self.dim)
        return self.offset * direction / np.linalg.norm(direction)

    def draw(self, generator, n):
        values, frame = self.spectrum
        return self.mean + (generator.standard_normal((n, self.dim)) * np.sqrt(values)) @ frame.T

    def denoise(self, x, t):
        alpha, sigma, (values, frame) = self.process.alpha(t), self.process.sigma(t), self.spectrum
        gain = alpha * values / (alpha**2 * values + sigma**2)
        return self.mean + ((x - alpha * self.mean) @ (frame * gain)) @ frame.T

    def denoise_along(self, x, u, t):
        """J = F diag(g) Fᵀ for the frame F, g = α v/(α² v + σ²)."""
        values, frame = self.spectrum
        alpha = self.process.alpha(t)
        gain = alpha * values / (alpha**2 * values + self.process.sigma(t) ** 2)
        return self.denoise(x, t), (u @ (frame * gain)) @ frame.T

    def jacobian_diagonal(self, x, t):
        values, frame = self.spectrum
        alpha = self.process.alpha(t)
        gain = alpha * values / (alpha**2 * values + self.process.sigma(t) ** 2)
        return np.broadcast_to((frame**2) @ gain, x.shape)

    def moments(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """(mean (d,), covariance (d, d)) of p_t."""
        values, frame = self.spectrum
        alpha = self.process.alpha(t)
        return alpha * self.mean, (frame * (alpha**2 * values + self.process.sigma(t) ** 2)) @ frame.T

    def ladder(self, order):
        return (64, 128, 256, 512) if order < 3 else (32, 64, 128, 256)

    def carried(self, x, s, t):
        """x carried by the probability flow from s to t, in closed form."""
        values, frame = self.spectrum
        variance = [self.process.alpha(u) ** 2 * values + self.process.sigma(u) ** 2 for u in (s, t)]
        gain = np.sqrt(variance[1] / variance[0])
        rest = x - self.process.alpha(s) * self.mean
        return self.process.alpha(t) * self.mean + (rest @ (frame * gain)) @ frame.T


class GivenGaussian(GaussianFlow):
    """N(μ, Σ) given by arrays: mean (d,), covariance (d, d), positive definite; lives in memory only."""

    def __init__(self, mean, covariance, schedule: str = "VP linear", particles: int = 1000, seed: int = 0):
        mean, values, frame = checked_moments(mean, covariance)
        object.__setattr__(self, "given", (mean, np.asarray(covariance, dtype=float)))
        self.__dict__.update(mean=mean, spectrum=(values, frame))  # in place of those that are computed
        GaussianFlow.__init__(self, schedule=schedule, particles=particles, seed=seed, dimension=len(mean))

    def turned(self, **values):
        about = dict(schedule=self.schedule, particles=self.particles, seed=self.seed) | values
        return GivenGaussian(*self.given, **about)


def checked_moments(mean, covariance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(μ, eigenvalues of Σ, its frame); DataError unless Σ is a symmetric positive definite matrix of μ's size."""
    mean, covariance = np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float)
    if mean.ndim != 1 or not len(mean) or covariance.shape != (len(mean), len(mean)):
        raise DataError(f"Gaussian: mean {mean.shape}, covariance {covariance.shape}; expected (d,) and (d, d).")
    if not (np.all(np.isfinite(mean)) and np.all(np.isfinite(covariance))):
        raise DataError("Gaussian: expected finite numbers in mean and covariance.")
    if abs(covariance - covariance.T).max() > 1e-12 * abs(covariance).max():
        raise DataError("Gaussian: the covariance is not symmetric.")
    values, frame = np.linalg.eigh(covariance)
    if not values[0] > 1e-14 * len(mean) * abs(values).max():
        raise DataError(f"Gaussian: covariance not positive definite: its least eigenvalue is {values[0]:.3g}.")
    return mean, values, frame


CASES = (GaussianFlow(particles=64), GaussianFlow(particles=64, schedule="EDM", dimension=5))
