"""A lab of toys for the tests of the screen, and waiting."""

import time

import toys

from toolkit.core.registry import Experiment, Lab, Picture

PICTURE = Picture("state", "state", "lines", lambda p, s: {"x": list(range(p.n)), "x_k": s.x})
TOYS = Lab(
    name="user",
    title="Toys",
    about="Contractions.",
    cases=(toys.Zero(),),
    pictures=(PICTURE,),
    experiments=(
        Experiment(
            "two", "Two factors", "Which is faster?", toys.Zero(), (toys.Contraction(), toys.Compiled(factor=0.9))
        ),
    ),
)


def until(condition, seconds: float = 20.0):
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come to be in time")
