"""Every experiment can be run as it is offered, and its promises are decided there: none is broken, none open."""

import pytest
from every import offered

import toolkit as tk


@pytest.mark.parametrize("lab, name", offered())
def test_no_promise_is_broken_where_a_person_starts(lab, name):
    experiment = tk.lab(lab).experiment(name)
    problem, stop = experiment.problem, (experiment.stop or tk.Stop()).turned(seconds=5.0)
    for method in experiment.methods:
        assert not method.suits(problem)
        claims = [claim for claim in method.claims(problem) if claim.while_running]
        known = {one.name: one for one in (*problem.measures(), *method.measures(problem))}
        wanted = {experiment.measure, *(claim.about for claim in claims)} - {*method.monitors}
        run = tk.solve(problem, method, stop, [tk.Probe(known[name], tk.Every(1)) for name in wanted if name in known])
        assert run.status.kind not in ("failed", "breakdown"), run.status
        assert not experiment.measure or experiment.measure in run.history
        assert experiment.against in run.history
        for claim in claims:
            verdict = tk.judge(claim, run)
            told = f"{method.label()}: {claim.title}: {verdict}"
            assert verdict.holds is not False, told
            assert verdict.holds or "seconds" in run.status.cause, told  # open: only where this test's clock ended it
