"""What is seen of a reduced basis: its functions, the parameters it was made from, truth beside reduction."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Guess, Pick, last, lowest, reached, whether
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


def effectivity(runs) -> float:
    """The bound over the true error at the first parameter, at the end."""
    return float(runs[0].history.last("bound") / runs[0].history.last("error"))


def overrun(runs) -> bool:
    """Whether a true error was above its bound, by more than rounding, at any dimension and parameter."""
    seen = [(run.history["error"], run.history["bound"]) for run in runs]
    return bool(any(np.any(error > bound * (1 + 1e-6) + 1e-10 * error[0]) for error, bound in seen))


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
        predict=Pick("With 24 functions, whose largest bound over all parameters is smaller?", lowest("bound")),
        why="The greedy search asks its certified bound where it is worst, solves there in full, and adds that "
        "one solution: 24 full solves. POD must know all the solutions first, and then has the best space "
        "there is for their mean square. The bound is never below the error, so both curves are certain; "
        "and greedy spaces are known to come down at the rate of the best possible ones, be it with a "
        "constant.",
        formula=r"\mu_{N+1} = \arg\max_\mu \Delta_N(\mu), \qquad \|u(\mu) - u_N(\mu)\|_X \le \Delta_N(\mu) = "
        r"\frac{\|f - A(\mu) u_N(\mu)\|_{X'}}{\alpha(\mu)}",
        level=1,
        minutes=5,
        then="turn-parameter",
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
        predict=Guess(
            "With 20 functions, by what factor is the bound larger than the true error, at the first of "
            "the two parameters?",
            effectivity,
            low=1,
            high=100,
            theory=lambda runs: float(runs[0].problem.contrast),
            limit=True,
            close=1.5,
        ),
        why=r"The residual is known without the truth; divided by the least stiffness $\alpha(\mu)$ it bounds "
        r"the error from above, and divided by the largest, $\gamma(\mu)$, from below. So the bound is "
        r"never too small, and too large by $\gamma/\alpha$ at most, here the contrast of the blocks. Turn "
        "the conductivities: both curves move, and their distance stays between one and that number.",
        formula=r"1 \le \frac{\Delta_N(\mu)}{\|u(\mu) - u_N(\mu)\|_X} \le \frac{\gamma(\mu)}{\alpha(\mu)} \le "
        r"\frac{\max_b \mu_b}{\min_b \mu_b}",
        level=1,
        minutes=4,
        then="three-estimators",
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
        predict=Pick(
            "Is the true error, at any number of functions, ever above its bound?",
            whether(overrun),
            theory=1,
            options=YES_NO,
        ),
        why="No energy is minimised by a wave, and Galerkin's equations may fail at a frequency that is none "
        "of the obstacle's. So the reduced wave is the one with the least residual: it is as stable as the "
        "full problem, its residual never grows with the basis, and divided by the inf-sup constant it is "
        "a bound of the error. Who says that the wave is right is the residual, which needs no full "
        "solution.",
        formula=r"u_N = \arg\min_{v \in V_N} \|f - A(k) v\|_{X'}, \qquad \|u - u_N\|_X \le \frac{\|f - A(k) "
        r"u_N\|_{X'}}{\beta(k)}",
        level=2,
        minutes=5,
        then="plane-waves",
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
        predict=Guess(
            "How many functions does the greedy search need until the response is certain to a thousandth?",
            reached("bound", 1e-3, 0, "unknowns"),
            low=2,
            high=20,
            unit="functions",
            whole=True,
            close=1.2,
        ),
        why="As the frequency moves, the wave changes analytically as long as no resonance is near: then a "
        r"space of $N$ functions misses a share that falls like $\rho^N$, with $\rho$ from the largest "
        "ellipse about the range that no resonance lies in. First there are too few functions to follow "
        "the oscillations, and the band is as wide as the picture; then it closes at once. It is widest "
        "now here, now there, as the search puts its next function where it is.",
        formula=r"\inf_{\dim V = N} \|u - P_V u\| \le C \rho^N, \qquad |\ell(u) - \ell(u_N)| \le \|\ell\|_{X'} \, "
        r"\Delta_N(k)",
        level=2,
        minutes=5,
        then="near-resonance",
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
        predict=Guess(
            "By what factor is the bound larger than the true error, at worst, when the basis is full?",
            last("effectivity_most"),
            low=1,
            high=1e5,
            theory=lambda runs: float(runs[0].problem.limit),
            limit=True,
            close=2.0,
        ),
        why=r"Near a resonance a small force makes a large wave: the inf-sup constant $\beta(k)$ dips, and the "
        "bound, which divides by it, must allow for the worst force there is. The error itself need not be "
        "that bad, as the residual seldom points that way. A larger index makes the resonances sharper: "
        "the bound becomes more careful, while the basis needs a few functions more.",
        formula=r"\|u - u_N\|_X \le \frac{\|f - A(k) u_N\|_{X'}}{\beta(k)}, \qquad 1 \le \frac{\Delta_N}{\|u - "
        r"u_N\|_X} \le \frac{\gamma(k)}{\beta(k)}",
        level=3,
        minutes=6,
        then="turn-frequency",
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
        predict=Pick(
            "On paper the symmetric form gives the interpolant of the classical one. Does it end with as "
            "small an error?",
            whether(lambda runs: bool(runs[1].history.last("error") <= 10 * runs[0].history.last("error"))),
            options=YES_NO,
        ),
        why="A plane wave is no sum of products of frequency and place, but all waves of the range lie near a "
        "space of few dimensions, and the values at as many well-chosen points name the member of it. The "
        "classical form removes what it has interpolated step by step, and goes on to rounding. The "
        "symmetric form solves with the corner $F$ of the table, whose condition grows until half of the "
        "digits are lost: there it stops and says so.",
        formula=r"I f = f(\cdot, y) \, F^{-1} f(x, \cdot), \qquad F_{ij} = f(x_i, y_j)",
        level=2,
        minutes=5,
        then="pulse-travels",
    ),
)
