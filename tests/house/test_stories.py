"""Every experiment tells its story: a question, a prediction, why, a formula, and what to go on with."""

import re

import pytest

import toolkit as tk
from toolkit.core.lab import LEVELS
from toolkit.core.prediction import Sketch
from toolkit.core.references import source

TOLD = ("preconditioner", "mesh", "rank", "sampler")  # the labs whose experiments are written


def stories():
    return [pytest.param(lab, one, id=f"{lab}-{one.name}") for lab in TOLD for one in tk.lab(lab).experiments]


@pytest.mark.parametrize("lab, one", stories())
def test_an_experiment_asks_predicts_and_says_why(lab, one):
    assert one.question.rstrip().endswith("?") and one.predict is not None
    assert one.predict.ask.rstrip().endswith(("?", "."))
    assert 2 <= len(re.findall(r"[.!?](?=\s|$)", one.why)) <= 5, one.why
    assert one.formula and "$" not in one.formula
    assert 0 <= one.level < len(LEVELS) and 1 <= one.minutes <= 30
    assert one.then != one.name and tk.lab(lab).experiment(one.then)
    assert one.sources and all(source(key) for key in one.sources)
    for words in (one.question, one.why, one.predict.ask):
        assert words.count("$") % 2 == 0, words
        assert words.isprintable(), repr(words)  # a backslash of TeX in a string that is not raw
    assert one.formula.isprintable(), repr(one.formula)


@pytest.mark.parametrize(
    "one",
    [param.values[1] for param in stories() if isinstance(param.values[1].predict, Sketch)],
    ids=lambda one: one.name,
)
def test_a_sketched_line_is_of_the_kind_that_is_promised(one):
    claims = one.methods[one.predict.of].claims(one.problem)
    along = any(
        isinstance(claim, tk.Order) and claim.about == one.predict.measure and not claim.values for claim in claims
    )
    assert one.predict.order == along


@pytest.mark.parametrize("lab", TOLD)
def test_a_lab_opens_with_its_easiest_experiment_and_can_be_gone_through(lab):
    experiments = tk.lab(lab).experiments
    assert experiments[0].level == min(one.level for one in experiments)
    names, seen = {one.name: one for one in experiments}, set()
    waiting = [experiments[0].name]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.append(names[name].then)
    assert len(seen) >= len(experiments) // 4, "what to go on with leads in a short circle"
