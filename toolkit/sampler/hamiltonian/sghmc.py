"""Hamiltonian sampling with mini-batches as operator splitting, whose moments on a linear model are exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import expm

from toolkit.core.claims import Exact
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, lowest
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.hamiltonian.problems import MinibatchRegression

BATCHING = {"full": 99, "i.i.d.": 1, "random order": 2, "fixed order": 1}  # and the order of the bias it leaves
INTEGRATORS = {"exact": 99, "Euler": 1, "OBABO": 2}


def moment_map(matrix: np.ndarray, shift: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The map of (1, E z, vec E zzᵀ) under z ↦ A z + b + N(0, Q): linear, whatever the law of z."""
    n, eye = len(shift), np.eye(len(shift))
    found = np.zeros((1 + n + n * n, 1 + n + n * n))
    found[0, 0], found[1 : n + 1, 0], found[1 : n + 1, 1 : n + 1] = 1.0, shift, matrix
    found[n + 1 :, 0] = (np.outer(shift, shift) + noise).ravel()
    pushed, column = np.kron(matrix, eye), shift[:, None]
    found[n + 1 :, 1 : n + 1] = pushed @ np.kron(eye, column) + np.kron(column, matrix)
    found[n + 1 :, n + 1 :] = np.kron(matrix, matrix)
    return found


@dataclass(slots=True, kw_only=True)
class HamiltonianState(State):
    """Particles z = (θ, r), shape (n, 2d); the exact moments of their law at the last start of a round.

    `moment_error` is the distance of the exact moments after k steps from those at rest, `time` = k η.
    """

    z: np.ndarray
    moments: np.ndarray
    moment_error: float
    time: float = 0.0

    def solution(self) -> np.ndarray:
        return self.z


@dataclass(frozen=True)
class SGHMC(Method):
    """Hamiltonian sampling in which every mini-batch is an operator: a step is exp(η L_i) or a rule for it.

    A round takes each of K batches once ("random order", new in each round and for each particle), or K of them drawn
    "i.i.d.", or always in the "fixed order", or K steps of the "full" gradient. E over random orders of the products
    is exp(Kη L) + O(η³): bias of order 2, however exact the step; drawn with replacement it is of order 1. The law's
    first two moments are propagated exactly, so that bias is seen without Monte Carlo's noise; particles show it.
    "OBABO": half of friction and noise, half a kick, drift, half a kick, half of friction and noise; order 2.
    Reference: G. Franzese, D. Milios, M. Filippone, P. Michiardi (2021), arXiv:2106.16200, Sec. 3 and 4, Theorem 3.
    """

    title: ClassVar[str] = "SGHMC, batches as operators"
    sources: ClassVar[tuple[str, ...]] = ("franzese2021",)
    monitors: ClassVar[tuple[str, ...]] = ("moment_error", "time")
    linear: ClassVar[tuple[str, ...]] = ("time",)
    scales: ClassVar[tuple[str, ...]] = ("time",)
    problems: ClassVar[tuple[type, ...]] = (MinibatchRegression,)
    batching: str = knob("random order", choices=tuple(BATCHING), doc="which batch a step uses")
    integrator: str = knob("exact", choices=tuple(INTEGRATORS), doc="how a step follows its batch's equation")
    step_size: float = knob(0.1, 1e-4, 1.0, log=True, symbol="η", doc="time step")
    rounds: int = knob(100, 1, 10_000, log=True, doc="rounds of K steps")
    particles: int = knob(500, 1, 20_000, log=True, symbol="n", doc="particles")
    seed: int = seed_knob("batches and noise")

    @property
    def order(self) -> int:
        """Order of the bias at rest; 99: there is none."""
        return min(BATCHING[self.batching], INTEGRATORS[self.integrator])

    def substep(self, problem, curvature: np.ndarray, pull: np.ndarray) -> tuple:
        """(A, b, Q): a step under −∇U = g − Hθ takes z to A z + b + N(0, Q)."""
        d, mass, friction, h = problem.features, float(problem.rows), problem.friction, self.step_size
        eye, none = np.eye(d), np.zeros((d, d))
        drift = np.block([[none, eye / mass], [-curvature, -friction * eye]])
        force, heat = np.concatenate([np.zeros(d), pull]), np.zeros((2 * d, 2 * d))
        heat[d:, d:] = 2 * friction * mass * eye
        if self.integrator == "exact":
            return exact_step(drift, force, heat, h)
        if self.integrator == "Euler":
            return np.eye(2 * d) + h * drift, h * force, h * heat
        fade = np.exp(-0.5 * friction * h)
        rub = np.block([[eye, none], [none, fade * eye]])
        added = heat * (1 - fade**2) / (2 * friction)
        kick = np.block([[eye, none], [-0.5 * h * curvature, eye]])
        inner = kick @ np.block([[eye, h / mass * eye], [none, eye]])
        shift = rub @ (inner @ (0.5 * h * force) + 0.5 * h * force)
        whole = rub @ inner @ kick
        return whole @ rub, shift, whole @ added @ whole.T + added

    def substeps(self, problem) -> list[tuple]:
        """The steps a round chooses from: one a batch, or the full one."""
        chosen = problem.forces[-1:] if self.batching == "full" else problem.forces[:-1]
        return [self.substep(problem, *one) for one in chosen]

    def averaged(self, problem) -> list[np.ndarray]:
        """Maps of the moments from the start of a round to after 0, 1, …, K steps, averaged over the batches chosen.

        Over random orders by dynamic programming: that of a set is the mean over its last batch; 2^K K products.
        """
        maps, count = [moment_map(*one) for one in self.substeps(problem)], problem.batches
        found = [np.eye(len(maps[0]))]
        if self.batching == "random order":
            level, share = {0: found[0]}, 1.0
            for size in range(1, count + 1):
                above: dict[int, np.ndarray] = {}
                for chosen, one in level.items():
                    for i in (i for i in range(count) if not chosen >> i & 1):
                        above[chosen | 1 << i] = above.get(chosen | 1 << i, 0.0) + maps[i] @ one
                level, share = above, share / (count - size + 1)
                found.append(share * sum(level.values()))
            return found
        mean = sum(maps) / len(maps)
        for j in range(count):
            found.append((maps[j] if self.batching == "fixed order" else mean) @ found[-1])
        return found

    def resting(self, problem) -> np.ndarray:
        """The moments (1, m, vec E zzᵀ) that a round leaves as they are."""
        whole = self.averaged(problem)[-1]
        rest = np.linalg.solve(np.eye(len(whole) - 1) - whole[1:, 1:], whole[1:, 0])
        return np.concatenate([[1.0], rest])

    def bias(self, problem) -> float:
        """Distance of the moments at rest under this method from the exact ones."""
        return problem.distance(self.resting(problem))

    def init(self, problem) -> HamiltonianState:
        z = np.zeros((self.particles, 2 * problem.features))
        moments = np.eye(1 + z.shape[1] + z.shape[1] ** 2)[0]
        return HamiltonianState(z=z, moments=moments, moment_error=problem.distance(moments))

    def step(self, problem, state: HamiltonianState) -> HamiltonianState:
        (maps, pieces), j = self._kept(problem), state.k % problem.batches
        normals = np.random.default_rng((self.seed, 1, state.k)).standard_normal(state.z.shape)
        chosen, moved = self.chosen(problem, state.k), np.empty_like(state.z)
        for i, (matrix, shift, root) in enumerate(pieces):
            own = chosen == i
            moved[own] = state.z[own] @ matrix.T + shift + normals[own] @ root.T
        state.z, state.k = moved, state.k + 1
        state.work.nfe += 1
        moments = maps[j + 1] @ state.moments
        state.moment_error, state.time = problem.distance(moments), state.k * self.step_size
        if j + 1 == problem.batches:
            state.moments = moments
            if state.k == self.rounds * problem.batches:
                state.status = Status("converged", f"{self.rounds} rounds of all batches are done")
        return state

    def chosen(self, problem, k: int) -> np.ndarray:
        """The batch of each particle at step k, shape (n,); 0 for the full gradient."""
        count, (turn, j) = problem.batches, divmod(k, problem.batches)
        if self.batching == "full":
            return np.zeros(self.particles, int)
        if self.batching == "fixed order":
            return np.full(self.particles, j)
        if self.batching == "i.i.d.":
            return np.random.default_rng((self.seed, 2, k)).integers(count, size=self.particles)
        return np.random.default_rng((self.seed, 2, turn)).random((self.particles, count)).argsort(axis=1)[:, j]

    def _kept(self, problem) -> tuple:
        def make():
            pieces = [(matrix, shift, factor(noise)) for matrix, shift, noise in self.substeps(problem)]
            return self.averaged(problem), pieces

        return remembered(problem, self, make)

    def label(self) -> str:
        return f"{self.batching}, {self.integrator}"

    def claims(self, problem):
        if self.order < 99 or problem.friction < 0.5 or self.step_size * self.rounds < 20:
            return ()
        about = dict(source="franzese2021", assumes="exact steps of the full gradient", stop=THROUGH_GROWTH)
        return (Exact(measure="moment_error", tol=1e-6, title="no bias at rest", **about),)

    no_claim: ClassVar[str] = "how fast a law comes to rest: what is proven is the bias there, see the step halved"


def exact_step(drift, force, heat, h: float) -> tuple:
    """(e^{hB}, ∫e^{sB}c, ∫e^{sB}Σe^{sBᵀ}) over a step h of dz = (Bz + c)dt + Σ^{1/2}dW.

    Two matrix exponentials. Reference: C. F. Van Loan (1978), doi:10.1109/TAC.1978.1101743, Theorem 1.
    """
    n = len(force)
    whole = expm(h * np.block([[drift, force[:, None]], [np.zeros((1, n + 1))]]))
    both = expm(h * np.block([[-drift, heat], [np.zeros((n, n)), drift.T]]))
    noise = both[n:, n:].T @ both[:n, n:]
    return whole[:n, :n], whole[:n, n], 0.5 * (noise + noise.T)


def factor(matrix: np.ndarray) -> np.ndarray:
    """R with R Rᵀ = a positive semidefinite matrix."""
    values, frame = np.linalg.eigh(matrix)
    return frame * np.sqrt(np.maximum(values, 0))


def phase_plane(problem, state):
    """Particles in (θ₁, r₁) and where the exact law has two standard deviations."""
    d, z = problem.features, state.z[:2000]
    mean, covariance = problem.posterior
    angle = np.linspace(0, 2 * np.pi, 200)
    ring = [mean[i] + 2 * np.sqrt(covariance[i, i]) * f(angle) for i, f in ((0, np.cos), (d, np.sin))]
    return {"particles": (z[:, 0], z[:, d]), "two deviations of the exact law": tuple(ring)}


PICTURES = (
    Picture("phase_plane", "position and momentum", "points", phase_plane, x="θ₁", y="r₁", of=HamiltonianState),
)
EXPERIMENTS = (
    Experiment(
        "batches-at-rest",
        "Particles that never see all data at once",
        "How far from the posterior do they come to rest, and how long does it take?",
        MinibatchRegression(),
        tuple(SGHMC(batching=one) for one in ("i.i.d.", "random order", "full")),
        THROUGH_GROWTH,
        measure="moment_error",
        against="time",
        picture="phase_plane",
        predict=Pick(
            "Which way of choosing batches comes to rest nearest to the posterior?",
            lowest("moment_error"),
            theory=2,  # exact steps of the full gradient leave no bias
        ),
        why=(
            "Each batch pulls to a posterior of its own, and the particles feel that as noise which nobody meant. "
            "Drawn anew each time, the pulls do not cancel, and the law at rest is off by a share of the time step. In "
            "random order every batch comes once a round, so that they nearly do. With exact steps of the full "
            "gradient there is nothing to cancel: the error falls until rounding, or until one stops."
        ),
        formula=r"\theta\sim\mathcal N\bigl(H^{-1}X^\top y,\ H^{-1}\bigr),\qquad H=X^\top X+I",
        level=2,
        then="batches-in-random-order",
    ),
)
