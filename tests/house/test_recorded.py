"""Runs recorded before the house was rebuilt give the same today: bit for bit on the record's machine, else ten digits.

The rule is in `rule.py`, the record is made by `recorded.py`. Nothing is computed to collect these tests.
"""

import pytest
from house.rule import apart, differences, read, seen

RECORD = read()


@pytest.fixture(scope="module")
def elsewhere():
    """In what this machine is not that of the record; empty where a hash must repeat."""
    return differences()


@pytest.mark.parametrize("name", list(RECORD["runs"]))
def test_a_recorded_run_gives_the_same(name, elsewhere):
    was = RECORD["runs"][name]
    now = seen(was["spec"])
    found = apart(was, now)
    rule = "the hash, on the record's machine"
    if elsewhere:
        rule = f"values to ten digits, as here {'; '.join(elsewhere)}"
    elif was["hash"] is None:
        rule = "values to ten digits, as its hash did not repeat on the record's own machine"
    elif now["hash"] != was["hash"]:
        found.append(f"hash {now['hash']} for {was['hash']}")
    assert not found, f"{name}, by the rule of {rule}: {'; '.join(found)}"


def test_a_spec_is_written_as_it_was_read():
    """Names and knobs of a spec stay: what a run says of itself is what it was made from."""
    import toolkit as tk

    for name, was in RECORD["runs"].items():
        assert tk.Run.from_spec(was["spec"]).spec() == was["spec"], name


def test_every_lab_is_recorded_with_nested_parts_and_a_turned_knob():
    specs = [one["spec"] for one in RECORD["runs"].values()]
    assert {one["method"]["lab"] for one in specs} >= {"preconditioner", "mesh", "rank", "sampler"}
    assert sum(any(isinstance(knob, dict) for knob in one["method"]["knobs"].values()) for one in specs) >= 8
    assert sum(bool(one["changes"]) for one in specs) >= 4
    assert sum(one["hash"] is not None for one in RECORD["runs"].values()) >= 100


class TestRule:
    WAS = {"status": "budget", "k": 3, "work": {"nfe": 3.0}, "monitors": {"error": [2.0, 1e-9, 2.0]}, "norm": 5.0}

    @pytest.mark.parametrize(
        "now, same",
        [
            ({}, True),
            ({"monitors": {"error": [2.0, 1e-9 + 1e-10, 2.0]}}, True),
            ({"monitors": {"error": [2.0, 1e-9 + 3e-10, 2.0]}}, False),
            ({"monitors": {"error": [2.0, float("nan"), 2.0]}}, False),
            ({"monitors": {"residual": [2.0, 1e-9, 2.0]}}, False),
            ({"norm": 5.0 + 1e-9}, False),
            ({"status": "converged"}, False),
            ({"k": 4}, False),
            ({"work": {"nfe": 4.0}}, False),
        ],
        ids=lambda value: "" if isinstance(value, bool) else "-".join(value) or "equal",
    )
    def test_ten_digits_of_the_largest_value(self, now, same):
        assert bool(apart(self.WAS, self.WAS | now)) is not same
