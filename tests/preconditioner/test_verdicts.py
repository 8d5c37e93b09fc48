"""The verdict beside a curve, from the first step to the last: never red on the way of a sound method."""

import numpy as np
import pytest
import scipy.sparse as sp
from stages import on_the_way

import toolkit as tk
from toolkit.core.probe import Every
from toolkit.preconditioner import SOR, ChebyshevIteration, Jacobi, Poisson, system
from toolkit.preconditioner.systems.problems import LinearSystem

LAB = tk.lab("preconditioner")
LINEAR = [one.name for one in LAB.experiments if isinstance(one.problem, LinearSystem)]


def told(claim, run) -> list:
    """The verdicts on a run as it grew, without repetitions."""
    found = []
    for stage in on_the_way(run):
        held = claim.verdict((stage,)).holds
        found += [held] if not found or held is not found[-1] else []
    return found


def watched(problem, method, stop):
    claims = [claim for claim in method.claims(problem) if claim.while_running]
    known = {one.name: one for one in (*problem.measures(), *method.measures(problem))}
    names = dict.fromkeys(claim.about for claim in claims if claim.about not in method.monitors)
    return claims, tk.solve(problem, method, stop, [tk.Probe(known[name], Every(1)) for name in names if name in known])


@pytest.mark.parametrize("name", LINEAR)
def test_no_verdict_of_an_experiment_turns_from_red_to_green(name):
    """Record by record. What is red in mid-run stays red, and no sound method ends so."""
    experiment = LAB.experiment(name)
    stop = (experiment.stop or tk.Stop()).turned(seconds=1.5)
    for method in experiment.methods:
        claims, run = watched(experiment.problem, method, stop)
        for claim in claims:
            assert False not in told(claim, run), f"{method.label()}: {claim.title}"


@pytest.mark.parametrize("method", [Jacobi(), SOR()])
@pytest.mark.parametrize("n", [8, 16, 32])
def test_relaxation_is_open_until_its_window_is_full(method, n):
    """Jacobi's damped modes and Young's defective eigenvalue look like other factors on the way."""
    claims, run = watched(Poisson(n=n), method, tk.Stop(rtol=1e-10, steps=20_000))
    for claim in claims:
        assert told(claim, run) == [None, True]


def beam(elements: int = 4, stiffness: float = 0.78544, length: float = 1 / 40):
    """A beam held at its ends, in bending, tension and torsion: LFAT5 of the SuiteSparse collection, reordered."""
    bending = np.array([[12, -6, 12, 6], [-6, 4, 6, 2], [12, 6, 12, 6], [6, 2, 6, 4]], dtype=float)
    bending *= np.array([[1, 1, -1, -1], [1, 1, 1, 1], [-1, 1, 1, 1], [-1, 1, 1, 1]])
    scale = np.array([1 / length, 1, 1 / length, 1])
    size, n = elements + 1, 2 * (elements + 1)
    whole = np.zeros((n, n))
    for i in range(elements):
        at = slice(2 * i, 2 * i + 4)
        whole[at, at] += stiffness / 2 * scale[:, None] * bending * scale
    chain = np.diag(np.full(elements - 1, 2.0)) - np.eye(elements - 1, k=1) - np.eye(elements - 1, k=-1)
    inner = [1, *range(2, 2 * size - 2), 2 * size - 1]  # both ends turn, and do not move
    return sp.csr_array(sp.block_diag((whole[np.ix_(inner, inner)], 6283200.0 * chain, 0.3044028 * chain)))


@pytest.mark.parametrize("matrix", [sp.diags_array(np.geomspace(1, 1e8, 40)).tocsr(), beam()], ids=["1e8", "beam"])
def test_chebyshev_is_open_where_its_budget_ends_before_the_asymptotic_range(matrix):
    """Over 5000 steps the exact 1/T_k has another slope than (√κ − 1)/(√κ + 1): no breach, and told so."""
    problem, method = system(matrix, np.ones(matrix.shape[0]), definite=True), ChebyshevIteration()
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is not False, f"{claim.title}: {verdict}"
        if claim.kind == "rate":
            assert verdict.holds is None and "asymptotic" in verdict.why and "more steps" in verdict.why
