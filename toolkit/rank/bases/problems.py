"""Families of solutions whose amplitude varies over decades: a source that moves, and a front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.linalg import solve_banded

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem

KINDS = ("source", "front")
DIFFUSION, SPEED, MOST_DECAY = 0.02, 0.5, 10.0


@dataclass(frozen=True)
class SolutionFamily(Problem):
    """Solutions u(x; μ, A, c) with place μ, amplitude A drawn log-uniformly over decades, and decay c.

    "source": −κ u″ + b u′ + c u = A exp(−((x − μ)/w)²), u = 0 at the ends of (0, 1), central differences on n points
    inside. "front": u = A (1 − tanh((x − μ)/w))/2, in closed form. μ in [0.1, 0.9] and c in [0, 10] uniformly, with the
    seed. `table` (M, n) are the solutions bases are made from, `held_out` others; `draws` are those of Monte Carlo.
    Reference: T. Daniel, F. Casenave, N. Akkari, A. Ketata, D. Ryckelynck, arXiv:2103.13683 (2021), section 4, and
    arXiv:2108.12291 (2021): families of this kind.
    """

    title: ClassVar[str] = "family of solutions"
    sources: ClassVar[tuple[str, ...]] = ("daniel2021", "daniel2021optimal")
    kind: str = knob(KINDS[0], choices=KINDS, doc="what moves")
    n: int = knob(150, 20, 1000, log=True, symbol="n", doc="points")
    fields: int = knob(150, 20, 600, log=True, symbol="M", doc="solutions that bases are made from")
    width: float = knob(0.05, 0.01, 0.3, log=True, symbol="w", doc="width of the source or of the front")
    decades: float = knob(2.0, 0.0, 4.0, doc="decades over which the amplitude varies")
    draws: int = knob(600, 20, 5000, log=True, doc="draws of Monte Carlo")
    seed: int = seed_knob("the parameters")

    @cached_property
    def x(self) -> np.ndarray:
        """Points inside (0, 1), (n,)."""
        return frozen(np.arange(1, self.n + 1) / (self.n + 1))

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Parameters (count, 3): place, amplitude, decay."""
        place, amplitude, decay = np.random.default_rng(seed).random((3, count))
        return frozen(np.stack((0.1 + 0.8 * place, 10 ** (-self.decades * amplitude), MOST_DECAY * decay), axis=1))

    @cached_property
    def parameters(self) -> np.ndarray:
        """Parameters (M, 3) of the solutions bases are made from."""
        return self.drawn(self.fields, self.seed)

    @cached_property
    def draw_parameters(self) -> np.ndarray:
        """Parameters (draws, 3) of Monte Carlo's draws."""
        return self.drawn(self.draws, self.seed + 2**32)

    def tells(self, clusters: int, modes: int) -> bool:
        """Whether as many modes are enough for a group and too few for all, and there are solutions enough to group.

        A group takes 0.8/K of the places; a mode of a group about one width of the source. Twenty solutions a group,
        twice as many as its modes, and three a width. Measured on hundreds of families: not a theorem.
        """
        many = self.fields >= max(20 * clusters, 2 * clusters * modes) and self.fields * self.width >= 3
        widths = 0.8 / self.width
        return many and clusters >= 3 and self.decades >= 1 and max(4, 1.5 * widths / clusters) <= modes <= 0.6 * widths

    @cached_property
    def bands(self) -> np.ndarray:
        """−κ u″ + b u′ by central differences in bands: above, on and below the diagonal (3, n)."""
        h = 1 / (self.n + 1)
        ones = np.ones(self.n)
        beside = [(-DIFFUSION / h**2 + side * SPEED / (2 * h)) * ones for side in (1, -1)]
        return frozen(np.stack((beside[0], 2 * DIFFUSION / h**2 * ones, beside[1])))

    def applied(self, fields: np.ndarray) -> np.ndarray:
        """−κ u″ + b u′ of fields (m, n)."""
        found = self.bands[1] * fields
        found[:, :-1] += self.bands[0, 1:] * fields[:, 1:]
        found[:, 1:] += self.bands[2, :-1] * fields[:, :-1]
        return found

    def load(self, parameters: np.ndarray) -> np.ndarray:
        """The source for parameters (m, 3): (m, n)."""
        return parameters[:, 1:2] * np.exp(-(((self.x - parameters[:, :1]) / self.width) ** 2))

    def solved(self, parameters: np.ndarray) -> np.ndarray:
        """Solutions for parameters (m, 3): (m, n). O(m n)."""
        if self.kind == KINDS[1]:
            return parameters[:, 1:2] * (1 - np.tanh((self.x - parameters[:, :1]) / self.width)) / 2
        found = np.empty((len(parameters), self.n))
        for i, (load, decay) in enumerate(zip(self.load(parameters), parameters[:, 2])):
            bands = self.bands.copy()
            bands[1] += decay
            found[i] = solve_banded((1, 1), bands, load, overwrite_ab=True, check_finite=False)
        return found

    @cached_property
    def table(self) -> np.ndarray:
        """Solutions bases are made from, one a row, (M, n)."""
        return frozen(self.solved(self.parameters))

    @cached_property
    def held_out(self) -> np.ndarray:
        """Sixty other solutions, (60, n)."""
        return frozen(self.solved(self.drawn(60, self.seed + 2**31)))

    @cached_property
    def truth(self) -> np.ndarray:
        """Full solutions of Monte Carlo's draws, (draws, n)."""
        return frozen(self.solved(self.draw_parameters))
