"""Laws whose score is known: a Gaussian, and mixtures of Gaussians in the plane and in space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.errors import DataError
from toolkit.core.knob import knob
from toolkit.kernels.points import mixture as kernels
from toolkit.sampler.laws import shapes
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


class Mixture(Diffusion):
    """Σ_k w_k N(μ_k, s_k² I). A subclass gives `parts`: (w (K,), μ (K, d), s (K,)).

    E[x₀|x] = Σ_k r_k (μ_k + (α s_k²/v_k)(x − α μ_k)), v_k = α² s_k² + σ², r = softmax(log w − (d/2) log v − |·|²/2v).
    """

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(weights (K,) that sum to 1, means (K, d), standard deviations (K,))."""
        raise NotImplementedError

    @property
    def dim(self) -> int:
        return self.parts[1].shape[1]

    def draw(self, generator, n):
        weights, means, widths = self.parts
        normals = generator.spawn(1)[0]
        edges = np.cumsum(weights)
        k = np.minimum(np.searchsorted(edges / edges[-1], generator.random(n), side="right"), len(weights) - 1)
        return means[k] + widths[k, None] * normals.standard_normal((n, self.dim))

    def denoise(self, x, t):
        if self.dim == 2:
            out = np.empty(x.shape)
            kernels.plane_mean(np.ascontiguousarray(x), self.plane_table(t)[0], self.even, out)
            return out
        weights, means, widths = self.parts
        alpha = self.process.alpha(t)
        variance = alpha**2 * widths**2 + self.process.sigma(t) ** 2
        gain = alpha * widths**2 / variance
        share = responsibilities(x, alpha * means, variance, np.log(weights) - 0.5 * self.dim * np.log(variance))
        return share @ ((1 - alpha * gain)[:, None] * means) + (share @ gain)[:, None] * x

    # -- in the plane: compiled -----------------------------------------------------------------------------------

    @property
    def in_plane(self) -> bool:
        """Whether E[x₀|x] is the compiled one in the plane, so that many steps may be done in one call."""
        return self.dim == 2 and type(self).denoise is Mixture.denoise

    @cached_property
    def even(self) -> bool:
        """Whether all components are of one breadth."""
        return bool(np.ptp(self.parts[2]) == 0)

    def plane_table(self, t: float) -> tuple[np.ndarray, float]:
        """What the kernels know of p_t, shape (7, K), and the largest log₂(w/v)."""
        weights, means, widths = self.parts
        alpha = self.process.alpha(t)
        variance = alpha**2 * widths**2 + self.process.sigma(t) ** 2
        gain, rate, weight = alpha * widths**2 / variance, np.sqrt(0.5 * kernels.LOG2_E / variance), weights / variance
        shift, level = alpha * means.T, np.log2(weight.max())
        return np.vstack((rate, rate * shift, np.log2(weight) - level, means.T - gain * shift, gain)), level

    def walked(self, x: np.ndarray, before: np.ndarray, times, factors) -> tuple[np.ndarray, np.ndarray, list[float]]:
        """Steps x ← a x + b x₀ + c x₀', (a, b, c) of `factors`, x₀ = E[x₀|x] at `times`, x₀' that of the step before.

        Returns x, the last x₀ and the RMS of x after each step; `before` is the first x₀'. In the plane only.
        """
        n, tiles = len(times), -(-len(x) // kernels.TILE)
        tables = np.array([self.plane_table(t)[0] for t in times]).reshape(n, 7, len(self.parts[0]))
        out, denoised, squares = np.empty_like(x), np.empty_like(x), np.empty((n, tiles))
        factors = np.array(factors, dtype=float).reshape(n, 3)
        arrays = np.ascontiguousarray(x), np.ascontiguousarray(before), tables
        kernels.plane_walk(*arrays, self.even, factors, out, denoised, squares)
        return out, denoised, [float(np.sqrt(row.sum() / len(x))) for row in squares]

    def ladder(self, order):
        return (128, 256, 512, 1024) if order < 2 else (64, 128, 256, 512)

    def density(self, x: np.ndarray, t: float) -> np.ndarray:
        """p_t(x), shape (n,); in the plane 0 below 2^−900 of its possible peak."""
        if self.dim == 2:
            found, (table, level) = np.empty(len(x)), self.plane_table(t)
            kernels.plane_total(np.ascontiguousarray(x), table, found)
            return np.where(found < kernels.LEAST, 0.0, found) * (2**level / (2 * np.pi))
        weights, means, widths = self.parts
        alpha = self.process.alpha(t)
        variance = alpha**2 * widths**2 + self.process.sigma(t) ** 2
        apart = ((x[:, None] - alpha * means) ** 2).sum(axis=2)
        return np.exp(-0.5 * apart / variance) @ (weights / (2 * np.pi * variance) ** (self.dim / 2))


def responsibilities(x: np.ndarray, means: np.ndarray, variance, weight) -> np.ndarray:
    """softmax_k(weight_k − |x − μ_k|²/(2 v_k)), shape (n, K), by one matrix product; x and μ centred against loss."""
    centre = means.mean(axis=0)
    x, means = x - centre, means - centre
    half = -0.5 / np.broadcast_to(variance, (len(means),))
    y = x @ (means * (-2 * half)[:, None]).T
    y += half * np.einsum("kd,kd->k", means, means) + weight
    if half.min() == half.max():  # then |x|² is the same for all components
        y -= y.max(axis=1, keepdims=True)
    else:
        y += np.einsum("nd,nd->n", x, x)[:, None] * half
        y -= y.max(axis=1, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=1, keepdims=True)
    return y


@dataclass(frozen=True)
class PlaneMixture(Mixture):
    """A mixture in the plane, of a named shape or made of a picture's dark parts; its exact score is one kernel call.

    Reference: Y. Song et al. (2021), arXiv:2011.13456 (the score of a mixture is elementary).
    """

    title: ClassVar[str] = "mixture in the plane"
    sources: ClassVar[tuple[str, ...]] = ("song2021",)
    shape: str = knob("eight Gaussians", choices=tuple(shapes.SHAPES), doc="what the components are laid along")
    components: int = knob(64, 1, 2000, log=True, symbol="K", doc="components, about: a shape may round it")
    width: float = knob(1.0, 0.2, 5.0, log=True, doc="breadth of the components relative to the shape's own")
    source: str = knob("", file=shapes.INK.endings, doc="a picture whose dark parts are the density; empty: the shape")

    def __post_init__(self):
        Diffusion.__post_init__(self)
        if self.source:  # a file that cannot be used is refused here, not in mid-run
            self.parts  # noqa: B018

    @classmethod
    def accept_upload(cls, knob_name: str, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded picture, kept by its content; DataError when it cannot be used."""
        return shapes.INK.accept(filename, data)

    @cached_property
    def parts(self):
        if self.source:
            weights, means, widths = shapes.of_picture(self.source, self.components)
        else:
            weights, means, widths = shapes.SHAPES[self.shape](self.components)
        return weights / weights.sum(), means, widths * self.width


class GivenMixture(Mixture):
    """A mixture given by arrays: weights (K,), means (K, d), widths (K,); lives in memory only."""

    def __init__(self, weights, means, widths, schedule: str = "VP linear", particles: int = 1000, seed: int = 0):
        object.__setattr__(self, "given", checked_parts(weights, means, widths))
        Diffusion.__init__(self, schedule=schedule, particles=particles, seed=seed)

    @cached_property
    def parts(self):
        return self.given

    def turned(self, **values):
        about = dict(schedule=self.schedule, particles=self.particles, seed=self.seed) | values
        return GivenMixture(*self.given, **about)


def checked_parts(weights, means, widths) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(w, μ, s) as arrays, w summing to 1; DataError for shapes that differ, or weights or widths that are not > 0."""
    weights, means, widths = (np.asarray(one, dtype=float) for one in (weights, means, widths))
    if means.ndim != 2 or not weights.shape == widths.shape == means.shape[:1] or not len(weights):
        raise DataError("mixture: expected weights (K,), means (K, d) and widths (K,) with K of at least 1.")
    if not (np.all(np.isfinite(means)) and np.all(weights > 0) and np.all(widths > 0) and np.isfinite(weights.sum())):
        raise DataError("mixture: expected finite means, positive weights and positive widths.")
    return weights / weights.sum(), means, widths


@dataclass(frozen=True)
class SpaceMixture(Mixture):
    """K isotropic Gaussians in d dimensions, means random of length about `spread`, weights falling like 1/√k.

    Reference: Y. Song et al. (2021), arXiv:2011.13456.
    """

    title: ClassVar[str] = "mixture in space"
    sources: ClassVar[tuple[str, ...]] = ("song2021",)
    dimension: int = knob(8, 1, 256, symbol="d", doc="dimensions")
    components: int = knob(10, 1, 2000, log=True, symbol="K", doc="components")
    width: float = knob(0.4, 0.01, 2.0, log=True, symbol="s", doc="standard deviation of a component")
    spread: float = knob(1.0, 0.0, 10.0, doc="length of the means, about")

    @cached_property
    def parts(self):
        means = np.random.default_rng((self.dimension, self.components)).standard_normal(
            (self.components, self.dimension)
        )
        weights = 1 / np.sqrt(np.arange(1, self.components + 1))
        widths = np.full(self.components, self.width)
        return weights / weights.sum(), means * self.spread / np.sqrt(self.dimension), widths


CASES = (
    GaussianFlow(particles=64),
    GaussianFlow(particles=64, schedule="EDM", dimension=5),
    PlaneMixture(particles=64),
    PlaneMixture(particles=64, shape="moons", components=24, schedule="flow matching"),
    SpaceMixture(particles=32, schedule="VP cosine", dimension=3, components=5),
)
