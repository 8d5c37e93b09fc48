"""Intervals of statistics over seeds: bootstrapped for means and quantiles, Clopper–Pearson for shares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy  # scipy.stats loads when it is first used: half a second that starting up does not need

RESAMPLES = 1999
MOST = 1_000_000  # seeds: what needs more is not asked for
POWER = 0.9  # the chance that the seeds asked for decide, if what was seen is the truth


def bootstrapped(
    statistic: Callable,
    n: int,
    confidence: float = 0.95,
    quantile: float | None = None,
    batch: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(lower, upper) ends, each (m,), of confidence intervals of m numbers computed from n seeds.

    One number that comes from a mean has the bias-corrected and accelerated interval of `scipy.stats.bootstrap`, which
    is accurate to second order, at the level that makes it as wide as Student's for a normal mean: else ten seeds give
    90 % for 95. One that comes from a `quantile` has an interval of percentiles of the resamples, as the jackknife that
    the acceleration needs is not consistent there; they are those at which that of a plain quantile is the exact one
    between order statistics. Several numbers have a band that covers all of them at once, c standard errors wide, c
    the quantile of the largest of their studentised deviations.

    Parameters
    ----------
    statistic
        `statistic(places)` of indices (b, n) of seeds gives the numbers (b, m).
    n : int
        Seeds.
    confidence : float
        The level.
    quantile : float
        The quantile that the statistic is made of; None: the mean.
    batch : int
        Resamples computed at once; a limit on memory.

    The resamples are the same every time. NaN where a resample has no finite number.

    References: B. Efron (1987), doi:10.1080/01621459.1987.10478410 (BCa); T. C. Hesterberg (2015),
    doi:10.1080/00031305.2015.1089789 (its level); J. L. Montiel Olea, M. Plagborg-Møller (2019), doi:10.1002/jae.2656
    (the band).
    """

    def along(places, axis=-1):
        found = statistic(places.reshape(-1, places.shape[-1]))
        return np.moveaxis(found.reshape(*places.shape[:-1], -1), -1, 0)

    about = dict(vectorized=True, batch=batch, confidence_level=_level(confidence, n), rng=np.random.default_rng(0))
    centre = statistic(np.arange(n)[None])[0]
    with np.errstate(invalid="ignore"):  # where a resample is not finite
        found = scipy.stats.bootstrap((np.arange(n),), along, n_resamples=RESAMPLES, method="percentile", **about)
        drawn, spread = found.bootstrap_distribution, found.standard_error
        sure = ~(spread > 1e-12 * np.abs(centre))  # no spread but rounding's, or no number
        if len(centre) > 1:
            width = _studentised(drawn[~sure], centre[~sure], spread[~sure], confidence, n) * spread
            lower, upper = centre - width, centre + width
        elif quantile is not None:
            lower, upper = np.quantile(drawn, _levels(quantile, confidence, n), axis=-1, method="inverted_cdf")
        else:
            if not sure[0] and 0 < np.mean(drawn < centre[:, None]) < 1:
                about |= dict(n_resamples=0, bootstrap_result=found)
                found = scipy.stats.bootstrap((np.arange(n),), along, method="bca", **about)
            lower, upper = found.confidence_interval
    still = np.where(np.isfinite(spread), centre, np.nan)
    return np.where(sure, still, lower), np.where(sure, still, upper)


def _level(confidence: float, n: int) -> float:
    """The level at which the percentile interval of a normal mean is as wide as Student's."""
    return float(1 - 2 * scipy.stats.norm.sf(_widened(scipy.stats.norm.isf((1 - confidence) / 2), n)))


def _levels(quantile: float, confidence: float, n: int) -> tuple[float, float]:
    """The shares of resampled quantiles that lie below the order statistics with the exact interval between them.

    A resample's j-th value of n is at most the i-th of the sample with the chance that i/n of n draws give j or more.
    """
    binom, tail = scipy.stats.binom, (1 - confidence) / 2
    ends = int(binom.ppf(tail, n, quantile)), int(binom.isf(tail, n, quantile)) + 1
    middle = {np.ceil(n * quantile - 1e-9), np.floor(n * quantile + 1e-9) + 1}  # two, averaged, or one

    def below(i):
        return np.mean([binom.sf(j - 1, n, i / n) for j in middle])

    return tuple(float((below(i - 1) + below(i)) / 2) for i in ends)


def _widened(errors, n: int):
    """Student's width, in bootstrapped standard errors of n seeds, with the tail of a normal one of so many errors."""
    return np.sqrt(n / (n - 1)) * scipy.stats.t.isf(scipy.stats.norm.sf(errors), n - 1)


def _studentised(drawn, centre, spread, confidence: float, n: int) -> float:
    """How many standard errors wide a band over all numbers is."""
    if not len(centre):
        return 0.0
    away = np.abs(drawn - centre[:, None]) / spread[:, None]
    return float(_widened(np.quantile(away.max(axis=0), confidence), n))


def of_share(kept: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """(lower, upper) end of the interval of Clopper and Pearson for a share, `kept` of n.

    Reference: C. J. Clopper, E. S. Pearson (1934), doi:10.1093/biomet/26.4.404.
    """
    found = scipy.stats.binomtest(kept, n).proportion_ci(confidence, method="exact")
    return float(found.low), float(found.high)


def more_seeds(n: int, ratio: float, confidence: float = 0.95) -> int | None:
    """How many more seeds decide what n leave open, None where too many would be needed.

    The interval reaches `ratio` times as far as the promise is away from the estimate and narrows like 1/√n. To decide
    with a chance of `POWER` it must narrow by (z_(1+confidence)/2 + z_POWER) / z_(1+confidence)/2 more than to end
    where the promise is, as the estimate moves too.
    """
    normal = scipy.stats.norm
    margin = 1 + normal.ppf(POWER) / normal.isf((1 - confidence) / 2)
    needed = n * (margin * ratio) ** 2
    return max(1, int(np.ceil(needed)) - n) if needed < MOST else None


def more_for_share(kept: int, n: int, promised: float, confidence: float = 0.95) -> int | None:
    """How many more seeds put the interval of a share on the side of `promised` on which it lies now; None: too many.

    As in `more_seeds`, the share that is to be seen then is as far from the truth as it is one time in ten.
    """
    share, z = kept / n, float(scipy.stats.norm.ppf(POWER))
    total = n
    while total < MOST and share != promised:
        total = int(np.ceil(1.05 * total)) + 1
        away = z * np.sqrt(share * (1 - share) * total)
        if share > promised:
            decided = of_share(max(0, int(share * total - away)), total, confidence)[0] >= promised
        else:
            decided = of_share(min(total, int(np.ceil(share * total + away))), total, confidence)[1] < promised
        if decided:
            return total - n
    return None
