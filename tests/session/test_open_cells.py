"""A cell of the page is open, with the sentence that says what would decide it, until a run has shown enough."""

from dataclasses import dataclass

import toolkit as tk
from toolkit.preconditioner import Jacobi, Poisson
from toolkit.session.lane import Lane
from toolkit.session.rows import row


@dataclass
class Listed:
    uid: int = 1
    look: int = 0


def cell(steps: int, done: int, n: int = 16) -> dict:
    """What the page shows of Jacobi's factor after `done` steps of a run of at most `steps`."""
    lane = Lane(1, Poisson(n=n), Jacobi(), tk.Stop(rtol=1e-10, steps=steps), 0)
    for _ in range(done):
        lane.step()
    found = row(Listed(), "Jacobi", lane.trace("Jacobi", "residual", "k", None, "paused"))
    return next(one for one in found["promises"] if "cos" in one["title"]) | {"counts": found["counts"]}


def test_a_factor_is_open_in_mid_run_and_says_what_it_needs():
    """At step 36 Jacobi is faster than it promised: grey, with the steps that are missing."""
    found = cell(20_000, 36)
    assert found["state"] == "open" and found["told"].startswith("Open: needs residual ≤ 1e-10 or 1964 more steps")
    assert found["counts"]["broken"] == 0


def test_a_factor_is_open_where_a_small_budget_ended_the_run():
    found = cell(36, 36, n=32)
    assert found["state"] == "open" and "1964 more steps" in found["told"]


def test_a_factor_is_decided_at_the_end():
    assert cell(20_000, 1300)["state"] == "holds"
