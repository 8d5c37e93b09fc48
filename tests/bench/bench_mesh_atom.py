"""Uranium to self-consistency: `pytest tests/bench/bench_mesh_atom.py`. Asked: under 2 s (column "ours").

No peer is in the environment; the other side is SciPy's dense `eigh` for the lowest states of the same matrices, once
for each symmetry and step: what the eigenproblems alone would cost by LAPACK.
"""

import toolkit as tk  # noqa: I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import numpy as np
import pytest
import scipy.linalg as la

from toolkit.mesh.quantum.kohn_sham import KohnShamAtom, SelfConsistency

STOP = tk.Stop(rtol=1e-9, steps=60)


@pytest.mark.parametrize("relativistic", [False, True])
def test_uranium(ratio, relativistic):
    problem, method = KohnShamAtom(Z=92, relativistic=relativistic), SelfConsistency()
    steps = tk.solve(problem, method, STOP).k + 1
    symmetries = [number for _, number, _ in problem.states]
    size = (2 if relativistic else 1) * method.p * method.elements
    full = np.random.default_rng(0).standard_normal((size, size))
    full = full @ full.T + np.eye(size)

    def ours():
        return tk.solve(problem, method, STOP).state.total_energy

    def peer():
        for _ in range(steps):
            for number in set(symmetries):
                la.eigh(full, subset_by_index=(0, symmetries.count(number) - 1), driver="evr")

    ratio(ours, peer, target="-", rounds=5)
    assert abs(ours() - problem.published) < 1e-8
