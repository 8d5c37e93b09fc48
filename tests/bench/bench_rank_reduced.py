"""Reduced bases and empirical interpolation against pyMOR: online solves with bound, greedy search, greedy EIM.

`pytest tests/bench/bench_rank_reduced.py`; pyMOR is in the extra `peers`, without it the rows are skipped.

Both sides get the same matrices, training set and stopping rule; the picks are compared. pyMOR is used as its
tutorials do: `CoerciveRBReductor` with the min-theta bound, `rb_greedy`, `ei_greedy`.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import time

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.interpolation.crosses import Crosses
from toolkit.rank.reduced.online_model import Online, OnlineFrequency
from toolkit.rank.reduced.greedy_basis import WeakGreedy
from toolkit.rank.reduced.scattering import ObstacleScattering, SlabScattering
from toolkit.rank.interpolation.problems import MovingSource
from toolkit.rank.reduced.thermal_block import ThermalBlock

PROBLEM = ThermalBlock(n=48, training=300)
DIMENSION = 30


def model():
    """The thermal block as pyMOR's model, its parameters, and a reductor."""
    pytest.importorskip("pymor", reason="pyMOR is not installed: pip install 'convergence-toolkit[peers]'")
    from pymor.core.logger import set_log_levels
    from pymor.models.basic import StationaryModel
    from pymor.operators.constructions import LincombOperator, VectorOperator
    from pymor.operators.numpy import NumpyMatrixOperator
    from pymor.parameters.functionals import ExpressionParameterFunctional, ProjectionParameterFunctional
    from pymor.reductors.coercive import CoerciveRBReductor

    set_log_levels({"pymor": "ERROR"})
    parts = [NumpyMatrixOperator(one.tocsc()) for one in PROBLEM.operators]
    theta = [ProjectionParameterFunctional("mu", PROBLEM.blocks, index=i) for i in range(PROBLEM.blocks)]
    load = VectorOperator(parts[0].range.from_numpy(PROBLEM.load[:, None]))
    product = NumpyMatrixOperator(sum(PROBLEM.operators).tocsc())
    fom = StationaryModel(LincombOperator(parts, theta), load, products={"X": product})
    least = ExpressionParameterFunctional("min(mu)", {"mu": PROBLEM.blocks})
    return fom, lambda: CoerciveRBReductor(fom, product=product, coercivity_estimator=least)


def searched(fom, reductor, extensions):
    from pymor.algorithms.greedy import rb_greedy

    training = [fom.parameters.parse({"mu": mu}) for mu in PROBLEM.training_set]
    return rb_greedy(fom, reductor, training, use_error_estimator=True, max_extensions=extensions)


def test_online_with_bound(ratio):
    ours = tk.solve(PROBLEM, WeakGreedy(dimension=DIMENSION), tk.Stop(rtol=0.0, steps=DIMENSION)).state.model
    fom, reductor = model()
    theirs = searched(fom, reductor(), DIMENSION)["rom"]
    mus = PROBLEM.drawn(10_000, 9)
    few = [fom.parameters.parse({"mu": mu}) for mu in mus[:200]]
    seen = {}

    def batch():
        seen["ours"] = ours.bounds(mus)[1]

    def loop():
        for mu in few:  # a fiftieth of the batch: the row below is 50 times its ratio
            theirs.solve(mu)
            theirs.estimate_error(mu)

    found = ratio(batch, loop, target="× 50 ≥ 50", rounds=9)
    print(f"\n10 000 parameters in one batch against pyMOR's loop: {50 * found:.0f} ×")
    estimates = [float(np.squeeze(theirs.estimate_error(mu))) for mu in few]
    np.testing.assert_allclose(seen["ours"][:200], estimates, rtol=1e-6)


def test_greedy_search(ratio):
    fom, reductor = model()
    seen = {}

    def ours():
        seen["ours"] = tk.solve(PROBLEM, WeakGreedy(dimension=20), tk.Stop(rtol=0.0, steps=20)).state.picks

    def peer():
        seen["theirs"] = searched(fom, reductor(), 20)["max_err_mus"]

    ratio(ours, peer, target="≥ 2.5", rounds=3)
    theirs = [int(np.argmin(np.abs(PROBLEM.training_set - mu["mu"]).sum(axis=1))) for mu in seen["theirs"][:20]]
    assert seen["ours"] == theirs


def test_greedy_interpolation(ratio):
    pytest.importorskip("pymor", reason="pyMOR is not installed: pip install 'convergence-toolkit[peers]'")
    from pymor.algorithms.ei import ei_greedy
    from pymor.core.logger import set_log_levels
    from pymor.vectorarrays.numpy import NumpyVectorSpace

    set_log_levels({"pymor": "ERROR"})
    table = MovingSource(n=100, fields=225, width=0.15).table
    vectors = NumpyVectorSpace.from_numpy(np.ascontiguousarray(table.T))
    seen = {}

    def ours():
        crosses = Crosses.of(table, "mean square")  # the norm of pyMOR
        for _ in range(40):
            crosses = crosses.extended()
        seen["ours"] = crosses.columns

    def peer():
        seen["theirs"] = ei_greedy(vectors, max_interpolation_dofs=40, copy=True)[0]

    ratio(ours, peer, target="≥ 8", rounds=9)
    assert len(seen["theirs"]) == 40
    print("\nsame points as pyMOR:", int(np.sum(np.asarray(seen["theirs"]) == seen["ours"])), "of 40")


@pytest.mark.parametrize("kind", ["thermal block", "slab", "obstacle"])
def test_turning_a_parameter(kind):
    """Milliseconds from a turned knob to solution, bound and true error, functions 0 to 20, after the offline stage."""
    problem, turned = {
        "thermal block": (ThermalBlock(), [Online(mu_1=x) for x in np.linspace(0.2, 1.0, 9)]),
        "slab": (SlabScattering(), [OnlineFrequency(wavenumber=x) for x in np.linspace(3.0, 11.0, 9)]),
        "obstacle": (ObstacleScattering(), [OnlineFrequency(wavenumber=x) for x in np.linspace(3.5, 8.5, 9)]),
    }[kind]
    stop = tk.Stop(rtol=0.0, steps=20)
    tk.solve(problem, turned[0], stop)
    spent = []
    for method in turned:
        start = time.perf_counter()
        tk.solve(problem, method, stop)
        spent.append(1e3 * (time.perf_counter() - start))
    print(f"\n{kind}: {np.median(spent):.0f} ms, at most {max(spent):.0f} (wanted: below 100)")
