"""What is seen of a matrix and its approximation: chosen lines, singular values, the matrix itself."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.rank.matrices.columns import ACA, DEIMCUR, LeverageCUR
from toolkit.rank.matrices.lowrank import MOST, STEPS, FactorState, RandomisedSVD, TruncatedSVD
from toolkit.rank.matrices.problems import CauchyMatrix, PhotographMatrix


def chosen_lines(problem, state):
    """The matrix with its chosen rows and columns, the rest dimmed."""
    shown = 0.25 * problem.matrix
    rows, columns = state.lines
    shown[rows], shown[:, columns] = problem.matrix[rows], problem.matrix[:, columns]
    return {"z": shown[::-1]}


def of_lines(problem, state) -> bool:
    """Whether it is a photograph's approximation made of its own rows and columns."""
    return isinstance(problem, PhotographMatrix) and state.lines is not None


def singular_values(problem, state):
    """All singular values, and the kept ones."""
    values = np.maximum(problem.singular, 1e-18 * (problem.after(0) or 1.0))
    kept = np.where(np.arange(len(values)) < state.rank, values, np.nan)
    return {"x": np.arange(1.0, len(values) + 1), "singular values": values, "kept": kept}


def reconstruction(problem, state):
    """The matrix, its approximation and their difference, drawn with the first row on top.

    What is never negative (a photograph) is shown within its own range: what overshoots is in the error.
    """
    matrix, now = problem.matrix, state.solution()
    shown = np.clip(now, 0.0, matrix.max()) if matrix.min() >= 0 else now
    views = {"original": matrix, f"rank {state.rank:.0f}": shown, "error": matrix - now}
    return {title: problem.picture(values)[::-1] for title, values in views.items()}


def _pictured(*words, **more) -> Picture:
    return Picture(*words, of=FactorState, **more)


PICTURES = (
    _pictured("chosen-lines", "chosen rows and columns", "image", chosen_lines, grey=True, when=of_lines),
    _pictured("singular-values", "singular values, and those kept", "lines", singular_values, "j", "σ_j", log=True),
    _pictured("rank-k", "original, reconstruction, error", "images", reconstruction, grey=True),
)

EXPERIMENTS = (
    Experiment(
        "photograph-rank",
        "How much of a photograph is needed",
        "Drag the rank: how many singular values does the eye ask for, and how near do sketches come?",
        PhotographMatrix(),
        (TruncatedSVD(), RandomisedSVD(), RandomisedSVD(power=1)),
        STEPS,
        measure="error",
        against="rank",
        picture="rank-k",
    ),
    Experiment(
        "columns-not-vectors",
        "Columns instead of vectors",
        "A few of the photograph's own columns and rows in place of singular vectors: how much error does that cost?",
        PhotographMatrix(every=4),
        (DEIMCUR(), LeverageCUR(), ACA(most=MOST), TruncatedSVD()),
        STEPS.turned(steps=MOST),
        measure="error",
        against="rank",
        picture="chosen-lines",
    ),
    Experiment(
        "crosses-of-cauchy",
        "Two lines a step",
        "Adaptive crosses see a row and a column a step: do they follow the exponential tail of a Cauchy matrix?",
        CauchyMatrix(),
        (ACA(), DEIMCUR(ranks="1, 2, 3, …", most=20), TruncatedSVD(ranks="1, 2, 3, …", most=20)),
        STEPS.turned(steps=20),
        measure="error",
        against="rank",
        picture="singular-values",
    ),
)
