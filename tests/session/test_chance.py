"""Draws at random: legal, the same again, and whatever is wrong is found, be it a loop that never ends."""

import json
import math
import shlex
import time

import numpy as np
import pytest
from chances import Toys
from toys import Lots

import toolkit as tk
from toolkit import cli
from toolkit.cli import drawing
from toolkit.core import spec
from toolkit.core.knob import knobs
from toolkit.session.chance import deadlines, drafts
from toolkit.session.chance.drafts import Menu, drawn
from toolkit.session.chance.survey import Survey, survey
from toolkit.session.chance.trials import Found

SEED = 11


def surveyed(only: str, draws: int = 1, **about) -> Survey:
    return survey(Toys(only=only, seed=SEED, seconds=0.5), range(draws), processes=1, **about)


# -- what is drawn ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lab", list(tk.labs()))
def test_a_draw_is_legal_and_the_same_again(lab):
    """Every knob within its range, the method suits, and the spec restores the same pair."""
    menu = Menu.of(tk.lab(lab))
    for index in range(12):
        pair = drawn(menu, SEED, index)
        if pair is None:
            continue
        assert pair.spec() == drawn(menu, SEED, index).spec()
        problem, method = pair.made()
        told = spec.loads(pair.spec())
        assert spec.restore("problem", told["problem"]) == problem and spec.restore("method", told["method"]) == method
        assert not method.suits(problem)


def test_draws_differ_and_reach_every_method():
    menu = Toys().menu()
    specs = [drawn(menu, SEED, index).spec() for index in range(60)]
    assert len(set(specs)) > 50 and len({json.loads(one)["method"]["name"] for one in specs}) == len(menu.methods)
    assert specs != [drawn(menu, SEED + 1, index).spec() for index in range(60)]


def test_a_range_over_decades_is_drawn_over_decades():
    """Log-uniform where the knob says so, the ends now and then, and sizes not far above those of the small cases."""
    stop = knobs(tk.Stop)["rtol"]
    rng = np.random.default_rng(0)
    values = [drafts._number(rng, stop, 1e-8) for _ in range(400)]
    assert min(values) == 0 and max(values) == 1
    wide = knobs(tk.lab("preconditioner").methods()["chebyshev_iteration"])["low"]
    powers = [math.log10(drafts._number(rng, wide, None)) for _ in range(400)]
    assert min(powers) == -15 and max(powers) == 15 and abs(np.mean(np.array(powers) < 0) - 0.5) < 0.1
    many = [drafts._number(rng, knobs(Lots)["n"], 4) for _ in range(400)]
    assert min(many) == 1 and max(many) == 16


# -- what is found ----------------------------------------------------------------------------------------------------


def test_a_wrong_claim_is_found_with_the_spec_that_shows_it():
    found = surveyed("boasting")
    assert {one.kind for one in found.found} == {"broken"} and found.drawn == 1
    broken = found.found[0]
    assert "measured" in broken.why and "twice as fast" in broken.doing
    assert json.loads(broken.spec)["method"]["name"] == "boasting"


def test_an_error_is_found_with_its_place():
    (found,) = surveyed("stumbling").found
    assert found.kind == "raised" and "ZeroDivisionError" in found.why and "chances.py" in found.why


def test_what_never_ends_is_ended_and_the_survey_goes_on():
    """A step that does not come back: its process is stopped, a fresh one takes the next draw."""
    start = time.process_time()
    found = surveyed("endless", draws=2)
    assert [one.kind for one in found.found] == ["outlasted"] * 2 and [one.index for one in found.found] == [0, 1]
    assert all("run" in one.doing and one.spec for one in found.found) and time.process_time() - start < 5


def test_a_process_that_ends_is_found():
    (found,) = surveyed("crashing").found
    assert found.kind == "died" and "SIGABRT" in found.why and found.spec


def test_what_keeps_its_promise_is_counted():
    found = surveyed("choosy", draws=3)
    assert not found.found and found.drawn == 3 and found.held + found.open >= 3


def test_no_draw_begins_after_the_time_for_all_is_up():
    assert surveyed("choosy", draws=10**9, within=2.0).drawn < 10**4


def test_a_process_that_waits_too_long_is_ended(monkeypatch):
    """One that uses no time of its own: the wall's clock ends it."""
    monkeypatch.setattr(deadlines, "PATIENCE", 0.5)
    monkeypatch.setattr(deadlines, "GRACE", 1.0)
    told = list(deadlines.worked(Waiting(), iter([0]), 1.0, 1))
    assert told == [(0, ("late",)), (0, None)]


class Waiting:
    def prepare(self):
        pass

    def __call__(self, index, tell):
        time.sleep(600)


# -- the command ------------------------------------------------------------------------------------------------------


def told(monkeypatch, capsys, *arguments, found=()):
    """What the command says of some findings."""
    survey = Survey("preconditioner", 3, drawn=5, held=7, open=2, found=list(found))
    monkeypatch.setattr(drawing, "survey", lambda *_: survey)
    code = cli.main(["check", "preconditioner", "--random", "5", "--seed", "3", *arguments])
    return code, capsys.readouterr().out


def test_the_command_counts_and_fails_for_what_is_broken(monkeypatch, capsys):
    assert told(monkeypatch, capsys) == (0, "5 drawn in preconditioner with seed 3: 7 promises hold, 2 open\n")
    late = Found("outlasted", 4, "", "drawing", "more than 10 s")
    code, out = told(monkeypatch, capsys, found=[late])
    assert code == 0 and "toolkit check preconditioner --random 1 --seed 3 --first 4" in out
    broken = Found("broken", 1, '{"a":"it\'s"}', "a promise", "measured 2, promised 1")
    code, out = told(monkeypatch, capsys, found=[late, broken])
    assert code == 1 and "1 broken, 1 outlasted" in out and "a promise: measured 2, promised 1" in out
    line = next(line for line in out.splitlines() if "{" in line)
    assert shlex.split(line) == ["toolkit", "check", broken.spec]
    code, out = told(monkeypatch, capsys, "--json", found=[Found("raised", 1, '{"a":1}', "a run", "oh")])
    (whole,) = json.loads(out)
    assert code == 1 and whole["found"][0]["spec"] == {"a": 1} and whole["held"] == 7


@pytest.mark.parametrize("wrong", ["--random 0", "--random 3 --seconds 0", "--random 3 --seed -1"])
def test_a_mistake_is_one_line(capsys, wrong):
    assert cli.main(["check", *wrong.split()]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_spec_is_checked(capsys):
    """The line of a finding: the claims of what it describes."""
    run = tk.Run(tk.lab("preconditioner").cases[0], tk.lab("preconditioner").methods()["cg"]())
    assert cli.main(["check", json.dumps(run.spec()), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(run.method.claims(run.problem)) and {row["method"] for row in rows} == {"cg"}
