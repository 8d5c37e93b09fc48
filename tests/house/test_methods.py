"""What every registered method owes the house, on the small cases of its lab."""

import json

import numpy as np
import pytest
from every import methods, suited

import toolkit as tk
from toolkit.core import rooms
from toolkit.core import spec as specs
from toolkit.core.registry import classes, find

STOP = tk.Stop(steps=12, rtol=1e-12, divergence=1e300)


def same(one, other):
    """Whether two finished runs went the same way."""
    return one.history.trace_hash() == other.history.trace_hash() and np.array_equal(one.solution(), other.solution())


@pytest.mark.parametrize("lab, name", methods())
class TestRuns:
    def test_one_step_at_a_time_is_many_at_once(self, lab, name):
        for problem, method in suited(lab, name):
            many = tk.Run(problem, method, STOP).finish()
            single = tk.Run(problem, method, STOP)
            for _ in single:
                pass
            assert many.k >= 1 and same(many, single), problem
            np.testing.assert_array_equal(single.history["k"], np.arange(single.k + 1))

    def test_watching_changes_nothing(self, lab, name):
        for problem, method in suited(lab, name):
            measures = [tk.Probe(one, tk.Every(1)) for one in (*problem.measures(), *method.measures(problem))]
            assert same(tk.solve(problem, method, STOP), tk.solve(problem, method, STOP, measures)), problem

    def test_a_copy_is_independent(self, lab, name):
        for problem, method in suited(lab, name):
            run = tk.Run(problem, method, STOP).step(2)
            kept = run.snapshot()
            before = np.array(kept.solution())
            run.finish()
            np.testing.assert_array_equal(kept.solution(), before, err_msg=repr(problem))

    def test_a_fork_goes_on_identically(self, lab, name):
        for problem, method in suited(lab, name):
            run = tk.Run(problem, method, STOP).step(2)
            twin = run.fork()
            assert same(run.finish(), twin.finish()), problem

    def test_scrubbing_is_exact(self, lab, name):
        for problem, method in suited(lab, name):
            run = tk.Run(problem, method, STOP, snapshots=1 << 22)
            seen = {0: np.array(run.solution())}
            for state in run:
                seen[state.k] = np.array(state.solution())
            for k, solution in seen.items():
                np.testing.assert_array_equal(run.at(k).solution(), solution, err_msg=f"{problem!r} at {k}")

    def test_a_spec_repeats_the_run(self, lab, name):
        for problem, method in suited(lab, name):
            run = tk.solve(problem, method, STOP)
            text = specs.dumps(run.spec())
            assert same(run, tk.Run.from_spec(specs.loads(text)).finish()), problem


@pytest.mark.parametrize("lab", tk.labs())
class TestWords:
    """What every method of a lab says of itself."""

    def test_has_title_family_and_docstring_with_reference(self, lab):
        for cls in classes("method", lab).values():
            assert cls.title and rooms.family_title(cls), cls
            assert "Reference" in (cls.__doc__ or ""), f"{cls.__name__} names no reference"

    def test_sources_are_in_the_bibliography(self, lab):
        for cls in classes("method", lab).values():
            assert cls.sources or cls.no_claim, cls
            for key in cls.sources:
                assert tk.source(key).title, f"{cls.__name__}: {key}"

    def test_every_knob_is_explained(self, lab):
        for cls in classes("method", lab).values():
            for knob, one in tk.knobs(cls).items():
                assert one.doc, f"{cls.__name__}.{knob} has no doc"

    def test_default_knobs_are_json(self, lab):
        for cls in classes("method", lab).values():
            assert json.loads(specs.dumps(specs.describe(cls())))["name"] == cls.slug()


@pytest.mark.parametrize("lab, name", methods())
def test_makes_a_claim_or_says_that_none_is_known(lab, name):
    cls = find("method", lab, name)
    made = [claim for problem, method in suited(lab, name) for claim in method.claims(problem)]
    assert made or cls.no_claim
    for claim in made:
        assert claim.title and tk.source(claim.source).title
