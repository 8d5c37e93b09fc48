"""Pictures: which colours an image is drawn in."""

import numpy as np
import pytest
from screen import until

import toolkit as tk
from toolkit.rank.matrices.lowrank import TruncatedSVD
from toolkit.rank.matrices.problems import OwnPhotograph
from toolkit.session.frame import drawing
from toolkit.session.palette import GREY, POSITIVE, SIGNED
from toolkit.ui.plots.axes import Axes, labelled, room
from toolkit.ui.plots.pictures import picture_for

pytestmark = pytest.mark.usefixtures("document")


def test_a_photograph_is_drawn_from_black_to_white_and_its_error_in_two_colours():
    z = np.linspace(0.0, 1.0, 12).reshape(3, 4)
    views = {"original": z, "error": z - 0.5}

    def palettes(grey, kind="images", views=views):
        picture = tk.Picture("views", "views", kind, None, grey=grey)
        drawn = drawing(picture, views, 1, 1)
        assert drawn.grey is grey
        plot = picture_for(drawn, 200)
        plot.patch(drawn)
        return [one.palette for one in plot._mappers] + ([plot._scale.palette] if plot._scale else [])

    assert palettes(True)[:2] == [GREY, SIGNED] and palettes(False)[:2] == [POSITIVE, SIGNED]
    assert palettes(True, "image", {"z": z}) == [GREY, GREY]
    assert (GREY[0], GREY[-1], len(GREY)) == ("#000000", "#ffffff", 256)


def test_reconstructions_of_a_photograph_stay_grey_where_they_overshoot():
    """At low ranks some values are negative: they are shown as black, and in full in the error."""
    problem, picture = OwnPhotograph(), next(p for p in tk.lab("rank").pictures if p.name == "rank-k")
    state = tk.solve(problem, TruncatedSVD(), tk.Stop(rtol=0.0, steps=3)).state
    assert state.solution().min() < -0.02
    (_, _, _, original), (_, _, _, now), (_, _, _, error) = drawing(picture, picture.data(problem, state), 3, 1).images
    assert (original, now, error) == (False, False, True)
    views = picture.data(problem, state)
    np.testing.assert_array_equal(views["error"], (problem.matrix - state.solution())[::-1])


@pytest.mark.parametrize("words", [("number of entries", "rank"), ("", "")])
def test_an_image_says_what_goes_along_its_sides_where_the_picture_does(words):
    drawn = drawing(tk.Picture("table", "table", "image", None, *words), {"z": np.eye(3)}, 1, 1)
    plot = picture_for(drawn, 200)
    plot.patch(drawn)
    assert [(axis.axis_label, axis.visible) for axis in plot.figure.axis] == [(word, bool(word)) for word in words]


def test_pictures_of_photographs_ask_for_grey():
    assert {"chosen-lines", "rank-k"} <= {p.name for p in tk.lab("rank").pictures if p.grey}


@pytest.mark.parametrize(
    "values, ends",
    [
        ((0.3, 0.87), (0.0, 1.0)),
        ((0.0, 1.0), (0.0, 1.0)),
        ((0.961, 0.971), (0.96, 0.975)),
        ((-28000.0, -27500.0), (-28000.0, -27500.0)),
        ((-2.6, 2.5), (-3.0, 3.0)),
        ((0.0, 0.0), (0.0, 1.0)),
    ],
)
def test_a_linear_axis_begins_at_zero_or_shows_a_narrow_band(values, ends):
    low, high = room(*values)
    assert low <= values[0] and values[1] <= high
    assert (low, high) == pytest.approx(ends, abs=0.07 * (ends[1] - ends[0]))


def test_shares_and_accuracies_are_drawn_on_a_linear_axis_and_errors_on_a_logarithmic_one():
    """Said once, by the method that monitors them; no line style of its own in the screen."""
    shares = {"robust_accuracy", "clean_accuracy", "recovered", "untried", "remaining", "time"}
    for lab in tk.labs().values():
        for cls in lab.methods().values():
            assert set(cls.linear) <= set(cls.monitors), cls
            assert shares & set(cls.monitors) <= set(cls.linear), cls
            assert not [name for name in cls.linear if "error" in name or "residual" in name], cls


def test_the_axis_is_known_before_the_race_begins(make):
    model = make("sampler")
    model.show("purify")
    frame = until(lambda: model.frame.stage == "ready" and model.frame.traces and model.frame)
    axes = Axes.of(model, frame)
    assert (axes.measure, axes.kind) == ("robust_accuracy", (False, False))
    model.set_view(measure="separation")
    assert Axes.of(model, model.frame).kind == (True, False)


def test_an_axis_says_what_there_is_room_for():
    assert labelled("energy error", "|e|_A") == "energy error   |e|_A"
    assert labelled("a title that is much too long to stand beside a plot with its symbol", "x/y") == "x/y"
    assert labelled("a title that has room alone but not with its symbol", "max |u − u_N| / Δ").endswith("symbol")
    assert len(labelled("w" * 90, "")) == 54


def test_logarithms_are_drawn_on_one_ramp_from_decade_to_decade():
    """Their sign says nothing: zero is no middle, and a scale about it would waste half of the colours."""
    z = np.array([[-3.4, -1.0], [0.5, np.nan]])
    (_, image, scale, signed), *_ = drawing(tk.Picture("eta", "eta", "image", None, log=True), {"z": z}, 1, 1).images
    assert scale == (-4.0, 1.0) and signed is False
    np.testing.assert_array_equal(image, [[31, 153], [230, 0]])
    views = {"error": z - 0.5, "log₁₀ error": z}
    (_, _, _, plain), (_, _, scale, signed) = drawing(tk.Picture("two", "two", "images", None), views, 1, 1).images
    assert (plain, scale, signed) == (True, (-4.0, 1.0), False)
