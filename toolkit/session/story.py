"""The story of a race: which experiment it is, what a person said of it, and what came of that."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from toolkit.core import spec as specs
from toolkit.core.errors import SpecError, ToolkitError
from toolkit.core.knob import Knobbed
from toolkit.core.lab import LEVELS, Experiment, Lab
from toolkit.core.prediction import Outcome
from toolkit.core.references import source
from toolkit.core.stop import Stop
from toolkit.session.frame import Frame
from toolkit.session.palette import MOST

log = logging.getLogger(__name__)

OWN = "This race is your own now: what came out is not compared with a prediction."


def known(lab: Lab, name) -> Experiment | None:
    """An experiment of a lab by name; None for an empty name, SpecError for one that there is not."""
    if name in ("", None):
        return None
    try:
        return lab.experiment(name)
    except (ToolkitError, TypeError) as refusal:
        raise SpecError(str(refusal)) from None


def read(spec: dict, lab: Lab) -> tuple[str, object]:
    """(experiment, what was said) of a page's spec; SpecError where the lab has no such, or nobody can say that."""
    one, said = known(lab, spec.get("experiment", "")), spec.get("said")
    if said is None:
        return one.name if one else "", None
    if one is None or one.predict is None:
        raise SpecError("The link holds a prediction, but of no experiment that asks.")
    return one.name, one.predict.answer(said, one.methods[:MOST])


def alike(one: Knobbed, other: Knobbed) -> bool:
    """Whether two are of one kind and their knobs stand alike."""
    return one is other or (type(one) is type(other) and specs.values(one) == specs.values(other))


def is_of(experiment: Experiment, problem, methods: Sequence, stop: Stop) -> bool:
    """Whether a race is the one of an experiment: its problem, its methods in their order, its stopping rule."""
    wanted = experiment.methods[:MOST]
    return (
        len(methods) == len(wanted)
        and all(map(alike, methods, wanted))
        and alike(problem, experiment.problem)
        and alike(stop, experiment.stop or Stop())
    )


class Teller:
    """Tells what came of a prediction as soon as every run of its experiment has ended. Lives in the worker's thread.

    What was told is kept, so that it is worked out once.
    """

    def __init__(self, experiments: tuple[Experiment, ...] = ()):
        self._experiments = {one.name: one for one in experiments}
        self._last: tuple[tuple, Outcome | None] = ((), None)

    def outcome(self, name: str, said, lanes: Sequence) -> Outcome | None:
        """What was said, promised and seen; None while runs go on, and where they are not those of the experiment."""
        one, runs = self._experiments.get(name), [lane.run for lane in lanes]
        if one is None or one.predict is None or not runs or not all(map(_whole, lanes)):
            return None
        if any(not is_of(one, lane.problem, [lane.method for lane in lanes], lane.stop) for lane in lanes):
            return None
        key = (name, said, *((id(run), run.k) for run in runs))
        if self._last[0] != key:
            self._last = (key, self._worked_out(one, said, runs))
        return self._last[1]

    @staticmethod
    def _worked_out(one: Experiment, said, runs: list) -> Outcome | None:
        try:
            with np.errstate(all="ignore"):
                return one.predict.outcome(said, runs)
        except Exception:  # what a truth may meet in a run that came to grief
            log.exception("the prediction of %s", one.name)
            return None


def _whole(lane) -> bool:
    """Whether its run has ended by itself and as it was begun."""
    ended = lane.run is not None and lane.status.done and lane.status.kind != "cancelled"
    return ended and not lane.run.changes and not lane.run.planned


# -- as texts ---------------------------------------------------------------------------------------------------------


def told(model, frame: Frame) -> dict:
    """The strip above a plot as texts: title and question, what is asked, what came of it, and why; empty without."""
    one = model.story
    if one is None:
        return {}
    ended = frame.stage == "ended" and not model.own
    levels = LEVELS[one.level] if 0 <= one.level < len(LEVELS) else ""
    about = [levels, f"{one.minutes} minute{'s' if one.minutes != 1 else ''}"]
    following = next((other for other in model.lab.experiments if other.name == one.then), None)
    return {
        "name": one.name,
        "title": one.title,
        "question": one.question,
        "about": " · ".join(filter(None, about)),
        "sources": [list(found) for found in map(_cited, one.sources) if found],
        "own": OWN if model.own and one.predict is not None else "",
        "ask": one.predict.ask if one.predict is not None else "",
        "form": form(one),
        "said": model.said,
        "open": model.open_to_say,
        "ended": ended,
        "outcome": outcome(frame.outcome) if ended else [],
        "undecided": _undecided(one, frame) if ended else "",
        "why": one.why if ended else "",
        "formula": one.formula if ended else "",
        "assumes": _assumed(frame, model.measure) if ended and one.why else "",
        "then": [following.name, following.title] if following is not None else [],
    }


def form(one: Experiment) -> dict:
    """How an answer to the question of an experiment is given; empty where it asks for none."""
    return one.predict.form(one.methods[:MOST]) if one.predict is not None else {}


def outcome(found: Outcome | None) -> list[dict]:
    """The parts of an outcome: whose they are, the words, and whether that was right (None: not known)."""
    if found is None:
        return []
    parts = [("you said", found.said, found.right), ("theory said", found.theory, found.held)]
    parts += [("it was", found.was, None)]
    return [{"who": who, "words": words, "right": right} for who, words, right in parts if words]


def _undecided(one: Experiment, frame: Frame) -> str:
    if one.predict is None or (frame.outcome is not None and frame.outcome.was):
        return ""
    if any(trace.status.kind == "cancelled" for trace in frame.traces):
        return "Cancelled: only runs that end by themselves decide it."
    return "These runs do not decide it."


def _assumed(frame: Frame, measure: str) -> str:
    """What the promises of the curves assume, each once."""
    found = dict.fromkeys(one.assumes for trace in frame.traces for one in trace.promises if one.measure == measure)
    return "; ".join(filter(None, list(found)[:3]))


def _cited(key: str) -> tuple[str, str, str] | None:
    """(authors and year, title, address) of a source; None where the bibliography cannot be read."""
    try:
        found = source(key)
    except ToolkitError:
        return None
    return found.short(), found.title, found.url
