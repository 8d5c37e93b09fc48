"""What is seen of a matrix and its approximation: chosen lines, singular values, the matrix itself."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import Guess, Pick, Sketch
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


def left_over(runs) -> float:
    """What the first method leaves of the matrix in the end, in per cent."""
    return 100 * runs[0].history.last("error")


def tail_left(runs) -> float:
    """What the singular values beyond that rank say is left, in per cent."""
    problem = runs[0].problem
    return 100 * problem.tail(int(runs[0].history.last("rank"))) / problem.norm


def best_choice(runs) -> int:
    """Which of the first three, the choices of columns and rows, ended with the least error."""
    return int(np.argmin([run.history.last("error") for run in runs[:3]]))


EXPERIMENTS = (
    Experiment(
        "photograph-rank",
        "How much of a photograph is needed",
        "Drag the rank: how few simple patterns make up a photograph for the eye, and how near do random sketches"
        " come?",
        PhotographMatrix(),
        (TruncatedSVD(), RandomisedSVD(), RandomisedSVD(power=1)),
        STEPS,
        measure="error",
        against="rank",
        picture="rank-k",
        predict=Guess(
            "The photograph is replaced by the best sum of 64 patterns, each a column times a row. How large is the"
            " error then, in per cent of the photograph?",
            truth=left_over,
            theory=tail_left,
            low=0.1,
            high=50.0,
            unit="%",
        ),
        why=r"The pixels are a sum of patterns $\sigma_j u_j v_j^T$, a column times a row, the heaviest first; as the"
        r" rows of a photograph look alike, the weights $\sigma_j$ fall fast and few patterns do. Eckart and Young"
        r" proved that the first $k$ leave exactly the length of the weights left out, and that no other $k$ patterns"
        r" leave less: the dashed line is that length, and the curve of the truncated SVD lies on it. A random sketch"
        r" sees only a few random mixtures of the columns, so it lies above the line; looking twice more (a power"
        r" iteration) brings it almost down.",
        formula=r"\min_{\operatorname{rank} X \le k} \|A - X\|_F = \|A - A_k\|_F = \Big(\sum_{j>k}"
        r" \sigma_j^2\Big)^{1/2}",
        level=0,
        minutes=4,
        then="columns-not-vectors",
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
        predict=Pick(
            "Three rules choose columns and rows of the photograph. Which of them leaves the least error in the end?",
            truth=best_choice,
            options=("DEIM, one singular vector after another", "leverage scores, drawn by lot", "adaptive crosses"),
        ),
        why=r"No choice of $k$ columns and rows can go below the truncated SVD, whose error is the least of any matrix"
        r" of rank $k$; what a choice costs is told by its amplification $\eta_p + \eta_q$. DEIM takes for one"
        r" singular vector after another the place where those chosen before say least of it, so that the leading"
        r" vectors stay independent on the choice and the amplification stays small. Leverage scores drawn by lot do"
        r" not ask what is chosen already, and crosses look at one row and one column a step and never at the whole"
        r" photograph.",
        formula=r"\|A - C U R\|_2 \le (\eta_p + \eta_q)\, \sigma_{k+1}",
        level=1,
        minutes=5,
        then="crosses-of-cauchy",
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
        predict=Sketch(
            "The crosses see two lines a step. Draw how their error falls: by which factor with every cross?",
            measure="error",
        ),
        why=r"The entries $1/(x_i + y_j)$ change smoothly, so the singular values fall exponentially, each about the"
        r" same factor below the one before: a straight line on the logarithmic axis, down to rounding. Adaptive"
        r" crosses take the largest entry $E_{ij}$ that is left in a row, and subtract the one cross that makes this"
        r" row and column of the rest $E$ zero; here they run down beside the best possible line, a little above it."
        r" After $k$ crosses they have asked for about $k(m + n)$ of the $mn$ entries: so they serve where the matrix"
        r" is too large to be formed.",
        formula=r"E \leftarrow E - \frac{E_{:j}\, E_{i:}}{E_{ij}}",
        level=1,
        minutes=5,
        then="matrix-that-grows",
    ),
)
