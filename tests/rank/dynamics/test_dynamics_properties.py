"""Whatever the flow, the shape and the rank: the factors stay orthonormal, and the rank is what was asked for."""

from dataclasses import dataclass

import numpy as np
import pytest
from given import looked
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.rank.dynamics.basis_update import AugmentedBug, Bug, ParallelBug
from toolkit.rank.dynamics.problems import MatrixFlow, PlantedFlow
from toolkit.rank.dynamics.projector_splitting import ProjectorSplitting

FEW = settings(max_examples=15, deadline=None, derandomize=True)
FIXED = (Bug, ProjectorSplitting)
ADAPTIVE = (AugmentedBug, ParallelBug)
PICTURES = tk.lab("rank").pictures


@dataclass(frozen=True, eq=False)
class GivenFlow(MatrixFlow):
    """Y′ = X′(t) of X(t) = X₀ + t X₁ + t² X₂."""

    parts: tuple = ()
    end: float = 1.0
    stiffness: float = 1.0

    @property
    def initial(self):
        return self.parts[0]

    def reference(self, t):
        return sum(t**i * part for i, part in enumerate(self.parts))

    def given(self, t):
        return self.reference(t)


@st.composite
def flows(draw):
    """Matrices of 1 to 9 rows and columns whose parts have any rank, zero too."""
    m, n = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    ranks = [draw(st.integers(0, min(m, n))) for _ in range(3)]
    scale = 10.0 ** draw(st.integers(-3, 3))
    return GivenFlow(tuple(scale * rng.standard_normal((m, r)) @ rng.standard_normal((r, n)) for r in ranks))


def assert_orthonormal(state):
    for basis in (state.u, state.v):
        np.testing.assert_allclose(basis.conj().T @ basis, np.eye(basis.shape[1]), atol=1e-12)


@pytest.mark.parametrize("method", FIXED, ids=lambda cls: cls.title)
@FEW
@given(problem=flows(), rank=st.integers(1, 12))
def test_a_fixed_rank_is_kept_and_full_rank_reproduces_what_is_given(method, problem, rank):
    run = looked(problem, method(steps=5, rank=rank), 10, PICTURES)
    least = min(problem.initial.shape)
    assert run.status.kind == "converged" and set(run.history["rank"]) == {min(rank, least)}
    assert run.state.s.shape == (min(rank, least),) * 2
    assert_orthonormal(run.state)
    if rank >= least:
        end = problem.reference(1.0)
        np.testing.assert_allclose(run.solution(), end, atol=1e-11 * max(np.abs(p).max() for p in problem.parts))


@pytest.mark.parametrize("method", ADAPTIVE, ids=lambda cls: cls.title)
@FEW
@given(problem=flows(), most=st.integers(1, 12), tolerance=st.sampled_from([1e-14, 1e-6, 1e-2, 1.0]))
def test_an_adaptive_rank_stays_between_one_and_the_most(method, problem, most, tolerance):
    run = looked(problem, method(steps=5, most=most, tolerance=tolerance), 10, PICTURES)
    assert run.status.kind == "converged"
    assert run.history["rank"].min() >= 1 and run.history["rank"].max() <= min(most, *problem.initial.shape)
    assert_orthonormal(run.state)
    if method is AugmentedBug and run.history["rank"].min() == min(problem.initial.shape):
        rest = np.linalg.norm(run.solution() - problem.reference(1.0))
        assert rest <= 6 * tolerance + 1e-10 * max(np.linalg.norm(part) for part in problem.parts)


@pytest.mark.parametrize("method", (*FIXED, *ADAPTIVE), ids=lambda cls: cls.title)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 2)], ids=str)
def test_zero_stays_zero(method, shape):
    run = looked(GivenFlow((np.zeros(shape),)), method(steps=4), 9, PICTURES)
    assert run.status.kind == "converged" and np.all(run.solution() == 0)
    assert_orthonormal(run.state)


@pytest.mark.parametrize("method", (*FIXED, *ADAPTIVE), ids=lambda cls: cls.title)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    n=st.integers(8, 16),
    planted=st.integers(1, 8),
    sigma=st.floats(1e-14, 1.0),
    epsilon=st.sampled_from([0.0, 1e-6, 0.1]),
    seed=st.integers(0, 99),
)
def test_planted_flows_keep_their_bases_orthonormal(method, n, planted, sigma, epsilon, seed):
    problem = PlantedFlow(n=n, rank=planted, sigma_min=sigma, epsilon=epsilon, seed=seed, end=0.3)
    rank = {"rank": planted} if method in FIXED else {"most": 2 * planted}
    run = looked(problem, method(steps=12, **rank), 20)
    assert run.status.kind == "converged"
    assert_orthonormal(run.state)
    assert run.history["rank"].max() <= 2 * planted
    if epsilon <= 1e-6:  # of rank `planted`, up to ε: h times a constant is left, and twelve truncations by 1e-6
        end = problem.reference(0.3)
        assert np.linalg.norm(run.solution() - end) <= 0.1 * np.linalg.norm(end) + 2e-5
