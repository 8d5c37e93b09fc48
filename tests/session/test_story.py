"""A race knows which experiment it is: what was predicted is told when its runs have ended, and travels in the link."""

import pytest
import toys
from screen import PICTURE, until

import toolkit as tk
from toolkit.core.lab import Experiment, Lab
from toolkit.core.prediction import Guess, Pick, Sketch, first_there, needed
from toolkit.session import story

METHODS = (toys.Contraction(), toys.Compiled(factor=0.9))
FIRST = Experiment(
    "first", "Who is first?", "Which is there first?", toys.Zero(), METHODS, tk.Stop(rtol=1e-4), level=0, minutes=1,
    predict=Pick("Which one?", first_there(), theory=0), why="The smaller factor wins.", formula="q^k", then="many",
)  # fmt: skip
MANY = Experiment(
    "many", "How many steps?", "How many does the first need?", toys.Zero(), METHODS, tk.Stop(rtol=1e-4),
    predict=Guess("How many?", needed(0), 1, 1000, theory=lambda runs: 14.0, unit="steps", whole=True), then="steep",
)  # fmt: skip
STEEP = Experiment("steep", "How steep?", "?", toys.Zero(), METHODS, predict=Sketch("How steep?", "residual"))
PLAIN = Experiment("plain", "Nothing asked", "?", toys.Zero(), METHODS)


class Told(Lab):
    """What stands in it is said here, as it has no families."""

    cases = (toys.Zero(),)
    pictures = (PICTURE,)
    experiments = (FIRST, MANY, STEEP, PLAIN)


TOLD = Told(name="user", title="Toys", about="Contractions.", measure="residual")


@pytest.fixture
def model(make):
    return make(TOLD)


def ended(model):
    model.start()
    return until(lambda: model.frame.stage == "ended" and all(one.k for one in model.frame.traces) and model.frame)


def test_what_was_said_stands_beside_theory_and_what_it_was(model):
    assert model.experiment == "first" and not model.own
    model.predict(1)
    assert model.frame.outcome is None
    found = ended(model).outcome
    names = list(model.labels().values())
    assert (found.said, found.theory, found.was) == (names[1], names[0], names[0])
    assert found.right is False and found.held is True
    words = story.told(model, model.frame)
    assert [(one["who"], one["right"]) for one in words["outcome"]] == [
        ("you said", False), ("theory said", True), ("it was", None),
    ]  # fmt: skip
    assert words["why"] == FIRST.why and words["then"] == ["many", "How many steps?"]


def test_reset_clears_the_outcome_and_keeps_what_was_said(model):
    model.predict(0)
    assert ended(model).outcome.right
    with pytest.raises(tk.ToolkitError, match="before the start"):
        model.predict(1)
    model.reset()
    frame = until(lambda: model.frame.stage == "ready" and model.frame)
    assert frame.outcome is None and model.said == 0 and model.open_to_say
    assert not story.told(model, frame)["why"]


def test_who_skips_is_told_what_theory_said_and_what_it_was(model):
    found = ended(model).outcome
    assert found.said == "" and found.right is None and found.held is True
    assert [one["who"] for one in story.outcome(found)] == ["theory said", "it was"]


@pytest.mark.parametrize(
    "turn",
    [
        lambda model: model.turn_problem(n=5),
        lambda model: model.turn_method(model.entries[0].uid, factor=0.4),
        lambda model: model.add(toys.Contraction(factor=0.2)),
        lambda model: model.remove(model.entries[1].uid),
        lambda model: model.set_stop(rtol=1e-2),
    ],
    ids=["problem", "method", "added", "removed", "stopping rule"],
)
def test_a_turned_knob_makes_the_race_ones_own_and_nothing_is_judged(model, turn):
    model.predict(0)
    turn(model)
    assert model.experiment == "first" and model.own and not model.open_to_say
    frame = ended(model)
    assert frame.outcome is None
    words = story.told(model, frame)
    assert words["title"] == FIRST.title and words["own"] and not words["outcome"] and not words["why"]


def test_a_knob_turned_on_the_way_and_back_leaves_it_unjudged(model):
    model.set_stop(rtol=0.0, steps=None)
    uid = model.entries[0].uid
    model.set_stop(rtol=1e-4, steps=10_000)
    assert not model.own
    for _ in range(2):
        model.step()
    until(lambda: model.frame.last == 2)
    assert model.turn_method(uid, factor=0.6) and model.turn_method(uid, factor=0.5)
    frame = ended(model)
    assert model.own and frame.outcome is None


def test_runs_that_were_cancelled_decide_nothing(model):
    model.predict(0)
    model.step()
    until(lambda: model.frame.last == 1)
    model.cancel()
    frame = until(lambda: model.frame.stage == "ended" and model.frame)
    words = story.told(model, frame)
    assert frame.outcome is None and not words["outcome"] and "Cancelled" in words["undecided"]


def test_another_experiment_and_another_kind_of_problem_forget_what_was_said(model):
    model.predict(1)
    model.show("many")
    assert (model.experiment, model.said) == ("many", None)
    model.set_problem(toys.Zero(n=6))
    assert model.experiment == "many"


@pytest.mark.parametrize(("name", "said"), [("first", 1), ("many", 14), ("steep", 0.5), ("plain", None)])
def test_it_travels_in_the_link(make, name, said):
    mine = make(TOLD)
    mine.show(name)
    if said is not None:
        mine.predict(said)
    spec = mine.to_spec(steps=False)
    assert spec["experiment"] == name and spec.get("said") == said
    yours = make(TOLD, spec)
    assert (yours.experiment, yours.said, yours.own) == (name, said, False)


def test_a_link_into_an_ended_race_tells_its_outcome(make):
    mine = make(TOLD)
    mine.predict(1)
    seen = ended(mine).outcome
    yours = make(TOLD, mine.to_spec())
    assert until(lambda: yours.frame.outcome) == seen


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(("first", one) for one in (2, -1, True, "x" * 9999, 0.0)),
        *(("many", one) for one in (0, 1001, {}, float("nan"), [3])),
        *(("steep", float("inf")), ("plain", 1), ("", 1), ("nowhere", 1), (["first"], 1)),
    ],
)
def test_what_nobody_can_say_is_refused(make, name, said):
    model = make(TOLD)
    spec = model.to_spec(steps=False) | {"experiment": name, "said": said}
    with pytest.raises(tk.SpecError) as refusal:
        model.load(spec)
    assert len(str(refusal.value)) < 300 and model.experiment == "first" and model.said is None


def test_a_guess_is_within_its_range_and_whole(model):
    model.show("many")
    with pytest.raises(tk.SpecError):
        model.predict(0)
    model.predict(12.4)
    assert model.said == 12 and story.form(MANY)["unit"] == "steps"


def test_a_truth_that_comes_to_grief_is_no_accident_of_the_page(make):
    class Grim(Told):
        experiments = (
            Experiment(
                "grim", "?", "?", toys.Zero(), METHODS, predict=Pick("?", lambda runs: 1 / 0, options=("a", "b"))
            ),
        )

    model = make(Grim(name="user", title="Toys", about="Contractions.", measure="residual"))
    frame = ended(model)
    assert frame.outcome is None and story.told(model, frame)["undecided"]
