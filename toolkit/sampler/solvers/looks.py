"""What is seen of a sampling: particles beside the density, images, the steps' places; and questions to begin with."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.state import Work
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.kernels.points import mixture as kernels
from toolkit.sampler.laws.digits import SIDE, Digits
from toolkit.sampler.laws.guidance import GuidedDigits, GuidedMixture
from toolkit.sampler.laws.mixtures import Mixture, PlaneMixture
from toolkit.sampler.learnt.network import NetworkDigits
from toolkit.sampler.solvers.ddim import DDIM, DDPM, EulerSampler, HeunSampler
from toolkit.sampler.solvers.dpmsolver import DPMSolver2S, DPMSolver3S, DPMSolverPP2M
from toolkit.sampler.solvers.sampler import SamplerState
from toolkit.sampler.solvers.step_ladder import LadderState, StepLadder

BINS = 128
PAIRS = 4_000_000  # points of the density times components, at most
REACH = 3.0  # half the width of the view, in units of √(α² + σ²)
TILES = 8
ARROWS = 10  # of the score, in a row
FOLLOWED, LONG = 16, 256  # particles whose way is drawn, and steps of a way that is
INSTANTS = 120  # of a way along the exact flow


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


def spread(process, t: float) -> float:
    """√(α² + σ²), the size of particles at t."""
    return float(np.hypot(process.alpha(t), process.sigma(t)))


def score_field(problem, state):
    """The score as arrows, from circles to squares, of length |σ ∇ log p_t| up to a bound, with a few particles.

    In units of √(α² + σ²); in the plane only.
    """
    if not isinstance(state, SamplerState) or problem.dim != 2:
        return None
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

    The steps are done once more, for these particles alone: a particle does not depend on the others.
    """
    sampler = getattr(state, "sampler", None)
    if sampler is None or problem.dim != 2 or not 0 < state.i <= LONG:
        return None
    few = remembered(problem, "few ways", lambda: problem.turned(particles=min(FOLLOWED, problem.particles)))
    twin = begun(few, state)
    seen = [few.initial / spread(few.process, twin.t)]
    for s, t in pairwise(map(float, state.times[: state.i + 1])):
        twin.x, twin.i = sampler.leap(few, twin, s, t), twin.i + 1
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
    state = sampler.init(problem)
    found = [state.x / spread(problem.process, state.t)]
    while not state.status.done:
        state = sampler.step(problem, state)
        found.append(state.x / spread(problem.process, state.t))
    return state.times, found


def begun(problem, state: SamplerState) -> SamplerState:
    """The state as it was at the start, with what was fitted, for the particles of this problem."""
    x = problem.initial
    own = {f.name: x for f in fields(state) if getattr(getattr(state, f.name), "shape", ()) == state.x.shape}
    lists = {name: [] for name in ("history", "past", "trail") if hasattr(state, name)}
    return replace(state, **own, **lists, i=0, k=0, work=Work())


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
    Picture("score_field", "score and particles", "points", score_field, x="x₁/√(α² + σ²)", y="x₂/√(α² + σ²)"),
    Picture("ways", "trajectories", "points", ways, x="x₁/√(α² + σ²)", y="x₂/√(α² + σ²)"),
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
        THROUGH,
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
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
    ),
    Experiment(
        "digits-exact",
        "Digits from an exact score",
        "No network: the score of 1797 smoothed images is exact. Are the samples new, or are they the images?",
        Digits(),
        (DPMSolverPP2M(steps=20), DDPM(steps=20)),
        THROUGH,
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
        THROUGH,
        measure="data_distance",
        against="nfe",
        picture="cloud",
    ),
    Experiment(
        "stands-guidance",
        "Who stands strong guidance?",
        "Sixteen evaluations each, guidance of eight. What does it take, to predict the data or to predict the noise?",
        GuidedMixture(particles=256, scale=8.0),
        (DPMSolverPP2M(steps=16), DPMSolver2S(steps=8), DPMSolver3S(steps=5), DDIM(steps=16)),
        THROUGH,
        measure="trajectory_error",
        against="nfe",
        picture="ways",
    ),
    Experiment(
        "guided-digits",
        "More of a three than any three",
        "Guidance away from all other digits: which sampler stands a large scale, and what becomes of variety?",
        GuidedDigits(scale=3.0),
        (DDIM(steps=20), HeunSampler(steps=10), DPMSolverPP2M(steps=20)),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="samples",
    ),
    Experiment(
        "one-moon",
        "One moon of two",
        "At w = 1 the particles fill the density of the class. Raise the scale: where do they go, and why?",
        GuidedMixture(particles=20_000, shape="moons"),
        (DDIM(steps=30), DPMSolverPP2M(steps=30)),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="cloud",
    ),
    Experiment(
        "digits-by-network",
        "Digits from a network",
        "The same noises as from the exact score. The exact law gives back its images; what does the network make?",
        NetworkDigits(),
        (DPMSolverPP2M(steps=20), HeunSampler(steps=10)),
        THROUGH,
        measure="network_gap",
        against="nfe",
        picture="samples",
    ),
)
