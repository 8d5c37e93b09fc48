"""A layout: what the layers are, and where in the flat vector of parameters each of them stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from toolkit.core.errors import ToolkitError
from toolkit.networks.activations import ACTIVATIONS, Activation
from toolkit.networks.weights import Full, Parts, Weight


@dataclass(frozen=True)
class Dense:
    """A layer a ↦ f(a Wᵀ + b), W (outputs, inputs), b (outputs,): its widths, f, and how W is kept."""

    inputs: int
    outputs: int
    activation: str = "identity"
    weight: Weight = Full()

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ToolkitError(f"Dense.activation = {self.activation!r}: expected one of {known}.")
        if min(self.inputs, self.outputs) < 1:
            raise ToolkitError(f"Dense of {self.inputs} inputs and {self.outputs} outputs: expected one at least.")
        _ = self.shapes  # a weight may refuse

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of its arrays: the parts of W, then b."""
        return *self.weight.shapes(self.outputs, self.inputs), (self.outputs,)


class Layer(NamedTuple):
    """A layer with its arrays: W as `weight` keeps it in `parts`, b, f."""

    weight: Weight
    parts: Parts
    bias: np.ndarray
    activation: Activation

    def times(self, a: np.ndarray) -> np.ndarray:
        """a Wᵀ."""
        return self.weight.times(self.parts, a)

    def back(self, delta: np.ndarray) -> np.ndarray:
        """δ W."""
        return self.weight.back(self.parts, delta)


@dataclass(frozen=True)
class Layout:
    """Layers one after another. The parameters are one vector: of each layer vec(W), column by column, then b.

    With vec by columns the block of a layer in a curvature matrix is (inputs' part) ⊗ (outputs' part), as in
    J. Martens, R. Grosse (2015), arXiv:1503.05671, and a Wᵀ reads W along its memory.
    """

    layers: tuple[Dense, ...]

    def __post_init__(self):
        if not self.layers:
            raise ToolkitError("a Layout without layers: expected one at least.")
        for one, other in pairwise(self.layers):
            if one.outputs != other.inputs:
                words = f"a layer with {one.outputs} outputs is followed by one with {other.inputs} inputs"
                raise ToolkitError(f"{words}: expected equal numbers.")

    @property
    def inputs(self) -> int:
        """Numbers that go in."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        """Numbers that come out."""
        return self.layers[-1].outputs

    @cached_property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(shape for layer in self.layers for shape in layer.shapes)

    @cached_property
    def size(self) -> int:
        """How many parameters there are."""
        return sum(map(math.prod, self._shapes))

    def arrays(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Views of the vector: of each layer the parts of W, then b."""
        if parameters.shape != (self.size,):
            raise ToolkitError(f"parameters of shape {parameters.shape}: expected ({self.size},).")
        found, start = [], 0
        for shape in self._shapes:
            stop = start + math.prod(shape)
            found.append(parameters[start:stop].reshape(shape[::-1]).T)
            start = stop
        return found

    def bound(self, parameters: np.ndarray) -> tuple[Layer, ...]:
        """The layers with views of the vector for arrays."""
        arrays, found = iter(self.arrays(parameters)), []
        for layer in self.layers:
            *parts, bias = (next(arrays) for _ in layer.shapes)
            found.append(Layer(layer.weight, tuple(parts), bias, ACTIVATIONS[layer.activation]))
        return tuple(found)

    def flat(self, arrays) -> np.ndarray:
        """One vector of arrays in the order of `arrays`; those with one axis more, (N, …), give N vectors (N, size)."""
        found = []
        for array, shape in zip(arrays, self._shapes, strict=True):
            turned = np.swapaxes(array, -1, -2) if len(shape) == 2 else array
            found.append(turned.reshape(*array.shape[: array.ndim - len(shape)], -1))
        return np.concatenate(found, axis=-1)


def perceptron(*widths: int, activation: str = "tanh", last: str = "identity", weight: Weight | None = None) -> Layout:
    """Dense layers of the given widths, inputs first, all kept the same way; the last has an activation of its own."""
    kinds = [activation] * (len(widths) - 2) + [last]
    kept = Full() if weight is None else weight
    return Layout(tuple(Dense(m, n, kind, kept) for (m, n), kind in zip(pairwise(widths), kinds)))
