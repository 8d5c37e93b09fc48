"""Functional Bayesian Tucker decomposition: entries at continuous indices, modes that are Gaussian processes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.kernels.dense import kalman
from toolkit.rank.tensors.matern import dense_posterior, transitions

ORDER, LINE, DENSE_LIMIT = 3, 41, 900
TRIAL, WAVES = 5, 5  # sweeps before starts are compared; waves a random mode is made of
SWEEPS = Stop(rtol=0.0, steps=12)


@dataclass(frozen=True)
class ContinuousEntries(Problem):
    """Noisy values of a function of three variables on [0, 1]³ at scattered points; to be predicted at others.

    The function has multilinear rank `rank`: a random core, and modes cos(2π f x + φ) + x with random f ≤ 1.5.
    """

    title: ClassVar[str] = "entries at continuous indices"
    sources: ClassVar[tuple[str, ...]] = ("fang2024functional",)
    observations: int = knob(400, 30, 2000, log=True, symbol="N", doc="number of observed entries")
    rank: int = knob(2, 1, 4, symbol="r", doc="multilinear rank of the truth")
    noise: float = knob(0.05, 0.0, 1.0, symbol="σ", doc="standard deviation of the noise over that of the values")
    tests: int = knob(100, 20, 400, doc="number of entries to predict")
    seed: int = seed_knob("truth, places and noise")

    @cached_property
    def truth(self) -> tuple:
        """Core, frequencies and phases (3, r)."""
        rng = np.random.default_rng(self.seed)
        shape = (ORDER, self.rank)
        return rng.standard_normal((self.rank,) * ORDER), rng.uniform(0.3, 1.5, shape), rng.uniform(0, 2 * np.pi, shape)

    def raw(self, points: np.ndarray) -> np.ndarray:
        """The function at points (m, 3), not scaled: (m,)."""
        core, frequency, phase = self.truth
        a, b, c = (np.cos(2 * np.pi * x[:, None] * f + p) + x[:, None] for x, f, p in zip(points.T, frequency, phase))
        return np.einsum("ijk,ni,nj,nk->n", core, a, b, c)

    @cached_property
    def table(self) -> tuple[np.ndarray, ...]:
        """Places (N, 3), values (N,), places to predict (M, 3), their exact values; values have deviation one."""
        rng = np.random.default_rng([self.seed, 1])
        places, wanted = rng.uniform(0, 1, (self.observations, ORDER)), rng.uniform(0, 1, (self.tests, ORDER))
        clean = self.raw(places)
        scale = float(np.std(clean)) or 1.0
        noisy = clean / scale + self.noise * rng.standard_normal(self.observations)
        return places, noisy, wanted, self.raw(wanted) / scale

    @cached_property
    def axes(self) -> tuple:
        """For every mode: the distinct indices in order, and where observations, predictions and a line are in them."""
        places, _, wanted, _ = self.table
        found = []
        for k in range(ORDER):
            every = np.concatenate((places[:, k], wanted[:, k], np.linspace(0, 1, LINE)))
            times, where = np.unique(every, return_inverse=True)
            found.append((times, *np.split(where, [self.observations, self.observations + self.tests])))
        return tuple(found)


@dataclass(slots=True, kw_only=True)
class FieldState(State):
    """Posterior of the modes at their nodes (T, r), (T, r, r), of the core (R,), (R, R), and of the noise's precision.

    message: what the first mode was last told, (T, r, r) and (T, r).
    """

    means: list
    covs: list
    core: np.ndarray
    core_cov: np.ndarray
    message: list
    precision: float = 1.0
    error: float = 0.0
    residual: float = 0.0
    predicted: np.ndarray

    def solution(self) -> np.ndarray:
        return self.predicted


def rows_kron(blocks) -> np.ndarray:
    """Kronecker products row by row: (N, a), (N, b), … → (N, a b …); of matrices (N, a, a), … likewise."""
    found = blocks[0]
    for one in blocks[1:]:
        if one.ndim == 2:
            found = (found[:, :, None] * one[:, None, :]).reshape(len(one), -1)
        else:
            n = found.shape[1] * one.shape[1]
            found = (found[:, :, None, :, None] * one[:, None, :, None, :]).reshape(len(one), n, n)
    return found


class FieldMethod(Method):
    """Base: conjugate messages between modes, core and noise; a step updates all of them once."""

    monitors: ClassVar[tuple[str, ...]] = ("error", "residual")
    problems: ClassVar[tuple[type, ...]] = (ContinuousEntries,)

    def nodes(self, problem, mode: int) -> tuple:
        """(places of the nodes, node of every observation, of every prediction, of the line)."""
        raise NotImplementedError

    def posterior(self, problem, mode: int, precision, weighted) -> tuple[np.ndarray, np.ndarray]:
        """Means and covariances of a mode at its nodes, given the messages there."""
        raise NotImplementedError

    def init(self, problem: ContinuousEntries) -> FieldState:
        """The start, of `starts` random ones, that fits the data best after TRIAL sweeps; not swept yet."""
        fits = []
        for start in range(self.starts if self.starts > 1 else 0):
            tried = self._begun(problem, start)
            for _ in range(TRIAL):
                tried = self.step(problem, tried)
            fits.append(tried.residual)
        state = self._begun(problem, int(np.argmin(fits)) if fits else 0)
        state.work.nfe += len(fits) * TRIAL * problem.observations
        return state

    def _begun(self, problem, start: int) -> FieldState:
        """Waves of random phase and size as modes, at first of one size, and a random core."""
        rng, r = np.random.default_rng([self.seed, start]), self.rank
        means, covs = [], []
        for mode in range(ORDER):
            places = self.nodes(problem, mode)[0][:, None, None]
            waves = np.arange(r)[:, None] if start == 0 else np.arange(WAVES)
            sizes = np.ones((r, 1)) if start == 0 else rng.standard_normal((r, WAVES)) / (1 + waves)
            phases = rng.uniform(-0.5, 0.5, (r, 1)) if start == 0 else rng.uniform(0, 2 * np.pi, (r, WAVES))
            means.append((sizes * np.cos(np.pi * waves * places + phases)).sum(axis=-1))
            covs.append(np.tile(0.1 * np.eye(r), (len(places), 1, 1)))
        size = r**ORDER
        core = dict(core=rng.standard_normal(size) / r, core_cov=0.1 * np.eye(size))
        predicted = np.zeros(problem.tests)
        return self._looked(problem, FieldState(means=means, covs=covs, **core, message=[], predicted=predicted))

    def step(self, problem: ContinuousEntries, state: FieldState) -> FieldState:
        state.k += 1
        state.means, state.covs = list(state.means), list(state.covs)
        self._core(problem, state)
        for mode in range(ORDER):
            precision, weighted = self._message(problem, state, mode)
            state.means[mode], state.covs[mode] = self.posterior(problem, mode, precision, weighted)
            if mode == 0:
                state.message = [precision, weighted]
        self._core(problem, state)
        return self._looked(problem, state)

    def _moments(self, problem, state, mode):
        """First and second moments of a mode at the observations: (N, r), (N, r, r)."""
        seen = self.nodes(problem, mode)[1]
        first = state.means[mode][seen]
        return first, state.covs[mode][seen] + first[:, :, None] * first[:, None, :]

    def _message(self, problem, state, mode):
        """τ E[a aᵀ] and τ y E[a] summed at the nodes, a the core contracted with the other modes."""
        r, values, seen = self.rank, problem.table[1], self.nodes(problem, mode)[1]
        others = [self._moments(problem, state, k) for k in range(ORDER) if k != mode]
        first, second = rows_kron([one[0] for one in others]), rows_kron([one[1] for one in others])
        order = np.moveaxis(np.arange(r**ORDER).reshape((r,) * ORDER), mode, 0).ravel()
        core = (state.core_cov + np.outer(state.core, state.core))[np.ix_(order, order)]
        pairs = core.reshape(r, -1, r, first.shape[1]).transpose(0, 2, 1, 3).reshape(r * r, -1)
        squares = (second.reshape(len(values), -1) @ pairs.T).reshape(-1, r, r)
        linear = first @ state.core[order].reshape(r, -1).T
        count = len(self.nodes(problem, mode)[0])
        precision, weighted = np.zeros((count, r, r)), np.zeros((count, r))
        np.add.at(precision, seen, state.precision * squares)
        np.add.at(weighted, seen, state.precision * values[:, None] * linear)
        return precision, weighted

    def _core(self, problem, state):
        """The Gaussian posterior of the core, then the Gamma posterior's mean of the noise's precision."""
        values = problem.table[1]
        moments = [self._moments(problem, state, k) for k in range(ORDER)]
        first = rows_kron([one[0] for one in moments])
        second = rows_kron([one[1] for one in moments]).sum(axis=0)
        for _ in range(2):
            inverse = np.linalg.inv(np.eye(len(state.core)) + state.precision * second)
            state.core_cov = 0.5 * (inverse + inverse.T)
            state.core = state.precision * (state.core_cov @ (first.T @ values))
            both = state.core_cov + np.outer(state.core, state.core)
            misfit = values @ values - 2 * values @ (first @ state.core) + float(np.sum(both * second))
            state.precision = (1e-3 + len(values) / 2) / (1e-3 + max(misfit, 0.0) / 2)

    def _looked(self, problem, state):
        _, values, _, exact = problem.table
        at = [[state.means[k][self.nodes(problem, k)[i]] for k in range(ORDER)] for i in (1, 2)]
        fitted, state.predicted = (rows_kron(one) @ state.core for one in at)
        state.residual = float(np.sqrt(np.mean((fitted - values) ** 2)))
        state.error = float(np.sqrt(np.mean((state.predicted - exact) ** 2)))
        state.work.nfe += len(values)
        return state


@dataclass(frozen=True)
class FunctionalTucker(FieldMethod):
    """FunBaT: y ≈ core ×₁ u¹(x) ×₂ u²(y) ×₃ u³(z), every component of u a Matérn process, a linear SDE.

    The message of an observation to a mode is Gaussian, its natural parameters are expectations over core, noise and
    other modes; the posterior of a mode given all messages is exact by a Kalman filter and an RTS smoother, O(N) where
    the dense Gaussian process costs O(N³). The core is Gaussian, the noise's precision Gamma. A step updates all once.
    Posteriors are conditional on point hyperparameters; the factors are independent a posteriori, and local optima of
    the whole exist, at ten times the noise: hence several starts (the paper has one). With few entries all may miss.
    Reference: S. Fang et al., ICLR 2024, arXiv:2311.04829, section 4 and algorithm 1.
    """

    title: ClassVar[str] = "functional Bayesian Tucker"
    sources: ClassVar[tuple[str, ...]] = ("fang2024functional", "hartikainen2010")
    rank: int = knob(2, 1, 4, symbol="r", doc="multilinear rank")
    nu: str = knob("3/2", choices=("1/2", "3/2", "5/2"), symbol="ν", doc="smoothness of the modes")
    length: float = knob(0.3, 0.02, 3.0, log=True, symbol="ℓ", doc="correlation length of the modes")
    starts: int = knob(6, 1, 20, doc="random starts; the one that fits the data best after five sweeps is kept")
    seed: int = seed_knob("the start")

    def nodes(self, problem, mode):
        return problem.axes[mode]

    def posterior(self, problem, mode, precision, weighted):
        step, noise, start = transitions(self.nu, self.length, problem.axes[mode][0])
        eye, s = np.eye(self.rank), len(start)
        blocks = [np.einsum("ij,...ab->...iajb", eye, one) for one in (step, noise, start)]
        dim = self.rank * s
        blocks = [np.ascontiguousarray(one.reshape(*one.shape[:-4], dim, dim)) for one in blocks]
        return kalman.smoothed(*blocks, np.arange(self.rank) * s, precision, weighted)

    def measures(self, problem) -> tuple[Measure, ...]:
        def gap(problem, state):
            if not state.message or state.message[1].size > DENSE_LIMIT:
                return math.nan
            means, covs = dense_posterior(self.nu, self.length, problem.axes[0][0], *state.message)
            return float(max(np.abs(means - state.means[0]).max(), np.abs(covs - state.covs[0]).max()))

        doc = "largest difference of means and covariances of the first mode; not asked above 900 unknowns"
        return (Measure("smoother_gap", "smoother against the dense Gaussian process", gap, doc=doc),)

    def claims(self, problem: ContinuousEntries) -> tuple:
        if problem.axes[0][0].size * self.rank > DENSE_LIMIT:
            return ()
        return (
            Exact(
                measure="smoother_gap",
                tol=1e-8,
                always=True,
                title="the smoother is the dense Gaussian process",
                assumes="distinct indices in order; the same messages",
                source="hartikainen2010",
                stop=SWEEPS,
            ),
        )


@dataclass(frozen=True)
class BinnedTucker(FieldMethod):
    """Bayesian Tucker on a grid: every index falls in a bin, and every bin of a mode has a Gaussian vector of its own.

    The same messages, but bins know nothing of their neighbours: the error has a part for what varies within a bin and
    one for bins with few entries. O(N) a step.
    Reference: S. Fang et al., ICLR 2024, arXiv:2311.04829, section 6: the discretised competitors.
    """

    title: ClassVar[str] = "binned Bayesian Tucker"
    sources: ClassVar[tuple[str, ...]] = ("fang2024functional",)
    no_claim: ClassVar[str] = "no bound is known for the prediction of unseen entries"
    rank: int = knob(2, 1, 4, symbol="r", doc="multilinear rank")
    bins: int = knob(20, 2, 200, log=True, doc="bins of every mode")
    starts: int = knob(6, 1, 20, doc="random starts; the one that fits the data best after five sweeps is kept")
    seed: int = seed_knob("the start")

    def nodes(self, problem, mode):
        times, *where = problem.axes[mode]
        bins = np.minimum((times * self.bins).astype(np.int64), self.bins - 1)
        return ((np.arange(self.bins) + 0.5) / self.bins, *(bins[one] for one in where))

    def posterior(self, problem, mode, precision, weighted):
        covs = np.linalg.inv(np.eye(self.rank) + precision)
        return np.einsum("nij,nj->ni", covs, weighted), covs


def mode_lines(problem, state):
    """Trajectories of the first mode's components."""
    times, means = problem.axes[0][0], state.means[0]
    line = np.linspace(0, 1, LINE)
    if len(means) == len(times):
        shown, deviations = means[problem.axes[0][3]], state.covs[0][problem.axes[0][3]]
    else:
        nearest = np.minimum((line * len(means)).astype(int), len(means) - 1)
        shown, deviations = means[nearest], state.covs[0][nearest]
    found = {"x": line}
    for j in range(shown.shape[1]):
        found[f"component {j + 1}"] = shown[:, j]
        found[f"component {j + 1} + 2 deviations"] = shown[:, j] + 2 * np.sqrt(deviations[:, j, j])
    return found


CASES = (ContinuousEntries(observations=60, tests=20),)


def finer_is_better(runs) -> bool:
    """Whether the last method, with the finest bins, ended below the one before."""
    return runs[2].history.last("error") < runs[1].history.last("error")


EXPERIMENTS = (
    Experiment(
        "continuous-indices",
        "Modes that are functions, or bins?",
        "The same rank, the same data: what do bins lose against modes that vary smoothly?",
        ContinuousEntries(),
        (FunctionalTucker(), BinnedTucker(bins=10), BinnedTucker(bins=20)),
        Stop(rtol=0.0, steps=40),
        measure="error",
        picture="mode-trajectories",
        predict=Pick(
            "Bins are a coarse picture of what varies smoothly. Do twenty of them an axis predict better than ten?",
            truth=whether(finer_is_better),
            options=YES_NO,
        ),
        why=r"A bin knows nothing of its neighbours: its vector is learnt from the entries that fall into it, and with"
        r" the same entries finer bins have fewer each. Narrower bins could describe more, yet with so many more"
        r" unknowns the fit settles at a worse place here: it misses even the entries it has learnt from by more. A"
        r" mode that is a Matérn process ties every place to those near it: each entry helps along a whole correlation"
        r" length, and a Kalman filter and smoother get its posterior in a time in proportion to the number of"
        r" entries.",
        formula=r"f(x_1, x_2, x_3) \approx \mathcal{G} \times_1 u^1(x_1) \times_2 u^2(x_2) \times_3 u^3(x_3)",
        level=3,
        minutes=8,
        then="cubature-points",
    ),
)

PICTURES = (Picture("mode-trajectories", "first mode's components", "lines", mode_lines, x="index", of=FieldState),)
