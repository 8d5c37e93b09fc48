"""The lab without a screen: a race is controlled, shared and taken away, and trouble stays where it is."""

import ast
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import toys
from screen import TOYS, until

import toolkit as tk
from toolkit.session import export, share
from toolkit.session.frame import marked, nice, quantised, thin
from toolkit.session.lane import Lane
from toolkit.session.model import LabModel
from toolkit.session.rows import number, rows, si
from toolkit.session.worker import Worker


def ended(model):
    return until(lambda: model.frame.stage == "ended" and model.frame)


def hashes(frame):
    return [one.hash for one in frame.traces]


def stepped(model, k):
    """Step until every run is at k."""
    for _ in range(k):
        model.step()
    return until(lambda: model.frame.traces and all(t.k == k and t.hash for t in model.frame.traces) and model.frame)


# -- the race ---------------------------------------------------------------------------------------------------------


def test_a_started_race_ends_as_solve_ends(make):
    model = make()
    model.start()
    frame = ended(model)
    alone = [tk.solve(model.problem, one.method).history.trace_hash() for one in model.entries]
    assert hashes(frame) == alone
    assert [one.status.kind for one in frame.traces] == ["converged", "converged"]


def test_step_does_one_step_of_every_run(make):
    frame = stepped(make(), 3)
    assert [one.k for one in frame.traces] == [3, 3]
    assert frame.stage == "paused"


def test_pause_holds_and_start_goes_on(make):
    model = make()
    model.set_stop(rtol=0.0, steps=None)
    model.start()
    until(lambda: model.frame.last > 50)
    model.pause()
    until(lambda: model.frame.stage == "paused")
    held = model.frame.last
    time.sleep(0.15)
    assert model.frame.last == held
    model.start()
    until(lambda: model.frame.last > held)


def test_cancel_is_a_status_and_acts_within_a_slice(make):
    model = make()
    for one in model.entries:
        model.turn_method(one.uid, factor=1.0)
    model.set_stop(rtol=0.0, steps=None)
    model.start()
    until(lambda: model.frame.last > 20)
    start = time.perf_counter()
    model.cancel()
    frame = ended(model)
    assert time.perf_counter() - start < 1.0
    assert {one.status.kind for one in frame.traces} == {"cancelled"}


def test_hindsight_for_a_measure_says_what_it_does_and_is_cancelled_within_a_slice():
    """Every ω on 5000 systems of 1521 unknowns: more than a minute of compiled code for one measure."""
    from toolkit.preconditioner import FixedOmega, ShiftedSequence

    model = LabModel("preconditioner")
    for one in list(model.entries):
        model.remove(one.uid)
    model.set_problem(ShiftedSequence(n=40, count=5000, tol=1e-12))
    model.add(FixedOmega())
    model.start()
    until(lambda: "Hindsight: every ω on system" in model.frame.busy, 60)
    start = time.perf_counter()
    model.cancel()
    frame = until(lambda: model.frame.stage == "ended" and model.frame)
    assert time.perf_counter() - start < 2.0 and frame.traces[0].status.kind == "cancelled"
    model.close()


def test_reset_forgets_every_run(make):
    model = make()
    stepped(model, 2)
    model.reset()
    frame = until(lambda: model.frame.stage == "ready" and model.frame)
    assert [one.k for one in frame.traces] == [0, 0]


def test_the_two_runs_of_a_race_get_equal_time(make):
    """A run that takes ten times as long a step does about a tenth of the steps, and does not starve."""
    model = make()
    model.set_stop(rtol=0.0, steps=None)
    model.set_method(model.entries[1].uid, Slow(factor=0.9))
    model.start()
    until(lambda: model.frame.traces[1].k >= 5 if len(model.frame.traces) > 1 else False)
    fast, slow = (one.work["seconds"] for one in model.frame.traces)
    assert 0 < slow < 1.0 and fast > 0


class Slow(toys.Contraction):
    """A step takes 20 ms."""

    title = "slow"

    def step(self, problem, state):
        time.sleep(0.02)
        return toys.Contraction.step(self, problem, state)


# -- knobs ------------------------------------------------------------------------------------------------------------


def test_a_live_knob_is_turned_in_mid_run_and_the_trace_tells_when(make):
    model = make()
    stepped(model, 5)
    assert model.turn_method(model.entries[0].uid, factor=0.25)
    stepped_on = stepped_from(model, 5, 3)
    assert stepped_on.traces[0].value == pytest.approx(0.5**5 * 0.25**3)
    assert stepped_on.traces[0].changes == ((5, {"factor": 0.25}),)


def stepped_from(model, k, more):
    for _ in range(more):
        model.step()
    return until(lambda: model.frame.traces[0].k == k + more and model.frame)


def test_other_knobs_start_the_run_anew(make):
    model = make()
    stepped(model, 5)
    assert not model.turn_method(model.entries[0].uid, fixed=2)
    frame = until(lambda: model.frame.traces[0].k == 0 and model.frame)
    assert frame.traces[1].k == 5


def test_a_knob_turned_after_the_end_plays_the_changed_run_at_once(make):
    model = make()
    model.start()
    before = hashes(ended(model))
    entry = model.entries[0]
    model.turn_method(entry.uid, factor=0.25)
    alone = tk.solve(model.problem, entry.method.turned(factor=0.25)).history.trace_hash()
    frame = until(lambda: model.frame.stage == "ended" and model.frame.traces[0].hash == alone and model.frame)
    assert hashes(frame)[1:] == before[1:] and alone != before[0]


@pytest.mark.parametrize("name", tk.labs())
def test_every_picture_can_be_chosen_by_a_title_of_its_own(name):
    model = LabModel(name)
    try:
        titles = model.pictures().values()
        assert len(set(titles)) == len(titles) == len(model.lab.pictures)
    finally:
        model.close()


def test_a_turned_problem_starts_every_run_anew_and_shares_its_data(make):
    model = make()
    stepped(model, 2)
    model.turn_problem(n=7)
    until(lambda: model.frame.stage == "ready")
    stepped(model, 1)
    problems = {id(lane.problem) for lane in model._worker._track.lanes.values()}
    assert len(problems) == 1 and model.problem.n == 7


def test_a_tighter_tolerance_goes_on_and_a_looser_one_ends_as_if_it_had_always_stood(make):
    model = make()
    model.start()
    first = ended(model).traces[0].k
    model.set_stop(rtol=1e-12)
    until(lambda: model.frame.stage == "ended" and model.frame.traces[0].k > first)
    model.set_stop(rtol=1e-2)
    frame = until(lambda: model.frame.stage == "ended" and model.frame.traces[0].k < first and model.frame)
    alone = tk.solve(model.problem, model.entries[0].method, model.stop)
    assert frame.traces[0].hash == alone.history.trace_hash()


# -- the list ---------------------------------------------------------------------------------------------------------


def test_a_race_holds_six_entries_of_six_looks(make):
    model = make()
    while len(model.entries) < 6:
        model.duplicate(model.entries[0].uid)
    assert sorted(one.look for one in model.entries) == list(range(6))
    with pytest.raises(tk.ToolkitError, match="full"):
        model.add(toys.Contraction())


def test_recolour_swaps_and_remove_frees_a_look(make):
    model = make()
    first, second = model.entries
    model.recolour(first.uid, second.look)
    assert [one.look for one in model.entries] == [1, 0]
    model.remove(first.uid)
    assert model.add(toys.Contraction()).look == 1
    assert model.focus == second.uid


# -- looking back, forking --------------------------------------------------------------------------------------------


def test_scrubbing_shows_the_state_of_that_step(make):
    model = make()
    stepped(model, 12)
    model.scrub(4)
    frame = until(lambda: model.frame.drawing.k == 4 and model.frame)
    assert frame.drawing.series[0][2] == pytest.approx(np.full(4, 0.5**4))
    assert frame.traces[0].value == pytest.approx(0.5**4)
    assert [one.mark[0] for one in frame.traces] == [4.0, 4.0]
    with pytest.raises(tk.KnobError, match="13"):
        model.scrub(13)


def test_a_fork_goes_on_from_the_newest_step(make):
    model = make()
    stepped(model, 6)
    twin = model.fork(model.entries[0].uid)
    frame = until(lambda: len(model.frame.traces) == 3 and model.frame)
    assert (frame.traces[2].k, frame.traces[2].hash) == (6, frame.traces[0].hash)
    model.turn_method(twin.uid, factor=0.9)
    model.step()
    frame = until(lambda: model.frame.traces[2].k == 7 and model.frame)
    assert frame.traces[0].value == pytest.approx(0.5**7)
    assert frame.traces[2].value == pytest.approx(0.5**6 * 0.9)


def test_a_fork_goes_on_from_the_scrubbed_step(make):
    model = make()
    stepped(model, 9)
    model.scrub(4)
    twin = model.fork(model.entries[0].uid)
    frame = until(lambda: len(model.frame.traces) == 3 and model.frame.traces[2].k == 4 and model.frame)
    assert [one.k for one in frame.traces] == [9, 9, 4]
    model.start()
    assert ended(model).traces[2].hash == ended(model).traces[0].hash
    assert model.labels()[twin.uid] == "contraction"


# -- promises ---------------------------------------------------------------------------------------------------------


def test_promises_are_drawn_and_judged_while_the_run_grows(make):
    model = make()
    model.set_view(measure="error")
    model.start()
    promise = ended(model).traces[0].promises[0]
    assert promise.verdict.holds is True
    assert promise.curve[1][:4] == pytest.approx(0.5 ** np.arange(4))
    row = rows(model, model.frame)[0]
    assert (row["observed"], row["promised"]) == ("0.5000", "0.5000")
    assert row["counts"] == {"holds": 1, "broken": 0, "open": 0}


def test_a_ladder_is_checked_when_asked_for(make):
    model = make()
    model.set_method(model.entries[0].uid, Laddered())
    stepped(model, 1)
    assert until(lambda: model.frame.traces[0].promises)[0].verdict.holds is None
    model.check(model.entries[0].uid, 0)
    verdict = until(lambda: model.frame.traces[0].promises[0].verdict.holds is not None and model.frame).traces[0]
    assert verdict.promises[0].verdict.holds is True


class Laddered(toys.Contraction):
    """Promises steps that do not depend on n."""

    title = "laddered"

    def claims(self, problem):
        return (tk.Flat(over="n", values=(2, 4, 8), source="saad2003", title="flat in n"),)


def test_a_crowd_is_drawn_as_a_band_once_it_has_run(make):
    """Between the lower and the upper end lies what was measured; the promise is its curve."""
    model = make()
    model.set_view(measure="error")
    model.set_method(model.entries[0].uid, Crowded())
    stepped(model, 3)
    promise = until(lambda: model.frame.traces[0].promises)[0]
    assert promise.asked and promise.verdict.why == "decided by a crowd" and not len(promise.band[0])
    model.check(model.entries[0].uid, 0)
    until(lambda: model.frame.traces[0].promises[0].verdict.holds is not None)
    promise = model.frame.traces[0].promises[0]
    (k, lower, upper), (x, promised, _) = promise.band, promise.curve
    assert promise.verdict.holds is True and list(k) == list(x) == list(range(9))
    assert np.all(lower <= upper) and np.all(upper < 1.5 * 0.5**k) and promised == pytest.approx(1.5 * 0.5**k)
    assert rows(model, model.frame)[0]["promises"][0]["check"] is False


class Crowded(toys.Jitter):
    """Promises that the mean error is halved."""

    title = "crowded"

    def claims(self, problem):
        halved = tk.Bound(
            measure="error", curve=lambda k, v: 1.5 * 0.5**k, source="saad2003", stop=tk.Stop(rtol=0, steps=8)
        )
        return (tk.Crowd(claim=halved, seeds=20),)


def test_a_check_decides_as_the_library_does(make):
    model = make("preconditioner", {"schema": 1, "lab": "preconditioner", "entries": [], "problem": POISSON})
    for name, cls in model.lab.methods().items():
        for claim in cls().claims(model.problem) if not cls().suits(model.problem) else ():
            if claim.size > 2 and name in ("jacobi", "multigrid"):
                from toolkit.session.checks import Check

                check, verdict = Check(claim, model.problem, cls(), 0.05), None
                while verdict is None:
                    verdict = check.go()
                assert verdict == tk.check(claim, model.problem, cls())


POISSON = {"lab": "preconditioner", "name": "poisson", "knobs": {"dim": 2, "n": 16}}


# -- sharing ----------------------------------------------------------------------------------------------------------


def test_a_link_brings_a_second_session_to_the_identical_race(make):
    model = make()
    stepped(model, 5)
    model.turn_method(model.entries[0].uid, factor=0.3)
    stepped_from(model, 5, 4)
    model.fork(model.entries[1].uid)
    model.set_view(against="flops", picture="state")
    model.scrub(None)
    until(lambda: len(model.frame.traces) == 3)
    text = share.pack(model.to_spec())
    other = make(TOYS, share.unpack(text))
    frame = until(lambda: len(other.frame.traces) == 3 and all(t.hash for t in other.frame.traces) and other.frame)
    until(lambda: hashes(other.frame) == hashes(model.frame))
    assert [one.label for one in frame.traces] == [one.label for one in model.frame.traces]
    assert (other.against, other.picture, other.entries[0].method.factor) == ("flops", "state", 0.3)
    assert share.pack(other.to_spec()) == text


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda spec: spec.update(schema=99), "schema 99"),
        (lambda spec: spec.update(lab="elsewhere"), "elsewhere"),
        (lambda spec: spec.pop("problem"), "damaged"),
        (lambda spec: spec["problem"].update(name="nothing"), "nothing"),
        (lambda spec: spec["problem"]["knobs"].update(n=-3), "n = -3"),
        (lambda spec: spec["entries"][0]["method"]["knobs"].update(colour=1), "colour"),
        (lambda spec: spec.update(entries=[spec["entries"][0]] * 7), "7 entries"),
        (lambda spec: spec.update(against="luck"), "luck"),
        (lambda spec: spec.update(picture="cat"), "cat"),
        (lambda spec: spec.update(stop={"rtol": "small"}), "rtol"),
        (lambda spec: spec["entries"][0].update(look=9), "9"),
        (lambda spec: spec["entries"][0].update(changes=[[2, {"fixed": 3}]]), "not live"),
        (lambda spec: spec["entries"][0].update(changes=[["soon", {}]]), "pairs of a step"),
        (lambda spec: spec.update(entries=4), "damaged"),
    ],
)
def test_a_damaged_link_is_refused_with_a_reason_and_nothing_is_lost(make, damage, why):
    model = make()
    frame = stepped(model, 3)
    spec = json.loads(json.dumps(model.to_spec()))
    damage(spec)
    with pytest.raises(tk.ToolkitError, match=why):
        model.load(spec)
    assert hashes(model.frame) == hashes(frame)


@pytest.mark.parametrize("text", ["", "a", "!!!", "AAAA", "eJw", "💥", share.pack({"schema": 1})[:-6], "x" * 5000])
def test_garbage_in_a_link_is_refused(text):
    with pytest.raises(tk.SpecError):
        share.unpack(text)


def test_a_link_that_unpacks_to_more_than_the_limit_is_refused():
    with pytest.raises(tk.SpecError):
        share.unpack(share.pack({"schema": 1, "x": "a" * (2 << 20)}))


# -- taking away ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab_race():
    """A finished race of the real lab with one run turned aside in mid-run, its records."""
    from toolkit.preconditioner import CG, SSOR, Jacobi, Poisson

    model = LabModel("preconditioner")
    model.load({"schema": 1, "lab": "preconditioner", "problem": POISSON, "entries": []})
    model.set_problem(Poisson(dim=2, n=16))
    for method in (CG(), CG(preconditioner=SSOR(omega=1.5)), Jacobi()):
        model.add(method)
    model.start()
    until(lambda: model.frame.stage == "ended", 60)
    yield model, model.records().result(10)
    model.close()


def reported(model, race, printed: str) -> None:
    """Each run is told, its trace as it was seen, and beneath it the verdicts that the page shows."""
    runs = printed.rstrip().split("\n")
    heads = [line for line in runs if not line.startswith(" ")]
    assert [f"trace {one.hash}, as seen" in line for one, line in zip(race.records, heads)] == [True] * 3
    promises = [one for trace in model.frame.traces for one in trace.promises]
    beneath = [line for line in runs if line.startswith("    ")]
    assert len(heads) == 3 and len(beneath) == len(promises) > 6
    for line, one in zip(beneath, promises):
        assert line == f"    {one.title} – {one.told}"
        assert {True: "– Held: ", None: "– Open: "}[one.verdict.holds] in line


def test_the_exported_script_repeats_the_traces_and_says_what_held(lab_race):
    model, race = lab_race
    done = subprocess.run([sys.executable, "-c", export.script(race)], capture_output=True, text=True, check=True)
    reported(model, race, done.stdout)


def test_a_script_prints_under_a_poor_encoding(lab_race):
    _, race = lab_race
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", export.script(race)], capture_output=True, text=True, env=env)
    assert done.returncode == 0 and "2 ((sqrtkappa-1)/(sqrtkappa+1))^k" in done.stdout


def test_the_notebook_says_what_held(lab_race, capsys):
    model, race = lab_race
    text = export.notebook(race, "preconditioner", "residual", model.to_spec())
    cells = json.loads(text)["cells"]
    body = "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))
    exec(compile(body, "cell", "exec"), {})
    reported(model, race, capsys.readouterr().out)


def test_a_paused_and_turned_run_is_exported_as_it_went(make):
    model = make()
    stepped(model, 4)
    model.turn_method(model.entries[0].uid, factor=0.25)
    stepped_from(model, 4, 2)
    text = export.script(model.records().result(10))
    ast.parse(text)
    found = {}
    exec(compile(text, "script", "exec"), found)
    assert [(run.k, run.history.trace_hash() == seen["trace"]) for run, seen in found["runs"]] == [(6, True), (6, True)]


def test_the_notebook_is_valid_and_its_code_parses(lab_race):
    import nbformat  # whose schemas take two seconds to load: not at collection

    model, race = lab_race
    text = export.notebook(race, "preconditioner", "residual", model.to_spec())
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)


def test_the_table_has_one_row_a_step(lab_race):
    _, race = lab_race
    lines = export.table(race).splitlines()
    assert len(lines) == 1 + sum(len(one.history) for one in race.records)
    assert lines[0].startswith("entry,method,k,")


LEFT_OPEN = """
import time
from toolkit.preconditioner import GMRES, AdditiveSchwarz, Poisson
from toolkit.session.model import LabModel
model = LabModel("preconditioner")
for one in list(model.entries):
    model.remove(one.uid)
model.set_problem(Poisson(n=16))
entry = model.add(GMRES(preconditioner=AdditiveSchwarz()))
{stop}
model.start()
while not (model.trace(entry.uid) and model.trace(entry.uid).k > 3):
    time.sleep(0.02)
print("left")
"""


@pytest.mark.parametrize("stop", ["", "model.set_stop(rtol=0.0, steps=None)"], ids=["ended", "at work"])
def test_a_session_left_open_spoils_no_exit_code(stop):
    """Its thread holds a sparse factorisation, which the end of the interpreter would stumble over."""
    program = LEFT_OPEN.format(stop=stop)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


# -- trouble ----------------------------------------------------------------------------------------------------------


class Raising(toys.Contraction):
    """Fails with an error nobody foresaw."""

    title = "raising"

    def step(self, problem, state):
        raise RuntimeError("an accident")


@pytest.mark.parametrize(
    ("method", "kind", "cause"),
    [
        (toys.Poisoned(), "non-finite", "no longer finite"),
        (toys.Unbuildable(), "failed", "pivot 3 is zero"),
        (toys.Contraction(factor=3.0), "diverged", "grew"),
        (Raising(), "failed", "an accident"),
    ],
)
def test_trouble_is_a_status_with_a_cause_and_the_others_go_on(make, method, kind, cause):
    model = make()
    model.set_method(model.entries[0].uid, method)
    model.start()
    bad, good = ended(model).traces
    assert bad.status.kind == kind and cause in str(bad.status)
    assert good.status.kind == "converged"
    row = rows(model, model.frame)[0]
    assert row["tone"] == "bad" and cause in row["cause"]


def test_a_method_that_does_not_suit_says_why(make):
    model = make()
    model.set_method(model.entries[0].uid, Choosy())
    model.start()
    assert "only odd n" in str(ended(model).traces[0].status)


class Choosy(toys.Contraction):
    """Suits nothing here."""

    title = "choosy"

    def suits(self, problem):
        return "it takes only odd n"


@pytest.mark.parametrize("values", [{"n": 0}, {"n": 2.5}, {"n": "many"}, {"m": 3}])
def test_a_refused_knob_changes_nothing(make, values):
    model = make()
    stepped(model, 2)
    with pytest.raises(tk.KnobError):
        model.turn_problem(**values)
    assert [one.k for one in model.frame.traces] == [2, 2] and model.problem.n == 4


def test_asking_too_early_or_for_nothing_is_refused(make):
    model = make()
    with pytest.raises(tk.ToolkitError, match="not started"):
        model.fork(model.entries[0].uid)
    with pytest.raises(tk.ToolkitError):
        model.remove(99)
    with pytest.raises(tk.KnobError):
        model.set_view(against="luck")
    for one in list(model.entries):
        model.remove(one.uid)
    with pytest.raises(tk.ToolkitError, match="empty"):
        model.start()


# -- verbs ------------------------------------------------------------------------------------------------------------


def test_only_data_cross_to_the_thread_of_a_race(make, monkeypatch):
    """Verbs by name and values: no function, no lane and no run of another thread."""
    sent = []
    post = Worker._post

    def noted(self, verb, arguments, answer):
        sent.append((verb, arguments))
        post(self, verb, arguments, answer)

    monkeypatch.setattr(Worker, "_post", noted)
    model = make()
    stepped(model, 3)
    model.turn_method(model.entries[0].uid, factor=0.3)
    model.fork(model.entries[0].uid)
    model.scrub(2)
    model.set_stop(rtol=1e-3)
    model.check(model.entries[0].uid, 0)
    model.remove(model.entries[1].uid)
    model.start()
    model.cancel()
    model.records().result(10)
    model.reset()
    model.show("two")
    verbs = {verb for verb, _ in sent}
    assert {"put", "drop", "clear", "turn", "fork", "extend", "look", "check", "records"} < verbs
    assert {"play", "pause", "step", "cancel"} < verbs
    for _, arguments in sent:
        for one in arguments:
            assert not callable(one) and not isinstance(one, Lane | tk.Run)


def test_a_verb_that_there_is_not_is_refused_where_it_is_sent():
    with pytest.raises(AttributeError, match="dance"):
        Worker().do("dance")


def test_a_change_that_is_planned_stays_planned_when_a_looser_rule_starts_the_run_anew():
    lane = Lane(1, toys.Zero(), toys.Contraction(), tk.Stop(), 0, ((5, {"factor": 0.25}),))
    for _ in range(4):
        lane.step()
    lane.extend(tk.Stop(rtol=0.3))
    while not lane.status.done:
        lane.go(0.01)
    assert lane.k == 2
    lane.extend(tk.Stop(rtol=1e-4))
    while not lane.status.done:
        lane.go(0.01)
    by_hand = tk.Run(toys.Zero(), toys.Contraction(), tk.Stop(rtol=1e-4)).step(5).turn(factor=0.25).finish()
    assert lane.run.history.trace_hash() == by_hand.history.trace_hash()


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_two_sessions_share_nothing_that_moves(make):
    mine, yours = make(), make()
    assert mine.problem is not yours.problem
    stepped(mine, 3)
    assert yours.frame.last == 0 and not any(one.k for one in yours.frame.traces)


def test_closing_ends_the_thread_and_lets_go_of_everything():
    import gc
    import weakref

    model = LabModel(TOYS)
    model.set_stop(rtol=0.0, steps=None)
    model.start()
    until(lambda: model.frame.last > 10)
    run = weakref.ref(next(iter(model._worker._track.lanes.values())).run)
    count = threading.active_count()
    model.close()
    until(lambda: not model.alive())
    gc.collect()
    assert run() is None and threading.active_count() < count


# -- what is drawn ----------------------------------------------------------------------------------------------------


def test_frames_come_at_most_ten_times_a_second(make):
    model = make()
    model.set_stop(rtol=0.0, steps=None)
    model.start()
    until(lambda: model.frame.last > 10)
    first, start = model.frame.version, time.perf_counter()
    time.sleep(1.0)
    assert (model.frame.version - first) / (time.perf_counter() - start) <= 11


def test_points_that_were_drawn_stay_as_a_curve_grows():
    y = np.cumsum(np.random.default_rng(0).standard_normal(6390))
    short, long = thin(y[:6000]), thin(y)
    assert len(long) <= 900 and {0, 6389} <= set(long)
    assert set(short[short < 5900]) <= set(long)
    assert y[long].max() == y.max() and y[long].min() == y.min()
    assert set(marked(100)[:-1]) <= set(marked(110))


def test_a_picture_is_eight_bits_on_a_scale_of_round_numbers():
    z = np.outer(np.sin(np.linspace(0, 3, 600)), np.linspace(-3, 3, 500))
    image, (low, high), signed = quantised(z)
    assert image.dtype == np.uint8 and max(image.shape) <= 256
    assert signed and (low, high) == (-5.0, 5.0)
    assert [nice(v) for v in (0.013, 0.2, 3.0, 700.0, 0.0)] == [0.02, 0.2, 5.0, 1000.0, 1.0]


def test_numbers_read_well():
    assert [number(v) for v in (0.0, 1.25, 3e-9, float("nan"))] == ["0", "1.25", "3.00 · 10⁻⁹", "–"]
    assert [si(v, "s") for v in (0.0, 0.0123, 65.4)] == ["0 s", "12.3 ms", "65.4 s"]


def test_the_step_from_which_on_more_are_in_vain_is_a_point_of_the_curve(make):
    class Content(toys.Contraction):
        def enough(self, history):
            return next((int(k) for k, error in zip(history["k"], history["residual"]) if error < 0.1), None)

    model = make()
    model.set_problem(toys.Zero())
    model.set_method(model.entries[0].uid, Content())
    model.set_view(measure="residual")
    model.start()
    trace = ended(model).traces[0]
    assert trace.enough == (4.0, 0.5**4)


def test_a_pause_right_after_the_start_leaves_no_word_of_what_was_being_prepared(make):
    model = make()
    model.start()
    model.pause()
    model.step()
    frame = until(lambda: model.frame.stage == "paused" and model.frame.traces[0].k and model.frame)
    assert frame.busy == ""
