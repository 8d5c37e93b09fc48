"""Intervals of statistics over seeds: bootstrapped for means and quantiles, Clopper–Pearson for shares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy  # scipy.stats loads when it is first used: half a second that starting up does not need

RESAMPLES = 1999
MOST = 1_000_000  # seeds: what needs more is not asked for
POWER = 0.9  # the chance that the seeds asked for decide, if what was seen is the truth


def bootstrapped(
    statistic: Callable, n: int, confidence: float = 0.95, smooth: bool = True, batch: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(lower, upper) ends, each (m,), of confidence intervals of m numbers computed from n seeds.

    One number has an interval by `scipy.stats.bootstrap`: bias-corrected and accelerated where the statistic is
    `smooth` (a mean: second-order accurate), by percentiles where it is not (a median, a quantile: the jackknife that
    the acceleration comes from is not consistent there). The level is the one that makes the interval of a normal mean
    as wide as Student's, else ten seeds give 90 % for 95. Several numbers have a band that covers them all at once,
    c standard errors wide, where c is the quantile of the largest of their studentised deviations.

    Parameters
    ----------
    statistic
        `statistic(places)` of indices (b, n) of seeds gives the numbers (b, m).
    n : int
        Seeds.
    confidence : float
        The level, 0.95 of a hundred intervals hold the truth in ninety-five.
    batch : int
        Resamples computed at once; a limit on memory.

    The resamples are the same every time. NaN where a resample has no finite number.

    References: B. Efron (1987), doi:10.2307/2289144 (BCa); T. C. Hesterberg (2015), doi:10.1080/00031305.2015.1089789,
    section 4.2.1 (the level); J. L. Montiel Olea, M. Plagborg-Møller (2019), doi:10.1002/jae.2656, algorithm 2 (the
    band).
    """

    def along(places, axis=-1):
        found = statistic(places.reshape(-1, places.shape[-1]))
        return np.moveaxis(found.reshape(*places.shape[:-1], -1), -1, 0)

    about = dict(vectorized=True, batch=batch, confidence_level=_level(confidence, n), rng=np.random.default_rng(0))
    seeds, centre = (np.arange(n),), statistic(np.arange(n)[None])[0]
    found = scipy.stats.bootstrap(seeds, along, n_resamples=RESAMPLES, method="percentile", **about)
    drawn, spread = found.bootstrap_distribution, found.standard_error
    sure = ~(spread > 1e-14 * np.abs(centre))  # no spread but rounding's, or no number
    if len(centre) > 1:
        width = _studentised(drawn, centre, spread, sure, confidence, n) * spread
        lower, upper = centre - width, centre + width
    else:
        below = np.mean(drawn < centre[:, None])
        if smooth and not sure[0] and 0 < below < 1:
            found = scipy.stats.bootstrap(seeds, along, n_resamples=0, bootstrap_result=found, method="bca", **about)
        lower, upper = found.confidence_interval
    still = np.where(np.isfinite(spread) & np.isfinite(centre), centre, np.nan)
    return np.where(sure, still, lower), np.where(sure, still, upper)


def _level(confidence: float, n: int) -> float:
    """The level at which the percentile interval of a normal mean is as wide as Student's."""
    wide = np.sqrt(n / (n - 1)) * scipy.stats.t.isf((1 - confidence) / 2, n - 1)
    return float(1 - 2 * scipy.stats.norm.sf(wide))


def _studentised(drawn, centre, spread, sure, confidence: float, n: int) -> float:
    """How many standard errors wide a band over all numbers is; Student's widening for few seeds as in `_level`."""
    if np.all(sure):
        return 0.0
    away = np.abs(drawn - centre[:, None])[~sure] / spread[~sure, None]
    tail = (1 - confidence) / 2
    widening = np.sqrt(n / (n - 1)) * scipy.stats.t.isf(tail, n - 1) / scipy.stats.norm.isf(tail)
    return float(widening * np.quantile(away.max(axis=0), confidence))


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
