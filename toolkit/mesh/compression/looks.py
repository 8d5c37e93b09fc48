"""What is seen of a compressed field, the questions asked, and the small cases on which its claims are checked."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Guess, Pick, first_below, reached, whether
from toolkit.core.stop import THROUGH
from toolkit.mesh.compression.compressors import MGARD, ZFP, StreamState, Zlib, zfp_is_here
from toolkit.mesh.compression.problems import Field, Photograph, TurbulentField
from toolkit.mesh.compression.progressive import LevelByLevel, LevelState


def _triple(problem, state: StreamState | LevelState):
    """The field, what comes out again, and their difference; of three axes the middle slice."""
    field, again = problem.slice(problem.data), problem.slice(np.asarray(state.solution()))
    return {"field": field, "reconstruction": again, "error": again.astype(np.float64) - field}


def _lines(problem, state: StreamState | LevelState):
    """The field along its only axis, and what comes out again."""
    step = max(1, problem.data.size // 2000)
    there = np.arange(problem.data.size)[::step]
    return {"x": there, "field": problem.data[::step], "reconstruction": np.asarray(state.solution())[::step]}


def _many_axes(problem: Field, state) -> bool:
    return problem.data.ndim > 1


def _one_axis(problem: Field, state) -> bool:
    return problem.data.ndim == 1


_IMAGE, _LINE = (dict(of=(StreamState, LevelState), when=when) for when in (_many_axes, _one_axis))

PICTURES = (
    Picture("compressed", "Field, reconstruction, error", "images", _triple, **_IMAGE),
    Picture("compressed_line", "Field and reconstruction", "lines", _lines, x="node", y="value", **_LINE),
)

CASES = (
    TurbulentField(dim=1, n=1000, decay=5.0),
    TurbulentField(dim=2, n=70, decay=5.0),
    TurbulentField(dim=3, n=17, decay=3.0, single=True),
)

_RIVALS = (MGARD(), MGARD(spend=True), Zlib(), *((ZFP(),) if zfp_is_here() else ()))


def exceeds(runs) -> bool:
    """Whether an error was above its tolerance, but for rounding."""
    return any(bool(np.any(run.history["max_error"] > run.history["tolerance"] * (1 + 1e-9))) for run in runs)


EXPERIMENTS = (
    Experiment(
        "compress-turbulence",
        "Compress turbulence",
        "How many bits a value does each error cost, and is the tolerance ever exceeded?",
        TurbulentField(dim=2, n=300, decay=3.0),
        _RIVALS,
        THROUGH,
        measure="max_error",
        against="bits",
        picture="compressed",
        predict=Pick("Is the tolerance exceeded anywhere, by anyone?", whether(exceeds), theory=1, options=YES_NO),
        why=(
            r"Each method promises that no value is off by more than the tolerance $\tau$. For MGARD that is "
            "proven: the coefficients of all levels are rounded so finely that their errors together, each times "
            r"what the way back can make of it, stay below $\tau$. A smooth field has small coefficients on the "
            "fine levels, and they cost few bits."
        ),
        formula=r"\max_x|u(x)-\tilde u(x)|\le\sum_l\kappa_l\,\delta_l\le\tau",
        level=2,
        minutes=5,
        then="curved_edge",
    ),
    Experiment(
        "compress-photograph",
        "Compress a photograph",
        "Edges are rough: what is left of the gain?",
        Photograph(),
        _RIVALS,
        THROUGH,
        measure="max_error",
        against="bits",
        picture="compressed",
        predict=Pick(
            "Who is below an error of one percent with the fewest bits a value?", first_below("max_error", 0.01, "bits")
        ),
        why=(
            "Compression lives on what neighbours have in common. Across an edge they have little, and the "
            "coefficients there are large on every level, so that the gain over plain rounding is smaller than on"
            " a smooth field. The bound holds all the same: it asks nothing of the field."
        ),
        formula=r"\max_x|u(x)-\tilde u(x)|\le\tau",
        level=1,
        minutes=4,
        then="compress-turbulence",
    ),
    Experiment(
        "levels-added",
        "Sharper level by level",
        "What does each level of the pyramid add?",
        Photograph(every=1),
        (LevelByLevel(),),
        THROUGH,
        measure="max_error",
        against="coefficients",
        picture="compressed",
        predict=Guess(
            "With how many coefficients is the largest error below a tenth of the range?",
            reached("max_error", 0.1, against="coefficients"),
            1.0,
            1e6,
            unit="coefficients",
            close=2.0,
        ),
        why=(
            "The coarsest level gives the large areas, each further one what the last could not show, with about "
            "four times as many coefficients. What is still missing can be told beforehand: the largest "
            "coefficient of each missing level times what the way back can make of it. At edges the error stays "
            "large until the last levels, and with all of them the photograph is back."
        ),
        formula=r"\max_x|u-u_k|\le\sum_{l\ \text{missing}}\kappa_l\,\max|c_l|",
        level=1,
        minutes=4,
        then="compress-photograph",
    ),
)
