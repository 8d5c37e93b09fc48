"""Polynomial preconditioners and gradient methods against explicit polynomials of the spectrum."""

import itertools

import numpy as np
import pytest
import scipy.linalg as la
import scipy.sparse as sp
from numpy.polynomial import chebyshev

import toolkit as tk
from toolkit.preconditioner import (
    CG,
    ChebyshevPolynomial,
    Deflation,
    FastGradient,
    Helmholtz,
    Identity,
    Jacobi,
    KrylovGradient,
    Outliers,
    Poisson,
    SymmetricPolynomial,
    system,
)
from toolkit.preconditioner.krylov.gradient import weight
from toolkit.preconditioner.stationary.polynomial import elementary, elementary_from_traces
from toolkit.preconditioner.stationary.preconditioning import inverse_matrix


def positive(size=7, seed=0, complex_=False):
    """A small dense Hermitian positive definite system."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((size, size)) + (1j * rng.standard_normal((size, size)) if complex_ else 0)
    return system(sp.csr_array(a @ a.conj().T + 0.5 * np.eye(size)), rng.standard_normal(size), definite=True)


def brute(values, degree):
    """σ_degree as the sum over all subsets."""
    return sum(np.prod(some) for some in itertools.combinations(values, degree))


def inverse(method, problem):
    return inverse_matrix(method.build(problem), problem)


@pytest.mark.parametrize("degree", range(1, 7))
@pytest.mark.parametrize("complex_", [False, True])
class TestSymmetricPolynomial:
    def test_sums_of_subsets_by_products_and_by_traces(self, degree, complex_):
        a = positive(complex_=complex_).matrix
        values = la.eigvalsh(a.toarray())
        exact = [brute(values, k) for k in range(degree + 1)]
        np.testing.assert_allclose(elementary(values, degree), exact, rtol=1e-12)
        np.testing.assert_allclose(elementary_from_traces(a, degree), exact, rtol=1e-6)

    def test_eigenvalue_is_the_sum_without_its_own(self, degree, complex_):
        """P_τ v_i = σ_τ(λ without λ_i) v_i, over λmax(A P_τ)."""
        problem = positive(complex_=complex_)
        values, vectors = la.eigh(problem.matrix.toarray())
        without = np.array([brute(np.delete(values, i), degree) for i in range(len(values))])
        expected = (vectors * without) @ vectors.conj().T / (values * without).max()
        made = inverse(SymmetricPolynomial(degree=degree), problem)
        np.testing.assert_allclose(made, expected, atol=1e-7 * abs(expected).max())

    def test_is_the_recurrence_of_the_paper(self, degree, complex_):
        """P_τ = (1/τ) Σ_i (−1)^{i−1} P_{τ−i} U_i with U_i = tr(Aⁱ) I − Aⁱ."""
        problem = positive(complex_=complex_)
        a = problem.matrix.toarray()
        unit, powers = np.eye(len(a)), [np.linalg.matrix_power(a, i) for i in range(degree + 1)]
        p = [unit]
        for tau in range(1, degree + 1):
            terms = [(-1) ** (i - 1) * p[tau - i] @ (np.trace(powers[i]) * unit - powers[i]) for i in range(1, tau + 1)]
            p.append(sum(terms) / tau)
        scale = la.eigvalsh(a @ p[degree] / 2 + (a @ p[degree]).conj().T / 2)[-1]
        made = inverse(SymmetricPolynomial(degree=degree), problem)
        np.testing.assert_allclose(made, p[degree] / scale, atol=1e-7 * abs(made).max())

    def test_condition_is_that_of_the_product(self, degree, complex_):
        problem = positive(complex_=complex_)
        values = np.sort(
            la.eigvals(inverse(SymmetricPolynomial(degree=degree), problem) @ problem.matrix.toarray()).real
        )
        assert values[-1] == pytest.approx(1.0, rel=1e-6)
        assert SymmetricPolynomial(degree=degree).condition(problem) == pytest.approx(values[-1] / values[0], rel=1e-5)


def test_degree_n_minus_one_is_the_adjugate():
    """P_{n−1} = det(A) A⁻¹: one step is exact."""
    problem = positive(size=5, seed=2)
    method = SymmetricPolynomial(degree=4)
    np.testing.assert_allclose(inverse(method, problem) @ problem.matrix.toarray(), np.eye(5), atol=1e-8)
    assert tk.solve(problem, method, tk.Stop(rtol=1e-7, steps=1)).status.kind == "converged"


@pytest.mark.parametrize("tau", [1, 2, 3])
def test_condition_tends_to_the_trace_of_the_bulk(tau):
    """κ(P_τ A) → (Σ_{i>τ} λ_i)/λ_n as the gap below τ outliers opens; κ(A) grows with the gap."""
    problem = Outliers(outliers=tau, gap=1e4)
    limit = problem.spectrum[:-tau].sum() / problem.spectrum[0]
    assert SymmetricPolynomial(degree=tau).condition(problem) == pytest.approx(limit, rel=0.02)
    assert SymmetricPolynomial(degree=tau - 1).condition(problem) > 100 * limit
    assert problem.condition >= 1e4


def test_a_sum_that_rounding_eats_is_refused():
    """Degree above the number of outliers of a very wide spectrum: the method says so."""
    wide = sp.diags_array(np.concatenate((np.linspace(1, 2, 30), [1e9]))).tocsr()
    with pytest.raises(tk.Breakdown, match="rounding") as trouble:
        SymmetricPolynomial(degree=4).build(system(wide, np.ones(31), symmetric=True, definite=True))
    assert "degree" in trouble.value.advice


@pytest.mark.parametrize("degree", [0, 1, 4, 9])
@pytest.mark.parametrize("ratio", [None, 4.0])
@pytest.mark.parametrize("complex_", [False, True])
def test_chebyshev_is_its_polynomial(degree, ratio, complex_):
    """1 − λ p(λ) = T_{d+1}((θ − λ)/δ)/T_{d+1}(θ/δ)."""
    problem = positive(complex_=complex_)
    values, vectors = la.eigh(problem.matrix.toarray())
    low, high = values[-1] / ratio if ratio else values[0], values[-1]
    theta, delta, unit = (high + low) / 2, (high - low) / 2, np.eye(degree + 2)[-1]
    left = chebyshev.chebval((theta - values) / delta, unit) / chebyshev.chebval(theta / delta, unit)
    expected = (vectors * ((1 - left) / values)) @ vectors.conj().T
    method = ChebyshevPolynomial(degree=degree, ratio=ratio)
    np.testing.assert_allclose(inverse(method, problem), expected, atol=1e-10 * abs(expected).max())
    assert method.contraction(problem) == pytest.approx(abs(left).max(), rel=1e-6)
    if ratio is None:
        top = chebyshev.chebval(theta / delta, unit)
        assert method.condition(problem) == pytest.approx((top + 1) / (top - 1), rel=1e-6)


def test_an_unknown_spectrum_is_taken_to_reach_down_to_a_thirtieth_of_its_gershgorin_bound():
    """Too many unknowns for Lanczos: b is the largest row sum, a = b/30."""
    large = sp.diags_array([np.full(12_999, -1.0), np.full(13_000, 4.0), np.full(12_999, -1.0)], offsets=[-1, 0, 1])
    problem = system(sp.csr_array(large), np.ones(13_000), symmetric=True, definite=True)
    assert problem.extremes is None and ChebyshevPolynomial().bounds(problem) == (0.2, 6.0)
    assert ChebyshevPolynomial(ratio=3.0).bounds(problem) == (2.0, 6.0)
    assert Deflation(count=2).bounds(problem, np.array([1.0, 2.0, -3.0])) == (3.0, 6.0)


def test_outliers_stand_where_they_are_planted():
    values = Outliers(n=10, outliers=3, gap=50.0, bulk=4.0).spectrum
    np.testing.assert_allclose(values, [*np.linspace(1, 4, 7), 200, 250, 300])
    np.testing.assert_allclose(la.eigvalsh(Outliers(n=10, outliers=3, gap=50.0, bulk=4.0).matrix.toarray()), values)


@pytest.mark.parametrize("dim", [1, 2])
def test_a_spectrum_in_closed_form_gives_the_same_sums_on_a_line_and_in_the_plane(dim):
    problem = Helmholtz(dim=dim, n=6, wavenumber=1.0)
    sums = SymmetricPolynomial(degree=2).coefficients(problem)[0]
    np.testing.assert_allclose(sums, elementary_from_traces(problem.matrix, 2), rtol=1e-12)


def test_chebyshev_of_degree_d_is_the_best_polynomial_of_its_degree():
    """No polynomial with p(0) = 1 is smaller on the interval: sampled perturbations are not."""
    a, b, degree = 1.0, 9.0, 4
    grid = np.linspace(a, b, 2001)
    unit = np.eye(degree + 2)[-1]
    least = 1 / abs(chebyshev.chebval((b + a) / (b - a), unit))
    best = chebyshev.chebval((b + a - 2 * grid) / (b - a), unit) / chebyshev.chebval((b + a) / (b - a), unit)
    rng = np.random.default_rng(0)
    assert abs(best).max() == pytest.approx(least)
    for _ in range(200):
        bump = np.polynomial.polynomial.polyval(grid / b, rng.standard_normal(degree + 1)) * grid / b
        assert abs(best + 1e-3 * bump).max() > least


@pytest.mark.parametrize("total", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("convex", [0.0, 0.1, 1.0])
def test_weight_solves_its_equation(total, convex):
    """M a² = (A + a)(1 + ρ (A + a)), a > 0."""
    a = weight(total, 3.0, convex)
    assert a > 0
    assert 3.0 * a * a == pytest.approx((total + a) * (1 + convex * (total + a)), rel=1e-9)


PRECONDITIONED = [Identity(), SymmetricPolynomial(degree=1), SymmetricPolynomial(degree=2), ChebyshevPolynomial()]


@pytest.mark.parametrize("inner", PRECONDITIONED, ids=repr)
@pytest.mark.parametrize("problem", [Outliers(n=20, gap=20.0), Poisson(dim=1, n=12)], ids=repr)
class TestFastGradient:
    def test_its_potential_never_grows(self, inner, problem):
        """A_k (f(x_k) − f*) + (1 + ρ A_k)/2 ‖v_k − x*‖²_{P⁻¹} does not grow from one step to the next."""
        metric = la.inv(inverse(inner, problem))
        a, run = problem.matrix.toarray(), tk.Run(problem, FastGradient(inner), tk.Stop(rtol=0.0, steps=60))
        error = problem.exact - problem.start
        before = 0.5 * error @ metric @ error
        for state in run:
            e, w = problem.exact - state.x, problem.exact - state.v
            now = 0.5 * state.total * (e @ a @ e) + 0.5 * (1 + state.convex * state.total) * (w @ metric @ w)
            rounding = 1e-9 * state.total * (problem.exact @ a @ problem.exact) * 1e-6
            assert now <= before * (1 + 1e-9) + rounding
            before = now

    def test_a_step_is_a_gradient_step_from_between_x_and_v(self, inner, problem):
        """x_{k+1} = y − P ∇f(y)/M with y = ((1 − θ) x_k + θ (1 − ω) v_k)/(1 − θ ω)."""
        p, a = inverse(inner, problem), problem.matrix.toarray()
        run = tk.Run(problem, FastGradient(inner), tk.Stop(rtol=0.0, steps=12)).step(1)
        for _ in range(8):
            state = run.snapshot()
            step = weight(state.total, state.smooth, state.convex)
            total = state.total + step
            theta, omega = step / total, state.convex * step / (1 + state.convex * total)
            y = ((1 - theta) * state.x + theta * (1 - omega) * state.v) / (1 - theta * omega)
            expected = y + p @ (problem.rhs - a @ y) / state.smooth
            np.testing.assert_allclose(run.step(1).solution(), expected, atol=1e-12 * abs(expected).max())

    def test_carried_residual_is_the_true_one(self, inner, problem):
        state = tk.Run(problem, FastGradient(inner), tk.Stop(rtol=0.0, steps=50)).finish().state
        assert np.linalg.norm(problem.residual(state.x) - state.rx) <= 1e-11 * problem.norm


@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("problem", [Outliers(n=20, gap=20.0), Poisson(dim=2, n=6)], ids=repr)
def test_krylov_gradient_minimises_over_its_krylov_space(degree, problem):
    """A step ends where the error is A-orthogonal to r, A r, …, A^τ r, as the Gram system of the paper says."""
    run = tk.Run(problem, KrylovGradient(degree=degree), tk.Stop(rtol=0.0, steps=3)).step(1)
    state = run.snapshot()
    a = problem.matrix.toarray()
    space = [state.r]
    for _ in range(degree):
        space.append(a @ space[-1])
    basis = la.orth(np.array(space).T)
    start = state.x.copy()
    expected = start + basis @ la.solve(basis.T @ a @ basis, basis.T @ state.r)
    np.testing.assert_allclose(run.step(1).solution(), expected, atol=1e-9 * abs(expected).max())


@pytest.mark.parametrize("degree", [0, 2, 9])
def test_contraction_of_the_krylov_gradient_in_closed_form(degree):
    """The better of 1/T_{τ+1}((κ + 1)/(κ − 1)) and (κ_τ − 1)/(κ_τ + 1); degree 0 is steepest descent's factor."""
    problem, method = Poisson(dim=2, n=6), KrylovGradient(degree=degree)
    kappa = problem.condition
    best = 1 / chebyshev.chebval((kappa + 1) / (kappa - 1), np.eye(degree + 2)[-1])
    if degree <= 6:
        own = SymmetricPolynomial(degree=degree).condition(problem)
        best = min(best, (own - 1) / (own + 1))
    assert method.contraction(problem) == pytest.approx(best, rel=1e-9)
    assert degree or best == pytest.approx((kappa - 1) / (kappa + 1))


def test_the_bound_of_the_fast_gradient_is_of_its_own_weights():
    """1/√(ρ A_k), not above one, with the A_k that the run goes through."""
    problem, method = Outliers(n=20, gap=20.0), FastGradient(Identity())
    bound = next(claim for claim in method.claims(problem) if claim.kind == "bound")
    run = tk.Run(problem, method, tk.Stop(rtol=0.0, steps=30))
    promised = [min(1.0, 1 / np.sqrt(state.convex * state.total)) for state in run]
    np.testing.assert_allclose(bound.curve(np.arange(31.0), np.ones(31))[1:], promised, rtol=1e-9)


def test_krylov_gradient_of_full_degree_is_conjugate_gradients():
    problem = Poisson(dim=2, n=8)
    one = tk.solve(problem, KrylovGradient(degree=9), tk.Stop(rtol=0.0, steps=1)).solution()
    ten = tk.solve(problem, CG(), tk.Stop(rtol=0.0, steps=10)).solution()
    np.testing.assert_allclose(one, ten, rtol=1e-9, atol=1e-12)


def steps(method, **knobs):
    """Steps to 1e-6 on planted outliers."""
    return tk.solve(Outliers(**knobs), method, tk.Stop(rtol=1e-6, steps=200_000)).k


@pytest.mark.parametrize("outliers", [1, 2, 3])
def test_flat_in_the_gap_where_the_plain_gradient_grows_linearly(outliers):
    """Row 41: gap 1e2 … 1e4 with τ outliers; degree τ stays, degree τ − 1 and the plain gradient do not."""
    gaps = (1e2, 1e3, 1e4)
    for method in (SymmetricPolynomial(degree=outliers), FastGradient(SymmetricPolynomial(degree=outliers))):
        counts = [steps(method, outliers=outliers, gap=gap) for gap in gaps]
        assert max(counts) <= 1.5 * min(counts)
    plain = [steps(Identity(), outliers=outliers, gap=gap) for gap in gaps]
    assert plain[1] == pytest.approx(10 * plain[0], rel=0.02) and plain[2] == pytest.approx(10 * plain[1], rel=0.02)
    less = [steps(SymmetricPolynomial(degree=outliers - 1), outliers=outliers, gap=gap) for gap in gaps[:2]]
    assert less[1] > 5 * less[0]


VARIANTS = [
    *((Outliers(outliers=t, gap=500.0), SymmetricPolynomial(degree=t)) for t in (1, 3, 4)),
    *((Outliers(outliers=t, gap=500.0), FastGradient(SymmetricPolynomial(degree=t))) for t in (1, 3)),
    *((Outliers(outliers=t), KrylovGradient(degree=t)) for t in (1, 3)),
    (Outliers(), Identity()),
    (Outliers(), FastGradient(Identity())),
    (Poisson(dim=2, n=12), FastGradient(ChebyshevPolynomial(degree=2))),
    (Poisson(dim=2, n=12), FastGradient(Jacobi())),
    (Poisson(dim=2, n=12), KrylovGradient(degree=0)),
]


@pytest.mark.parametrize("problem, method", VARIANTS, ids=repr)
def test_claims_of_turned_knobs_hold(problem, method):
    claims = method.claims(problem)
    assert claims
    for claim in claims:
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is True, f"{claim.title}: {verdict}"


@pytest.mark.parametrize("impostor", [Identity(), SymmetricPolynomial(degree=1)], ids=repr)
def test_flatness_is_not_promised_for_nothing(impostor):
    """The claim of degree 2 on two outliers fails for the plain gradient and for degree 1."""
    problem = Outliers()
    flat = [claim for claim in SymmetricPolynomial(degree=2).claims(problem) if claim.kind == "flat"]
    assert flat and tk.check(flat[0], problem, impostor).holds is False


@pytest.mark.parametrize("n", [10, 40, 120])
@pytest.mark.parametrize("outliers", [1, 6])
def test_steps_grow_with_the_gap_as_the_condition_number_does(n, outliers):
    """From 533 to 850 with six outliers in 40: κ(P_τ A) goes from 31.9 to 50.6 of its limit 51."""
    problem, method = Outliers(n=n, outliers=outliers), FastGradient(SymmetricPolynomial(degree=outliers))
    (flat,) = [claim for claim in method.claims(problem) if claim.kind == "flat"]
    conditions = [SymmetricPolynomial(degree=outliers).condition(problem.turned(gap=gap)) for gap in (1e2, 1e4)]
    assert flat.growth == pytest.approx(1.1 * conditions[1] / conditions[0])
    assert tk.check(flat, problem, method).holds is True
    assert not [claim for claim in KrylovGradient(degree=outliers).claims(problem) if claim.kind == "flat"]


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9, 5e10, 1e12, 1e15])
def test_a_sum_is_refused_exactly_where_a_millionth_of_it_is_lost(far):
    """σ₂ of 1 … 2 (30 values) and one far away comes from tr(A)² − tr(A²), which leaves 45/far of either."""
    values = np.append(np.linspace(1, 2, 30), far)
    matrix = sp.diags_array(values).tocsr()
    lost = np.finfo(float).eps * 2 * values.sum() ** 2 / (2 * elementary(values, 2)[2])
    if lost > 1e-6:
        with pytest.raises(tk.Breakdown, match="σ_2"):
            elementary_from_traces(matrix, 2)
    else:
        assert elementary_from_traces(matrix, 2)[2] == pytest.approx(elementary(values, 2)[2], rel=4e-6)
