"""Points that were attacked, to be purified before a classifier sees them: the problem, its laws and its attack."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, softmax

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.loading import loading
from toolkit.core.problem import Problem
from toolkit.sampler.laws.digits import images
from toolkit.sampler.laws.mixtures import GivenMixture
from toolkit.sampler.solvers.sampler import TINY

LINE, DIGITS = "line in the plane", "handwritten digits"
SEVERAL = ("VP linear", "VP cosine", "flow matching")  # whose times go from 0 to 1
WIDTH = 0.1  # of the law around each centre
ROUNDS = 10  # of the projected attack
CHOICE, PLACE, FORWARD, REVERSE, GUESS, ALONG = 1, 2, 3, 4, 5, 6  # what a stream of random numbers is for


def line(tilt: float) -> tuple:
    """(centres (24, 2), classes, W (2, 2), b): two classes on the line y = 0, and a classifier by the sign of x + c y.

    Right on the line, and yet turned by a step of x/√(1 + c²), mostly across the line, where no data are.
    """
    side = np.linspace(0.8, 2.2, 12)
    centres = np.zeros((24, 2))
    centres[:, 0] = np.concatenate((-side[::-1], side))
    return centres, (centres[:, 0] > 0).astype(int), np.array([[-1.0, -tilt], [1.0, tilt]]), np.zeros(2)


@functools.cache
def regression() -> tuple:
    """(every other image (899, 64), their classes, W (10, 64), b (10,)): logistic regression on them."""
    pixels, labels = images()
    with loading():
        from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(max_iter=200).fit(pixels[::2], labels[::2])
    return pixels[::2], labels[::2], found.coef_, found.intercept_


@dataclass(frozen=True)
class Purification(Problem):
    """Classify points x + δ that were attacked, |δ| ≤ ε, with the exact score of the law of the clean ones at hand.

    The classifier is linear, argmax W x + b: right on the data, brittle off them. The attack raises its cross entropy
    ℓ. In the plane the law is 24 Gaussians on a line. Digits are classified by logistic regression on half of the
    images, of which the law is also; the points are of the other half. Two classes are moved as wholes, −ε and +ε
    along one direction, so that the law of the attacked points is a mixture too.
    Reference: W. Nie et al. (2022), arXiv:2205.07460; I. Goodfellow et al. (2015), arXiv:1412.6572, Sec. 3;
    A. Madry et al. (2018), arXiv:1706.06083, Sec. 2.1 (projected gradients).
    """

    title: ClassVar[str] = "attacked points"
    sources: ClassVar[tuple[str, ...]] = ("nie2022", "goodfellow2015", "madry2018")
    law: str = knob(LINE, choices=(LINE, DIGITS), doc="of the clean points")
    schedule: str = knob("VP linear", choices=SEVERAL, doc="how the noise grows")
    particles: int = knob(200, 1, 256, log=True, symbol="n", doc="points to classify")
    size: float = knob(0.5, 0.0, 8.0, symbol="ε", doc="Euclidean length of the attack; 0.5 is much in the plane")
    tilt: float = knob(4.0, 0.0, 20.0, symbol="c", doc="of the classifier in the plane: how brittle it is")
    seed: int = seed_knob("the points and of the noise")

    @cached_property
    def parts(self) -> tuple:
        """(centres (K, d), their classes (K,), W (c, d), b (c,))."""
        return line(self.tilt) if self.law == LINE else regression()

    @cached_property
    def diffusion(self) -> GivenMixture:
        """The law of the clean points and its noising process."""
        return self.around(self.parts[0])

    def around(self, centres: np.ndarray) -> GivenMixture:
        """Equal Gaussians of the law's width around centres (K, d)."""
        count = len(centres)
        return GivenMixture(np.ones(count), centres, np.full(count, WIDTH), self.schedule, particles=1)

    @cached_property
    def attacked_law(self) -> GivenMixture:
        """The law of attacked points, for two classes: each is moved against its own logit by ε."""
        centres, classes, weights, _ = self.parts
        across = (weights[1] - weights[0]) / np.linalg.norm(weights[1] - weights[0])
        return self.around(centres + self.size * np.where(classes[:, None] == 1, -across, across))

    def stream(self, *key: int) -> np.random.Generator:
        """The generator that belongs to a key under this seed."""
        return np.random.default_rng((self.seed, *key))

    def normal(self, *key: int) -> np.ndarray:
        """Standard normal numbers of a key, shape (n, d); point i has the same for any n."""
        return self.stream(*key).standard_normal((self.particles, self.parts[0].shape[1]))

    @cached_property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """(clean points (n, d), their classes (n,))."""
        draws = self.stream(CHOICE).random(self.particles)
        if self.law == DIGITS:
            pixels, labels = images()
            chosen = 1 + 2 * (draws * (len(pixels) // 2)).astype(int)
            return pixels[chosen], labels[chosen]
        centres, classes = self.parts[:2]
        chosen = (draws * len(centres)).astype(int)
        return centres[chosen] + WIDTH * self.normal(PLACE), classes[chosen]

    def right(self, x: np.ndarray) -> np.ndarray:
        """Whether each of x (n, d) is given the class of its point, shape (n,)."""
        _, _, weights, shift = self.parts
        return (x @ weights.T + shift).argmax(axis=1) == self.points[1]

    def loss_and_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(ℓ(x) (n,), ∇ℓ (n, d)) of the cross entropy ℓ = log Σ_c e^{W_c x + b_c} − (W x + b)_class."""
        _, _, weights, shift = self.parts
        logits = x @ weights.T + shift
        logits -= logits.max(axis=1, keepdims=True)
        share = np.exp(logits)
        whole, rows = share.sum(axis=1), np.arange(len(x))
        loss = np.log(whole) - logits[rows, self.points[1]]
        share /= whole[:, None]
        share[rows, self.points[1]] -= 1
        return loss, share @ weights

    @cached_property
    def attacked(self) -> np.ndarray:
        """Points attacked through the classifier alone, shape (n, d); read-only."""
        return frozen(self.attack(lambda x, _: self.loss_and_gradient(x)[1]))

    def attack(self, gradient) -> np.ndarray:
        """x + δ after ten steps of ε/4 along gradient(x + δ, round)/|·|, δ projected on |δ| ≤ ε each time."""
        clean = self.points[0]
        x = clean.copy()
        for i in range(ROUNDS if self.size else 0):
            slope = gradient(x, i)
            apart = x - clean + 0.25 * self.size * slope / np.maximum(length(slope), TINY)
            x = clean + apart * np.minimum(1.0, self.size / np.maximum(length(apart), TINY))
        return x

    def divergence(self, t: float) -> float:
        """KL(p_t ‖ q_t) of the clean and the attacked law, both noised up to t: the trapezium rule; two classes only.

        The grid is 0.6 of the least standard deviation; the rule's error for Gaussians is about e^{−2π²/0.36}.
        """
        clean, moved = (self.moments(law, t) for law in (self.diffusion, self.attacked_law))
        spread = clean[1]
        reach = [(m.min() - 8 * spread, m.max() + 8 * spread) for m in clean[0].T]
        axes = [np.arange(low, high, 0.6 * spread) for low, high in reach]
        x = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(axes))
        logs = log_density(x, *clean)
        return float((0.6 * spread) ** len(axes) * np.exp(logs) @ (logs - log_density(x, *moved)))

    @staticmethod
    def moments(law: GivenMixture, t: float) -> tuple[np.ndarray, float]:
        """(centres (K, d), standard deviation) of the components noised up to t."""
        alpha = law.process.alpha(t)
        return alpha * law.parts[1], float(np.hypot(alpha * WIDTH, law.process.sigma(t)))

    def expected(self, x: np.ndarray, t: float) -> float:
        """The share of x_t (n, d) that is right after an exact reverse equation, on average; two classes only.

        It draws x₀ from p(x₀|x_t), a mixture: Σ_k r_k Φ(±(w·m_k + b)/(τ |w|)) with posterior weights r, means m_k and
        spread τ, w and b the difference of both logits.
        """
        process, (centres, _, weights, shift) = self.diffusion.process, self.parts
        alpha, sigma = process.alpha(t), process.sigma(t)
        variance = (alpha * WIDTH) ** 2 + sigma**2
        share = softmax(-0.5 * squares(x, alpha * centres) / variance, axis=1)
        means = (sigma**2 * centres + alpha * WIDTH**2 * x[:, None]) / variance
        across, offset = weights[1] - weights[0], shift[1] - shift[0]
        margin = (means @ across + offset) / (WIDTH * sigma / np.sqrt(variance) * np.linalg.norm(across))
        sign = np.where(self.points[1] == 1, 1.0, -1.0)[:, None]
        return float(np.mean((share * ndtr(sign * margin)).sum(axis=1)))


def length(x: np.ndarray) -> np.ndarray:
    """|x| of each row, shape (n, 1)."""
    return np.linalg.norm(x, axis=1, keepdims=True)


def squares(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """|x − m_k|², shape (n, K)."""
    return ((x[:, None] - centres) ** 2).sum(axis=2)


def log_density(x: np.ndarray, centres: np.ndarray, spread: float) -> np.ndarray:
    """log of the mean of Gaussians around centres (K, d) at x (n, d), shape (n,)."""
    power = -0.5 * squares(x, centres) / spread**2
    top = power.max(axis=1)
    whole = np.exp(power - top[:, None]).mean(axis=1)
    return top + np.log(whole) - 0.5 * x.shape[1] * np.log(2 * np.pi * spread**2)


CASES = (
    Purification(particles=12),
    Purification(particles=6, schedule="flow matching", size=0.3),
)
