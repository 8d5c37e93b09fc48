"""Plots as objects of HoloViews: measured solid, promised dashed, verdicts in the legend; they compose."""

import subprocess
import sys

import holoviews as hv
import numpy as np
import pytest

import toolkit as tk
from toolkit.core.study import witnesses
from toolkit.preconditioner import CG, Poisson
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
