"""The ground of the sampler lab: schedules, exact scores and flows, kernels, and samplers against peers."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.special import logsumexp, softmax

import toolkit as tk
from toolkit.kernels.points import mixture as kernels
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.measures import _sliced, gaussian_divergence
from toolkit.sampler.laws.mixtures import GivenMixture, PlaneMixture, SpaceMixture
from toolkit.sampler.laws.schedules import GRIDS, SCHEDULES, VPLinear, checked_times, time_grid
from toolkit.sampler.laws.shapes import ink, laid_out
from toolkit.sampler.solvers.ddim import DDIM, DDPM, EulerSampler, HeunSampler
from toolkit.sampler.solvers.dpmsolver import DPMSolver1, DPMSolver2S, DPMSolver3S, DPMSolverPP2M
from toolkit.sampler.solvers.step_ladder import StepLadder

THROUGH = tk.Stop(rtol=0.0, steps=None)
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


def sampled(problem, method):
    return tk.solve(problem, method, THROUGH).solution()


# -- schedules -------------------------------------------------------------------------------------------------------


@every_schedule
class TestSchedules:
    def test_the_inverse_gives_the_time_back(self, name):
        process = SCHEDULES[name]
        t = np.geomspace(1e-6, 1, 60) * process.start
        np.testing.assert_allclose(process.time(process.log_snr(t)), t, rtol=1e-9, atol=1e-13)

    def test_rates_are_derivatives(self, name):
        process = SCHEDULES[name]
        for t in np.array([0.05, 0.3, 0.7, 0.98]) * process.start:
            h = 1e-6 * t
            for value, rate in zip((process.alpha, process.sigma), process.rates(t)):
                assert rate == pytest.approx((value(t + h) - value(t - h)) / (2 * h), rel=1e-6, abs=1e-8)

    def test_moments_of_the_forward_equation(self, name):
        """log α(t) − log α(s) = ∫ f, and σ²(t) = (α_t/α_s)² σ_s² + ∫ (α_t/α_u)² g²(u) du."""
        process = SCHEDULES[name]
        s, t = 0.2 * process.start, 0.8 * process.start
        assert quad(process.drift, s, t)[0] == pytest.approx(np.log(process.alpha(t) / process.alpha(s)), abs=1e-9)
        added = quad(lambda u: (process.alpha(t) / process.alpha(u)) ** 2 * process.diffusion(u), s, t)[0]
        kept = (process.alpha(t) / process.alpha(s) * process.sigma(s)) ** 2
        assert added + kept == pytest.approx(process.sigma(t) ** 2, rel=1e-8)

    @pytest.mark.parametrize("grid", GRIDS)
    @pytest.mark.parametrize("steps", [1, 2, 50])
    def test_grids_fall_from_start_to_end(self, name, grid, steps):
        process = SCHEDULES[name]
        times = time_grid(process, grid, steps)
        assert times[0] == process.start and times[-1] == process.end and len(times) == steps + 1
        assert np.all(np.diff(times) < 0)

    def test_nothing_is_nan_at_either_end(self, name):
        process = SCHEDULES[name]
        for t in (process.start, process.end, 1e-8):
            for value in (process.alpha, process.sigma, process.log_snr, process.drift, process.diffusion):
                assert np.isfinite(value(t))


def test_grids_are_even_in_what_they_say():
    process = VPLinear()
    np.testing.assert_allclose(np.diff(process.log_snr(time_grid(process, "log-SNR", 40)), 2), 0, atol=1e-11)
    np.testing.assert_allclose(np.diff(np.sqrt(time_grid(process, "quadratic", 40)), 2), 0, atol=1e-13)
    noise = np.exp(-process.log_snr(time_grid(process, "Karras", 40, rho=5.0)))
    np.testing.assert_allclose(np.diff(noise ** (1 / 5), 2), 0, atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: time_grid(VPLinear(), "uniform", 0),
        lambda: time_grid(VPLinear(), "uniform", -3),
        lambda: time_grid(VPLinear(), "random", 3),
        lambda: time_grid(VPLinear(), "uniform", 3, end=1.0),
        lambda: checked_times([1.0, 0.5, 0.5, 0.1]),
        lambda: checked_times([1.0, np.nan]),
        lambda: PlaneMixture(schedule="none"),
        lambda: EulerSampler(steps=0),
        lambda: GivenMixture([1.0, 1.0], np.zeros((2, 2)), [1.0, 0.0]),
        lambda: ink("grey.png", np.full((8, 8), 0.5)),
    ],
)
def test_what_cannot_be_used_is_refused_with_reason(call):
    with pytest.raises(tk.ToolkitError, match="expected"):
        call()


def test_coinciding_times_are_named():
    with pytest.raises(tk.ToolkitError, match=r"times\[1\].*times\[2\]"):
        checked_times([1.0, 0.5, 0.5, 0.1])


# -- scores and kernels ----------------------------------------------------------------------------------------------


def test_the_polynomial_exponential():
    y = np.random.default_rng(0).uniform(-1000, 0, 200_000)
    found = np.empty_like(y)
    kernels.powers_of_two(y, found)
    exact = np.exp2(y.astype(np.longdouble))
    assert float(np.max(np.abs(found - exact) / exact)) < 1e-15


def posterior_mean(problem, x, t):
    """E[x₀|x] component by component, as it is written, through SciPy's log-sum-exp."""
    weights, means, widths = problem.parts
    alpha, sigma = problem.process.alpha(t), problem.process.sigma(t)
    variance = alpha**2 * widths**2 + sigma**2
    rest = x[:, None] - alpha * means
    logs = np.log(weights) - 0.5 * problem.dim * np.log(variance) - 0.5 * (rest**2).sum(axis=2) / variance
    share = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    return np.einsum("nk,nkd->nd", share, means + (alpha * widths**2 / variance)[:, None] * rest)


@every_schedule
@pytest.mark.parametrize("at", ["start", "middle", "end"])
def test_denoisers_of_mixtures(name, at):
    uneven = GivenMixture([0.2, 0.5, 0.3], [[0.0, 1.0], [2.0, -1.0], [40.0, 3.0]], [0.1, 0.7, 0.3], schedule=name)
    shape = PlaneMixture(schedule=name, shape="spiral", components=300, particles=200)
    for problem in (uneven, shape, SpaceMixture(schedule=name, dimension=7, particles=50)):
        process = problem.process
        t = {"start": process.start, "middle": process.start / 3, "end": process.end}[at]
        x = process.alpha(t) * problem.draw(np.random.default_rng(1), 200)
        x += process.sigma(t) * np.random.default_rng(2).standard_normal(x.shape)
        np.testing.assert_allclose(problem.denoise(x, t), posterior_mean(problem, x, t), rtol=1e-8, atol=1e-8)


def test_score_is_the_gradient_of_the_log_density():
    problem = PlaneMixture(shape="moons", components=12, particles=40)
    x, h = problem.draw(np.random.default_rng(3), 40) + 0.1, 1e-5
    steps = [problem.density(x + s * h * np.eye(2)[i], 0.3) for i in (0, 1) for s in (1, -1)]
    slope = np.stack([np.log(steps[0] / steps[1]), np.log(steps[2] / steps[3])], axis=1) / (2 * h)
    np.testing.assert_allclose(problem.score(x, 0.3), slope, rtol=1e-6, atol=1e-6)


def test_one_component_is_a_gaussian():
    """A mixture of one: x₀ is linear in x, also where far components would underflow."""
    problem = GivenMixture([3.0], [[1.0, -2.0]], [0.5])
    alpha, sigma = problem.process.alpha(0.4), problem.process.sigma(0.4)
    x = np.array([[1e3, -1e3], [0.0, 0.0], [1e6, 2.0]])
    gain = alpha * 0.25 / (alpha**2 * 0.25 + sigma**2)
    mean = np.array([1.0, -2.0])
    np.testing.assert_allclose(problem.denoise(x, 0.4), mean + gain * (x - alpha * mean), rtol=1e-12)


def test_digits_posterior_mean():
    pytest.importorskip("sklearn")
    problem = Digits(particles=6, smoothing=0.2)
    data = problem.data
    whole = GivenMixture(np.ones(len(data)), data, np.full(len(data), 0.2))
    for t in (1.0, 0.3, 0.01):
        x = problem.process.alpha(t) * problem.draw(np.random.default_rng(4), 6)
        np.testing.assert_allclose(problem.denoise(x, t), posterior_mean(whole, x, t), atol=1e-9)


def test_a_picture_becomes_a_mixture():
    """Components lie on the dark part, weigh as much as it does, and its mean is theirs."""
    grey = np.ones((40, 60))
    grey[:20, :15] = 0.0
    weights, means, widths = laid_out(ink("corner.png", grey), 12)
    assert np.all(means[:, 0] < -1) and np.all(means[:, 1] > 0) and np.all(widths > 0)
    np.testing.assert_allclose(weights @ means / weights.sum(), [-1.5, 10 * 4 / 60], atol=0.04)


# -- flows -----------------------------------------------------------------------------------------------------------


@every_schedule
def test_gaussian_flow_is_scipys(name):
    """The closed form against SciPy on dx/dt = f x − g²/2 · score, written with f and g."""
    problem = GaussianFlow(schedule=name, particles=3, dimension=3)
    process = problem.process
    s, t = 0.9 * process.start, 0.1 * process.start

    def slope(u, y):
        x = y.reshape(3, 3)
        return (process.drift(u) * x - 0.5 * process.diffusion(u) * problem.score(x, u)).ravel()

    found = solve_ivp(slope, (s, t), problem.initial.ravel(), "DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(problem.carried(problem.initial, s, t).ravel(), found, rtol=1e-7, atol=1e-8)


@every_schedule
def test_numerical_flow_is_the_closed_form(name):
    """One component through the general solver."""
    problem = GivenMixture([1.0], [[1.0, -2.0]], [0.5], schedule=name, particles=8)
    process = problem.process
    spread = [process.alpha(t) ** 2 * 0.25 + process.sigma(t) ** 2 for t in (process.start, process.end)]
    rest = problem.initial - process.alpha(process.start) * np.array([1.0, -2.0])
    exact = process.alpha(process.end) * np.array([1.0, -2.0]) + np.sqrt(spread[1] / spread[0]) * rest
    np.testing.assert_allclose(problem.flow(process.end), exact, atol=1e-10)


def test_particles_are_the_same_whatever_their_number():
    many, few = PlaneMixture(particles=50), PlaneMixture(particles=20)
    np.testing.assert_array_equal(many.initial[:20], few.initial)
    np.testing.assert_array_equal(many.fresh_noise(3)[:20], few.fresh_noise(3))
    np.testing.assert_array_equal(many.brownian(0.3)[:20], few.brownian(0.3))


def test_the_brownian_path_belongs_to_the_problem():
    """Increments add up, and over disjoint steps they are independent with the variance of the clock."""
    problem = PlaneMixture(particles=20_000)
    a, b, c = 0.8, 0.5, 0.2
    one, two = problem.path_noise(a, b), problem.path_noise(b, c)
    assert abs(one.var() - 1) < 0.03 and abs(two.var() - 1) < 0.03 and abs(np.mean(one * two)) < 0.03
    level = problem.process.log_snr
    both = np.sqrt(level(b) - level(a)) * one + np.sqrt(level(c) - level(b)) * two
    np.testing.assert_allclose(both / np.sqrt(level(c) - level(a)), problem.path_noise(a, c), atol=1e-12)


# -- samplers --------------------------------------------------------------------------------------------------------


@every_schedule
def test_first_order_solvers_are_ddim(name):
    problem = PlaneMixture(particles=50, schedule=name)
    ddim = sampled(problem, DDIM(steps=15))
    np.testing.assert_allclose(sampled(problem, DPMSolver1(steps=15)), ddim, rtol=1e-10, atol=1e-11)


@every_schedule
def test_ancestral_sampling_is_ddim_with_all_the_noise(name):
    problem = PlaneMixture(particles=50, schedule=name)
    ddim = sampled(problem, DDIM(steps=15, eta=1.0))
    np.testing.assert_allclose(sampled(problem, DDPM(steps=15)), ddim, rtol=1e-10, atol=1e-11)


def test_euler_on_edm_is_ddim():
    """With α = 1 and σ = t the flow is dx/dσ = ε, and Euler's rule is DDIM."""
    problem = PlaneMixture(particles=50, schedule="EDM")
    ddim = sampled(problem, DDIM(steps=15, grid="Karras"))
    np.testing.assert_allclose(sampled(problem, EulerSampler(steps=15, grid="Karras")), ddim, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(
    "method, cost",
    [(EulerSampler, 1), (HeunSampler, 2), (DDIM, 1), (DDPM, 1), (DPMSolver2S, 2), (DPMSolver3S, 3), (DPMSolverPP2M, 1)],
)
def test_evaluations_are_counted_as_they_are_made(method, cost, monkeypatch):
    problem, calls = PlaneMixture(particles=5), []
    denoise = PlaneMixture.denoise
    monkeypatch.setattr(PlaneMixture, "denoise", lambda self, x, t: calls.append(t) or denoise(self, x, t))
    run = tk.solve(problem, method(steps=7), THROUGH)
    assert run.state.work.nfe == len(calls) == 7 * cost and run.status.kind == "converged"


@every_schedule
@pytest.mark.parametrize("method", [DDIM, HeunSampler, DPMSolver3S, DPMSolverPP2M, DDPM])
def test_one_step_is_finite(name, method):
    assert np.all(np.isfinite(sampled(PlaneMixture(particles=20, schedule=name), method(steps=1))))


def test_ancestral_samples_have_the_law():
    """Moments of a Gaussian after ancestral sampling in 200 steps: the divergence is of the order of d²/n."""
    problem = GaussianFlow(particles=20_000)
    run = tk.solve(problem, DDPM(steps=200), THROUGH, ["gaussian_divergence"])
    assert run.history.last("gaussian_divergence") < 2e-3


def test_the_ladder_tells_what_single_runs_do():
    problem = PlaneMixture(particles=300)
    ladder = tk.solve(problem, StepLadder(sampler=HeunSampler(), rungs=3), THROUGH)
    for steps, error in zip((4, 8, 16), ladder.history["final_error"]):
        run = tk.solve(problem, HeunSampler(steps=steps), THROUGH, ["final_error"])
        assert run.history.last("final_error") == error
    assert ladder.state.work.nfe == 2 * (4 + 8 + 16) and ladder.status.kind == "converged"


def test_the_error_along_the_way_is_that_of_the_closed_form():
    """The path of a Gaussian is known; through times in any order it is the same as straight from the start."""
    problem = GaussianFlow(particles=16)
    for t in (0.7, 0.2, 0.5):
        np.testing.assert_allclose(
            problem.path(t), problem.carried(problem.initial, problem.process.start, t), atol=1e-12
        )


def test_the_distance_to_the_data_falls_to_that_of_two_samples():
    problem = PlaneMixture(particles=4096)
    run = tk.solve(problem, DPMSolver3S(steps=40), THROUGH, probes=("data_distance",))
    distance = run.history.series("data_distance")[1]
    other = _sliced(problem.draw(problem.stream(77), 4096), problem.draw(problem.stream(9), 4096))
    assert distance[-1] < 2 * other < distance[0] / 3


# -- many steps in one call ------------------------------------------------------------------------------------------


class Unfused(GivenMixture):
    """A mixture whose score is asked for step by step."""

    def denoise(self, x, t):
        return GivenMixture.denoise(self, x, t)


UNEVEN = ([0.2, 0.5, 0.3], [[0.0, 1.0], [2.0, -1.0], [4.0, 3.0]], [0.1, 0.7, 0.3])


@every_schedule
@pytest.mark.parametrize("lower_last", [False, True])
def test_steps_in_one_call_are_the_steps_one_by_one(name, lower_last):
    """The compiled steps against the formula on arrays, for widths that differ and for one width."""
    for widths in (UNEVEN[2], [0.3, 0.3, 0.3]):
        given = dict(schedule=name, particles=300)
        method = DPMSolverPP2M(steps=12, lower_last=lower_last)
        fused = tk.solve(GivenMixture(*UNEVEN[:2], widths, **given), method, THROUGH)
        plain = tk.solve(Unfused(*UNEVEN[:2], widths, **given), method, THROUGH)
        np.testing.assert_allclose(fused.solution(), plain.solution(), rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(fused.history["magnitude"], plain.history["magnitude"], rtol=1e-12)
        assert fused.state.work == plain.state.work


def test_a_particle_does_not_depend_on_its_neighbours():
    """Not even in its last bit, though one far away is summed in another way."""
    problem = GivenMixture(*UNEVEN)
    x = np.random.default_rng(5).standard_normal((300, 2))
    strayed = x.copy()
    strayed[7] = 1e3, -1e3
    one, other = problem.denoise(x, 0.01), problem.denoise(strayed, 0.01)
    np.testing.assert_array_equal(np.delete(one, 7, 0), np.delete(other, 7, 0))
    np.testing.assert_allclose(other[7], posterior_mean(problem, strayed[7:8], 0.01)[0], rtol=1e-9)
    np.testing.assert_array_equal(problem.denoise(x[:41], 0.01), one[:41])


def test_far_particles_hear_the_nearest_component():
    """Where every exponential underflows the largest still counts: log-sum-exp by SciPy."""
    problem = GivenMixture(*UNEVEN)
    x = 60.0 * np.random.default_rng(6).standard_normal((500, 2))
    np.testing.assert_allclose(problem.denoise(x, 1e-3), posterior_mean(problem, x, 1e-3), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("pieces", [(1,) * 8, (3, 5), (8,)])
def test_a_run_that_leaves_all_bounds_ends_where_single_steps_end(pieces):
    """Diverged in the middle of a call: particles keep their size while the bound falls, to 1e8 (1 + σ/α)."""
    given = UNEVEN[:2], [1.0, 1.0, 1.0]
    ends = []
    for law, sizes in ((GivenMixture, pieces), (Unfused, (8,))):
        problem, method = law(*given[0], given[1], particles=50), DPMSolverPP2M(steps=8)
        state = method.init(problem)
        state.x = np.full((50, 2), 1e9)
        rows = np.full((8, 3), np.nan)
        for n in sizes:
            if not state.status.done:
                method.advance(problem, state, n, rows[state.k :])
        assert state.status.kind == "diverged" and 1 < state.i == state.k - 1 < 7
        assert state.work.nfe == state.k and np.all(np.isnan(rows[state.k :]))
        assert state.magnitude == pytest.approx(np.sqrt(2) * np.abs(state.x).mean(), rel=1e-12)
        ends.append((state, rows))
    (state, rows), (plain, expected) = ends
    np.testing.assert_allclose(state.x, plain.x, rtol=1e-12)
    np.testing.assert_allclose(rows, expected, rtol=1e-12)
    assert (state.k, state.status, state.remaining) == (plain.k, plain.status, plain.remaining)


def test_density_in_the_plane():
    problem = GivenMixture(*UNEVEN)
    x, t = np.random.default_rng(8).standard_normal((200, 2)) * 3, 0.2
    weights, means, widths = problem.parts
    variance = problem.process.alpha(t) ** 2 * widths**2 + problem.process.sigma(t) ** 2
    apart = ((x[:, None] - problem.process.alpha(t) * means) ** 2).sum(axis=2)
    exact = np.exp(-0.5 * apart / variance) @ (weights / (2 * np.pi * variance))
    np.testing.assert_allclose(problem.density(x, t), exact, rtol=1e-12)


def test_the_divergence_of_moments_is_that_of_two_gaussians():
    """KL(N(m, S) ‖ N(μ, C)) = ½ (tr C⁻¹S − d + ln det C/det S + (μ − m)ᵀC⁻¹(μ − m)), of particles far from the law."""
    problem = GaussianFlow(dimension=3, particles=50)
    run = tk.Run(problem, DDIM(steps=5)).step(2)
    x = run.state.x = np.random.default_rng(1).standard_normal((50, 3)) @ np.diag([1.0, 2.0, 0.3]) + [1.0, -2.0, 0.5]
    mu, law = problem.moments(run.state.t)
    mean, own = x.mean(axis=0), np.cov(x.T, bias=True)
    apart = (mu - mean) @ np.linalg.inv(law) @ (mu - mean)
    expected = np.trace(np.linalg.inv(law) @ own) - 3 + np.log(np.linalg.det(law) / np.linalg.det(own)) + apart
    assert gaussian_divergence(problem, run.state) == pytest.approx(expected / 2, rel=1e-12)


@pytest.mark.parametrize("components", [1, 2, 3, 8, 9])
def test_every_component_weighs_once_whether_their_number_is_odd_or_even(components):
    """E[x₀ | x] by scipy's softmax: components of one breadth are summed in pairs."""
    problem = PlaneMixture(shape="spiral", components=components, particles=300)
    weights, means, widths = problem.parts
    alpha, sigma = problem.process.alpha(0.4), problem.process.sigma(0.4)
    variance = alpha**2 * widths**2 + sigma**2
    apart = ((problem.initial[:, None] - alpha * means) ** 2).sum(axis=2)
    shares = softmax(np.log(weights / variance) - apart / (2 * variance), axis=1)
    gain = alpha * widths**2 / variance
    exact = shares @ ((1 - alpha * gain)[:, None] * means) + (shares @ gain)[:, None] * problem.initial
    np.testing.assert_allclose(problem.denoise(problem.initial, 0.4), exact, atol=1e-12)
