"""Stability regions: |R(z)| of the stepped method against closed forms, the root condition, and Jacobians."""

from itertools import pairwise

import numpy as np
import pytest

import toolkit as tk
from toolkit.sampler.backward.inversion import BDIA
from toolkit.sampler.fitted.unified import UnifiedSolver
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.guidance import GuidedDigits, GuidedMixture
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.laws.mixtures import GivenMixture, PlaneMixture, SpaceMixture
from toolkit.sampler.laws.schedules import SCHEDULES
from toolkit.sampler.solvers.ddim import DDIM, DDPM, EulerSampler, HeunSampler
from toolkit.sampler.solvers.deis import DEIS, RULES, RhoRungeKutta
from toolkit.sampler.solvers.dpmplusplus import DPMSolverPP3M
from toolkit.sampler.solvers.dpmsolver import DPMSolver1, DPMSolver2S, DPMSolver3S, DPMSolverPP2M
from toolkit.sampler.solvers.pndm import FPNDM, SPNDM
from toolkit.sampler.solvers.sampler import THROUGH
from toolkit.sampler.solvers.stability import PICTURES, TestEquation, eigenvalues, gains, growth, region, step_matrix
from toolkit.sampler.solvers.unipc import UniP, UniPC
from toolkit.sampler.stochastic.edm import EDMStochastic

generator = np.random.default_rng(0)
Z = generator.uniform(-3, 1, 40) + 1j * generator.uniform(-3, 3, 40)


def after(method, problem, steps):
    """The state of a run after some steps."""
    return tk.Run(problem, method, THROUGH).step(steps).state


def roots(*coefficients):
    """The largest |root| of a polynomial, highest power first, each coefficient an array over z."""
    rows = np.broadcast_arrays(*coefficients)
    return np.array([np.abs(np.roots([row[j] for row in rows])).max() for j in range(len(Z))])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [0, 3, 8])
@pytest.mark.parametrize(
    "method, polynomial",
    [
        (EulerSampler(steps=8), lambda z: 1 + z),
        (HeunSampler(steps=8), lambda z: 1 + z + z**2 / 2),
        (DDIM(steps=8), lambda z: 1 + z),
        (DPMSolver1(steps=8), lambda z: 1 + z),
        (DEIS(q=0, steps=8), lambda z: 1 + z),
        (EDMStochastic(churn=0.0, steps=8), lambda z: 1 + z + z**2 / 2),
        (UniP(p=1, steps=8), None),
        *(
            (RhoRungeKutta(rule=rule, steps=8), lambda z, p=p: sum(z**k / [1, 1, 2, 6, 24][k] for k in range(p + 1)))
            for rule, (_, _, p) in RULES.items()
        ),
    ],
)
def test_one_step_rules_have_their_polynomials(schedule, method, polynomial, steps):
    """Euler 1 + z, Heun 1 + z + z²/2 in t; Runge–Kutta of order p in σ/α the exponential's series up to p.

    UniP-1, which is DDIM put to y' = ζ y in λ: 1 + z (1 − e^{−h})/h.
    """
    problem = PlaneMixture(particles=4, schedule=schedule)
    state = after(method, problem, steps)
    if polynomial is None:
        i = min(state.i, 7)
        h = float(np.diff(problem.process.log_snr(state.times[i : i + 2]))[0])
        expected = 1 - Z * np.expm1(-h) / h
    else:
        expected = polynomial(Z)
    np.testing.assert_allclose(step_matrix(method, problem.process, state, Z)[:, 0, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("schedule", ["VP linear", "EDM"])
def test_a_place_between_in_closed_form(schedule):
    """DPM-Solver-2S for ε = −ζ x/σ: R = 1 + ζ (1 − e^{−h}) e^{h/2} (1 + ζ (1 − e^{−h/2})), ζ = z/h."""
    problem, method = PlaneMixture(particles=4, schedule=schedule), DPMSolver2S(steps=6)
    state = after(method, problem, 2)
    h = float(np.diff(problem.process.log_snr(state.times[2:4]))[0])
    zeta = Z / h
    expected = 1 - zeta * np.expm1(-h) * np.exp(h / 2) * (1 - zeta * np.expm1(-h / 2))
    np.testing.assert_allclose(growth(method, problem.process, state, Z), np.abs(expected), rtol=1e-10)


@pytest.mark.parametrize("schedule", ["VP linear", "VE", "flow matching"])
def test_data_prediction_with_memory(schedule):
    """DPM-Solver++ 2M in even steps of λ: w² = (e^{−h} + 3/2 G) w − G/2, G = (1 − e^{−h})(1 + z/h)."""
    problem, method = PlaneMixture(particles=4, schedule=schedule), DPMSolverPP2M(steps=6)
    state = after(method, problem, 3)
    h = float(np.diff(problem.process.log_snr(state.times[3:5]))[0])
    G = -np.expm1(-h) * (1 + Z / h)
    expected = roots(np.ones(len(Z)), -(np.exp(-h) + 1.5 * G), 0.5 * G)
    np.testing.assert_allclose(growth(method, problem.process, state, Z), expected, rtol=1e-7)


def test_adams_bashforth_in_even_steps_of_noise():
    """ρAB on even steps of ρ are Adams–Bashforth's own: their root conditions, and their intervals −1, −6/11, −3/10."""
    problem = PlaneMixture(particles=4, schedule="EDM")
    weights = {1: (3 / 2, -1 / 2), 2: (23 / 12, -16 / 12, 5 / 12), 3: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}
    for q, interval in ((1, 1.0), (2, 6 / 11), (3, 3 / 10)):
        method = DEIS(q=q, variable="ρ", grid="uniform", steps=10)
        state = after(method, problem, 6)
        b = weights[q]
        others = [np.ones(len(Z)), -1 - b[0] * Z, *(-one * Z for one in b[1:])]
        np.testing.assert_allclose(growth(method, problem.process, state, Z), roots(*others), rtol=1e-6)
        sizes = growth(method, problem.process, state, -interval * np.array([0.5, 1 - 1e-6, 1, 1 + 1e-3]))
        assert sizes[0] < 1 and sizes[1] < 1 and sizes[2] == pytest.approx(1, abs=1e-9) and sizes[3] > 1


def test_bdia_is_the_leapfrog_whose_region_is_a_segment():
    """γ = 1 in even steps: w² = 1 + 2 z w, of which one root is outside for every z off [−i, i]."""
    problem, method = PlaneMixture(particles=4, schedule="EDM"), BDIA(grid="uniform", steps=10)
    state = after(method, problem, 4)
    np.testing.assert_allclose(
        growth(method, problem.process, state, Z), roots(np.ones(len(Z)), -2 * Z, -np.ones(len(Z))), rtol=1e-8
    )
    np.testing.assert_allclose(growth(method, problem.process, state, np.array([0.3j, -0.9j])), 1, atol=1e-9)


ALL = (
    *(DEIS(q=q, steps=9, start=start) for q in range(4) for start in ("Runge–Kutta", "lower orders")),
    *(kind(p=p, steps=9, prediction=of) for kind in (UniP, UniPC) for p in (1, 2, 3, 4) for of in ("data", "noise")),
    *(UnifiedSolver(steps=9, degree=p) for p in (1, 2, 3)),
    *(one(steps=9) for one in (SPNDM, FPNDM, DPMSolverPP2M, DPMSolverPP3M, HeunSampler, DPMSolver2S)),
)


@pytest.mark.parametrize("schedule", ["VP linear", "EDM"])
@pytest.mark.parametrize("method", ALL, ids=lambda one: f"{one.slug()}-{one.order:g}-{one.memory}")
def test_every_method_is_stable_at_zero_and_consistent(schedule, method):
    """R(0) = 1 is the largest root, on uneven grids too; near 0 the largest root is e^z to second order in h and z."""
    problem = PlaneMixture(particles=4, schedule=schedule)
    for steps in (1, 5, 9):
        state = after(method, problem, steps)
        assert growth(method, problem.process, state, np.array([0.0]))[0] == pytest.approx(1, abs=1e-9)
    fine = method.turned(steps=4000)
    state = after(fine, problem, 12)
    z = 1e-3 * np.array([-1, 1j, 1 - 1j])
    np.testing.assert_allclose(growth(fine, problem.process, state, z), np.abs(np.exp(z)), atol=4e-6)


@pytest.mark.parametrize("method", [DPMSolverPP2M(steps=10), UniPC(p=3, steps=10), DEIS(q=3, steps=10, variable="ρ")])
def test_the_radius_is_how_fast_a_sampling_of_the_test_equation_grows(method):
    """The same steps again and again multiply by the largest root: seen by sampling, on α = 1 and even steps."""
    grid = "uniform" if method.clock == "ρ" else "log-SNR"
    problem, method = PlaneMixture(particles=4, schedule="EDM"), method.turned(steps=300, grid=grid, end=1e-3)
    z = np.array([-0.25, -0.1 + 0.3j, 0.2j, -3.0])
    state = method.init(problem)
    clocks = state.times if method.clock == "ρ" else problem.process.log_snr(state.times)
    test = TestEquation(problem.process, method.clock, z / (clocks[-1] - clocks[-2]))
    state.x = np.ones((len(z), 1), dtype=complex)
    if hasattr(state, "base"):
        state.base = state.x
    sizes = []
    for i, (s, t) in enumerate(pairwise(state.times)):
        state.i = i
        state.x = method.leap(test, state, float(s), float(t))
        sizes.append(np.abs(state.x[:, 0]))
    pace = (np.log(sizes[-1]) - np.log(sizes[-101])) / 100
    np.testing.assert_allclose(pace, np.log(growth(method, problem.process, state, z)), atol=0.02)


@pytest.mark.parametrize("problem", [GaussianFlow(dimension=3, particles=9), SpaceMixture(dimension=3, particles=9)])
def test_eigenvalues_are_those_of_the_differenced_drift(problem):
    """h λ of Euler's rule against differences of the velocity itself, all eigenvalues of every particle."""
    method = EulerSampler(steps=12)
    state = after(method, problem, 5)
    s, t = map(float, state.times[5:7])
    found = np.sort(eigenvalues(method, problem, state).reshape(-1, 3), axis=1)
    for x, values in zip(state.x, found):
        jacobian = np.empty((3, 3))
        for j, shift in enumerate(1e-5 * np.eye(3)):
            drift = [problem.velocity(y, problem.denoise(y, s), s)[0] for y in (x[None] + shift, x[None] - shift)]
            jacobian[:, j] = (drift[0] - drift[1]) / 2e-5
        np.testing.assert_allclose(values, np.sort((t - s) * np.linalg.eigvals(jacobian).real), rtol=1e-5, atol=1e-7)


def test_on_a_gaussian_the_eigenvalues_are_known():
    """α ∂x₀/∂x = α² v/(α² v + σ²) in σ/α: z = −(1 − e^{−h}) σ²/(α² v + σ²), between −1 and 0: DDIM is always stable."""
    problem, method = GaussianFlow(particles=5), DDIM(steps=3)
    state = after(method, problem, 1)
    alpha, sigma = problem.process.alpha(state.t), problem.process.sigma(state.t)
    h = float(np.diff(problem.process.log_snr(state.times[1:3]))[0])
    known = np.expm1(-h) * sigma**2 / (alpha**2 * problem.spectrum[0] + sigma**2)
    np.testing.assert_allclose(np.unique(np.round(eigenvalues(method, problem, state), 10)), np.sort(known), atol=1e-9)


def test_strong_guidance_drives_eigenvalues_out_of_the_regions_of_noise_prediction():
    """w = 10, twelve evaluations: DPM-Solver-2S and -3S have eigenvalues outside and blow up; ++ 2M and DDIM none.

    With twice the evaluations none is outside, and the errors of all are small.
    """
    problem = GuidedMixture(particles=48, scale=10.0)
    for evaluations, blown in ((12, True), (24, False)):
        for method in (DPMSolver2S(), DPMSolver3S(), DPMSolverPP2M(), DDIM()):
            method = method.turned(steps=evaluations // method.stages)
            outside, state = 0.0, method.init(problem)
            while not state.status.done:
                z = np.minimum(eigenvalues(method, problem, state), 0.0)
                outside = max(outside, np.mean(growth(method, problem.process, state, z) > 1 + 1e-8))
                state = method.step(problem, state)
            error = rms(state.x - problem.flow(state.t))
            if blown and method.stages > 1:
                assert outside > 0.3 and error > 5
            else:
                assert outside == 0 and error < 0.5


def test_the_picture():
    """Points of the region are in it, the boundary is between in and out, marks on the real axis; none for noise."""
    problem, method = PlaneMixture(particles=64), HeunSampler(steps=10)
    state = after(method, problem, 4)
    drawn = region(problem, state)
    (inside, edge, marks) = drawn.values()
    z, rim = inside[0] + 1j * inside[1], edge[0] + 1j * edge[1]
    assert len(z) > 300 and np.abs(1 + z + z**2 / 2).max() <= 1 + 1e-8
    np.testing.assert_allclose(np.abs(1 + rim + rim**2 / 2), 1, atol=5e-3)
    assert "h·λ in t" in list(drawn)[2] and len(marks[0]) and not marks[1].any()
    (picture,) = PICTURES
    assert picture.applies(problem, state) and not picture.applies(problem, after(DDPM(steps=10), problem, 4))
    assert region(GuidedMixture(particles=8), after(DDIM(steps=5), GuidedMixture(particles=8), 2)) is not None


def test_jacobians_under_guidance_by_differences():
    """With w = 1 guidance is the class itself, whose Jacobian is known."""
    plain = GuidedMixture(particles=8, scale=1.0)
    x, t = plain.initial, 0.4
    known = gains(GivenMixture(*plain.parts, particles=8), x, t)
    np.testing.assert_allclose(gains(plain, x, t), known, atol=1e-6)


@pytest.mark.parametrize("problem", [Digits(particles=3), GuidedDigits(particles=3, scale=3.0)])
def test_jacobians_of_digits(problem):
    """Products with random directions against differences of the denoiser."""
    pytest.importorskip("sklearn")
    t, u = 0.3, generator.standard_normal((3, 64))
    x = problem.process.alpha(t) * problem.data[:3] + problem.process.sigma(t) * generator.standard_normal((3, 64))
    slope = (problem.denoise(x + 1e-5 * u, t) - problem.denoise(x - 1e-5 * u, t)) / 2e-5
    np.testing.assert_allclose(np.einsum("nij,nj->ni", problem.jacobian(x, t), u), slope, rtol=1e-6, atol=1e-7)


def test_where_digits_are_cut_jacobians_are_differences():
    pytest.importorskip("sklearn")
    problem = GuidedDigits(particles=2, scale=3.0, threshold=0.95)
    assert problem.jacobian(problem.initial, 0.4) is None
    assert region(problem, after(DDIM(steps=5), problem, 2)) is not None
