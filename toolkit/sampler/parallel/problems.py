"""Chains whose every node follows from the one before: maps of a network, and the steps of an optimiser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob, seed_knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.sampler.laws.mixtures import SpaceMixture, responsibilities

SETTLED = 1e-12


@dataclass(frozen=True)
class Chain(Problem):
    """x_{i+1} = tanh(W_i x_i + u_i), i < T, with |W_i|₂ = `coupling`: a recurrent network, or T layers of their own.

    Its solution is the path that follows from x_0 one map after another; below coupling 1 each map is a contraction.
    Reference: Y. Song, C. Meng, R. Liao, S. Ermon (2021), arXiv:2002.03681, Sec. 2 and 5.
    """

    title: ClassVar[str] = "chain of maps"
    sources: ClassVar[tuple[str, ...]] = ("song2021feedforward",)
    length: int = knob(64, 2, 512, log=True, symbol="T", doc="maps in the chain")
    dimension: int = knob(16, 1, 128, symbol="d", doc="numbers at a node")
    coupling: float = knob(0.7, 0.05, 4.0, log=True, symbol="L", doc="norm of every map's matrix")
    layers: str = knob("recurrent", choices=("recurrent", "own"), doc="one matrix for all maps, or one each")
    seed: int = seed_knob("matrices, inputs and the first node")

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(W (T, d, d), u (T, d), x_0 (d,))."""
        generator, d = np.random.default_rng(self.seed), self.dimension
        count = 1 if self.layers == "recurrent" else self.length
        matrices = generator.standard_normal((count, d, d))
        matrices *= self.coupling / np.linalg.norm(matrices, 2, axis=(1, 2))[:, None, None]
        inputs = generator.standard_normal((self.length, d))
        return np.broadcast_to(matrices, (self.length, d, d)), inputs, generator.standard_normal(d)

    def node(self, i: int, x: np.ndarray) -> np.ndarray:
        """x_{i+1} from x_i = x, shape (d,)."""
        matrices, inputs, _ = self.parts
        return np.tanh(matrices[i] @ x + inputs[i])

    @cached_property
    def path(self) -> np.ndarray:
        """x_0, …, x_T one after another, shape (T + 1, d)."""
        path = [self.parts[2]]
        for i in range(self.length):
            path.append(self.node(i, path[-1]))
        return np.array(path)

    def measures(self):
        return chain_measures()


def chain_measures() -> tuple[Measure, ...]:
    """What is measured of a guess of all nodes."""
    return (
        Measure("chain_error", "error of the chain", chain_error, "max |x − x*|", doc="largest over the nodes"),
        Measure(
            "unsettled", "nodes not settled", unsettled, log=False, doc="nodes after the first that is wrong, and it"
        ),
    )


def chain_error(problem, state) -> float:
    """Largest distance of a node from the sequential result."""
    return float(np.linalg.norm(state.path - problem.path, axis=1).max())


def unsettled(problem, state) -> float:
    """Nodes from the first one on that is not the sequential one (to 1e-12)."""
    wrong = np.flatnonzero(np.abs(state.path - problem.path).max(axis=1) > SETTLED)
    return float(len(state.path) - wrong[0]) if len(wrong) else 0.0


@dataclass(frozen=True)
class Descent(Problem):
    """Heavy-ball descent on −log p of a mixture: m_{i+1} = β m_i − ∇log p(θ_i), θ_{i+1} = θ_i − η m_{i+1}, i < N.

    A node of the chain is (θ, m), two rows of d numbers; m is zero at first. The slope is what costs, as it does where
    p is a diffusion model's; η is `rate` s², and |∇²log p| ≥ −1/s² everywhere. No momentum: plain descent.
    Reference: L. Zhou, A. Shih, C. Meng, S. Ermon (2024), arXiv:2311.17082, Sec. 4; B. T. Polyak (1964),
    doi:10.1016/0041-5553(64)90137-5.
    """

    title: ClassVar[str] = "descent with momentum"
    sources: ClassVar[tuple[str, ...]] = ("zhou2024dreampropeller", "polyak1964")
    length: int = knob(64, 2, 512, log=True, symbol="N", doc="steps of the descent")
    dimension: int = knob(8, 1, 128, symbol="d", doc="numbers that are optimised")
    components: int = knob(5, 1, 200, log=True, symbol="K", doc="components of the mixture")
    width: float = knob(0.5, 0.1, 2.0, log=True, symbol="s", doc="standard deviation of a component")
    rate: float = knob(0.04, 1e-3, 1.0, log=True, doc="length of a step, η/s²")
    momentum: float = knob(0.8, 0.0, 0.99, symbol="β", doc="share of the step before; 0: none")
    seed: int = seed_knob("the start")

    @cached_property
    def law(self) -> SpaceMixture:
        """The mixture."""
        return SpaceMixture(dimension=self.dimension, components=self.components, width=self.width, particles=1)

    def slope(self, theta: np.ndarray) -> np.ndarray:
        """−∇log p at many points at once, (n, d): Σ_k r_k (θ − μ_k)/s²."""
        weights, means, widths = self.law.parts
        share = responsibilities(theta, means, widths**2, np.log(weights))
        return (theta - share @ means) / self.width**2

    def moved(self, node: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """(θ, m) after (θ, m) = node, shape (2, d), with the slope given: no evaluation."""
        speed = self.momentum * node[1] + slope
        return np.stack((node[0] - self.rate * self.width**2 * speed, speed))

    @cached_property
    def start(self) -> np.ndarray:
        """(θ₀, 0), (2, d): θ₀ normal, of length about 2."""
        theta = np.random.default_rng(self.seed).standard_normal(self.dimension) * 2 / np.sqrt(self.dimension)
        return np.stack((theta, np.zeros(self.dimension)))

    @cached_property
    def path(self) -> np.ndarray:
        """All nodes, one step after another, shape (N + 1, 2d)."""
        path = [self.start]
        for _ in range(self.length):
            path.append(self.moved(path[-1], self.slope(path[-1][:1])[0]))
        return np.array(path).reshape(self.length + 1, -1)

    def measures(self):
        return chain_measures()


CASES = (
    Chain(length=24),
    Chain(length=32, coupling=2.0, layers="own", dimension=8),
    Descent(length=24, dimension=3),
    Descent(length=32, components=1, momentum=0.0),
)
