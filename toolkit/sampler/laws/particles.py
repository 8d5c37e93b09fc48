"""The state of whatever carries the particles of a sampling problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.state import State


@dataclass(slots=True, kw_only=True)
class Particles(State):
    """Particles x (n, d) at the time t; a subclass has t, as a field or as a property.

    `on_its_way` says whether they go from noise to data with the run, over `times` of which times[i] is reached; else
    each step of the run is a whole sampling.
    """

    on_its_way: ClassVar[bool] = False
    x: np.ndarray

    def solution(self) -> np.ndarray:
        return self.x
