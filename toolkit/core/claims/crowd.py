"""Crowd: a statement about a mean, a median, a quantile or a success share over seeds."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from toolkit.core.claims import intervals, replicates
from toolkit.core.claims.base import Claim
from toolkit.core.claims.evidence import unstarted
from toolkit.core.claims.gaps import Gaps
from toolkit.core.claims.verdict import Band, Verdict, undecided
from toolkit.core.claims.words import text
from toolkit.core.errors import KnobError
from toolkit.core.history import History
from toolkit.core.knob import rung
from toolkit.core.run import Run
from toolkit.core.stop import Stop

FEWEST = 8  # seeds from which an interval says something
LOST = ("non-finite", "diverged", "failed", "breakdown")
AT_ONCE = 1 << 21  # numbers in one batch of resamples
DRAWN = 200  # points of a band


@dataclass(frozen=True, kw_only=True)
class Crowd(Claim):
    """What a claim says of one run, said of a statistic over the seeds 0 … seeds − 1.

    The mean at every step, rung or end of a run (or, with `quantile`, that quantile; 0.5 is the median) is put in the
    place of what one run measured, and `claim` is judged on it: a Bound on the mean curve, a Rate or an Order of the
    mean error, an Exact that holds in the mean (with signs), a Flat or Beats of means. With `share` it is a success
    share: the claim holds in at least that share of seeds, each judged by itself.

    It holds or is broken only where a confidence interval lies on one side of the promise, for a curve a band that
    covers all of its steps at once; else the verdict is open and says how many more seeds would decide. Intervals are
    bootstrapped over seeds (`intervals.bootstrapped`), for a share they are those of Clopper and Pearson. Five in a
    hundred verdicts at most are wrong, on claims that lie on the edge; each look with more seeds is a look of its own.

    Parameters
    ----------
    claim : Claim
        What is said of each run: any kind but a Crowd. Its source, assumptions and stopping rule are the crowd's own.
    seeds : int
        How many seeds; more give a narrower interval, like 1/√seeds.
    quantile, share : float
        At most one of them, between 0 and 1; neither: the mean.
    over : str
        The knob of method or problem that is the seed.
    confidence : float
        Level of the interval.

    Cost: `seeds` times the claim's runs; one run of each where the method offers `replicates` and the claim's stopping
    rule is a budget. It stays open with fewer than eight seeds in all, or on either side of a quantile.
    References: B. Efron (1987), doi:10.1080/01621459.1987.10478410; C. J. Clopper, E. S. Pearson (1934),
    doi:10.1093/biomet/26.4.404.
    """

    claim: Claim
    seeds: int = 40
    quantile: float | None = None
    share: float | None = None
    over: str = "seed"
    confidence: float = 0.95
    source: str = ""
    stop: Stop = None
    evidence = "crowd"

    def __post_init__(self):
        if isinstance(self.claim, Crowd) or not isinstance(self.claim, Claim):
            raise KnobError(f"Crowd.claim = {self.claim!r}: expected a claim of another kind.")
        if self.quantile is not None and self.share is not None:
            raise KnobError("Crowd: both quantile and share were given; expected one of them or neither.")
        for name, least in (("quantile", False), ("share", True), ("confidence", False)):
            value = getattr(self, name)
            if value is not None and not (0 < value < 1 or (least and value == 1)):
                raise KnobError(f"Crowd.{name} = {value!r}: expected a number between 0 and 1.")
        if isinstance(self.seeds, bool) or not isinstance(self.seeds, int) or self.seeds < 1:
            raise KnobError(f"Crowd.seeds = {self.seeds!r}: expected a whole number of at least 1.")
        inner = self.claim
        object.__setattr__(self, "stop", inner.stop)
        title = f"{inner.title or inner.kind}: {self.words}"
        for name, value in dict(source=inner.source, assumes=inner.assumes, title=title).items():
            object.__setattr__(self, name, getattr(self, name) or value)

    def seen(self, verdict, called):
        """What was seen over seeds, with its interval, beside the promise."""
        if self.share is not None:
            return f"{verdict.why}; promised in {100 * self.share:g} % of all seeds"
        return verdict.why.split(";")[0]

    def usual(self, called):
        """That of the claim it wraps, over seeds."""
        inner = self.claim.typeset(called)
        if not inner:
            return ""
        if self.share is None:
            return rf"{text(self.words + ':')}\quad {inner}"
        return rf"\mathbb{{P}}\bigl({inner}\bigr) \ge {self.share:g}"

    @property
    def words(self) -> str:
        """What is looked at, in words."""
        return self._of("seeds") if self.share is None else f"in {100 * self.share:g} % of all seeds"

    @property
    def _rank(self) -> float | None:
        """The quantile that is looked at; None: the mean."""
        return self.share if self.quantile is None else self.quantile

    def _of(self, seeds: str) -> str:
        if self.quantile is None:
            return f"the mean over {seeds}"
        return (
            f"the median over {seeds}"
            if self.quantile == 0.5
            else f"the {100 * self.quantile:g} % quantile over {seeds}"
        )

    @property
    def about(self) -> str:
        """The column that the claim it wraps is about."""
        return self.claim.about

    @property
    def along(self) -> str:
        """The knob or column that the claim it wraps goes along."""
        return self.claim.along

    @property
    def size(self) -> int:
        """Runs of all seeds, unless the method carries them side by side."""
        return self.seeds * self.claim.size

    @property
    def while_running(self) -> bool:
        """A crowd is run when somebody asks."""
        return False

    @property
    def fewest(self) -> int:
        """The seeds without which there is no interval: eight, and eight on either side of a quantile."""
        rarer = 1.0 if self.quantile is None else min(self.quantile, 1 - self.quantile)
        return math.ceil(FEWEST / rarer - 1e-9)

    # -- the runs -----------------------------------------------------------------------------------------------

    def pairs(self, problem, method):
        """Those of the claim for each seed in turn; once, where runs carry the seeds side by side."""
        return self._together(problem, method) or [
            pair for seed in range(self.seeds) for pair in self._alone(problem, method, seed)
        ]

    def runs(self, problem, method):
        """Those of its pairs, as the claim looks at them; where one carries all seeds, with a probe a seed."""
        looks = self.claim.probes
        if self._together(problem, method):
            looks = functools.partial(replicates.probes, self.claim, self.seeds)
        for pair in self.pairs(problem, method):
            yield Run(*pair, self.claim.stop, looks(*pair))

    def _alone(self, problem, method, seed: int) -> Sequence[tuple]:
        return self.claim.seeded(self.over, seed).pairs(*rung(problem, method, self.over, seed))

    def _together(self, problem, method) -> list | None:
        found = [replicates.carried(self.claim, self.seeds, *pair) for pair in self.claim.pairs(problem, method)]
        return None if None in found else found

    # -- what it makes of them ----------------------------------------------------------------------------------

    def verdict(self, runs):
        """The verdict once all seeds have run."""
        groups = self._groups(runs)
        if not groups:
            return self.waiting
        if len(groups) < self.seeds:
            return undecided(f"{len(groups)} of {self.seeds} seeds have run")
        trouble = unstarted([run for group in groups for run in group])
        if trouble:
            return undecided(f"needs all of its seeds: {trouble}")
        missing = [run for group in groups for run in group if self.about not in run.history]
        if missing:
            return undecided(f"{self.about} was not measured")
        lost = [run.status.kind in LOST for (run, *_) in groups]
        found = self._weighed(groups, lost) if self.share is None else self._counted(groups)
        return replace(found, band=self.band([run.history for (run, *_) in groups], lost))

    def _groups(self, runs: Sequence) -> list[tuple]:
        """The finished runs of each seed, whose claim they decide."""
        each = self.claim.size
        if len(runs) == each and all(run.status.done and replicates.carries(run, self.about) for run in runs):
            return list(zip(*(replicates.taken_apart(run, self.about, self.seeds) for run in runs)))
        whole = [tuple(runs[i : i + each]) for i in range(0, len(runs) - each + 1, each)]
        return [group for group in whole if all(run.status.done for run in group)]

    def _counted(self, groups) -> Verdict:
        """The verdict on a success share; seeds whose claim is open are counted against either side."""
        verdicts = [self.claim.verdict(group).holds for group in groups]
        n, kept, unsure = len(verdicts), verdicts.count(True), verdicts.count(None)
        low = intervals.of_share(kept, n, self.confidence)[0]
        high = intervals.of_share(kept + unsure, n, self.confidence)[1]
        seen = f"{kept} of {n} seeds" + (f" ({unsure} not decided)" if unsure else "")
        words = f"{seen}, {self._interval(low, high)}"
        holds = True if low >= self.share else False if high < self.share else None
        if holds is None:
            more = intervals.more_for_share(kept, n, self.share, self.confidence)
            asking = "the seeds that are open must be decided first" if unsure else _asking(more)
            words = f"not decided: {words}, straddles {self.share:g}; {asking}"
        return Verdict(holds, kept / n, self.share, (0, n - 1), words)

    def _weighed(self, groups, lost: list[bool]) -> Verdict:
        """The verdict on a mean or a quantile: that of the claim on it, where the interval agrees."""
        n = len(groups)
        if n < self.fewest:
            return undecided(f"needs {self.fewest} seeds for an interval")
        tables = self._stacked([self.claim.table(group) for group in groups], lost)
        point = self.claim.weigh(self._statistic(tables[None])[0])
        if point.holds is None:
            return point
        seen = Gaps.of(self.claim.figures(self._statistic(tables[None]))).one()
        if not np.all(np.isfinite(seen.gap)):
            return point if point.holds is False else undecided("needs a finite value of every seed: one has none")

        def gaps(places):
            return Gaps.of(self.claim.figures(self._statistic(tables[places]))).gap[:, seen.limited]

        about = dict(confidence=self.confidence, quantile=self.quantile, batch=_batch(tables))
        return self._sided(point, seen, *intervals.bootstrapped(gaps, n, **about), n)

    def _sided(self, point: Verdict, seen: Gaps, lower, upper, n: int) -> Verdict:
        """The verdict of the claim on what was seen, open unless the interval lies on that side of the promise."""
        inside = np.all((lower >= seen.low) & (upper <= seen.high))
        outside = np.any((upper < seen.low) | (lower > seen.high))
        holds = True if inside and point.holds else False if outside and point.holds is False else None
        at, ratio, limit = seen.nearest(lower, upper)
        words = f"{self._of(f'{n} seeds')}, {self._interval(lower[at] + seen.shift[at], upper[at] + seen.shift[at])}"
        if holds is None:
            more = _asking(intervals.more_seeds(n, ratio, self.confidence))
            return replace(point, holds=None, why=f"not decided: {words}, straddles {limit:.4g}; {more}")
        return replace(point, holds=holds, why=f"{words}, {'within' if holds else 'beyond'} {limit:.4g}; {point.why}")

    def _interval(self, low: float, high: float) -> str:
        return f"{100 * self.confidence:g} % interval {low:.4g} to {high:.4g}"

    def _statistic(self, tables: np.ndarray) -> np.ndarray:
        """The mean or the quantile over seeds of tables (b, seeds, rows, columns)."""
        if self._rank is None:
            return tables.mean(axis=1)
        return np.quantile(
            tables, self._rank, axis=1, method="averaged_inverted_cdf"
        )  # of what was seen: no in-between

    def _stacked(self, tables: list[np.ndarray], lost: Sequence[bool]) -> np.ndarray:
        """The tables (seeds, rows, columns) at the steps they share; a run that was lost goes on at infinity."""
        longest = max(tables, key=len)
        if self.claim.while_running and any(lost):
            tables = [_padded(one, longest) if gone else one for one, gone in zip(tables, lost)]
        shared = functools.reduce(np.intersect1d, [one[:, 0] for one in tables])
        return np.array([one[np.isin(one[:, 0], shared)] for one in tables])

    # -- what there is to draw ----------------------------------------------------------------------------------

    def band(self, histories: Sequence[History], lost: Sequence[bool] = ()) -> Band | None:
        """The statistic over runs at every step in a band that covers it, and the promise; None for a ladder or a race.

        For a share it is the quantile that the promise is about: that share of runs lies below. A history that is
        `lost` ended in trouble, and goes on at infinity.
        """
        if not self.claim.while_running or len(histories) < 2:
            return None
        tables = self._stacked([self.claim.rows(one) for one in histories], lost)
        if tables.shape[1] < 2:
            return None
        middle = self._statistic(tables[None])[0]
        pick = np.unique(np.linspace(0, len(middle) - 1, DRAWN).astype(int))
        values = tables[:, pick, -1:]
        about = dict(confidence=self.confidence, quantile=self._rank, batch=_batch(values))
        ends = intervals.bootstrapped(lambda i: self._statistic(values[i])[..., 0], len(histories), **about)
        return Band(middle[pick, 0], *ends, self._promised(middle)[pick])

    def _promised(self, middle: np.ndarray) -> np.ndarray:
        """The claim's curve over what was seen over seeds, NaN where it is none."""
        names = [self.about, self.along] if middle.shape[1] > 2 and self.along != "k" else [self.about]
        history = History((), tuple(names))
        history.append(k=middle[:, 0], **dict(zip(names, (middle[:, -1], middle[:, 1]))))
        found = self.claim.overlay(history)
        return np.full(len(middle), np.nan) if found is None else np.asarray(found[1], dtype=float)


def _padded(table: np.ndarray, longest: np.ndarray) -> np.ndarray:
    """The table of a run that was lost, at infinity from its end to that of the longest."""
    rest = longest[longest[:, 0] > (table[-1, 0] if len(table) else -np.inf)].copy()
    rest[:, -1] = np.inf
    return np.vstack((table, rest))


def _batch(tables: np.ndarray) -> int:
    return max(1, AT_ONCE // tables.size)


def _asking(more: int | None) -> str:
    return f"about {more} more seeds would decide" if more else "no number of seeds within reach would decide"
