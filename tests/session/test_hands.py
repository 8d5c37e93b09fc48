"""A method that is compiling, or waits for data, does not hold up those that are ready."""

import threading
import time
from dataclasses import dataclass

import pytest
import toys
from screen import until

from toolkit.kernels import _clock
from toolkit.session.hands import Hands
from toolkit.session.rows import rows

GATE = threading.Event()


@dataclass(frozen=True)
class Held(toys.Contraction):
    """Its second step compiles until the gate opens."""

    title = "held"

    def step(self, problem, state):
        if state.k == 1:
            with _clock.aside(_clock.COMPILING):
                assert GATE.wait(20)
        return super().step(problem, state)


@pytest.fixture
def gate():
    GATE.clear()
    yield GATE
    GATE.set()


def race(make):
    """One that is held up stands before one that is not."""
    model = make()
    model.set_method(model.entries[0].uid, Held(factor=0.9))
    model.start()
    return model


def test_the_others_go_on_and_it_follows(make, gate):
    model = race(make)
    frame = until(lambda: model.frame.traces and model.frame.traces[1].status.done and model.frame)
    assert frame.stage == "running" and not frame.traces[0].status.done
    held = until(lambda: [one for one in rows(model, model.frame) if one["kind"] == "preparing"])
    assert held[0]["label"].startswith("held")
    gate.set()
    frame = until(lambda: model.frame.stage == "ended" and model.frame)
    assert [one.status.kind for one in frame.traces] == ["converged"] * 2
    assert frame.traces[0].work["seconds"] < 1 and frame.traces[0].k == toys_steps(0.9)


def toys_steps(factor: float) -> int:
    """Steps of a contraction to 1e-8."""
    k = 0
    while factor**k > 1e-8:
        k += 1
    return k


def test_its_page_answers_meanwhile(make, gate):
    """A look, a pause, a method that takes its place: none waits; what was compiled for nobody is let be."""
    model = race(make)
    until(lambda: model.frame.traces and model.frame.traces[1].status.done)
    model.pause()
    until(lambda: model.frame.stage == "paused")
    model.set_method(model.entries[0].uid, toys.Contraction(factor=0.25))
    model.start()
    until(lambda: model.frame.stage == "ended" and model.frame.traces[0].k == toys_steps(0.25))
    gate.set()


def test_what_touches_its_run_waits_for_it(make, gate):
    model = race(make)
    until(lambda: model.frame.traces and model.frame.traces[1].status.done)
    asked = model.records()
    time.sleep(0.1)
    assert not asked.done()
    gate.set()
    assert asked.result(20).records[0].k >= 1


def test_hands_that_come_back_are_used_again(gate):
    hands, before = Hands(lambda: False), threading.active_count()

    def held():
        with _clock.aside(_clock.LOADING):
            gate.wait(20)

    assert hands.do("a", lambda: None) and not hands.do("b", held) and hands.do("c", lambda: 1 / 0)
    assert set(hands.left) == {"b"} and not hands.back()
    gate.set()
    hands.wait("b")
    assert hands.left == {} and hands.do("d", lambda: None)
    hands.close()
    until(lambda: threading.active_count() <= before)


def test_a_closed_race_ends_with_what_it_compiles(make, gate):
    model = race(make)
    until(lambda: model.frame.traces and model.frame.traces[1].status.done)
    model.close()
    gate.set()
    until(lambda: not model.alive())
