"""Pictures say what they are of: which there are of a run is known without computing one."""

import pytest
from every import methods, suited

import toolkit as tk

STOP = tk.Stop(steps=2, rtol=0.0)


@pytest.mark.parametrize("lab", tk.labs())
def test_every_picture_says_what_it_is_of(lab):
    assert [one.name for one in tk.lab(lab).pictures if one.of is object] == []


@pytest.mark.parametrize("lab, name", methods())
def test_what_applies_can_be_drawn_and_nothing_else_is_asked(lab, name):
    """After two steps a picture that applies gives arrays, or None where there is nothing yet; it never fails."""
    for problem, method in suited(lab, name)[:1]:  # none for a codec whose library is not installed
        run = tk.solve(problem, method, STOP)
        applying = [one for one in tk.lab(lab).pictures if one.applies(problem, run.state)]
        drawn = {one.name: one.data(problem, run.state) for one in applying}
        assert all(data is None or (isinstance(data, dict) and data) for data in drawn.values()), drawn
