"""What is seen of what travels, whatever bases are made of it; and the small problems of the family."""

from __future__ import annotations

from toolkit.core.lab import Picture
from toolkit.rank.bases.fronts import KINDS as FRONTS
from toolkit.rank.bases.fronts import TravellingFront
from toolkit.rank.bases.problems import KINDS, SolutionFamily


def space_time(problem, state):
    """The front at rest, and along with the flow: places across, time upward."""
    return {"at rest": problem.eulerian.T, "with the flow": problem.lagrangian[1].T}


CASES = (
    *(TravellingFront(kind=kind, n=100, times=40) for kind in FRONTS),
    *(SolutionFamily(kind=kind, n=60, fields=120, draws=100) for kind in KINDS),
)

PICTURES = (Picture("front-space-time", "the front in space and time", "images", space_time, of=TravellingFront),)
