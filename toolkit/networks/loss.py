"""Loss: a network and data as a Problem. A Method goes down it, `Run` trains."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from toolkit.core.problem import Problem
from toolkit.networks import derivatives
from toolkit.networks.layout import Layout
from toolkit.networks.misfits import Misfit

Batch = tuple[np.ndarray, np.ndarray]


class Loss(Problem):
    """Make the mean misfit L(θ) of a network on data small.

    A class gives `layout`, `start` and `batch`, the samples of a step. All randomness comes from one generator that a
    method keeps in its state: its first draws are the start, those that follow the batches.
    """

    misfit: ClassVar[Misfit]
    seed: int

    @property
    def layout(self) -> Layout:
        """The layers."""
        raise NotImplementedError

    def start(self, generator: np.random.Generator) -> np.ndarray:
        """Parameters before training, (size,)."""
        raise NotImplementedError

    def batch(self, generator: np.random.Generator) -> Batch:
        """(x, y) to take one gradient on: drawn, or all there are."""
        raise NotImplementedError

    def generator(self) -> np.random.Generator:
        """The generator a training begins with."""
        return np.random.default_rng(self.seed)

    def value(self, parameters: np.ndarray, batch: Batch) -> float:
        """L(θ) on a batch."""
        return derivatives.value(self.layout, self.misfit, parameters, *batch)

    def gradient(self, parameters: np.ndarray, batch: Batch) -> derivatives.Gradient:
        """L and ∇L on a batch, with the inputs and deltas of every layer."""
        return derivatives.gradient(self.layout, self.misfit, parameters, *batch)
