"""First derivatives of a network and of the mean misfit L(θ) = (1/N) Σ_n ℓ(F(θ, x_n), y_n) by its parameters.

x is (N, inputs), θ is (size,), y what the misfit takes. J is the Jacobian of all outputs, (N, outputs, size).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from toolkit.networks.layout import Layer, Layout
from toolkit.networks.misfits import Misfit
from toolkit.networks.passes import Trace, backward, forward, pulled
from toolkit.networks.weights import each


class Gradient(NamedTuple):
    """L, ∇L (size,), and what it is made of: of each layer the inputs a and δ = ∂L/∂z, so that ∂L/∂W = δᵀa."""

    value: float
    slope: np.ndarray
    inputs: list[np.ndarray]
    deltas: list[np.ndarray]


def outputs(layout: Layout, parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    """F(θ, x), (N, outputs)."""
    return forward(layout.bound(parameters), x).outputs


def value(layout: Layout, misfit: Misfit, parameters: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """L(θ)."""
    return float(np.mean(misfit.charge(outputs(layout, parameters, x), y)[0]))


def deltas(layers: tuple[Layer, ...], misfit: Misfit, x: np.ndarray, y: np.ndarray) -> tuple[float, Trace, list]:
    """(L, the forward pass, δ = ∂L/∂z of every layer) of bound layers."""
    trace = forward(layers, x)
    values, slope = misfit.charge(trace.outputs, y)
    slope /= len(x)
    return float(np.mean(values)), trace, backward(layers, trace, slope)


def gradient(layout: Layout, misfit: Misfit, parameters: np.ndarray, x: np.ndarray, y: np.ndarray) -> Gradient:
    """L and ∇L by one pass forward and one backward, with every layer's inputs and deltas."""
    layers = layout.bound(parameters)
    found, trace, steep = deltas(layers, misfit, x, y)
    return Gradient(found, layout.flat(pulled(layers, trace.inputs, steep)), trace.inputs, steep)


def per_sample(layout: Layout, misfit: Misfit, parameters: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What every sample adds to ∇L, (N, size): the rows sum to ∇L, N times a row is the gradient of its ℓ."""
    layers = layout.bound(parameters)
    _, trace, steep = deltas(layers, misfit, x, y)
    return layout.flat(pulled(layers, trace.inputs, steep, each))


def jacobian(layout: Layout, parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    """J, (N, outputs, size): a pass backward an output."""
    layers = layout.bound(parameters)
    trace, rows = forward(layers, x), []
    for unit in np.eye(layout.outputs, dtype=trace.outputs.dtype):
        steep = backward(layers, trace, np.broadcast_to(unit, trace.outputs.shape))
        rows.append(layout.flat(pulled(layers, trace.inputs, steep, each)))
    return np.stack(rows, axis=1)


def jacobian_transposed_times(layout: Layout, parameters: np.ndarray, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Jᵀ v, (size,), by one pass backward; v is (N, outputs)."""
    layers = layout.bound(parameters)
    trace = forward(layers, x)
    return layout.flat(pulled(layers, trace.inputs, backward(layers, trace, v)))
