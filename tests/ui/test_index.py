"""What the index is made of: every experiment as plain data, ways that follow the experiments, what is nearest."""

import json
from types import SimpleNamespace

import pytest

from toolkit.core.lab import lab, labs
from toolkit.session import finding
from toolkit.ui.page.homing import place, suggested


def test_every_experiment_stands_on_the_shelf_the_easiest_of_a_lab_first():
    shelf = finding.shelf()
    known = {(name, one.name) for name, whole in labs().items() for one in whole.experiments}
    assert {(card["lab"], card["name"]) for card in shelf} == known and len(shelf) == len(known)
    for name in labs():
        levels = [card["level"] for card in shelf if card["lab"] == name]
        assert levels == sorted(levels)
    assert len(json.dumps(shelf)) < 400_000


def test_papers_and_their_authors_can_be_searched():
    (one,) = [card for card in finding.shelf() if card["name"] == lab("preconditioner").experiments[0].name]
    assert "Young" in one["papers"] and "1954" in one["papers"] and one["methods"] and one["topic"]


def test_ways_begin_at_their_level_go_on_as_experiments_say_and_grow_harder():
    ways = finding.ways()
    assert [way["title"] for way in ways] == ["Newcomer", "Student", "Researcher"]
    for way, (_, level, _) in zip(ways, finding.AUDIENCES):
        stops = [lab(name).experiment(one) for name, one in way["stops"]]
        assert stops[0].level == level and 2 <= len(stops) <= finding.STOPS
        assert [one.level for one in stops] == sorted(one.level for one in stops)
        assert len({one.name for one in stops}) == len(stops)


def test_a_thumbnail_is_what_was_measured_in_a_box_and_drops_promises_that_leave_it():
    measured = {"look": 0, "x": [0, 1, 2], "y": [1.0, 0.1, 0.01]}
    promised = {"look": 0, "x": [0, 1, 2], "y": [1.0, 1e-9, 1e-12]}
    told = finding.thumbnail({"against": "k", "linear": False, "curves": [measured], "promised": [promised]})
    assert told == [{"look": 0, "dashed": False, "at": [0, 0, 50, 30, 100, 60]}]
    assert finding.thumbnail({}) == []


@pytest.mark.parametrize("query", ["?experiment=relaxtion-young", "?experiment=%3Cscript%3E", "?lab=nosuch"])
def test_an_address_of_nothing_suggests_titles(query):
    model = SimpleNamespace(lab=lab("preconditioner"), story=None)
    (found,) = suggested(model, query, "./")
    assert found.links[-1][1].startswith("./?find=") and "<" not in found.links[-1][1]
    for title, address in found.links[:-1]:
        assert lab("preconditioner").experiment(address.split("=")[1]).title == title


def test_an_address_of_something_suggests_nothing_and_the_tab_says_what_it_is():
    whole = lab("preconditioner")
    one = whole.experiments[0]
    model = SimpleNamespace(lab=whole, story=one)
    assert suggested(model, f"?experiment={one.name}", "./") == [] == suggested(model, "", "./")
    assert place(model) == {
        "lab": "preconditioner", "experiment": one.name, "title": one.title, "heading": whole.title,
    }  # fmt: skip
