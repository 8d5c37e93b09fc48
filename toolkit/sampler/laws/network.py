"""A small denoiser learnt from the digits, and how it was: `python -m toolkit.sampler.laws.network` writes it anew."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np

from toolkit.core.errors import DataError, ToolkitError
from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.sampler.laws.digits import Digits, images
from toolkit.sampler.laws.measures import FINAL, SLICED, rms

WEIGHTS = Path(__file__).with_name("network.npz")
SMOOTHING = 0.1  # of the law it learnt
FREQUENCIES = np.geomspace(0.5, 8.0, 8)
HIDDEN, LAYERS = 224, 3
LEVELS = -0.8, 1.6  # mean and spread of log(σ/α) in training
STEPS, BATCH, RATE, KEEP, SEED = 30_000, 256, 2e-3, 0.99, 5


# -- the network -----------------------------------------------------------------------------------------------------


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


def layers(inputs: np.ndarray, weights: list, kept: list | None = None) -> np.ndarray:
    """F: layers a ↦ silu(a W + b), the last one linear; `kept` takes what the gradient needs."""
    a = inputs
    for i, (matrix, shift) in enumerate(weights):
        z = a @ matrix + shift
        gate = 1 / (1 + np.exp(-np.clip(z, -60, 60))) if i < len(weights) - 1 else None
        if kept is not None:
            kept.append((a, z, gate))
        a = z if gate is None else z * gate
    return a


def gradients(delta: np.ndarray, weights: list, kept: list) -> list:
    """[(∂/∂W, ∂/∂b), …] of Σ delta · F by the chain rule from the last layer to the first."""
    found = []
    for (matrix, _), (a, z, gate) in zip(reversed(weights), reversed(kept)):
        if gate is not None:
            delta = delta * gate * (1 + z * (1 - gate))
        found.append((a.T @ delta, delta.sum(axis=0)))
        delta = delta @ matrix.T
    return found[::-1]


@functools.cache
def trained() -> tuple[list, np.ndarray, float]:
    """(weights, mean image (64,), spread) as they were shipped; DataError when the file is not there."""
    try:
        with np.load(WEIGHTS) as file:
            count = len([name for name in file.files if name.startswith("matrix")])
            weights = [(file[f"matrix{i}"].astype(float), file[f"shift{i}"].astype(float)) for i in range(count)]
            return weights, file["centre"].astype(float), float(file["spread"])
    except (OSError, KeyError, ValueError) as error:
        text = f"{WEIGHTS}: expected the weights of the network ({error}): install the toolkit again."
        raise DataError(text) from None


def denoised(y: np.ndarray, level: np.ndarray, net: tuple) -> np.ndarray:
    """D(y) = c + c_skip (y − c) + c_out F(c_in (y − c), λ) with c the mean image: EDM's preconditioning, y = x/α."""
    weights, centre, spread = net
    skip, inside, outside = (one[:, None] for one in preconditioning(np.exp(level), spread))
    raw = layers(np.hstack([inside * (y - centre), embedding(level)]), weights)
    return centre + skip * (y - centre) + outside * raw


# -- its training ----------------------------------------------------------------------------------------------------


def fresh(generator: np.random.Generator) -> list:
    """Weights before training: normal of variance 1/fan-in, the last layer zero."""
    sizes = [64 + 2 * len(FREQUENCIES), *[HIDDEN] * LAYERS, 64]
    made = []
    for i, (m, n) in enumerate(pairwise(sizes)):
        matrix = generator.standard_normal((m, n)) * (1.4 / np.sqrt(m) if i < LAYERS else 0.0)
        made.append((matrix.astype(np.float32), np.zeros(n, np.float32)))
    return made


def loss_and_gradients(weights: list, clean, noise, level, centre, spread: float) -> tuple[float, list]:
    """Mean of |F − (x₀ − c_skip y)/c_out|² over a batch, and its gradients: EDM's weight λ(σ) = 1/c_out²."""
    skip, inside, outside = (one[:, None].astype(noise.dtype) for one in preconditioning(np.exp(level), spread))
    rest = clean - centre
    y = rest + np.exp(level)[:, None].astype(noise.dtype) * noise
    target, kept = (rest - skip * y) / outside, []
    apart = layers(np.hstack([inside * y, embedding(level).astype(noise.dtype)]), weights, kept) - target
    return float(np.mean(apart**2)), gradients(2 * apart / apart.size, weights, kept)


def train(steps: int = STEPS, seed: int = SEED, told=print) -> tuple[list, np.ndarray, float]:
    """Adam with a rate that falls to zero along a cosine; what is returned is the running mean of the weights.

    On one thread, as sums in another order give other weights: the same steps and seed give the same, bit for bit.
    Reference: D. Kingma, J. Ba (2015), arXiv:1412.6980, Alg. 1; T. Karras et al. (2022), arXiv:2206.00364, Table 1.
    """
    pixels, generator = images()[0], np.random.default_rng(seed)
    from threadpoolctl import threadpool_limits  # it comes with scikit-learn, as the images do

    centre = pixels.mean(axis=0).astype(np.float32)
    spread = float(np.sqrt(np.mean((pixels - centre) ** 2) + SMOOTHING**2))
    weights = fresh(generator)
    flat = [part for pair in weights for part in pair]
    first, second, mean = ([np.zeros_like(part) for part in flat] for _ in range(3))
    with threadpool_limits(1):
        for k in range(1, steps + 1):
            clean = pixels[generator.integers(len(pixels), size=BATCH)].astype(np.float32)
            clean += SMOOTHING * generator.standard_normal(clean.shape, np.float32)
            noise = generator.standard_normal(clean.shape, np.float32)
            level = LEVELS[0] + LEVELS[1] * generator.standard_normal(BATCH)
            loss, slopes = loss_and_gradients(weights, clean, noise, level, centre, spread)
            rate = RATE * 0.5 * (1 + np.cos(np.pi * k / steps)) * min(1.0, k / 200)
            for j, slope in enumerate(part for pair in slopes for part in pair):
                first[j] += 0.1 * (slope - first[j])
                second[j] += 0.01 * (slope**2 - second[j])
                flat[j] -= rate * first[j] / (1 - 0.9**k) / (np.sqrt(second[j] / (1 - 0.99**k)) + 1e-8)
                mean[j] += (1 - KEEP) * (flat[j] - mean[j])
            if k % 500 == 0:
                told(f"step {k} of {steps}: loss {loss:.4f}")
    mean = [part / (1 - KEEP**steps) for part in mean]
    return list(zip(mean[::2], mean[1::2])), centre, spread


def save(net: tuple, path: Path = WEIGHTS) -> None:
    """Write the network in half precision."""
    weights, centre, spread = net
    parts = {f"matrix{i}": matrix.astype(np.float16) for i, (matrix, _) in enumerate(weights)}
    parts |= {f"shift{i}": shift.astype(np.float16) for i, (_, shift) in enumerate(weights)}
    np.savez(path, centre=centre, spread=spread, **parts)


# -- the problem -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NetworkDigits(Digits):
    """Digits by a network of 135 000 weights instead of the exact score: for showing, no order is claimed on it.

    Noise and law are those of the digits with s = 0.1, `denoise` is the network's, and so is the flow that samplers
    are compared with: what is left between both problems is the network's own mistake, `network_gap`.
    After 30 000 steps its loss on fresh draws is 0.608, that of the exact denoiser 0.469, of F = 0 about 1.
    Reference: T. Karras, M. Aittala, T. Aila, S. Laine (2022), arXiv:2206.00364, Table 1 (preconditioning, loss).
    """

    title: ClassVar[str] = "digits by a small network, for showing"
    sources: ClassVar[tuple[str, ...]] = ("karras2022", "kingma2015adam")
    learnt: ClassVar[bool] = True
    smoothing: float = knob(SMOOTHING, SMOOTHING, SMOOTHING, symbol="s", doc="breadth of the law it was trained on")
    digit: str = knob("any", choices=("any",), doc="it was trained on all classes")

    def denoise(self, x, t):
        level = np.full(len(x), -float(self.process.log_snr(t)))
        return denoised(x / self.process.alpha(t), level, trained())

    def exact(self, x: np.ndarray, t: float) -> np.ndarray:
        """E[x₀ | x_t = x] of the law that the network was to learn, shape (n, 64)."""
        return Digits.denoise(self, x, t)

    def carried(self, x, s, t):
        """x carried by the network's own flow from s to t, to about 1e-6: DOP853 for x/σ in λ, as it is for showing."""
        from scipy.integrate import solve_ivp

        process = self.process

        def slope(level, y):
            time = float(process.time(level))
            sigma = process.sigma(time)
            return (process.alpha(time) / sigma * self.denoise(sigma * y.reshape(x.shape), time)).ravel()

        ends = float(process.log_snr(s)), float(process.log_snr(t))
        found = solve_ivp(slope, ends, (x / process.sigma(s)).ravel(), "DOP853", rtol=1e-6, atol=1e-7)
        return process.sigma(t) * found.y[:, -1].reshape(x.shape)

    def measures(self):
        return FINAL, SLICED, GAP


def network_gap(problem, state) -> float:
    """RMS over pixels of network minus exact denoiser at the particles, the first 64 of them."""
    x = state.x[:64]
    return rms(problem.denoise(x, state.t) - problem.exact(x, state.t)) / np.sqrt(problem.dim)


GAP = Measure("network_gap", "mistake of the network", network_gap, "‖D − E[x₀|x]‖", doc="RMS of a pixel from −1 to 1")

# -- parametrisations ------------------------------------------------------------------------------------------------

PARAMETRISATIONS = ("data", "noise", "velocity", "score", "flow")


def converted(process, value: np.ndarray, x: np.ndarray, t: float, given: str, wanted: str) -> np.ndarray:
    """What a network predicts, told in another way: x₀, ε, v = α ε − σ x₀, score −ε/σ, or the flow's α' x₀ + σ' ε.

    Each is an invertible affine function of x₀ at given (x, t): with ε = (x − α x₀)/σ all follow from x₀.
    Reference: T. Salimans, J. Ho (2022), arXiv:2202.00512, App. D; Y. Lipman et al. (2023), arXiv:2210.02747.
    """
    for name in (given, wanted):
        if name not in PARAMETRISATIONS:
            raise ToolkitError(f"parametrisation {name!r}: expected one of {', '.join(PARAMETRISATIONS)}.")
    if given == wanted:
        return value
    alpha, sigma = process.alpha(t), process.sigma(t)
    fall, rise = process.rates(t)
    data = {  # (factor of ε, factor of x₀) of each
        "data": (0.0, 1.0),
        "noise": (1.0, 0.0),
        "velocity": (alpha, -sigma),
        "score": (-1 / sigma, 0.0),
        "flow": (rise, fall),
    }
    eps, clean = data[given]
    x0 = (sigma * value - eps * x) / (sigma * clean - alpha * eps)
    eps, clean = data[wanted]
    return eps * (x - alpha * x0) / sigma + clean * x0


CASES = ()  # for showing: fits to it take up to 20 s; its own tests sample it by all that are not fitted first


if __name__ == "__main__":
    if len(sys.argv) > 2:
        raise SystemExit("usage: python -m toolkit.sampler.laws.network [steps]")
    save(train(int(sys.argv[1]) if len(sys.argv) == 2 else STEPS))
