"""Residual estimators against dense algebra: equal in exact arithmetic, apart in floating point."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.reduced import residual_expansions as expansions
from toolkit.rank.reduced import residual_norms as est
from toolkit.rank.reduced.thermal_block import ThermalBlock

PROBLEM = ThermalBlock(columns=3, rows=1, n=14, training=60, tests=10)
METHODS = (est.ExpandedEstimate, est.CorrectedEstimate, est.InterpolatedEstimate, est.OrthonormalEstimate)
EPS = np.finfo(float).eps


@pytest.fixture(scope="module")
def runs():
    return {cls: tk.solve(PROBLEM, cls(), est.STEPS, ["residual", "gap"]) for cls in (*METHODS, est.DirectResidual)}


def dense_residuals(model, theta, coefficients):
    x = sum(operator.toarray() for operator in PROBLEM.operators)
    found = []
    for mu, c in zip(theta, coefficients):
        a = sum(value * operator.toarray() for value, operator in zip(mu, PROBLEM.operators))
        r = PROBLEM.load - a @ (c @ model.fields)
        found.append(np.sqrt(r @ np.linalg.solve(x, r)))
    return np.array(found)


def test_the_direct_residual_is_the_dense_one(runs):
    model = runs[est.DirectResidual].state.model.first(4)
    coefficients = model.solve(PROBLEM.test_set)[0]
    expected = dense_residuals(model, PROBLEM.test_set, coefficients)
    np.testing.assert_allclose(expansions.directly(PROBLEM, model, PROBLEM.test_set, coefficients), expected, rtol=1e-9)


@pytest.mark.parametrize("cls", METHODS)
def test_all_agree_while_the_residual_is_large(runs, cls):
    early = runs[cls].history["unknowns"] <= 5
    assert np.all(runs[cls].history["gap"][early] < 1e-11)


def test_the_squared_residual_is_linear_in_the_monomials(runs):
    model = runs[est.DirectResidual].state.model.first(3)
    theta = PROBLEM.drawn(200, 1)
    coefficients = model.solve(theta)[0]
    x, squares = (
        expansions.monomials(theta, coefficients),
        expansions.directly(PROBLEM, model, theta, coefficients) ** 2,
    )
    assert x.shape == (200, 55)
    fit = np.linalg.lstsq(x, squares, rcond=None)[0]
    np.testing.assert_allclose(x @ fit, squares, atol=1e-12 * squares.max())


def test_the_expanded_estimate_stalls_at_the_root_of_the_unit_roundoff(runs):
    history = runs[est.ExpandedEstimate].history
    assert history["residual"][-1] < 1e-9
    assert 0.01 * np.sqrt(EPS) < history["estimate"][-1] < 20 * np.sqrt(EPS)


@pytest.mark.parametrize("cls", METHODS[1:])
def test_the_others_follow_far_below_it(runs, cls):
    history = runs[cls].history
    small = history["residual"] < 1e-9
    assert small.any()
    ratio = history["estimate"][small] / history["residual"][small]
    assert np.all((ratio > 0.1) & (ratio < 10))


def test_interpolation_needs_fewer_residuals_than_the_correction(runs):
    few, many = (runs[cls].history["precomputed"] for cls in (est.InterpolatedEstimate, est.CorrectedEstimate))
    assert np.all(few <= many) and few[-1] < 0.3 * many[-1]


def test_the_basis_is_the_same_under_all_of_them(runs):
    fields = [run.state.model.fields for run in runs.values()]
    for other in fields[1:]:
        np.testing.assert_array_equal(fields[0], other)


def test_many_blocks_are_refused_in_words():
    assert "three blocks" in est.CorrectedEstimate().suits(ThermalBlock())


@pytest.mark.parametrize("dimension", [1, 3, 6, 10, 14])
@pytest.mark.parametrize("cls", (*METHODS, est.DirectResidual))
def test_no_promise_is_broken_at_another_dimension(cls, dimension):
    """Nothing is said of the stall before the residual is where it shows."""
    for claim in cls(dimension=dimension).claims(PROBLEM):
        verdict = tk.check(claim, PROBLEM, cls(dimension=dimension))
        assert verdict.holds is (None if claim.measure == "blind" and dimension < 11 else True), (claim.title, verdict)


@pytest.mark.parametrize("contrast", [2.0, 100.0, 1000.0])
@pytest.mark.parametrize("cls", METHODS)
def test_nor_at_another_contrast(cls, contrast):
    problem, method = PROBLEM.turned(contrast=contrast), cls(dimension=14)
    for claim in method.claims(problem):
        assert tk.check(claim, problem, method).holds is not False, claim.title


def test_interpolated_residuals_are_seen_beside_those_they_are_made_from():
    """Tests whose residuals are far below those of the pool: what is interpolated from these cannot see them."""
    about = dict(columns=3, rows=1, n=11, tests=6, training=16, contrast=13.4)
    problem, method = ThermalBlock(**about, seed=2118426313), est.InterpolatedEstimate()
    (claim,) = method.claims(problem)
    run = next(iter(claim.runs(problem, method))).finish()
    assert claim.verdict([run]).holds
    far = np.max(np.abs(run.state.estimates - run.state.truth))
    assert far < 0.1 * run.state.source and not method.claims(problem.turned(contrast=500.0))


def test_the_level_of_the_expanded_residual_is_promised_up_to_a_contrast_of_100():
    """At a contrast of 1000 it lies at 6e-7, twice what twenty √ε are: the terms that cancel grow with the contrast."""
    problem, method = ThermalBlock(columns=3, rows=1, n=16, contrast=1000.0, seed=918713601), est.ExpandedEstimate()
    titles = [[one.title for one in method.claims(problem.turned(contrast=c))] for c in (100.0, 1000.0)]
    assert [any("level of √ε" in one for one in found) for found in titles] == [True, False]
