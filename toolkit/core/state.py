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
        """An independent copy."""
        return dataclasses.replace(self)


COUNTERS = tuple(f.name for f in dataclasses.fields(Work))


def scratch():
    """A field of a state that holds an array nobody reads before it is written."""
    return field(metadata={"scratch": True})


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

    def copy(self, into: State | None = None):
        """An independent copy: arrays and anything with a `copy` method are copied, the rest is shared.

        `into`, an earlier copy that nobody needs any more, is overwritten and lends its arrays: fresh memory costs more
        than copying into old. Fields made by `scratch()` get arrays of their own, whatever is in them.
        """
        twin = object.__new__(type(self)) if into is None else into
        for f in dataclasses.fields(self):
            value, old = getattr(self, f.name), getattr(into, f.name, None)
            if "scratch" in f.metadata:
                setattr(twin, f.name, np.empty_like(value) if old is None else old)
            else:
                setattr(twin, f.name, _copied(value, old))
        return twin

    def nbytes(self) -> int:
        """Bytes held in arrays: what a snapshot costs."""
        return sum(_nbytes(getattr(self, f.name)) for f in dataclasses.fields(self))


def _copied(value, old=None):
    if isinstance(value, np.ndarray):
        if isinstance(old, np.ndarray) and old.flags.writeable and _layout(old) == _layout(value):
            np.copyto(old, value)
            return old
        return value.copy(order="K")  # in another layout products would round differently
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item) for item in value)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value)
    make = getattr(value, "copy", None)
    return make() if callable(make) else value


def _layout(array: np.ndarray) -> tuple:
    return array.shape, array.strides, array.dtype


def _nbytes(value) -> int:
    if isinstance(value, (list, tuple)):
        return sum(map(_nbytes, value))
    if isinstance(value, dict):
        return sum(map(_nbytes, value.values()))
    size = getattr(value, "nbytes", 0)
    return int(size() if callable(size) else size)
