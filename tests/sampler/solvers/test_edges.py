"""At the edges: both ends of every schedule, one step, one component, one particle, far-apart modes, bad input."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.sampler.fitted import training
from toolkit.sampler.laws.gaussian import GaussianFlow, GivenGaussian
from toolkit.sampler.laws.guidance import GuidedMixture
from toolkit.sampler.laws.mixtures import GivenMixture, Mixture, PlaneMixture, SpaceMixture
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.laws.schedules import GRIDS, SCHEDULES, checked_times, schedule, time_grid
from toolkit.sampler.solvers.sampler import Sampler

EXAMPLES = settings(max_examples=12, derandomize=True, deadline=None)
NAMES, SEEDS = st.sampled_from(list(SCHEDULES)), st.integers(0, 2**31 - 1)
SAMPLERS = {name: cls for name, cls in tk.lab("sampler").methods().items() if issubclass(cls, Sampler)}


def told(run):
    """Whether a run ended with finite particles, or could not start and says so (a proven rate may ask for steps)."""
    if run.state is None:
        return "expected more" in run.status.cause and bool(run.status.advice)
    return run.status.done and bool(run.status.cause) and bool(np.all(np.isfinite(run.solution())))


# -- the ends of the schedules ------------------------------------------------------------------------------------


@EXAMPLES
@given(NAMES, st.sampled_from(["one", "few", "apart"]), SEEDS)
def test_denoisers_are_finite_up_to_no_noise_at_all(name, kind, seed):
    """As σ → 0 a point of the data is its own denoised one; nothing is NaN there or at the start."""
    means = {"one": [[0.3, -0.2]], "few": [[0, 0], [1, 1], [2, -1]], "apart": [[-1e4, 0], [1e4, 1]]}[kind]
    problem = GivenMixture(np.ones(len(means)), means, np.full(len(means), 0.3), schedule=name, particles=20, seed=seed)
    process, x = problem.process, problem.draw(np.random.default_rng(seed), 20)
    for t in (process.start, process.end, process.end * 1e-3, process.lowest):
        level = process.alpha(t) * x
        found = problem.denoise(level, t), problem.score(level, t), problem.noise(level, t)
        assert all(np.all(np.isfinite(one)) for one in found)
    if name != "VE":  # there σ stays above 0.01
        np.testing.assert_allclose(problem.denoise(process.alpha(t) * x, t), x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_start_and_end_without_nan(name):
    """Every sampler on every schedule at its own end, in a few steps: finite, or a status with a cause."""
    for schedule_name in SCHEDULES:
        problem = GaussianFlow(particles=8, schedule=schedule_name)
        method = SAMPLERS[name](steps=6)
        if not method.suits(problem):
            run = tk.solve(problem, method, THROUGH)
            assert told(run), schedule_name


@EXAMPLES
@given(NAMES, st.sampled_from(GRIDS), st.integers(1, 400), st.floats(1.0, 20.0))
def test_grids_fall_from_start_to_end(name, grid, steps, rho):
    times = time_grid(schedule(name), grid, steps, None, rho)
    assert len(times) == steps + 1 and np.all(np.diff(times) < 0)
    assert times[0] == schedule(name).start and times[-1] == schedule(name).end


# -- one of everything ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize(
    "problem",
    [
        PlaneMixture(particles=1, components=1),
        GaussianFlow(particles=1, dimension=1, schedule="EDM"),
        GuidedMixture(particles=1, components=2, groups=2, schedule="flow matching"),
    ],
    ids=lambda one: one.slug(),
)
def test_one_particle_one_step(name, problem):
    method = SAMPLERS[name](steps=1)
    if method.suits(problem):
        return
    measures = [tk.Probe(one, tk.Every(1)) for one in (*problem.measures(), *method.measures(problem))]
    run = tk.solve(problem, method, THROUGH, measures)
    assert told(run) and (run.state is None or run.solution().shape == (1, problem.dim))


@EXAMPLES
@given(NAMES, st.integers(1, 6), SEEDS)
def test_one_component_is_a_gaussian(name, dimension, seed):
    """A mixture of one component denoises as the Gaussian it is."""
    rng = np.random.default_rng(seed)
    mean, width = rng.standard_normal(dimension), float(np.exp(rng.standard_normal()))
    mixture = GivenMixture([2.0], [mean], [width], schedule=name)
    normal = GivenGaussian(mean, width**2 * np.eye(dimension), schedule=name)
    for t in (mixture.process.start, 0.5, mixture.process.end):
        x = mixture.process.alpha(t) * mean + mixture.process.sigma(t) * rng.standard_normal((9, dimension))
        np.testing.assert_allclose(mixture.denoise(x, t), normal.denoise(x, t), rtol=1e-10, atol=1e-10)


# -- modes far apart --------------------------------------------------------------------------------------------------


@EXAMPLES
@given(NAMES, st.floats(1e2, 1e6), st.integers(2, 3), st.booleans())
def test_far_modes_neither_mix_nor_overflow(name, distance, dimension, single):
    """Where one mode is certain the mixture is that mode; data given in single precision are the same data."""
    means = np.zeros((2, dimension))
    means[1, 0] = distance
    parts = [np.array([0.5, 0.5]), means, np.array([0.25, 0.5])]
    parts = [one.astype(np.float32) for one in parts] if single else parts
    problem = GivenMixture(*parts, schedule=name)
    t = problem.process.end
    rng, exact = np.random.default_rng(0), problem.parts[1]
    for mean, width in zip(exact, problem.parts[2]):
        noise = rng.standard_normal((7, dimension))
        x = problem.process.alpha(t) * mean + problem.process.sigma(t) * noise
        found = problem.denoise(x.astype(np.float32) if single else x, t)
        alone = GivenMixture([1.0], [mean], [width], schedule=name).denoise(x, t)
        np.testing.assert_allclose(found, alone, rtol=1e-6 if single else 1e-9, atol=1e-4 if single else 1e-8)


@EXAMPLES
@given(NAMES, st.floats(10.0, 1e4))
def test_halfway_between_far_modes_both_are_as_likely(name, distance):
    problem = GivenMixture([1.0, 1.0], [[-distance, 0.0], [distance, 0.0]], [0.5, 0.5], schedule=name)
    np.testing.assert_allclose(problem.denoise(np.zeros((1, 2)), 0.5), 0.0, atol=1e-9 * distance)


@EXAMPLES
@given(st.integers(1, 4), SEEDS)
def test_the_flow_of_a_given_gaussian_has_its_law(dimension, seed):
    """Closed form: x at the end = μ + A (x_T − α_T μ), with A C_T A^T = C_t."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((dimension, dimension)) + 2 * np.eye(dimension)
    problem = GivenGaussian(rng.standard_normal(dimension), root @ root.T + 0.1 * np.eye(dimension), particles=32)
    start, end = problem.process.start, 0.05
    basis = problem.process.alpha(start) * problem.mean + np.eye(dimension)
    map_ = problem.carried(basis, start, end) - problem.process.alpha(end) * problem.mean
    _, first = problem.moments(start)
    _, last = problem.moments(end)
    np.testing.assert_allclose(map_.T @ first @ map_, last, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(problem.flow(end), Diffusion.carried(problem, problem.initial, start, end), atol=1e-9)


# -- what is refused ----------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=8), st.integers(0, 6))
def test_times_that_do_not_fall_are_refused(times, place):
    """Duplicates, wrong order, NaN: the message names the place."""
    falling = sorted(set(times), reverse=True)
    i = place % len(falling)
    with pytest.raises(tk.ToolkitError, match="below the one before"):
        checked_times([*falling[: i + 1], *falling[i:]])
    with pytest.raises(tk.ToolkitError, match="below the one before"):
        checked_times([*falling, 2.0])
    for bad in ([], [0.5], [0.5, np.nan], [[0.5, 0.1]]):
        with pytest.raises(tk.ToolkitError, match="two finite numbers"):
            checked_times(bad)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [0, -3])
def test_no_steps_or_fewer_are_refused(name, steps):
    with pytest.raises(tk.ToolkitError, match=rf"steps = {steps}: expected a whole number"):
        SAMPLERS[name](steps=steps)


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_end_before_the_start_is_told(name):
    """VP's time ends at 1: a sampling that should end at 5 fails in words, at once."""
    method = SAMPLERS[name](end=5.0)
    problem = GaussianFlow(particles=4)
    if not method.suits(problem):
        run = tk.solve(problem, method, THROUGH)
        assert run.status.kind == "failed" and "5" in run.status.cause and run.status.advice


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: GaussianFlow(schedule="linear"), "expected one of 'VP linear'"),
        (lambda: schedule("linear"), "VP linear"),
        (lambda: time_grid(schedule("EDM"), "log", 5), "expected one of"),
        (lambda: GaussianFlow(particles=0), "particles = 0: expected"),
        (lambda: SpaceMixture(components=0), "components = 0: expected"),
        (lambda: SpaceMixture(width=0.0), "width = 0.0: expected"),
        (lambda: GivenMixture([1.0, 0.0], np.eye(2), [1.0, 1.0]), "positive weights"),
        (lambda: GivenMixture([1.0, -1.0], np.eye(2), [1.0, 1.0]), "positive weights"),
        (lambda: GivenMixture([1.0, np.inf], np.eye(2), [1.0, 1.0]), "positive weights"),
        (lambda: GivenMixture([1.0, 1.0], np.eye(2), [1.0, 0.0]), "positive widths"),
        (lambda: GivenMixture([1.0], np.eye(2), [1.0]), r"weights \(K,\)"),
        (lambda: GivenMixture([], np.zeros((0, 2)), []), "at least 1"),
        (lambda: GivenMixture([1.0], [[np.nan, 0]], [1.0]), "finite means"),
        (lambda: GivenGaussian([0, 0], [[1, 2], [2, 1]]), "not positive definite: its least eigenvalue is -1"),
        (lambda: GivenGaussian([0, 0], [[1, 1], [1, 1]]), "not positive definite"),
        (lambda: GivenGaussian([0, 0], [[1, 0.5], [0, 1]]), "not symmetric"),
        (lambda: GivenGaussian([0, 0], np.eye(3)), r"expected \(d,\) and \(d, d\)"),
        (lambda: GivenGaussian([0.0], [[np.inf]]), "finite numbers"),
        (lambda: PlaneMixture(source="/no/such/picture.png"), "cannot be read"),
        (lambda: PlaneMixture(source="words.txt"), "expected a file that ends in"),
    ],
)
def test_bad_input_is_told_in_words(make, words):
    with pytest.raises(tk.ToolkitError, match=words):
        make()


@EXAMPLES
@given(st.integers(0, 255), st.integers(4, 40), st.integers(4, 40))
def test_an_image_of_one_colour_is_refused(grey, rows, columns):
    image = pytest.importorskip("PIL.Image")
    kept = io.BytesIO()
    image.fromarray(np.full((rows, columns), grey, dtype=np.uint8)).save(kept, "png")
    with pytest.raises(tk.ToolkitError, match="one colour"):
        PlaneMixture.accept_upload("source", "flat.png", kept.getvalue())


# -- what is not promised ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "problem, whole",
    [
        (GaussianFlow(), True),
        (SpaceMixture(), True),
        (SpaceMixture(width=0.05), False),
        (PlaneMixture(components=1), True),
        (PlaneMixture(), False),
        (PlaneMixture(shape="checkerboard"), False),
        (PlaneMixture(shape="moons"), False),
        (GuidedMixture(shape="checkerboard"), False),
    ],
)
def test_less_error_at_the_end_is_promised_only_of_laws_in_one_piece(problem, whole):
    """Each moon hangs together, the two do not; a guided law has no closed form."""
    problem, names = problem.turned(particles=64), ("dc_solver", "dpm_solver_v3", "iia_dpm_solver")
    assert training.connected(problem) == whole
    for name in names:
        kinds = [claim.kind for claim in SAMPLERS[name]().claims(problem)]
        assert ("beats" in kinds) == whole, name
        assert "beats" not in [claim.kind for claim in SAMPLERS[name]().claims(problem.turned(particles=8))]


def test_mixtures_of_the_lab_have_weights_that_sum_to_one():
    for problem in tk.lab("sampler").cases:
        if isinstance(problem, Mixture):
            assert problem.parts[0].sum() == pytest.approx(1, abs=1e-14) and problem.parts[0].min() > 0
