"""The smoothed empirical law of scikit-learn's handwritten digits: 1797 images of 8 × 8, exact denoiser."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob
from toolkit.data import bundled
from toolkit.sampler.laws.mixtures import responsibilities
from toolkit.sampler.laws.problems import Diffusion

SIDE = 8


@functools.cache
def images() -> tuple[np.ndarray, np.ndarray]:
    """(pixels (1797, 64) from −1 to 1, labels (1797,))."""
    pixels, labels = bundled.digits()
    return frozen(np.ascontiguousarray(pixels / 8 - 1)), labels


@dataclass(frozen=True)
class Digits(Diffusion):
    """Sample from (1/m) Σ_k N(y_k, s² I), y_k the images: E[x₀|x] = (σ² Σ_k r_k y_k + α s² x)/(α² s² + σ²).

    One evaluation is two matrix products with the (m, 64) images and a softmax. `digit`: of one class only.
    Reference: E. Alpaydin, C. Kaynak (1998), doi:10.24432/C50P49; T. Karras et al. (2022), arXiv:2206.00364, App. B.3.
    """

    title: ClassVar[str] = "handwritten digits"
    sources: ClassVar[tuple[str, ...]] = ("alpaydin1998", "karras2022")
    particles: int = knob(64, 1, 2000, log=True, symbol="n", doc="images to sample")
    smoothing: float = knob(0.1, 0.02, 1.0, log=True, symbol="s", doc="breadth of the law around each image")
    digit: str = knob("any", choices=("any", *"0123456789"), doc="of which class")

    @property
    def dim(self) -> int:
        return SIDE * SIDE

    @cached_property
    def data(self) -> np.ndarray:
        """The images of the law, shape (m, 64)."""
        return self.data_of(self.digit)

    def data_of(self, digit: str) -> np.ndarray:
        """The images of one class, or of any, shape (m, 64)."""
        pixels, labels = images()
        return pixels if digit == "any" else pixels[labels == int(digit)]

    def draw(self, generator, n):
        normals = generator.spawn(1)[0]
        chosen = self.data[(generator.random(n) * len(self.data)).astype(int)]
        return chosen + self.smoothing * normals.standard_normal((n, self.dim))

    def denoise(self, x, t):
        return self.denoise_as(x, t, self.data)

    def denoise_as(self, x: np.ndarray, t: float, data: np.ndarray) -> np.ndarray:
        """E[x₀ | x_t = x] under the law of other images, for guidance: shape (n, 64)."""
        alpha, noise = self.process.alpha(t), self.process.sigma(t) ** 2
        variance = alpha**2 * self.smoothing**2 + noise
        share = responsibilities(x, alpha * data, variance, 0.0)
        return (noise / variance) * (share @ data) + (alpha * self.smoothing**2 / variance) * x

    def jacobian(self, x: np.ndarray, t: float) -> np.ndarray | None:
        """∂E[x₀|x]/∂x at each row of x, (n, 64, 64); None where it has no closed form."""
        return self.jacobian_as(x, t, self.data) if type(self).denoise is Digits.denoise else None

    def jacobian_as(self, x: np.ndarray, t: float, data: np.ndarray) -> np.ndarray:
        """(α/v) (s² I + (σ²/v) Σ_k r_k (y_k − m)(y_k − m)ᵀ) under the law of other images, m = Σ_k r_k y_k."""
        alpha, noise = self.process.alpha(t), self.process.sigma(t) ** 2
        variance = alpha**2 * self.smoothing**2 + noise
        share = responsibilities(x, alpha * data, variance, 0.0)
        mean = share @ data
        spread = np.array([(one[:, None] * data).T @ data for one in share]) - mean[:, :, None] * mean[:, None, :]
        return alpha * self.smoothing**2 / variance * np.eye(self.dim) + noise * alpha / variance**2 * spread


CASES = (Digits(particles=4, digit="3", smoothing=0.3),)
