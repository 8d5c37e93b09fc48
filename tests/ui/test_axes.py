"""The axes of the curves: nothing that is shown is hidden by them, and nothing is left over from another problem."""

import itertools

import numpy as np
import pytest
from screen import until

from toolkit.session import share
from toolkit.session.frame import Frame, Ghost, Trace
from toolkit.ui.plots.axes import Axes, View
from toolkit.ui.plots.curves import ConvergencePlot


def curve(values):
    k = np.arange(len(values), dtype=float)
    return k, np.array(values, dtype=float), k


def axes(abscissa=""):
    return Axes("k", "residual", "residual", abscissa=abscissa)


def drawn(*traces, abscissa="", hidden=(), **more):
    kind = axes(abscissa).kind
    plot = ConvergencePlot(kind)
    frame = Frame(stage="running", traces=traces, **more)
    plot.patch(frame, {one.uid: one.uid for one in traces if one.uid not in hidden}, axes(abscissa))
    return plot, frame


def line(plot, look):
    return plot._lines[look].data


def test_a_curve_that_reaches_zero_stays_on_the_axis_and_tells_its_value():
    plot, _ = drawn(Trace(0, "exact", curve=curve([1.0, 0.0, 0.0])))
    low = plot.figure.y_range.start
    assert low > 0 and list(line(plot, 0)["y"]) == [1.0, low, low]
    assert list(line(plot, 0)["value"]) == [1.0, 0.0, 0.0]


def test_a_curve_that_blows_up_does_not_push_another_out_of_view():
    falls = curve(10.0 ** -np.arange(12.0))
    plot, _ = drawn(Trace(0, "falls", curve=falls), Trace(1, "blows up", curve=curve(10.0 ** (25 * np.arange(12.0)))))
    ends = plot.figure.y_range
    assert ends.start <= falls[1].min() and ends.end >= 1.0
    assert line(plot, 0)["y"] == pytest.approx(falls[1])


def test_the_first_step_has_a_place_on_a_logarithmic_abscissa():
    plot, _ = drawn(Trace(0, "a", curve=curve([1.0, 0.5, 0.2])), abscissa="log")
    assert list(line(plot, 0)["x"]) == [0.5, 1.0, 2.0]
    assert 0 < plot.figure.x_range.start <= 0.5 and plot.figure.x_range.end >= 2.0


def test_axes_begin_anew_with_another_problem_and_not_with_another_knob():
    long, short = Trace(0, "a", curve=curve(np.ones(5000))), Trace(0, "a", curve=curve(np.ones(20)))
    plot, _ = drawn(long, scene=1)
    plot.patch(Frame(stage="running", traces=(short,), scene=1), {0: 0}, axes())
    assert plot.figure.x_range.end > 5000
    plot.patch(Frame(stage="running", traces=(short,), scene=2), {0: 0}, axes())
    assert plot.figure.x_range.end < 50


def test_fit_ends_the_axes_where_the_curves_end():
    plot, _ = drawn(Trace(0, "a", curve=curve(np.ones(5000))))
    plot.patch(Frame(stage="running", traces=(Trace(0, "a", curve=curve(np.ones(20))),)), {0: 0}, axes())
    plot.fit()
    assert plot.figure.x_range.end < 50


def test_what_is_hidden_leaves_the_plot_with_its_ghosts_and_takes_no_room():
    ghost = Ghost(1, "n = 3", ((1, *curve(np.ones(9000))),))
    traces = Trace(0, "a", curve=curve(np.ones(20))), Trace(1, "b", curve=curve(np.ones(5000)))
    plot, _ = drawn(*traces, hidden=(1,), ghosts=(ghost,))
    assert plot.figure.x_range.end < 50 and not len(line(plot, 1)["x"])
    assert not plot._ghosts.data["xs"]


def test_ghosts_are_drawn_fainter_the_older_and_named_once():
    ghosts = tuple(Ghost(i, f"n = {i}", ((0, *curve([1.0, 0.1])), (1, *curve([1.0, 0.2])))) for i in (1, 2))
    traces = Trace(0, "a", curve=curve([1.0, 0.5])), Trace(1, "b", curve=curve([1.0, 0.5]))
    plot, _ = drawn(*traces, ghosts=ghosts)
    data = plot._ghosts.data
    assert data["label"] == ["n = 2", "n = 2", "n = 1", "n = 1"] and data["alpha"][0] > data["alpha"][2]
    assert plot._names.data["text"] == ["n = 2", "n = 1"]


def test_a_view_grows_and_does_not_shrink_while_curves_stream():
    view, ends = View(True, True), []
    for n in (2, 5, 30, 200, 3000):
        view.widen(Frame(traces=(Trace(0, "a", curve=curve(0.99 ** np.arange(n))),)), axes("log"))
        ends.append((view.x, view.y))
    for (x, y), (wider, taller) in itertools.pairwise(ends):
        assert wider[0] <= x[0] and x[1] <= wider[1] and taller[0] <= y[0] and y[1] <= taller[1]


def test_hiding_and_the_abscissa_travel_in_a_link(make):
    model = make()
    first, second = model.entries
    model.hide(first.uid)
    model.set_view(abscissa="log")
    twin = make(spec=share.unpack(share.pack(model.to_spec())))
    assert (twin.abscissa, list(twin.shown())) == ("log", [twin.entries[1].uid])
    model.solo(first.uid)
    assert list(model.shown()) == [first.uid]
    model.solo(first.uid)
    assert list(model.shown()) == [first.uid, second.uid]
    with pytest.raises(Exception, match="abscissa"):
        model.set_view(abscissa="bent")
    with pytest.raises(Exception, match="abscissa"):
        make(spec=model.to_spec() | {"abscissa": ["log"]})
    until(lambda: model.frame.traces)
