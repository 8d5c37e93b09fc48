"""Initial value problems against closed forms, published numbers and SciPy; classical time steps against theirs."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.special import ive

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.elimination import factored, solved
from toolkit.mesh.steps.looks import CASES
from toolkit.mesh.steps.parabolic import AllenCahn, Brusselator, Burgers, Heat
from toolkit.mesh.steps.runge_kutta import SDIRK2, ImplicitEuler, RungeKutta4, Trail
from toolkit.mesh.steps.scipy_integrators import SciPyBDF, SciPyRadau
from toolkit.mesh.steps.stiff import Robertson, VanDerPol


def at_end(problem, method, measure="error"):
    return tk.solve(problem, method, THROUGH, [measure]).history.last(measure)


def lsoda(problem, rtol=1e-10):
    jac = lambda t, y: problem.dense(y)  # noqa: E731
    return solve_ivp(
        lambda t, y: problem.rhs(y), (0, problem.end), problem.start, "LSODA", rtol=rtol, atol=1e-16, jac=jac
    ).y[:, -1]


@pytest.mark.parametrize("problem", CASES, ids=lambda p: p.slug())
def test_jacobian_is_the_derivative(problem):
    y = problem.start + 0.1 * np.cos(np.arange(problem.size))
    step = 1e-6
    numeric = np.column_stack(
        [(problem.rhs(y + step * e) - problem.rhs(y - step * e)) / (2 * step) for e in np.eye(problem.size)]
    )
    np.testing.assert_allclose(problem.dense(y), numeric, atol=1e-8 * np.abs(numeric).max())


@pytest.mark.parametrize("problem", CASES, ids=lambda p: p.slug())
def test_reference_is_the_solution(problem):
    np.testing.assert_allclose(problem.final, lsoda(problem), atol=1e-7)
    np.testing.assert_allclose(problem.reference(0.0), problem.start, atol=1e-14)


def test_heat_is_the_matrix_exponential():
    problem = Heat(n=24)
    np.testing.assert_allclose(
        problem.final, expm(problem.dense(problem.start) * problem.end) @ problem.start, atol=1e-13
    )


def test_burgers_is_the_series_of_cole():
    """u = 4πν Σ k I_k(z) e^{−k²π²νt} sin kπx / (I₀(z) + 2 Σ I_k(z) e^{−k²π²νt} cos kπx), z = 1/(2πν)."""
    problem = Burgers(nu=0.1, n=40)
    k = np.arange(1, 60)[:, None]
    weight = ive(k, 1 / (2 * np.pi * problem.nu)) * np.exp(-(k**2) * np.pi**2 * problem.nu * problem.end)
    below = ive(0, 1 / (2 * np.pi * problem.nu)) + 2 * (weight * np.cos(k * np.pi * problem.axis)).sum(0)
    series = 4 * np.pi * problem.nu * (k * weight * np.sin(k * np.pi * problem.axis)).sum(0) / below
    np.testing.assert_allclose(problem.field(problem.end), series, atol=1e-12)


@pytest.mark.parametrize(
    "make", [lambda n: AllenCahn(n=n, epsilon=0.03), lambda n: Burgers(n=n, nu=0.1), lambda n: Heat(n=n)]
)
def test_space_is_discretised_to_second_order(make):
    """The exact solution of the ODEs tends to that of the equation as n^−2."""
    errors = [np.abs(p.final - p.field(p.end)).max() for p in map(make, (40, 80))]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.12)


def test_published_reference_solutions():
    """The Test Set's values at the end of VDPOL and ROBER against LSODA."""
    np.testing.assert_allclose(VanDerPol(epsilon=1e-6).final, lsoda(VanDerPol(epsilon=1e-6)), rtol=1e-7)
    np.testing.assert_allclose(Robertson(end=1e11).final, lsoda(Robertson(end=1e11)), rtol=1e-5)
    assert Robertson(end=1e11).final.sum() == pytest.approx(1, abs=2e-14)


@pytest.mark.parametrize("band", [(1, 1), (2, 2)])
def test_banded_elimination(band):
    """(I − c J) x = r by bands is the dense solution."""
    problem = Heat(n=20) if band == (1, 1) else Brusselator(n=12)
    assert problem.band == band
    y, r = problem.start, np.cos(np.arange(problem.size))
    dense = np.eye(problem.size) - 0.3 * problem.dense(y)
    np.testing.assert_allclose(
        solved(factored(problem.jacobian(y), 0.3, band), r, band), np.linalg.solve(dense, r), atol=1e-12
    )


@pytest.mark.parametrize(
    "method, factor",
    [
        (RungeKutta4(), lambda z: 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24),
        (ImplicitEuler(), lambda z: 1 / (1 - z)),
        (SDIRK2(), lambda z: (1 + (1 - 2 * (1 - 0.5**0.5)) * z) / (1 - (1 - 0.5**0.5) * z) ** 2),
    ],
    ids=lambda x: getattr(x, "title", ""),
)
def test_a_linear_problem_shows_the_stability_function(method, factor):
    """A step multiplies each sine of the heat equation by R(hλ)."""
    problem, steps = Heat(n=12, end=0.3), 20
    run = tk.solve(problem, method.turned(steps=steps), THROUGH)
    values, vectors = np.linalg.eigh(problem.dense(problem.start))
    expected = vectors @ (factor(values * problem.end / steps) ** steps * (vectors.T @ problem.start))
    np.testing.assert_allclose(run.solution(), expected, atol=1e-11)


def test_explicit_steps_are_unstable_beyond_their_limit():
    """h |λ| = 2.785 divides the runs of explicit Runge–Kutta that arrive from those that diverge."""
    problem = Heat(n=60)
    limit = problem.end * float(np.abs(np.linalg.eigvalsh(problem.dense(problem.start))).max()) / 2.785
    assert at_end(problem, RungeKutta4(steps=int(1.03 * limit))) < 1e-3
    run = tk.solve(problem, RungeKutta4(steps=int(0.8 * limit)), THROUGH)
    assert run.status.kind == "diverged" and np.isfinite(run.solution()).all()
    assert at_end(problem, ImplicitEuler(steps=50)) < 0.03


@pytest.mark.parametrize("method, name", [(SciPyRadau(), "Radau"), (SciPyBDF(), "BDF")])
@pytest.mark.parametrize("problem", [Brusselator(n=12, end=1.0), VanDerPol(epsilon=0.1)], ids=lambda p: p.slug())
def test_scipy_step_by_step_is_scipy(method, name, problem):
    """The same steps, values and evaluations as `solve_ivp`, which eliminates without the band."""
    run = tk.solve(problem, method, THROUGH)
    whole = solve_ivp(
        lambda t, y: problem.rhs(y),
        (0, problem.end),
        problem.start,
        name,
        rtol=method.rtol,
        atol=method.atol,
        jac=lambda t, y: problem.dense(y),
    )
    assert run.k == len(whole.t) - 1 and run.state.work.nfe == whole.nfev
    np.testing.assert_allclose(run.solution(), whole.y[:, -1], rtol=1e-9, atol=1e-12)


def test_a_tighter_tolerance_is_more_exact():
    problem = Brusselator(n=12, end=1.0)
    for method in (SciPyRadau(), SciPyBDF()):
        loose, tight = (at_end(problem, method.turned(rtol=tol, atol=tol / 1e3)) for tol in (1e-4, 1e-8))
        assert tight < 1e-2 * loose


def test_a_trail_thins_itself_out():
    trail = Trail(0.0, np.zeros(1))
    for i in range(1, 1001):
        trail.add(float(i), np.full(1, float(i)))
    times = trail.times[: trail.count]
    assert trail.count <= 128 and times[0] == 0 and len(set(np.diff(times))) == 1 and times[-1] > 980


def test_a_step_that_newton_cannot_make_is_a_status():
    """With steps of 5e5 the iteration wanders, and the run says so; nothing is made up."""
    run = tk.solve(Robertson(end=1e6), SDIRK2(steps=2), THROUGH)
    assert run.status.kind == "failed" and "Newton" in run.status.cause
    np.testing.assert_array_equal(run.solution(), Robertson().start)
