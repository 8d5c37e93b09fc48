"""Recovery to look at: what was known, what was made of it, and the experiments."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.stop import Stop
from toolkit.rank.recovery.alternating import AltMin, SketchedAltMin
from toolkit.rank.recovery.completion import Completion, PhotographHoles
from toolkit.rank.recovery.factor_descent import AsymmetricDescent, SymmetricDescent
from toolkit.rank.recovery.nuclear_norm import FistaCompletion, SvtCompletion
from toolkit.rank.recovery.problems import Entries, GaussianSensing, PlentifulSensing, Recovery
from toolkit.rank.recovery.scaled_descent import ScaledDescent, ScaledPair
from toolkit.rank.recovery.subgradient import SubgradientDescent
from toolkit.rank.recovery.thresholded_svd import ThresholdedSvd

LEAST = 1e-17


def holes(problem, state):
    """What was known (holes dark), what was made of it, and the error; the first row on top."""
    now = state.solution()
    low = problem.truth.min()
    known = np.where(problem.seen > 0, problem.filled, low)
    views = {"known": known, "recovered": np.clip(now, low, problem.truth.max()), "error": now - problem.truth}
    return {title: np.ascontiguousarray(values[::-1]) for title, values in views.items()}


def spectrum(problem, state):
    """Singular values of the iterate, and of the truth."""
    now, truth = (np.linalg.svd(x, compute_uv=False) for x in (state.solution(), problem.truth))
    shown = min(len(truth), 40)
    return {
        "x": np.arange(1.0, shown + 1),
        "recovered": np.maximum(now[:shown], LEAST),
        "truth": np.where(truth[:shown] > 1e-12 * truth[0], truth[:shown], np.nan),
    }


CASES = (
    GaussianSensing(side=16),
    GaussianSensing(side=16, width=5, samples=20.0),
    GaussianSensing(side=12, samples=40.0, outliers=0.2),
    GaussianSensing(side=12, samples=40.0, outliers=0.2, width=12),
    GaussianSensing(side=12, design="all entries"),
    GaussianSensing(side=12, design="all entries", width=4),
    PlentifulSensing(side=10, width=4),
    Completion(),
    Completion(rows=150, columns=150),
    Completion(rows=200, columns=60, condition=1.0, noise=0.5),
    PhotographHoles(every=16),
)

EXPERIMENTS = (
    Experiment(
        "recovery-conditioning",
        "Conditioning: who does not care?",
        "Twice as many columns as needed. Raise κ from 1 to 100: whose steps grow with it, and whose hardly at all?",
        PlentifulSensing(condition=30.0, width=4),
        (ScaledDescent(), SymmetricDescent(alpha=1e-7), AsymmetricDescent(start="spectral"), ScaledPair()),
        Stop(measure="error", rtol=0.0, atol=1e-8, steps=2000),
        measure="error",
        picture="recovered-spectrum",
    ),
    Experiment(
        "recovery-columns",
        "Too many columns",
        "Factors with more columns than the rank: why does X Xᵀ crawl like 1/t, and why does F Gᵀ, unbalanced, not?",
        GaussianSensing(samples=20.0, width=6),
        (SymmetricDescent(), AsymmetricDescent(), AsymmetricDescent(alpha=0.25), ScaledDescent()),
        Stop(measure="error", rtol=0.0, atol=1e-10, steps=3000),
        measure="loss",
        picture="recovered-spectrum",
    ),
    Experiment(
        "recovery-outliers",
        "Outliers",
        "A fifth of the measurements is grossly wrong: what do squares make of it, and what do signs?",
        GaussianSensing(samples=40.0, outliers=0.2),
        (SubgradientDescent(), SubgradientDescent(alpha=1e-2), SymmetricDescent(), ScaledDescent()),
        Stop(measure="error", rtol=0.0, atol=1e-10, steps=600),
        measure="error",
        picture="recovered-spectrum",
    ),
    Experiment(
        "recovery-photograph",
        "A photograph with holes",
        "Half of the pixels are missing: what can few singular vectors make of them, and what do too many (k = 12)?",
        PhotographHoles(width=6),
        (AltMin(), FistaCompletion(), SvtCompletion(), ScaledPair()),
        Stop(measure="error", rtol=0.0, steps=100),
        measure="error",
        picture="recovery-holes",
    ),
    Experiment(
        "recovery-sweeps",
        "Sweeps, exact and sketched",
        "Least squares solved roughly, by a sketch and a few iterations: how far do the sweeps follow the exact ones?",
        Completion(rows=150, columns=150),
        (AltMin(), SketchedAltMin(), SketchedAltMin(tolerance=1e-8)),
        Stop(measure="error", rtol=0.0, atol=1e-12, steps=40),
        measure="error",
        picture="recovery-holes",
    ),
    Experiment(
        "recovery-fairness",
        "Alike, and treated alike",
        "A table with noise and gaps is cleaned by an SVD before a predictor learns from it: are rows that are alike"
        " treated more alike, and does it cost accuracy?",
        Completion(rows=200, columns=60, condition=1.0, noise=0.5),
        (ThresholdedSvd(), ThresholdedSvd(factor=0.6)),
        Stop(rtol=0.0, steps=60),
        measure="ratio_share",
        picture="recovery-holes",
    ),
)

PICTURES = (
    Picture("recovery-holes", "known, recovered, error", "images", holes, of=Entries),
    Picture(
        "recovered-spectrum",
        "singular values, recovered and true",
        "lines",
        spectrum,
        "j",
        "σ_j",
        log=True,
        of=Recovery,
    ),
)
