"""What the driver costs: a Run against the bare compiled loop, the same steps from the same start.

`pytest tests/bench/bench_driver.py`. The ratio is bare/driven: 0.98 is an overhead of 2 %. Both sides include setting
up; a Run besides records, judges every row, guards against overshooting and measures its pace.
"""

import numpy as np
import pytest
import scipy.sparse as sp

from toolkit.core.run import Run
from toolkit.core.stop import Stop
from toolkit.preconditioner import CG, ChebyshevIteration, Jacobi, Poisson, system


def line(n: int):
    """Second differences on n points: n/2 and more steps of CG, so that there is something to drive."""
    b = np.random.default_rng(0).standard_normal(n)
    return system(sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)), b, symmetric=True, definite=True)


CASES = {
    "CG, 1D, n = 16 384": (line(16_384), CG(), 4000, 0.98),
    "CG, 2D, n = 90 000": (Poisson(dim=2, n=301, load="noise"), CG(), 600, 0.98),
    "Chebyshev, 2D, n = 10 000": (Poisson(dim=2, n=101, load="noise"), ChebyshevIteration(), 6000, 0.98),
    "Jacobi, 2D, n = 10 000": (Poisson(dim=2, n=101, load="noise"), Jacobi(), 4000, 0.98),
    "CG, 1D, n = 64²": (line(4096), CG(), 4000, 0.95),
    "Jacobi, 2D, n = 64²": (Poisson(dim=2, n=65, load="noise"), Jacobi(), 8000, 0.95),
}


@pytest.mark.parametrize("case", CASES)
def test_driver_overhead(case, ratio):
    problem, method, steps, target = CASES[case]
    stop = Stop(rtol=0.0, steps=steps)
    results = {}

    def driven():
        run = Run(problem, method, stop).finish()
        results["driven"] = run.solution()

    def bare():
        state = method.advance(problem, method.init(problem), steps, np.empty((steps, len(method.monitors))))
        results["bare"] = state.solution()

    ratio(driven, bare, target=f"≥ {target}", rounds=11)
    assert np.array_equal(results["driven"], results["bare"])
