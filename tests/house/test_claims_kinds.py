"""A claim says itself which runs decide it, what it makes of them and what a table shows; a check is one iterator."""

import numpy as np
import pytest
from toys import Chance, Contraction, Jitter, Poisoned, Unbuildable, Zero

import toolkit as tk
from toolkit.core import claim as before
from toolkit.core import study
from toolkit.core.claims import Observed, factor_of
from toolkit.core.probe import Every

ABOUT = dict(source="saad2003", title="a promise")
HALF = Contraction(factor=0.5)
SHORT = tk.Stop(rtol=0.0, steps=12)
KINDS = [
    tk.Bound(measure="error", curve=lambda k, v: v[0] * 0.5**k, **ABOUT),
    tk.Rate(measure="error", factor=0.5, **ABOUT),
    tk.Exact(measure="error", tol=1e-9, **ABOUT),
    tk.Order(measure="error", p=3.0, over="factor", values=(0.1, 0.2, 0.4), growing=True, **ABOUT),
    tk.Flat(over="n", values=(2, 8, 32), **ABOUT),
    tk.Beats(other=Contraction(factor=0.6), **ABOUT),
]
CROWD = tk.Crowd(claim=tk.Exact(measure="error", tol=1.0, stop=SHORT, **ABOUT), seeds=8)
LONG = tk.Bound(measure="residual", curve=lambda k, v: 2 + 0 * k, stop=tk.Stop(rtol=0.0, steps=400_000), **ABOUT)


# -- the runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [*KINDS, CROWD], ids=lambda claim: claim.kind)
def test_a_claim_makes_the_runs_that_decide_it(claim):
    """None of them begun, as many as it says, under its own stopping rule, with a look at every step."""
    problem, method = Chance(n=2), Jitter()
    runs = list(claim.runs(problem, method))
    assert len(runs) == claim.size == len(claim.pairs(problem, method))
    assert all(run.state is None and not run.status.done and run.stop == claim.stop for run in runs)
    assert claim.while_running is (len(runs) == 1)
    for run in runs:
        assert claim.about in run.history
        assert all(probe.cadence == Every(1) for probe in run.probes)


@pytest.mark.parametrize("claim", [*KINDS, CROWD], ids=lambda claim: claim.kind)
def test_the_verdict_on_the_runs_of_a_claim_is_that_of_the_check(claim):
    problem, method = Chance(n=2), Jitter(spread=0.01)
    assert claim.verdict([run.finish() for run in claim.runs(problem, method)]) == tk.check(claim, problem, method)


def test_what_the_stopping_rule_looks_at_is_measured_too():
    claim = tk.Rate(measure="residual", factor=0.5, stop=tk.Stop("error", rtol=1e-6), **ABOUT)
    (run,) = claim.runs(Zero(), HALF)
    assert [probe.name for probe in run.probes] == ["error"] and run.finish().k == 20


def test_a_ladder_sets_its_knob_on_whoever_has_it():
    over_problem, over_method = KINDS[4], KINDS[3]
    assert [problem.n for problem, _ in over_problem.pairs(Zero(), HALF)] == [2, 8, 32]
    assert [method.factor for _, method in over_method.pairs(Zero(), HALF)] == [0.1, 0.2, 0.4]
    lost = tk.Flat(over="nothing", values=(1,), **ABOUT)
    with pytest.raises(tk.KnobError, match="nothing"):
        tk.check(lost, Zero(), HALF)


def test_a_race_may_stand_on_a_problem_of_its_own():
    claim = tk.Beats(other=Contraction(factor=0.6), on=Zero(n=9), **ABOUT)
    assert [(problem.n, method.factor) for problem, method in claim.pairs(Zero(), HALF)] == [(9, 0.5), (9, 0.6)]


# -- the verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", KINDS[:3], ids=lambda claim: claim.kind)
def test_a_claim_about_one_run_is_judged_while_that_grows(claim):
    (run,) = claim.runs(Zero(), HALF)
    assert claim.verdict((run.step(0),)).holds is None
    assert claim.verdict((run.finish(),)).holds is True
    assert tk.judge(claim, run) == claim.verdict((run,))


@pytest.mark.parametrize("claim", [*KINDS[3:], CROWD], ids=lambda claim: claim.kind)
def test_a_claim_about_several_runs_waits_for_them(claim):
    problem, method = Chance(n=2), Jitter()
    runs = list(claim.runs(problem, method))
    assert claim.verdict(runs) == claim.verdict(runs[1:]) == claim.waiting
    assert tk.judge(claim, runs[0]) == claim.waiting and claim.evidence in claim.waiting.why


def test_what_was_not_measured_or_is_not_finite():
    run = tk.solve(Zero(), HALF)
    assert "not measured" in KINDS[1].verdict((run,)).why
    poisoned = tk.solve(Zero(), Poisoned(), probes=("error",))
    assert KINDS[0].verdict((poisoned,)).holds is False


def test_a_run_that_ends_too_soon_leaves_a_claim_open():
    """Three steps tell no factor. The verdict says what it needs and how the run ended, and does not count as held."""
    claim = tk.Rate(measure="error", factor=0.5, stop=tk.Stop(steps=3), **ABOUT)
    verdict = tk.check(claim, Zero(), HALF)
    assert verdict.holds is None
    assert "five steps" in verdict.why and "ended at step 3" in verdict.why and "steps are spent" in verdict.why


def test_a_run_that_cannot_start_leaves_a_claim_open():
    verdict = tk.check(KINDS[1], Zero(), Unbuildable())
    assert verdict.holds is None and "pivot 3 is zero" in verdict.why and "reorder" in verdict.why


def test_a_breakdown_in_mid_run_breaks_a_claim():
    class Breaking(Contraction):
        def step(self, problem, state):
            raise tk.Breakdown("pivot 7 is zero")

    assert tk.check(KINDS[1], Zero(), Breaking()) == tk.Verdict(False, why="pivot 7 is zero")


# -- one iterator -----------------------------------------------------------------------------------------------------


def test_a_check_goes_on_slice_by_slice_to_the_verdict_of_the_library():
    claim = KINDS[4]
    seen = list(study.checking(claim, Zero(), HALF, 1e-4))
    assert [one.at for one in seen] == sorted(one.at for one in seen) and {one.of for one in seen} == {3}
    assert all(one.verdict is None for one in seen[:-1]) and seen[-1].verdict == tk.check(claim, Zero(), HALF)


def test_nothing_runs_between_two_slices():
    """Who stops asking has cancelled: the run stays where it is, and the rest is not begun."""
    made = []

    class Telling(type(LONG)):
        def runs(self, problem, method):
            for run in super().runs(problem, method):
                made.append(run)
                yield run

    claim = Telling(measure="residual", curve=LONG.curve, stop=LONG.stop, **ABOUT)
    steps = study.checking(claim, Zero(), Contraction(factor=1.0), 1e-3)
    assert not made
    for _ in range(3):
        assert next(steps).verdict is None
    k = made[0].k
    assert 0 < k < 400_000
    steps.close()
    assert made[0].k == k and list(steps) == [] and len(made) == 1


def test_a_slice_is_as_long_as_was_asked_for():
    """A check of many seconds yields after some hundredths of one."""
    steps = study.checking(LONG, Zero(), Contraction(factor=1.0), 0.01)
    next(steps)
    first = next(steps)
    assert first.verdict is None and (first.at, first.of) == (1, 1)


# -- the table --------------------------------------------------------------------------------------------------------


def shown(claim, method=HALF):
    return claim.observed(tk.solve(Zero(), method, SHORT, [tk.Probe(Zero().measures()[0], Every(1))]).history)


def test_a_table_shows_factors_a_step():
    assert shown(KINDS[1]) == Observed(pytest.approx(0.5), 0.5)
    falling = tk.Bound(measure="error", curve=lambda k, v: 3 * 0.7**k, **ABOUT)
    assert shown(falling) == Observed(pytest.approx(0.5), pytest.approx(0.7))
    assert shown(tk.monotone("error", **ABOUT)) is None  # the measured curve again, a step later
    assert shown(tk.Bound(measure="error", curve=lambda k, v: 0 * k + 1, **ABOUT)) is None


def test_a_table_shows_orders():
    history = tk.History(("unknowns",), ("error",))
    unknowns = 4.0 ** np.arange(1, 7)
    history.append(k=np.arange(6.0), unknowns=unknowns, error=unknowns**-1.5)
    along = tk.Order(measure="error", p=2.0, over="unknowns", **ABOUT)
    assert along.observed(history) == Observed(pytest.approx(1.5), 2.0, order=True)
    ladder = shown(KINDS[3])
    assert np.isnan(ladder.observed) and (ladder.promised, ladder.order) == (3.0, True)


@pytest.mark.parametrize("claim", [KINDS[2], KINDS[4], KINDS[5], CROWD], ids=lambda claim: claim.kind)
def test_other_kinds_have_no_figure_of_a_run(claim):
    assert shown(claim) is None


def test_a_factor_is_fitted_only_where_there_is_one():
    history = tk.History((), ("error",))
    history.append(k=np.arange(21.0), error=np.r_[0.5 ** np.arange(20.0), np.inf])
    assert np.isnan(factor_of(history, "error")) and np.isnan(factor_of(history, "nothing"))
    history.truncate(20)
    assert factor_of(history, "error") == pytest.approx(0.5)


# -- the curves -------------------------------------------------------------------------------------------------------


def test_a_line_of_its_own_is_not_the_measured_one_again():
    run = tk.solve(Zero(), HALF, SHORT, [tk.Probe(Zero().measures()[0], Every(1))])
    assert tk.monotone("error", **ABOUT).drawn(run.history) is None
    assert KINDS[0].drawn(run.history) is None  # as sharp as can be: on the measured one
    above = tk.Bound(measure="error", curve=lambda k, v: 3 * 0.5**k, **ABOUT)
    np.testing.assert_array_equal(above.drawn(run.history)[1], above.overlay(run.history)[1])
    np.testing.assert_array_equal(KINDS[1].drawn(run.history)[1], KINDS[1].overlay(run.history)[1])


def test_the_old_module_has_the_same_classes():
    assert before.Bound is tk.Bound and before.Crowd is tk.Crowd and before.monotone is tk.monotone


def test_a_slope_over_two_settings_decides_nothing():
    """A knob turned on the way: one factor cannot be fitted to both stretches; a bound is judged as before."""
    problem, method = Zero(), Contraction(factor=0.5)
    rate = tk.Rate(measure="residual", factor=0.5, **ABOUT)
    bound = tk.Bound(measure="residual", curve=lambda k, v: v[0] * 0.5**k, **ABOUT)
    run = tk.Run(problem, method, SHORT).step(6).turn(factor=0.9).finish()
    assert tk.judge(rate, run).holds is None and "a knob was turned at step 6" in tk.judge(rate, run).why
    assert tk.judge(bound, run).holds is False
    from_the_start = tk.Run(problem, Contraction(factor=0.9), SHORT).turn(factor=0.5).finish()
    assert tk.judge(rate, from_the_start).holds is not None
