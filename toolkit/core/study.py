"""What a person does with runs: solve, race, ladder, sweep, and check what theory promised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor

import numpy as np

from toolkit.core.claim import Claim, Verdict
from toolkit.core.errors import Breakdown, KnobError
from toolkit.core.history import History
from toolkit.core.knob import knobs
from toolkit.core.probe import Every, Probe
from toolkit.core.run import Run
from toolkit.core.stop import Stop


def solve(problem, method, stop: Stop | None = None, probes=()) -> Run:
    """Run a method on a problem until `stop`; the finished run."""
    return Run(problem, method, stop, probes).finish()


def race(problem, methods: Iterable, stop: Stop | None = None, probes=()) -> list[Run]:
    """Run several methods on one problem under one budget, in turns of one slice; the finished runs in order."""
    runs = [Run(problem, method, stop, probes) for method in methods]
    while any([not run.slice().status.done for run in runs]):
        pass
    return runs


def rung(problem, method, over: str, value) -> tuple:
    """(problem, method) with the knob `over` set on whichever of the two has it; the method is asked first."""
    if over in knobs(method):
        return problem, method.turned(**{over: value})
    if over in knobs(problem):
        return problem.turned(**{over: value}), method
    raise KnobError(f"Neither {type(method).__name__} nor {type(problem).__name__} has a knob {over!r} to ladder over.")


def ladder(problem, method, over: str, values: Iterable, stop: Stop | None = None, probes=()) -> list[Run]:
    """Run one method along one knob of its own or of the problem; the finished runs in order."""
    return [solve(*rung(problem, method, over, value), stop, probes) for value in values]


def sweep(specs: Iterable[dict], executor: Executor, on_done: Callable | None = None) -> list[History]:
    """Run many specs on any executor (threads, processes, a Dask client's); their histories in order.

    `on_done(i, history)` is called in the caller's thread as results are collected.
    """
    futures = [executor.submit(trace, spec) for spec in specs]
    histories = []
    for i, future in enumerate(futures):
        histories.append(future.result())
        if on_done is not None:
            on_done(i, histories[-1])
    return histories


def trace(spec: dict) -> History:
    """The history of the run that a spec describes."""
    return Run.from_spec(spec).finish().history


def judge(claim: Claim, run: Run) -> Verdict:
    """The verdict of a claim about one run, on what it has shown so far."""
    if claim.evidence != "run":
        return Verdict(None, why=f"decided by a {claim.evidence}")
    if claim.measure not in run.history:
        return Verdict(None, why=f"{claim.measure} was not measured")
    if run.status.kind == "non-finite":
        return Verdict(False, why=run.status.cause)
    if claim.kind != "exact":
        return claim.judge(run.history)
    verdict = claim.judge(run.history, run.status.done)
    if verdict.holds is False and not claim.always and _cut_short(claim, run):
        return Verdict(None, why="the run was ended before the step the claim is about")
    return verdict


def _cut_short(claim: Claim, run: Run) -> bool:
    """Whether the run's stopping rule ended it sooner than the claim's own would have."""
    return not run.state.status.done and claim.stop.first(run.history, 0) is None


def check(claim: Claim, problem, method) -> Verdict:
    """Gather the evidence a claim asks for, and decide it."""
    try:
        return decided(claim, [run.finish() for run in evidence(claim, problem, method)])
    except Breakdown as trouble:
        return Verdict(False, why=trouble.cause)


def evidence(claim: Claim, problem, method) -> Iterator[Run]:
    """The runs that decide a claim, one after another, none of them begun."""
    if claim.evidence == "ladder":
        pairs = [rung(problem, method, claim.over, value) for value in claim.values]
    elif claim.evidence == "race":
        pairs = [(claim.on or problem, one) for one in (method, claim.other)]
    else:
        pairs = [(problem, method)]
    for pair in pairs:
        yield Run(*pair, claim.stop, _watching(claim, *pair))


def decided(claim: Claim, runs: list[Run]) -> Verdict:
    """The verdict of a claim on the finished runs of its `evidence`."""
    if claim.evidence == "run":
        verdict = judge(claim, runs[0])
        if verdict.holds is None:
            return Verdict(False, why=f"the run ended before the claim could be decided: {verdict.why}")
        return verdict
    if claim.evidence == "race":
        return claim.decide(*(r.history.last(claim.measure) if _arrived(r, True) else float("inf") for r in runs))
    must = claim.kind == "flat"
    results = [r.history.last(claim.measure) if _arrived(r, must) else float("nan") for r in runs]
    return claim.decide(np.array(claim.values, dtype=float), np.array(results))


def _arrived(run: Run, must_converge: bool) -> bool:
    return run.status.kind == "converged" or (not must_converge and run.status.kind == "budget")


def _watching(claim, problem, method) -> tuple[Probe, ...]:
    """Probes at every step for what a claim or its stopping rule looks at and the method does not monitor by itself."""
    known = {one.name: one for one in (*problem.measures(), *method.measures(problem))}
    wanted = dict.fromkeys((claim.measure, claim.stop.measure))
    return tuple(Probe(known[name], Every(1)) for name in wanted if name in known and name not in method.monitors)
