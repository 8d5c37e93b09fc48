"""Statements over seeds: their intervals hold what they say, and a verdict is given only where one lies on one side."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats
from toys import Abreast, Chance, Contraction, Jitter, Lots, Mortal, Zero

import toolkit as tk
from toolkit.core.claims import intervals

TWELVE = tk.Stop(rtol=0.0, steps=12)
ABOUT = dict(source="saad2003", stop=TWELVE)
PROBLEM = Chance(n=2)


def below(times: float, **about) -> tk.Bound:
    """The error at step k is at most `times` 2^−k."""
    return tk.Bound(measure="error", curve=lambda k, v: times * 0.5**k, title="halved", **ABOUT, **about)


def crowd(claim, **about) -> tk.Crowd:
    return tk.Crowd(claim=claim, **{"seeds": 60, **about})


# -- the intervals ----------------------------------------------------------------------------------------------------


def normal(rng, n):
    return rng.standard_normal((n, 1))


def skewed(rng, n):
    return rng.exponential(size=(n, 1))


def walks(rng, n):
    return rng.standard_normal((n, 20)).cumsum(axis=1)


def apart(rng, n):
    return rng.standard_normal((n, 20))


def over_seeds(drawn, level):
    return drawn.mean(axis=1) if level is None else np.quantile(drawn, level, axis=1, method="averaged_inverted_cdf")


@pytest.mark.parametrize(
    "draw, level, truth, n",
    [
        (normal, None, 0.0, 20),
        (skewed, None, 1.0, 80),
        (normal, 0.5, 0.0, 40),
        (skewed, 0.9, stats.expon.ppf(0.9), 120),
        (walks, None, 0.0, 40),
        (apart, None, 0.0, 40),
    ],
    ids=["mean", "mean of skewed", "median", "quantile", "band of walks", "band of noise"],
)
def test_intervals_hold_the_truth_in_ninety_five_of_a_hundred(monkeypatch, draw, level, truth, n):
    """A thousand samples: the frequency itself is known to ± 0.7 %, so that ± 2 % are three standard errors."""
    monkeypatch.setattr(intervals, "RESAMPLES", 399)
    rng, held = np.random.default_rng(7), 0
    for _ in range(1000):
        drawn = draw(rng, n)
        lower, upper = intervals.bootstrapped(lambda i, drawn=drawn: over_seeds(drawn[i], level), n, quantile=level)
        held += np.all((lower <= truth) & (truth <= upper))
    assert abs(held / 1000 - 0.95) <= 0.02


def test_an_interval_of_a_mean_is_scipys_at_the_level_of_students():
    """Against scipy.stats.bootstrap on the same resamples, and Student's interval on normal numbers."""
    drawn = np.random.default_rng(3).standard_normal(30)
    lower, upper = intervals.bootstrapped(lambda i: drawn[i].mean(axis=1, keepdims=True), 30)
    level = intervals._level(0.95, 30)
    about = dict(n_resamples=intervals.RESAMPLES, method="bca", rng=np.random.default_rng(0))
    found = stats.bootstrap((drawn,), np.mean, confidence_level=level, **about).confidence_interval
    assert (lower[0], upper[0]) == pytest.approx((found.low, found.high), rel=1e-12)
    student = stats.t.interval(0.95, 29, drawn.mean(), stats.sem(drawn))
    assert (lower[0], upper[0]) == pytest.approx(student, abs=0.1 * (student[1] - student[0]))


def test_a_number_without_spread_is_its_own_interval():
    values = np.column_stack((np.full(20, 0.1), np.arange(20.0)))
    lower, upper = intervals.bootstrapped(lambda i: values[i].mean(axis=1), 20)
    assert lower[0] == pytest.approx(0.1, rel=1e-13) and lower[0] == upper[0] and lower[1] < 9.5 < upper[1]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [8, 40, 400])
def test_a_share_is_decided_as_by_the_binomial_test(n, share):
    """Either side's exact test at 2.5 %, whatever number of seeds held."""
    for kept in range(n + 1):
        low, high = intervals.of_share(kept, n)
        assert (low > share) == (stats.binomtest(kept, n, share, "greater").pvalue < 0.025)
        assert (high < share) == (stats.binomtest(kept, n, share, "less").pvalue < 0.025)


def test_an_interval_of_a_share_holds_it_at_least_as_often_as_it_says():
    """Clopper and Pearson's holds the truth in 95 of a hundred or more, summed over all outcomes exactly."""
    for share in (0.03, 0.2, 0.5, 0.85):
        kept = np.arange(31)
        held = [low <= share <= high for low, high in (intervals.of_share(int(one), 30) for one in kept)]
        assert 0.95 <= stats.binom.pmf(kept, 30, share)[held].sum() <= 1


# -- the verdicts -----------------------------------------------------------------------------------------------------

RUNG = dict(measure="error", over="factor", values=(0.1, 0.2, 0.4), growing=True, source="saad2003")
THREE = tk.Stop(rtol=0.0, steps=3)
LONG = dict(source="saad2003", stop=tk.Stop(rtol=0.0, steps=25))


@pytest.mark.parametrize(
    "claim, method, holds",
    [
        (below(1.5), Jitter(), True),
        (below(1.5), Jitter(bias=0.9), False),
        (below(1.05), Jitter(), None),
        (tk.monotone("error", **ABOUT), Jitter(), True),
        (tk.Rate(measure="error", factor=0.5, sharp=True, **LONG), Jitter(), True),
        (tk.Rate(measure="error", factor=0.4, **LONG), Jitter(), False),
        (tk.Rate(measure="error", factor=0.49, tol=0.01, **LONG), Jitter(spread=1.0), None),
        (tk.Rate(measure="error", factor=1.2, **LONG), Jitter(factor=1.5), True),
        (tk.Order(p=3.0, stop=THREE, **RUNG), Jitter(), True),
        (tk.Order(p=2.0, stop=THREE, **RUNG), Jitter(), False),
        (tk.Order(p=2.0, stop=THREE, at_least=True, **RUNG), Jitter(), True),
        (tk.Exact(measure="noise", tol=0.15, **ABOUT), Jitter(), True),
        (tk.Exact(measure="noise", tol=0.15, **ABOUT), Jitter(bias=-0.5), False),
        (tk.Exact(measure="noise", tol=0.03, **ABOUT), Jitter(), None),
        (tk.Exact(measure="noise", tol=0.3, always=True, **ABOUT), Jitter(), True),
        (tk.Flat(over="n", values=(2, 4, 8), source="saad2003"), Jitter(), True),
        (tk.Flat(over="factor", values=(0.2, 0.4, 0.8), source="saad2003"), Jitter(), False),
        (tk.Beats(other=Jitter(factor=0.7), source="saad2003"), Jitter(), True),
        (tk.Beats(other=Jitter(factor=0.3), source="saad2003"), Jitter(), False),
    ],
)
def test_every_kind_is_said_of_a_mean(claim, method, holds):
    verdict = tk.check(crowd(claim), PROBLEM, method)
    assert verdict.holds is holds and "95 % interval" in verdict.why
    assert ("more seeds would decide" in verdict.why) is (holds is None)


def test_the_other_in_a_race_has_the_same_seed():
    """Against itself a method needs the same, seed by seed: the factor decides, no luck."""
    claim = crowd(tk.Beats(other=Jitter(), source="saad2003"), seeds=8)
    *_, mine, theirs = (run.method.seed for run in claim.runs(PROBLEM, Jitter()))
    assert mine == theirs == 7
    assert tk.check(claim, PROBLEM, Jitter()).holds is True
    assert tk.check(replace(claim, claim=replace(claim.claim, factor=0.99)), PROBLEM, Jitter()).holds is False


def test_mean_median_and_quantile_are_different_statements():
    """The mean of e^(σξ − σ²/2) is one, its median e^(−σ²/2) = 0.61 for σ = 1, its 90 % quantile 2.2."""
    noisy = Abreast(spread=1.0)
    last = tk.Exact(measure="noise", tol=0.3, **ABOUT)
    assert tk.check(crowd(last, seeds=400), PROBLEM, noisy).holds is True
    assert tk.check(crowd(last, seeds=400, quantile=0.5), PROBLEM, noisy).holds is False
    verdict = tk.check(crowd(replace(last, tol=2.2), seeds=400, quantile=0.9), PROBLEM, noisy)
    assert verdict.holds is True and verdict.measured == pytest.approx(np.exp(1.2816 - 0.5) - 1, abs=0.3)


@pytest.mark.parametrize("share, holds", [(0.3, True), (0.95, False), (0.7, None)])
def test_a_success_share(share, holds):
    """The noise of a run is within ± 0.3 at its end for about seven seeds in ten."""
    claim = crowd(tk.Exact(measure="noise", tol=0.3, **ABOUT), share=share)
    runs = [run.finish() for run in claim.runs(PROBLEM, Jitter())]
    kept = sum(abs(run.history.last("noise")) <= 0.3 for run in runs)
    verdict = claim.verdict(runs)
    assert verdict.holds is holds and verdict.measured == kept / 60
    found = stats.binomtest(kept, 60).proportion_ci(method="exact")
    assert f"{found.low:.4g} to {found.high:.4g}" in verdict.why and verdict.promised == share


def test_seeds_whose_claim_is_open_count_against_either_side():
    open_ones = tk.Rate(measure="error", factor=0.5, source="saad2003", stop=THREE)
    verdict = tk.check(crowd(open_ones, share=0.5), PROBLEM, Jitter())
    assert verdict.holds is None and "60 not decided" in verdict.why


def test_few_seeds_decide_nothing():
    assert tk.check(crowd(below(9.0), seeds=7), PROBLEM, Jitter()).holds is None
    assert "needs 80 seeds" in tk.check(crowd(below(9.0), quantile=0.9), PROBLEM, Jitter()).why
    assert tk.check(crowd(below(9.0), share=0.99), PROBLEM, Jitter()).holds is None  # sixty of sixty: from 0.94 on


@pytest.mark.parametrize(
    "claim",
    [
        crowd(below(1.2)),
        crowd(below(1.2), quantile=0.5),
        crowd(tk.Exact(measure="noise", tol=0.05, **ABOUT)),
        crowd(tk.Exact(measure="noise", tol=0.3, **ABOUT), share=0.88),
        crowd(below(99.0), share=0.99),
    ],
)
def test_the_seeds_it_asks_for_decide(claim):
    verdict = tk.check(claim, PROBLEM, Abreast())
    assert verdict.holds is None
    more = int(verdict.why.split("about ")[1].split()[0])
    assert tk.check(replace(claim, seeds=claim.seeds + more), PROBLEM, Abreast()).holds is not None


def test_the_seeds_asked_for_decide_nine_times_in_ten():
    """Of normal numbers whose mean is 0.15 above a limit, forty and then as many as are asked for."""
    rng, decided, asked = np.random.default_rng(5), 0, 0
    for _ in range(2000):
        drawn = rng.normal(0.15, 1.0, 40)
        away, reach = abs(drawn.mean()), 2.02 * drawn.std(ddof=1) / np.sqrt(40)
        more = intervals.more_seeds(40, reach / away) if reach > away else None
        if more is None or more > 20_000:
            continue
        drawn = np.append(drawn, rng.normal(0.15, 1.0, more))
        asked += 1
        decided += abs(drawn.mean()) > 1.96 * drawn.std(ddof=1) / np.sqrt(len(drawn))
    assert asked > 1000 and decided / asked > 0.8


def test_a_lost_seed_breaks_a_mean_but_not_a_median():
    assert tk.check(crowd(below(1.5)), PROBLEM, Mortal()).holds is False
    assert tk.check(crowd(below(1.5), quantile=0.5), PROBLEM, Mortal()).holds is True
    assert tk.check(crowd(below(9.0), share=0.5), PROBLEM, Mortal()).measured == pytest.approx(0.9)


def test_where_a_curve_is_infinite_nothing_is_promised():
    late = tk.Bound(measure="error", curve=lambda k, v: np.where(k < 3, np.inf, 1.5 * 0.5**k), **ABOUT)
    assert tk.check(crowd(late), PROBLEM, Jitter()).holds is True
    assert tk.check(crowd(late), PROBLEM, Jitter(bias=0.9)).holds is False


# -- the runs ---------------------------------------------------------------------------------------------------------


def test_the_seed_is_a_knob_of_the_method_or_of_the_problem():
    assert [run.method.seed for run in crowd(below(2.0), seeds=3).runs(PROBLEM, Jitter())] == [0, 1, 2]
    claim = crowd(below(2.0))
    assert [run.problem.seed for run in claim.runs(Lots(n=2), Contraction())][:3] == [0, 1, 2]
    assert tk.check(claim, Lots(n=2), Contraction()).holds is True
    with pytest.raises(tk.KnobError, match="seed"):
        tk.check(claim, Zero(), Contraction())


@pytest.mark.parametrize("claim", [below(1.3), tk.Exact(measure="noise", tol=0.1, always=True, **ABOUT)])
@pytest.mark.parametrize("about", [{}, {"quantile": 0.5}, {"share": 0.8}])
def test_a_run_that_carries_all_seeds_gives_the_verdict_of_one_run_each(claim, about):
    """One run instead of sixty; the same verdict to the last digit, and the same band."""
    alone, together = crowd(claim, **about), list(crowd(claim, **about).runs(PROBLEM, Abreast()))
    assert len(together) == 1 and len(list(alone.runs(PROBLEM, Jitter()))) == 60
    one, many = tk.check(alone, PROBLEM, Abreast()), tk.check(alone, PROBLEM, Jitter())
    assert one == many
    for name in ("k", "lower", "upper", "promised"):
        np.testing.assert_array_equal(getattr(one.band, name), getattr(many.band, name))


def test_a_ladder_of_runs_that_carry_all_seeds():
    claim = crowd(tk.Order(p=3.0, stop=THREE, **RUNG))
    assert len(list(claim.runs(PROBLEM, Abreast()))) == 3
    assert tk.check(claim, PROBLEM, Abreast()) == tk.check(claim, PROBLEM, Jitter())


def test_seeds_run_apart_where_their_runs_may_end_apart():
    """Under a tolerance a seed alone would stop where the others go on."""
    claim = crowd(replace(below(2.0), stop=tk.Stop(rtol=1e-3)), seeds=5)
    assert len(list(claim.runs(PROBLEM, Abreast()))) == 5
    monitored = crowd(tk.Exact(measure="residual", tol=1.0, **ABOUT), seeds=5)
    assert len(list(monitored.runs(PROBLEM, Abreast()))) == 5


def test_runs_that_end_apart_are_compared_where_all_are():
    claim = crowd(replace(below(2.0), stop=tk.Stop(rtol=1e-2)))
    runs = [run.finish() for run in claim.runs(PROBLEM, Jitter(spread=0.6))]
    assert len({run.k for run in runs}) > 1
    assert claim.verdict(runs).band.k[-1] == min(run.k for run in runs)


def test_a_person_runs_a_crowd():
    runs = tk.crowd(PROBLEM, Jitter(), 10, TWELVE, ("error",))
    assert [run.method.seed for run in runs] == list(range(10)) and {run.k for run in runs} == {12}
    lots = tk.crowd(Lots(n=2), Contraction(), 3)
    assert [run.problem.seed for run in lots] == [0, 1, 2] and all(run.status.done for run in lots)


def test_a_verdict_waits_for_all_seeds():
    claim = crowd(below(1.5), seeds=10)
    runs = list(claim.runs(PROBLEM, Jitter()))
    assert claim.verdict(runs).why == "decided by a crowd" and tk.judge(claim, runs[0]).holds is None
    for run in runs[:4]:
        run.finish()
    assert claim.verdict(runs).why == "4 of 10 seeds have run"


# -- the band ---------------------------------------------------------------------------------------------------------


def test_the_band_covers_the_statistic_and_carries_the_promise():
    claim = crowd(below(1.5))
    histories = [run.finish().history for run in claim.runs(PROBLEM, Jitter())]
    band = claim.band(histories)
    middle = np.mean([one["error"] for one in histories], axis=0)
    assert np.all((band.lower <= middle) & (middle <= band.upper))
    np.testing.assert_allclose(band.promised, 1.5 * 0.5**band.k)
    assert np.all((band.lower[1:] <= 0.5 ** band.k[1:]) & (0.5 ** band.k[1:] <= band.upper[1:]))
    assert np.all(np.isnan(crowd(tk.Exact(measure="error", tol=1.0, **ABOUT)).band(histories).promised))
    assert crowd(tk.Order(p=3.0, stop=THREE, **RUNG)).band(histories) is None


def test_the_band_of_a_share_is_that_of_the_quantile_it_is_about():
    histories = [run.history for run in tk.crowd(PROBLEM, Jitter(), 80, TWELVE, ("error",))]
    share, quantile = (crowd(below(1.5), **{name: 0.9}).band(histories) for name in ("share", "quantile"))
    np.testing.assert_array_equal(share.upper, quantile.upper)


# -- what is not a crowd ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "about",
    [
        dict(quantile=0.5, share=0.5),
        dict(quantile=1.0),
        dict(share=0.0),
        dict(seeds=0),
        dict(seeds=True),
        dict(confidence=1.0),
        dict(claim=crowd(below(1.0))),
        dict(claim=None),
    ],
)
def test_what_is_no_statement_over_seeds_is_refused(about):
    with pytest.raises(tk.KnobError, match="expected"):
        tk.Crowd(**{"claim": below(1.0), **about})


def test_a_crowd_speaks_for_its_claim():
    claim = crowd(replace(below(1.0), assumes="nothing", source="saad2003"), quantile=0.5)
    assert (claim.source, claim.assumes, claim.stop) == ("saad2003", "nothing", TWELVE)
    assert claim.title == "halved: the median over seeds" and claim.kind == "crowd" and claim.about == "error"
    assert crowd(below(1.0), title="mine").title == "mine" and not claim.while_running


def test_an_eighth_kind_needs_nothing_but_itself():
    """A claim that says how it is decided is checked, tabled and said of crowds without a word elsewhere."""

    @dataclass(frozen=True, kw_only=True)
    class Positive(tk.Claim):
        measure: str

        def weigh(self, table):
            return tk.Verdict(bool(np.all(table[:, 1] > 0)), float(table[:, 1].min()), 0.0, why="the least value")

        def figures(self, tables):
            return tk.core.claims.Figures(tables[..., 1].min(axis=1)[:, None], np.array(0.0), np.array(np.inf))

    claim = Positive(measure="error", **ABOUT)
    assert tk.check(claim, PROBLEM, Jitter()).holds is True and claim.kind == "positive"
    assert tk.check(crowd(claim), PROBLEM, Jitter()).holds is True
    assert tk.check(crowd(claim, share=0.5), PROBLEM, Jitter()).holds is True
