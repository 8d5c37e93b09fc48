"""What there is to find: every experiment as plain data to search in, and ways through them for three audiences."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Iterable

from toolkit.core.errors import ToolkitError
from toolkit.core.lab import LEVELS, Experiment, Lab
from toolkit.core.lab import labs as every
from toolkit.core.references import source
from toolkit.core.rooms import family_title
from toolkit.session import recorded

AUDIENCES = (("Newcomer", 0, "Start with a straight line"), ("Student", 1, "From a first course on"))
AUDIENCES += (("Researcher", 2, "Where methods are told apart"),)
STOPS = 4  # experiments of a way
NEAR = 4  # titles that are suggested
WIDTH, HEIGHT = 100, 60  # of a thumbnail


@functools.cache
def shelf() -> tuple[dict, ...]:
    """The experiments of every lab, lab by lab and the easiest of each first."""
    return tuple(_card(lab, one) for lab in every().values() for one in _easiest(lab.experiments))


def _easiest(experiments: Iterable[Experiment]) -> list[Experiment]:
    return sorted(experiments, key=lambda one: one.level)


def _card(lab: Lab, one: Experiment) -> dict:
    papers = [found for found in map(_paper, one.sources) if found is not None]
    return {
        "lab": lab.name,
        "name": one.name,
        "title": one.title,
        "question": one.question,
        "level": one.level,
        "minutes": one.minutes,
        "topic": family_title(type(one.problem)),
        "methods": ", ".join(dict.fromkeys(type(method).title for method in one.methods)),
        "papers": "; ".join(f"{paper.authors} {paper.year} {paper.title}" for paper in papers),
        "cited": ", ".join(paper.short() for paper in papers[:2]),
        "drawn": thumbnail(recorded.of(lab, one)),
    }


def _paper(key: str):
    try:
        return source(key)
    except ToolkitError:  # without its parser there is no bibliography
        return None


def ways() -> list[dict]:
    """For each audience a way: an experiment of its level, and on from there as `then` says, the easiest first.

    Labs take turns, so that a way shows more than one of them; where `then` leads nowhere, the next begins.
    """
    return [{"title": title, "about": about, "stops": _way(level)} for title, level, about in AUDIENCES if _way(level)]


def _way(level: int) -> list[list[str]]:
    """[lab, name] of the stops of a way."""
    starts = [(lab, one) for lab in every().values() for one in lab.experiments if one.level == level]
    first = {lab.name: one for lab, one in reversed(starts)}  # of each lab the first
    found: list[tuple[int, str, str]] = []
    for lab in every().values():
        one = first.get(lab.name)
        for _ in range(math.ceil(STOPS / max(1, len(first)))):
            if one is None or len(found) == STOPS or (one.level, lab.name, one.name) in found:
                break
            found.append((one.level, lab.name, one.name))
            one = next((other for other in lab.experiments if other.name == one.then), None)
    return [list(stop[1:]) for stop in sorted(found, key=lambda stop: stop[0])]


def levels() -> list[str]:
    """What the levels are called."""
    return list(LEVELS)


def nearest(lab: Lab, name: str) -> list[Experiment]:
    """The experiments of a lab whose name or title is nearest to what somebody asked for."""
    known = {one.name: one for one in lab.experiments}
    titles = {one.title.lower(): one for one in lab.experiments}
    asked = str(name).lower()[:80]
    close = [known[found] for found in difflib.get_close_matches(asked, known, NEAR, 0.4)]
    close += [titles[found] for found in difflib.get_close_matches(asked.replace("-", " "), titles, NEAR, 0.4)]
    return list(dict.fromkeys(close))[:NEAR] if close else list(lab.experiments[:NEAR])


# -- small pictures ---------------------------------------------------------------------------------------------------


def thumbnail(found: dict) -> list[dict]:
    """The recorded curves as points of a box of WIDTH × HEIGHT: look, whether promised, and x, y in turn; [] without.

    The box is about what was measured; of what was promised, what lies in it.
    """
    if not found:
        return []
    scales = (math.log10 if found["against"] not in _COUNTED else float, float if found["linear"] else math.log10)
    curves = [(one["look"], dashed, _points(one, *scales)) for key, dashed in _DRAWN for one in found[key]]
    seen = [point for _, dashed, points in curves if not dashed for point in points]
    if not seen:
        return []
    (left, right), (low, high) = ((min(ends), max(ends)) for ends in zip(*seen))
    across, up = right - left or 1.0, high - low or 1.0
    told = []
    for look, dashed, points in curves:
        inside = [
            (round(WIDTH * (x - left) / across), round(HEIGHT * (high - y) / up))
            for x, y in points
            if left - 1e-9 <= x <= right + 1e-9 and low - 0.05 * up <= y <= high + 0.05 * up
        ]
        inside = list(dict.fromkeys(inside))
        if inside and (len(inside) > 1 or not dashed):
            told.append({"look": look, "dashed": dashed, "at": [n for point in inside for n in point]})
    return told


_COUNTED = ("k", "matvecs", "nfe", "flops", "seconds")
_DRAWN = (("curves", False), ("promised", True))


def _points(one: dict, across, up) -> list[tuple[float, float]]:
    shown = []
    for x, y in zip(one["x"], one["y"]):
        if (x > 0 or across is float) and (y > 0 or up is float):
            shown.append((across(x), up(y)))
    return shown
