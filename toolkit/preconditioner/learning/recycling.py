"""Krylov subspace recycling over a sequence of systems: GCRO-DR, and the sorting that brings like systems together.

Notation: right-preconditioned operator B = A M⁻¹; U (n, k) spans the recycle space, C = B U has orthonormal columns;
V holds the Arnoldi basis of (I − C Cᵀ) B from the residual, H̄ its Hessenberg matrix, E = Cᵀ B V.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.linalg

from toolkit.core.arrays import norm
from toolkit.core.claims import Beats, Crowd
from toolkit.core.errors import Breakdown, KnobError
from toolkit.core.knob import knob, part
from toolkit.core.method import Method
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.preconditioner.learning.problems import DarcySequence, SystemSequence
from toolkit.preconditioner.stationary.preconditioning import Built, Identity, PreconditionedState, Preconditioner
from toolkit.preconditioner.stationary.relaxation import Jacobi
from toolkit.preconditioner.systems.problems import LinearSystem

LEAST = 8  # recycled directions that deflate what slows GMRES down
FEWER = 1 - 1e-9  # of whole numbers: a tie is not fewer
SIMPLE = (Identity, Jacobi)  # with them GMRES needs many steps


@dataclass(slots=True, kw_only=True)
class RecyclingState(PreconditionedState):
    """The system at work (`system`, `built`), y with x = M⁻¹ y, its residual r, the recycle space U, C.

    `order` is the order of solving, `done` the systems solved, `spent` the products each of them took, `solved` the
    solution of the last one; between two systems `system` is None. `true` is ‖b − A x‖/‖b‖ where it was found to be
    more than the recurrences had it.
    """

    order: np.ndarray
    spent: np.ndarray
    done: int = 0
    system: LinearSystem | None = None
    built: Built | None = None
    y: np.ndarray
    r: np.ndarray
    solved: np.ndarray | None = None
    U: np.ndarray | None = None
    C: np.ndarray | None = None
    remaining: float
    residual: float = 1.0
    system_matvecs: float = 0.0
    true: float = np.inf

    def at_work(self, problem) -> LinearSystem:
        return problem.system(int(self.order[self.done - 1])) if self.system is None else self.system

    def solution(self) -> np.ndarray:
        if self.system is None:
            return self.y if self.solved is None else self.solved
        x = np.empty_like(self.y)
        self.built.apply(self.y, x)
        return x


@dataclass(frozen=True)
class GCRODR(Method):
    """GCRO-DR with sorting (SKR). A step is one cycle: m products, the residual and the recycle space renewed.

    Each cycle minimises ‖r‖ over span[U, V] and keeps as U the k harmonic Ritz vectors of smallest magnitude; a new
    system starts from x = 0 with B U made orthonormal and r ← (I − C Cᵀ) b, at k products. With k = 0 it is GMRES(m);
    with `keep` off every system starts afresh. `sort` takes the systems along a chain of nearest neighbours in their
    parameters. Costs m products, 2 m² n flops a cycle, m + k vectors. Stagnates where GMRES(m) with k deflated
    directions does.
    Reference: M. Parks et al., SIAM J. Sci. Comput. 28 (2006) 1651–1674, doi:10.1137/040607277, Appendix (GCRO-DR);
    H. Wang et al., ICLR 2024, arXiv:2401.09516, Algorithm 1 (sorting).
    """

    title: ClassVar[str] = "GCRO-DR (recycling)"
    name: ClassVar[str] = "gcrodr"
    sources: ClassVar[tuple[str, ...]] = ("parks2006", "wang2024skr")
    no_claim: ClassVar[str] = "Recycling pays where GMRES(m) restarts; here it may not, and nothing is promised."
    monitors: ClassVar[tuple[str, ...]] = ("remaining", "residual", "system_matvecs")
    linear: ClassVar[tuple[str, ...]] = ("remaining", "system_matvecs")
    problems: ClassVar[tuple[type, ...]] = (SystemSequence,)
    m: int = knob(30, 2, 100, doc="largest dimension of the space a cycle minimises over")
    k: int = knob(10, 0, 50, doc="dimension of the recycle space; 0 is restarted GMRES")
    keep: bool = knob(True, doc="carry the recycle space from one system to the next")
    sort: bool = knob(True, doc="solve along a chain of nearest neighbours")
    tol: float = knob(1e-8, 1e-14, 1e-1, log=True, doc="relative residual at which a system counts as solved")
    preconditioner: Preconditioner = part(Preconditioner, Jacobi(), doc="M, applied from the right")

    def __post_init__(self):
        Method.__post_init__(self)
        if self.k >= self.m:
            raise KnobError(f"GCRODR.k = {self.k}: expected less than m = {self.m}.")

    def suits(self, problem) -> str:
        if Method.suits(self, problem):
            return "Recycling needs a sequence of systems."
        if not self.preconditioner.fixed:
            return "Recycling needs a preconditioner that is the same linear map in every step."
        return self.preconditioner.suits(problem)

    def label(self) -> str:
        if self.k == 0:
            return f"GMRES({self.m})"
        return f"GCRO-DR({self.m}, {self.k})" + ("" if self.keep else " afresh") + (", sorted" if self.sort else "")

    def init(self, problem: SystemSequence) -> RecyclingState:
        order = nearest_neighbours(problem.parameters) if self.sort else np.arange(problem.count)
        zero, spent = np.zeros(problem.size), np.zeros(problem.count)
        return RecyclingState(order=order, spent=spent, y=zero, r=zero, remaining=float(problem.count))

    def step(self, problem: SystemSequence, state: RecyclingState) -> RecyclingState:
        if state.system is None:
            try:
                self._open(problem, state)
            except Breakdown as trouble:
                state.system, state.k = None, state.k + 1
                state.status = Status("breakdown", f"system {state.done + 1}: {trouble.cause}", trouble.advice)
                return state
        goal = self.tol * state.system.norm
        if np.linalg.norm(state.r) > goal:
            self._cycle(state, goal)
        state.k += 1
        state.residual = float(np.linalg.norm(state.r)) / state.system.norm
        if state.residual <= self.tol and self._believed(state):
            self._close(problem, state)
        return state

    def _believed(self, state: RecyclingState) -> bool:
        """Whether ‖b − A x‖ is as small as the recurrences have it; else they go on from it, as long as that helps."""
        true = state.system.residual(state.solution())
        size = norm(true) / state.system.norm
        if size <= 1.1 * self.tol:
            return True
        if not size < 0.5 * state.true:
            cause = f"‖b − A x‖ = {size:.3g} ‖b‖ of system {state.done + 1} is all that rounding allows"
            state.status = Status("stagnated", cause, "Ask for less, or take another preconditioner")
        state.r, state.residual, state.true = true, size, size
        return False

    def _open(self, problem, state: RecyclingState) -> None:
        """Take up the next system: y = 0, r = b, and what the recycle space can do for it at once (lines 2–7)."""
        state.system = problem.system(int(state.order[state.done]))
        state.built = self.preconditioner.build(state.system)
        state.y, state.r, state.system_matvecs = np.zeros(problem.size), state.system.rhs.copy(), 0.0
        state.true = np.inf
        if not self.keep:
            state.U = state.C = None
        if state.U is not None:
            image = np.column_stack([self._product(state, u) for u in state.U.T])
            state.C, triangle = np.linalg.qr(image)
            state.U = scipy.linalg.solve_triangular(triangle, state.U.T, trans="T").T
            part = state.C.T @ state.r
            state.y += state.U @ part
            state.r -= state.C @ part

    def _close(self, problem, state: RecyclingState) -> None:
        x = state.solution()
        state.solved = x
        state.spent[state.order[state.done]] = state.system_matvecs
        state.system = None
        state.done += 1
        state.remaining = float(problem.count - state.done)
        if not state.remaining:
            state.status = Status("converged", f"all {problem.count} systems are solved")

    def _product(self, state: RecyclingState, v: np.ndarray) -> np.ndarray:
        """A M⁻¹ v, counted."""
        z = np.empty_like(v)
        state.built.apply(v, z)
        state.system_matvecs += 1
        state.work.matvecs += 1 + state.built.matvecs
        state.work.solves += 1
        state.work.flops += state.system.matvec_flops + state.built.flops
        return state.system.matvec(z)

    def _cycle(self, state: RecyclingState, goal: float) -> None:
        """One pass of lines 10–27: Arnoldi, the minimal residual over [U, V], the new recycle space."""
        kept = 0 if state.U is None else state.U.shape[1]
        V, H, E = self._arnoldi(state, self.m - kept, goal)
        j = H.shape[1]
        if kept:
            length = np.linalg.norm(state.U, axis=0)
            basis = np.hstack((state.U / length, V[:, :j]))
            images = np.hstack((state.C, V))
            G = np.block([[np.diag(1 / length), E], [np.zeros((j + 1, kept)), H]])
        else:
            basis, images, G = V[:, :j], V, H
        weights = np.linalg.lstsq(G, images.T @ state.r, rcond=None)[0]
        state.y += basis @ weights
        state.r -= images @ (G @ weights)
        state.work.flops += 4.0 * len(state.r) * G.size / max(1, G.shape[1]) + 4.0 * len(state.r) * j * G.shape[0]
        if self.k:
            vectors = harmonic_ritz(G, images.T @ basis, min(self.k, G.shape[1]))
            if not vectors.shape[1]:  # pairs only, and no room for one: what is recycled stays
                return
            orthonormal, triangle = np.linalg.qr(G @ vectors)
            state.C = images @ orthonormal
            state.U = scipy.linalg.solve_triangular(triangle, (basis @ vectors).T, trans="T").T

    def _arnoldi(self, state: RecyclingState, m: int, goal: float):
        """(V, H̄, E) of (I − C Cᵀ) B from r by modified Gram–Schmidt, cut short once min ‖βe₁ − H̄ y‖ ≤ goal."""
        n, C = len(state.r), state.C
        V, H = np.zeros((n, m + 1), order="F"), np.zeros((m + 1, m))
        E = np.zeros((0 if C is None else C.shape[1], m))
        beta = np.linalg.norm(state.r)
        V[:, 0] = state.r / beta
        left = beta
        null = np.zeros(m + 1)
        null[0] = 1.0
        for j in range(m):
            w = self._product(state, V[:, j])
            if C is not None:
                E[:, j] = C.T @ w
                w -= C @ E[:, j]
            for _ in range(2):  # twice is enough
                part = V[:, : j + 1].T @ w
                w -= V[:, : j + 1] @ part
                H[: j + 1, j] += part
            H[j + 1, j] = np.linalg.norm(w)
            state.work.flops += 8.0 * n * (j + 1) + 4.0 * n * len(E)
            if H[j + 1, j] <= 1e-14 * np.linalg.norm(H[: j + 1, j]):
                return V[:, : j + 2], H[: j + 2, : j + 1], E[:, : j + 1]
            V[:, j + 1] = w / H[j + 1, j]
            # The vector orthogonal to the columns of H̄ so far, grown by one entry: βe₁'s distance is β/‖it‖.
            null[j + 1] = -(null[: j + 1] @ H[: j + 1, j]) / H[j + 1, j]
            left = beta / np.linalg.norm(null[: j + 2])
            if left <= goal:
                break
        return V[:, : j + 2], H[: j + 2, : j + 1], E[:, : j + 1]

    def claims(self, problem) -> tuple:
        """Fewer products than GMRES(m), than GCRO-DR without memory on like systems; sorting pays where they spread."""
        if self.suits(problem) or not self._restarts(problem):
            return ()
        fresh = self.turned(keep=False, sort=False)
        about = f"GMRES(m) restarts: n ≥ 24, m ≤ 5n/4, tol ≤ 1e-5, Jacobi at most; k ≥ {LEAST}, spread ≤ 2"
        found = [_beats(fresh.turned(k=0), "fewer products than GMRES(m)", about)]
        if problem.modes > 4 or problem.count < 10:
            return tuple(found)
        if problem.spread <= 1:
            about = "ten systems or more that differ in at most 4 × 4 smooth modes, spread ≤ 1"
            found.append(_beats(fresh, "fewer products than GCRO-DR afresh", about))
        if self.sort and problem.spread >= 1:
            about = "ten systems or more in at most 4 × 4 smooth modes, spread 1 to 2"
            sorting = _beats(self.turned(sort=False), "sorted takes fewer products than unsorted", about)
            found.append(Crowd(claim=sorting, seeds=10))
        return tuple(found)

    def _restarts(self, problem) -> bool:
        """Whether GMRES(m) restarts so often that directions kept are worth their k products a system."""
        if not isinstance(problem, DarcySequence) or not self.keep:
            return False
        large = problem.n >= 24 and self.m <= 1.25 * problem.n and self.tol <= 1e-5 and problem.spread <= 2
        return large and 2 * self.k <= self.m and self.k >= LEAST and isinstance(self.preconditioner, SIMPLE)


def _beats(other: GCRODR, title: str, assumes: str) -> Beats:
    about = dict(title=title, assumes=assumes, source="wang2024skr", stop=THROUGH)
    return Beats(other=other, factor=FEWER, **about)


def harmonic_ritz(G: np.ndarray, overlap: np.ndarray, k: int) -> np.ndarray:
    """Orthonormal real basis (columns) of the k harmonic Ritz vectors of smallest magnitude.

    GᵀG z = θ Gᵀ (Ŵᵀ V̂) z with `overlap` = Ŵᵀ V̂ (Parks et al., line 20; for the first cycle Ŵ = V_{m+1}, V̂ = V_m, which
    is H + h² H⁻ᵀ e_m e_mᵀ). A complex pair is kept whole; one that does not fit is left out.
    """
    values, vectors = scipy.linalg.eig(G.T @ G, G.T @ overlap)
    chosen = []
    for i in np.argsort(np.where(np.isfinite(values), abs(values), np.inf), kind="stable"):
        z = vectors[:, i]
        if values[i].imag < 0 or not np.isfinite(values[i]):
            continue
        pair = [z.real, z.imag] if values[i].imag > 0 else [z.real]
        if len(chosen) + len(pair) <= k:
            chosen += pair
    return np.linalg.qr(np.array(chosen).reshape(-1, len(G.T)).T)[0]  # none, where k = 1 and all come in pairs


def nearest_neighbours(parameters: np.ndarray) -> np.ndarray:
    """The order of a greedy chain: start at row 0, go on to the nearest row not yet taken (Wang et al., Algorithm 1).

    Costs count² p. Distance is the Frobenius norm.
    """
    left, order = list(range(1, len(parameters))), [0]
    while left:
        distance = ((parameters[left] - parameters[order[-1]]) ** 2).sum(axis=1)
        order.append(left.pop(int(np.argmin(distance))))
    return np.array(order)
