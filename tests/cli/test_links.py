"""What a page's address or link says runs on the command line, to the trace that the page showed, with its verdicts."""

import json
from pathlib import Path

import pytest
from screen import until

import toolkit as tk
from toolkit.cli import main
from toolkit.preconditioner import CG, Jacobi, Poisson
from toolkit.session import share
from toolkit.session.model import LabModel

HERE = Path(__file__).parent
LINK = (HERE / "link.txt").read_text()
BEFORE = json.loads((HERE.parent / "house" / "before" / "pages.json").read_text())["pages"]
ADDRESS = "http://127.0.0.1:5006/preconditioner"


def run(capsys, *arguments):
    """(exit code, rows) of `toolkit run … --json`."""
    code = main(["run", *arguments, "--json"])
    told = capsys.readouterr()
    assert told.err == ""
    return code, json.loads(told.out)


@pytest.fixture
def model():
    """A page on a small problem, with one entry."""
    made = LabModel("preconditioner")
    made.load({"schema": 1, "lab": "preconditioner", "problem": tk.core.spec.describe(Poisson(n=16)), "entries": []})
    made.add(Jacobi())
    yield made
    made.close()


def standing(model, *ks):
    """The frame in which the runs stand at these steps."""
    return until(lambda: [one.k for one in model.frame.traces if one.hash] == list(ks) and model.frame)


def link(model, steps=True):
    return f"{ADDRESS}?s=" + share.pack(model.to_spec(steps=steps))


def test_a_link_runs_and_so_does_its_spec_and_a_file_of_either(capsys):
    code, rows = run(capsys, LINK)
    assert code == 0 and [row["steps"] for row in rows] == [59, 57, 25, 20, 11, 22]
    assert {row["status"] for row in rows} == {"converged"}
    assert all(one["holds"] is not False for row in rows for one in row["verdicts"])
    traces = [row["trace"] for row in rows]
    for same in ((HERE / "page.json").read_text(), str(HERE / "page.json"), str(HERE / "link.txt"), LINK[21:]):
        assert [row["trace"] for row in run(capsys, same)[1]] == traces


def test_the_address_of_a_page_that_has_not_run_runs_to_the_end(capsys, model):
    rows = run(capsys, link(model, steps=False))[1]
    assert [row["trace"] for row in rows] == [tk.solve(model.problem, Jacobi(), model.stop).history.trace_hash()]


def test_a_race_that_was_left_in_mid_run_stands_where_it_stood(capsys, model):
    for _ in range(7):
        model.step()
    frame = standing(model, 7)
    model.add(CG())
    code, rows = run(capsys, link(model))
    assert code == 0 and (rows[0]["steps"], rows[0]["status"]) == (7, "held")
    assert "stands at step 7" in rows[0]["cause"] and rows[1]["status"] == "converged"
    assert rows[0]["trace"] == frame.traces[0].hash
    assert run(capsys, link(model), "--to-end")[1][0]["status"] == "converged"


def test_a_fork_that_looked_back_and_a_turned_knob_are_repeated(capsys):
    model = LabModel("mesh", share.unpack(BEFORE["moving"]["address"][3:]))
    model.remove(model.entries[1].uid)
    for _ in range(9):
        model.step()
    standing(model, 9)
    model.scrub(4)
    twin = model.fork(model.entries[0].uid)
    standing(model, 9, 4)
    assert model.turn_method(twin.uid, dt=0.05)
    model.step()
    frame = standing(model, 10, 5)
    rows = run(capsys, link(model))[1]
    model.close()
    assert [row["trace"] for row in rows] == [one.hash for one in frame.traces]
    assert [row["steps"] for row in rows] == [10, 5] and rows[1]["spec"]["changes"] == [[4, {"dt": 0.05}]]


def test_a_ladder_that_was_checked_on_the_page_is_checked_here(capsys, model):
    spec = json.dumps(tk.Run(Poisson(n=16), Jacobi()).spec())
    open_ones = [one for one in run(capsys, spec)[1][0]["verdicts"] if one["holds"] is None]
    assert [one["why"] for one in open_ones] == ["decided by a ladder"]
    decided = run(capsys, spec, "--check")[1][0]["verdicts"]
    assert all(one["holds"] for one in decided)


@pytest.mark.parametrize(
    "address, name",
    [
        (f"{ADDRESS}?experiment=airfoil", "airfoil"),
        ("localhost:5006/lab?lab=preconditioner&experiment=airfoil", "airfoil"),
        (ADDRESS, "relaxation"),
    ],
)
def test_an_address_without_a_race_runs_the_experiment_that_it_opens_with(capsys, address, name):
    rows = run(capsys, address)[1]
    methods = tk.lab("preconditioner").experiment(name).methods
    assert [row["spec"]["method"]["name"] for row in rows] == [one.slug() for one in methods]


@pytest.mark.parametrize("name", ["nested", "steps"])
def test_a_link_from_before_the_house_was_rebuilt_runs(capsys, name):
    rows = run(capsys, BEFORE[name]["link"])[1]
    spec = share.unpack(BEFORE[name]["link"][3:])
    assert [row["steps"] for row in rows] == [one["k"] for one in spec["entries"]]


def page(**changed) -> str:
    return json.dumps(json.loads((HERE / "page.json").read_text()) | changed)


@pytest.mark.parametrize(
    "what, words",
    [
        ("http://127.0.0.1:5006/", "the address of no lab's page (preconditioner, "),
        ("https://example.org/nowhere?x=1", "the address of no lab's page"),
        (LINK[:-40], "cut off"),
        (ADDRESS + "?s=!!!", "ask for a new one"),
        (ADDRESS + "?experiment=airfol", "no experiment 'preconditioner/airfol'"),
        (page(lab="precondition"), "no lab 'precondition'; known: preconditioner"),
        (page(lab=["mesh"]), "There is no lab ['mesh']"),
        (page(entries=[]), "the race list is empty"),
        (page(entries=3), "damaged"),
        (page(against="luck"), "draws against 'luck'"),
        (page(problem={"lab": "preconditioner", "name": "poison"}), "no problem 'poison'"),
        ('{"schema": 1}', "neither a run's spec"),
        ('{"schema": 1, "problem": 3, "method": 4}', "A problem needs a lab and a name"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(capsys, what, words):
    code = main(["run", what])
    told = capsys.readouterr()
    assert code == 2 and told.out == "" and told.err.count("\n") == 1
    assert words.lower() in told.err.lower()


def spec(problem: dict, method: dict, **more) -> str:
    lab = {"lab": "preconditioner"}
    return json.dumps({"schema": 1, "problem": lab | problem, "method": lab | method} | more)


@pytest.mark.parametrize(
    "text, words",
    [
        (
            spec({"name": "poisson"}, {"name": "gc"}),
            "no method 'gc' in the lab 'preconditioner'; nearest: gcrodr, cg, ",
        ),
        (spec({"name": "poisson", "lab": "pre"}, {"name": "cg"}), "no lab 'pre'; known: mesh, preconditioner, rank"),
        (spec({"name": "poisson", "knobs": {"m": 3}}, {"name": "cg"}), "Poisson has no knob 'm'; its knobs: dim, n"),
        (spec({"name": "poisson", "knobs": {"n": -3}}, {"name": "cg"}), "Poisson.n = -3: expected a whole number from"),
        (spec({"name": "poisson", "knobs": [1]}, {"name": "cg"}), "given by name; given: [1]"),
        (spec({"name": ["poisson"]}, {"name": "cg"}), "no problem ['poisson']"),
        (spec({"name": "poisson"}, {"name": "cg"}, stop={"rtol": "x"}), "Stop.rtol = 'x': expected a number"),
        (spec({"name": "poisson"}, {"name": "cg"}, probes=["x"]), "damaged"),
        (spec({"name": "poisson"}, {"name": "cg"}, probes=[{"name": "luck"}]), "no measure 'luck'"),
        (spec({"name": "poisson"}, {"name": "cg"}, changes=[[1, {"omega": 2}]]), "no knob 'omega'"),
    ],
)
def test_a_damaged_spec_is_told_in_one_line_with_the_nearest_names(capsys, text, words):
    code = main(["run", text])
    told = capsys.readouterr()
    assert code == 2 and told.out == "" and told.err.count("\n") == 1
    assert words in told.err


# -- verdicts ---------------------------------------------------------------------------------------------------------


def test_the_table_shows_every_verdict_and_why(capsys):
    code = main(["run", json.dumps(tk.Run(Poisson(n=16), Jacobi()).spec())])
    out = capsys.readouterr().out
    assert code == 0 and "holds" in out and "--check" in out
    for claim in Jacobi().claims(Poisson(n=16)):
        line = next(line for line in out.splitlines() if claim.title in line)
        assert line.startswith("open" if not claim.while_running else "yes")


def test_a_broken_promise_is_code_one(capsys, monkeypatch):
    broken = tk.Rate(measure="residual", factor=0.1, title="a tenth a step", source="saad2003")
    monkeypatch.setattr(Jacobi, "claims", lambda self, problem: (broken,))
    code, rows = run(capsys, json.dumps(tk.Run(Poisson(n=16), Jacobi()).spec()))
    (told,) = rows[0]["verdicts"]
    assert code == 1 and told["holds"] is False and told["promised"] == 0.1 and told["measured"] > 0.9 and told["why"]


def test_an_entry_that_does_not_suit_says_so_and_the_others_run(capsys):
    entries = [{"method": {"lab": "preconditioner", "name": name}} for name in ("cheb_cb", "cg")]
    rows = run(capsys, page(entries=entries))[1]
    assert [row["status"] for row in rows] == ["failed", "converged"]
    assert "does not suit" in rows[0]["cause"] and rows[0]["verdicts"] == [] and rows[0]["spec"] is None
