"""Learning to relax: choosing SOR's ω for each system of a sequence from the sweeps that earlier choices cost.

M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, ICLR 2024, arXiv:2310.02246. A step is one system of the sequence.
Notation: d values of ω on a grid, T systems, cost ℓ_t = sweeps SOR needs on system t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import lsq_linear

from toolkit.core.claims import Crowd, Exact, Order
from toolkit.core.knob import knob, seed_knob
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.kernels.dense.sequence import sor_sweeps
from toolkit.preconditioner.learning.hindsight import Hindsight
from toolkit.preconditioner.learning.problems import SWEEP_LIMIT, ShiftedSequence


@dataclass(slots=True, kw_only=True)
class RelaxState(State):
    """x solves the last system; `costs` and `arms` say what was chosen and what it cost; `memory` is the learner's."""

    x: np.ndarray
    costs: np.ndarray
    arms: np.ndarray
    memory: dict
    rng: np.random.Generator
    remaining: float
    cost: float
    mean_cost: float

    def solution(self) -> np.ndarray:
        return self.x


@dataclass(frozen=True)
class Relaxer(Method):
    """Base: SOR on one system a step, with an ω from the grid that `choose` picks before and `learn` judges after."""

    monitors: ClassVar[tuple[str, ...]] = ("remaining", "cost", "mean_cost")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
    problems: ClassVar[tuple[type, ...]] = (ShiftedSequence,)
    arms: int = knob(20, 2, 100, symbol="d", doc="values of ω on the grid")
    low: float = knob(1.0, 0.05, 1.9, symbol="ω", doc="smallest ω")
    high: float = knob(1.95, 0.1, 1.99, symbol="ω", doc="largest ω")
    seed: int = seed_knob("the learner's draws")

    @property
    def grid(self) -> np.ndarray:
        """The values of ω, shape (d,)."""
        return np.linspace(self.low, self.high, self.arms)

    def suits(self, problem) -> str:
        return "Learning ω needs a sequence of shifted systems." if Method.suits(self, problem) else ""

    def init(self, problem: ShiftedSequence) -> RelaxState:
        return RelaxState(
            x=np.zeros(problem.size),
            costs=np.zeros(problem.count),
            arms=np.zeros(problem.count, dtype=np.int64),
            memory=self.start(problem),
            rng=np.random.default_rng([self.seed, 2]),
            remaining=float(problem.count),
            cost=1.0,
            mean_cost=1.0,
        )

    def step(self, problem: ShiftedSequence, state: RelaxState) -> RelaxState:
        t, a = state.k, problem.laplacian
        arm, omega = self.choose(problem, state)
        b, c = problem.loads[t], problem.shifts[t]
        sweeps = sor_sweeps(a.indptr, a.indices, a.data, c, omega, b, state.x, problem.tol, SWEEP_LIMIT)
        state.arms[t], state.costs[t], state.cost = arm, sweeps, float(sweeps)
        state.k += 1
        self.learn(problem, state)
        state.mean_cost = float(state.costs[: state.k].mean())
        state.remaining = float(problem.count - state.k)
        state.work.matvecs += sweeps
        state.work.flops += sweeps * (4.0 * a.nnz + 6.0 * len(b))
        if not state.remaining:
            state.status = Status("converged", f"all {problem.count} systems are solved")
        return state

    def start(self, problem) -> dict:
        """What the learner remembers before the first system."""
        return {}

    def choose(self, problem, state: RelaxState) -> tuple[int, float]:
        """(index, ω) for system `state.k`."""
        raise NotImplementedError

    def learn(self, problem, state: RelaxState) -> None:
        """Take in the cost of the last choice."""

    def oracle(self, problem: ShiftedSequence, count: int) -> np.ndarray:
        """What every ω of the grid costs on the first systems, (count, d): hindsight, for regret only."""
        key = "costs of a grid of ω", self.arms, self.low, self.high
        return remembered(problem, key, lambda: Hindsight(problem, self.grid)).first(count)

    def regret(self, problem: ShiftedSequence, state: RelaxState) -> float:
        """Mean excess of sweeps over the best fixed ω of the grid, in hindsight of the systems so far."""
        if not state.k:
            return float("nan")
        fixed = self.oracle(problem, state.k).sum(axis=0).min()
        return float(state.costs[: state.k].sum() - fixed) / state.k

    def loss(self, problem: ShiftedSequence, state: RelaxState) -> float:
        """What the best fixed ω of the grid would have saved, in sweeps a system: the average regret, or 0."""
        return max(0.0, self.regret(problem, state)) if state.k else float("nan")

    def measures(self, problem) -> tuple[Measure, ...]:
        if self.suits(problem):
            return ()
        title = "average regret against the best fixed ω"
        return (
            Measure("average_regret", title, self.regret, unit="sweeps", log=False),
            Measure("lost_to_fixed", "sweeps lost to the best fixed ω", self.loss, unit="sweeps", log=False),
        )


@dataclass(frozen=True)
class FixedOmega(Relaxer):
    """One ω for every system: the grid value nearest to `omega`.

    Reference: D. M. Young, Trans. AMS 76 (1954) 92–111, doi:10.1090/S0002-9947-1954-0059635-7.
    """

    title: ClassVar[str] = "fixed ω"
    sources: ClassVar[tuple[str, ...]] = ("young1954", "khodak2024")
    no_claim: ClassVar[str] = "A fixed ω is the baseline that the learners are compared with."
    omega: float = knob(1.8, 0.05, 1.99, symbol="ω", doc="relaxation")

    def choose(self, problem, state):
        arm = int(np.argmin(abs(self.grid - self.omega)))
        return arm, float(self.grid[arm])


@dataclass(frozen=True)
class OptimalOmega(Relaxer):
    """Young's ω_opt for each system: the instance-optimal policy, which knows every Jacobi radius.

    Reference: D. M. Young, Trans. AMS 76 (1954) 92–111, doi:10.1090/S0002-9947-1954-0059635-7.
    """

    title: ClassVar[str] = "instance-optimal ω"
    no_claim: ClassVar[str] = (
        "Young's ω is the best one for many sweeps; to a loose tolerance another may do with fewer."
    )
    sources: ClassVar[tuple[str, ...]] = ("young1954", "khodak2024")

    def choose(self, problem, state):
        return 0, problem.best_omega(state.k)

    def claims(self, problem) -> tuple:
        """No fixed ω of the grid needs fewer sweeps in all: on systems that differ, to a tolerance that is small.

        Young's ω is best as the number of sweeps grows; to a few digits of one system another one may be.
        """
        if self.suits(problem) or problem.tol > 1e-6 or problem.n < 8 or problem.count < 10:
            return ()
        return (_loses_nothing("tolerance 1e-6 or less, n ≥ 8, ten systems or more"),)


def _loses_nothing(assumes: str) -> Exact:
    """At the end no fixed ω of the grid would have taken fewer sweeps."""
    title = "no fixed ω of the grid takes fewer sweeps in all"
    about = dict(title=title, source="khodak2024", assumes=assumes, stop=THROUGH)
    return Exact(measure="lost_to_fixed", tol=0.0, **about)


@dataclass(frozen=True)
class TsallisINF(Relaxer):
    """Tsallis-INF: follow the regularised leader with the ½-Tsallis entropy on importance-weighted costs.

    p_i = 4 (η (k_i/s − x))^−2 with Σ p_i = 1, η = 2/√t; after the draw of arm i, k_i += (ℓ_t − 1)/p_i. s is the mean
    cost so far less one, as in the authors' experiments. Expected regret grows like √(dT), log T when the systems are
    independent draws. The constant is known for losses in [0, 1] only: 4 √(dT) + 1. Costs scaled so, by the largest of
    them, which a few slow systems set, it is more than arms drawn at random would lose, and nothing is promised of it.
    Reference: Khodak et al. (2024), Algorithm 1; J. Zimmert, Y. Seldin, JMLR 22 (2021), arXiv:1807.07623.
    """

    title: ClassVar[str] = "Tsallis-INF"
    no_claim: ClassVar[str] = "Its regret is known to vanish on long sequences only."
    name: ClassVar[str] = "tsallis_inf"
    sources: ClassVar[tuple[str, ...]] = ("khodak2024", "zimmert2021")

    def start(self, problem):
        return {"k": np.zeros(self.arms), "p": np.full(self.arms, 1.0 / self.arms), "scale": 1.0}

    def choose(self, problem, state):
        memory = state.memory
        memory["p"] = tsallis_probabilities(memory["k"] / memory["scale"], 2.0 / np.sqrt(state.k + 1.0))
        arm = int(state.rng.choice(self.arms, p=memory["p"]))
        return arm, float(self.grid[arm])

    def learn(self, problem, state):
        memory, arm = state.memory, state.arms[state.k - 1]
        memory["k"][arm] += (state.cost - 1.0) / memory["p"][arm]
        memory["scale"] = max(1.0, float(state.costs[: state.k].mean()) - 1.0)

    def claims(self, problem) -> tuple:
        """The mean of the average regret over the learner's draws falls at least like T^−½."""
        wide = self.arms >= 5 and min(self.low, self.high) <= 1.2 and max(self.low, self.high) >= 1.9
        if self.suits(problem) or problem.count < 20 * self.arms or problem.tol > 1e-4 or not wide:
            return ()
        falling = Order(
            measure="average_regret",
            p=0.5,
            over="k",
            skip=5 * self.arms,
            at_least=True,
            title="average regret falls at least like T^−½",
            source="khodak2024",
            assumes="independent systems, twenty or more an arm, on arms that differ: ω up to 1.2 and from 1.9 on",
            stop=THROUGH,
        )
        return (Crowd(claim=falling, seeds=12),)


def tsallis_probabilities(losses: np.ndarray, eta: float) -> np.ndarray:
    """p minimising ⟨p, losses⟩ − (4/η) Σ √p_i over the simplex: p_i = 4 (η (losses_i − x))^−2 with x from Σ p = 1.

    The largest p is at most one, so the root lies left of min(losses) − 2/η, where the sum is convex and increasing:
    Newton from there comes down on it monotonically.
    """
    x = float(losses.min()) - 2.0 / eta
    for _ in range(100):
        p = 4.0 / (eta * (losses - x)) ** 2
        step = (p.sum() - 1.0) / (eta * (p**1.5).sum())
        x -= step
        if abs(step) <= 1e-14 * max(1.0, abs(x)):
            break
    p = 4.0 / (eta * (losses - x)) ** 2
    return p / p.sum()


@dataclass(frozen=True)
class ChebCB(Relaxer):
    """ChebCB: contextual choice of ω with the shift as context, costs regressed on Chebyshev polynomials of it.

    Each arm's cost, less one and over K N, is fitted by least squares with T_0 … T_{m−1} of the scaled shift under the
    coefficient limits 1/N and 2 C L/(K N j); SquareCB draws arm i with 1/(d + η (ŷ_i − ŷ_min)) and the best with the
    rest. L, K and η follow the costs seen so far, as in the authors' experiments.
    Reference: Khodak et al. (2024), Algorithm 2; D. Foster, A. Rakhlin, ICML 2020, arXiv:2002.04926.
    """

    title: ClassVar[str] = "ChebCB"
    no_claim: ClassVar[str] = "Its advantage over a fixed ω was shown on 10 × 10 unknowns with shifts of high variance."
    name: ClassVar[str] = "cheb_cb"
    sources: ClassVar[tuple[str, ...]] = ("khodak2024", "foster2020")
    degree: int = knob(6, 1, 20, symbol="m", doc="Chebyshev polynomials fitted to each arm's cost")

    def start(self, problem):
        low, high = problem.interval
        scaled = 2 * (problem.shifts - low) / (high - low) - 1
        return {
            "features": np.polynomial.chebyshev.chebvander(scaled, self.degree - 1),
            "theta": np.zeros((self.arms, self.degree)),
            "misfit": np.zeros(self.arms),
            "predicted": np.zeros(problem.count),
            "scale": 0.0,
            "eta": 0.0,
        }

    def choose(self, problem, state):
        memory = state.memory
        forecast = memory["theta"] @ memory["features"][state.k]
        p = square_cb(forecast, memory["eta"])
        arm = int(state.rng.choice(self.arms, p=p))
        memory["predicted"][state.k] = forecast[arm]
        return arm, float(self.grid[arm])

    def learn(self, problem, state):
        memory, costs, t = state.memory, state.costs[: state.k], state.k
        length = problem.interval[1] - problem.interval[0]
        most, swing = costs.max(), costs.max() - costs.min()
        limits = 2.0 + 4.0 * swing / most * (1.0 + np.log(self.degree))
        rescaled, memory["scale"] = memory["scale"] != most * limits, float(most * limits)
        cap = np.append(1.0 / limits, 2.0 * swing / memory["scale"] / np.arange(1, self.degree)) + 1e-300
        played = np.unique(state.arms[:t]) if rescaled else state.arms[t - 1 : t]
        for arm in played:
            self._fit(memory, state.arms[:t] == arm, arm, costs, cap)
        bias = (np.pi + 2 / np.pi * np.log(2 * self.degree + 1)) / (2 * memory["scale"] * (self.degree + 1))
        alpha = bias * swing / length * length
        regret = max(
            0.0, ((memory["predicted"][:t] - (costs - 1) / memory["scale"]) ** 2).sum() - memory["misfit"].sum()
        )
        memory["eta"] = 2.0 * t * float(np.sqrt(self.arms * t / (regret + 2 * alpha**2 * t + 1e-300)))

    def _fit(self, memory, mine, arm, costs, cap) -> None:
        """Least squares for one arm, under the coefficient limits where they bind."""
        x, y = memory["features"][: len(mine)][mine], (costs[mine] - 1.0) / memory["scale"]
        theta = np.linalg.lstsq(x, y, rcond=None)[0]
        if np.any(abs(theta) > cap):
            theta = lsq_linear(x, y, (-cap, cap)).x
        memory["theta"][arm] = theta
        memory["misfit"][arm] = ((x @ theta - y) ** 2).sum()

    def claims(self, problem) -> tuple:
        """With the shift as context, no more sweeps in all than the best fixed ω: what the authors saw in their set-up.

        Their theorem bounds the regret against the best ω of each system, with constants that say nothing of sequences
        this short. On smaller grids, or with less varied shifts, learning costs more than the context gives.
        """
        knobs = (self.arms, self.low, self.high, self.degree) == (20, 1.0, 1.95, 6)
        asked = knobs and (problem.n, problem.variance) == (11, "high") and problem.tol <= 1e-8
        if self.suits(problem) or not asked or problem.count < 700:
            return ()
        return (_loses_nothing("the set-up of the authors' experiment, seven hundred systems or more"),)


def square_cb(forecast: np.ndarray, eta: float) -> np.ndarray:
    """SquareCB's probabilities: 1/(d + η (ŷ_i − ŷ_min)), the best arm gets what is left."""
    best = int(np.argmin(forecast))
    p = 1.0 / (len(forecast) + eta * (forecast - forecast[best]))
    p[best] = 0.0
    p[best] = 1.0 - p.sum()
    return p
