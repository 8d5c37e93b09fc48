"""Pictures: which colours an image is drawn in."""

import numpy as np

import toolkit as tk
from toolkit.rank.lowrank import TruncatedSVD
from toolkit.rank.matrices import OwnPhotograph
from toolkit.ui.frame import drawing
from toolkit.ui.palette import GREY, POSITIVE, SIGNED
from toolkit.ui.pictures import picture_for


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


def test_pictures_of_photographs_ask_for_grey():
    assert {"chosen-lines", "rank-k"} <= {p.name for p in tk.lab("rank").pictures if p.grey}
