"""A trial whose lab is a few toys: one keeps its promise, each of the others has a fault of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from toys import Contraction, Lots, Zero

import toolkit as tk
from toolkit.session.chance.drafts import Menu
from toolkit.session.chance.trials import Trial


@dataclass(frozen=True)
class Boasting(Contraction):
    """Promises a factor that it does not have."""

    title = "boasting"
    factor: float = tk.knob(0.5, 0.3, 0.7, doc="what a step multiplies x by")

    def claims(self, problem):
        return (tk.Rate(measure="error", factor=self.factor / 2, source="saad2003", title="twice as fast"),)


@dataclass(frozen=True)
class Stumbling(Contraction):
    """Divides by zero at the third step."""

    title = "stumbling"

    def step(self, problem, state):
        return state if 1 / (state.k - 3) > 1 else super().step(problem, state)


@dataclass(frozen=True)
class Endless(Contraction):
    """One step that never ends, as a compiled loop would not."""

    title = "endless"

    def step(self, problem, state):
        while True:
            pass


@dataclass(frozen=True)
class Crashing(Contraction):
    """Takes its process with it."""

    title = "crashing"

    def init(self, problem):
        os.abort()


@dataclass(frozen=True)
class Choosy(Contraction):
    """Suits one kind of problem with more than two components, and says so."""

    title = "choosy"
    factor: float = tk.knob(0.5, 0.3, 0.7, doc="what a step multiplies x by")
    problems = (Lots,)

    def suits(self, problem):
        return super().suits(problem) or ("" if problem.n > 2 else "too few")


@dataclass(frozen=True)
class Toys(Trial):
    """Draws of these toys, `only` one of them if it is named."""

    lab: str = "user"
    only: str = ""

    def menu(self) -> Menu:
        methods = (Boasting, Stumbling, Endless, Crashing, Choosy)
        return Menu(tuple(one for one in methods if self.only in ("", one.title)), (Zero, Lots), (Zero(n=3),))
