"""What the methods of topology optimisation share: a design and its evaluation, step lengths, what is watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.mesh.design.elasticity import Elasticity
from toolkit.mesh.design.structure import Structure, frank_wolfe_gap

HALVINGS = 20


@dataclass(slots=True, kw_only=True)
class DesignState(State):
    """A design and what is known of it.

    `point` is what the method moves (the latent ψ of SiMPL, else ρ itself), `density` ρ, `filtered` ρ̃, `displacement`
    u with its ring, `gradient` dF/dρ; `old_*` are those of the step before, `alpha` the last step length.
    """

    point: np.ndarray
    density: np.ndarray
    filtered: np.ndarray
    displacement: np.ndarray
    gradient: np.ndarray
    old_point: np.ndarray
    old_density: np.ndarray
    old_gradient: np.ndarray
    solver: Elasticity
    alpha: float = 0.0
    compliance: float = 0.0
    stationarity: float = 0.0
    volume_error: float = 0.0

    def solution(self) -> np.ndarray:
        return self.density


class TopologyMethod(Method):
    """What the methods share: evaluation of a design, monitors, and the rules for step lengths.

    A subclass says how a density follows from its variable (`density_of`) and how one moves (`moved`).
    """

    problems: ClassVar[tuple[type, ...]] = (Structure,)
    monitors: ClassVar[tuple[str, ...]] = ("stationarity", "compliance", "volume_error")

    def measures(self, problem):
        return (TOUCHING,)

    def start(self, problem: Structure) -> np.ndarray:
        """The variable of the uniform grey design."""
        return np.full(problem.shape, problem.volume)

    def density_of(self, point: np.ndarray) -> np.ndarray:
        """ρ of the variable that is moved, (rows, columns): the variable itself, unless a method says otherwise."""
        return point

    def moved(self, problem: Structure, state: DesignState, alpha: float) -> np.ndarray:
        """The variable after a step of length `alpha`, of mean density `volume`, (rows, columns)."""
        raise NotImplementedError

    def init(self, problem: Structure) -> DesignState:
        point, solver = self.start(problem), problem.elasticity()
        zero = np.zeros(problem.shape)
        names = ("density", "filtered", "gradient", "old_point", "old_density", "old_gradient")
        state = DesignState(
            point=point, solver=solver, displacement=solver.rest(), **{name: zero.copy() for name in names}
        )
        self._accept(problem, state, point, *self._evaluate(problem, state, point, 0.0)[0])
        return state

    def _evaluate(self, problem, state, point, alpha):
        """((ρ, ρ̃, F, u) of a variable, whether F meets its target), from the last displacement on: one solve.

        The solve ends as soon as F is sure to miss the target.
        """
        density = self.density_of(point)
        filtered, u = problem.filtered(density), state.displacement.copy()
        target = self._target(state, point, density, alpha) if alpha else np.inf
        value, iterations, residual = state.solver.solve(problem.modulus(filtered), u, target)
        state.work.nfe += 1
        state.work.matvecs += iterations
        if value <= target and not residual <= problem.tol:
            cause = f"the equilibrium was solved to {residual:.1e} only"
            state.status = Status("breakdown", cause, "Raise ε (void) or the tolerance, or widen the filter")
        return (density, filtered, value, u), value <= target

    def _accept(self, problem, state, point, density, filtered, value, u) -> None:
        """Take a design over: gradient and monitors."""
        state.old_point, state.old_density, state.old_gradient = state.point, state.density, state.gradient
        state.point, state.density, state.filtered, state.displacement = point, density, filtered, u
        state.compliance = value
        state.gradient = problem.gradient(filtered, state.solver.energies(u))
        state.stationarity = frank_wolfe_gap(density, state.gradient) / value
        state.volume_error = abs(float(density.mean()) - problem.volume)

    def step(self, problem: Structure, state: DesignState) -> DesignState:
        state.alpha = self._first_length(state)
        for _ in range(HALVINGS):
            point = self.moved(problem, state, state.alpha)
            found, met = self._evaluate(problem, state, point, state.alpha)
            if state.status.done:
                break
            if met:
                self._accept(problem, state, point, *found)
                break
            state.alpha /= 2
        else:
            advice = "Lower the tolerance of the equilibrium to go further"
            state.status = Status("stagnated", f"no descent after {HALVINGS} halvings of the step", advice)
        state.k += 1
        return state

    def _first_length(self, state) -> float:
        """1/max|g| at first, then the geometric mean of the last length and |⟨δx, δρ⟩ / ⟨δg, δρ⟩|, x the variable.

        Kim et al. (2024), generalised Barzilai–Borwein step.
        """
        if state.k == 0:
            return 1.0 / float(np.abs(state.gradient).max())
        moved = state.density - state.old_density
        across = abs(float(np.vdot(state.gradient - state.old_gradient, moved)))
        along = abs(float(np.vdot(state.point - state.old_point, moved)))
        if not (across > 0 and along > 0):
            return state.alpha
        return float(np.sqrt(along / across * state.alpha))

    def _target(self, state, point, density, alpha) -> float:
        """What the new compliance must not exceed: Armijo's rule, F + c₁ ⟨g, δρ⟩."""
        return state.compliance + 1e-4 * float(np.vdot(state.gradient, density - state.density)) / density.size


def _touching(problem, state) -> float:
    return float(np.count_nonzero((state.density <= 0) | (state.density >= 1)))


TOUCHING = Measure("touching", "cells at a bound", _touching, "#{ρ ≤ 0 or ρ ≥ 1}", log=False)
