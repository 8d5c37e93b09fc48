"""Every experiment can be run as it is offered: no promise is broken or open, and the prediction has an answer."""

import pytest
from every import offered

import toolkit as tk


def solved(experiment, method, claims, stop):
    """The run of one of its methods, with a probe for what the experiment shows and what is promised."""
    problem = experiment.problem
    known = {one.name: one for one in (*problem.measures(), *method.measures(problem))}
    wanted = {experiment.measure, *(claim.about for claim in claims)} - {*method.monitors}
    return tk.solve(problem, method, stop, [tk.Probe(known[name], tk.Every(1)) for name in wanted if name in known])


@pytest.mark.parametrize("lab, name", offered())
def test_no_promise_is_broken_where_a_person_starts(lab, name):
    experiment = tk.lab(lab).experiment(name)
    problem, stop = experiment.problem, (experiment.stop or tk.Stop()).turned(seconds=5.0)
    runs = []
    for method in experiment.methods:
        assert not method.suits(problem)
        claims = [claim for claim in method.claims(problem) if claim.while_running]
        run = solved(experiment, method, claims, stop)
        runs.append(run)
        assert run.status.kind not in {"failed", "breakdown"} - {*experiment.trouble}, run.status
        assert not experiment.measure or experiment.measure in run.history
        assert experiment.against in run.history
        for claim in claims:
            verdict = tk.judge(claim, run)
            told = f"{method.label()}: {claim.title}: {verdict}"
            assert verdict.holds is not False, told
            assert verdict.holds or "seconds" in run.status.cause, told  # open: only where this test's clock ended it
    for kind in experiment.trouble:
        told = [run.status for run in runs if run.status.kind == kind]
        assert told and all(status.cause and status.advice for status in told), f"nothing has {kind} on purpose"
    if experiment.predict is not None and not any("seconds" in run.status.cause for run in runs):
        outcome = experiment.predict.outcome(None, runs)
        assert outcome.was, "what is asked before the run has no answer after it"
        assert outcome.held is not False, f"theory said {outcome.theory}, it was {outcome.was}"
