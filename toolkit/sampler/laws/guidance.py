"""Guidance without a classifier: the denoiser of a class, exaggerated against that of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.errors import KnobError
from toolkit.core.knob import knob
from toolkit.sampler.laws.digits import Digits, images
from toolkit.sampler.laws.mixtures import GivenMixture, Mixture, PlaneMixture

SCALE = "1: the class itself, 0: all classes, above 1: the class exaggerated"


def guided(everything, of_class, scale: float) -> np.ndarray:
    """x₀ = x₀(all) + w (x₀(class) − x₀(all)) of two functions without arguments; one is called where one is enough."""
    if scale == 1:
        return of_class()
    common = everything()
    return common + scale * (of_class() - common) if scale else common


@dataclass(frozen=True)
class GuidedMixture(PlaneMixture):
    """A mixture in the plane whose components fall into `groups` classes; sample one of them with guidance w.

    E[x₀|x] + w (E[x₀|x, c] − E[x₀|x]), that is the score ∇((1 − w) log p_t(x) + w log p_t(x|c)): w = 1 is the exact
    conditional law, w = 0 that of all; in Ho and Salimans' count the scale is w − 1. Not the score of a noised law for
    other w, yet a flow all the same: `flow` follows it. Draws, weights and density are those of the class. An
    evaluation is counted as one, though a network would be asked twice.
    Reference: J. Ho, T. Salimans (2022), arXiv:2207.12598, eq. 6.
    """

    title: ClassVar[str] = "mixture in the plane, guided"
    sources: ClassVar[tuple[str, ...]] = ("ho2022guidance",)
    groups: int = knob(2, 2, 8, doc="classes, of components that follow one another")
    group: int = knob(1, 1, 8, doc="the class to sample, counted from 1")
    scale: float = knob(2.0, 0.0, 10.0, symbol="w", doc=SCALE)

    def __post_init__(self):
        PlaneMixture.__post_init__(self)
        if self.group > self.groups:
            raise KnobError(f"GuidedMixture.group = {self.group}: expected one of {self.groups} groups.")
        self.parts  # noqa: B018 - more groups than components are refused here, not in mid-run

    @cached_property
    def everything(self) -> GivenMixture:
        """The mixture of all classes."""
        return GivenMixture(*PlaneMixture.parts.func(self), schedule=self.schedule, particles=1)

    @cached_property
    def parts(self):
        weights, means, widths = self.everything.parts
        if self.groups > len(weights):
            raise KnobError(f"GuidedMixture.groups = {self.groups}: expected at most {len(weights)}, the components.")
        chosen = np.arange(len(weights)) * self.groups // len(weights) == self.group - 1
        return weights[chosen] / weights[chosen].sum(), means[chosen], widths[chosen]

    @property
    def guidance(self) -> float:
        """w."""
        return self.scale

    def denoise(self, x, t):
        return guided(lambda: self.everything.denoise(x, t), lambda: Mixture.denoise(self, x, t), self.scale)


def thresholded(denoised: np.ndarray, share: float) -> np.ndarray:
    """x₀ (n, d) cut at ±s and divided by s, s the `share`-quantile of |x₀| in each image, 1 at least: within [−1, 1].

    Reference: C. Saharia et al. (2022), arXiv:2205.11487, Sec. 2.3 (dynamic thresholding).
    """
    size = np.maximum(np.quantile(np.abs(denoised), share, axis=1, keepdims=True), 1.0)
    return np.clip(denoised, -size, size) / size


@dataclass(frozen=True)
class GuidedDigits(Digits):
    """One class of the handwritten digits with guidance w against all of them, each denoiser exact.

    w = 1 is the law of the class, w = 0 that of all digits, w > 1 leaves out what other digits share with it: x₀ then
    leaves [−1, 1], where pixels are. `threshold` brings it back, whatever the sampler predicts; the flow is that of the
    thresholded x₀, which is not smooth.
    Reference: J. Ho, T. Salimans (2022), arXiv:2207.12598, eq. 6; C. Lu et al. (2022), arXiv:2211.01095, Sec. 4.
    """

    title: ClassVar[str] = "handwritten digits, guided"
    sources: ClassVar[tuple[str, ...]] = ("ho2022guidance", "alpaydin1998", "saharia2022")
    digit: str = knob("3", choices=tuple("0123456789"), doc="the class to sample")
    scale: float = knob(2.0, 0.0, 10.0, symbol="w", doc=SCALE)
    threshold: float = knob(1.0, 0.9, 1.0, doc="quantile of the pixels at which x₀ is cut; 1: not cut")

    @property
    def guidance(self) -> float:
        """w."""
        return self.scale

    @property
    def smooth(self) -> bool:
        return self.threshold == 1

    def denoise(self, x, t):
        found = guided(lambda: self.denoise_as(x, t, images()[0]), lambda: self.denoise_as(x, t, self.data), self.scale)
        return thresholded(found, self.threshold) if self.threshold < 1 else found

    def jacobian(self, x, t):
        if self.threshold < 1:
            return None
        both = (lambda: self.jacobian_as(x, t, images()[0])), (lambda: self.jacobian_as(x, t, self.data))
        return guided(*both, self.scale)


CASES = (GuidedMixture(particles=16, components=16, scale=1.5, width=2.0, schedule="VP cosine"),)
