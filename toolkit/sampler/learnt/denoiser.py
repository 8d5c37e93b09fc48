"""A small denoiser for the digits: the network, what it is trained on, and the weights that are shipped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.stop import THROUGH
from toolkit.networks.layout import Layout, perceptron
from toolkit.networks.loss import Loss
from toolkit.networks.misfits import Misfit, SquaredError
from toolkit.networks.passes import forward
from toolkit.networks.shipped import Shipped
from toolkit.sampler.laws.digits import SIDE, images
from toolkit.sampler.learnt.adam import Adam

SMOOTHING = 0.1  # of the law it learns
FREQUENCIES = np.geomspace(0.5, 8.0, 8)
HIDDEN, LAYERS = 224, 3
LEVELS = -0.8, 1.6  # mean and spread of log(σ/α) in training
GAIN = 1.4
STEPS, BATCH, SEED = 30_000, 256, 5


def preconditioning(sigma, spread: float) -> tuple:
    """(c_skip, c_in, c_out) of the denoiser D(x) = c_skip x + c_out F(c_in x) for data of standard deviation `spread`.

    c_skip = s²/(σ² + s²), c_in = 1/√(σ² + s²), c_out = σ s/√(σ² + s²): the network's input c_in x and its target
    (x₀ − c_skip x)/c_out have unit variance at every σ, and c_skip makes c_out least, so that errors of F grow least.
    Reference: T. Karras, M. Aittala, T. Aila, S. Laine (2022), arXiv:2206.00364, Table 1 and App. B.6.
    """
    sigma = np.asarray(sigma, dtype=float)
    whole = np.hypot(sigma, spread)
    return (spread / whole) ** 2, 1 / whole, sigma * spread / whole


def embedding(level: np.ndarray) -> np.ndarray:
    """cos and sin of ω c, c = log(σ/α)/4, for eight ω: shape (n, 16)."""
    angle = 0.25 * np.asarray(level)[:, None] * FREQUENCIES
    return np.hstack([np.cos(angle), np.sin(angle)])


def denoised(y: np.ndarray, level: np.ndarray, net: tuple) -> np.ndarray:
    """D(y) = c + c_skip (y − c) + c_out F(c_in (y − c), λ) with c the mean image: EDM's preconditioning, y = x/α.

    net: (bound layers of F, mean image (64,), spread).
    """
    layers, centre, spread = net
    skip, inside, outside = (one[:, None] for one in preconditioning(np.exp(level), spread))
    raw = forward(layers, np.hstack([inside * (y - centre), embedding(level)])).outputs
    return centre + skip * (y - centre) + outside * raw


@dataclass(frozen=True)
class DenoiserTraining(Loss):
    """Learn E[x₀ | x₀ + σ ε] of digits with noise s = 0.1: the mean of |F − (x₀ − c_skip y)/c_out|² over pixels.

    F: 80 → h → h → h → 64, silu. A batch has fresh images, noise and levels, log σ normal of mean −0.8 and spread 1.6;
    EDM's weight λ(σ) = 1/c_out² makes F = 0 cost about 1 at every σ.
    Reference: T. Karras, M. Aittala, T. Aila, S. Laine (2022), arXiv:2206.00364, Table 1 (preconditioning, loss).
    """

    title: ClassVar[str] = "a small denoiser for digits"
    sources: ClassVar[tuple[str, ...]] = ("karras2022",)
    misfit: ClassVar[Misfit] = SquaredError(2 / SIDE**2)
    hidden: int = knob(HIDDEN, 2, 1000, log=True, symbol="h", doc="units of each of the three hidden layers")
    images: int = knob(BATCH, 1, 5000, log=True, symbol="N", doc="images of a batch")
    seed: int = knob(SEED, 0, 2**31 - 1, doc="seed of the start and of the batches")

    @cached_property
    def layout(self) -> Layout:
        return perceptron(SIDE**2 + 2 * len(FREQUENCIES), *[self.hidden] * LAYERS, SIDE**2, activation="silu")

    @cached_property
    def centre(self) -> np.ndarray:
        """The mean image, (64,)."""
        return images()[0].mean(axis=0).astype(np.float32).astype(float)

    @cached_property
    def spread(self) -> float:
        """Standard deviation of a pixel about the mean image, under the law of the digits with noise."""
        return float(np.sqrt(np.mean((images()[0] - self.centre) ** 2) + SMOOTHING**2))

    def start(self, generator):
        """W normal of variance 1.96/inputs, the last layer and all b zero."""
        arrays, widths = [], [layer.inputs for layer in self.layout.layers] + [self.layout.outputs]
        for i, (m, n) in enumerate(pairwise(widths)):
            matrix = generator.standard_normal((m, n)) * (GAIN / np.sqrt(m) if i < LAYERS else 0.0)
            arrays += [matrix.T, np.zeros(n)]
        return self.layout.flat(arrays)

    def batch(self, generator):
        """Inputs (N, 80) and targets (N, 64); noise is drawn in single precision, in half the time."""
        pixels = images()[0]
        clean = pixels[generator.integers(len(pixels), size=self.images)]
        clean = clean + SMOOTHING * generator.standard_normal(clean.shape, np.float32)
        noise = generator.standard_normal(clean.shape, np.float32).astype(float)
        return self.told(clean, noise, LEVELS[0] + LEVELS[1] * generator.standard_normal(self.images))

    def told(self, clean: np.ndarray, noise: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What F sees and what it should say of images (N, 64), noise (N, 64) and levels log σ (N,)."""
        skip, inside, outside = (one[:, None] for one in preconditioning(np.exp(level), self.spread))
        rest = clean - self.centre
        y = rest + np.exp(level)[:, None] * noise
        return np.hstack([inside * y, embedding(level)]), (rest - skip * y) / outside


DENOISER = Shipped(
    "digits-denoiser",
    "a denoiser for digits of 135 000 weights",
    Path(__file__).with_name("network.npz"),
    DenoiserTraining(),
    Adam(steps=STEPS),
    THROUGH,
    beside=("centre", "spread"),
)

SHIPPED = (DENOISER,)

CASES = (DenoiserTraining(hidden=8, images=16),)
