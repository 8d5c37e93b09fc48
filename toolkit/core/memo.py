"""What a problem remembers: values computed once for it, beside its lazily assembled data."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from toolkit.kernels import _clock


def remembered(problem, key: Hashable, make: Callable):
    """`make()`, computed once for this problem object and key (a method stands for its knobs), and kept as long as it.

    A problem that is turned is another object, which remembers nothing yet.
    """
    kept = problem.__dict__.setdefault("_remembered", {})
    if key not in kept:
        kept[key] = make()
    return kept[key]


def assembled(problem, key: Hashable, make: Callable):
    """The same of the problem's own data, which is no method's work: clocks stand still while it is made."""
    with _clock.aside(_clock.ASSEMBLING):
        return remembered(problem, key, make)


def recalled(problem, key: Hashable):
    """What `remembered` keeps of this problem object under a key; None where nobody has asked for it yet."""
    return problem.__dict__.get("_remembered", {}).get(key)
