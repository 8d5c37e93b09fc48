"""State: everything that moves in a method."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field

import numpy as np

from toolkit.core.status import RUNNING, Status


@dataclass(slots=True)
class Work:
    """What a run has spent: operator products, preconditioner solves, function evaluations (NFE), flops."""

    matvecs: int = 0
    solves: int = 0
    nfe: int = 0
    flops: float = 0.0

    def copy(self) -> Work:
        return dataclasses.replace(self)


COUNTERS = tuple(f.name for f in dataclasses.fields(Work))


@dataclass(slots=True, kw_only=True)
class State:
    """Base of every method's state: subclasses are `@dataclass(slots=True, kw_only=True)` and add their arrays.

    `k` counts steps, `status` is set by the method when it ends by itself, `work` is what it has spent.
    """

    k: int = 0
    status: Status = RUNNING
    work: Work = field(default_factory=Work)

    def solution(self) -> np.ndarray:
        """The current approximation; may be computed on demand."""
        raise NotImplementedError

    def copy(self):
        """An independent copy: arrays and anything with a `copy` method are copied, the rest is shared."""
        twin = object.__new__(type(self))
        for f in dataclasses.fields(self):
            setattr(twin, f.name, _copied(getattr(self, f.name)))
        return twin

    def nbytes(self) -> int:
        """Bytes held in arrays: what a snapshot costs."""
        return sum(_nbytes(getattr(self, f.name)) for f in dataclasses.fields(self))


def _copied(value):
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item) for item in value)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value)
    make = getattr(value, "copy", None)
    return make() if callable(make) else value


def _nbytes(value) -> int:
    if isinstance(value, (list, tuple)):
        return sum(map(_nbytes, value))
    if isinstance(value, dict):
        return sum(map(_nbytes, value.values()))
    size = getattr(value, "nbytes", 0)
    return int(size() if callable(size) else size)
