"""The lab as one person sees it: everything a page or a notebook shows and does, with no screen in it."""

from __future__ import annotations

from concurrent.futures import Future

from toolkit.core.errors import KnobError, ToolkitError
from toolkit.core.knob import Knobbed
from toolkit.core.lab import Experiment, Lab
from toolkit.core.lab import lab as lab_named
from toolkit.core.stop import Stop
from toolkit.session import share, story, sweep
from toolkit.session.attic import changed, comparable
from toolkit.session.frame import ABSCISSAE, AGAINST
from toolkit.session.palette import MOST
from toolkit.session.race import Race


def solves(method: type, problem: type) -> bool:
    """Whether a method is made for a kind of problem (it may still not suit the one at hand)."""
    return not method.problems or issubclass(problem, method.problems)


class LabModel(Race):
    """One session of a lab: its problem, the race on it, what is drawn, and the experiment that it began as.

    `experiment` is the name of that (empty: none), `said` what a person predicts of it (None: nothing).

    Call it from one thread. A caller's mistake raises ToolkitError and changes nothing.
    """

    def __init__(self, lab: Lab | str, spec: dict | None = None):
        self.lab = lab_named(lab) if isinstance(lab, str) else lab
        super().__init__(self.lab.pictures, self.lab.experiments)
        self.against, self.measure, self.picture, self.abscissa = "k", self.lab.measure, "", ""
        self.experiment, self.said = "", None
        self.swept, self.sweep_shows = None, "k"
        if spec is not None:
            self.load(spec)
        elif self.lab.experiments:
            self.show(self.lab.experiments[0].name)
        else:
            self._begin()

    def _begin(self) -> None:
        problems = list(self.lab.problems().values())
        self.problem = self.lab.cases[0].turned() if self.lab.cases else problems[0]() if problems else None
        for method in [one for one in self.lab.methods().values() if solves(one, type(self.problem))][:1]:
            self.add(method())
        self.measure = self._natural()

    # -- what stands --------------------------------------------------------------------------------------------

    def counters(self) -> dict[str, str]:
        """What curves can be drawn against: the work counters (function evaluations only where some are spent) and
        what the runs of this race grow along."""
        spent = any(one.work.get("nfe") for one in self.frame.traces)
        found = {name: words for name, words in AGAINST.items() if name != "nfe" or spent or self.against == name}
        return found | {name: name.replace("_", " ") for one in self.entries for name in one.method.scales}

    def pictures(self) -> dict[str, str]:
        """What can be drawn, title by name: the pictures that have something to show, all while that is not known.

        Twin titles are told apart by the names.
        """
        offered = self.frame.drawing.offered
        shown = [one for one in self.lab.pictures if not offered or one.name in (*offered, self.picture)]
        titles = [one.title for one in shown]
        return {
            one.name: one.title if titles.count(one.title) == 1 else f"{one.title} ({_words(one.name)})"
            for one in shown
        }

    @property
    def story(self) -> Experiment | None:
        """The experiment that the race began as; None where it is none."""
        return self.lab.experiment(self.experiment) if self.experiment else None

    @property
    def own(self) -> bool:
        """Whether the race is no longer that of its experiment: a knob was turned, a method added or taken out."""
        if self.story is None:
            return True
        turned = any(one.changes for one in self.frame.traces) or any(one.first != one.method for one in self.entries)
        return turned or not story.is_of(self.story, self.problem, [one.method for one in self.entries], self.stop)

    @property
    def open_to_say(self) -> bool:
        """Whether a prediction can be made: nothing has been seen yet."""
        seen = self.frame.stage in ("running", "ended") or any(one.k for one in self.frame.traces)
        return not seen and not self.own and self.story.predict is not None

    # -- what is asked ------------------------------------------------------------------------------------------

    def predict(self, said) -> None:
        """Say what will come out (None: take it back); ToolkitError where nothing is asked, or it has been seen."""
        if not self.open_to_say:
            raise ToolkitError("A prediction is made before the start: press Reset to make another.")
        self.said = None if said is None else self.story.predict.answer(said, self.story.methods[:MOST])
        self._look()

    def choose_problem(self, name: str) -> None:
        """Another kind of problem; where none of the entries is made for it, with a race that is."""
        cls = self.lab.problems()[name]
        if any(solves(type(one.method), cls) for one in self.entries):
            self.set_problem(cls())
            return
        for one in self.lab.experiments:
            if type(one.problem) is cls:
                self.show(one.name)
                return
        self._clear()
        self.experiment, self.said = "", None
        self.problem = cls()
        for method in [method for method in self.lab.methods().values() if solves(method, cls)][:3]:
            self.add(method())
        self.set_view(against="k", measure=self._natural(), picture="")

    def set_problem(self, problem: Knobbed) -> None:
        """Another problem: every run starts anew, the last ones stay as a ghost where they can be compared."""
        if self.story is not None and type(problem) is not type(self.story.problem):
            self.experiment, self.said = "", None
        before = self.problem
        if not comparable(before, problem):
            self.lay()
        elif before != problem:
            self._haunt(self.entries, changed(before, problem))
        self.problem, self.at = problem, None
        self._unsweep()
        self._restart(self.entries)

    def _natural(self) -> str:
        """The measure to look at where nobody chose one."""
        monitors = self.entries[0].method.monitors if self.entries else ()
        return self.lab.measure or (monitors[0] if monitors else "")

    def turn_problem(self, **values) -> None:
        """Turn knobs of the problem."""
        self.set_problem(self.problem.turned(**values))

    def set_stop(self, **values) -> None:
        """Turn knobs of the stopping rule; a run goes on under the new one, or starts anew if it is past its end."""
        self.stop = self.stop.turned(**values)
        self._worker.do("extend", self.stop)

    # -- sweeps -------------------------------------------------------------------------------------------------

    def sweep(self, of: int, knob: str, show: str = "k") -> None:
        """Run a ladder along a knob of the problem (`of` = -1) or of the entry at a place in the list.

        `show`: steps ("k"), the last "value" of the measure, or "seconds".
        """
        made = sweep.plan(self, of, knob)
        self.show_sweep(show)
        self.swept = (of, knob)
        self._worker.do("sweep", made)

    def show_sweep(self, show: str) -> None:
        """What of the ladder is drawn."""
        if show not in sweep.SHOWN:
            raise KnobError(f"show = {show!r}: expected one of {', '.join(map(repr, sweep.SHOWN))}.")
        self.sweep_shows = show
        self._look()

    def _unsweep(self) -> None:
        """Let go of a sweep of what stands there no more."""
        if self.swept is not None:
            self.swept = None
            self._worker.do("sweep", None)

    def set_method(self, uid: int, method: Knobbed) -> None:
        """Another method, or other knobs, for an entry: its run starts anew, the last one stays as a ghost."""
        self._unsweep()
        super().set_method(uid, method)

    def remove(self, uid: int) -> None:
        """Take an entry out of the race."""
        self._unsweep()
        super().remove(uid)

    def _clear(self) -> None:
        self._unsweep()
        super()._clear()

    # -- how it is looked at ------------------------------------------------------------------------------------

    def set_view(self, against=None, measure=None, picture=None, abscissa=None) -> None:
        """What is drawn, against which counter (on an axis "linear", "log", or "" as it suits), and which picture."""
        if abscissa is not None and abscissa not in ABSCISSAE:
            raise KnobError(f"abscissa = {abscissa!r}: expected one of {', '.join(map(repr, ABSCISSAE))}.")
        if against is not None and against not in AGAINST and against not in self.counters():
            raise KnobError(f"against = {against!r}: expected one of {', '.join(map(repr, self.counters()))}.")
        if picture and picture not in [one.name for one in self.lab.pictures]:
            names = ", ".join(repr(one.name) for one in self.lab.pictures)
            raise KnobError(f"picture = {picture!r}: expected one of {names or 'none'}.")
        self.against = against or self.against
        self.measure = measure or self.measure
        self.picture = self.picture if picture is None else picture
        self.abscissa = self.abscissa if abscissa is None else abscissa
        self._look()

    def _looked(self) -> dict:
        view = dict(measure=self.measure, against=self.against, picture=self.picture)
        view["show"] = self.sweep_shows
        return super()._looked() | view | dict(experiment=self.experiment, said=self.said)

    # -- specs --------------------------------------------------------------------------------------------------

    def show(self, name: str) -> None:
        """Set up an experiment of the lab."""
        one = self.lab.experiment(name)
        self.lay()
        self._clear()
        self.experiment, self.said = one.name, None
        self.problem, self.stop = one.problem.turned(), one.stop or Stop()
        for method in one.methods[:MOST]:
            self.add(method)
        self.set_view(one.against, one.measure or self._natural(), one.picture, abscissa="")

    def load(self, spec: dict, again: bool = False) -> None:
        """Set the page up as a shared spec says; SpecError or KnobError with the reason, and nothing changed.

        `again`: this session may have been there before. Its finished runs are taken up, and what is left stays as a
        ghost.
        """
        page = share.read(spec, self.lab)
        if again and comparable(self.problem, page.problem):
            self._left(page)
        else:
            self.lay()
        self._clear()
        self.problem, self.stop = page.problem, page.stop
        self.against, self.picture, self.abscissa = page.against, page.picture, page.abscissa
        self.experiment, self.said = page.experiment, page.said
        for method, look, changes, k, seen in page.entries:
            self.add(method, look, changes, k or None, seen, again)
        self.measure = page.measure or self._natural()
        self.hidden = frozenset(one.uid for i, one in enumerate(self.entries) if i in page.hidden)
        if self.entries:
            self.set_focus(self.entries[min(page.focus, len(self.entries) - 1)].uid)
        if page.sweep:
            self.sweep(*page.sweep)
        self._worker.do("settle_ghosts")
        self._look()
        if any(k for *_, k, _ in page.entries):
            self._play(keep=True)

    def _left(self, page: share.Page) -> None:
        """Keep what stands here as a ghost, if a page differs in a knob."""
        if self.problem != page.problem:
            self._haunt(self.entries, changed(self.problem, page.problem))
            return
        for one, (method, *_) in zip(self.entries, page.entries):
            if one.method != method:
                self._haunt([one], changed(one.method, method))

    def to_spec(self, steps: bool = True) -> dict:
        """The whole page as JSON-ready data; `steps`: with how far every run has come, so that a link goes there."""
        return share.write(self, steps)

    def records(self) -> Future:
        """What exports are made of: a Record of every entry, taken between two slices."""
        return self._worker.ask("records", tuple(self.entries), self.problem, self.stop)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
