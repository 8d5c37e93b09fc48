"""A lab of toys for the tests of a session, a model that is closed after the test, and waiting."""

import time

import pytest
import toys

from toolkit.core.lab import Experiment, Lab, Picture
from toolkit.session.model import LabModel

PICTURE = Picture("state", "state", "lines", lambda p, s: {"x": list(range(p.n)), "x_k": s.x})
TWO = Experiment("two", "Two factors", "Which is faster?", toys.Zero(), (toys.Contraction(), toys.Compiled(factor=0.9)))


class Toys(Lab):
    """What stands in it is said here, as it has no families."""

    cases = (toys.Zero(),)
    pictures = (PICTURE,)
    experiments = (TWO,)


TOYS = Toys(name="user", title="Toys", about="Contractions.", measure="residual")


def until(condition, seconds: float = 20.0):
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come to be in time")


@pytest.fixture
def make():
    """`make(lab, spec)` gives a model that is closed after the test."""
    models = []

    def one(lab=TOYS, spec=None):
        models.append(LabModel(lab, spec))
        return models[-1]

    yield one
    for model in models:
        model.close()
        until(lambda model=model: not model.alive())
