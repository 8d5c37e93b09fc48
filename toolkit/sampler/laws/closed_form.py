"""Laws in closed form: which they are, and the Jacobian of their denoisers."""

from __future__ import annotations

import numpy as np

from toolkit.core.errors import ToolkitError
from toolkit.sampler.laws.mixtures import GaussianFlow, Mixture, responsibilities


def closed_form(problem) -> bool:
    """Whether the denoiser is that of a Gaussian or of a mixture, in closed form: not so under guidance."""
    return type(problem).denoise in (Mixture.denoise, GaussianFlow.denoise)


def denoise_along(law, x: np.ndarray, u: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """(E[x₀|x], J u) with J = ∂E[x₀|x]/∂x = (α/σ²) Cov[x₀|x], symmetric; both (n, d); two evaluations' cost.

    For a mixture Cov u = Σ r_k τ_k² u + Σ r_k (m_k − m)((m_k − m)·u), m_k and τ_k² the components' posterior moments.
    """
    alpha, sigma = law.process.alpha(t), law.process.sigma(t)
    if isinstance(law, GaussianFlow):
        values, frame = law.spectrum
        gain = alpha * values / (alpha**2 * values + sigma**2)
        return law.denoise(x, t), (u @ (frame * gain)) @ frame.T
    if not isinstance(law, Mixture):
        raise ToolkitError(f"{type(law).__name__}: expected a Gaussian or a mixture, whose Jacobian is known.")
    weights, means, widths = law.parts
    variance = alpha**2 * widths**2 + sigma**2
    gain = alpha * widths**2 / variance
    share = responsibilities(x, alpha * means, variance, np.log(weights) - 0.5 * law.dim * np.log(variance))
    places = (1 - alpha * gain)[:, None] * means  # m_k = places_k + gain_k x
    denoised = share @ places + (share @ gain)[:, None] * x
    across = u @ places.T + gain * np.einsum("nd,nd->n", x, u)[:, None] - np.einsum("nd,nd->n", denoised, u)[:, None]
    across *= share
    spread = across @ places + (across @ gain)[:, None] * x - across.sum(axis=1)[:, None] * denoised
    return denoised, alpha / sigma**2 * spread + (share @ gain)[:, None] * u
