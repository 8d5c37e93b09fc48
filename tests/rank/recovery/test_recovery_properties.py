"""Whatever there is to recover (rank one, full rank, hardly any data, gross errors): a run ends in words."""

import numpy as np
import pytest
from given import looked
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.rank.recovery.completion import Completion, PhotographHoles
from toolkit.rank.recovery.problems import GaussianSensing
from toolkit.rank.recovery.scaled_descent import ScaledPair

LAB = tk.lab("rank")
FEW = settings(max_examples=6, deadline=None, derandomize=True)


def solving(problem):
    """The methods that recover such a problem."""
    return {name: cls for name, cls in LAB.methods().items() if cls.problems and isinstance(problem, cls.problems)}


def race(problem, steps=15):
    """Every method that suits, looked at from all sides; what it holds has the shape of the truth, or is blown up."""
    assert solving(problem)
    for cls in solving(problem).values():
        method = cls()
        if method.suits(problem):
            continue
        run = looked(problem, method, steps, LAB.pictures)
        found = np.asarray(run.state.solution())
        assert run.status.kind in ("diverged", "non-finite", "breakdown") or np.isfinite(found).all()
        assert found.shape == problem.truth.shape


@FEW
@given(
    side=st.integers(6, 12),
    rank=st.integers(1, 4),
    width=st.sampled_from([0, 1, 3, 6, 40]),
    samples=st.floats(1.0, 10.0),
    condition=st.sampled_from([1.0, 30.0, 1000.0]),
    design=st.sampled_from(["Gaussian", "all entries"]),
    noise=st.sampled_from([0.0, 1.0]),
    outliers=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 99),
)
def test_sensing_ends_in_words(**knobs):
    race(GaussianSensing(**knobs))


@FEW
@given(
    rows=st.integers(10, 16),
    columns=st.integers(10, 16),
    rank=st.integers(1, 10),
    width=st.sampled_from([0, 1, 10, 40]),
    share=st.sampled_from([0.05, 0.3, 1.0]),
    condition=st.sampled_from([1.0, 1000.0]),
    noise=st.sampled_from([0.0, 2.0]),
    seed=st.integers(0, 99),
)
def test_completion_ends_in_words(**knobs):
    """From one entry in twenty to all of them; from rank one to full rank."""
    race(Completion(**knobs))


@pytest.mark.parametrize("knobs", [dict(share=0.1), dict(share=1.0), dict(scratches=30), dict(width=40)], ids=str)
def test_photographs_with_holes_end_in_words(knobs):
    race(PhotographHoles(every=16, **knobs), 6)


@pytest.mark.parametrize("rank", [1, 10])
def test_with_all_entries_and_as_many_columns_it_is_recovered(rank):
    """Alternating minimisation and scaled descent, rank one and full rank, nothing missing."""
    problem = Completion(rows=10, columns=10, rank=rank, share=1.0)
    for name in ("alt_min", "scaled_pair"):
        run = tk.solve(problem, LAB.methods()[name](), tk.Stop(measure="error", rtol=0.0, atol=1e-6, steps=400))
        assert run.status.kind == "converged" and run.history["error"][-1] <= 1e-6, (name, run.status)


def test_more_measurements_than_the_matrix_has_entries_are_no_trouble():
    race(GaussianSensing(side=6, rank=4, samples=40.0))


@pytest.mark.parametrize("knobs", [dict(rank=0), dict(rank=5), dict(side=5), dict(samples=0.5), dict(outliers=0.9)])
def test_what_cannot_be_sensed_is_refused_by_name(knobs):
    with pytest.raises(tk.KnobError, match=f"GaussianSensing.{next(iter(knobs))} = "):
        GaussianSensing(**knobs)


def test_columns_that_have_died_end_in_a_status():
    few = Completion(rows=10, columns=11, rank=3, width=10, share=0.05, condition=1000, seed=1)
    with np.errstate(all="ignore"):
        run = tk.solve(few, ScaledPair(), tk.Stop(rtol=0.0, steps=500))
    assert run.status.kind in ("diverged", "stagnated", "budget") and run.status.cause
