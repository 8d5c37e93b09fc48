"""Every method does in plain Python what it does compiled: kernels mean what they say."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import toolkit as tk
from toolkit.preconditioner import LinearSystem

ROOT = Path(__file__).resolve().parents[2]
STOP = tk.Stop(steps=2, rtol=0.0, divergence=1e300)
SMALL = 300
ROUNDING = {
    "inner_gmres-outliers": "Arnoldi goes on past an invariant space: its last vectors are rounding",
    "mesh-adaptive": "cells with equal estimates: rounding decides which are marked first",
}
SOLVED = {"structure": 1e6}  # iterated to a tolerance of 1e-6 by a cycle in single precision


def solutions() -> dict[str, np.ndarray]:
    """What two steps of every method give on every small case it suits, but for those that say they are slow.

    The kernels of these have oracles of their own, or are those of a dozen others of the lab that are compared here.
    """
    found = {}
    for lab in tk.labs().values():
        for i, problem in enumerate(lab.cases):
            for name, cls in lab.methods().items():
                if not cls.slow and _size(problem) <= SMALL and not cls().suits(problem):
                    run = tk.solve(problem, cls(), STOP)
                    kappa = getattr(problem, "condition", None) or SOLVED.get(problem.slug(), 1e4)
                    found[f"{lab.name}-{name}-{problem.slug()}-{i}-κ={kappa:.0e}"] = np.asarray(run.solution())
    return found


def _size(problem) -> int:
    """Unknowns of a linear system, 0 for other problems."""
    return len(problem.rhs) if isinstance(problem, LinearSystem) else 0


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "solutions.npz"
    environment = dict(os.environ, NUMBA_DISABLE_JIT="1")
    subprocess.run([sys.executable, __file__, str(path)], cwd=ROOT, env=environment, check=True)
    with np.load(path) as stored:
        return dict(stored)


def test_two_steps_agree_with_and_without_the_compiler(plain):
    compiled = solutions()
    assert plain.keys() == compiled.keys() and len(compiled) > 100
    apart = []
    for name, solution in compiled.items():
        if any(words in name for words in ROUNDING):
            continue
        kappa = float(name.rpartition("=")[2])  # of a backward stable method the error is some κ ε
        if not np.linalg.norm(solution - plain[name]) <= 1e-14 * max(kappa, 100) * np.linalg.norm(solution):
            apart.append(name)
    assert not apart


if __name__ == "__main__":
    np.savez(sys.argv[1], **solutions())
