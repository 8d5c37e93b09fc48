"""Pictures of the mesh lab: which there are of a run is known without computing any, and those have arrays to show."""

import numpy as np
import pytest
from every import methods, suited

import toolkit as tk
from toolkit.mesh.adaptive.loop import AdaptiveElements
from toolkit.mesh.elements.h_version import WHOLE, FiniteElements
from toolkit.mesh.elements.hp_version import PVersion
from toolkit.mesh.elements.problems import Cube, LShape, Square

STOP = tk.Stop(rtol=0.0, steps=2, divergence=1e300)
PICTURES = {picture.name: picture for picture in tk.lab("mesh").pictures}


def seen(name):
    """(problem, state after two steps) for every case that the method suits."""
    return [(problem, tk.solve(problem, method, STOP).state) for problem, method in suited("mesh", name)]


def arrays(data):
    """All arrays of a picture's data."""
    for value in data.values():
        yield from (np.asarray(one) for one in (value if isinstance(value, tuple) else (value,)))


def offered(problem, state):
    """The names of the pictures there are, in order."""
    return [name for name, picture in PICTURES.items() if picture.applies(problem, state)]


@pytest.mark.parametrize("lab, name", [one for one in methods() if one.values[0] == "mesh"])
def test_every_run_has_a_picture_and_those_there_are_show_numbers(lab, name):
    for problem, state in seen(name):
        names = offered(problem, state)
        assert names, problem
        for one in names:
            found = list(arrays(PICTURES[one].data(problem, state)))
            assert found and all(np.isfinite(array).any() for array in found if array.size), (problem, one)


def test_every_picture_says_of_what_it_is():
    assert all(picture.of is not object for picture in PICTURES.values())


def test_in_the_cube_there_is_a_slice_and_on_a_mesh_that_narrows_a_triangle():
    run = tk.Run(Cube(), FiniteElements(degree=1), WHOLE).step(2)
    assert offered(Cube(), run.state) == ["cube_slice", "convergence_triangle"]
    run = tk.Run(Square(), PVersion(), WHOLE).step(2)
    assert "convergence_triangle" not in offered(Square(), run.state)


def test_a_mesh_to_be_seen_comes_before_the_triangle():
    run = tk.Run(LShape(), AdaptiveElements(), WHOLE).step(3)
    assert offered(LShape(), run.state) == ["adaptive_mesh", "indicator", "error_density", "convergence_triangle"]
