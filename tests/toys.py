"""Small problems and methods whose behaviour is known in closed form."""

from dataclasses import dataclass

import numpy as np

import toolkit as tk


@dataclass(frozen=True)
class Zero(tk.Problem):
    """Come to zero from one in `n` components."""

    title = "zero"
    n: int = tk.knob(4, 1, 1000, doc="components")

    def measures(self):
        return (tk.Measure("error", "error", lambda problem, state: float(np.abs(state.x).max())),)


@dataclass(slots=True, kw_only=True)
class Geometric(tk.State):
    """x = factor^k."""

    x: np.ndarray
    residual: float = 1.0

    def solution(self):
        return self.x


@dataclass(frozen=True)
class Contraction(tk.Method):
    """x ← factor x, one step at a time."""

    title = "contraction"
    monitors = ("residual",)
    factor: float = tk.knob(0.5, -4, 4, live=True, doc="what a step multiplies x by")
    fixed: int = tk.knob(1, 1, 9, doc="a knob that is not live")

    def init(self, problem):
        return Geometric(x=np.ones(problem.n))

    def step(self, problem, state):
        state.x *= self.factor
        state.residual = float(abs(state.x[0]))
        state.k += 1
        state.work.matvecs += 1
        state.work.nfe += 2
        state.work.flops += 3.0
        return state

    def claims(self, problem):
        return (tk.Rate(measure="error", factor=abs(self.factor), sharp=True, source="saad2003", title="factor"),)


@dataclass(frozen=True)
class Compiled(Contraction):
    """The same, many steps a call."""

    title = "compiled contraction"

    def step(self, problem, state):
        return tk.Method.step(self, problem, state)

    def advance(self, problem, state, n, rows):
        for i in range(n):
            state = Contraction.step(self, problem, state)
            rows[i, 0] = state.residual
        return state


@dataclass(frozen=True)
class Poisoned(Contraction):
    """Becomes NaN at step 7."""

    title = "poisoned"

    def step(self, problem, state):
        state = Contraction.step(self, problem, state)
        if state.k == 7:
            state.residual = float("nan")
        return state


@dataclass(frozen=True)
class Unbuildable(Contraction):
    """Cannot be set up."""

    title = "unbuildable"

    def init(self, problem):
        raise tk.Breakdown("pivot 3 is zero", "reorder")
