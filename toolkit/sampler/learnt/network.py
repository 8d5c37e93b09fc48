"""Digits by a small network instead of the exact score: `toolkit train digits-denoiser` makes its weights again."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.errors import ToolkitError
from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.core.probe import Measure
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.following import Followed
from toolkit.sampler.laws.measures import FINAL, SLICED, rms
from toolkit.sampler.learnt.denoiser import DENOISER, SMOOTHING, denoised


@functools.cache
def trained() -> tuple[tuple, np.ndarray, float]:
    """(bound layers, mean image (64,), spread) as they were shipped; DataError when the file is not there."""
    weights = DENOISER.weights()
    layers = DENOISER.problem.layout.bound(weights.solution)
    return layers, weights.beside["centre"], float(weights.beside["spread"])


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
        with loading():
            from scipy.integrate import solve_ivp

        process = self.process

        def slope(level, y):
            time = float(process.time(level))
            sigma = process.sigma(time)
            return (process.alpha(time) / sigma * self.denoise(sigma * y.reshape(x.shape), time)).ravel()

        ends = float(process.log_snr(s)), float(process.log_snr(t))
        told = Followed(slope, ends, "Following the network's flow")
        found = solve_ivp(told, ends, (x / process.sigma(s)).ravel(), "DOP853", rtol=1e-6, atol=1e-7)
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
