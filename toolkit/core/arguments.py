"""What a person hands to a run, looked at once: mistakes are told in one sentence, each with what was expected."""

from __future__ import annotations

import numbers
import warnings

from toolkit.core.errors import ToolkitError
from toolkit.core.knob import Knobbed, brief, knobs
from toolkit.core.method import Method
from toolkit.core.problem import Problem
from toolkit.core.stop import Stop


class UnsuitedWarning(UserWarning):
    """A method runs on a problem that it does not suit: what it shows is not what theory speaks of."""


def looked_over(problem, method, stop) -> None:
    """ToolkitError where problem and method are swapped, one of them is a class or something else, or stop is none."""
    if isinstance(problem, Method) and isinstance(method, Problem):
        raise ToolkitError(
            f"The problem comes first, then the method: {brief(problem)} and {brief(method)} are swapped."
        )
    for word, given, base in (("problem", problem, Problem), ("method", method, Method)):
        if isinstance(given, type) and issubclass(given, Knobbed):
            known = f"; its knobs: {', '.join(knobs(given))}" if knobs(given) else ""
            raise ToolkitError(f"The {word} is the class {given.__name__}: give one of it, {given.__name__}(){known}.")
        if not isinstance(given, base):
            raise ToolkitError(f"The {word} is a {type(given).__name__}: expected a {base.__name__}, an object of one.")
    if isinstance(stop, numbers.Real) and not isinstance(stop, bool):
        how = f"Stop(steps={stop})" if isinstance(stop, int) else f"Stop(rtol={stop:g})"
        raise ToolkitError(f"stop = {stop!r}: expected a Stop, such as {how}; its knobs: {', '.join(knobs(Stop))}.")
    if not (stop is None or isinstance(stop, Stop)):
        raise ToolkitError(f"stop is a {type(stop).__name__}: expected a Stop; its knobs: {', '.join(knobs(Stop))}.")


def suited(problem, method) -> None:
    """ToolkitError where the method solves problems of another kind; a warning with the reason where it does not suit.

    It runs all the same: what a method does where its theory does not hold is worth seeing. To have an error, say
    `warnings.simplefilter("error", UnsuitedWarning)`.
    """
    looked_over(problem, method, None)
    if reason := Method.suits(method, problem):
        raise ToolkitError(f"{brief(method)} cannot run on {brief(problem)}: {reason}.")
    if reason := method.suits(problem):
        about = f"{brief(method)} is not made for {brief(problem)}: {reason} It runs all the same."
        warnings.warn(about, UnsuitedWarning, stacklevel=3)
