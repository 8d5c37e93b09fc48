"""A link, a script, a saved history from another machine: one rule says everywhere whether the run is the same."""

import copy
import json
import subprocess
import sys

import pytest
import toys
from screen import TOYS, until

import toolkit as tk
from toolkit.cli import main
from toolkit.core.machine import Machine, machine
from toolkit.session import export, share
from toolkit.session.model import LabModel
from toolkit.session.rows import rows

ELSEWHERE = Machine("z80", 128, "00000000", "#000000", "#000000")
SAID = "the same to 12 digits; another processor (z80 with vectors of 128 bits; here "


@pytest.fixture
def models():
    made = []

    def make(spec=None):
        made.append(LabModel(TOYS, spec))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def link(models):
    """What a page whose race has ended hands over."""
    model = models()
    model.start()
    until(lambda: model.frame.stage == "ended" and all(one.seen for one in model.frame.traces))
    return json.loads(json.dumps(model.to_spec()))


def told(model) -> list[dict]:
    """The rows of the table once every run has come as far as it was seen."""
    until(lambda: model.frame.traces and all(one.likeness.words for one in model.frame.traces))
    return rows(model, model.frame)


def foreign(link: dict) -> dict:
    """The same made on another machine, which rounds otherwise."""
    link = copy.deepcopy(link) | {"machine": ELSEWHERE.short()}
    for one in link["entries"]:
        one["seen"][0] = "01234567"
    return link


def test_a_link_says_what_was_seen_and_opening_it_compares(models, link):
    for row in told(models(link)):
        assert (row["like"], row["tone"]) == ("as seen", "good") and row["cause"].endswith("as seen")


def test_a_link_from_another_machine_compares_values(models, link):
    for row in told(models(foreign(link))):
        assert row["like"].startswith(SAID) and row["tone"] == "good"


def test_another_hash_on_a_like_machine_is_an_alarm(models, link):
    for row in told(models(foreign(link) | {"machine": link["machine"]})):
        assert row["like"].startswith("but 01234567 was seen, on a machine like this one") and row["tone"] == "bad"


def test_an_address_that_is_not_run_says_nothing_of_a_machine(models):
    model = models()
    assert "machine" not in model.to_spec(steps=False) and "machine" not in model.to_spec()


def test_links_grow_little(link):
    """By what a person may still paste: less than a hundred characters and thirty an entry."""
    bare = {name: value for name, value in link.items() if name != "machine"}
    bare["entries"] = [{name: value for name, value in one.items() if name != "seen"} for one in link["entries"]]
    assert len(share.pack(link)) - len(share.pack(bare)) < 100 + 30 * len(link["entries"])


def test_a_link_without_it_is_read_as_before(models, link):
    for one in link["entries"]:
        del one["seen"]
    model = models({name: value for name, value in link.items() if name != "machine"})
    until(lambda: model.frame.traces and all(one.k for one in model.frame.traces) and model.frame.stage == "ended")
    assert all(row["like"] == "" for row in rows(model, model.frame))


def test_a_damaged_one_is_refused(models, link):
    link["entries"][0]["seen"] = ["x", "converged", 3]
    with pytest.raises(tk.SpecError, match="damaged"):
        models().load(link)


def test_a_run_that_goes_another_way_is_not_compared(models, link):
    model = models(link)
    told(model)
    model.set_stop(rtol=1e-9)
    until(lambda: all(one.likeness.words == "" for one in model.frame.traces))


# -- what is taken away, and the command line -------------------------------------------------------------------------


def test_a_script_and_a_saved_history_compare_by_the_same_rule(tmp_path, capsys):
    from toolkit.preconditioner import CG, Poisson

    run = tk.solve(Poisson(n=12), CG())
    seen = run.spec()["seen"] | {"trace": "0123456789abcdef", "machine": ELSEWHERE.words()}
    record = export.Record(run.method, (), run.k, True, seen, run.history)
    text = export.script(export.Race(run.problem, run.stop, (record,)))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert f"trace {run.history.trace_hash()}, {SAID}" in done.stdout

    path = tmp_path / "run.npz"
    run.history.save(path, run.spec() | {"seen": seen})
    assert main(["run", str(path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["same"] is True and row["likeness"].startswith(SAID)
    assert row["spec"]["seen"]["machine"] == machine().words()
    assert main(["run", json.dumps(run.spec())]) == 0
    assert f"{run.method.label()}: as seen" in capsys.readouterr().out


def test_a_page_s_link_compares_on_the_command_line(capsys):
    from toolkit.preconditioner import CG, Poisson

    model = LabModel("preconditioner")
    model.load({"schema": 1, "lab": "preconditioner", "problem": specs(Poisson(n=12)), "entries": []})
    model.add(CG())
    model.start()
    until(lambda: model.frame.stage == "ended" and model.frame.traces[0].seen)
    spec = model.to_spec()
    model.close()
    for one, words in ((spec, "as seen"), (foreign(spec), SAID)):
        assert main(["run", "?s=" + share.pack(one), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["likeness"].startswith(words)


def specs(owner) -> dict:
    """An object as a link names it."""
    return tk.core.spec.describe(owner)


def test_set_up_and_steps_are_two_columns(models, capsys):
    from toolkit.preconditioner import CG, Poisson

    model = models()
    model.start()
    until(lambda: model.frame.stage == "ended")
    for row in rows(model, model.frame):
        assert row["setup"].endswith("s") and row["solve"].endswith("s")
    assert main(["run", json.dumps(tk.Run(Poisson(n=12), CG()).spec())]) == 0
    head = capsys.readouterr().out.splitlines()[0].split()
    assert tuple(head[head.index("setup") :][:2]) == ("setup", "solve")


def test_a_fork_and_a_turned_knob_have_nothing_to_be_compared_with():
    spec = tk.Run(toys.Zero(), toys.Contraction(), tk.Stop(steps=6)).finish().spec()
    run = tk.Run.from_spec(spec).step(3)
    assert run.fork().seen == {} and run.turn(factor=0.25).likeness().words == ""
