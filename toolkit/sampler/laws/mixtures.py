"""Mixtures of Gaussians, whose score is known: in the plane, in space, and as given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.errors import DataError
from toolkit.core.knob import knob
from toolkit.data.reader import Found
from toolkit.kernels.points import mixture as kernels
from toolkit.sampler.laws import shapes
from toolkit.sampler.laws.problems import Diffusion


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

    @property
    def count(self) -> int:
        """K."""
        return len(self.parts[0])

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
        share, places, gain = self.posterior(x, t)
        return share @ places + (share @ gain)[:, None] * x

    def posterior(self, x: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(r (n, K), c (K, d), g (K,)): given x, component k has weight r_k and mean m_k = c_k + g_k x."""
        weights, means, widths = self.parts
        alpha = self.process.alpha(t)
        variance = alpha**2 * widths**2 + self.process.sigma(t) ** 2
        gain = alpha * widths**2 / variance
        share = responsibilities(x, alpha * means, variance, np.log(weights) - 0.5 * self.dim * np.log(variance))
        return share, (1 - alpha * gain)[:, None] * means, gain

    # -- its Jacobian --------------------------------------------------------------------------------------------------

    @property
    def closed_form(self) -> bool:
        """Not so where the denoiser is another one, as under guidance."""
        return type(self).denoise is Mixture.denoise

    def denoise_along(self, x, u, t):
        """Cov u = Σ r_k τ_k² u + Σ r_k (m_k − m)((m_k − m)·u), m_k and τ_k² the components' posterior moments."""
        if not self.closed_form:
            return super().denoise_along(x, u, t)
        alpha, sigma = self.process.alpha(t), self.process.sigma(t)
        share, places, gain = self.posterior(x, t)
        denoised = share @ places + (share @ gain)[:, None] * x
        across = u @ places.T + gain * np.einsum("nd,nd->n", x, u)[:, None]
        across -= np.einsum("nd,nd->n", denoised, u)[:, None]
        across *= share
        spread = across @ places + (across @ gain)[:, None] * x - across.sum(axis=1)[:, None] * denoised
        return denoised, alpha / sigma**2 * spread + (share @ gain)[:, None] * u

    def jacobian_diagonal(self, x, t):
        """(α/σ²) Var[x₀_j | x], the variance within the components and between them."""
        if not self.closed_form:
            return super().jacobian_diagonal(x, t)
        alpha, sigma, widths = self.process.alpha(t), self.process.sigma(t), self.parts[2]
        share, places, gain = self.posterior(x, t)
        mean = share @ places + (share @ gain)[:, None] * x
        square = share @ places**2 + 2 * x * (share @ (places * gain[:, None])) + (share @ gain**2)[:, None] * x**2
        inside = share @ (widths**2 * sigma**2 / (alpha**2 * widths**2 + sigma**2))
        return alpha / sigma**2 * (square - mean**2 + inside[:, None])

    # -- in the plane: compiled -----------------------------------------------------------------------------------

    @property
    def in_plane(self) -> bool:
        """So it is in the plane, where the denoiser is its own."""
        return self.dim == 2 and self.closed_form

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
    def _picture(self) -> Found:
        return shapes.INK.look(self.source)

    def caption(self) -> str:
        """What was assumed of the picture."""
        return " ".join(self._picture.remarks) if self.source else ""

    @cached_property
    def parts(self):
        if self.source:
            weights, means, widths = shapes.laid_out(self._picture.value, self.components)
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
    scattered: ClassVar[bool] = False
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
    PlaneMixture(particles=64),
    PlaneMixture(particles=64, shape="moons", components=24, schedule="flow matching"),
    SpaceMixture(particles=32, schedule="VP cosine", dimension=3, components=5),
)
