"""Digits to be learnt by a network with two layers of low rank: the loss, and its gradient by factors and layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.probe import Measure
from toolkit.data import bundled
from toolkit.networks.activations import ACTIVATIONS
from toolkit.networks.derivatives import deltas
from toolkit.networks.layout import Layer, Layout, perceptron
from toolkit.networks.loss import Loss
from toolkit.networks.misfits import CrossEntropy, Misfit
from toolkit.networks.passes import forward
from toolkit.networks.weights import Full, LowRank
from toolkit.rank.dynamics.problems import orthonormal

TANH, IDENTITY = ACTIVATIONS["tanh"], ACTIVATIONS["identity"]


@dataclass(frozen=True)
class DigitsTraining(Loss):
    """Learn which digit an image of 8 × 8 pixels shows: 64 → h → h → 10, tanh, cross-entropy over all images at once.

    Pixels are centred. The first two matrices are W = U diag(σ) Vᵀ at the start, U and V random and orthonormal, half
    of σ from `scale` down to half of it, the other half `scale · σ_min`; the third is dense, with orthonormal rows; the
    biases are zero.
    Reference: S. Schotthöfer, E. Zangrando, J. Kusch, G. Ceruti, F. Tudisco, NeurIPS 35 (2022), arXiv:2205.13571.
    """

    title: ClassVar[str] = "digits by a low-rank network"
    sources: ClassVar[tuple[str, ...]] = ("schotthoefer2022",)
    misfit: ClassVar[Misfit] = CrossEntropy()
    images: int = knob(400, 50, 1400, log=True, symbol="N", doc="images to learn from; the rest of 1797 is for testing")
    hidden: int = knob(32, 10, 128, log=True, symbol="h", doc="units of both hidden layers")
    start_rank: int = knob(8, 1, 30, symbol="r₀", doc="rank of both matrices at the start")
    scale: float = knob(2.0, 0.1, 10.0, log=True, doc="largest singular value at the start")
    sigma_min: float = knob(1e-6, 1e-14, 0.5, log=True, symbol="σ_min", doc="smallest over largest singular value")
    seed: int = seed_knob("the start and of the choice of images")

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Images (N, 64) and labels to learn from, images and labels for testing."""
        pixels, labels = bundled.digits()
        pixels = pixels / 16.0
        order = np.random.default_rng(self.seed).permutation(len(labels))
        one, other = order[: self.images], order[self.images :]
        centre = pixels[one].mean(0)
        return tuple(frozen(x) for x in (pixels[one] - centre, labels[one], pixels[other] - centre, labels[other]))

    @cached_property
    def layout(self) -> Layout:
        return perceptron(64, self.hidden, self.hidden, 10)

    def start(self, generator):
        """The matrices that the low-rank methods start from, in full; nothing is drawn from the generator."""
        (u1, s1, v1), (u2, s2, v2) = self.factors
        b1, b2, w3, b3 = self.dense
        return self.layout.flat([(u1 * s1) @ v1.T, b1, (u2 * s2) @ v2.T, b2, w3, b3])

    def batch(self, generator):
        """All images."""
        return self.data[:2]

    @property
    def dense(self) -> list[np.ndarray]:
        """b₁, b₂, W₃, b₃ at the start."""
        h = self.hidden
        last = np.ascontiguousarray(orthonormal(np.random.default_rng([self.seed, 2]), h, 10).T)
        return [np.zeros(h), np.zeros(h), last, np.zeros(10)]

    @cached_property
    def factors(self) -> tuple:
        """(U, σ, V) of both low-rank matrices at the start."""
        rng = np.random.default_rng([self.seed, 1])
        found = []
        for n in (64, self.hidden):
            r = min(self.start_rank, self.hidden, n)
            large = -(-r // 2)
            values = self.scale * np.append(np.linspace(1.0, 0.5, large), np.full(r - large, self.sigma_min))
            found.append((orthonormal(rng, self.hidden, r), values, orthonormal(rng, n, r)))
        return tuple(found)

    def measures(self):
        return (ACCURACY,)


def _accuracy(problem: DigitsTraining, state) -> float:
    _, _, images, labels = problem.data
    scores = forward(network(state.factors(), state.dense), images).outputs
    return float(np.mean(np.argmax(scores, 1) == labels))


ACCURACY = Measure("accuracy", "share of new digits read right", _accuracy, log=False, doc="images not learnt from")


def network(factors, dense) -> tuple[Layer, ...]:
    """The three layers; `factors`: (P, Q) of the first two, W = P Qᵀ; `dense`: b₁, b₂, W₃, b₃."""
    b1, b2, w3, b3 = dense
    low = [Layer(LowRank(p.shape[1]), (p, q), b, TANH) for (p, q), b in zip(factors, (b1, b2))]
    return *low, Layer(Full(), (w3,), b3, IDENTITY)


def gradients(factors, dense, images, labels) -> tuple[float, list, list, list]:
    """(loss, inputs a and back-propagated δ of both low-rank layers, gradients of the dense parts).

    The gradient with respect to W is δᵀ a, which nobody forms: of P it is δᵀ (a Q), of Q it is aᵀ (δ P).
    """
    loss, trace, (one, two, last) = deltas(network(factors, dense), DigitsTraining.misfit, images, labels)
    slopes = [one.sum(0), two.sum(0), last.T @ trace.inputs[2], last.sum(0)]
    return loss, trace.inputs[:2], [one, two], slopes
