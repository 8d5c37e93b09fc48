"""One small network for all labs: layers, value, gradient, and every derivative that a method may ask for.

A `Layout` says what the layers are; the parameters are one flat vector. Everything is a function of (layout,
parameters, data): nothing here trains. Training is a `Run` of a Method on a `Loss`.
"""

from toolkit.networks.activations import ACTIVATIONS, Activation
from toolkit.networks.curvature import gauss_newton_times, hessian_times, jacobian_times
from toolkit.networks.derivatives import (
    Gradient,
    deltas,
    gradient,
    jacobian,
    jacobian_transposed_times,
    outputs,
    per_sample,
    value,
)
from toolkit.networks.layout import Dense, Layer, Layout, perceptron
from toolkit.networks.loss import Loss
from toolkit.networks.misfits import CrossEntropy, Misfit, SquaredError
from toolkit.networks.passes import Trace, backward, forward
from toolkit.networks.shipped import Shipped, everything, ships
from toolkit.networks.weights import Full, LowRank, Masked, Quantised, Weight
