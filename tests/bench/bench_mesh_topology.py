"""Topology optimisation on 256 × 128 cells: steps a second, and one equilibrium against SciPy's direct solver.

A row of the solver is a solve of K(E) u = f from zero to 1e-6 for a half-optimised design, assembly and hierarchy
included on both sides (SciPy: `spsolve` on the assembled matrix, assembly not counted). Run

    pytest tests/bench/bench_mesh_topology.py
"""

import time

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

import toolkit as tk
from toolkit.mesh.design.elasticity import unit_stiffness
from toolkit.mesh.design.structure import Structure
from toolkit.mesh.design.topology import OptimalityCriteria, SiMPL

LARGE = {
    "cantilever": Structure("cantilever", n=128, aspect=2, volume=0.5, radius=0.05),
    "mbb": Structure("mbb", n=128, aspect=2, volume=0.5, radius=0.05),
    "bridge": Structure("bridge", n=128, aspect=2, volume=0.3, radius=0.05),
}


def matrix(problem, E):
    """K of the free unknowns in SciPy's format, and f."""
    rows, columns = problem.shape
    fixed, load = problem._held
    number = 2 * np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    corners = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]], axis=-1).reshape(-1, 4)
    dofs = (corners[:, :, None] + np.arange(2)).reshape(-1, 8)
    data = (E.reshape(-1, 1, 1) * unit_stiffness()).ravel()
    where = np.repeat(dofs, 8, axis=1).ravel(), np.tile(dofs, (1, 8)).ravel()
    K = sp.csc_array(sp.coo_array((data, where), shape=(2 * number.size,) * 2))
    free = np.setdiff1d(np.arange(2 * number.size), number[fixed[:, 1], fixed[:, 2]] + fixed[:, 0])
    return K[free][:, free].tocsc(), np.moveaxis(load, 0, -1).ravel()[free]


@pytest.mark.parametrize("design", LARGE)
@pytest.mark.parametrize("method", [SiMPL(), OptimalityCriteria()], ids=lambda m: m.label())
def test_steps_a_second(benchmark, design, method):
    """Forty steps from the second on, from grey; trials of the line search are in the time."""
    seconds, solves, products = [], 0, 0

    def forty():
        nonlocal solves, products
        run = tk.Run(LARGE[design], method, tk.Stop(measure="compliance", rtol=0.0, steps=41)).step(1)
        start = time.perf_counter()
        run.step(40)
        seconds.append((time.perf_counter() - start) / 40)
        solves, products = run.state.work.nfe, run.state.work.matvecs

    benchmark.pedantic(forty, rounds=3)
    rate = 1 / np.median(seconds)
    benchmark.extra_info.update(steps_a_second=rate, target=">= 10")
    each = f"{solves} solves of {products / solves:.1f} iterations"
    print(f"  {design}, {method.label()}: {rate:.1f} steps a second, {each}")


@pytest.mark.parametrize("design", LARGE)
def test_equilibrium_against_a_direct_solver(ratio, design):
    problem = LARGE[design]
    run = tk.Run(problem, OptimalityCriteria(), tk.Stop(measure="compliance", rtol=0.0, steps=20)).finish()
    E = problem.modulus(run.state.filtered)
    K, f = matrix(problem, E)
    solver = problem.elasticity()
    exact = f @ spla.spsolve(K, f)
    assert solver.solve(E, solver.rest())[0] == pytest.approx(exact, rel=1e-6)
    value = ratio(lambda: solver.solve(E, solver.rest()), lambda: spla.spsolve(K, f), target=">= 5", rounds=3)
    print(f"  {design}: {value:.1f} times as fast")
