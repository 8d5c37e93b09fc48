"""A statement over seeds on the plot: a shaded band where its runs lie, the promise dashed; both go with the entry."""

import dataclasses

import numpy as np
import pytest

import toolkit as tk
from toolkit.session.frame import EMPTY, Frame, Promise, Trace
from toolkit.ui.plots.axes import Axes
from toolkit.ui.plots.curves import ConvergencePlot

K = np.arange(5.0)
LOWER, UPPER, PROMISED = 0.4 * 0.5**K, 0.6 * 0.5**K, 1.5 * 0.5**K


def seen(band, log=True):
    """(plot, outlines, dashed ends) after a frame with one promise over seeds."""
    about = dict.fromkeys((one.name for one in dataclasses.fields(Promise)), "")
    words = about | dict(source="saad2003", verdict=tk.Verdict(True), curve=(K, PROMISED, K), band=band, asked=True)
    trace = Trace(uid=1, label="many seeds", curve=(K, PROMISED, K), promises=(Promise(**words),))
    plot = ConvergencePlot((log, False))
    axes = Axes("k", "error", "error", log, False, 1e-3, "", "steps")
    plot.patch(Frame(traces=(trace,)), {1: 2}, axes)
    data = plot._bands[2].data
    plot.patch(Frame(), {}, axes)
    assert not len(plot._bands[2].data["xs"]), "an entry that left leaves no band"
    return list(zip(data["xs"], data["ys"]))


def test_a_band_is_drawn_around_the_runs():
    ((x, y),) = seen((K, LOWER, UPPER))
    np.testing.assert_array_equal(x, [4, 3, 2, 1, 0, 0, 1, 2, 3, 4])
    np.testing.assert_array_equal(y, [*UPPER[::-1], *LOWER])


@pytest.mark.parametrize("log, points", [(True, 8), (False, 10)])
def test_what_a_logarithmic_axis_cannot_show_is_left_out(log, points):
    ((x, _),) = seen((K, np.where(K == 2, -0.1, LOWER), UPPER), log)
    assert len(x) == points


def test_without_seeds_there_is_none():
    assert seen(EMPTY) == []
