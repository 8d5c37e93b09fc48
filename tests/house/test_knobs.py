"""Knobs refuse what they do not accept, and say owner, name, value and what is expected."""

from dataclasses import dataclass

import numpy as np
import pytest
from toys import Compiled, Contraction

import toolkit as tk
from toolkit.core.knob import Knobbed, labels


@dataclass(frozen=True)
class Dials(Knobbed):
    """One knob of each sort."""

    count: int = tk.knob(3, 1, 9)
    size: float = tk.knob(0.5, 0.0, 1.0)
    on: bool = tk.knob(True)
    word: str = tk.knob("a", choices=("a", "b"))
    free: str = tk.knob("text")
    auto: float = tk.knob(None, 0, kind=float)


@pytest.mark.parametrize(
    "values",
    [
        {"count": np.int64(4)},
        {"size": 1},
        {"size": np.float32(0.25)},
        {"on": np.bool_(False)},
        {"word": "b"},
        {"auto": None},
        {"auto": 2},
    ],
)
def test_good_values(values):
    made = Dials(**values)
    for name, value in values.items():
        assert getattr(made, name) == value
    assert type(made.count) is int and type(made.size) is float and type(made.on) is bool


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"count": 0}, "Dials.count = 0: expected a whole number from 1 to 9"),
        ({"count": 2.0}, "a whole number"),
        ({"count": True}, "a whole number"),
        ({"count": None}, "a whole number"),
        ({"size": 1.5}, "a number from 0 to 1"),
        ({"size": float("nan")}, "a number from 0 to 1"),
        ({"size": "0.5"}, "a number"),
        ({"size": [0.5]}, "a number"),
        ({"on": 1}, "True or False"),
        ({"word": "c"}, "one of 'a', 'b'"),
        ({"free": 3}, "a text"),
        ({"auto": -1}, "a number of at least 0 or None"),
        ({"auto": float("inf")}, "or None"),
        ({"auto": 10**400}, "or None"),
        ({"count": 10**400}, "a whole number"),
        ({"size": np.zeros(1000)}, "a number from 0 to 1"),
    ],
)
def test_bad_values(values, expected):
    with pytest.raises(tk.KnobError, match=expected):
        Dials(**values)


def test_parts_take_their_family_only():
    from toolkit.preconditioner import CG, Jacobi, Poisson

    assert CG(preconditioner=Jacobi()).preconditioner == Jacobi()
    with pytest.raises(tk.KnobError, match="a Preconditioner"):
        CG(preconditioner=Poisson())


def test_slugs():
    from toolkit.preconditioner import CG, GMRES, IC0, GaussSeidel

    assert [cls.slug() for cls in (CG, IC0, GMRES, GaussSeidel)] == ["cg", "ic0", "gmres", "gauss_seidel"]


def test_labels_tell_twins_apart_by_the_knobs_in_which_they_differ():
    told = labels([Contraction(), Contraction(factor=0.25), Contraction(factor=0.25, fixed=3), Compiled()])
    assert told[0] == "contraction, factor = 0.5, fixed = 1" and told[2] == "contraction, factor = 0.25, fixed = 3"
    assert told[3] == "compiled contraction" and labels([Contraction(), Contraction()]) == ["contraction"] * 2
