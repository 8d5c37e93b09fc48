"""What is seen of a sampling: particles beside the density, images, the steps' places; and questions to begin with."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from toolkit.core.lab import Picture
from toolkit.core.memo import remembered
from toolkit.core.run import Run
from toolkit.core.stop import THROUGH
from toolkit.kernels.points import mixture as kernels
from toolkit.sampler.laws.digits import SIDE, Digits
from toolkit.sampler.solvers.dpmsolver import DPMSolver3S
from toolkit.sampler.solvers.sampler import SamplerState
from toolkit.sampler.solvers.step_ladder import LadderState

BINS = 128
PAIRS = 4_000_000  # points of the density times components, at most
REACH = 3.0  # half the width of the view, in units of √(α² + σ²)
TILES = 8
ARROWS = 10  # of the score, in a row
FOLLOWED, LONG = 16, 256  # particles whose way is drawn, and steps of a way that is
INSTANTS = 120  # of a way along the exact flow


def cloud(problem, state):
    """Particles counted on a grid, and p_t on the same square, which widens with the noise."""
    reach = REACH * float(np.hypot(problem.process.alpha(state.t), problem.process.sigma(state.t)))
    counts = np.empty((BINS, BINS))
    kernels.histogram(np.ascontiguousarray(state.x), -reach, -reach, 2 * reach, counts)
    drawn = {"particles": counts}
    if problem.count:
        m = int(np.clip(np.sqrt(PAIRS / problem.count), 20, 96))
        place = ((np.arange(m) + 0.5) / m * 2 - 1) * reach
        drawn["density"] = problem.density(np.stack(np.meshgrid(place, place), -1).reshape(-1, 2), state.t).reshape(
            m, m
        )
    return drawn


def spread(process, t: float) -> float:
    """√(α² + σ²), the size of particles at t."""
    return float(np.hypot(process.alpha(t), process.sigma(t)))


def score_field(problem, state):
    """The score as arrows, from circles to squares, of length |σ ∇ log p_t| up to a bound, with a few particles.

    In units of √(α² + σ²).
    """
    t, size = state.t, spread(problem.process, state.t)
    place = np.linspace(-0.8, 0.8, ARROWS) * REACH
    base = np.stack(np.meshgrid(place, place), -1).reshape(-1, 2)
    arrow = -problem.noise(size * base, t)
    length = np.linalg.norm(arrow, axis=1, keepdims=True)
    arrow *= 0.8 * (place[1] - place[0]) / np.maximum(length, 1.0)
    tail = np.concatenate([base + share * arrow for share in (0.0, 0.35, 0.7)])
    tip, seen = base + arrow, state.x[:150] / size
    seen = seen[np.abs(seen).max(axis=1) <= REACH]
    return {"∇ log p": tuple(tail.T), "towards": tuple(tip.T), "particles": tuple(seen.T)}


def ways(problem, state):
    """Where a few particles came along, step by step, and where the exact flow leads them, in units of √(α² + σ²).

    The steps are done once more, for these particles alone: a particle does not depend on the others. Nothing yet
    before the first step.
    """
    if not state.i:
        return None
    few = remembered(problem, "few ways", lambda: problem.turned(particles=min(FOLLOWED, problem.particles)))
    twin = state.begun(few.initial)
    seen = [few.initial / spread(few.process, twin.t)]
    for s, t in pairwise(map(float, state.times[: state.i + 1])):
        twin.x, twin.i = state.sampler.leap(few, twin, s, t), twin.i + 1
        seen.append(twin.x / spread(few.process, t))
    found = {"steps": tuple(np.concatenate(seen[:-1]).T), "particles": tuple(seen[-1].T)}
    if state.stochastic:
        return found
    end = float(state.times[-1])
    times, exact = remembered(problem, ("exact ways", end), lambda: followed(few, end))
    curve = np.concatenate([y for t, y in zip(times, exact) if t >= state.t])
    return {"exact flow": tuple(curve.T)} | found


def followed(problem, end: float) -> tuple:
    """(times, particles at them) on the way to the end in steps too small to be seen."""
    sampler = DPMSolver3S(steps=INSTANTS, end=end)
    times, x = sampler.times(problem), problem.initial
    found = [x / spread(problem.process, float(times[0]))]
    found += [state.x / spread(problem.process, state.t) for state in Run(problem, sampler, THROUGH)]
    return times, found


def sheet(problem, state):
    """The first 64 particles as images, eight a row, the first at the top left."""
    return {"z": tiles(state.solution(), TILES)}


def tiles(x: np.ndarray, a_side: int) -> np.ndarray:
    """The first images of (n, 64) in a square of `a_side` rows, the first at the top left, as rows from the bottom."""
    laid = np.full((a_side * a_side, SIDE + 1, SIDE + 1), -1.0)
    shown = np.clip(x[: len(laid)], -1.5, 1.5).reshape(-1, SIDE, SIDE)
    laid[: len(shown), :SIDE, :SIDE] = shown
    laid = laid.reshape(a_side, a_side, SIDE + 1, SIDE + 1).transpose(0, 2, 1, 3)
    return laid.reshape(a_side * (SIDE + 1), -1)[::-1] + 1.5


def placement(problem, state):
    """The number of each step against log(α/σ) at its time: done, and to come."""
    levels, count = np.asarray(problem.process.log_snr(state.times)), np.arange(len(state.times))
    stride = max(1, len(count) // 2000)
    done, ahead = slice(0, state.i + 1, stride), slice(state.i + 1, None, stride)
    return {"done": (levels[done], count[done]), "to come": (levels[ahead], count[ahead])}


def ends(problem, state):
    """Where the followed particles end, sampled and by the exact flow."""
    exact = problem.flow(state.t)
    return {"exact flow": (exact[:, 0], exact[:, 1]), "sampled": (state.x[:, 0], state.x[:, 1])}


def planar(problem, state) -> bool:
    """Whether the particles are in the plane."""
    return problem.dim == 2


def traced(problem, state) -> bool:
    """Whether the way can be gone once more: in the plane, by a sampler's own `leap`, not for long."""
    return problem.dim == 2 and state.sampler is not None and state.i <= LONG


UNITS = dict(x="x₁/√(α² + σ²)", y="x₂/√(α² + σ²)")
PICTURES = (
    Picture("cloud", "particles and density", "images", cloud, of=SamplerState, when=planar),
    Picture("score_field", "score and particles", "points", score_field, **UNITS, of=SamplerState, when=planar),
    Picture("ways", "trajectories", "points", ways, **UNITS, of=SamplerState, when=traced),
    Picture("samples", "samples", "image", sheet, of=Digits),
    Picture("ends", "where the particles end", "points", ends, x="x", y="y", of=LadderState, when=planar),
    Picture("placement", "where the steps are", "points", placement, x="log(α/σ)", y="step", of=SamplerState),
)
