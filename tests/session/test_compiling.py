"""A first start compiles: that is said while it lasts, and can be called off on the way."""

import time
from dataclasses import dataclass

import numba
import numpy as np
import pytest
import toys
from numba.core.dispatcher import Dispatcher
from screen import TOYS, until

import toolkit as tk
from toolkit.core import patience
from toolkit.preconditioner import CG, Anisotropic
from toolkit.session.compiling import USUAL
from toolkit.session.lane import Lane
from toolkit.session.model import LabModel

COMPILED: list[str] = []


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    """What was compiled, each slowed down so that somebody can read what is said."""
    COMPILED.clear()
    compiled = Dispatcher.add_overload

    def noted(self, result):
        COMPILED.append(self.__name__)
        time.sleep(0.3)
        return compiled(self, result)

    monkeypatch.setattr(Dispatcher, "add_overload", noted)


@dataclass(frozen=True)
class Fresh(toys.Contraction):
    """Two kernels that no cache knows are wanted before the first step."""

    title = "fresh"

    def init(self, problem):
        for i in range(2):

            def kernel(x):
                return x + 1.0

            kernel.__name__ = f"kernel_{i}"
            numba.njit(kernel)(np.float64(problem.n))
        return toys.Contraction.init(self, problem)


def started():
    model = LabModel(TOYS)
    model.remove(model.entries[1].uid)
    model.set_method(model.entries[0].uid, Fresh())
    model.start()
    until(lambda: "Compiling fresh" in model.frame.busy)
    assert USUAL in model.frame.busy and model.frame.stage == "running"
    return model


def closed(model):
    model.close()
    until(lambda: not model.alive())


def test_what_is_compiled_is_said_until_it_is_done():
    model = started()
    until(lambda: model.frame.stage == "ended")
    assert model.frame.busy == "" and model.frame.traces[0].status.kind == "converged"
    assert COMPILED == ["kernel_0", "kernel_1"]
    closed(model)


def test_compiling_is_called_off_on_the_way_and_can_begin_again():
    model = started()
    model.cancel()
    frame = until(lambda: model.frame.stage == "ended" and model.frame)
    assert (frame.traces[0].status.kind, frame.traces[0].k) == ("cancelled", 0) and "kernel_1" not in COMPILED
    model.start()
    until(lambda: model.frame.stage == "ended" and model.frame.traces[0].status.kind == "converged")
    closed(model)


def test_closing_the_page_calls_it_off_too():
    model = started()
    closed(model)
    assert "kernel_1" not in COMPILED


def test_assembling_says_what_it_does_and_can_be_called_off():
    """A matrix of four million unknowns takes seconds: between two of its diagonals nobody may want it any more."""
    said = []
    patience.listen(said.append, lambda: len(said) >= 3)
    with pytest.raises(patience.CalledOff):
        Anisotropic(n=16).matrix  # noqa: B018
    lane = Lane(0, Anisotropic(n=16), CG(), tk.Stop(), 0)
    lane.go(0.01)
    patience.listen(None, None)
    assert said[-1] == "Assembling a matrix of 225 unknowns: 3 of 5 diagonals"
    assert lane.status.kind == "cancelled" and lane.run is None
    again = Lane(0, Anisotropic(n=16), CG(), tk.Stop(), 0)
    again.go(5.0)
    assert again.status.kind == "converged"
