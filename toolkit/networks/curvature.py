"""Products with J, the Gauss–Newton matrix and the Hessian of L: none is formed, a product costs a few gradients.

Notation as in `derivatives`; v is a direction of the parameters, (size,), and R· the derivative of a pass along it.
"""

from __future__ import annotations

import numpy as np

from toolkit.networks.layout import Layer, Layout
from toolkit.networks.misfits import Misfit
from toolkit.networks.passes import Trace, backward, forward, pulled, slopes

Layers = tuple[Layer, ...]


def jacobian_times(layout: Layout, parameters: np.ndarray, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """J v, (N, outputs), by one pass forward with tangents."""
    layers = layout.bound(parameters)
    return tangents(layers, layout.bound(v), forward(layers, x)).outputs


def gauss_newton_times(
    layout: Layout, misfit: Misfit, parameters: np.ndarray, x: np.ndarray, y: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """G v = (1/N) Jᵀ (∂²ℓ/∂F²) J v, (size,): the Hessian without the curvature of the network, never indefinite.

    Reference: N. N. Schraudolph (2002), doi:10.1162/08997660260028683, section 3.
    """
    layers = layout.bound(parameters)
    trace = forward(layers, x)
    moved = tangents(layers, layout.bound(v), trace).outputs
    slope = misfit.curvature_times(trace.outputs, y, moved) / len(x)
    return layout.flat(pulled(layers, trace.inputs, backward(layers, trace, slope)))


def hessian_times(
    layout: Layout, misfit: Misfit, parameters: np.ndarray, x: np.ndarray, y: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """∇²L v, (size,), as the derivative of ∇L along v: both passes with tangents.

    Reference: B. A. Pearlmutter (1994), doi:10.1162/neco.1994.6.1.147 (the R-operator).
    """
    layers, directions = layout.bound(parameters), layout.bound(v)
    trace = forward(layers, x)
    moved = tangents(layers, directions, trace)
    slope = misfit.charge(trace.outputs, y)[1] / len(x)
    turned = misfit.curvature_times(trace.outputs, y, moved.outputs) / len(x)
    found: list[np.ndarray] = []
    for i, delta, change in _deltas(layers, directions, trace, moved, slope, turned):
        layer, a = layers[i], trace.inputs[i]
        terms = [layer.weight.pull(layer.parts, *one) for one in ((moved.inputs[i], delta), (a, change))]
        if layer.weight.curved:
            terms.append(layer.weight.pull(directions[i].parts, a, delta))
        found = [*(sum(parts) for parts in zip(*terms)), change.sum(axis=0), *found]
    return layout.flat(found)


def tangents(layers: Layers, directions: Layers, trace: Trace) -> Trace:
    """R of a forward pass: Rz = Ra Wᵀ + a RWᵀ + Rb, Ra = f′ Rz; layers bound to v give RW and Rb."""
    inputs, sums, change = [], [], np.zeros_like(trace.inputs[0])
    for i, (layer, direction, steep) in enumerate(zip(layers, directions, slopes(layers, trace))):
        kind, parts = layer.weight.push(layer.parts, direction.parts)
        inputs.append(change)
        sums.append(layer.times(change) + kind.times(parts, trace.inputs[i]) + direction.bias)
        change = steep * sums[-1]
    return Trace(inputs, sums, change)


def _deltas(layers: Layers, directions: Layers, trace: Trace, moved: Trace, slope, turned):
    """(place, δ, Rδ) from the last layer to the first: δ = f′ D, Rδ = f′ RD + f″ Rz D; D of the layer before is δ W."""
    steep = slopes(layers, trace)
    for i in range(len(layers) - 1, -1, -1):
        layer = layers[i]
        bent = layer.activation.bend(trace.sums[i], trace.after(i)) * moved.sums[i]
        delta, change = slope * steep[i], turned * steep[i] + slope * bent
        yield i, delta, change
        if i:
            kind, parts = layer.weight.push(layer.parts, directions[i].parts)
            slope, turned = layer.back(delta), layer.back(change) + kind.back(parts, delta)
