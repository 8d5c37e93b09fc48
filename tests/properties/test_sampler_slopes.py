"""Orders on the way to their range: what is settled is decided, what is not stays open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.core.claim import Order
from toolkit.sampler.deterministic import EulerSampler, HeunSampler
from toolkit.sampler.mixtures import GaussianFlow, PlaneMixture
from toolkit.sampler.sampler import THROUGH
from toolkit.sampler.slopes import SettledOrder

N = np.array([64.0, 128.0, 256.0, 512.0])
ORDERS, SIZES = st.integers(1, 4), st.floats(1e-3, 1e3)


def promised(p, kind=SettledOrder):
    return kind(measure="final_error", p=p, over="steps", values=tuple(N), source="hairer1993", stop=THROUGH)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(ORDERS, st.floats(-0.9, 4.9), SIZES)
def test_a_power_law_is_judged_as_ever_unless_it_is_steeper(p, slope, size):
    errors = size * (N / 64) ** -slope
    plain, settled = (promised(p, kind).decide(N, errors) for kind in (Order, SettledOrder))
    if plain.holds or slope < p:
        assert settled == plain
    else:
        assert settled.holds is None and "higher order" in settled.why


@settings(max_examples=25, derandomize=True, deadline=None)
@given(ORDERS, SIZES, st.floats(30.0, 3000.0), st.integers(1, 3))
def test_on_the_way_to_the_promised_order_nothing_is_broken(p, size, knee, lower):
    """C N^−p/(1 + (K/N)^q): the slope grows from p − q to p; it is never called broken while it still moves."""
    errors = 1e4 * size * (N / 64) ** (-float(p)) / (1 + (knee / N) ** lower)
    verdict = promised(p).decide(N, errors)
    local = -np.diff(np.log(errors)) / np.diff(np.log(N))
    if verdict.holds is False:
        assert local[-1] < p - 0.15 and abs(local[-1] - local[-2]) <= 0.15
    else:
        assert verdict.holds is True or "asymptotic" in verdict.why


def test_a_rung_that_fails_is_still_a_failure():
    assert promised(2).decide(N, np.array([1e-2, 1e-3, np.nan, 1e-4])).holds is False
    assert promised(2).decide(N, np.array([1e-2, 1e-3, 1e-4, 0.0])).holds is False


def test_rounding_decides_nothing():
    assert "rounding" in promised(2).decide(N, np.array([3e-14, 2e-14, 4e-14, 2e-14])).why


def test_a_wrong_order_is_found_out_on_a_smooth_law():
    """Euler's rule sold as one of order two."""
    problem = GaussianFlow(particles=16)
    (claim,) = HeunSampler().claims(problem)
    assert tk.check(claim, problem, HeunSampler()).holds is True
    assert tk.check(claim, problem, EulerSampler()).holds is False


@pytest.mark.parametrize("method", [EulerSampler(), HeunSampler()])
def test_between_many_modes_the_question_stays_open(method):
    """A spiral of narrow modes: at these steps the slope has not settled, and the verdict says that."""
    problem = PlaneMixture(particles=64, shape="spiral", schedule="VE", components=32)
    (claim,) = method.claims(problem)
    verdict = tk.check(claim, problem, method)
    assert verdict.holds is not False and (verdict.holds or "asymptotic" in verdict.why)
