"""Multistep and predictor–corrector samplers: PNDM, DEIS, UniPC, DPM-Solver++, against their formulas and orders."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import toolkit as tk
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.laws.mixtures import GivenMixture, PlaneMixture, SpaceMixture
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.laws.schedules import SCHEDULES
from toolkit.sampler.solvers.ddim import DDIM, DDPM, HeunSampler
from toolkit.sampler.solvers.deis import DEIS, RULES, VARIABLES, RhoRungeKutta, adams_weights
from toolkit.sampler.solvers.dpmplusplus import DPMSolverPP2S, DPMSolverPP3M
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.pndm import FPNDM, SPNDM
from toolkit.sampler.solvers.unipc import VARIANTS, UniP, UniPC, phi
from toolkit.sampler.stochastic.dpmplusplus import SDEDPMSolverPP1, SDEDPMSolverPP2M

THROUGH = tk.Stop(rtol=0.0, steps=None)
every_schedule = pytest.mark.parametrize("name", SCHEDULES)
# two laws and two schedules: what orders are judged on
PARTS = [0.2, 0.5, 0.3], [[0.0, 1.0], [1.2, -0.8], [-1.0, -0.4]], [0.5, 0.6, 0.4]
LAWS = (GaussianFlow(particles=32), GivenMixture(*PARTS, schedule="flow matching", particles=32))
on_laws = pytest.mark.parametrize("problem", LAWS, ids=["Gaussian, VP", "mixture, flow matching"])


def sampled(problem, method):
    run = tk.solve(problem, method, THROUGH)
    assert run.status.kind == "converged"
    return run.solution()


def slope(problem, method, counts):
    """−d log error/d log N, the error against the exact flow."""
    errors = []
    for steps in counts:
        one = method.turned(steps=steps)
        errors.append(rms(sampled(problem, one) - problem.flow(float(one.times(problem)[-1]))))
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


class ConstantNoise(Diffusion):
    """ε is the same everywhere and always: x_t = α_t c + σ_t ε."""

    dim, eps, particles, seed = 2, np.array([0.3, -1.2]), 5, 0

    def __init__(self, schedule):
        object.__setattr__(self, "schedule", schedule)

    def draw(self, generator, n):
        return generator.standard_normal((n, 2))

    def denoise(self, x, t):
        return (x - self.process.sigma(t) * self.eps) / self.process.alpha(t)


@every_schedule
@pytest.mark.parametrize("method", [SPNDM(steps=9), FPNDM(steps=9), DEIS(steps=9, q=3), RhoRungeKutta(steps=9)])
def test_constant_noise_is_carried_exactly(name, method):
    problem = ConstantNoise(name)
    process = problem.process
    data = problem.denoise(problem.initial, process.start)
    exact = process.alpha(process.end) * data + process.sigma(process.end) * problem.eps
    scale = process.alpha(process.end) / process.alpha(process.start)
    np.testing.assert_allclose(sampled(problem, method), exact, atol=1e-13 * max(scale, 1) * 50)


# -- PNDM ------------------------------------------------------------------------------------------------------------


@on_laws
@pytest.mark.parametrize("method", [SPNDM(), FPNDM()])
def test_pseudo_methods_have_order_two_and_not_more(problem, method):
    assert slope(problem, method, (128, 256, 512)) == pytest.approx(2, abs=0.15)


def test_fifty_pseudo_steps_beat_a_thousand_of_ddim():
    """On steps even in log-SNR. Even in time, the paper's, the last steps are too long for a narrow mixture: 4.7e-3
    against 1.4e-3; there it holds from 64 steps on."""
    problem = PlaneMixture(particles=64)
    exact = problem.flow(problem.process.end)
    for pseudo, grid in ((FPNDM(steps=50), "log-SNR"), (FPNDM(steps=64, grid="uniform"), "uniform")):
        thousand = rms(sampled(problem, DDIM(steps=1000, grid=grid)) - exact)
        assert rms(sampled(problem, pseudo) - exact) < thousand


def test_a_pseudo_step_is_as_the_paper_writes_it():
    """φ with ᾱ, as in the paper: x' = √(ā'/ā) x − (ā' − ā)/(√ā (√((1 − ā')ā) + √((1 − ā)ā'))) ε."""
    problem, method = PlaneMixture(particles=6), SPNDM(steps=5)
    state = method.init(problem)
    for _ in range(3):
        state = method.step(problem, state)
    s, t = state.times[3:5]
    eps = [problem.noise(state.x, s), problem.noise(state.history[-1][1], state.times[2])]
    mean = (3 * eps[0] - eps[1]) / 2
    bar, then = problem.process.alpha(s) ** 2, problem.process.alpha(t) ** 2
    below = np.sqrt(bar) * (np.sqrt((1 - then) * bar) + np.sqrt((1 - bar) * then))
    expected = np.sqrt(then / bar) * state.x - (then - bar) / below * mean
    np.testing.assert_allclose(method.step(problem, state).x, expected, rtol=1e-11)


# -- DEIS ------------------------------------------------------------------------------------------------------------


@every_schedule
@pytest.mark.parametrize("variable", VARIABLES)
def test_adams_weights_against_scipys_quadrature(name, variable):
    """C_j = ∫ (α_t/α_τ)(σ' − fσ) L_j dτ as the paper writes it, integrated by QUADPACK in time."""
    process = SCHEDULES[name]
    s, t, before = (share * process.start for share in (0.5, 0.3, 0.8))
    places = [s, before, process.start]

    def u(tau):
        return {"time": tau, "ρ": process.sigma(tau) / process.alpha(tau), "log ρ": -process.log_snr(tau)}[variable]

    def integrand(tau, j):
        basis = np.prod([(u(tau) - u(p)) / (u(places[j]) - u(p)) for k, p in enumerate(places) if k != j])
        fall, rise = process.rates(tau)
        return process.alpha(t) / process.alpha(tau) * (rise - fall / process.alpha(tau) * process.sigma(tau)) * basis

    found = adams_weights(process, s, t, places, variable)
    for j in range(3):
        assert found[j] == pytest.approx(quad(integrand, s, t, args=(j,), epsabs=1e-13)[0], rel=1e-9, abs=1e-12)


@every_schedule
def test_degree_zero_is_ddim(name):
    problem = PlaneMixture(particles=50, schedule=name)
    np.testing.assert_allclose(sampled(problem, DEIS(q=0)), sampled(problem, DDIM()), rtol=1e-12, atol=1e-12)


@on_laws
@pytest.mark.parametrize("q", [0, 1, 2, 3])
def test_orders_of_deis(problem, q):
    counts = (128, 256, 512) if q < 2 else (256, 512, 1024)
    assert slope(problem, DEIS(q=q), counts) == pytest.approx(q + 1, abs=0.15)


@pytest.mark.parametrize("variable", ["ρ", "log ρ"])
def test_orders_do_not_depend_on_the_variable(variable):
    assert slope(LAWS[1], DEIS(q=2, variable=variable), (256, 512, 1024)) == pytest.approx(3, abs=0.15)


@on_laws
@pytest.mark.parametrize("rule", RULES)
def test_orders_of_runge_kutta_in_rho(problem, rule):
    method = RhoRungeKutta(rule=rule)
    if rule == "midpoint" and isinstance(problem, GaussianFlow):  # where its leading error vanishes
        assert slope(problem, method, (128, 256, 512)) == pytest.approx(3, abs=0.15)
        problem = PlaneMixture(particles=64)
    assert slope(problem, method, (128, 256, 512)) == pytest.approx(method.order, abs=0.15)


def test_fewer_evaluations_than_ddim():
    """At 10 and 20 evaluations DEIS is nearer to the exact flow than DDIM, by the published start."""
    for problem in LAWS:
        exact = problem.flow(problem.process.end)
        for steps in (10, 20):
            mine = rms(sampled(problem, DEIS(q=2, steps=steps, start="lower orders")) - exact)
            assert mine < rms(sampled(problem, DDIM(steps=steps)) - exact)


def test_heun_in_rho_is_edms():
    problem = PlaneMixture(particles=50, schedule="EDM")
    edm = sampled(problem, HeunSampler(grid="Karras"))
    np.testing.assert_allclose(sampled(problem, RhoRungeKutta(rule="Heun", grid="Karras")), edm, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rule, scipys", [("Kutta", None), ("RK4", "RK4")])
def test_one_runge_kutta_step_against_the_flow_in_rho(rule, scipys):
    """A short step of dy/dρ = ε by SciPy: the local error falls like h^{p+1}."""
    problem = PlaneMixture(particles=20)
    process, order = problem.process, RhoRungeKutta(rule=rule).order
    rho, errors = process.sigma(0.5) / process.alpha(0.5), []
    x = process.alpha(0.5) * problem.draw(np.random.default_rng(1), 20) + process.sigma(0.5)

    def noise(r, y):
        u = float(process.time(-np.log(r)))
        return problem.noise(process.alpha(u) * y.reshape(x.shape), u).ravel()

    for width in (0.2, 0.1, 0.05):
        t = float(process.time(-np.log(rho - width)))
        method = RhoRungeKutta(rule=rule, steps=1)
        state = method.init(problem)
        state.x, state.times = x, np.array([0.5, t])
        y0 = (x / process.alpha(0.5)).ravel()
        exact = solve_ivp(noise, (rho, rho - width), y0, "DOP853", rtol=1e-13, atol=1e-13).y[:, -1].reshape(x.shape)
        errors.append(rms(method.step(problem, state).x / process.alpha(t) - exact))
    assert np.log2(errors[1] / errors[2]) == pytest.approx(order + 1, abs=0.3)


# -- UniPC -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("h", [-6.0, -0.999, -1e-3, 0.0, 1e-8, 0.4, 1.001, 5.0])
def test_phi_is_its_integral(k, h):
    exact = quad(lambda u: np.exp((1 - u) * h) * u ** (k - 1), 0, 1, epsabs=1e-15, epsrel=1e-13)[0]
    assert phi(k, h) == pytest.approx(exact / np.prod(np.arange(1.0, k)), rel=1e-11)


@every_schedule
@pytest.mark.parametrize("prediction", ["data", "noise"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("corrector", [False, True])
@pytest.mark.parametrize("p", [1, 3, 4])
def test_outputs_that_are_polynomials_are_integrated_exactly(name, prediction, variant, corrector, p):
    """m(λ) of degree p − 1, p with the corrector: x = (σ_t/σ_s) x + σ_t ∫ e^λ m dλ; with α, e^{−λ} and −ε for noise.

    Not where there is a single difference, whose a is 1/2 for any h."""
    if p == 1 and corrector:
        p = 2
    problem = PlaneMixture(schedule=name, particles=3)
    process, x = problem.process, problem.initial
    levels = np.linspace(0.0, 1.5, p + 1) ** 1.2 - 1.0
    times = [float(process.time(one)) for one in levels]
    factors = np.random.default_rng(p).standard_normal((p + corrector, 3, 2))

    def output(level):
        return sum(one * level**k for k, one in enumerate(factors))

    def known(level, t):
        """An entry of a history whose prediction is the output."""
        data = output(level) if prediction == "data" else -process.sigma(t) / process.alpha(t) * output(level)
        return t, np.zeros((3, 2)), data

    method = UniP(p=p, variant=variant, prediction=prediction)
    entries = [known(level, t) for level, t in zip(levels, times)]
    found = method.moved(problem, x, entries[-2::-1], times[-1], at_end=entries[-1] if corrector else None)
    sign, front = (1, process.sigma) if prediction == "data" else (-1, process.alpha)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    middle, half = 0.5 * (levels[-1] + levels[-2]), 0.5 * (levels[-1] - levels[-2])
    integral = sum(w * half * np.exp(sign * u) * output(u) for w, u in zip(weights, middle + half * nodes))
    exact = front(times[-1]) / front(times[-2]) * x + sign * front(times[-1]) * integral
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-10)


@every_schedule
def test_unip_one_is_ddim_and_two_is_dpm_solver(name):
    """B₂: in both predictions UniP-1 is DDIM; UniP-2 of data predictions is DPM-Solver++ 2M."""
    problem = PlaneMixture(schedule=name, particles=20)
    for prediction in ("data", "noise"):
        one = sampled(problem, UniP(p=1, prediction=prediction))
        np.testing.assert_allclose(one, sampled(problem, DDIM()), rtol=1e-11, atol=1e-11)
    two = sampled(problem, UniP(p=2, start="lower orders"))
    np.testing.assert_allclose(two, sampled(problem, DPMSolverPP2M()), rtol=1e-10, atol=1e-11)


@on_laws
@pytest.mark.parametrize("prediction", ["data", "noise"])
@pytest.mark.parametrize("method", [UniP, UniPC])
@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_the_corrector_adds_an_order(problem, prediction, method, p):
    """UniP-p has order p, UniPC-p order p + 1 at the same evaluations, Runge–Kutta at the start."""
    one = method(p=p, prediction=prediction)
    counts = (128, 256, 512) if p < 4 else (256, 512, 1024)
    promised = one.order
    if method is UniP and p == 3 and isinstance(problem, GaussianFlow):  # where its leading error vanishes
        promised, counts = 4, (64, 128, 256)
    assert slope(problem, one, counts) == pytest.approx(promised, abs=0.15)


@on_laws
@pytest.mark.parametrize("p", [1, 2])
def test_orders_with_the_other_scaling(problem, p):
    assert slope(problem, UniP(p=p, variant=VARIANTS[0]), (128, 256, 512)) == pytest.approx(p, abs=0.15)
    assert slope(problem, UniPC(p=p, variant=VARIANTS[0]), (128, 256, 512)) == pytest.approx(p + 1, abs=0.15)


def test_few_evaluations_of_unipc_against_ddim():
    """The published start, 5 to 10 evaluations, mean over three laws."""
    laws = (*LAWS, PlaneMixture(particles=64))
    for steps in (5, 8, 10):
        errors = {UniPC: 0.0, DDIM: 0.0}
        for problem in laws:
            exact = problem.flow(problem.process.end)
            errors[UniPC] += rms(sampled(problem, UniPC(p=2, steps=steps, start="lower orders")) - exact)
            errors[DDIM] += rms(sampled(problem, DDIM(steps=steps)) - exact)
        assert errors[UniPC] < errors[DDIM]


# -- DPM-Solver++ ----------------------------------------------------------------------------------------------------


@on_laws
@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_order_of_the_single_step_solver(problem, ratio):
    assert slope(problem, DPMSolverPP2S(ratio=ratio), (128, 256, 512)) == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("problem", [LAWS[1], SpaceMixture(schedule="VP cosine", particles=32, dimension=3)])
def test_order_of_three_outputs_is_three_and_of_the_released_code_two(problem):
    assert slope(problem, DPMSolverPP3M(), (128, 256, 512)) == pytest.approx(3, abs=0.15)
    assert slope(problem, DPMSolverPP3M(curvature="half"), (128, 256, 512)) == pytest.approx(2, abs=0.15)


def test_lower_orders_at_the_start_show_in_the_end():
    """Order 3 as long as the start, where noise is large, weighs little; then 2. EDM, 1024 to 4096 steps."""
    problem = GaussianFlow(schedule="EDM", particles=16)
    assert slope(problem, DPMSolverPP3M(start="lower orders"), (1024, 2048, 4096)) < 2.2


@every_schedule
def test_three_outputs_are_unip_three(name):
    problem = PlaneMixture(schedule=name, particles=20)
    found = sampled(problem, DPMSolverPP3M())
    np.testing.assert_allclose(found, sampled(problem, UniP(p=3)), rtol=1e-9, atol=1e-10)


@every_schedule
def test_one_output_with_noise_is_ancestral_sampling(name):
    problem = PlaneMixture(schedule=name, particles=20)
    ancestral = sampled(problem, DDPM(steps=15, shared_path=True))
    np.testing.assert_allclose(sampled(problem, SDEDPMSolverPP1(steps=15)), ancestral, rtol=1e-10, atol=1e-11)
    fresh = sampled(problem, DDPM(steps=15))
    found = sampled(problem, SDEDPMSolverPP1(steps=15, shared_path=False))
    np.testing.assert_allclose(found, fresh, rtol=1e-10, atol=1e-11)


def on_the_path(problem, steps):
    """Euler–Maruyama for dy = (2 e^λ x₀ − y) dλ + √2 dW, y = x/σ: the reverse equation, written independently."""
    process = problem.process
    levels = np.linspace(process.log_snr(process.start), process.log_snr(process.end), steps + 1)
    y, w = problem.initial / process.sigma(process.start), problem.brownian(process.start)
    for s, t in pairwise(levels):
        time = float(process.time(s))
        rise = 2 * np.exp(s) * problem.denoise(process.sigma(time) * y, time) - y
        ahead = problem.brownian(max(float(process.time(t)), process.end))
        y, w = y + (t - s) * rise + np.sqrt(2) * (ahead - w), ahead
    return process.sigma(process.end) * y


SMOOTH = (GaussianFlow(particles=48), GivenMixture(*PARTS, schedule="flow matching", particles=48))


@pytest.mark.parametrize("problem", SMOOTH, ids=["Gaussian, VP", "mixture, flow matching"])
def test_strong_order_on_a_shared_path(problem):
    """Against Euler–Maruyama on the same path, which is of strong order 1 too and extrapolated once."""
    coarse, exact = on_the_path(problem, 512), on_the_path(problem, 1024)
    exact = 2 * exact - coarse
    errors = {}
    for method in (SDEDPMSolverPP1, SDEDPMSolverPP2M):
        errors[method] = [rms(sampled(problem, method(steps=steps)) - exact) for steps in (32, 64, 128)]
    assert -np.polyfit(np.log([32, 64, 128]), np.log(errors[SDEDPMSolverPP1]), 1)[0] == pytest.approx(1, abs=0.2)
    assert all(two < one for one, two in zip(*errors.values()))


def test_samples_with_noise_have_the_law():
    """80 steps, 20 000 particles: the divergence of their moments from a Gaussian's is of the order of d²/n."""
    problem = GaussianFlow(particles=20_000)
    run = tk.solve(problem, SDEDPMSolverPP2M(steps=80, shared_path=False), THROUGH, ["gaussian_divergence"])
    assert run.history.last("gaussian_divergence") < 2e-3
    one = tk.solve(problem, SDEDPMSolverPP1(steps=80, shared_path=False), THROUGH, ["gaussian_divergence"])
    assert run.history.last("gaussian_divergence") < one.history.last("gaussian_divergence")


# -- work ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, count",
    [
        (SPNDM, 7 + 1),
        (FPNDM, 7 + 9),
        (DEIS, 7 + 6),
        (lambda steps: DEIS(steps=steps, start="lower orders"), 7),
        (lambda steps: RhoRungeKutta(steps=steps, rule="RK4"), 28),
        (UniP, 7 + 6),
        (DPMSolverPP2S, 14),
        (DPMSolverPP3M, 7 + 6),
        (SDEDPMSolverPP1, 7),
        (SDEDPMSolverPP2M, 7),
        (UniPC, 7 + 3),
        (lambda steps: UniPC(steps=steps, p=3, start="lower orders"), 7),
    ],
)
def test_evaluations_are_counted_as_they_are_made(method, count, monkeypatch):
    problem, calls = PlaneMixture(particles=5), []
    denoise = PlaneMixture.denoise
    monkeypatch.setattr(PlaneMixture, "denoise", lambda self, x, t: calls.append(t) or denoise(self, x, t))
    run = tk.solve(problem, method(steps=7), THROUGH)
    assert run.state.work.nfe == len(calls) == count and run.status.kind == "converged"


def test_a_strong_order_is_promised_of_a_mean_over_paths():
    """On one path the error of 64, 128 and 256 steps has a slope of its own."""
    about = dict(anisotropy=38.2589979967992, dimension=3, offset=6.224557670065219, seed=209967293)
    method = SDEDPMSolverPP1()
    one, many = (GaussianFlow(**about, particles=count) for count in (1, 200))
    assert not method.claims(one)
    (claim,) = method.claims(many)
    assert tk.check(claim, many, method).holds
