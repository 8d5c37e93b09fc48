"""Pictures of the rank lab: each says of what it is, and has arrays to show wherever it says that it applies."""

import numpy as np
import pytest
from every import suited

import toolkit as tk

LAB = tk.lab("rank")
LATER = {"indicator-error"}  # may have nothing to show after three steps


def shown(picture, data):
    """The arrays of a picture, checked by its kind; at least one."""
    if picture.kind == "points":
        assert all(len(x) == len(y) for x, y in data.values())
        return [one for pair in data.values() for one in pair]
    arrays = [np.asarray(one) for one in data.values()]
    if picture.kind == "lines":
        assert "x" in data and all(one.shape == data["x"].shape for one in arrays)
        return arrays[1:]
    assert all(one.ndim == 2 for one in arrays) and (picture.kind == "images" or list(data) == ["z"])
    return arrays


def test_every_picture_says_of_what_it_is():
    for picture in LAB.pictures:
        kinds = picture.of if isinstance(picture.of, tuple) else (picture.of,)
        assert all(issubclass(one, (tk.Problem, tk.State)) for one in kinds), picture.name


@pytest.mark.parametrize("name", LAB.methods())
def test_where_a_picture_applies_there_is_something_to_see(name):
    for problem, method in suited("rank", name):
        run = tk.Run(problem, method, tk.Stop(rtol=0.0, steps=3, divergence=1e300)).finish()
        for picture in LAB.pictures:
            if picture.applies(problem, run.state):
                data = picture.data(problem, run.state)
                assert (data is None and picture.name in LATER) or shown(picture, data), (picture.name, problem)


@pytest.mark.parametrize("name", [one.name for one in LAB.experiments if one.picture])
def test_the_picture_of_an_experiment_is_one_of_its_runs(name):
    one = LAB.experiment(name)
    picture = next(picture for picture in LAB.pictures if picture.name == one.picture)
    problem, first = one.problem.turned(), tk.Stop(rtol=0.0, steps=1)
    assert any(picture.applies(problem, tk.Run(problem, method, first).finish().state) for method in one.methods)
