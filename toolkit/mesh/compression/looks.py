"""What is seen of a compressed field, the questions asked, and the small cases on which its claims are checked."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
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
    ),
)
