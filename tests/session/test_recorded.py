"""Recorded curves are of experiments that there are, small, and shown only of what an experiment still is."""

import gzip
import json
from dataclasses import replace

import pytest
from screen import TOYS, TWO, until

from toolkit.core.lab import lab, labs
from toolkit.session import recorded


@pytest.mark.parametrize("name", list(labs()))
def test_what_is_recorded_is_small_and_of_what_there_is(name):
    """Two of a lab may be missing: those whose methods have no curve in a few seconds."""
    whole, found = lab(name), recorded.shipped(lab(name))
    assert found and not found.keys() - {one.name for one in whole.experiments}
    assert len(recorded.stale(whole)) <= 2, "`toolkit record --stale` takes them down anew"
    for one in found.values():
        assert len(gzip.compress(json.dumps(one).encode())) <= recorded.BYTES
        assert one["curves"] and len(one["mark"]) == 16
        for curve in one["curves"] + one["promised"]:
            assert len(curve["x"]) == len(curve["y"]) <= 2 * recorded.POINTS


@pytest.mark.parametrize("name", list(labs()))
def test_only_what_an_experiment_still_is_is_shown(name, monkeypatch):
    whole = lab(name)
    one = next(one for one in whole.experiments if recorded.of(whole, one))
    assert recorded.mark(replace(one, title="another", why="another")) == recorded.mark(one)
    changed = replace(one, methods=one.methods[:-1], measure="another")
    assert recorded.of(whole, changed) == {}


def test_a_run_is_taken_down_as_the_page_draws_it(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "path", lambda lab: tmp_path / "recorded.json.gz")
    recorded.shipped.cache_clear()
    assert recorded.stale(TOYS) == ["two"]
    found = recorded.record(TOYS, TWO, 20.0)
    assert recorded.save(TOYS, {"two": found}) < 5000
    assert recorded.of(TOYS, TWO) == found and recorded.stale(TOYS) == []
    values = found["curves"][0]["y"]
    assert len(found["curves"]) == 2 and values[0] > values[-1]
    assert not any("verdict" in key or "holds" in key for key in json.dumps(found).split('"'))
    recorded.shipped.cache_clear()


def test_an_experiment_shows_its_recorded_curves_once_it_is_answered_until_it_is_started_or_changed(make):
    whole = lab("rank")
    one = next(one for one in whole.experiments if recorded.of(whole, one))
    model = make(whole)
    model.show(one.name)
    until(lambda: len(model.frame.traces) == len(one.methods[:6]) and model.frame.stage == "ready")
    assert recorded.awaited(model, model.frame).ghosts == (), "the answer to what is asked"
    model.predict(one.predict.low if hasattr(one.predict, "low") else 0)
    (ghost,) = recorded.awaited(model, model.frame).ghosts
    assert ghost.label == "recorded" and len(ghost.curves) == len(recorded.of(whole, one)["curves"])
    assert recorded.awaited(model, replace(model.frame, stage="running")).ghosts == ()
    model.set_stop(steps=model.stop.steps + 1)
    assert model.own and recorded.awaited(model, model.frame).ghosts == ()
