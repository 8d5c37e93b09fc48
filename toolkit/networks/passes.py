"""Forward and backward through bound layers; the inputs and deltas of every layer are kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from toolkit.networks.layout import Layer
from toolkit.networks.weights import Join, summed


class Trace(NamedTuple):
    """What a forward pass saw: of each layer its inputs a (N, inputs) and z = a Wᵀ + b; what came out, (N, outputs)."""

    inputs: list[np.ndarray]
    sums: list[np.ndarray]
    outputs: np.ndarray

    def after(self, place: int) -> np.ndarray:
        """What layer `place` gave."""
        return self.inputs[place + 1] if place + 1 < len(self.inputs) else self.outputs


def forward(layers: tuple[Layer, ...], inputs: np.ndarray) -> Trace:
    """a ↦ f(a Wᵀ + b), layer by layer."""
    seen, sums, a = [], [], inputs
    for layer in layers:
        z = layer.times(a) + layer.bias
        seen.append(a)
        sums.append(z)
        a = layer.activation.value(z)
    return Trace(seen, sums, a)


def slopes(layers: tuple[Layer, ...], trace: Trace) -> list[np.ndarray]:
    """f′ at every layer, (N, outputs)."""
    return [layer.activation.slope(trace.sums[i], trace.after(i)) for i, layer in enumerate(layers)]


def backward(layers: tuple[Layer, ...], trace: Trace, slope: np.ndarray) -> list[np.ndarray]:
    """δ = ∂/∂z of every layer, (N, outputs), of what has the derivative `slope` (N, outputs) by the outputs."""
    deltas, places = [], range(len(layers) - 1, -1, -1)
    for i, steep in zip(places, reversed(slopes(layers, trace))):
        deltas.append(slope * steep)
        if i:
            slope = layers[i].back(deltas[-1])
    return deltas[::-1]


def pulled(layers: tuple[Layer, ...], inputs: list, deltas: list, join: Join = summed) -> list[np.ndarray]:
    """Gradients of all arrays, in the order of `Layout.arrays`: summed over samples, or with `each` of every sample."""
    found = []
    for layer, a, delta in zip(layers, inputs, deltas):
        found += layer.weight.pull(layer.parts, a, delta, join)
        found.append(delta.sum(axis=0) if join is summed else delta)
    return found
