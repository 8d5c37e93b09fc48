"""B-splines by matrix against the recursion of Cox and de Boor: time against degree.

`pytest tests/bench/bench_mesh_spline.py`; the ratio is recursion over matrix, the target column names the degree.

Both evaluate the p+1 splines that live at each of 200 000 places of a uniform grid, from the same intervals. "compiled"
is kernel against kernel; "arrays" is what MatrixKAN measures: whole arrays, one matrix product against p passes over
the table of all splines, which the recursion needs as every spline of one degree is made from two of the degree below.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import numpy as np
import pytest

from toolkit.kernels.line import bspline
from toolkit.mesh.splines.projection import basis_matrix, uniform_knots

DEGREES = [1, 2, 3, 5, 8]
INTERVALS = 16


def places(count, p):
    x = np.random.default_rng(0).random(count)
    t = uniform_knots(INTERVALS, p)
    return t, x, *bspline.intervals(t, p, x)


@pytest.mark.parametrize("p", DEGREES)
def test_compiled(ratio, p):
    t, x, e, u = places(200_000, p)
    M, one, other = basis_matrix(p), *np.empty((2, len(x), p + 1))
    ratio(
        lambda: bspline.by_matrix(M, u, one),
        lambda: bspline.by_recursion(t, p, e, x, other),
        target=f"p = {p}",
        rounds=11,
    )
    np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("p", DEGREES)
def test_arrays(ratio, p):
    t, x, e, u = places(20_000, p)
    M = np.ascontiguousarray(basis_matrix(p).T)
    results = {}

    def ours():
        results["matrix"] = np.power(u[:, None], np.arange(p + 1)) @ M

    def peer():
        column = x[:, None]
        table = ((t[:-1] <= column) & (column < t[1:])).astype(float)
        for d in range(1, p + 1):
            rise = (column - t[: -d - 1]) / (t[d:-1] - t[: -d - 1])
            fall = (t[d + 1 :] - column) / (t[d + 1 :] - t[1:-d])
            table = rise * table[:, :-1] + fall * table[:, 1:]
        results["recursion"] = table

    ratio(ours, peer, target=f"p = {p}", rounds=5)
    seen = np.take_along_axis(results["recursion"], e[:, None] + np.arange(p + 1), axis=1)
    np.testing.assert_allclose(results["matrix"], seen, atol=1e-12)
