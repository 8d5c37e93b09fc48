"""Promises on spectra that rounding is hard on: none is false, and each is made only where its source makes it."""

import numpy as np
import pytest
import scipy.sparse.linalg as spla

import toolkit as tk
from toolkit.preconditioner import (
    CG,
    GMRES,
    MINRES,
    SSOR,
    ChebyshevIteration,
    FlexibleCG,
    Identity,
    Jacobi,
    Poisson,
    system,
)
from toolkit.preconditioner.krylov.ritz import kaniel_saad, lanczos

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


def test_eigenvectors_without_a_share_are_not_promised():
    problem = system(np.diag([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 1.0]), definite=True)
    assert kaniel_saad(problem, 1e-6) == np.inf
    assert not any("Ritz" in title for title in titles(CG(), problem))


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
