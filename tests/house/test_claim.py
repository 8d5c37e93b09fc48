"""Each kind of claim holds where it should and fails where it should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Contraction, Poisoned, Zero

import toolkit as tk
from toolkit.cli import promises
from toolkit.core.claims import stretches

ABOUT = dict(source="saad2003", title="a promise")
HALF = Contraction(factor=0.5)


def test_a_method_that_ends_at_its_own_last_term_has_not_arrived():
    """What it says of itself, converged, is not the tolerance that was asked for."""

    class Ending(Contraction):
        def step(self, problem, state):
            state = Contraction.step(self, problem, state)
            if state.k == 3:
                state.status = tk.Status("converged", "the last term is there", "")
            return state

    race = tk.Beats(measure="matvecs", other=HALF, stop=tk.Stop(rtol=1e-6), **ABOUT)
    verdict = tk.check(race, Zero(), Ending())
    assert verdict.holds is None and "needs a larger budget" in verdict.why
    assert (
        tk.check(tk.Beats(measure="matvecs", other=HALF, stop=tk.Stop(rtol=0.2), **ABOUT), Zero(), Ending()).holds
        is True
    )


@pytest.mark.parametrize(
    "claim, holds",
    [
        (tk.Bound(measure="error", curve=lambda k, v: v[0] * 0.5**k, **ABOUT), True),
        (tk.Bound(measure="error", curve=lambda k, v: v[0] * 0.49**k, **ABOUT), False),
        (tk.Bound(measure="error", curve=lambda k, v: v[0] * 0.49**k, floor=1.0, **ABOUT), True),
        (tk.monotone("error", **ABOUT), True),
        (tk.Rate(measure="error", factor=0.5, sharp=True, **ABOUT), True),
        (tk.Rate(measure="error", factor=0.6, **ABOUT), True),
        (tk.Rate(measure="error", factor=0.6, sharp=True, **ABOUT), False),
        (tk.Rate(measure="error", factor=0.4, **ABOUT), False),
        (tk.Exact(measure="error", tol=1e-9, **ABOUT), True),
        (tk.Exact(measure="error", tol=1e-20, **ABOUT), False),
        (tk.Exact(measure="error", tol=1.0, always=True, **ABOUT), True),
        (tk.Exact(measure="error", tol=0.9, always=True, **ABOUT), False),
        (tk.Flat(over="n", values=(2, 8, 32), **ABOUT), True),
        (tk.Flat(over="factor", values=(0.1, 0.5, 0.9), **ABOUT), False),
        (tk.Beats(other=Contraction(factor=0.6), **ABOUT), True),
        (tk.Beats(other=Contraction(factor=0.4), **ABOUT), False),
        (tk.Beats(other=Contraction(factor=2.0), factor=0.1, **ABOUT), True),
        (tk.Beats(other=Contraction(), on=Zero(n=2), factor=0.9, **ABOUT), False),
    ],
)
def test_claims_hold_and_fail(claim, holds):
    verdict = tk.check(claim, Zero(), HALF)
    assert verdict.holds is holds and verdict.why


def test_monotone_fails_on_growth():
    stop = tk.Stop(steps=10)
    verdict = tk.check(tk.monotone("error", stop=stop, **ABOUT), Zero(), Contraction(factor=1.1))
    assert verdict.holds is False and "step" in verdict.why


@pytest.mark.parametrize("p, holds", [(2.0, True), (2.1, True), (2.3, False), (1.7, False)])
def test_order_is_the_slope_of_a_ladder(p, holds):
    h = np.array([8.0, 16.0, 32.0, 64.0])
    claim = tk.Order(measure="error", p=p, over="n", values=(8, 16, 32, 64), **ABOUT)
    verdict = claim.decide(h, 3.0 * h**-2.0)
    assert verdict.holds is holds and verdict.measured == pytest.approx(2.0)
    assert tk.Order(measure="error", p=1.0, over="n", values=(), at_least=True, **ABOUT).decide(h, h**-2.0).holds
    assert tk.Order(measure="error", p=2.0, over="n", values=(), growing=True, **ABOUT).decide(h, h**2.0).holds


@pytest.mark.parametrize("p, holds", [(1.5, True), (1.0, False), (2.0, False)])
def test_order_is_the_slope_along_a_run_that_refines(p, holds):
    """error = unknowns^(−3/2), but for a wild first row and a floor of rounding at the end."""
    history = tk.History(("unknowns",), ("error",))
    unknowns = 4.0 ** np.arange(1, 9)
    error = np.where(unknowns > 2**14, 1e-9, unknowns**-1.5)
    error[0] = 7.0
    history.append(k=np.arange(8.0), unknowns=unknowns, error=error)
    claim = tk.Order(measure="error", p=p, over="unknowns", skip=1, floor=2e-9, **ABOUT)
    verdict = claim.judge(history)
    assert claim.while_running and verdict.holds is holds and verdict.measured == pytest.approx(1.5)
    assert [x for x, _ in verdict.points] == [16, 64, 256, 1024, 4096, 16384]
    _, promised = claim.overlay(history)
    assert promised[5] == pytest.approx(error[6] * 4.0**p) and promised[6] == pytest.approx(error[6])


def test_an_order_along_a_run_waits_for_three_rows():
    history = tk.History(("unknowns",), ("error",))
    history.append(k=np.arange(2.0), unknowns=np.array([4.0, 8.0]), error=np.array([1.0, 0.5]))
    assert tk.Order(measure="error", p=1.0, over="unknowns", **ABOUT).judge(history).holds is None
    assert "not recorded" in tk.Order(measure="error", p=1.0, over="h", **ABOUT).judge(history).why


def test_an_order_needs_every_rung():
    claim = tk.Order(measure="error", p=1.0, over="factor", values=(0.5, 3.0), **ABOUT)
    assert tk.check(claim, Zero(), HALF).holds is False


# -- an order is a statement about the end of a ladder ---------------------------------------------------------------

N = np.array([64.0, 128.0, 256.0, 512.0])
ORDERS, SIZES = st.integers(1, 4), st.floats(1e-3, 1e3)


def order(p, **about):
    return tk.Order(measure="error", p=p, over="n", values=tuple(N), **ABOUT, **about)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(ORDERS, st.floats(-0.9, 4.9), SIZES, st.booleans())
def test_a_power_law_is_decided_whatever_its_order(p, slope, size, at_least):
    """On C N^−s a promise is kept for |s − p| ≤ tol, or s ≥ p − tol, and broken otherwise: nothing stays open."""
    near = abs(slope - p) <= 0.15 or (at_least and slope >= p)
    if abs(abs(slope - p) - 0.15) > 1e-9:
        assert order(p, at_least=at_least).decide(N, size * N**-slope).holds is near


@settings(max_examples=50, derandomize=True, deadline=None)
@given(ORDERS, SIZES, st.floats(-2.0, 0.9))
def test_the_way_to_the_promised_order_is_no_breach(p, size, share):
    """C N^−p (1 + a N₀/N): the slope comes to p with corrections that halve; below or above it, that breaks nothing."""
    errors = size * N**-p * (1 + share * (p + 1) / 3 * 64 / N) if share > -0.7 else size * N**-p
    assert order(p, tol=0.1).decide(N, errors).holds is not False


@settings(max_examples=50, derandomize=True, deadline=None)
@given(ORDERS, SIZES, st.floats(0.0, 0.2), st.integers(0, 3))
def test_what_has_settled_on_a_lower_order_is_broken(p, size, share, lower):
    """C N^−q (1 + a N₀/N), q < p: no correction that dies out makes up for a whole order."""
    if lower < p:
        assert order(p).decide(N, size * N**-lower * (1 + share * 64 / N)).holds is False


@pytest.mark.parametrize("results", [[1e-2, 1e-3, np.inf, 1e-4], [1e-2, 1e-3, 1e-4, np.inf]])
def test_a_rung_that_came_to_grief_behind_others_breaks_an_order(results):
    assert order(2).decide(N, np.array(results)).holds is False


def test_rungs_that_decide_nothing_are_left_out():
    """Ended too soon, zero, or come to grief before the others: three that are left decide, two do not."""
    for odd in (np.nan, 0.0):
        assert order(2).decide(N, np.array([16.0, 4.0, 1.0, odd])).holds is True
        assert order(2).decide(N, np.array([16.0, 8.0, 4.0, odd])).holds is False
        assert "rung" in order(2).decide(N, np.array([16.0, 8.0, odd, odd])).why
        assert order(2).decide(N, np.array([16.0, 8.0, odd, odd])).holds is None
    assert order(2).decide(N, np.array([np.inf, 4.0, 1.0, 0.25])).holds is True
    assert order(2).decide(N, np.array([np.inf, 4.0, 2.0, 1.0])).holds is False


def test_what_rounding_decides_is_left_out_of_a_ladder():
    assert "rounding" in order(2, floor=1e-11).decide(N, np.array([3e-10, 2e-14, 4e-14, 2e-14])).why
    assert order(2, floor=1e-11).decide(N, np.array([3e-10, 2e-14, 4e-14, 2e-14])).holds is None
    verdict = order(2, floor=1e-8).decide(N, np.array([16e-6, 4e-6, 1e-6, 9e-9]))
    assert verdict.holds is True and verdict.measured == pytest.approx(2.0) and verdict.window == (64, 256)


def test_a_ladder_may_go_either_way():
    """It goes towards the asymptotic range: steps that shrink say the same as numbers of steps that grow."""
    h, errors = 64 / N, 64 / N + 0.2 * (64 / N) ** 2
    falling = tk.Order(measure="error", p=1.0, over="h", values=tuple(h), growing=True, tol=0.05, **ABOUT)
    assert order(1, tol=0.05).decide(N, errors).holds is falling.decide(h, errors).holds is None
    assert order(3, tol=0.05).decide(N, errors).holds is False
    assert tk.Order(measure="error", p=3.0, over="h", growing=True, **ABOUT).decide(h, errors).holds is False


def test_slopes_of_the_last_two_stretches():
    """One step each on four rungs; a third of the rungs on many, whatever noise lies on single steps."""
    x = np.array([0.0, 1.0, 2.0, 3.0])
    assert stretches(x, np.array([5.0, 1.0, 2.0, 4.0])) == pytest.approx((1.0, 2.0))
    assert stretches(x[::-1], np.array([4.0, 2.0, 1.0, 5.0])) == pytest.approx((1.0, -4.0))
    assert stretches(x[:2], np.array([5.0, 1.0])) == pytest.approx((-4.0, -4.0))
    many = np.linspace(0.0, 1.0, 61)
    y = np.where(many < 2 / 3, many, 2 / 3 + 3 * (many - 2 / 3)) + 1e-3 * (-1.0) ** np.arange(61)
    assert stretches(many, y) == pytest.approx((1.0, 3.0), abs=0.05)
    assert stretches(np.repeat(x, 2), np.repeat(2 * x, 2)) == pytest.approx((2.0, 2.0))


def test_many_rows_with_a_zigzag_on_a_lower_order_are_a_breach():
    """Forty rows of N^−1 with errors that go up and down by a tenth: their steps say nothing, their thirds do."""
    history = tk.History(("unknowns",), ("error",))
    unknowns = np.round(10 * 1.2 ** np.arange(40))
    history.append(k=np.arange(40.0), unknowns=unknowns, error=unknowns**-1.0 * (1 + 0.1 * (-1.0) ** np.arange(40)))
    claim = tk.Order(measure="error", p=2.0, over="unknowns", tol=0.1, **ABOUT)
    assert claim.judge(history).holds is False
    assert tk.Order(measure="error", p=1.0, over="unknowns", tol=0.1, **ABOUT).judge(history).holds is True


def test_an_open_order_is_not_held():
    """What a check leaves open is none of the claims that hold, and the command says so."""
    claim = order(2)
    verdict = claim.decide(N, np.array([1.0, 0.9, 0.5, 0.15]))
    assert verdict.holds is None and "slopes are 0.85 and 1.74" in verdict.why
    row = promises.row(claim, verdict)
    assert row["holds"] is None and "not decided" in row["why"]


def test_verdicts_wait_for_evidence():
    run = tk.Run(Zero(), HALF, probes=("error",)).step(1)
    assert tk.judge(tk.Rate(measure="error", factor=0.5, **ABOUT), run).holds is None
    assert tk.judge(tk.Exact(measure="error", tol=1.0, **ABOUT), run).holds is None
    assert tk.judge(tk.Flat(over="n", values=(1, 2), **ABOUT), run).holds is None
    assert tk.judge(tk.Rate(measure="nothing", factor=0.5, **ABOUT), run).holds is None


def test_overlay_is_what_is_judged():
    run = tk.solve(Zero(), HALF, probes=[tk.Probe(Zero().measures()[0], tk.Every(1))])
    k, promised = tk.Bound(measure="error", curve=lambda k, v: 2 * v[0] * 0.5**k, **ABOUT).overlay(run.history)
    np.testing.assert_allclose(promised, 2 * 0.5**k)
    k, promised = tk.Rate(measure="error", factor=0.5, **ABOUT).overlay(run.history)
    np.testing.assert_allclose(promised, run.history["error"])


def test_a_rate_is_fitted_clear_of_start_and_floor():
    """A transient ten times steeper and a floor at 1e-12 do not spoil the factor."""
    history = tk.History((), ("error",))
    k = np.arange(200.0)
    values = 0.8**k + 1e3 * 0.1**k + 1e-12
    history.append(k=k, error=values)
    verdict = tk.Rate(measure="error", factor=0.8, sharp=True, tol=0.01, **ABOUT).judge(history)
    assert verdict.holds and verdict.measured == pytest.approx(0.8, rel=1e-3)


def test_a_bound_that_is_infinite_somewhere_binds_elsewhere():
    def curve(k, v):
        return np.where(k < 3, np.inf, 0.4**k)

    assert tk.check(tk.Bound(measure="error", curve=curve, **ABOUT), Zero(), HALF).holds is False
    above = tk.Bound(measure="error", curve=lambda k, v: np.where(k < 3, np.inf, 0.5**k), **ABOUT)
    assert tk.check(above, Zero(), HALF).holds is True
    undefined = tk.Bound(measure="error", curve=lambda k, v: np.where(k < 3, np.nan, 1.0), **ABOUT)
    assert tk.check(undefined, Zero(), HALF).holds is False


def test_no_claim_holds_on_a_run_that_is_no_longer_finite():
    claim = tk.Bound(measure="residual", curve=lambda k, v: v[0] + 0 * k, **ABOUT)
    verdict = tk.check(claim, Zero(), Poisoned())
    assert verdict.holds is False and "no longer finite" in verdict.why


def test_an_order_is_measured_on_runs():
    """After three steps the error is the cube of the factor."""
    stop = tk.Stop(steps=3, rtol=0.0)
    claim = tk.Order(measure="error", p=3.0, over="factor", values=(0.1, 0.2, 0.4), growing=True, stop=stop, **ABOUT)
    verdict = tk.check(claim, Zero(), HALF)
    assert verdict.holds is True and verdict.measured == pytest.approx(3.0)


def test_a_claim_about_the_end_waits_for_an_end_of_its_own():
    """After three steps the error is 1/8: no evidence against 1e-9 at the fortieth."""
    claim = tk.Exact(measure="error", tol=1e-9, stop=tk.Stop(rtol=0.0, steps=40), **ABOUT)
    early = tk.solve(Zero(), HALF, tk.Stop(rtol=0.0, steps=3), probes=("error",))
    assert tk.judge(claim, early).holds is None
    late = tk.solve(Zero(), Contraction(factor=0.9), tk.Stop(rtol=0.0, steps=40), probes=("error",))
    assert tk.judge(claim, late).holds is False
