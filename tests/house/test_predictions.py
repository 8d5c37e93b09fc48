"""What a person said beside what theory said and what it was."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import toolkit as tk
from toolkit.core.prediction import (
    YES_NO,
    Guess,
    Pick,
    Sketch,
    first_below,
    first_there,
    last,
    lowest,
    needed,
    order_seen,
    ratio,
    whether,
)
from toolkit.preconditioner import CG, Jacobi, Poisson

PROBLEM = Poisson(dim=2, n=12)


@pytest.fixture(scope="module")
def runs():
    return [tk.solve(PROBLEM, method, tk.Stop(rtol=1e-8)) for method in (CG(), Jacobi())]


def test_a_pick_is_right_where_it_came_true(runs):
    ask = Pick("Which is there first?", first_there(), theory=0)
    assert ask.answers([run.method for run in runs]) == tuple(run.method.label() for run in runs)
    right, wrong, skipped = (ask.outcome(said, runs) for said in (0, 1, None))
    assert (right.right, wrong.right, skipped.right) == (True, False, None)
    assert right.said == right.was == right.theory == runs[0].method.label() and right.held
    assert wrong.said == runs[1].method.label() and not skipped.said
    assert Pick("?", first_there(), theory=1).outcome(0, runs).held is False


def test_what_the_runs_do_not_decide_is_left_open(runs):
    short = [tk.solve(PROBLEM, Jacobi(), tk.Stop(steps=3))] * 2
    outcome = Pick("?", first_there(), theory=0).outcome(1, short)
    assert outcome.was == "" and outcome.right is None and outcome.held is None
    assert needed(0)(short) is None and last("residual")(short) > 0


def test_a_guess_is_right_near_the_number(runs):
    steps = runs[0].k
    ask = Guess("How many?", needed(0), 1, 1000, whole=True, unit="steps", theory=lambda runs: 2.0 * steps, limit=True)
    assert ask.outcome(1.2 * steps, runs).right and ask.outcome(steps / 1.24, runs).right
    assert ask.outcome(1.3 * steps, runs).right is False
    found = ask.outcome(None, runs)
    assert found.was == f"{steps} steps" and found.theory == f"at most {2 * steps} steps" and found.held
    plain = Guess("?", needed(0), 0, 4 * steps, log=False, close=1.1, theory=lambda runs: 0.5 * steps)
    assert plain.outcome(1.35 * steps, runs).right and plain.outcome(1.45 * steps, runs).right is False
    assert plain.outcome(None, runs).held is False


def test_a_sketched_line_is_compared_by_its_slope(runs):
    ask = Sketch("How steep?", "residual", of=1)
    seen = ask.outcome(None, runs)
    factor = float(seen.was.split()[2])
    assert seen.held and "a step" in seen.theory
    assert ask.outcome(factor**1.2, runs).right and ask.outcome(factor**0.5, runs).right is False


def test_answers_that_many_questions_share(runs):
    assert first_there("matvecs")(runs) == 0 and lowest("residual")(runs) in (0, 1)
    yes = Pick("?", whether(lambda runs: runs[0].k < runs[1].k), theory=0, options=YES_NO)
    assert yes.outcome(0, runs).was == "yes" and yes.outcome(0, runs).right
    assert whether(lambda runs: None)(runs) is None


def test_an_answer_is_of_the_kind_that_is_asked_for():
    methods = (CG(), Jacobi())
    pick, guess, sketch = Pick("?", first_there()), Guess("?", needed(0), 1, 50, whole=True), Sketch("?", "residual")
    assert pick.form(methods)["answers"] == list(pick.answers(methods)) and guess.form(methods)["high"] == 50
    assert (pick.answer(1, methods), guess.answer(12.4, methods), sketch.answer(0.5, methods)) == (1, 12, 0.5)
    for ask, said in ((pick, 2), (pick, True), (pick, 1.0), (guess, 51), (guess, float("nan")), (sketch, "steep")):
        with pytest.raises(tk.SpecError):
            ask.answer(said, methods)


def test_a_ratio_and_the_first_below_a_goal_are_those_of_the_histories(runs):
    ends = [run.history.last("residual") for run in runs]
    assert ratio("residual", 0, 1)(runs) == pytest.approx(ends[0] / ends[1])
    goal = 1e-3 * float(runs[0].history["residual"][0])
    passed = [int((run.history["residual"] > goal).sum()) for run in runs]
    assert first_below("residual", goal)(runs) == (0 if passed[0] <= passed[1] else 1)
    assert first_below("residual", 0.0)(runs) is None


def test_an_order_is_seen_between_the_last_two_values(runs):
    ladder = SimpleNamespace(history={"n": np.array([2.0, 4.0, 8.0]), "error": np.array([np.nan, 1.0, 0.25])})
    assert order_seen("error", "n")([ladder]) == pytest.approx(2)
    ladder.history["error"][1] = np.nan
    assert order_seen("error", "n")([ladder]) is None


def test_a_factor_is_not_compared_with_an_order(runs):
    found = Sketch("How steep?", "residual", of=1, order=True).outcome(2.0, runs)
    assert found.was and found.said == "" and found.right is None


def test_whether_theory_was_right_about_a_line_is_the_verdict_of_its_claim(runs):
    """One truth: what the table calls open is not ticked in the story."""
    ask, short = Sketch("How steep?", "residual", of=0), tk.Run(PROBLEM, Jacobi()).step(30)
    (claim,) = [one for one in Jacobi().claims(PROBLEM) if isinstance(one, tk.Rate)]
    for run in (runs[1], short):
        assert ask.outcome(None, [run]).held is tk.judge(claim, run).holds
    assert ask.outcome(None, [runs[1]]).held and ask.outcome(None, [short]).held is None


def test_a_broken_promise_about_a_line_is_told_as_broken():
    """A method of another factor than its claim's."""

    @dataclass(frozen=True)
    class Slower(Jacobi):
        omega: float = 0.5

        def claims(self, problem):
            return Jacobi().claims(problem)

    run = tk.solve(PROBLEM, Slower(), tk.Stop(rtol=1e-10, steps=20_000))
    assert Sketch("How steep?", "residual").outcome(None, [run]).held is False
