"""Gases of disparate mass: the closed form, conservation, the scheme's uniform order, the limit, and three epochs."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.gas_mixture import DisparateMixture, collided
from toolkit.mesh.steps.kinetic import AsymptoticPreserving, ExplicitMixture

TIGHT = DisparateMixture(epsilon=0.2)


def moments(problem, f):
    return np.array([m for one in f for m in problem.moments(one)[1:]])


def at_end(problem, method, measure="moment_error"):
    return tk.solve(problem, method, THROUGH, [measure]).history.last(measure)


def column(problem, method, name):
    measure = next(m for m in problem.measures() if m.name == name)
    run = tk.solve(problem, method, THROUGH, [tk.Probe(measure, tk.Every(1))])
    return run.history[name]


def slopes(problem, f):
    """∂f/∂t of the kinetic model."""
    to_light, to_heavy = collided(problem, *moments(problem, f))
    e = problem.epsilon
    return np.array([(to_light - 2 * f[0]) / e**2, (to_heavy - 2 * f[1]) / e])


@pytest.mark.parametrize("problem", [TIGHT, DisparateMixture(epsilon=0.35, light=0.7, heavy=1.9, drift=-0.6)])
def test_closed_form_is_the_solution_of_the_kinetic_equations(problem):
    """The moments of the distributions, integrated by SciPy, at the end and inside the first layer."""
    times = [0.3 * problem.epsilon**2, problem.end]
    found = solve_ivp(
        lambda t, y: slopes(problem, y.reshape(2, -1)).ravel(),
        (0, problem.end),
        problem.start.ravel(),
        "DOP853",
        t_eval=times,
        rtol=1e-11,
        atol=1e-13,
    )
    for t, y in zip(times, found.y.T):
        np.testing.assert_allclose(moments(problem, y.reshape(2, -1)), problem.exact(t), atol=1e-9)


@pytest.mark.parametrize("epsilon", [0.5, 0.1, 1e-3])
def test_collisions_conserve_and_exchange_as_elastic_collisions_do(epsilon):
    """No particles, momentum or energy won; heat flows at a²(T_H − T_L); friction's heat is shared as 1 : ε²."""
    problem = DisparateMixture(epsilon=epsilon)
    a, (c, light, u, heavy) = problem.a, (0.4, 1.3, -0.2, 0.9)
    f = np.array([problem.maxwellian(c, light), problem.maxwellian(u, heavy)])
    rate, v, h = slopes(problem, f), problem.velocities, problem.velocities[1] - problem.velocities[0]
    number, force, power = h * rate.sum(1), h * rate @ v, h * rate @ v**2 / 2
    scale = 1 / epsilon**2
    np.testing.assert_allclose(number, 0, atol=1e-13 * scale)
    assert epsilon * force[0] + force[1] == pytest.approx(0, abs=1e-13 * scale)
    assert power.sum() == pytest.approx(0, abs=1e-12 * scale)
    friction = a * (c - epsilon * u) ** 2 / epsilon**2
    light_heat = a * a * (heavy - light) + friction / (1 + epsilon**2)
    assert power[0] - c * force[0] == pytest.approx(light_heat, rel=1e-10, abs=1e-12 * scale)
    heavy_heat = a * a * (light - heavy) + friction * epsilon**2 / (1 + epsilon**2)
    assert power[1] - u * force[1] == pytest.approx(heavy_heat, rel=1e-10, abs=1e-11 * scale)


@pytest.mark.parametrize("mean, temperature", [(0.0, 0.2), (0.6, 2.5), (-1.2, 1.0)])
def test_grid_sums_are_integrals(mean, temperature):
    problem = DisparateMixture()
    f = problem.maxwellian(mean, temperature)
    np.testing.assert_allclose(problem.moments(f), (1.0, mean, temperature), atol=2e-12)
    whole = quad(
        lambda v: np.exp(-((v - mean) ** 2) / 2 / temperature) / np.sqrt(2 * np.pi * temperature),
        -12,
        12,
        points=[mean],
    )
    assert whole[0] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("epsilon", [0.4, 0.1, 1e-2, 1e-4])
@pytest.mark.parametrize("steps", [1, 7, 50])
def test_particles_momentum_and_energy_are_conserved(epsilon, steps):
    lost = column(DisparateMixture(epsilon=epsilon), AsymptoticPreserving(steps=steps), "conservation")
    assert np.nanmax(lost) < 1e-11


def test_the_implicit_step_solves_its_equations():
    """f⁺ − f = h ∂f/∂t(f⁺) to rounding, though no nonlinear equation was solved."""
    for epsilon in (0.3, 0.05):
        problem, h = DisparateMixture(epsilon=epsilon), 0.02
        after = AsymptoticPreserving().leap(problem, problem.start, h)
        left = after - problem.start - h * slopes(problem, after)
        assert np.abs(left).max() < 1e-11 * (1 + h / epsilon**2)


@pytest.mark.parametrize("steps", [25, 100])
def test_error_at_a_fixed_step_is_uniform_in_epsilon(steps):
    """Row 197: from ε = 0.5 to 1e-6 the error at the end changes by less than two, and halves with the step."""
    values = (0.5, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-6)
    error = {
        n: [at_end(DisparateMixture(epsilon=e), AsymptoticPreserving(steps=n)) for e in values]
        for n in (steps, 2 * steps)
    }
    assert max(error[steps]) < 1.5 * min(error[steps])
    np.testing.assert_allclose(np.log2(np.divide(error[steps], error[2 * steps])), 1, atol=0.03)


def test_limit_is_implicit_euler_for_the_exchange_of_heat():
    """ε → 0: after the layer c = u = 0, the drift is heat of the light gas, and the gap falls by 1/(1 + 4h) a step."""
    problem, steps = DisparateMixture(epsilon=1e-6), 20
    h = problem.end / steps
    gap = column(problem, AsymptoticPreserving(steps=steps), "temperature_gap")
    first = problem.light + problem.drift**2 - problem.heavy
    np.testing.assert_allclose(gap[1:], first / (1 + 4 * h) ** np.arange(1, steps + 1), rtol=1e-5)
    run = tk.solve(problem, AsymptoticPreserving(steps=steps), THROUGH)
    f, m = run.solution(), moments(problem, run.solution())
    np.testing.assert_allclose(f[0], problem.maxwellian(m[0], m[1]), atol=1e-5)
    np.testing.assert_allclose(f[1], problem.maxwellian(m[2], m[3]), atol=1e-4)


def test_explicit_steps_longer_than_the_fast_scale_diverge():
    """h = ε² divides: 5 % below it the run arrives, 25 % above it blows up; the implicit scheme takes any step."""
    problem = DisparateMixture(epsilon=0.05)
    limit = problem.end / problem.epsilon**2
    assert tk.solve(problem, ExplicitMixture(steps=int(1.05 * limit)), THROUGH).status.kind == "converged"
    run = tk.solve(problem, ExplicitMixture(steps=int(0.75 * limit)), THROUGH)
    assert run.status.kind == "diverged" and np.isfinite(run.solution()).all()
    assert at_end(problem, AsymptoticPreserving(steps=5)) < 0.05


def test_three_epochs():
    """Light gas, heavy gas, temperatures fall to 1/e of their start after times that scale as ε², ε and 1."""
    times = {}
    for epsilon in (0.1, 0.05):
        problem = DisparateMixture(epsilon=epsilon, drift=0.0)
        method = AsymptoticPreserving(steps=4000)
        times[epsilon] = [
            np.argmax(values < values[0] / np.e) * problem.end / 4000
            for values in (
                column(problem, method, name) for name in ("light_departure", "heavy_departure", "temperature_gap")
            )
        ]
        light, heavy, gap = times[epsilon]
        assert 4 * light < heavy and 4 * heavy < gap
        assert light == pytest.approx(epsilon**2 / 2, rel=0.1)
        assert heavy == pytest.approx(epsilon / 2, rel=0.2)
        assert gap == pytest.approx(0.25, rel=0.03)
