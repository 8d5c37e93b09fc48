"""Without its noise the reverse equation is an ordinary one: SciPy's solution of it, and the orders against it."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import toolkit as tk
from toolkit.sampler.laws.mixtures import SpaceMixture
from toolkit.sampler.stochastic.dpmplusplus import SDEDPMSolverPP1, SDEDPMSolverPP2M

THROUGH = tk.Stop(rtol=0.0, steps=None)


@dataclass(frozen=True)
class Still(SpaceMixture):
    """The law, and a Brownian path that stands still."""

    title = ""

    def path_noise(self, s, t):
        return np.zeros_like(self.initial)


def drifted(problem, first: float, last: float) -> np.ndarray:
    """u = x e^λ/σ has u' = 2 e^{2λ} x₀ in λ = log(α/σ): x = u σ e^{−λ} at the end."""
    process = problem.process
    levels = float(process.log_snr(first)), float(process.log_snr(last))

    def slope(level, u):
        t = float(process.time(level))
        x = u.reshape(problem.initial.shape) * process.sigma(t) * np.exp(-level)
        return 2 * np.exp(2 * level) * problem.denoise(x, t).ravel()

    start = problem.initial * np.exp(levels[0]) / process.sigma(first)
    end = solve_ivp(slope, levels, start.ravel(), "DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
    return end.reshape(problem.initial.shape) * process.sigma(last) * np.exp(-levels[1])


@pytest.mark.parametrize("grid", ["log-SNR", "Karras"])
@pytest.mark.parametrize("cls, order", [(SDEDPMSolverPP1, 1), (SDEDPMSolverPP2M, 2)])
def test_the_drift_is_averaged_to_the_order(cls, order, grid):
    problem = Still(particles=12, dimension=2, width=1.0)
    errors = []
    for steps in (64, 128, 256):
        state = tk.solve(problem, cls(steps=steps, grid=grid, end=0.1), THROUGH).state
        exact = drifted(problem, float(state.times[0]), float(state.times[-1]))
        errors.append(np.abs(state.x - exact).max())
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert slopes == pytest.approx(order, abs=0.2), errors
