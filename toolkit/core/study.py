"""What a person does with runs: solve, race, ladder, sweep, crowd, and check what theory promised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from toolkit.core.arguments import looked_over, suited
from toolkit.core.claims import Claim, Verdict
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.history import History
from toolkit.core.knob import rung
from toolkit.core.run import Run
from toolkit.core.stop import Stop


def solve(problem, method, stop: Stop | None = None, probes=()) -> Run:
    """Run a method on a problem until `stop`; the finished run.

    A method that does not suit the problem runs too, with an `UnsuitedWarning` that says why it does not; one that
    solves another kind of problem is refused (ToolkitError). So in a race, a ladder and a crowd.
    """
    suited(problem, method)
    return Run(problem, method, stop, probes).finish()


def race(problem, methods: Iterable, stop: Stop | None = None, probes=()) -> list[Run]:
    """Run several methods on one problem under one budget, in turns of one slice; the finished runs in order."""
    if not isinstance(methods, Iterable):
        raise ToolkitError(f"methods is a {type(methods).__name__}: expected several of them, as in race(p, [a, b]).")
    methods = list(methods)
    for method in methods:
        suited(problem, method)
    runs = [Run(problem, method, stop, probes) for method in methods]
    while any([not run.slice().status.done for run in runs]):
        pass
    return runs


def ladder(problem, method, over: str, values: Iterable, stop: Stop | None = None, probes=()) -> list[Run]:
    """Run one method along one knob of its own, of a part of it ("preconditioner.omega") or of the problem.

    The finished runs in order.
    """
    looked_over(problem, method, stop)
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


def crowd(problem, method, seeds: int, stop: Stop | None = None, probes=(), over: str = "seed") -> list[Run]:
    """Run one method for the seeds 0 … seeds − 1, the knob `over` of its own or of the problem; the finished runs.

    What a claim makes of such runs, and the band they lie in, a `Crowd` says: `Crowd(claim=…).band(histories)`.
    """
    return ladder(problem, method, over, range(seeds), stop, probes)


@dataclass(frozen=True, slots=True)
class Checked:
    """How far a check is: at the first step of run `at` of `of`, or beyond; `verdict` once there is one."""

    at: int
    of: int
    verdict: Verdict | None = None


def judge(claim: Claim, run: Run) -> Verdict:
    """The verdict of a claim about one run, on what it has shown so far."""
    return claim.verdict((run,)) if claim.while_running else claim.waiting


def witnesses(problem, method) -> tuple[str, ...]:
    """The measures that the promises about one run look at beside its monitors: the `probes` of a run to be judged."""
    known = {one.name for one in (*problem.measures(), *method.measures(problem))} - set(method.monitors)
    judged = [claim for claim in _promised(problem, method) if claim.while_running]
    wanted = [name for claim in judged for name in (claim.about, claim.stop.measure)]
    return tuple(name for name in dict.fromkeys(wanted) if name in known)


def verdicts(run: Run) -> list[tuple[Claim, Verdict]]:
    """What theory promises of a run's method on its problem, and how each stands on what the run has shown."""
    return [(claim, judge(claim, run)) for claim in _promised(run.problem, run.method)]


def _promised(problem, method) -> tuple[Claim, ...]:
    return () if method.suits(problem) else method.claims(problem)


def check(claim: Claim, problem, method) -> Verdict:
    """Gather the evidence a claim asks for, and decide it: True, False, or open (None) with what would decide it."""
    for seen in checking(claim, problem, method):
        verdict = seen.verdict
    return verdict


def checking(claim: Claim, problem, method, seconds: float = 0.04) -> Iterator[Checked]:
    """Gather the evidence a claim asks for in slices of about `seconds`, and yield after each; at last the verdict.

    Who wants no more of it stops asking: nothing runs between two slices.
    """
    runs, of = [], len(claim.pairs(problem, method))
    try:
        for run in claim.runs(problem, method):
            runs.append(run)
            while not run.slice(seconds).status.done:
                yield Checked(len(runs), of)
            yield Checked(len(runs), of)
        verdict = _ended(claim, claim.verdict(runs), runs)
    except Breakdown as trouble:
        verdict = Verdict(False, why=trouble.cause)
    yield Checked(of, of, verdict)


def _ended(claim: Claim, verdict: Verdict, runs: list[Run]) -> Verdict:
    """An open verdict of a run that has ended says so: a longer run or another set-up would decide it."""
    if verdict.holds is not None or not claim.while_running:
        return verdict
    run = runs[0]
    why = f"not decided: {verdict.why}; the run ended at step {run.k} ({run.status})"
    return replace(verdict, why=why)
