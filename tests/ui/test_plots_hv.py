"""Plots as objects of HoloViews: measured solid, promised dashed, verdicts in the legend; they compose."""

import subprocess
import sys

import holoviews as hv
import numpy as np
import pytest

import toolkit as tk
from toolkit.core.study import witnesses
from toolkit.preconditioner import CG, Jacobi, Poisson
from toolkit.session.palette import STYLES

pytestmark = pytest.mark.usefixtures("document")


@pytest.fixture(scope="module")
def run():
    problem, method = Poisson(dim=2, n=8), CG()
    return tk.solve(problem, method, probes=witnesses(problem, method))


def test_nothing_of_the_screen_comes_with_the_toolkit():
    loaded = "'holoviews' in sys.modules"
    code = f"import sys, toolkit; toolkit.Run; assert not {loaded}; toolkit.plot; assert {loaded}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_curve_is_what_was_measured_and_its_promises_are_dashed_beside_it(run):
    plot = tk.plot.curves(run, "energy_error")
    first, *promised = list(plot)
    np.testing.assert_array_equal(first.dimension_values("k"), run.history.series("energy_error")[0])
    judged = [(c, v) for c, v in tk.verdicts(run) if c.about == "energy_error" and c.drawn(run.history) is not None]
    assert len(promised) == len(judged) > 0
    words = {True: "✓ holds", False: "✗ does not hold", None: "… open"}
    for curve, (claim, verdict) in zip(promised, judged):
        assert claim.title in curve.label and curve.label.endswith(words[verdict.holds])
        assert curve.opts.get("style").kwargs["line_dash"] == [7, 5]
    held = sum(v.holds is True for _, v in tk.verdicts(run))
    assert f"✓ {held} held" in first.label


def test_runs_have_the_colours_of_the_house_and_compose(run):
    plot = tk.plot.curves([run, run], "residual")
    colours = [curve.opts.get("style").kwargs["color"] for curve in plot]
    assert list(dict.fromkeys(colours)) == [one.colour for one in STYLES[:2]]
    assert isinstance(plot + plot, hv.Layout) and isinstance(plot * plot, hv.Overlay)
    figure = hv.render(plot.opts(title="mine"), backend="bokeh")
    assert figure.title.text == "mine" and type(figure.y_scale).__name__ == "LogScale"
    assert figure.xaxis[0].axis_label == "steps"


def test_what_cannot_be_drawn_is_refused_in_words(run):
    for runs, name in (([], ""), ([run] * 7, ""), (run, "nothing"), (tk.Run(run.problem, run.method), "")):
        with pytest.raises(tk.KnobError, match=r"expected 1 to 6|did not measure"):
            tk.plot.curves(runs, name)


def test_a_ladder_has_a_point_a_run_and_the_slope_that_is_promised():
    problem, method = Poisson(dim=1, n=8), Jacobi()
    runs = tk.ladder(problem, method, "n", (8, 16, 32), tk.Stop(rtol=1e-6, steps=5000))
    plot = tk.plot.ladder(runs, "n")
    drawn, full, hollow, *promised = list(plot)
    np.testing.assert_array_equal(drawn.dimension_values("k"), [run.k for run in runs])
    assert len(full) == 3 and len(hollow) == 0
    promise = next(one for one in promised if "n²" in one.label)
    y = promise.dimension_values("k")
    assert y[-1] == runs[-1].k and np.log2(y[-1] / y[-2]) == pytest.approx(2.0)
    assert type(hv.render(plot, backend="bokeh").x_scale).__name__ == "LogScale"
    short = tk.ladder(problem, method, "n", (8, 32), tk.Stop(rtol=1e-6, steps=200))
    assert [len(one) for one in list(tk.plot.ladder(short, "n"))[1:3]] == [1, 1]


def test_a_ladder_along_nothing_is_refused_in_words(run):
    for runs, over, measure in (([run], "n", "k"), ([run] * 2, "nothing", "k"), ([run] * 2, "n", "nothing")):
        with pytest.raises(tk.KnobError):
            tk.plot.ladder(runs, over, measure)


@pytest.mark.parametrize("lab", list(tk.labs()))
def test_every_kind_of_picture_can_be_drawn(lab):
    """Of an early step of each lab's experiments, until every kind of picture that it has was seen."""
    whole, seen = tk.lab(lab), set()
    kinds = {one.kind for one in whole.pictures}
    for one in whole.experiments:
        names = [each for each in whole.pictures if each.name == one.picture and each.kind not in seen]
        if not names or kinds <= seen:
            continue
        begun = tk.Run(one.problem, one.methods[0]).step(2)
        try:
            drawn = tk.plot.picture(begun, one.picture)
        except tk.KnobError:
            continue  # nothing to see so early
        assert hv.render(drawn, backend="bokeh") is not None
        seen.add(names[0].kind)
    assert seen


def test_a_picture_is_that_of_the_run(run):
    drawn = tk.plot.picture(run, "solution")
    assert isinstance(drawn, hv.Image) and np.isfinite(drawn.dimension_values("value")).all()
    assert isinstance(drawn + tk.plot.curves(run), hv.Layout)
    with pytest.raises(tk.KnobError, match="it has"):
        tk.plot.picture(run, "nothing")
    with pytest.raises(tk.KnobError, match="has not begun"):
        tk.plot.picture(tk.Run(run.problem, run.method))
