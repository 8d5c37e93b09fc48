"""The run: chunks, stops, budgets, probes, forks, replays and specs do not change what a method does."""

import copy
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Compiled, Contraction, Poisoned, Unbuildable, Zero

import toolkit as tk
from toolkit.core import spec as specs


@pytest.mark.parametrize("method", [Contraction(), Compiled()])
def test_stops_at_the_first_row_that_meets_the_tolerance(method):
    """0.5^k ≤ 1e-8 first at k = 27, however many steps a compiled call does."""
    run = tk.solve(Zero(), method)
    assert run.status.kind == "converged" and run.k == 27 == run.history["k"][-1]
    assert run.solution()[0] == 0.5**27 == run.history["residual"][-1]
    assert run.history["matvecs"][-1] == 27 and run.history["nfe"][-1] == 54 and run.history["flops"][-1] == 81


@pytest.mark.parametrize("method", [Contraction(factor=0.999), Compiled(factor=0.999)])
@pytest.mark.parametrize("budget, steps", [("steps", 100), ("matvecs", 100), ("nfe", 50), ("flops", 34)])
def test_budgets(method, budget, steps):
    run = tk.solve(Zero(), method, tk.Stop(**{"steps": None, budget: 100}))
    assert run.status.kind == "budget" and budget in run.status.cause and run.k == steps


def test_budget_of_seconds():
    start = time.perf_counter()
    run = tk.solve(Zero(), Contraction(factor=1.0), tk.Stop(steps=None, seconds=0.05))
    assert run.status.kind == "budget" and run.seconds >= 0.05 and time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "method, stop, kind",
    [
        (Contraction(factor=2.0), tk.Stop(divergence=100.0), "diverged"),
        (Compiled(factor=1.0), tk.Stop(stagnation=10), "stagnated"),
        (Poisoned(), tk.Stop(rtol=1e-30), "non-finite"),
        (Unbuildable(), tk.Stop(), "failed"),
        (Contraction(), tk.Stop(measure="error", atol=0.1, rtol=0.0), "converged"),
    ],
)
def test_every_end_is_a_status_with_a_cause(method, stop, kind):
    run = tk.solve(Zero(), method, stop, probes=("error",))
    assert run.status.kind == kind and run.status.cause


def test_a_run_that_could_not_start_says_so():
    run = tk.solve(Zero(), Unbuildable())
    assert run.status.advice == "reorder" and run.k == 0
    for ask in (run.solution, run.snapshot, run.fork):
        with pytest.raises(tk.ToolkitError, match="pivot 3 is zero"):
            ask()


def test_cancel_acts_within_a_slice():
    run = tk.Run(Zero(), Contraction(factor=1.0), tk.Stop(steps=None))
    thread = threading.Thread(target=run.finish)
    thread.start()
    time.sleep(0.1)
    run.cancel()
    thread.join(timeout=2)
    assert not thread.is_alive() and run.status.kind == "cancelled" and run.k > 0


def test_a_slice_takes_about_its_time_and_doubles_its_pace():
    run = tk.Run(Zero(), Compiled(factor=1.0), tk.Stop(steps=None))
    start = time.perf_counter()
    run.slice(0.05)
    assert 0.05 <= time.perf_counter() - start < 1.0
    assert run._course.pace > 1 and run._course.pace & (run._course.pace - 1) == 0


def test_live_knobs_turn_in_mid_run_and_others_do_not():
    run = tk.Run(Zero(), Contraction()).step(4).turn(factor=0.25)
    assert run.step(1).solution()[0] == 0.5**4 * 0.25
    with pytest.raises(tk.KnobError, match="not live"):
        run.turn(fixed=2)
    with pytest.raises(tk.KnobError, match="has no knob"):
        run.turn(speed=2)
    again = tk.Run.from_spec(run.spec()).finish()
    assert again.history.trace_hash() == run.finish().history.trace_hash()


def test_extend_goes_on():
    run = tk.solve(Zero(), Contraction(), tk.Stop(steps=5))
    assert run.status.kind == "budget"
    assert run.finish(tk.Stop(steps=9)).k == 9


def test_a_run_that_is_exact_at_the_start_ends_there():
    assert tk.solve(Zero(), Contraction(), tk.Stop(rtol=0.0, atol=2.0)).k == 0


def test_the_clock_and_the_counters_do_not_see_probes():
    slow = tk.Measure("slow", "slow", lambda problem, state: time.sleep(0.01) or 1.0)
    run = tk.Run(Zero(), Contraction(), probes=[tk.Probe(slow, tk.Every(1))]).step(20)
    assert run.seconds < 0.1 and run.history["matvecs"][-1] == 20


@pytest.mark.parametrize("cadence", [tk.Every(1), tk.Every(7), tk.Octaves(4), tk.Octaves(32)])
def test_cadence_measures_when_due_and_at_the_end(cadence):
    probe = tk.Probe(Zero().measures()[0], cadence)
    run = tk.solve(Zero(), Compiled(factor=0.9), probes=[probe])
    due, k = {0, run.k}, 0
    while (k := cadence.next(k)) < run.k:
        due.add(k)
    assert set(run.history.series("error")[0]) == due
    np.testing.assert_array_equal(
        run.history.series("error")[1],
        0.9 ** np.array(sorted(due)).cumsum() * 0 + [run.at(int(k)).x[0] for k in sorted(due)],
    )


def test_octaves_thin_out():
    steps, k = [], 0
    while k < 1000:
        k = tk.Octaves(8).next(k)
        steps.append(k)
    assert steps[:8] == list(range(1, 9)) and 40 < len(steps) < 80


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([Contraction, Compiled]),
    st.lists(st.tuples(st.sampled_from(["step", "slice", "fork", "at", "snapshot"]), st.integers(1, 40)), max_size=8),
    st.sampled_from([0, 300, 1 << 16]),
)
def test_whatever_is_done_with_a_run_its_trace_is_the_same(cls, actions, cap):
    reference = tk.solve(Zero(), cls(factor=0.9))
    run = tk.Run(Zero(), cls(factor=0.9), probes=("error",), snapshots=cap)
    for action, n in actions:
        if action == "step":
            run.step(n)
        elif action == "slice":
            run.slice(n * 1e-5)
        elif action == "fork":
            run = run.fork()
        elif action == "at" and run.k:
            state = run.at(n % (run.k + 1))
            assert state.k == n % (run.k + 1) and state.x[0] == reference.at(state.k).x[0]
            state.x[:] = -1
        elif action == "snapshot":
            run.snapshot().x[:] = -1
    run.finish()
    assert run.history.trace_hash() == reference.history.trace_hash()
    assert run.solution()[0] == reference.solution()[0]


def test_scrubbing_outside_the_run_is_refused():
    run = tk.Run(Zero(), Contraction()).step(3)
    with pytest.raises(tk.KnobError, match="from 0 to 3"):
        run.at(4)


@pytest.mark.parametrize(
    "spec, reason",
    [
        ({}, "no schema"),
        ({"schema": 99}, "schema 99"),
        ({"schema": 1}, "damaged"),
        ({"schema": 1, "problem": {"lab": "user", "name": "nothing"}, "method": {}}, "no problem 'nothing'"),
        ({"schema": 1, "problem": 3, "method": 4}, "needs a lab and a name"),
        ("text", "no schema"),
    ],
)
def test_foreign_specs_are_refused_with_the_reason(spec, reason):
    with pytest.raises(tk.SpecError, match=reason):
        tk.Run.from_spec(spec)


def test_a_spec_with_a_wrong_knob_is_refused():
    spec = tk.Run(Zero(), Contraction()).spec()
    spec["method"]["knobs"] = {"factor": 77}
    with pytest.raises(tk.KnobError, match=r"Contraction\.factor = 77: expected a number from -4 to 4"):
        tk.Run.from_spec(spec)
    spec["method"]["knobs"] = {"speed": 1}
    with pytest.raises(tk.SpecError, match="no knob 'speed'"):
        tk.Run.from_spec(spec)


def test_specs_are_text_that_reads_back():
    run = tk.Run(Zero(n=7), Contraction(factor=0.25), tk.Stop(rtol=1e-4), probes=("error",)).finish()
    again = tk.Run.from_spec(specs.loads(specs.dumps(run.spec()))).finish()
    assert again.history.trace_hash() == run.history.trace_hash() and again.spec() == run.spec()
    with pytest.raises(tk.SpecError, match="not JSON"):
        specs.loads("{")


def test_studies():
    runs = tk.race(Zero(), [Contraction(), Contraction(factor=0.25)])
    assert [run.k for run in runs] == [27, 14]
    assert [run.k for run in tk.ladder(Zero(), Contraction(), "factor", (0.5, 0.25))] == [27, 14]
    assert [len(run.solution()) for run in tk.ladder(Zero(), Contraction(), "n", (3, 5))] == [3, 5]
    with pytest.raises(tk.KnobError, match="Neither"):
        tk.ladder(Zero(), Contraction(), "speed", (1,))


def test_pace_grows_only_where_steps_were_done():
    """A probe due at every step keeps a compiled call at one step: how fast that was says nothing of longer calls."""
    probe = tk.Probe(Zero().measures()[0], tk.Every(1))
    run = tk.Run(Zero(), Compiled(factor=1.0), tk.Stop(steps=500), [probe])
    while not run.slice(0.01).status.done:
        assert run._course.pace <= 16


def test_a_fork_keeps_what_is_planned():
    spec = tk.Run(Zero(), Contraction()).step(9).turn(factor=0.25).spec()
    run = tk.Run.from_spec(spec).step(4)
    twin = run.fork()
    assert twin.finish().history.trace_hash() == run.finish().history.trace_hash()
    assert twin.spec() == run.spec() and twin.changes == [(9, {"factor": 0.25})]


def test_a_fork_of_a_cancelled_run_goes_on():
    run = tk.Run(Zero(), Contraction()).step(3)
    run.cancel()
    assert run.slice().status.kind == "cancelled" and run.k == 3
    assert run.fork().finish().k == 27 and run.k == 3


@pytest.mark.parametrize("probes", [(), ("error",), (tk.Probe(Zero().measures()[0], tk.Every(50)),)])
def test_a_stop_on_a_measure_does_not_depend_on_the_probes(probes):
    """0.5^k ≤ 1e-3 first at k = 10, whether and however seldom the error was to be watched."""
    run = tk.solve(Zero(), Compiled(), tk.Stop(measure="error", rtol=1e-3), probes)
    assert run.status.kind == "converged" and run.k == 10
    assert tk.Run.from_spec(run.spec()).finish().history.trace_hash() == run.history.trace_hash()


def test_a_stop_on_an_unknown_measure_is_refused():
    with pytest.raises(tk.KnobError, match="no measure 'nothing'"):
        tk.Run(Zero(), Contraction(), tk.Stop(measure="nothing"))
    with pytest.raises(tk.KnobError, match="does not measure 'error'"):
        tk.solve(Zero(), Contraction()).extend(tk.Stop(measure="error"))


def test_a_probe_of_a_monitor_changes_nothing():
    wrong = tk.Measure("residual", "residual", lambda problem, state: -1.0)
    run = tk.solve(Zero(), Contraction(), probes=(wrong, "residual"))
    assert run.history.trace_hash() == tk.solve(Zero(), Contraction()).history.trace_hash()
    with pytest.raises(tk.KnobError, match="'seconds'"):
        tk.Run(Zero(), Contraction(), probes=[tk.Measure("seconds", "s", lambda problem, state: 0.0)])


@pytest.mark.parametrize("make", [tk.Every, tk.Octaves])
@pytest.mark.parametrize("value", [0, -1, 1.5, "1", None, True])
def test_cadences_are_positive(make, value):
    with pytest.raises(tk.KnobError, match="whole number of at least 1"):
        make(value)


def test_specs_carry_the_cadence():
    for cadence in (tk.Every(3), tk.Octaves(5)):
        run = tk.Run(Zero(), Contraction(), probes=[tk.Probe(Zero().measures()[0], cadence)])
        assert tk.Run.from_spec(run.spec()).probes[0].cadence == cadence


values = st.floats(1e-12, 10.0) | st.sampled_from([1.0, float("nan"), float("inf"), 1e20])
rules = st.builds(
    tk.Stop,
    rtol=st.sampled_from([0.0, 1e-6, 1e-2]),
    steps=st.none() | st.integers(0, 60),
    matvecs=st.none() | st.integers(0, 60),
    divergence=st.sampled_from([2.0, 1e10]),
    stagnation=st.integers(0, 12),
)


@settings(deadline=None, max_examples=200)
@given(rules, st.lists(values, min_size=1, max_size=60), st.lists(st.integers(1, 20), max_size=20))
def test_a_stop_does_not_depend_on_how_the_rows_came(stop, residuals, chunks):
    """Judged row by row, in chunks or all at once, a run ends at the same row with the same status."""

    def end(sizes):
        history, start = tk.History(("residual",)), 0
        for size in (*sizes, *[1] * len(residuals)):
            rows = np.array(residuals[start : start + size])
            if not len(rows):
                return None
            k = np.arange(start, start + len(rows), dtype=float)
            history.append(k=k, residual=rows, matvecs=k, nfe=k, flops=k, seconds=k)
            found, start = stop.first(history, start), start + len(rows)
            if found is not None:
                return found[0], found[1].kind

    assert end(chunks) == end([len(residuals)]) == end([])


def test_stagnation_is_what_it_says():
    """The best of all rows gains less than one percent in 5 steps, wherever the best was."""
    history = tk.History(("residual",))
    residual = np.array([1.0, 0.1, *[0.5] * 20])
    history.append(k=np.arange(22.0), residual=residual, seconds=np.zeros(22))
    assert tk.Stop(stagnation=5, rtol=0.0).first(history, 0)[0] == 6


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(spec, path=()):
    """The paths of all values in a nest of dicts and lists."""
    yield path
    for key in spec if isinstance(spec, dict) else range(len(spec)) if isinstance(spec, list) else ():
        yield from places(spec[key], (*path, key))


SPEC = tk.Run(Zero(n=3), Contraction(factor=0.9), tk.Stop(rtol=0.1), ("error",)).step(2).turn(factor=0.3).spec()


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(places(SPEC), key=str)), json_values)
def test_a_damaged_spec_is_refused_or_runs(path, value):
    """Whatever stands in place of a part of a spec, nothing but a ToolkitError comes of it."""
    spec = copy.deepcopy(SPEC)
    if path:
        inside = spec
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
    else:
        spec = value
    try:
        run = tk.Run.from_spec(spec)
    except tk.ToolkitError as mistake:
        assert str(mistake) and len(str(mistake)) < 2000
    else:
        run.step(5)


def test_a_spec_nested_without_end_is_refused():
    with pytest.raises(tk.SpecError, match="not JSON"):
        specs.loads("[" * 100_000)


@pytest.mark.parametrize("cls", [Contraction, Compiled])
def test_planned_changes_are_turned_on_the_way_as_by_hand(cls):
    by_hand = tk.Run(Zero(), cls()).step(4).turn(factor=0.25).step(3).turn(factor=0.75).finish()
    plan = [(7, {"factor": 0.75}), (4, {"factor": 0.25})]
    run = tk.Run(Zero(), cls(), changes=plan)
    assert run.method.factor == 0.5 and [k for k, _ in run.planned] == [4, 7]
    run.step(5)
    assert run.method.factor == 0.25 and (run.changes, run.planned) == ([plan[1]], [plan[0]])
    assert run.spec()["changes"] == by_hand.spec()["changes"]
    twin = run.fork().finish()
    assert run.finish().history.trace_hash() == twin.history.trace_hash() == by_hand.history.trace_hash()
    assert run.at(6).x[0] == 0.5**4 * 0.25**2


@pytest.mark.parametrize(
    "changes, reason", [([(3, {"fixed": 2})], "not live"), ([("x", {})], "pairs"), ([3], "pairs"), (4, "pairs")]
)
def test_planned_changes_that_cannot_be_are_refused_at_once(changes, reason):
    with pytest.raises(tk.KnobError, match=reason):
        tk.Run(Zero(), Contraction(), changes=changes)


@pytest.mark.parametrize("cls", [Contraction, Compiled])
def test_a_slice_goes_up_to_a_step_and_no_further(cls):
    run = tk.Run(Zero(), cls(factor=1.0), tk.Stop(steps=None))
    while run.k < 1000:
        run.slice(0.001, until=1000)
    assert run.slice(0.01, until=1000).k == 1000 == run.slice(0.01, until=3).k


@dataclass(slots=True, kw_only=True)
class Held(tk.State):
    """A state that holds one array."""

    array: np.ndarray


@pytest.mark.parametrize("array", [np.ones((3, 4)), np.ones((3, 4), order="F"), np.ones((4, 3)).T], ids=["C", "F", "T"])
def test_a_copy_keeps_the_layout_of_an_array(array):
    """In another layout products round differently, and a fork would part from its run."""
    twin = Held(array=array).copy()
    assert twin.array.strides == array.strides and not np.shares_memory(twin.array, array)
    lent = twin.array
    assert Held(array=array + 1).copy(into=twin).array is lent and lent[0, 0] == 2
    other = Held(array=np.ascontiguousarray(array)).copy(into=twin)
    assert other.array.strides == np.ascontiguousarray(array).strides
