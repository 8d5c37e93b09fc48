"""A sweep runs a ladder along one knob beside the race: it counts as the ladder does, ends on request, and travels."""

import ast
import csv

import numpy as np
import pytest
from screen import until

import toolkit as tk
from toolkit.core.errors import ToolkitError
from toolkit.core.knob import Knob
from toolkit.preconditioner.krylov import CG
from toolkit.preconditioner.stencils import Poisson
from toolkit.session import export, share
from toolkit.session.sweep import RUNGS, rungs


def swept(model):
    return until(lambda: model.frame.sweep is not None and model.frame.sweep.done and model.frame.sweep)


@pytest.mark.parametrize(
    "knob, value, log",
    [
        (Knob("n", 64, int, 1, 4096), 64, True),
        (Knob("omega", 1.0, float, 0.0, 2.0), 1.0, False),
        (Knob("eps", 1e-2, float, 1e-6, 1.0, log=True), 1e-2, True),
        (Knob("seed", 0, int, 0, 2**31 - 1), 0, False),
        (Knob("shift", -1.0, float), -1.0, False),
        (Knob("rank", None, int, 1, 8, optional=True), None, True),
    ],
)
def test_rungs_lie_within_the_bounds_of_the_knob_and_are_few(knob, value, log):
    values, found = rungs(knob, value)
    assert found is log and 2 <= len(values) <= RUNGS and list(values) == sorted(set(values))
    assert all(knob.check("it", one) == one for one in values)


def test_a_sweep_counts_as_a_ladder_does_and_leaves_the_race_alone(make):
    model = make()
    model.sweep(0, "factor")
    seen = swept(model)
    ((look, _, x, y, firm),) = seen.curves
    first = model.entries[0]
    runs = tk.ladder(model.problem, first.method, "factor", [float(one) for one in x], model.stop)
    counted = [run.k for run in runs if run.status.kind == "converged"]
    assert look == first.look and list(y[firm]) == counted
    assert all(one.k == 0 for one in model.frame.traces)


def test_a_knob_of_the_problem_is_swept_with_the_whole_race(make):
    model = make()
    model.sweep(-1, "n")
    assert [one[0] for one in swept(model).curves] == [one.look for one in model.entries]


def test_a_sweep_can_be_cancelled_and_leaves_with_what_it_was_of(make):
    model = make()
    for one in model.entries:
        model.turn_method(one.uid, factor=1.0)
    model.set_stop(rtol=0.0, steps=None)
    model.sweep(-1, "n")
    until(lambda: model.frame.busy.startswith("Sweep along n: run 1 of"))
    model.cancel()
    assert not len(swept(model).curves[0][2])
    model.turn_method(model.entries[0].uid, factor=0.3)
    until(lambda: model.frame.sweep is None)
    assert "sweep" not in model.to_spec()


def test_a_sweep_travels_in_link_script_and_table(make):
    model = make()
    model.sweep(0, "factor", "value")
    seen = swept(model)
    spec = share.unpack(share.pack(model.to_spec()))
    assert spec["sweep"] == [0, "factor", "value"]
    twin = swept(make(spec=spec))
    np.testing.assert_array_equal(twin.curves[0][2], seen.curves[0][2])
    race = model.records().result(20)
    text = export.script(race)
    ast.parse(text)
    assert "tk.ladder(problem, " in text and "'factor', values, stop)" in text
    head, *rows = csv.reader(export.table(race).splitlines())
    assert head[0] == "factor" and len(rows) == len(seen.curves[0][2])


@pytest.mark.parametrize(
    "bad", [7, [0, "factor"], [9, "factor", "k"], [0, "nothing", "k"], [0, "factor", ["k"]], [-2, "n", "k"]]
)
def test_a_damaged_sweep_in_a_link_is_refused_and_changes_nothing(make, bad):
    model = make()
    before = model.to_spec()
    with pytest.raises(ToolkitError):
        model.load(before | {"sweep": bad})
    assert model.to_spec() == before


def test_a_promise_along_the_knob_is_drawn_as_a_slope_through_what_was_measured(make):
    """CG on Poisson's equation: the claim along `n`, where the method makes one, and nothing where it makes none."""
    model = make("preconditioner")
    problem, method = Poisson(n=16), CG()
    model.load({"schema": 1, "lab": "preconditioner", "problem": tk.core.spec.describe(problem), "entries": []})
    model.add(method)
    model.sweep(-1, "n")
    seen = swept(model)
    promised = [c for c in method.claims(problem) if getattr(c, "values", ()) and getattr(c, "over", "") == "n"]
    drawn = [c for c in promised if c.measure == "k" and type(c).__name__ in ("Flat", "Order")]
    assert len(seen.promises) == len(drawn)
