"""One step of Adam on a vector of parameters, all its averages in one pass over memory.

Used by toolkit/sampler/learnt: the training of the denoiser for digits.
"""

import math

from toolkit.kernels._jit import kernel


@kernel
def adam_step(parameters, first, second, mean, slope, move, rate, beta1, beta2, scale, keep, tiny):
    """m += (1 − β₁)(g − m), v += (1 − β₂)(g² − v), θ −= rate m/(scale √v + tiny), θ̄ += (1 − keep)(θ − θ̄).

    All arrays are (size,); `move` takes what is subtracted from θ. `rate` is η/(1 − β₁ᵏ), `scale` 1/√(1 − β₂ᵏ).
    """
    for i in range(parameters.size):
        g = slope[i]
        first[i] += (1 - beta1) * (g - first[i])
        second[i] += (1 - beta2) * (g * g - second[i])
        move[i] = rate * first[i] / (scale * math.sqrt(second[i]) + tiny)
        parameters[i] -= move[i]
        mean[i] += (1 - keep) * (parameters[i] - mean[i])
