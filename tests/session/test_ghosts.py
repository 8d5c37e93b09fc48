"""A turned knob leaves the last curve behind as a ghost; back and forward find the runs that were finished."""

import numpy as np
import pytest
import toys
from screen import until

from toolkit.session.attic import changed, comparable


def ended(model):
    return until(lambda: model.frame.stage == "ended" and model.frame)


def ghosts(model, count):
    return until(lambda: len(model.frame.ghosts) == count and model.frame).ghosts


def played(make):
    model = make()
    model.start()
    ended(model)
    return model


def test_a_turned_knob_keeps_the_curve_of_the_last_run_under_its_old_value(make):
    model = played(make)
    first = model.entries[0]
    before = model.trace(first.uid).curve
    model.turn_method(first.uid, factor=0.3)
    (ghost,) = ghosts(model, 1)
    ((look, x, y, k),) = ghost.curves
    assert look == first.look and ghost.label.endswith("factor = 0.5")
    for kept, was in zip((x, y, k), before):
        np.testing.assert_array_equal(kept, was)


def test_a_turned_problem_keeps_the_whole_race_as_one_ghost(make):
    model = played(make)
    n = model.problem.n
    scene = model.frame.scene
    model.turn_problem(n=n + 1)
    (ghost,) = ghosts(model, 1)
    assert ghost.label == f"n = {n}" and [one[0] for one in ghost.curves] == [one.look for one in model.entries]
    assert model.frame.scene > scene  # axes begin anew


def test_there_are_two_ghosts_at_most_and_each_can_be_let_go(make):
    model = played(make)
    uid = model.entries[0].uid
    for factor in (0.3, 0.4, 0.6):
        last = model.trace(uid).hash
        model.turn_method(uid, factor=factor)
        until(lambda last=last: model.frame.stage == "ended" and model.trace(uid).hash != last)
    old, new = ghosts(model, 2)
    assert old.label.endswith("0.3") and new.label.endswith("0.4")
    model.lay(old.number)
    assert ghosts(model, 1)[0].number == new.number
    model.lay()
    ghosts(model, 0)


def test_ghosts_follow_the_measure_and_leave_with_another_experiment(make):
    model = played(make)
    model.turn_method(model.entries[0].uid, factor=0.3)
    ghosts(model, 1)
    model.set_view(against="matvecs")
    until(lambda: model.frame.ghosts and len(model.frame.ghosts[0].curves))
    model.show("two")
    ghosts(model, 0)


def test_a_run_that_did_not_begin_leaves_no_ghost(make):
    model = make()
    model.turn_method(model.entries[0].uid, factor=0.3)
    model.step()
    until(lambda: model.frame.last == 1)
    assert model.frame.ghosts == ()


def test_going_back_finds_the_finished_runs_and_keeps_what_is_left_as_a_ghost(make):
    model = played(make)
    here = model.to_spec(steps=False)
    hashes = [one.hash for one in model.frame.traces]
    model.turn_method(model.entries[0].uid, factor=0.3)
    frame = until(lambda: model.frame.stage == "ended" and model.frame.traces[0].hash != hashes[0] and model.frame)
    there, others = model.to_spec(steps=False), [one.hash for one in frame.traces]
    model.load(here, again=True)
    frame = until(lambda: [one.hash for one in model.frame.traces] == hashes and model.frame)
    assert frame.stage == "ended"
    assert [one.label.rsplit(", ", 1)[-1] for one in frame.ghosts] == ["factor = 0.3"]
    model.load(there, again=True)
    frame = until(lambda: [one.hash for one in model.frame.traces] == others and model.frame)
    assert [one.label.rsplit(", ", 1)[-1] for one in frame.ghosts] == ["factor = 0.5"]


def test_a_link_begins_without_ghosts_and_with_fresh_runs(make):
    model = played(make)
    here = model.to_spec(steps=False)
    model.turn_method(model.entries[0].uid, factor=0.3)
    ghosts(model, 1)
    model.load(here)
    frame = until(lambda: not model.frame.ghosts and model.frame.stage == "ready" and model.frame)
    assert all(not one.k for one in frame.traces)


@pytest.mark.parametrize("before, now, words", [(0.5, 0.25, "factor = 0.5"), (0.5, 0.5, "")])
def test_a_change_is_named_by_what_it_was(before, now, words):
    assert changed(toys.Contraction(factor=before), toys.Contraction(factor=now)) == words


def test_problems_of_one_kind_can_be_compared_and_others_not():
    assert comparable(toys.Zero(), toys.Zero(n=5))
    assert not comparable(None, toys.Zero()) and not comparable(toys.Contraction(), toys.Zero())
