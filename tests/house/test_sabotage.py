"""Saboteurs break what they should, and are told when they do not."""

import numpy as np
import pytest
from sabotage import Saboteur, biased, costly, half, noise, turned
from toys import Compiled, Contraction, Zero

import toolkit as tk


class Promising(Contraction):
    """Three promises."""

    def claims(self, problem):
        about = {"source": "saad2003"}
        return (
            tk.Rate(measure="error", factor=0.5, title="falls by a half", **about),
            tk.Exact(measure="error", tol=1e-9, title="comes to zero", stop=tk.Stop(rtol=0, steps=40), **about),
            tk.Beats(other=Contraction(factor=0.51), title="needs fewer products", **about),
        )


def pair():
    return Zero(), Promising()


@pytest.mark.parametrize(
    "one",
    [
        Saboteur("falls", pair, half("x")),
        Saboteur("falls", pair, turned(factor=0.6)),
        Saboteur("comes to zero", pair, biased("x", 1.0, 1e-3)),
        Saboteur("fewer", pair, costly("matvecs")),
    ],
    ids=str,
)
def test_a_saboteur_is_caught(one):
    one.is_caught()


def test_a_promise_that_nothing_breaks_is_told():
    with pytest.raises(AssertionError, match="not caught"):
        Saboteur("falls", pair, noise("x", 1e-12)).is_caught()
    with pytest.raises(AssertionError, match="no claim"):
        Saboteur("never said", pair, half("x")).is_caught()


def test_a_compiled_method_is_spoiled_step_by_step_and_keeps_its_knobs():
    spoiled = half("x")(Compiled(factor=0.5))
    run = tk.solve(Zero(), spoiled, tk.Stop(rtol=0, steps=3))
    assert spoiled.factor == 0.5 and run.state.k == 3
    np.testing.assert_allclose(run.state.x, 0.75**3)
