"""What is seen of a reduced basis: its functions, the parameters it was made from, truth beside reduction."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.stop import Stop
from toolkit.rank.interpolation.deim import Deim
from toolkit.rank.interpolation.eim import Eim, SymmetricEim
from toolkit.rank.reduced.greedy_basis import STEPS, PodBasis, ReducedState, WeakGreedy
from toolkit.rank.reduced.online_model import Online, OnlineFrequency, OnlineState
from toolkit.rank.reduced.scattering import ObstacleScattering, Scattering, SlabScattering
from toolkit.rank.reduced.thermal_block import ThermalBlock
from toolkit.rank.reduced.wave_fields import WaveFields


def _functions(problem, state):
    """The last three basis functions; None while there are none."""
    if not state.model.dimension:
        return None
    last = range(max(0, state.model.dimension - 3), state.model.dimension)
    return {f"function {i + 1}": problem.image(state.model.fields[i]) for i in last}


def _picks(problem, state):
    """Training parameters by their first and last block, those picked, and where the bound is worst."""
    x, y = problem.training_set[:, 0], problem.training_set[:, -1]
    tenth = np.argsort(state.bounds)[-max(1, len(x) // 10) :]
    shown = {"training": (x, y), "a tenth with the largest bounds": (x[tenth], y[tenth])}
    if state.picks:
        shown["picked"] = (x[state.picks], y[state.picks])
    return shown


def _surface(problem, state):
    """The logarithm of the bound over the two conductivities of a problem with two blocks."""
    axis = np.linspace(1 / problem.contrast, 1, 48)
    theta = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return {"z": np.log10(np.maximum(state.model.bounds(theta)[1], 1e-16)).reshape(48, 48)}


def _beside(problem, state):
    """Full solution, reduced solution, and their difference."""
    truth = problem.fields(state.truth)
    shown = {"full": truth, "reduced": state.field, "difference": truth - state.field}
    return {name: problem.image(field) for name, field in shown.items()}


CASES = (ThermalBlock(n=16, training=40, tests=6), ThermalBlock(columns=2, rows=1, n=16, training=40, tests=6))


def _of_block(*words, state: type, blocks=(1, 9), **more) -> Picture:
    """A picture of the thermal block, of so many blocks from first to last, and of one kind of state."""

    def when(problem, now) -> bool:
        return isinstance(now, state) and blocks[0] <= problem.blocks <= blocks[1]

    return Picture(*words, of=ThermalBlock, when=when, **more)


PICTURES = (
    _of_block("basis-functions", "basis functions", "images", _functions, state=ReducedState),
    _of_block(
        "greedy-picks", "parameters", "points", _picks, "first block", "last block", state=ReducedState, blocks=(2, 9)
    ),
    _of_block(
        "bound-surface",
        "log₁₀ of the bound over both conductivities",
        "image",
        _surface,
        state=ReducedState,
        blocks=(2, 2),
    ),
    _of_block("full-reduced", "full, reduced, difference", "images", _beside, state=OnlineState),
)

EXPERIMENTS = (
    Experiment(
        "greedy-worst",
        "Greedy: the worst parameter is chosen",
        "Nine blocks, one bound: how fast does it fall when each new solve goes where the bound is worst?",
        ThermalBlock(),
        (WeakGreedy(), PodBasis()),
        Stop(rtol=0.0, steps=24),
        measure="bound",
        against="unknowns",
        picture="greedy-picks",
    ),
    Experiment(
        "turn-parameter",
        "Turn the parameter",
        "Turn a conductivity: bound and true error move together. How far apart, and ever the wrong way round?",
        ThermalBlock(),
        (Online(), Online(mu_1=0.1, mu_5=0.2)),
        STEPS,
        measure="bound",
        against="unknowns",
        picture="full-reduced",
    ),
)


def _waves(problem, state):
    """{name: field} of full and reduced solution: at the parameter, or where the bound is worst of the test set."""
    truth, guess = state.shown(problem)
    full = problem.fields(truth)
    return {"full": full, "reduced": guess, "difference": full - guess}


def _line(problem, state):
    waves = _waves(problem, state)
    return {"x": problem.places[:, 0], **{name: wave.real for name, wave in waves.items()}}


def _plane(problem, state):
    return {name: wave.real.reshape(problem.shape) for name, wave in _waves(problem, state).items()}


def _response(problem, state):
    """|ℓ(u)| over frequency: full, reduced, and the band of the bound, |ℓ(u) − ℓ(u_N)| ≤ |ℓ|_X' Δ."""
    order = np.argsort(problem.test_set[:, 0])
    k = problem.test_set[order]
    model = state.used
    coefficients, bounds = model.bounds(k)
    reduced = np.abs(coefficients @ (model.fields @ problem.output))
    band = np.linalg.norm(problem.whitened(problem.output)) * bounds
    full = np.abs(problem.fields(problem.test_solutions[order]) @ problem.output)
    most = 1.5 * full.max()  # a bound that says nothing yet is cut off
    found = {"x": k[:, 0], "full": full, "reduced": np.minimum(reduced, most)}
    return found | {"at most": np.minimum(reduced + band, most), "at least": np.clip(reduced - band, 0.0, most)}


def _picked(problem, state):
    """The bound over frequency, and where the search has solved in full."""
    k, bounds = problem.training_set[:, 0], np.maximum(state.bounds, 1e-16)
    shown = {"bound": (k, bounds)}
    if state.picks:
        shown["solved in full"] = (k[state.picks], bounds[state.picks])
    return shown


def _stability(problem, state):
    """The inf-sup constant at the frequencies where it was computed, and its lower bound in between."""
    k = np.linspace(problem.low, problem.high, 400)
    known = problem.infsup
    return {"lower bound": (k, known.lower(k)), "computed": (known.values, known.constants)}


CASES += (
    SlabScattering(n=60, training=60, tests=20, high=10.0),
    ObstacleScattering(n=10, training=30, tests=8, high=5.0),
    WaveFields(n=10, fields=20),
)


def _of_waves(*words, states=(OnlineState, ReducedState), dimensions=(1, 2), **more) -> Picture:
    """A picture of scattering in so many dimensions, and of some kinds of state."""

    def when(problem, now) -> bool:
        return isinstance(now, states) and len(problem.shape) in dimensions

    return Picture(*words, of=Scattering, when=when, **more)


WAVE = "real part of the wave: full, reduced, difference"
PICTURES += (
    _of_waves("wave-line", WAVE, "lines", _line, "x", dimensions=(1,)),
    _of_waves("wave-plane", WAVE, "images", _plane, dimensions=(2,)),
    _of_waves("frequency-response", "what is behind the obstacle, and what is certain", "lines", _response, "k"),
    _of_waves(
        "frequency-picks", "bound over frequency", "points", _picked, "k", "bound", log=True, states=ReducedState
    ),
    _of_waves("inf-sup", "inf-sup constant over frequency", "points", _stability, "k", "β", log=True),
)

EXPERIMENTS += (
    Experiment(
        "turn-frequency",
        "Turn the frequency",
        "A wave meets a disk. Turn its frequency: is the reduced wave right, and who says so?",
        ObstacleScattering(),
        (OnlineFrequency(), OnlineFrequency(wavenumber=8.7)),
        STEPS,
        measure="bound",
        against="unknowns",
        picture="wave-plane",
    ),
    Experiment(
        "frequency-response",
        "A response and its band",
        "How many full solves until the whole response is certain? Where does the band close last?",
        SlabScattering(),
        (WeakGreedy(), PodBasis()),
        STEPS,
        measure="bound",
        against="unknowns",
        picture="frequency-response",
    ),
    Experiment(
        "near-resonance",
        "Near a resonance",
        "An index of six traps the wave: the bound must pay for it. Does the error?",
        SlabScattering(index=6.0, low=2.0, high=5.0, n=300),
        (WeakGreedy(),),
        STEPS,
        measure="effectivity_most",
        against="unknowns",
        picture="inf-sup",
    ),
    Experiment(
        "plane-waves",
        "Plane waves from a few points",
        "The frequency cannot be pulled out of a plane wave. How many points of it tell all the rest?",
        WaveFields(),
        (Eim(), SymmetricEim(), Deim()),
        STEPS,
        measure="error",
        against="unknowns",
        picture="eim-points",
    ),
)
