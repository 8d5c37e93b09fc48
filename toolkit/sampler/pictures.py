"""What is seen of a sampling: particles beside the density, images, the steps' places; and questions to begin with."""

from __future__ import annotations

import numpy as np

from toolkit.core.registry import Experiment, Picture
from toolkit.core.stop import Stop
from toolkit.kernels import mixture as kernels
from toolkit.sampler.deterministic import DDIM, DDPM, EulerSampler, HeunSampler
from toolkit.sampler.digits import SIDE, Digits
from toolkit.sampler.dpmsolver import DPMSolver2S, DPMSolver3S, DPMSolverPP2M
from toolkit.sampler.mixtures import Mixture, PlaneMixture
from toolkit.sampler.sampler import SamplerState
from toolkit.sampler.stepladder import CLIMB, LadderState, StepLadder

BINS = 128
PAIRS = 4_000_000  # points of the density times components, at most
REACH = 3.0  # half the width of the view, in units of √(α² + σ²)
TILES = 8


def cloud(problem, state):
    """Particles counted on a grid, and p_t on the same square, which widens with the noise; in the plane only."""
    if not isinstance(state, SamplerState) or problem.dim != 2:
        return None
    reach = REACH * float(np.hypot(problem.process.alpha(state.t), problem.process.sigma(state.t)))
    counts = np.empty((BINS, BINS))
    kernels.histogram(np.ascontiguousarray(state.x), -reach, -reach, 2 * reach, counts)
    drawn = {"particles": counts}
    if isinstance(problem, Mixture):
        m = int(np.clip(np.sqrt(PAIRS / len(problem.parts[0])), 20, 96))
        place = ((np.arange(m) + 0.5) / m * 2 - 1) * reach
        drawn["density"] = problem.density(np.stack(np.meshgrid(place, place), -1).reshape(-1, 2), state.t).reshape(
            m, m
        )
    return drawn


def sheet(problem, state):
    """The first 64 particles as images, eight a row, the first at the top left."""
    if not isinstance(problem, Digits):
        return None
    tiles = np.full((TILES * TILES, SIDE + 1, SIDE + 1), -1.0)
    shown = np.clip(state.solution()[: len(tiles)], -1.5, 1.5).reshape(-1, SIDE, SIDE)
    tiles[: len(shown), :SIDE, :SIDE] = shown
    rows = tiles.reshape(TILES, TILES, SIDE + 1, SIDE + 1).transpose(0, 2, 1, 3)
    return {"z": rows.reshape(TILES * (SIDE + 1), -1)[::-1] + 1.5}


def placement(problem, state):
    """The number of each step against log(α/σ) at its time: done, and to come."""
    if not isinstance(state, SamplerState):
        return None
    levels, count = np.asarray(problem.process.log_snr(state.times)), np.arange(len(state.times))
    stride = max(1, len(count) // 2000)
    done, ahead = slice(0, state.i + 1, stride), slice(state.i + 1, None, stride)
    return {"done": (levels[done], count[done]), "to come": (levels[ahead], count[ahead])}


def ends(problem, state):
    """Where the followed particles end, sampled and by the exact flow; in the plane only."""
    if not isinstance(state, LadderState) or problem.dim != 2:
        return None
    exact = problem.flow(state.t)
    return {"exact flow": (exact[:, 0], exact[:, 1]), "sampled": (state.x[:, 0], state.x[:, 1])}


PICTURES = (
    Picture("cloud", "particles and density", "images", cloud),
    Picture("samples", "samples", "image", sheet),
    Picture("ends", "where the particles end", "points", ends, x="x", y="y"),
    Picture("placement", "where the steps are", "points", placement, x="log(α/σ)", y="step"),
)

EXPERIMENTS = (
    Experiment(
        "noise-to-data",
        "Noise to data",
        "A hundred thousand particles of pure noise, twenty evaluations: when does the shape appear?",
        PlaneMixture(particles=100_000),
        (DPMSolverPP2M(steps=20), EulerSampler(steps=20)),
        Stop(rtol=0.0, steps=None),
        measure="data_distance",
        against="nfe",
        picture="cloud",
    ),
    Experiment(
        "how-few-steps",
        "How few steps are enough?",
        "Each point is a whole sampling. Which sampler needs the fewest evaluations for three digits, and for eight?",
        PlaneMixture(particles=256),
        tuple(
            StepLadder(sampler=one)
            for one in (EulerSampler(), DDIM(), HeunSampler(), DPMSolver2S(), DPMSolverPP2M(), DPMSolver3S())
        ),
        CLIMB,
        measure="final_error",
        against="evaluations",
    ),
    Experiment(
        "digits-exact",
        "Digits from an exact score",
        "No network: the score of 1797 smoothed images is exact. Are the samples new, or are they the images?",
        Digits(),
        (DPMSolverPP2M(steps=20), DDPM(steps=20)),
        Stop(rtol=0.0, steps=None),
        measure="data_distance",
        against="nfe",
        picture="samples",
    ),
    Experiment(
        "ancestral-or-deterministic",
        "Ancestral or deterministic",
        "Noise at every step forgets earlier errors, but costs steps. From how many on does it pay?",
        PlaneMixture(particles=20_000, shape="moons"),
        (DDIM(steps=20), DDIM(steps=20, eta=0.5), DDPM(steps=20)),
        Stop(rtol=0.0, steps=None),
        measure="data_distance",
        against="nfe",
        picture="cloud",
    ),
)
