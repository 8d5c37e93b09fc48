"""Ginzburg–Landau: energies and steps against dense algebra, mean curvature flow, the damped wave limit, digits."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import toolkit as tk
from toolkit.kernels.grid import ginzburg as kernels
from toolkit.mesh.phases.ginzburg_landau import ConvexSplitting, Momentum
from toolkit.mesh.phases.problems import RADIUS, TENSION, DigitClasses, PhaseField, radius

SMALL = PhaseField(shape="noise", n=9, epsilon=0.2, seed=3)
DIGITS = DigitClasses(images=120, labelled=12)


def well(u):
    """W, written as the integral of W′ = u³ − u, continued linearly in W′ beyond the wells."""
    inside, beyond = np.clip(u, -1, 1), np.maximum(np.abs(u) - 1, 0)
    return (inside**2 - 1) ** 2 / 4 + beyond**2


def quadratic(problem):
    """(A, b) of the quadratic part ½ uᵀ A u − bᵀ u + const of the energy, dense."""
    if isinstance(problem, DigitClasses):
        held = np.diag(problem.labels**2)
        laplacian = np.eye(problem.images) - problem.smoother.toarray()
        return problem.epsilon * laplacian + problem.fidelity * held, problem.fidelity * problem.labels
    n = problem.n
    difference = np.diff(np.eye(n), axis=0) * n
    line = difference.T @ difference
    return problem.epsilon * (np.kron(line, np.eye(n)) + np.kron(np.eye(n), line)), np.zeros(n * n)


@pytest.mark.parametrize("problem", [SMALL, DIGITS], ids=["grid", "graph"])
class TestAgainstDenseAlgebra:
    def test_energy_and_its_gradient(self, problem):
        A, b = quadratic(problem)
        u = np.random.default_rng(0).uniform(-1.6, 1.6, len(b))

        def energy(v):
            return problem.weight * (v @ A @ v / 2 - b @ v + np.abs(b).sum() / 2 + well(v).sum() / problem.epsilon)

        found, slope = problem.look(u)
        assert found == pytest.approx(energy(u), rel=1e-12)
        step = 1e-6 * np.eye(len(u))
        gradient = np.array([energy(u + e) - energy(u - e) for e in step]) / 2e-6 / problem.weight
        assert slope == pytest.approx(np.sqrt(problem.weight) * np.linalg.norm(gradient), rel=1e-6)

    @pytest.mark.parametrize("rho", [0.0, 0.7])
    def test_a_step_solves_the_stationarity_condition(self, problem, rho):
        """u⁺ = y − (τ/ε)(∇F(u⁺) + ∇G(y)), F the quadratic part with S/(2ε)|u|², G what is left of the energy."""
        A, b = quadratic(problem)
        sigma, split, eps = 3.0, 2.5, problem.epsilon
        method = Momentum(step_size=sigma, split=split, momentum=rho)
        state = method.init(problem)
        state = method.step(problem, state)
        y = state.u + rho * (state.u - state.before)
        state = method.step(problem, state)
        off = np.maximum(np.abs(y) - 1, 0)
        derivative = np.where(off > 0, 2 * np.sign(y) * off, y**3 - y)
        implicit = A @ state.u - b + split / eps * state.u
        np.testing.assert_allclose(state.u, y - sigma * eps * (implicit + (derivative - split * y) / eps), atol=1e-10)

    @pytest.mark.parametrize("step", [1e-3, 1.0, 1e6])
    @pytest.mark.parametrize("split", [1.0, 2.0, 6.0])
    def test_the_energy_falls_by_what_theory_says(self, problem, step, split):
        """E(u⁺) ≤ E(u) − (ε/τ + (S − 1)/ε) |u⁺ − u|² for every step size."""
        method = ConvexSplitting(step_size=step, split=split)
        state = method.init(problem)
        for _ in range(30):
            before = state.energy
            state = method.step(problem, state)
            change = problem.weight * np.sum((state.u - state.before) ** 2)
            gain = (1 / step + split - 1) / problem.epsilon * change
            assert state.energy <= before - gain + 1e-12 * before


@pytest.mark.parametrize("step", [0.05, 1.0, 20.0, 1e5])
@pytest.mark.parametrize("split", [2.0, 4.0])
def test_total_energy_falls_up_to_the_largest_safe_momentum(step, split):
    limit = np.sqrt((1 + split * step) / (1 + (1 + split) * step))
    for problem in (PhaseField(shape="noise", n=40, epsilon=0.06), DIGITS):
        method = Momentum(step_size=step, split=split, momentum=min(0.99, limit - 1e-9))
        assert method.safe
        total = tk.solve(problem, method, tk.Stop(rtol=0, steps=150)).history["total_energy"]
        assert np.all(np.diff(total) <= 1e-12 * total[0])
    assert not Momentum(step_size=step, split=split, momentum=min(0.99, limit + 1e-6)).safe or limit > 0.99


def test_without_its_implicit_part_the_energy_may_rise():
    """S = 0 at σ = 10 breaks the condition σ (1 − S) ≤ 1, and no promise is made."""
    problem = PhaseField(shape="noise", n=40, epsilon=0.06)
    method = ConvexSplitting(step_size=10.0, split=0.0)
    assert not method.claims(problem)
    assert np.any(np.diff(tk.solve(problem, method, tk.Stop(rtol=0, steps=20)).history["energy"]) > 1e-3)


def test_second_derivative_of_the_well_is_between_minus_one_and_two():
    u = np.linspace(-3, 3, 20_001)
    slope = np.empty_like(u)
    kernels.wells(u, slope)
    curvature = np.diff(slope) / np.diff(u)
    assert curvature.min() >= -1 - 1e-6 and curvature.max() <= 2 + 1e-6


def test_energy_of_a_disc_is_its_perimeter():
    """Modica–Mortola: E → (2√2/3) · 2π r; second order in ε."""
    errors = []
    for epsilon in (0.04, 0.02):
        problem = PhaseField(shape="circle", epsilon=epsilon, n=int(8 / epsilon))
        errors.append(abs(problem.look(problem.start)[0] / TENSION / (2 * np.pi * RADIUS) - 1))
    assert errors[0] < 0.005 and errors[1] < errors[0]


@pytest.mark.parametrize("step, split", [(0.02, 2.0), (1.0, 1.0), (30.0, 2.0), (1e5, 5.0)])
def test_a_disc_shrinks_by_its_curvature(step, split):
    """r² = r₀² − 2t* with t* = kτ/(1 + (S + 2/5)σ): mean curvature flow, in the time that the splitting grants."""
    errors = []
    for epsilon, n in ((0.05, 64), (0.025, 128)):
        problem, method = PhaseField(shape="circle", epsilon=epsilon, n=n), ConvexSplitting(step_size=step, split=split)
        grant = epsilon**2 * step / (1 + (split + 0.4) * step)
        run = tk.solve(problem, method, tk.Stop(rtol=0, steps=round(0.015 / grant)))
        errors.append(abs(radius(problem, run.solution()) ** 2 - (RADIUS**2 - 2 * run.k * grant)) / RADIUS**2)
    assert errors[0] < 0.05 and errors[1] < errors[0] / 2.5


def test_small_steps_with_momentum_follow_the_damped_wave_equation():
    """A disc then obeys r̈ = (1 − ṙ²)(−α ṙ − 1/r), α = (1 − ρ)/√τ, as ε → 0: not r ṙ = −1/α."""
    friction, errors = 8.0, []
    for epsilon, n in ((0.04, 80), (0.02, 160)):
        dt = 0.1 * epsilon
        problem, method = PhaseField(shape="circle", epsilon=epsilon, n=n), Momentum(0.01, 2.0, 1 - friction * dt)
        run = tk.solve(problem, method, tk.Stop(rtol=0, steps=round(0.25 / dt)))
        law = solve_ivp(lambda t, r: [r[1], (1 - r[1] ** 2) * (-friction * r[1] - 1 / r[0])], (0, 0.25), [RADIUS, 0.0])
        errors.append(abs(radius(problem, run.solution()) - law.y[0, -1]))
    assert errors[1] < 0.75 * errors[0] < 0.005
    assert abs(law.y[0, -1] - np.sqrt(RADIUS**2 - 2 * 0.25 / friction)) > 10 * errors[0]


def test_half_plane_profile_is_stationary():
    """q = tanh(x/(√2 ε)) solves −ε q″ + W′(q)/ε = 0; the slope left is that of the differences, of second order."""
    slopes = []
    for n in (64, 128):
        problem = PhaseField(n=n, epsilon=0.05)
        x = (np.arange(n) + 0.5) / n - 0.5
        profile = np.repeat(np.tanh(x / (np.sqrt(2) * 0.05))[:, None], n, axis=1)
        slopes.append(problem.look(profile.ravel())[1])
    assert slopes[0] / slopes[1] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("shape", ["circle", "dumbbell"])
def test_momentum_saves_steps_at_every_large_step_size(shape):
    """Row 86. In (σ, ρ) the gain does not fade as σ grows: the splitting itself limits what a step does."""
    problem, half = PhaseField(shape=shape, n=64, epsilon=0.04), tk.Stop(measure="energy", rtol=0.5, steps=1000)
    for step in (1.0, 10.0, 1e3):
        steps = [tk.solve(problem, Momentum(step_size=step, momentum=rho), half).k for rho in (0.0, 0.5, 0.8, 0.9)]
        assert steps == sorted(steps, reverse=True) and steps[2] <= steps[0] / 2


class TestDigits:
    @pytest.mark.parametrize("split", ["even or odd", "below five"])
    def test_fewer_images_are_wrong_than_by_its_peers(self, split):
        """On average over draws of fifty labels, fewer than by label spreading and by the harmonic function."""
        wrong = []
        for seed in range(5):
            problem = DigitClasses(split=split, seed=seed)
            run = tk.solve(problem, Momentum(), tk.Stop(rtol=1e-4, steps=600), ("wrong",))
            wrong.append((run.history.last("wrong"), *problem.peers.values()))
            assert wrong[-1][0] <= problem.peers["label spreading"]
        ours, harmonic, spreading = np.mean(wrong, axis=0)
        assert ours < 0.75 * harmonic and ours < 0.5 * spreading and ours < 0.05

    def test_label_spreading_is_that_of_scikit_learn(self):
        """Zhou et al.: (1 − α)(I − αS)⁻¹Y. scikit-learn iterates the same map."""
        semi = pytest.importorskip("sklearn.semi_supervised")
        problem = DigitClasses(images=300, labelled=30)
        weights = problem.graph.weights.toarray()
        model = semi.LabelSpreading(kernel=lambda x, y: weights, alpha=0.99, max_iter=20_000, tol=1e-9)
        labels = np.where(problem.labels == 0, -1, problem.labels > 0).astype(int)
        predicted = model.fit(np.arange(300.0)[:, None], labels).transduction_
        unknown = problem.graph.unknown
        theirs = np.mean(predicted[unknown] != (problem.truth[unknown] > 0))
        assert problem.peers["label spreading"] == pytest.approx(theirs, abs=0.02)

    def test_the_labels_hold(self):
        run = tk.solve(DIGITS, ConvexSplitting(), tk.Stop(rtol=1e-6, steps=2000))
        known = DIGITS.labels != 0
        assert np.all(np.sign(run.solution()[known]) == DIGITS.labels[known])
