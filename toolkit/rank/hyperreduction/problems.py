"""A bar that yields when it is heated: linear elements, an elastoviscoplastic law, cycles of heat and of load."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.linalg import solveh_banded

from toolkit.core.arrays import frozen
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.problem import Problem
from toolkit.core.status import Status
from toolkit.kernels.points.viscoplastic import respond

# Young's modulus MPa, expansion 1/K, elastic limit MPa, viscosity MPa and its exponent, hardening MPa, recall, loss 1/K
LAW = np.array([2e5, 1.5e-5, 120.0, 200.0, 5.0, 5e4, 200.0, 6e-4])
NEWTON = 59  # most steps of Newton's method in a time step
STUCK = Status("failed", "Newton's method did not converge in this time step", "Take more time steps in a cycle")


def newton(missed, move, start: np.ndarray, goal: float):
    """(root, steps) of missed(x) = 0 by Newton's method, halved where the residual would grow; None without success.

    `missed(x)` leaves what `move(residual)` needs, the tangent at x. Without success: a singular tangent, or |residual|
    above `goal` after NEWTON steps.
    """
    x, rest = start, missed(start)
    for tries in range(NEWTON + 1):
        size = np.abs(rest).max()
        if size <= goal:
            return x, tries
        try:
            step = move(rest)
        except np.linalg.LinAlgError:
            return None
        for _ in range(12):
            after = missed(x - step)
            if np.abs(after).max() < size:
                break
            step = step / 2
        x, rest = x - step, after
    return None


class Loading(NamedTuple):
    """What acts on the bar: place and height (K) of the hot spot, cycles."""

    place: float
    heat: float
    cycles: int


class Response(NamedTuple):
    """A computed history: displacements (S, n−1) mm, stresses and accumulated plastic strains (S, n)."""

    fields: np.ndarray
    stresses: np.ndarray
    plastic: np.ndarray


@dataclass(frozen=True)
class ViscoplasticBar(Problem):
    """σ′ + f = 0 on (0, 1), u = 0 at both ends; σ = E (u′ − α θ − ε_p), ε_p by Norton's law with a back stress.

    A hot spot θ(x, t) of Gaussian shape and a body force f (as in rotation) come and go in cycles, out of phase. Bases
    are made from the training loading, `trained` cycles with the spot at 0.4; the loading to be computed has the spot
    shifted, its heat changed, and goes on for `cycles`. n linear elements, one point each; implicit Euler steps.
    Moduli fall with temperature: 200 GPa, limit 120 MPa, Norton exponent 5.
    Reference: F. Casenave, N. Akkari, Math. Comput. Appl. 24 (2019) 41, doi:10.3390/mca24020041, section 2; J.-L.
    Chaboche, Int. J. Plasticity 5 (1989) 247–302, doi:10.1016/0749-6419(89)90015-6.
    """

    title: ClassVar[str] = "elastoviscoplastic bar"
    sources: ClassVar[tuple[str, ...]] = ("casenave2019", "chaboche1989")
    n: int = knob(120, 20, 2000, log=True, symbol="n", doc="elements")
    steps: int = knob(24, 8, 100, log=True, doc="time steps in a cycle")
    trained: int = knob(1, 1, 4, doc="cycles that bases are made from")
    cycles: int = knob(2, 1, 6, doc="cycles to be computed")
    heat: float = knob(400.0, 50.0, 700.0, unit="K", symbol="θ", doc="height of the hot spot in the training")
    shift: float = knob(0.0, -0.25, 0.45, doc="by how much the spot is moved in the loading to be computed")
    change: float = knob(0.1, -0.5, 0.5, doc="by what share it is hotter there")
    force: float = knob(250.0, 0.0, 600.0, unit="MPa", doc="body force, by the length of the bar")

    @property
    def width(self) -> float:
        """Width of an element."""
        return 1 / self.n

    @property
    def learned(self) -> Loading:
        """The training loading."""
        return Loading(0.4, self.heat, self.trained)

    @property
    def asked(self) -> Loading:
        """The loading to be computed."""
        return Loading(0.4 + self.shift, self.heat * (1 + self.change), self.cycles)

    @cached_property
    def middles(self) -> np.ndarray:
        """Midpoints of the elements, (n,)."""
        return frozen((np.arange(self.n) + 0.5) / self.n)

    @property
    def dt(self) -> float:
        """Length of a time step, in cycles."""
        return 1 / self.steps

    def rise(self, loading: Loading, step: int, points=slice(None)) -> np.ndarray:
        """Temperature above that at rest in the elements (chosen by `points`) after so many time steps, K."""
        wave = (1 - np.cos(2 * np.pi * step * self.dt)) / 2
        return wave * loading.heat * np.exp(-(((self.middles[points] - loading.place) / 0.15) ** 2))

    def rotation(self, step: int) -> float:
        """The body force's factor in time: it comes and goes a quarter of a cycle before the heat."""
        return (1 - np.cos(2 * np.pi * (step * self.dt + 0.25))) / 2 - 0.5 if step else 0.0

    @cached_property
    def load(self) -> np.ndarray:
        """The body force, which grows along the bar, at the nodes inside, (n−1,)."""
        return frozen(self.force * self.width * (0.5 + np.arange(1, self.n) / self.n))

    def strains(self, fields: np.ndarray) -> np.ndarray:
        """Strains (…, n) of displacements (…, n−1)."""
        rims = [(0, 0)] * (fields.ndim - 1) + [(1, 1)]
        return np.diff(np.pad(fields, rims), axis=-1) * self.n

    def advanced(self, loading: Loading, step: int, field: np.ndarray, internal: np.ndarray):
        """(field, internal, stress, Newton steps) after time step `step`, from those before it; None if it fails."""
        rise, load = self.rise(loading, step), self.rotation(step) * self.load
        new, stress, tangent = np.empty_like(internal), np.empty(self.n), np.empty(self.n)

        def missed(field):
            respond(self.strains(field), rise, self.dt, LAW, internal, new, stress, tangent)
            return stress[:-1] - stress[1:] - load

        def move(rest):
            bands = np.stack((tangent[:-1] + tangent[1:], np.append(-tangent[1:-1], 0.0))) * self.n
            return solveh_banded(bands, rest, lower=True, check_finite=False)

        found = newton(missed, move, field, 1e-9 * (LAW[2] + np.abs(load).max()))
        return None if found is None else (found[0], new, stress, found[1])

    def computed(self, loading: Loading) -> Response:
        """The full model over all cycles; Breakdown where a time step fails."""
        field, internal = np.zeros(self.n - 1), np.zeros((3, self.n))
        found = []
        for step in range(1, loading.cycles * self.steps + 1):
            after = self.advanced(loading, step, field, internal)
            if after is None:
                raise Breakdown(STUCK.cause, STUCK.advice)
            field, internal, stress, _ = after
            found.append((field, stress, internal[2]))
        return Response(*(frozen(np.array(one)) for one in zip(*found)))

    @cached_property
    def training(self) -> Response:
        """The full model of the training loading."""
        return self.computed(self.learned)

    @cached_property
    def truth(self) -> Response:
        """The full model of the loading to be computed."""
        return self.computed(self.asked)

    @cached_property
    def scale(self) -> float:
        """Largest norm of the true strains over time."""
        return float(np.linalg.norm(self.strains(self.truth.fields), axis=1).max())

    def far(self, field: np.ndarray, step: int) -> float:
        """Error of the strains of a field after so many time steps, relative to their largest norm over time."""
        if not step:
            return 0.0
        return float(np.linalg.norm(self.strains(field - self.truth.fields[step - 1])) / self.scale)


CASES = (ViscoplasticBar(n=60, steps=16, change=0.0), ViscoplasticBar(n=60, steps=16, shift=0.15, change=0.2))
