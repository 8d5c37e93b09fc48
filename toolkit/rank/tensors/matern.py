"""Matérn processes as linear stochastic differential equations, and densely."""

from __future__ import annotations

import math

import numpy as np


def matern_sde(nu: str, length: float) -> tuple[np.ndarray, float, np.ndarray]:
    """The Matérn process as dz = F z dt + …: (F + λ I, which is nilpotent; λ; the stationary covariance of z).

    z holds the process and its derivatives, λ = √(2ν)/ℓ, the variance is one.
    Reference: J. Hartikainen, S. Särkkä, MLSP 2010, doi:10.1109/MLSP.2010.5589113, section 3.1.
    """
    p = {"1/2": 1, "3/2": 2, "5/2": 3}[nu]
    rate = math.sqrt(2 * p - 1) / length
    drift = np.diag(np.ones(p - 1), 1)
    drift[-1] = [-math.comb(p, j) * rate ** (p - j) for j in range(p)]
    k = rate**2 / 3
    stationary = (
        np.eye(1)
        if p == 1
        else np.diag([1.0, rate**2])
        if p == 2
        else np.array([[1, 0, -k], [0, k, 0], [-k, 0, rate**4]])
    )
    return drift + rate * np.eye(p), rate, stationary


def matern(nu: str, length: float, distance: np.ndarray) -> np.ndarray:
    """The Matérn covariance of variance one."""
    s = math.sqrt({"1/2": 1, "3/2": 3, "5/2": 5}[nu]) * np.abs(distance) / length
    return np.exp(-s) * {"1/2": 1, "3/2": 1 + s, "5/2": 1 + s + s**2 / 3}[nu]


def transitions(nu: str, length: float, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """exp(F Δt) and the noise gathered meanwhile, (T, s, s) each, and the stationary covariance."""
    nilpotent, rate, stationary = matern_sde(nu, length)
    gap = np.diff(times, prepend=times[0])[:, None, None]
    one = np.eye(len(nilpotent)) + nilpotent * gap + nilpotent @ nilpotent * gap**2 / 2
    step = np.exp(-rate * gap) * one
    return step, stationary - step @ stationary @ step.transpose(0, 2, 1), stationary


def dense_posterior(nu, length, times, precision, weighted) -> tuple[np.ndarray, np.ndarray]:
    """Means (T, r) and covariances (T, r, r) of r independent processes given the messages, O((T r)³)."""
    count, r = weighted.shape
    prior = np.kron(matern(nu, length, times[:, None] - times), np.eye(r))
    message = np.zeros((count, r, count, r))
    message[np.arange(count), :, np.arange(count), :] = precision
    cov = np.linalg.solve(np.eye(count * r) + prior @ message.reshape(count * r, -1), prior)
    blocks = cov.reshape(count, r, count, r)[np.arange(count), :, np.arange(count), :]
    return (cov @ weighted.ravel()).reshape(count, r), blocks
