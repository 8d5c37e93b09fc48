"""Mini-batches as operators: orders of the bias at rest, against enumeration, particles and a Lyapunov equation."""

from itertools import permutations

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.sampler.hamiltonian.problems import MinibatchRegression
from toolkit.sampler.hamiltonian.rest_bias import StepHalved
from toolkit.sampler.hamiltonian.sghmc import SGHMC, moment_map

PROBLEMS = (MinibatchRegression(), MinibatchRegression(features=1, batches=3, friction=2.0, seed=3))


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("integrator", ["exact", "Euler", "OBABO"])
@pytest.mark.parametrize("batching", ["full", "i.i.d.", "random order", "fixed order"])
def test_orders_of_the_bias(problem, batching, integrator):
    """The lower of the two orders; the full batch with exact steps has no bias at all."""
    method = StepHalved(sampler=SGHMC(batching=batching, integrator=integrator, step_size=0.05))
    if method.sampler.order == 99:
        assert method.sampler.bias(problem) < 1e-10
        return
    (claim,) = method.claims(problem)
    verdict = tk.check(claim, problem, method)
    assert claim.p == {"full": 9, "i.i.d.": 1, "random order": 2, "fixed order": 1}[batching] or integrator != "exact"
    assert verdict.holds is True, verdict


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_law_at_rest_solves_the_lyapunov_equation(problem):
    d, mass = problem.features, float(problem.rows)
    curvature, pull = problem.forces[-1]
    drift = np.block([[np.zeros((d, d)), np.eye(d) / mass], [-curvature, -problem.friction * np.eye(d)]])
    heat = np.zeros((2 * d, 2 * d))
    heat[d:, d:] = 2 * problem.friction * mass * np.eye(d)
    mean, covariance = problem.posterior
    np.testing.assert_allclose(solve_continuous_lyapunov(drift, -heat), covariance, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(drift @ mean, -np.concatenate([np.zeros(d), pull]), atol=1e-10)


def test_random_orders_are_the_mean_over_permutations():
    problem, method = MinibatchRegression(), SGHMC(integrator="OBABO")
    maps = [moment_map(*one) for one in method.substeps(problem)]
    products = [np.linalg.multi_dot([maps[i] for i in order]) for order in permutations(range(4))]
    np.testing.assert_allclose(method.averaged(problem)[-1], np.mean(products, axis=0), rtol=1e-12, atol=1e-12)


def test_maps_of_moments():
    """Two points: the moments after a step are those of the points moved."""
    generator = np.random.default_rng(0)
    matrix, shift, points = generator.random((3, 3)), generator.random(3), generator.random((2, 3))
    noise = np.diag([1.0, 2.0, 3.0])

    def moments(z, extra):
        return np.concatenate([[1.0], z.mean(axis=0), (z.T @ z / len(z) + extra).ravel()])

    moved = moment_map(matrix, shift, noise) @ moments(points, 0.0)
    np.testing.assert_allclose(moved, moments(points @ matrix.T + shift, noise), rtol=1e-12)


@pytest.mark.parametrize("batching", ["i.i.d.", "random order"])
def test_particles_have_the_moments(batching):
    """20 000 particles after two and a half rounds, within five standard errors."""
    problem, method = MinibatchRegression(), SGHMC(batching=batching, particles=20_000, step_size=0.3)
    run = tk.Run(problem, method, THROUGH).step(10)
    assert run.state.work.nfe == 10
    moments = method.averaged(problem)[2] @ run.state.moments
    n, z = 2 * problem.features, run.solution()
    spread = z.std(axis=0)
    assert np.all(np.abs(z.mean(axis=0) - moments[1 : n + 1]) < 5 * spread / np.sqrt(len(z)))
    products = np.einsum("ni,nj->nij", z, z)
    apart = np.abs(products.mean(axis=0) - moments[n + 1 :].reshape(n, n))
    assert np.all(apart < 5 * products.std(axis=0) / np.sqrt(len(z)))


@pytest.mark.parametrize("batching", ["full", "i.i.d.", "random order", "fixed order"])
def test_a_long_run_comes_to_rest(batching):
    method = SGHMC(batching=batching, particles=5)
    run = tk.solve(MinibatchRegression(), method, THROUGH)
    assert run.history.last("moment_error") == pytest.approx(method.bias(MinibatchRegression()), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("integrator, order", [("Euler", 1), ("OBABO", 2)])
@pytest.mark.parametrize("friction", [0.5, 3.0])
def test_a_step_agrees_with_the_exact_one_to_its_order(integrator, order, friction):
    """z ↦ A z + b + N(0, Q): each part differs from that of the equation's own flow by O(h^(p+1)), whatever γ is."""
    problem = MinibatchRegression(friction=friction)
    steps = np.array([0.02, 0.01, 0.005])
    for part in range(3):
        apart = []
        for h in steps:
            rule, flow = (SGHMC(integrator=one, step_size=h) for one in (integrator, "exact"))
            force = problem.forces[-1]
            apart.append(np.linalg.norm(rule.substep(problem, *force)[part] - flow.substep(problem, *force)[part]))
        assert np.polyfit(np.log(steps), np.log(apart), 1)[0] > order + 0.85
