"""A trial: what is drawn for an index is run and judged, and what is wrong with it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from toolkit.core import study
from toolkit.core.claims import Claim, Verdict
from toolkit.core.errors import ToolkitError
from toolkit.core.lab import lab
from toolkit.core.run import Run
from toolkit.core.stop import Stop
from toolkit.session.chance.deadlines import own_time
from toolkit.session.chance.drafts import Menu, Pair, drawn, seed_of

STEPS = 300  # of the run that is looked at from all sides
FAULTS = ("broken", "raised", "died")  # kinds of findings that are the house's; one may ask for too much


class Late(Exception):
    """The time of a trial is spent."""


@dataclass(frozen=True)
class Found:
    """Something that a draw has shown.

    `kind`: broken (a claim that is False), raised (an error that is no refusal), refused (a caller's mistake that the
    draw does not make), outlasted (more than its time) or died (the process ended). `spec` repeats it, `doing` says
    what was being done: a claim's title, or a run.
    """

    kind: str
    index: int
    spec: str
    doing: str
    why: str = ""


@dataclass(frozen=True)
class Trial:
    """`trial(index, tell)` draws what belongs to an index in a lab, runs it for some steps, and checks its claims.

    `tell` hears of ("at", spec, doing) before each part, of ("found", Found), and of ("held", True or None) for each
    claim that holds or is open. `seconds` of the process's own time are what a draw may take.
    """

    lab: str
    seed: int = 0
    seconds: float = 10.0

    def menu(self) -> Menu:
        """What is drawn from."""
        return Menu.of(lab(self.lab))

    def prepare(self) -> None:
        """Import what is drawn from, before any clock runs."""
        self.menu()

    def __call__(self, index: int, tell: Callable) -> None:
        _Trial(self, index, tell).go()


class _Trial:
    """One index at work."""

    def __init__(self, trial: Trial, index: int, tell: Callable):
        self.trial, self.index, self.tell = trial, index, tell
        self.spec, self.doing = "", "drawing"
        self.end = own_time() + trial.seconds

    def go(self) -> None:
        """Draw, run, judge."""
        try:
            self._go()
        except Late:
            self._found("outlasted", f"more than {self.trial.seconds:g} s")
        except MemoryError:
            self._found("outlasted", "more memory than it may take")
        except ToolkitError as refusal:
            self._found("refused", str(refusal))
        except Exception as error:
            self._found("raised", f"{type(error).__name__}: {error} ({_place(error)})")

    def _go(self) -> None:
        pair = drawn(self.trial.menu(), seed_of(self.trial.lab, self.trial.seed), self.index, self._drafted)
        if pair is None:
            return
        problem, method = pair.made()
        self._at("its claims")
        claims = method.claims(problem)
        shown = self._shown(problem, method, claims)
        for i, claim in enumerate(claims):
            self._at(claim.title or claim.kind)
            verdict = self._checked(claim, problem, method)
            if verdict.holds is not False and i in shown:
                self.doing += ", as a page shows it"
                verdict = shown[i]
            self._told(verdict)

    def _shown(self, problem, method, claims) -> dict[int, Verdict]:
        """The broken claims of a run with everything measured and judged on the way, as a page shows it."""
        self._at("a run with all measures")
        measures = (*problem.measures(), *method.measures(problem))
        run = Run(problem, method, Stop(rtol=1e-8, steps=STEPS), measures)
        broken = {}
        while not run.status.done:
            run.slice(0.05)
            self._in_time()
            for i, claim in enumerate(claims):
                verdict = study.judge(claim, run)
                if verdict.holds is False:
                    broken.setdefault(i, verdict)
        return broken

    def _checked(self, claim: Claim, problem, method) -> Verdict:
        verdict = claim.waiting
        for seen in study.checking(claim, problem, method):
            self._in_time()
            verdict = seen.verdict
        return verdict

    def _told(self, verdict: Verdict) -> None:
        if verdict.holds is False:
            self._found("broken", f"measured {verdict.measured:.10g}, promised {verdict.promised:.10g}; {verdict.why}")
        else:
            self.tell(("held", verdict.holds))

    def _drafted(self, pair: Pair) -> None:
        self.spec = pair.spec()
        self._at("drawing")

    def _at(self, doing: str) -> None:
        self._in_time()
        self.doing = doing
        self.tell(("at", self.spec, doing))

    def _in_time(self) -> None:
        if own_time() > self.end:
            raise Late

    def _found(self, kind: str, why: str) -> None:
        self.tell(("found", Found(kind, self.index, self.spec, self.doing, why)))


def _place(error: Exception) -> str:
    """The last file and line of the toolkit on the way to an error, and where it was raised if that is elsewhere."""
    frames = list(_frames(error))
    own = [one for one in frames if one.startswith("/toolkit/")]
    return ", ".join(dict.fromkeys([*own[-1:], *frames[-1:]]))


def _frames(error: Exception) -> Iterator[str]:
    trace = error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename.replace("\\", "/")
        yield f"{path[path.rfind('/toolkit/') :] if '/toolkit/' in path else path}:{trace.tb_lineno}"
        trace = trace.tb_next
