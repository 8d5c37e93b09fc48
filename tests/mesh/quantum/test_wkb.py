"""The WKB series against Airy and Hankel functions, exact coefficients, and its own differential equation."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.polynomial import chebyshev

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.mesh.quantum.waves import OscillatoryWave
from toolkit.mesh.quantum.wkb import LADDERS, WILD, OptimalWKB, TruncatedWKB


def errors(problem, method):
    """The error after each term."""
    measure = next(m for m in problem.measures() if m.name == "wave_error")
    run = tk.solve(problem, method, THROUGH, [tk.Probe(measure, tk.Every(1))])
    return run, run.history["wave_error"]


def state_of(problem, terms):
    return tk.solve(problem, TruncatedWKB(terms=terms), THROUGH).state


@pytest.mark.parametrize("potential", ["linear", "exponential"])
def test_closed_forms_solve_the_equation(potential):
    """ε² φ″ + a φ = 0 and ε φ′ by differences of the closed form."""
    problem = OscillatoryWave(potential=potential, epsilon=0.2)
    x, h = np.linspace(*problem.interval, 9)[1:-1], 1e-4
    below, here, above = (problem.closed(x + s * h) for s in (-1, 0, 1))
    np.testing.assert_allclose(0.2 * (above[0] - below[0]) / (2 * h), here[1], rtol=1e-5)
    np.testing.assert_allclose(0.2 * (above[1] - below[1]) / (2 * h), -problem.taylor(x, 0)[0] * here[0], rtol=1e-5)


@pytest.mark.parametrize("potential", ["linear", "exponential", "cosine"])
def test_taylor_coefficients_of_the_potential(potential):
    problem = OscillatoryWave(potential=potential)
    x = np.linspace(*problem.interval, 5)[1:-1]
    series = problem.taylor(x, 30)
    np.testing.assert_allclose(series.T @ 0.1 ** np.arange(31), problem.taylor(x + 0.1, 0)[0], rtol=1e-13)


def test_coefficients_for_a_linear_potential_are_exact():
    """a = x: S_n′ = c_n x^−(3n−1)/2, c_n = i^{1−n} times a rational number."""
    terms = 20
    # c_0 = i, c_n = −(Σ c_j c_{n−j} − (3n − 4)/2 c_{n−1})/(2i)
    r = [Fraction(1)]
    for n in range(1, terms + 1):
        inner = sum(r[j] * r[n - j] for j in range(1, n))
        r.append((Fraction(3 * n - 4, 2) * r[n - 1] - inner) / 2)
    problem = OscillatoryWave()
    state = state_of(problem, terms)
    x = 1.5 - 0.5 * np.cos(np.pi * np.arange(41) / 40)
    for n in range(terms + 1):
        exact = 1j ** (1 - n) * float(r[n]) * x ** (-(3 * n - 1) / 2)
        np.testing.assert_allclose(state.jets[n, 0], exact, rtol=2e-13 * (n + 1))


@pytest.mark.parametrize("terms, epsilon", [(1, 0.1), (3, 0.2), (6, 0.05)])
def test_what_is_left_out_is_the_next_term(terms, epsilon):
    """a = x: S_n = c_n (x^{3(1−n)/2} − 1)/(3(1−n)/2), so that ε^N max |S_{N+1}| is known; a step costs nodes · N³."""
    r = [Fraction(1)]
    for n in range(1, terms + 2):
        r.append((Fraction(3 * n - 4, 2) * r[n - 1] - sum(r[j] * r[n - j] for j in range(1, n))) / 2)
    power = Fraction(-3 * terms, 2)
    largest = abs(float(r[terms + 1] / power)) * (1 - 2 ** float(power))
    state = tk.solve(OscillatoryWave(epsilon=epsilon), TruncatedWKB(terms=terms), THROUGH).state
    assert state.omitted == pytest.approx(epsilon**terms * largest, rel=1e-10)
    depths = [terms + 2 - n for n in range(1, terms + 2)]
    assert state.work.flops == sum(8 * 41 * depth**2 * n for n, depth in enumerate(depths, 1))
    assert state.work.nfe == 41


def test_primitives_are_exact():
    """S_0 = i (2/3)(x^{3/2} − 1) and S_1 = −ln(x)/4 for a = x, by Clenshaw–Curtis."""
    problem = OscillatoryWave()
    state, where = state_of(problem, 1), 2 * problem.points - 3
    zeroth, first = (chebyshev.chebval(where, state.phases[n]) for n in (0, 1))
    np.testing.assert_allclose(zeroth, 1j * 2 / 3 * (problem.points**1.5 - 1), atol=1e-14)
    np.testing.assert_allclose(first, -np.log(problem.points) / 4, atol=1e-14)


@pytest.mark.parametrize("potential, epsilon", [("linear", 0.04), ("exponential", 0.1), ("cosine", 0.004)])
def test_truncated_series_solves_its_riccati_equation(potential, epsilon):
    """s = Σ_{n≤N} ε^n S_n′ leaves ε s′ + s² + a = O(ε^{N+1}), to the power."""
    problem, terms = OscillatoryWave(potential=potential), 5
    jets = state_of(problem, terms).jets[: terms + 1]
    a = (-(jets[0, 0] ** 2)).real
    left = []
    for e in (epsilon, epsilon / 2):
        s, slope = (np.tensordot(e ** np.arange(terms + 1.0), jets[:, m], 1) for m in (0, 1))
        left.append(np.abs(e * slope + s * s + a).max())
    assert np.log2(left[0] / left[1]) == pytest.approx(terms + 1, abs=0.35)


@pytest.mark.parametrize("potential", ["linear", "exponential", "cosine"])
@pytest.mark.parametrize("terms", [1, 2, 3, 4])
def test_order_n_in_epsilon(potential, terms):
    method, problem = TruncatedWKB(terms=terms), OscillatoryWave(potential=potential)
    (claim,) = (c for c in method.claims(problem) if c.kind == "order")
    verdict = tk.check(claim, problem, method)
    assert verdict.holds and verdict.measured == pytest.approx(terms, abs=0.25), verdict


@pytest.mark.parametrize("potential, r", [("linear", 4 / 3), ("exponential", 4.0)])
def test_exponential_accuracy_at_the_optimal_truncation(potential, r):
    """Row 242: ln(ε² error) is a straight line in 1/ε; freed of √ε its slope is −2 |∫ √a| to the turning point."""
    x = 1 / np.array(LADDERS[potential])
    error = np.array([errors(OscillatoryWave(potential=potential, epsilon=1 / v), OptimalWKB())[1][-1] for v in x])
    line = np.log(error / x**2)
    assert np.corrcoef(x, line)[0, 1] < -0.999
    assert -np.polyfit(x, np.log(error * np.sqrt(x)), 1)[0] == pytest.approx(r, rel=0.03)


@pytest.mark.parametrize(
    "problem", [OscillatoryWave(epsilon=e) for e in (0.25, 0.15, 0.1, 0.06)], ids=lambda p: f"{p.epsilon}"
)
def test_stops_where_it_is_best(problem):
    """No number of terms gives less than half of the error at the truncation chosen without knowing the solution."""
    run, _ = errors(problem, OptimalWKB())
    _, every = errors(problem, TruncatedWKB(terms=40))
    assert every[run.k] <= 2 * np.nanmin(every) and "grow again" in run.status.cause


@pytest.mark.parametrize("potential", ["linear", "exponential"])
def test_short_waves_are_exact_to_rounding(potential):
    """ε = 1e-4: thousands of waves; what is left is the rounding of a phase of 1/ε."""
    run, error = errors(OscillatoryWave(potential=potential, epsilon=1e-4), OptimalWKB())
    assert error[-1] < 1e-15 / 1e-4 * 3 and run.k <= 5


def test_too_many_terms_diverge_with_a_cause():
    run, error = errors(OscillatoryWave(potential="cosine", epsilon=0.3), TruncatedWKB(terms=30))
    assert run.status.kind == "diverged" and run.state.omitted > WILD and np.isfinite(run.solution()).all()
    assert error[-1] > error.min()


def test_airy_by_mpmath():
    """The closed form itself, to fifteen digits, where mpmath is installed."""
    mpmath = pytest.importorskip("mpmath")
    problem = OscillatoryWave(epsilon=0.01)
    with mpmath.workdps(30):
        z = [-mpmath.mpf(float(x)) / mpmath.mpf(0.01) ** (mpmath.mpf(2) / 3) for x in problem.points[::100]]
        exact = np.array([complex(mpmath.airyai(v), mpmath.airybi(v)) for v in z])
    np.testing.assert_allclose(problem.exact[::100], exact / abs(exact[0]), atol=1e-12)


def test_the_picture_of_the_error_shows_the_error():
    """Its largest value is the measured one: |φ_N − φ| ≤ ‖φ_N − φ‖_∞, attained."""
    problem = OscillatoryWave(epsilon=0.1)
    run, found = errors(problem, TruncatedWKB(terms=4))
    (picture,) = (one for one in tk.lab("mesh").pictures if one.name == "wave_error")
    shown = picture.data(problem, run.state)
    np.testing.assert_allclose(shown["|φ|"], np.abs(problem.exact))
    assert shown["|φ_N − φ|"].max() == pytest.approx(found[-1], rel=1e-12)
