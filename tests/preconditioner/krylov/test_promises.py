"""Promises on spectra that rounding is hard on: none is false, and each is made only where its source makes it."""

import numpy as np
import pytest
import scipy.sparse.linalg as spla

import toolkit as tk
from toolkit.preconditioner import (
    CG,
    GMRES,
    IC0,
    MINRES,
    SSOR,
    ChebyshevIteration,
    ChebyshevPolynomial,
    Deflation,
    FastGradient,
    FlexibleCG,
    GaussSeidel,
    GraphLaplacian,
    Identity,
    Jacobi,
    KrylovGradient,
    Outliers,
    Poisson,
    RugeStuben,
    system,
)
from toolkit.preconditioner.krylov.method import RESIDUAL_GAP, chebyshev_curve
from toolkit.preconditioner.krylov.ritz import kaniel_saad, lanczos, ritz_gap

SPECTRA = {
    "geometric": lambda kappa: np.geomspace(1, kappa, 20),
    "even": lambda kappa: np.linspace(1, kappa, 20),
    "outliers": lambda kappa: np.append(np.linspace(1, 2, 18), (kappa / 2, kappa)),
    "one small": lambda kappa: np.append(1.0, np.linspace(kappa / 2, kappa, 19)),
    "double ends": lambda kappa: np.repeat(np.geomspace(1, kappa, 10), 2),
}


def planted(spectrum: str, kappa: float):
    """A full matrix with this spectrum; every eigenvector has the same share in b."""
    values = SPECTRA[spectrum](kappa)
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((20, 20)))[0]
    A = (Q * values) @ Q.T
    return system((A + A.T) / 2, Q.sum(axis=1), symmetric=True, definite=True)


def titles(method, problem):
    return [claim.title for claim in method.claims(problem)]


@pytest.mark.parametrize("kappa", [10.0, 1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_no_promise_is_broken_by_rounding(spectrum, kappa):
    problem = planted(spectrum, kappa)
    for method in (CG(), FlexibleCG(), MINRES(), GMRES(), ChebyshevIteration()):
        for claim in method.claims(problem):
            verdict = tk.check(claim, problem, method)
            assert verdict.holds is not False, f"{method.title}: {claim.title}: {verdict}"


def test_flexible_cg_is_compared_with_cg_only_where_rounding_does_not_delay_them():
    """At κ = 1e8 the one needs 213 products, the other 100: the same in exact arithmetic only."""
    easy, hard = planted("geometric", 1e4), planted("geometric", 1e8)
    assert any("as CG" in title for title in titles(FlexibleCG(), easy))
    assert not any("as CG" in title for title in titles(FlexibleCG(), hard))


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("kappa", [1e2, 1e3])
def test_ritz_values_come_as_soon_as_kaniel_and_saad_promise(spectrum, kappa):
    """Lanczos from r₀ in exact arithmetic, by full orthogonalisation: within `tol` after the promised steps, if ≤ n."""
    problem, tol = planted(spectrum, kappa), 1e-3
    steps = min(kaniel_saad(problem, tol), len(set(SPECTRA[spectrum](kappa).round(6))))
    A, Q = problem.matrix.toarray(), problem.rhs[:, None] / problem.norm
    while Q.shape[1] < steps:
        w = A @ Q[:, -1]
        for _ in range(3):
            w -= Q @ (Q.T @ w)
        Q = np.column_stack((Q, w / np.linalg.norm(w)))
    found, ends = np.linalg.eigvalsh(Q.T @ A @ Q), np.linalg.eigvalsh(A)
    np.testing.assert_allclose(found[[0, -1]], ends[[0, -1]], rtol=tol)


def test_the_bound_of_kaniel_and_saad_in_closed_form():
    """λ = 1, 2, 4 and shares 1 : 1 : 1: tan φ = √2, (tan φ/T_{k−1}(1 + 2γ))² (λ₃ − λ₁) ≤ tol λ with γ = 1/2 and 2."""
    problem = system(np.diag([1.0, 2.0, 4.0]), np.ones(3), definite=True)
    steps, tol = int(kaniel_saad(problem, 1e-4)), 1e-4
    top = np.cosh(np.arange(40) * np.arccosh(2.0))  # T_j(1 + 2 · 1/2): the slower end is λ₁
    assert 3 * (np.sqrt(2) / top[steps - 1]) ** 2 <= tol < 3 * (np.sqrt(2) / top[steps - 2]) ** 2


@pytest.mark.parametrize("preconditioner", [Identity(), SSOR()], ids=lambda p: p.title)
def test_what_is_left_to_rounding_is_of_its_size(preconditioner):
    """ε κ at most: a floor above it would be a promise that ends before the method does."""
    problem = Poisson(dim=2, n=8, load="noise")
    for cls in (CG, FlexibleCG, MINRES, GMRES, ChebyshevIteration, FastGradient):
        floors = [getattr(claim, "floor", 0.0) for claim in cls(preconditioner=preconditioner).claims(problem)]
        assert floors and max(floors) <= 500 * np.finfo(float).eps * problem.condition
    for method in (KrylovGradient(), Identity(), Deflation(count=4), ChebyshevPolynomial(), RugeStuben()):
        floors = [getattr(claim, "floor", 0.0) for claim in method.claims(problem) if claim.kind == "bound"]
        assert floors and max(floors) <= 500 * np.finfo(float).eps * max(10, problem.condition)


def test_one_unknown_is_no_race():
    assert not GaussSeidel().claims(Poisson(dim=3, n=2))


def test_fast_gradient_is_compared_where_every_eigenvector_has_its_share():
    """Of a graph of pairs the gradient method sees the fast eigenvectors alone, and is twice as fast."""
    pairs = GraphLaplacian(images=196, neighbours=1, labelled=12)
    assert not any("no slower" in title for title in titles(FastGradient(IC0()), pairs))
    assert any("no slower" in title for title in titles(FastGradient(Identity()), Outliers()))


def test_eigenvectors_without_a_share_are_not_promised():
    problem = system(np.diag([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 1.0]), definite=True)
    assert kaniel_saad(problem, 1e-6) == np.inf
    assert not any("Ritz" in title for title in titles(CG(), problem))


@pytest.mark.parametrize("kappa", [1.5, 25.0, 1e6])
def test_the_curve_is_one_over_chebyshevs_polynomial(kappa):
    """1/T_k((κ + 1)/(κ − 1)), T_k(x) = cosh(k arcosh x)."""
    k = np.arange(12.0)
    expected = 3.0 / np.cosh(k * np.arccosh((kappa + 1) / (kappa - 1)))
    np.testing.assert_allclose(chebyshev_curve(kappa)(k, np.array([3.0])), expected, rtol=1e-9)


def test_a_gap_is_seen_down_to_the_rounding_of_the_residual():
    """‖b − A x‖ = 1e-11 ‖b‖ and recurrences that say 1e-12 are ten apart; 1e-17 is what rounding leaves of either."""
    problem, method = Poisson(dim=2, n=8, load="noise"), CG()
    state = method.init(problem)
    for size in (1e-3, 1e-11):
        step = np.linalg.solve(problem.matrix.toarray(), np.full(49, 1 / 7))
        state.x, state.residual = problem.exact + size * problem.norm * step, size / 10
        assert RESIDUAL_GAP.function(problem, state) == pytest.approx(10, rel=1e-2)
    state.x, state.residual = problem.exact, 1e-17
    assert RESIDUAL_GAP.function(problem, state) == 1


def test_both_ends_of_a_spectrum_count():
    class Seen:
        def ritz(self):
            return np.array([2.0, 3.0, 4.0])

    assert ritz_gap((1.0, 4.0)).function(None, Seen()) == 1.0
    assert ritz_gap((2.0, 5.0)).function(None, Seen()) == pytest.approx(0.2)


def test_lanczos_goes_on_while_anything_is_left():
    """1 … 1.2: what is beside the diagonal is small from the start; an eigenvector of few ends it."""
    narrow = system(np.diag(np.linspace(1, 1.2, 30)), np.ones(30), definite=True)
    np.testing.assert_allclose(lanczos(narrow, Identity().build(narrow), 30)[[0, -1]], (1, 1.2), rtol=1e-8)
    few = system(np.diag(np.repeat([1.0, 3.0], 10)), np.ones(20), definite=True)
    np.testing.assert_allclose(lanczos(few, Identity().build(few), 20), (1, 3), rtol=1e-12)


# -- Chebyshev semi-iteration and its interval ------------------------------------------------------------------------


@pytest.mark.parametrize("knobs", [dict(high=6e-14), dict(low=1e15), dict(low=3.0, high=2.0)])
def test_a_method_whose_set_up_fails_promises_nothing(knobs):
    problem = Poisson(dim=1, n=12)
    assert tk.solve(problem, ChebyshevIteration(**knobs)).status.kind == "failed"
    assert not ChebyshevIteration(**knobs).claims(problem)


def test_an_interval_of_ones_own_is_promised_of_where_it_holds_the_spectrum():
    problem = Poisson(dim=1, n=12, load="noise")
    low, high = problem.extremes
    wide, narrow = ChebyshevIteration(low=low / 3, high=2 * high), ChebyshevIteration(high=high / 2)
    kappa = f"{6 * high / low:.3g}"
    bounds = [claim for claim in wide.claims(problem) if "1/T_k" in claim.title]
    assert bounds and all(kappa in claim.title for claim in bounds)
    assert all(tk.check(claim, problem, wide).holds for claim in bounds)
    assert not any("1/T_k" in title for title in titles(narrow, problem))


def test_the_exact_curve_is_promised_and_no_rate_that_a_budget_cuts():
    """κ = 1e8: after 5000 steps the slope of 1/T_k is not yet that of its end; the curve holds at every step."""
    problem = planted("geometric", 1e8)
    claims = ChebyshevIteration().claims(problem)
    assert not any(claim.kind == "rate" for claim in claims)
    assert sum("1/T_k" in claim.title for claim in claims) == 2


@pytest.mark.parametrize("preconditioner", [Identity(), Jacobi(), SSOR()], ids=lambda p: p.title)
def test_an_unknown_interval_is_that_of_forty_lanczos_steps_with_a_tenth_of_room(preconditioner):
    """[0.9 θ_min, 1.1 θ_max]; a knob that is set takes the place of its end."""
    known = Poisson(dim=2, n=30)
    plain = isinstance(preconditioner, Identity)  # of entries the extremes are computed, of products only not
    matrix = spla.aslinearoperator(known.matrix) if plain else known.matrix
    problem = system(matrix, known.rhs, symmetric=True, definite=True)
    method = ChebyshevIteration(preconditioner=preconditioner)
    ritz = lanczos(problem, preconditioner.build(problem), 40)
    state = method.init(problem)
    np.testing.assert_allclose((state.low, state.high), (0.9 * ritz[0], 1.1 * ritz[-1]), rtol=1e-12)
    half = method.turned(low=0.5 * state.low).init(problem)
    assert half.low == 0.5 * state.low and half.high == state.high
