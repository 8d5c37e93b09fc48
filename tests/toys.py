"""Small problems and methods whose behaviour is known in closed form."""

import math
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


@dataclass(frozen=True)
class Chance(Zero):
    """The same, measured along an axis of seeds where the state has one; `noise` has a sign."""

    title = "chance"

    def measures(self):
        return (
            tk.Measure("error", "error", lambda problem, state: np.abs(state.x).max(axis=-1)),
            tk.Measure("noise", "noise", lambda problem, state: state.x[..., 0] / state.scale - 1, log=False),
        )


@dataclass(slots=True, kw_only=True)
class Chancy(Geometric):
    """x = factor^k times one plus noise; a row a seed where there are many."""

    draws: list
    scale: float = 1.0


@dataclass(frozen=True)
class Jitter(Contraction):
    """x ← factor^k (1 + bias) e^(spread ξ − spread²/2): the mean error is factor^k (1 + bias), its median less."""

    title = "jitter"
    spread: float = tk.knob(0.3, 0, 4, doc="of the logarithm of the noise")
    bias: float = tk.knob(0.0, -1, 9, doc="what the mean is off by")
    seed: int = tk.knob(0, 0, 10**6, doc="of the noise")
    copies: int = tk.knob(1, 1, 10**4, doc="seeds side by side")

    def init(self, problem):
        draws = [np.random.default_rng(self.seed + i) for i in range(self.copies)]
        shape = (self.copies, problem.n) if self.copies > 1 else (problem.n,)
        return Chancy(x=np.ones(shape), draws=draws)

    def step(self, problem, state):
        state.scale *= self.factor
        logs = [self.spread * draw.standard_normal() - self.spread**2 / 2 for draw in state.draws]
        noise = np.array([(1 + self.bias) * math.exp(one) for one in logs])
        state.x = state.scale * np.repeat(noise, problem.n).reshape(state.x.shape)
        state.residual = float(np.abs(state.x).max())
        state.k += 1
        state.work.matvecs += 1
        return state

    def claims(self, problem):
        return ()


class Abreast(Jitter):
    """The same; one run carries all seeds."""

    title = "abreast"

    def replicates(self, problem, seeds):
        return problem, self.turned(seed=0, copies=seeds)


class Mortal(Jitter):
    """The same; one seed in ten is lost at the fifth step."""

    title = "mortal"

    def step(self, problem, state):
        state = Jitter.step(self, problem, state)
        if state.k == 5 and self.seed % 10 == 3:
            state.residual = float("nan")
        return state


@dataclass(frozen=True)
class Lots(Zero):
    """A problem that has the seed: its error is multiplied by a lot drawn between a half and three halves."""

    title = "lots"
    seed: int = tk.knob(0, 0, 10**6, doc="of the lot")

    def measures(self):
        lot = np.random.default_rng(self.seed).uniform(0.5, 1.5)
        return (tk.Measure("error", "error", lambda problem, state: lot * float(np.abs(state.x).max())),)
