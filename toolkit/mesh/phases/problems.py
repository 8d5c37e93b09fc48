"""Phase fields: the Ginzburg–Landau energy of two phases on a square, and of two classes of digits on a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft
import scipy.sparse as sp
from scipy.sparse.linalg import splu, spsolve

from toolkit.core.knob import knob, seed_knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.data import bundled
from toolkit.kernels.grid import ginzburg as kernels
from toolkit.preconditioner.systems.digit_graph import GraphLaplacian

TENSION = 2 * np.sqrt(2) / 3
ALPHA = 0.99
RADIUS = 0.35


class PhaseProblem(Problem):
    """E(u) = ε/2 ⟨u, L u⟩ + Σ W(u)/ε + a convex quadratic fidelity; fields are flat arrays."""

    epsilon: float

    @property
    def weight(self) -> float:
        """What every term of a sum over the field counts."""
        return 1.0

    @property
    def resolved(self) -> bool:
        """Whether the interface is thin, and wide enough for the grid."""
        return True

    @property
    def disc(self) -> bool:
        """Whether the phase begins as a disc, which shrinks by a law that is known."""
        return False

    @property
    def fleeting(self) -> bool:
        """Whether nearly all of the energy is gone after two steps: noise on cells much finer than the interface."""
        return False

    @property
    def start(self) -> np.ndarray:
        """The field to begin with, flat."""
        raise NotImplementedError

    def look(self, u: np.ndarray) -> tuple[float, float]:
        """(E(u), norm of its gradient)."""
        raise NotImplementedError

    def implicit(self, step: float, split: float) -> Callable:
        """`solve(y)`: x of (1 + Sσ + σ ε² L + σ ε · fidelity) x = y + σ ε · fidelity · labels."""
        raise NotImplementedError


@dataclass(frozen=True)
class PhaseField(PhaseProblem):
    """Two phases on the unit square: E(u) = ∫ ε/2 |∇u|² + W(u)/ε, nothing through the border; n × n cells.

    As ε → 0, E → (2√2/3) · length of the interface. circle of radius 0.35; square; dumbbell, two discs and a bridge;
    noise, random values in (−1, 1) at every cell.
    """

    title: ClassVar[str] = "two phases on a square"
    sources: ClassVar[tuple[str, ...]] = ("akande2025",)
    shape: str = knob("dumbbell", choices=("circle", "square", "dumbbell", "noise"), doc="the phase to begin with")
    epsilon: float = knob(0.03, 0.005, 0.2, log=True, symbol="ε", doc="width of the interface")
    n: int = knob(96, 8, 512, log=True, symbol="n", doc="cells a side; ε n should be 2 at least")
    seed: int = seed_knob("the noise")

    @property
    def weight(self) -> float:
        return 1.0 / self.n**2

    @property
    def resolved(self) -> bool:
        return self.epsilon <= 0.05 and self.n * self.epsilon >= 2.4

    @property
    def disc(self) -> bool:
        return self.shape == "circle"

    @property
    def fleeting(self) -> bool:
        return self.shape == "noise" and self.n * self.epsilon > 3

    @cached_property
    def start(self) -> np.ndarray:
        line = (np.arange(self.n) + 0.5) / self.n - 0.5
        x, y = np.meshgrid(line, line, indexing="ij")
        if self.shape == "noise":
            return np.random.default_rng(self.seed).uniform(-1, 1, self.n**2)
        if self.shape == "circle":
            inside = RADIUS - np.hypot(x, y)
        elif self.shape == "square":
            inside = 0.3 - np.maximum(np.abs(x), np.abs(y))
        else:
            discs = 0.17 - np.hypot(np.abs(x) - 0.22, y)
            inside = np.maximum(discs, np.minimum(0.22 - np.abs(x), 0.06 - np.abs(y)))
        return np.tanh(inside / (np.sqrt(2) * self.epsilon)).ravel()

    def look(self, u):
        return kernels.grid_energy(u.reshape(self.n, self.n), self.epsilon, 1.0 / self.n)

    def implicit(self, step, split):
        wave = (2 * self.n * np.sin(np.pi * np.arange(self.n) / (2 * self.n))) ** 2
        symbol = 1 + split * step + step * self.epsilon**2 * (wave[:, None] + wave)

        def solve(y):
            return scipy.fft.idctn(scipy.fft.dctn(y.reshape(symbol.shape)) / symbol).ravel()

        return solve

    def measures(self) -> tuple[Measure, ...]:
        return (LENGTH, RADIUS_MEASURE)


@dataclass(frozen=True)
class DigitClasses(PhaseProblem):
    """Two classes of handwritten digits: E(u) = ε/2 ⟨u, L u⟩ + Σ W(u)/ε + λ/2 Σ_labelled (u − ±1)².

    The vertices are 8 × 8 images of scikit-learn's digits, joined to their nearest neighbours; L = I − D^{−½} A D^{−½}.
    u > 0 is one class. `peers`: the harmonic function and label spreading (α = 0.99).
    Reference: A. L. Bertozzi, A. Flenner, Multiscale Model. Simul. 10 (2012) 1090–1118, Section 2.
    """

    title: ClassVar[str] = "two classes of digits"
    sources: ClassVar[tuple[str, ...]] = ("bertozzi2012", "akande2025")
    images: int = knob(bundled.DIGITS, 60, bundled.DIGITS, log=True, doc="images, the first ones of the data set")
    neighbours: int = knob(8, 3, 30, log=True, symbol="k", doc="nearest neighbours that each image is joined to")
    labelled: int = knob(50, 4, 500, log=True, doc="images whose class is known; at most half of all")
    split: str = knob("even or odd", choices=("even or odd", "below five"), doc="the classes")
    epsilon: float = knob(1.0, 0.1, 20.0, log=True, symbol="ε", doc="softness of the boundary between the classes")
    fidelity: float = knob(10.0, 0.1, 1000.0, log=True, symbol="λ", doc="how firmly the labels are held")
    seed: int = seed_knob("the choice of labelled images")

    @cached_property
    def graph(self) -> GraphLaplacian:
        """The nearest-neighbour graph and the choice of labelled vertices."""
        return GraphLaplacian(self.images, self.neighbours, self.labelled, seed=self.seed)

    @cached_property
    def smoother(self) -> sp.csr_array:
        """D^{−½} A D^{−½}."""
        scale = sp.diags_array(1 / np.sqrt(self.graph.weights.sum(axis=1)))
        return sp.csr_array(scale @ self.graph.weights @ scale)

    @cached_property
    def truth(self) -> np.ndarray:
        """±1, the classes."""
        digits = bundled.digits()[1][: self.images]
        return np.where(digits % 2 == 0 if self.split == "even or odd" else digits < 5, 1.0, -1.0)

    @cached_property
    def labels(self) -> np.ndarray:
        """±1 at labelled vertices, 0 at others."""
        found = np.zeros(self.images)
        found[self.graph.known] = self.truth[self.graph.known]
        return found

    @property
    def start(self) -> np.ndarray:
        return self.labels

    @cached_property
    def places(self) -> np.ndarray:
        """The images in the plane of their first two principal components, (images, 2)."""
        data = bundled.digits()[0][: self.images]
        data = data - data.mean(axis=0)
        return data @ np.linalg.eigh(data.T @ data)[1][:, :-3:-1]

    def look(self, u):
        bend, slope = u - self.smoother @ u, np.empty_like(u)
        wells = kernels.wells(u, slope)
        off = np.where(self.labels == 0, 0.0, u - self.labels)
        gradient = self.epsilon * bend + slope / self.epsilon + self.fidelity * off
        energy = self.epsilon / 2 * (u @ bend) + wells / self.epsilon + self.fidelity / 2 * (off @ off)
        return float(energy), float(np.linalg.norm(gradient))

    def implicit(self, step, split):
        held = step * self.epsilon * self.fidelity
        diagonal = 1 + split * step + step * self.epsilon**2 + held * (self.labels != 0)
        factors = splu(sp.csc_array(sp.diags_array(diagonal) - step * self.epsilon**2 * self.smoother))
        return lambda y: factors.solve(y + held * self.labels)

    def wrong(self, u: np.ndarray) -> float:
        """The share of unlabelled images that fall into the wrong class."""
        unknown = self.graph.unknown
        return float(np.mean((u[unknown] > 0) != (self.truth[unknown] > 0)))

    @cached_property
    def peers(self) -> dict[str, float]:
        """The shares of wrong images of the harmonic function and of label spreading, by name."""
        unknown, known, laplacian = self.graph.unknown, self.graph.known, self.graph.laplacian
        harmonic = self.labels.copy()
        rhs = -(laplacian[unknown][:, known] @ harmonic[known])
        harmonic[unknown] = spsolve(sp.csc_array(laplacian[unknown][:, unknown]), rhs)
        spread = spsolve(sp.csc_array(sp.eye_array(self.images) - ALPHA * self.smoother), self.labels)
        return {"harmonic": self.wrong(harmonic), "label spreading": self.wrong(spread)}

    def measures(self) -> tuple[Measure, ...]:
        return (WRONG, BESIDE)


def radius(problem, u: np.ndarray) -> float:
    """The radius of a disc of the area of the phase u > 0, from ∫(1 + u)/2."""
    area = float(np.mean(np.clip(u, -1, 1)) + 1) / 2
    return float(np.sqrt(area / np.pi))


def _beside(problem: DigitClasses, state) -> float:
    least = 1.0 / (problem.images - problem.labelled)
    return problem.wrong(state.solution()) / max(problem.peers["label spreading"], least)


BESIDE = Measure(
    "beside_spreading",
    "wrong images over those of label spreading",
    _beside,
    "wrong / wrong by spreading",
    doc="on the same graph with the same labels",
)
LENGTH = Measure(
    "length",
    "length of the interface",
    lambda problem, state: problem.look(state.solution())[0] / TENSION,
    "E / (2√2/3)",
    doc="the limit of the energy as ε → 0",
)
RADIUS_MEASURE = Measure(
    "radius",
    "radius of a disc as large",
    lambda problem, state: radius(problem, state.solution()),
    "r",
    log=False,
    doc="of the area of the phase u > 0",
)
WRONG = Measure(
    "wrong",
    "images in the wrong class",
    lambda problem, state: problem.wrong(state.solution()),
    "wrong / unlabelled",
    log=False,
    doc="share of the images without a label",
)
