"""What can be measured of particles on the way: error against the exact flow, and distances to the law."""

from __future__ import annotations

import numpy as np

from toolkit.core.loading import loading
from toolkit.core.probe import Measure

NAN = float("nan")
DIRECTIONS = 32
MOST = 4096  # particles of which a distance to the law is taken
PAIRED = 512  # particles of which all pairs are taken
ROUNDING = 1e-11  # errors at the end below it are not the sampler's alone
DATA = 9  # the stream of the data that particles are compared with


def rms(difference: np.ndarray) -> float:
    """√(mean of |·|²) over the rows of (n, d)."""
    return float(np.sqrt(np.mean(np.einsum("nd,nd->n", difference, difference))))


def final_error(problem, state) -> float:
    """RMS distance of the followed particles from where the exact flow carries them; NaN before the end."""
    if state.i < len(state.times) - 1 or state.stochastic:
        return NAN
    exact = problem.flow(float(state.times[-1]))
    return rms(state.x[: len(exact)] - exact)


def trajectory_error(problem, state) -> float:
    """RMS distance of the followed particles from the exact flow at this time; of N ≥ 128 steps at each ⌊N/64⌋-th."""
    if not state.on_its_way or state.stochastic or state.i % max(1, (len(state.times) - 1) // 64):
        return NAN
    exact = problem.path(state.t)
    return rms(state.x[: len(exact)] - exact) if state.i else NAN


def data_distance(problem, state) -> float:
    """√(mean over 32 fixed directions of W₂²) between particles and data, on at most 4096 of each."""
    n = min(MOST, len(state.x))
    return _sliced(state.x[:n], problem.draw(problem.stream(DATA), n))


def _sliced(x, law) -> float:
    """√(mean over 32 fixed directions of W₂²) of two clouds of as many points."""
    angles = np.random.default_rng(DATA).standard_normal((x.shape[1], DIRECTIONS))
    angles /= np.linalg.norm(angles, axis=0)
    return float(np.sqrt(np.mean((np.sort(x @ angles, axis=0) - np.sort(law @ angles, axis=0)) ** 2)))


def law_draws(problem, n: int, t: float) -> np.ndarray:
    """n draws of p_t, shape (n, d), the same for every particle cloud."""
    noise = problem.stream(DATA, 1).standard_normal((n, problem.dim))
    return problem.process.alpha(t) * problem.draw(problem.stream(DATA), n) + problem.process.sigma(t) * noise


def sliced_wasserstein(problem, state) -> float:
    """√(mean over 32 fixed directions of W₂²) between particles and as many draws of p_t, on at most 4096."""
    n = min(MOST, len(state.x))
    return _sliced(state.x[:n], law_draws(problem, n, state.t))


def energy_distance(problem, state) -> float:
    """√(2 E|X − Y| − E|X − X'| − E|Y − Y'|), X particles and Y draws of p_t, over all pairs of at most 512 of each.

    It vanishes for equal laws only. Reference: G. Székely, M. Rizzo (2013), doi:10.1016/j.jspi.2013.03.018.
    """
    with loading():
        from scipy.spatial.distance import cdist

    n = min(PAIRED, len(state.x))
    x, y = state.x[:n], law_draws(problem, n, state.t)
    if not np.all(np.isfinite(x)):
        return NAN
    return float(np.sqrt(max(0.0, 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean())))


def mode_weights(problem, state) -> float:
    """Total variation between the components' weights and the shares of particles nearest to each (in its breadth)."""
    weights, means, widths = problem.parts
    x = state.x[:MOST]
    alpha, sigma = problem.process.alpha(state.t), problem.process.sigma(state.t)
    variance = alpha**2 * widths**2 + sigma**2
    apart = np.stack([((x - alpha * mean) ** 2).sum(axis=1) for mean in means], axis=1) / variance
    shares = np.bincount(apart.argmin(axis=1), minlength=len(weights)) / len(x)
    return float(0.5 * np.abs(shares - weights).sum())


def gaussian_divergence(problem, state) -> float:
    """KL(N(m, S) ‖ p_t) of the particles' moments, in closed form; NaN for too few particles."""
    x = state.x
    if len(x) <= 2 * problem.dim:
        return NAN
    mean, covariance = problem.moments(state.t)
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, (x - mean).T)
    centre = white.mean(axis=1)
    own = np.atleast_2d(np.cov(white, bias=True))
    sign, logdet = np.linalg.slogdet(own)
    return float(0.5 * (np.trace(own) - problem.dim - logdet + centre @ centre)) if sign > 0 else NAN


FINAL = Measure(
    "final_error",
    "error at the end",
    final_error,
    "‖x − x*‖",
    doc="RMS distance to the exact flow, 256 particles",
)
ALONG = Measure(
    "trajectory_error",
    "error against the exact flow",
    trajectory_error,
    "‖x − x*(t)‖",
    doc="RMS distance at the same time, 256 particles",
)
DISTANCE = Measure(
    "data_distance", "distance to the data", data_distance, "SW₂", doc="sliced Wasserstein, particles against data"
)
SLICED = Measure(
    "sliced_wasserstein", "sliced Wasserstein distance", sliced_wasserstein, "SW₂", doc="particles against draws of p_t"
)
ENERGY = Measure("energy_distance", "energy distance", energy_distance, "D_E", doc="particles against draws of p_t")
MODES = Measure(
    "mode_weights", "error of the mode weights", mode_weights, "TV", doc="shares of particles against the weights"
)
DIVERGENCE = Measure(
    "gaussian_divergence", "divergence of the moments", gaussian_divergence, "KL", "nat", doc="of mean and covariance"
)


def of(problem) -> tuple[Measure, ...]:
    """The measures that make sense on a problem."""
    few = 2 <= problem.count <= 64
    return (
        *(FINAL, ALONG, DISTANCE, SLICED, ENERGY),
        *((MODES,) if few else ()),
        *((DIVERGENCE,) if problem.gaussian else ()),
    )
