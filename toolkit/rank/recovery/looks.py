"""Recovery to look at: what was known, what was made of it, and the experiments."""

from __future__ import annotations

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Guess, Pick, Sketch, first_there, last, lowest, whether
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


def fairer(runs) -> bool:
    """Whether every predictor's ratio of distances ended below that on raw data."""
    return all(run.history.last("ratio_share") < 1 for run in runs)


def tolerated(runs) -> float | None:
    """The error down to which it is promised that the second method follows exact sweeps."""
    claims = runs[1].method.claims(runs[1].problem)
    return next((one.tol for one in claims if isinstance(one, Exact)), None)


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
        predict=Pick(
            r"At $\kappa = 30$, with twice the columns that are needed: who is there first, counted in steps?",
            truth=first_there(),
        ),
        why=r"A plain gradient step must be short enough for the largest singular value, so the smallest one moves"
        r" about $\kappa$ times as slowly: from a tiny start it is long before it is seen at all. The scaled step"
        r" divides by $X^T X$, how large each direction is already, and all directions move at one pace whatever"
        r" $\kappa$; the damping $\lambda$ keeps the division safe for columns that nobody needs. Gradient descent on"
        r" $F G^T$ from balanced factors crawls for another reason: the columns to spare die like $1/t$ only.",
        formula=r"X \leftarrow X - \eta\, \mathcal{A}^{*}\big(\mathcal{A}(X X^{T}) - y\big)\, X\, (X^{T} X + \lambda"
        r" I)^{-1}",
        level=2,
        minutes=7,
        then="recovery-columns",
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
        predict=Sketch(
            r"Draw the loss of $X X^T$ with columns to spare, both axes logarithmic: it falls like $t^{-p}$, with"
            r" which $p$?",
            measure="loss",
            order=True,
        ),
        why=r"What a spare column holds obeys $\dot x = -x^3$: the smaller it is the more slowly it dies, so the error"
        r" falls like $1/t$ and the loss, its square, like $1/t^2$. Two factors that begin with different sizes keep"
        r" the difference $F^T F - G^T G$, which hardly moves: it goes on pulling at the spare columns, and they die"
        r" at a linear rate, a quarter of it for half the start. ScaledGD begins so tiny that its spare columns never"
        r" grow; its curve goes flat at a level that the start sets.",
        formula=r"\dot x = -x^{3} \ \Rightarrow\ x(t)^2 \sim \frac{1}{2t}, \qquad \|X X^{T} - M\|_F \sim \frac1t",
        level=3,
        minutes=8,
        then="recovery-fairness",
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
        predict=Sketch(
            "The lengths of the sub-gradient method's steps fall by 3 % a step. Draw how its error falls: by which"
            " factor a step?",
            measure="error",
        ),
        why=r"Squares weigh a measurement by how wrong it is, so a fifth of gross errors outvotes all the others, and"
        r" both descents on squares settle at a wrong matrix however long they run. A sign does not see how wrong a"
        r" measurement is: the signs of all residuals together still point from $X X^T$ towards $M$, as most of them"
        r" are right. A sub-gradient does not get smaller near the solution; the step lengths $\eta \rho^t$ must, and"
        r" the error falls along with them.",
        formula=r"X \leftarrow X - \eta \rho^{t}\, \frac{Q X}{\|Q\|_2}, \qquad Q = \sum_i"
        r" \operatorname{sign}\big(\langle A_i, X X^{T} \rangle - y_i\big)\, A_i",
        level=2,
        minutes=6,
        then="recovery-conditioning",
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
        predict=Pick(
            "Half of the pixels are known. Who comes nearest to the photograph?",
            truth=lowest("error"),
        ),
        why=r"A photograph has no exact rank, its singular values fall and do not end: so nobody finds it whole from"
        r" half of its pixels, and every curve stops at an error. Factors of $k$ columns explain the known pixels by"
        r" $k$ patterns and no more. The nuclear norm $\|X\|_*$, the sum of all singular values, lets in as many"
        r" patterns as it likes and makes each pay for its weight; here it comes nearer, as much of a photograph is in"
        r" many faint patterns. More columns fit the known pixels better, which is no promise about the missing ones:"
        r" try $k = 12$.",
        formula=r"\min_X\ \tfrac12 \|P_\Omega(X - M)\|_F^2 + \lambda \|X\|_*",
        level=1,
        minutes=5,
        then="recovery-phase",
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
        predict=Guess(
            "The sketched sweeps solve their least squares to a tolerance of 10⁻⁴ only. At which error do they stand"
            " still?",
            truth=last("error", of=1),
            theory=tolerated,
            limit=True,
            low=1e-8,
            high=0.1,
            close=3.0,
        ),
        why=r"A sweep fits all rows $u_i$ to the known entries, then all columns $v_j$, each by a small least-squares"
        r" problem; solved exactly, the error falls by about one factor a sweep, down to rounding. The sketched sweeps"
        r" solve the same problems to a residual $\varepsilon$, and follow the exact ones until their own error is of"
        r" that size: there they stand still, and a smaller $\varepsilon$ moves the floor down with it. What they save"
        r" shows with many columns: a pass over the known entries costs in proportion to $k$, not to $k^2$.",
        formula=r"\min_{u_i} \sum_{j:\, (i,j) \in \Omega} \big(u_i^{T} v_j - M_{ij}\big)^2",
        level=2,
        minutes=6,
        then="recovery-outliers",
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
        predict=Pick(
            "Are rows that are alike treated more alike by a predictor that learns from the cleaned table than by one"
            " that learns from the raw one?",
            truth=whether(fairer),
            theory=0,
            options=YES_NO,
        ),
        why=r"With zeros in its gaps the table is $p$ times the matrix and much noise; the matrix sits in a few large"
        r" singular values, the noise in many small ones, and a threshold $\tau$ parts them. What is kept brings the"
        r" rows nearer to each other than they lie in the raw table, so that least squares on it says more similar"
        r" things of rows that are alike, and errs less on rows it has not seen. A lower threshold lets the noise back"
        r" in: the error of the estimate climbs with every term beyond the rank.",
        formula=r"\widehat M = \frac1p \sum_{\sigma_j \ge \tau} \sigma_j\, u_j v_j^{T}",
        level=3,
        minutes=7,
        then="where-to-look",
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
