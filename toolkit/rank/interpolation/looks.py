"""What is seen of empirical interpolation: its points on the domain, and the worst field."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.rank.interpolation.deim import Deim
from toolkit.rank.interpolation.eim import STEPS, Eim, FieldState, RectangularEim, SymmetricEim
from toolkit.rank.interpolation.problems import MovingSource, SnapshotFile


def _places(problem, state):
    """The points on the domain, in the order of selection; None while there are none."""
    if not state.points:
        return None
    y, x = np.divmod(np.array(state.points), problem.shape[1])
    x, y = x / (problem.shape[1] - 1), y / (problem.shape[0] - 1)
    return {"earlier points": (x[:-1], y[:-1]), "newest point": (x[-1:], y[-1:])}


def _field(problem, state):
    """The field held out that is worst interpolated, its interpolant and the error."""
    guess = state.interpolant(problem.held_out)
    worst = int(np.argmax(np.abs(problem.held_out - guess).max(axis=1)))
    field = problem.held_out[worst]
    shown = {"field": field, "interpolant": guess[worst], "error": field - guess[worst]}
    return {name: values.reshape(problem.shape) for name, values in shown.items()}


CASES = (MovingSource(n=16, fields=60), MovingSource(kind="far source", n=16, fields=60), SnapshotFile())


def _on_an_image(problem, state) -> bool:
    return problem.shape is not None


PICTURES = (
    Picture("eim-points", "interpolation points", "points", _places, x="x", y="y", of=FieldState, when=_on_an_image),
    Picture("eim-field", "worst field, interpolant, error", "images", _field, of=FieldState, when=_on_an_image),
)


def same_points(runs) -> bool:
    """Whether the symmetric form, the third method, picks the points of the classical one, the first."""
    classical, symmetric = (run.state.points for run in (runs[0], runs[2]))
    return classical[: len(symmetric)] == symmetric


EXPERIMENTS = (
    Experiment(
        "where-to-look",
        "Where to look (EIM)",
        "A few points of a field are measured, all the rest is filled in. Which points, and does the norm matter?",
        MovingSource(),
        (Eim(), Eim(norm="mean square"), SymmetricEim(), RectangularEim(), Deim()),
        STEPS,
        measure="error",
        against="unknowns",
        picture="eim-points",
        predict=Pick(
            "The classical and the symmetric form of EIM are written quite differently. Do they pick the same points?",
            truth=whether(same_points),
            theory=0,
            options=YES_NO,
        ),
        why=r"Each step takes the field that is worst interpolated and the point where it is worst, so that the next"
        r" interpolant is right there, for fields never seen too. The symmetric form keeps the chosen fields and"
        r" points in equal roles and inverts their corner $F$; it is the same cross approximation of the table, with"
        r" the same picks to rounding. In which norm the worst field is chosen changes the order of the points, and"
        r" the largest error only somewhat. DEIM makes its points from the modes of an SVD instead: it is never worse"
        r" than the amplification $\|(P^T U)^{-1}\|$ times the best that its modes can do.",
        formula=r"\mathcal{I} f = f(\cdot, y)\, F^{-1} f(x, \cdot), \qquad F_{ij} = f(x_i, y_j)",
        level=1,
        minutes=6,
        then="multipole-rank",
    ),
)
