"""Prediction: what a person is asked before a run, and how the answer stands beside theory and what came out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.core.claims import figures
from toolkit.core.errors import SpecError
from toolkit.core.knob import labels
from toolkit.core.run import Run
from toolkit.core.study import judge

STEEPEST = 20.0  # order or factor that a line of one's own can have
Truth = Callable[[Sequence[Run]], "float | int | None"]


@dataclass(frozen=True)
class Outcome:
    """What somebody said, what theory said and what it was, in words; `theory` is empty where it is silent.

    `right`: whether the person was, `held`: whether theory was; None where that is not known.
    """

    said: str = ""
    theory: str = ""
    was: str = ""
    right: bool | None = None
    held: bool | None = None


@dataclass(frozen=True)
class Prediction:
    """Base of the three ways to answer: `ask` is the question; a kind says how an answer is given and compared.

    `outcome(said, runs)` compares an answer (None: it was skipped) with the ended runs of the experiment, in the order
    of its methods. `ask` may hold formulas between dollar signs.
    """

    ask: str

    def outcome(self, said, runs: Sequence[Run]) -> Outcome:
        """What was said beside what theory said and what it was."""
        raise NotImplementedError

    def answer(self, said, methods: Sequence):
        """What somebody said, as it is compared; SpecError where that is no answer to this question."""
        raise NotImplementedError

    def form(self, methods: Sequence) -> dict:
        """How an answer is given, as data that a screen can show."""
        raise NotImplementedError


@dataclass(frozen=True)
class Pick(Prediction):
    """One of some answers.

    `options` are the answers (none: the methods of the race), `truth(runs)` the index of the one that came true, None
    where the runs do not decide it, `theory` the index of what theory says, None where it is silent.
    """

    truth: Truth
    theory: int | None = None
    options: tuple[str, ...] = ()

    def answers(self, methods: Sequence) -> tuple[str, ...]:
        """The answers to choose from."""
        return self.options or tuple(labels(list(methods)))

    def answer(self, said, methods):
        """The index of an answer."""
        count = len(self.answers(methods))
        if isinstance(said, bool) or not isinstance(said, int) or not 0 <= said < count:
            raise SpecError(f"The answer {said!r:.40} is none: expected a whole number from 0 to {count - 1}.")
        return said

    def form(self, methods):
        """The answers to choose from."""
        return {"kind": "pick", "answers": list(self.answers(methods))}

    def outcome(self, said, runs):
        """The answers in words; right is who picked the one that came true."""
        answers, was = self.answers([run.method for run in runs]), self.truth(runs)
        words = [answers[i] if i is not None else "" for i in (said, self.theory, was)]
        return Outcome(*words, *(None if None in (i, was) else i == was for i in (said, self.theory)))


@dataclass(frozen=True)
class Guess(Prediction):
    """A number between `low` and `high`, on a scale that is logarithmic or (`log` False) linear.

    `truth(runs)` is the number that it was, `theory(runs)` the one that theory names (None: it is silent; `limit`: it
    names an upper limit, not a value). A guess is right within the factor `close`, on a linear scale within
    `close` − 1 of the whole range.
    """

    truth: Truth
    low: float
    high: float
    theory: Truth | None = None
    limit: bool = False
    unit: str = ""
    log: bool = True
    whole: bool = False
    close: float = 1.25

    def answer(self, said, methods):
        """A number of the range."""
        value = _number(said, self.low, self.high)
        return round(value) if self.whole else value

    def form(self, methods):
        """The range and its scale."""
        about = {"low": self.low, "high": self.high, "log": self.log, "whole": self.whole, "unit": self.unit}
        return {"kind": "guess"} | about

    def near(self, one: float, other: float) -> bool:
        """Whether two numbers are called the same."""
        if self.log:
            return one > 0 and other > 0 and bool(abs(np.log(one / other)) <= np.log(self.close) * (1 + 1e-12))
        return bool(abs(one - other) <= (self.close - 1) * (self.high - self.low))

    def outcome(self, said, runs):
        """The numbers in words; right is who was near the one that it was."""
        was, theory = self.truth(runs), self.theory(runs) if self.theory else None
        right = None if None in (said, was) else self.near(said, was)
        held = None
        if theory is not None and was is not None:
            held = bool(was <= theory * (1 + 1e-9)) if self.limit else self.near(theory, was)
        told = self.words(theory)
        return Outcome(
            self.words(said), f"at most {told}" if self.limit and told else told, self.words(was), right, held
        )

    def words(self, value: float | None) -> str:
        """A number with its unit."""
        if value is None or not np.isfinite(value):
            return ""
        return f"{round(value) if self.whole else f'{value:.3g}'} {self.unit}".strip()


@dataclass(frozen=True)
class Sketch(Prediction):
    """A straight line of one's own in the plot of `measure`: its slope is what is predicted of the method `of`.

    The answer is a factor a step, or (`order`: where the promise of it is one) an order of convergence. Right is a
    factor whose decades a step are within a quarter of the measured ones, or an order within a quarter.
    """

    measure: str
    of: int = 0
    order: bool = False

    def answer(self, said, methods):
        """A factor a step, or an order."""
        return _number(said, -STEEPEST, STEEPEST)

    def form(self, methods):
        """Whose curve is sketched."""
        return {"kind": "sketch", "of": self.of, "order": self.order}

    def outcome(self, said, runs):
        """Factors or orders in words; whether theory was right is the verdict of the claims themselves."""
        run = runs[self.of]
        claims = tuple(one for one in run.method.claims(run.problem) if one.about == self.measure)
        seen = figures(claims, {}, run.history, self.measure)
        said = said if seen.order == self.order else None  # an order is no factor
        told = [self._words(value, seen.order) for value in (said, seen.promised, seen.observed)]
        if not np.isfinite(seen.observed):
            return Outcome(*told)
        right = None if said is None else self._near(said, seen.observed, seen.order)
        return Outcome(*told, right, self._held(claims, run))

    @staticmethod
    def _held(claims: Sequence, run: Run) -> bool | None:
        """Broken where one that promises a slope is, held where all are; open else."""
        slopes = [one for one in claims if one.while_running and one.observed(run.history) is not None]
        found = [judge(one, run).holds for one in slopes]
        return False if False in found else True if found and all(found) else None

    @staticmethod
    def _words(value: float | None, order: bool) -> str:
        if value is None or not np.isfinite(value):
            return ""
        return f"order {value:.2f}" if order else f"a factor {value:.3g} a step"

    @staticmethod
    def _near(said: float, was: float, order: bool) -> bool:
        if order:
            return bool(abs(said - was) <= 0.25)
        return said > 0 and was > 0 and bool(abs(np.log(said) - np.log(was)) <= 0.25 * abs(np.log(was)))


def _number(said, low: float, high: float) -> float:
    """A finite number of a range; SpecError for anything else."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not low <= said <= high:
        raise SpecError(f"The answer {said!r:.40} is none: expected a number from {low:g} to {high:g}.")
    return float(said)


# -- what came true: the answers that many questions share ------------------------------------------------------------


def needed(of: int = 0, against: str = "k") -> Truth:
    """What a method needed of a counter until it converged; None where it did not."""

    def truth(runs):
        run = runs[of]
        return float(run.history.last(against)) if run.status.kind == "converged" else None

    return truth


def first_there(against: str = "k") -> Truth:
    """The method that converged for the least of a counter; None where none did."""

    def truth(runs):
        costs = [run.history.last(against) if run.status.kind == "converged" else np.inf for run in runs]
        return int(np.argmin(costs)) if np.any(np.isfinite(costs)) else None

    return truth


def reached(measure: str, level: float, of: int = 0, against: str = "k") -> Truth:
    """Where on a counter a measure first was at a level or below; None where it never was."""

    def truth(runs):
        counts, values = runs[of].history.series(measure, against)
        found = np.flatnonzero(values <= level)
        return float(counts[found[0]]) if len(found) else None

    return truth


def last(measure: str, of: int = 0) -> Truth:
    """The last value of a measure."""

    def truth(runs):
        value = runs[of].history.last(measure)
        return float(value) if np.isfinite(value) else None

    return truth


def lowest(measure: str) -> Truth:
    """The method that ended with the lowest value of a measure; None where it was not measured of all."""

    def truth(runs):
        values = [run.history.last(measure) for run in runs]
        return int(np.argmin(values)) if np.all(np.isfinite(values)) else None

    return truth


def ratio(measure: str, of: int, to: int) -> Truth:
    """How many times the last value of one method is that of another; None where either was not measured."""

    def truth(runs):
        one, other = (float(runs[i].history.last(measure)) for i in (of, to))
        return one / other if np.isfinite(one) and np.isfinite(other) and other else None

    return truth


def shrunk(measure: str, of: int = 0, since: int = -2) -> Truth:
    """How many times smaller the last value of a measure is than one before, the last but one unless said."""

    def truth(runs):
        values = runs[of].history[measure]
        values = values[np.isfinite(values)]
        return float(values[since] / values[-1]) if len(values) > 1 and values[-1] else None

    return truth


def first_below(measure: str, goal: float, against: str = "k") -> Truth:
    """The method whose measure came down to a goal for the least of a counter; None where none did."""

    def cost(history):
        values = history[measure]
        there = history[against][values <= goal]
        return there[0] if len(there) else np.inf

    def truth(runs):
        costs = [cost(run.history) for run in runs]
        return int(np.argmin(costs)) if np.any(np.isfinite(costs)) else None

    return truth


def order_seen(measure: str, over: str, of: int = 0) -> Truth:
    """The order of convergence between the last two values of a measure along a ladder."""

    def truth(runs):
        history = runs[of].history
        there = np.isfinite(history[measure])
        scale, values = history[over][there][-2:], history[measure][there][-2:]
        if len(values) < 2 or not np.all(values > 0):
            return None
        return float(-np.log(values[1] / values[0]) / np.log(scale[1] / scale[0]))

    return truth


def whether(true: Callable[[Sequence[Run]], bool | None]) -> Truth:
    """0 where something is true of the ended runs and 1 where it is not: the index into (yes, no)."""

    def truth(runs):
        found = true(runs)
        return None if found is None else 0 if found else 1

    return truth


YES_NO = ("yes", "no")
