"""What a layer does to each number: its value, first and second derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Activation:
    """a = value(z); slope(z, a) = f′ and bend(z, a) = f″, which may use whichever of z and a = f(z) is cheaper."""

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    bend: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _gate(z: np.ndarray) -> np.ndarray:
    """1/(1 + e^{−z}), in one array."""
    gate = np.clip(z, -60, 60)
    np.negative(gate, gate)
    np.exp(gate, gate)
    gate += 1
    return np.divide(1, gate, gate)


def _silu(z):
    gate = _gate(z)
    gate *= z
    return gate


def _silu_slope(z, a):
    gate = _gate(z)
    return gate * (1 + z * (1 - gate))


def _silu_bend(z, a):
    gate = _gate(z)
    return gate * (1 - gate) * (2 + z * (1 - 2 * gate))


def _softplus_bend(z, a):
    gate = _gate(z)
    return gate * (1 - gate)


def _nothing(z, a):
    return np.zeros_like(z)


ACTIVATIONS = {
    one.name: one
    for one in (
        Activation("identity", lambda z: z, lambda z, a: np.ones_like(z), _nothing),
        Activation("tanh", np.tanh, lambda z, a: 1 - a**2, lambda z, a: -2 * a * (1 - a**2)),
        Activation("relu", lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype), _nothing),
        Activation("silu", _silu, _silu_slope, _silu_bend),
        Activation("softplus", lambda z: np.logaddexp(0, z), lambda z, a: _gate(z), _softplus_bend),
    )
}
