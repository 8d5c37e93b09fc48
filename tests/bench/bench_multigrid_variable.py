"""Black-box multigrid against PyAMG on variable coefficients: set-up and solve to a relative residual of 1e-8.

Ours: a float32 cycle inside double conjugate gradients, from the edge couplings. PyAMG's best of Ruge-Stüben and
smoothed aggregation, alone or with CG, from the assembled matrix; the best is found once, then raced. Both residuals
are recomputed with the assembled matrix. PyAMG takes any matrix; the black-box hierarchy only structured grids.
"""

import time

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from toolkit.preconditioner.stencils.blackbox import BlackBox, BlackBoxCG
from toolkit.preconditioner.stencils.couplings import assemble, couplings

pyamg = pytest.importorskip("pyamg")

N, RTOL = 1024, 1e-8


def log_normal(width):
    """exp(2 g), g of unit variance, smoothed over `width` cells (0: white)."""
    g = np.random.default_rng(0).standard_normal((N, N))
    g = gaussian_filter(g, width, mode="wrap") if width else g
    return np.exp(2.0 * (g - g.mean()) / g.std())


def checkerboard(squares):
    i = np.arange(N) * squares // N
    return np.where((i[:, None] + i) % 2 == 0, 1.0, 1e4)


FIELDS = {
    "log-normal, 4 cells": lambda: log_normal(4),
    "log-normal, 16 cells": lambda: log_normal(16),
    "log-normal, white": lambda: log_normal(0),
    "checkerboard 8x8": lambda: checkerboard(8),
    "checkerboard 16x16": lambda: checkerboard(16),
}


def right_side(name):
    size = (N - 1) ** 2
    return np.ones(size) if name == "one" else np.random.default_rng(1).standard_normal(size)


def ours(right, down, b):
    cg = BlackBoxCG(BlackBox(right, down, np.float32))
    norms = [cg.start(b)]
    while norms[-1] > RTOL * norms[0] and len(norms) < 100:
        norms.append(cg.step())
    return cg.x, norms


PEERS = {
    "Ruge-Stüben": (pyamg.ruge_stuben_solver, None),
    "Ruge-Stüben + CG": (pyamg.ruge_stuben_solver, "cg"),
    "smoothed aggregation": (pyamg.smoothed_aggregation_solver, None),
    "smoothed aggregation + CG": (pyamg.smoothed_aggregation_solver, "cg"),
}


def peer(name, matrix, b):
    make, accelerator = PEERS[name]
    return make(matrix).solve(b, tol=RTOL, accel=accelerator, maxiter=300)


def best_peer(matrix, b):
    """The fastest of the four that reaches the residual (some do not), by one run each."""
    seconds = {}
    for name in PEERS:
        start = time.perf_counter()
        x = peer(name, matrix, b)
        if np.linalg.norm(b - matrix @ x) <= 2 * RTOL * np.linalg.norm(b):
            seconds[name] = time.perf_counter() - start
    return min(seconds, key=seconds.get)


@pytest.mark.parametrize("rhs", ["one", "white noise"])
@pytest.mark.parametrize("field", FIELDS)
def test_black_box_multigrid_against_pyamg(field, rhs, ratio, benchmark):
    right, down = couplings(FIELDS[field]())
    matrix, b = assemble(right, down), right_side(rhs)
    x, norms = ours(right, down, b)
    assert np.linalg.norm(b - matrix @ x) <= 1.1 * RTOL * np.linalg.norm(b)
    name = best_peer(matrix, b)
    steps = len(norms) - 1
    factor = (norms[-1] / norms[0]) ** (1 / steps)
    benchmark.extra_info.update(iterations=steps, factor=factor, peer=name)
    print(f"{field}, f = {rhs}: {steps} iterations, factor {factor:.2f}; fastest peer {name}")
    ratio(lambda: ours(right, down, b), lambda: peer(name, matrix, b), target=">= 20", rounds=3)
