"""Symmetric tensors: their components one by one, by the power method of a subspace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.claims import Exact, Order
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Pick
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.dense.tensor import subspace_power
from toolkit.rank.tensors.cp import COMPONENTS, CpAls
from toolkit.rank.tensors.multilinear import cp_full
from toolkit.rank.tensors.problems import SymmetricTensor

HALF = 2  # tensors of order 4
SHIFT = math.sqrt(2 * (HALF - 1) / HALF)
FOUND_ALL = Status("converged", "every component is found", "")
ALL = Stop(rtol=0.0, steps=200)
ENOUGH = 1000  # power iterations that come to a maximum


@dataclass(slots=True, kw_only=True)
class SubspaceState(State):
    """Components (d, k) with weights (k,); what is left of the flattening, V C Vᵀ; objectives of the last power run."""

    basis: np.ndarray
    small: np.ndarray
    directions: np.ndarray
    weights: np.ndarray
    trace: np.ndarray
    rank_read: int
    error: float
    drop: float = 0.0
    iterations: float = 0.0

    @property
    def factors(self) -> list[np.ndarray]:
        """The components as those of a CP decomposition."""
        return [self.directions] * (2 * HALF)

    def solution(self) -> np.ndarray:
        """Components times the fourth root of |weight|, (d, k)."""
        return self.directions * np.abs(self.weights) ** 0.25 * np.sign(self.weights)


@dataclass(frozen=True)
class SubspacePower(Method):
    """The subspace power method for T = Σ λ_i a_i^{⊗4}; a step finds one component and takes it away.

    The flattening M (d² × d²) has rank R, read from its eigenvalues, and range A = span(a_i ⊗ a_i). The power iteration
    x ← P_A(x ⊗ x) · x + γ x, normalised, with γ = C √(f (1 − f)), f = max(F(x), ½), C = √(2(n−1)/n) for order 2n, never
    lowers F(x) = ‖P_A(x ⊗ x)‖²; F = 1 just at ±a_i. Then λ = 1/(αᵀ C⁻¹ α), α = Vᵀ(a ⊗ a), and M − λ α αᵀ has lost
    one rank. A run that ends below `floor` starts anew. An iteration costs O(d² R).
    Fails, with its cause, where the start was repeated `tries` times: too much noise or too many components.
    Reference: J. Kileel, J. M. Pereira, Numer. Algorithms (2025), arXiv:1912.04007, Algorithm 1, Lemma 4.7.
    """

    title: ClassVar[str] = "subspace power method"
    chaotic: ClassVar[str] = "how often it iterates, and what is left of a direction, rounding decides"
    sources: ClassVar[tuple[str, ...]] = ("kileel2025",)
    monitors: ClassVar[tuple[str, ...]] = ("error", "iterations", "drop")
    problems: ClassVar[tuple[type, ...]] = (SymmetricTensor,)
    rank: int = knob(None, 1, 190, kind=int, symbol="R", doc="components to find; None: read from the eigenvalues")
    threshold: float = knob(1e-8, 1e-14, 0.5, log=True, doc="eigenvalues count above this share of the largest")
    floor: float = knob(0.9, 0.0, 1.0, symbol="F₀", doc="an objective below which a run is not trusted")
    iterations: int = knob(5000, 10, 100_000, log=True, doc="most power iterations from one start")
    tries: int = knob(20, 1, 200, doc="most starts for one component")
    seed: int = seed_knob("the starts")

    def suits(self, problem) -> str:
        refused = super().suits(problem)
        most = refused or problem.d * (problem.d + 1) // 2 - problem.d
        if not refused and self.rank and self.rank > max(1, most):
            return f"{self.rank} components are more than are unique to the subspace, {most}"
        return refused

    def init(self, problem: SymmetricTensor) -> SubspaceState:
        d = problem.d
        values, vectors = np.linalg.eigh(problem.data.reshape(d * d, d * d))
        order = np.argsort(-np.abs(values))
        values, vectors = values[order], vectors[:, order]
        read = int(np.sum(np.abs(values) > self.threshold * max(abs(values[0]), 1e-300)))
        if problem.noise and not self.rank:
            read = by_gap(values, problem.d)
        count = self.rank or read
        if not count:
            raise Breakdown("the tensor is zero", "Give it a component")
        return SubspaceState(
            basis=np.ascontiguousarray(vectors[:, :count]),
            small=np.diag(values[:count]),
            directions=np.empty((d, 0)),
            weights=np.empty(0),
            trace=np.empty(0),
            rank_read=read,
            error=1.0,
        )

    def step(self, problem: SymmetricTensor, state: SubspaceState) -> SubspaceState:
        state.k += 1
        found = self._power(problem, state)
        if found is None:
            cause = f"no start of {self.tries} reached an objective of {self.floor:g}"
            state.status = Status("failed", cause, "Lower `floor`, or set `rank`: noise has hidden the range")
            return state
        weight = deflated(state, np.kron(found, found))
        state.directions = np.column_stack((state.directions, found))
        state.weights = np.append(state.weights, weight)
        state.error = problem.distance(cp_full(state.weights, state.factors))
        if not state.basis.shape[1]:
            state.status = FOUND_ALL
        return state

    def _power(self, problem, state) -> np.ndarray | None:
        """A maximiser of F on the sphere, or None."""
        d, rank = problem.d, state.basis.shape[1]
        basis = state.basis.reshape(d, d, rank)
        for attempt in range(self.tries):
            x = np.random.default_rng([self.seed, state.k, attempt]).standard_normal(d)
            x /= np.linalg.norm(x)
            trace = np.empty(self.iterations)
            spent = subspace_power(basis, x, HALF, SHIFT, 0.5, 1e-14, trace)
            trace = trace[:spent]
            state.iterations += spent
            state.work.matvecs += 2 * spent
            state.work.flops += 2.0 * spent * d * d * rank
            state.drop = max(state.drop, float(np.max(-np.diff(trace), initial=0.0)))
            if trace[-1] >= self.floor:
                state.trace = trace
                return x
        return None

    def claims(self, problem: SymmetricTensor) -> tuple:
        about = dict(source="kileel2025", stop=ALL)
        found, least = [], spectrum(problem)[problem.components - 1]
        if problem.noise or not self.rank or self.rank <= problem.components:  # else the basis is not one of symmetric
            found.append(
                Exact(
                    measure="drop",
                    tol=1e-12,
                    always=True,
                    title="no power iteration lowers the objective",
                    assumes="a subspace of symmetric matrices: the shift is large enough",
                    **about,
                )
            )
        if self.iterations < ENOUGH or not 0.5 <= self.floor <= 0.999:  # not run to a maximum, or any is taken for one
            return tuple(found)
        if not problem.noise and self.rank is None and 1e-12 <= self.threshold <= 0.1 * least:
            generic = "components in general position, R ≤ d(d+1)/2 − d, no noise, a threshold below all eigenvalues"
            tell = {"component_error": "every component, up to sign, to 1e-6", "rank_gap": "R is read from eigenvalues"}
            tols = {"component_error": 1e-6, "rank_gap": 0.0}
            found += [
                Exact(measure=name, tol=tols[name], title=title, assumes=generic, **about)
                for name, title in tell.items()
            ]
        if problem.components <= 1.5 * problem.d and self.rank in (None, problem.components) and least >= 0.02:
            found.append(
                Order(
                    measure="component_error",
                    p=1,
                    over="noise",
                    values=(1e-6, 1e-5, 1e-4, 1e-3),
                    growing=True,
                    tol=0.1,
                    title="the error of the components is proportional to the noise",
                    assumes="noise well below the smallest eigenvalue of the flattening",
                    **about,
                )
            )
        return tuple(found)

    def measures(self, problem) -> tuple[Measure, ...]:
        return COMPONENTS, RANK_GAP


def spectrum(problem: SymmetricTensor) -> np.ndarray:
    """|Eigenvalues| of the flattening of what was planted, over the largest, falling, (d²,); kept."""

    def made() -> np.ndarray:
        clean = cp_full(problem.weights, problem.factors).reshape(problem.d**2, -1)
        values = np.sort(np.abs(np.linalg.eigvalsh(clean)))[::-1]
        return frozen(values / values[0])

    return remembered(problem, "eigenvalues of the flattening", made)


def by_gap(values: np.ndarray, d: int) -> int:
    """The rank of a noisy flattening: where |eigenvalues|, sorted, fall by the largest factor."""
    sizes = np.abs(values[: max(2, d * (d + 1) // 2 - d + 1)])
    return int(np.argmax(sizes[:-1] / np.maximum(sizes[1:], 1e-300))) + 1


def deflated(state: SubspaceState, square: np.ndarray) -> float:
    """Take λ a^{⊗4} from V C Vᵀ, in place, and return λ: the weight at which the rank falls by one (Wedderburn).

    C ← Oᵀ(C − λ α αᵀ)O with O an orthonormal basis of the complement of the null vector C⁻¹ α.
    """
    alpha = state.basis.T @ square
    null = np.linalg.solve(state.small, alpha)
    weight = 1.0 / float(alpha @ null)
    rest = state.small - weight * np.outer(alpha, alpha)
    keep = np.linalg.qr(np.column_stack((null, np.eye(len(null)))))[0][:, 1:]
    small = keep.T @ rest @ keep
    state.small, state.basis = (small + small.T) / 2, np.ascontiguousarray(state.basis @ keep)
    return weight


RANK_GAP = Measure(
    "rank_gap",
    "rank read against components",
    lambda problem, state: float(abs(state.rank_read - problem.components)),
    "|R_read − R|",
    log=False,
    doc="the number of eigenvalues of the flattening that count, against the number planted",
)


def objective(problem, state):
    """1 − F(x) along the power iterations of the component found last; None before the first."""
    if len(state.trace) < 2:
        return None
    return {"x": np.arange(len(state.trace)), "1 − F(x)": np.maximum(1 - state.trace, 1e-16)}


def finders(runs) -> int:
    """Who came to the tensor: the first only, the second only, both, neither."""
    first, second = (run.status.kind == "converged" for run in runs[:2])
    return (2 if second else 0) if first else 1 if second else 3


EXPERIMENTS = (
    Experiment(
        "thirty-directions",
        "Thirty directions in ten dimensions",
        "One by one from a subspace, or all at once by least squares: who finds the thirty directions?",
        SymmetricTensor(),
        (SubspacePower(), CpAls(rank=30)),
        Stop(rtol=1e-12, steps=120),
        measure="error",
        picture="component-match",
        predict=Pick(
            "Who has found the thirty directions when 120 steps are spent?",
            truth=finders,
            options=("one by one from the subspace", "all at once by least squares", "both", "neither"),
        ),
        why=r"Written as a matrix of size $d^2 \times d^2$ the tensor has rank $R$, so its eigenvectors span the same"
        r" space as the matrices $a_i a_i^T$, and the rank is read from the eigenvalues. A power iteration in that"
        r" space climbs $F$, which never falls and is one at the directions $\pm a_i$ only; what it finds is taken"
        r" away, and the space has lost one dimension. So $R$ steps do, as long as $R \le d(d+1)/2 - d$. Least squares"
        r" for all thirty at once never lets the error grow, but crawls while components that are more than the"
        r" dimension compete.",
        formula=r"F(x) = \big\|P_A (x \otimes x)\big\|^2, \qquad A = \operatorname{span}(a_i \otimes a_i)",
        level=3,
        minutes=8,
        then="continuous-indices",
    ),
)

PICTURES = (
    Picture(
        "power-objective",
        "power iterations of the last component",
        "lines",
        objective,
        x="iteration",
        log=True,
        of=SubspaceState,
    ),
)
