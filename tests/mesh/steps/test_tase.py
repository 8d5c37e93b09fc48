"""Singly RK-TASE: order conditions and stability in exact arithmetic, orders with any matrix for the Jacobian."""

from fractions import Fraction as F
from math import factorial

import numpy as np
import pytest

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.parabolic import AllenCahn, Brusselator, Burgers, Heat
from toolkit.mesh.steps.runge_kutta import SDIRK2
from toolkit.mesh.steps.tase import ModifiedTASE2, ModifiedTASE3, SinglyTASE
from toolkit.mesh.steps.tase_coefficients import at_infinity, conditions, modified2, modified3, singly, stability

TABLEAUS = {
    "modified 2": (modified2(), 2),
    "modified 2, γ = 1/4": (modified2(F(1, 4)), 2),
    "modified 3": (modified3(), 3),
    "singly 2": (singly(2, F(5, 4)), 2),
    "singly 3": (singly(3, F(3, 2)), 3),
}
CASES = pytest.mark.parametrize("method, order", TABLEAUS.values(), ids=TABLEAUS)


def product(p, q):
    out = [F(0)] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            out[i + j] += a * b
    return out


def total(p, q):
    n = max(len(p), len(q))
    return [x + y for x, y in zip(p + [F(0)] * (n - len(p)), q + [F(0)] * (n - len(q)))]


def power(p, n):
    out = [F(1)]
    for _ in range(n):
        out = product(out, p)
    return out


def rational(method):
    """(P, Q): coefficients of R = P/Q in z, ascending, exact."""
    s, p = len(method.b), len(method.beta[0])
    w = [F(1), -method.gamma]
    slopes = []  # K_i w^(p i) over f = λy
    for i, (row, weights) in enumerate(zip(method.a, method.beta)):
        stage = power(w, p * i)
        for j, a in enumerate(row):
            stage = total(stage, [a * x for x in product(slopes[j], power(w, p * (i - j - 1)))])
        operator = [F(0)]
        for n, weight in enumerate(weights):
            operator = total(operator, [weight * x for x in power(w, p - n - 1)])
        slopes.append([F(0), *product(stage, operator)])
    below = power(w, p * s)
    above = below
    for i, b in enumerate(method.b):
        above = total(above, [b * x for x in product(slopes[i], power(w, p * (s - i - 1)))])
    return above, below


def modulus(p):
    """|p(iy)|² as a polynomial in y², exact."""
    even = [x * (-1) ** (k // 2) if k % 2 == 0 else F(0) for k, x in enumerate(p)]
    odd = [x * (-1) ** (k // 2) if k % 2 else F(0) for k, x in enumerate(p)]
    return total(product(even, even), product(odd, odd))[::2]


@CASES
def test_order_conditions_hold_exactly_for_any_w(method, order):
    left = conditions(method, order)
    assert len(left) == len(method.b) + {2: 3, 3: 8}[order] and not any(left.values())


@CASES
def test_no_condition_is_idle(method, order):
    """Turning one coefficient breaks a condition: none of them is met by chance of the code."""
    import dataclasses

    b = (method.b[0] + F(1, 7), *method.b[1:])
    assert any(conditions(dataclasses.replace(method, b=b), order).values())
    beta = (*method.beta[:-1], (method.beta[-1][0] + 1, method.beta[-1][1] - 1, *method.beta[-1][2:]))
    assert any(conditions(dataclasses.replace(method, beta=beta), order).values())


@pytest.mark.parametrize("omega", [F(1), F(5, 4), F(3, 2)])
@pytest.mark.parametrize("order, c", [(2, (0, F(2, 3))), (3, (0, F(1, 2), F(3, 4)))])
def test_singly_methods_stand_on_ralstons(order, c, omega):
    """All conditions for any W, and Ralston's nodes: with them b and a₃₂ follow. T = I + O((hW)^p), and not better."""
    method = singly(order, omega)
    assert method.c == c and not any(conditions(method, order).values())
    for i in range(order):
        assert [method.moment(i, m) for m in range(1, order)] == [0] * (order - 1)
        assert method.moment(i, order) == -((-omega) ** order)


@CASES
def test_stability_function_is_the_exponential_to_its_order(method, order):
    above, below = rational(method)
    series = [F(0)] * 6
    for k in range(6):  # P = R Q, coefficient by coefficient
        series[k] = (above[k] if k < len(above) else 0) - sum(
            series[j] * below[k - j] for j in range(k) if k - j < len(below)
        )
    agree = next(k for k in range(6) if series[k] != F(1, factorial(k)))
    assert agree == (4 if method == modified2() else order + 1)
    z = 0.3 - 0.4j
    value = np.polyval([float(x) for x in above[::-1]], z) / np.polyval([float(x) for x in below[::-1]], z)
    assert stability(method, z) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("method", [modified2(), modified2(F(1, 4)), modified3()], ids=["2", "2, γ = 1/4", "3"])
def test_modified_methods_are_l_stable(method):
    """|Q(iy)|² − |P(iy)|² ≥ 0 (exact where its coefficients are), poles at 1/γ > 0, R(∞) = 0 exactly."""
    above, below = rational(method)
    gap = total(modulus(below), [-x for x in modulus(above)])
    y2 = np.concatenate((np.linspace(0, 100, 4001), np.geomspace(100, 1e12, 400)))
    scale = np.polyval([abs(float(x)) for x in gap[::-1]], y2)
    assert (np.polyval([float(x) for x in gap[::-1]], y2) >= -1e-12 * scale).all()
    lowest = next(x for x in gap if x)
    assert lowest > 0 and gap[-1] > 0 and method.gamma > 0
    assert at_infinity(method) == 0 and stability(method, -1e9) == pytest.approx(0, abs=1e-6)


def test_singly_methods_pay_for_one_operator():
    """R(∞) of order 2 is 1 − 2/ω + 2/ω² ≥ 1/2 for every ω; order 3 is not A-stable for ω³ > 1/24."""
    assert min(at_infinity(singly(2, F(k, 10))) for k in range(5, 80)) == F(1, 2)
    above, below = rational(singly(3, F(3, 2)))
    gap = total(modulus(below), [-x for x in modulus(above)])
    assert next(x for x in gap if x) < 0
    ray = -np.geomspace(1e-3, 1e6, 2000) * np.exp(1j * np.deg2rad(88.5))
    assert np.abs(stability(singly(3, F(3, 2)), ray)).max() <= 1 + 1e-12


@pytest.mark.parametrize("method, least", [(modified2(), 5 / 6), (modified3(), 0.71)], ids=["2", "3"])
def test_how_bad_a_jacobian_is_borne_on_the_negative_axis(method, least):
    z = -np.geomspace(1e-3, 1e6, 3000)
    for quality in np.concatenate((np.linspace(least + 0.002, 2, 40), [3.0])):
        assert np.abs(stability(method, z, quality)).max() <= 1 + 1e-12
    assert np.abs(stability(method, z, least - 0.03)).max() > 1


def leap(method, f, W, y, h):
    """A step by the definition, with explicit inverses."""
    inverse = np.linalg.inv(np.eye(len(y)) - float(method.gamma) * h * W)
    slopes = []
    for row, weights in zip(method.a, method.beta):
        operator = sum(float(w) * np.linalg.matrix_power(inverse, n + 1) for n, w in enumerate(weights))
        slopes.append(operator @ f(y + h * sum((float(a) * k for a, k in zip(row, slopes)), np.zeros(len(y)))))
    return y + h * sum(float(b) * k for b, k in zip(method.b, slopes))


@CASES
@pytest.mark.parametrize("seed", range(3))
def test_order_with_a_matrix_that_has_nothing_to_do_with_the_jacobian(method, order, seed):
    """y′ = A y + B(y, y) with a random W: the slope of the error at t = 1 is the order."""
    rng = np.random.default_rng(seed)
    A, B, W = rng.standard_normal((3, 3)), 0.3 * rng.standard_normal((3, 3, 3)), rng.standard_normal((3, 3))
    f = lambda y: A @ y - 0.5 * y + B @ y @ y  # noqa: E731
    start = 0.3 * rng.standard_normal(3)
    from scipy.integrate import solve_ivp

    exact = solve_ivp(lambda t, y: f(y), (0, 0.5), start, "DOP853", rtol=1e-13, atol=1e-15).y[:, -1]
    errors = []
    for steps in (160, 320):
        y = start
        for _ in range(steps):
            y = leap(method, f, W, y, 0.5 / steps)
        errors.append(np.abs(y - exact).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.12)


@pytest.mark.parametrize("cls", [ModifiedTASE2, ModifiedTASE3, SinglyTASE])
def test_a_step_is_the_definition(cls):
    problem, method = Brusselator(n=12, end=1.0), cls(steps=20, quality=0.8)
    run = tk.Run(problem, method, THROUGH).step(1)
    W = 0.8 * problem.dense(problem.start)
    expected = leap(method.tableau, problem.rhs, W, problem.start, 1 / 20)
    np.testing.assert_allclose(run.solution(), expected, rtol=1e-11)
    s = len(method.tableau.b)
    assert (run.state.work.nfe, run.state.work.solves, run.state.factorisations) == (s, s * s, 1)


@pytest.mark.parametrize(
    "problem", [Brusselator(n=30, end=2.0), AllenCahn(n=100, epsilon=0.03)], ids=lambda p: p.slug()
)
@pytest.mark.parametrize(
    "knobs", [dict(quality=0.85), dict(quality=1.2), dict(refresh=0, quality=1.0), dict(refresh=7)]
)
@pytest.mark.parametrize("cls", [ModifiedTASE2, ModifiedTASE3])
def test_orders_with_inexact_jacobians(cls, knobs, problem):
    claims = [c for c in cls(**knobs).claims(problem) if c.kind == "order"]
    assert len(claims) == 1
    verdict = tk.check(claims[0], problem, cls(**knobs))
    assert verdict.holds, verdict


@pytest.mark.parametrize(
    "problem", [Brusselator(n=30, end=2.0), Burgers(), AllenCahn(), Heat()], ids=lambda p: p.slug()
)
@pytest.mark.parametrize("method", [ModifiedTASE2(quality=1.0), ModifiedTASE3(quality=1.0)], ids=["2", "3"])
def test_smaller_error_than_one_operator_for_all_stages_at_equal_cost(method, problem):
    """Row 189: four to fifty times smaller, with the same evaluations, solves and factorisations."""
    mine, theirs = (tk.solve(problem, m.turned(steps=200), THROUGH, ["error"]) for m in (method, method.rival()))
    assert 4 * mine.history.last("error") < theirs.history.last("error")
    for cost in ("nfe", "solves", "factorisations"):
        assert mine.history[cost][-1] == theirs.history[cost][-1]


def test_one_factorisation_serves_a_whole_run():
    """With the first Jacobian to the end there is one factorisation; the error is within ten times that of SDIRK."""
    problem = Brusselator(n=60, end=2.0)
    run = tk.solve(problem, ModifiedTASE3(steps=100, refresh=0, quality=1.0), THROUGH, ["error"])
    other = tk.solve(problem, SDIRK2(steps=100), THROUGH, ["error"])
    assert run.history["factorisations"][-1] == 1 and other.history["factorisations"][-1] >= 100
    assert run.history.last("error") < other.history.last("error")


def test_very_stiff_diffusion_is_damped():
    """Steps 10⁴ times beyond the explicit limit: nothing grows, and a rough start is gone after a few steps."""
    problem = Heat(n=1000, kappa=10.0, end=1.0)
    for cls in (ModifiedTASE2, ModifiedTASE3):
        run = tk.solve(problem, cls(steps=50, quality=1.0), THROUGH)
        sizes = run.history["magnitude"]
        assert (np.diff(sizes) <= 1e-12).all() and sizes[-1] < 1e-10
