"""Saboteurs: methods that must break a claim. A claim that nobody can break says nothing.

A family's `test_saboteurs.py` has a table of them and one test:

    SABOTEURS = [
        Saboteur("the error falls by", lambda: (Poisson(n=16), CG()), noise("x", 1e-3)),
        ...
    ]

    @pytest.mark.parametrize("one", SABOTEURS, ids=str)
    def test_the_claim_catches_it(one):
        one.is_caught()

`by` makes of the honest method the one that breaks its promise: `noise`, `half`, `biased`, `costly`, `put`, `instead`,
or any function of one's own, a rival of another order for example. The promise is asked of the honest method, the runs
are the saboteur's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

import toolkit as tk


@dataclass(frozen=True)
class Saboteur:
    """What must break each claim of a method on a problem, made by `pair()`, whose title has the words `title`."""

    title: str
    pair: Callable[[], tuple]
    by: Callable[[object], object]
    whose: object = ""

    def __str__(self):
        return " ".join((self.title, getattr(self.whose, "__name__", self.whose))).strip()

    def covers(self, claim) -> bool:
        """Whether it is one for this claim."""
        return self.title in claim.title

    def is_caught(self) -> None:
        """The claims hold of the honest method, and the saboteur's runs break each of them."""
        problem, method = self.pair()
        claims = [claim for claim in method.claims(problem) if self.covers(claim)]
        assert claims, f"no claim of {method} on {problem} says {self.title!r}"
        for claim in claims:
            honest, spoiled = tk.check(claim, problem, method), tk.check(claim, problem, self.by(method))
            assert honest.holds is True, f"{claim.title}: {honest}"
            assert spoiled.holds is False, f"{claim.title}: not caught, {spoiled}"


def after_each_step(spoil: Callable, method):
    """The method, its knobs and claims, but `spoil(problem, before, state)` changes the state after every step.

    `before` is a copy of the state before the step.
    """
    honest = type(method)

    def step(self, problem, state):
        before = state.copy()
        if honest.advance is not None:
            state = honest.advance(self, problem, state, 1, np.empty((1, len(self.monitors))))
        else:
            state = honest.step(self, problem, state)
        spoil(problem, before, state)
        return state

    return replaced(method, step=step, advance=None)


def replaced(method, **body):
    """The method, its knobs and claims, with other functions in the place of its own."""
    honest = type(method)
    saboteur = type(f"Spoiled{honest.__name__}", (honest,), body | {"title": ""})
    return saboteur(**{one.name: getattr(method, one.name) for one in fields(method)})


def noise(name: str, size: float) -> Callable:
    """Noise of the relative size `size`, the same in every run, on the array (or number) `name` of the state."""

    def spoil(problem, before, state):
        value = np.asarray(getattr(state, name))
        value = value if np.iscomplexobj(value) else value.astype(float)
        draw = np.random.default_rng(state.k).standard_normal(value.shape)
        _put(state, name, value + size * max(float(np.abs(value).max(initial=0)), 1e-300) * draw)

    return lambda method: after_each_step(spoil, method)


def half(name: str, share: float = 0.5) -> Callable:
    """Only a share of each step's change of the array (or number) `name` of the state."""

    def spoil(problem, before, state):
        old, new = np.asarray(getattr(before, name)), np.asarray(getattr(state, name))
        if old.shape == new.shape:
            _put(state, name, old + share * (new - old))

    return lambda method: after_each_step(spoil, method)


def biased(name: str, factor: float, shift: float = 0.0) -> Callable:
    """The array (or number) `name` of the state times `factor` plus `shift` after every step."""
    return put(name, lambda value: factor * np.asarray(value) + shift)


def drifting(name: str, power: float, size: float = 1.0) -> Callable:
    """The array `name` grows by the share size · n^−power in every step of a run of n: an error of order power − 1.

    n is the number of times that the state goes through.
    """

    def spoil(problem, before, state):
        _put(state, name, (1 + size * (len(state.times) - 1) ** -float(power)) * np.asarray(getattr(state, name)))

    return lambda method: after_each_step(spoil, method)


def rival(make: Callable) -> Callable:
    """The method with what `make(class)` returns, a dict of functions, in place of its own."""
    return lambda method: replaced(method, **make(type(method)))


def put(name: str, change: Callable) -> Callable:
    """What `change` makes of the array (or number) `name` of the state after every step."""
    return lambda method: after_each_step(
        lambda problem, before, state: _put(state, name, change(getattr(state, name))), method
    )


def costly(counter: str, times: float = 3) -> Callable:
    """Every step spends `times` the work that it did: `counter` is matvecs, solves, nfe or flops."""

    def spoil(problem, before, state):
        spent, old = getattr(state.work, counter), getattr(before.work, counter)
        setattr(state.work, counter, type(spent)(old + times * max(spent - old, 1)))

    return lambda method: after_each_step(spoil, method)


def instead(**functions) -> Callable:
    """The method, its knobs and claims, with other functions in place of some of its own."""

    def by(method):
        honest = type(method)
        saboteur = type(f"Spoiled{honest.__name__}", (honest,), {**functions, "title": ""})
        return saboteur(**{one.name: getattr(method, one.name) for one in fields(method)})

    return by


def turned(**knobs) -> Callable:
    """The same method with other knobs, judged by the promise of the first."""
    return lambda method: method.turned(**knobs)


def _put(state, name: str, value) -> None:
    old = getattr(state, name)
    if isinstance(old, np.ndarray) and old.flags.writeable and old.shape == np.shape(value):
        old[...] = value
    else:
        setattr(state, name, type(old)(value) if np.isscalar(old) else np.asarray(value))
