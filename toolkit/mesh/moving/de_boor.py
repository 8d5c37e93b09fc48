"""Moving meshes on a line: equidistribution by de Boor's algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import FEWER, Exact, Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, shrunk
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.kernels.grid import moving as kernels
from toolkit.mesh.moving.problems import SteepCurve

SETTLED = Stop(rtol=0.0, atol=1e-10, steps=300)
ENOUGH = {"layer": 0.4, "front": 0.8, "fronts": 1.2, "peak": 0.8, "wave": 0.0}


@dataclass(slots=True, kw_only=True)
class LineState(State):
    """The nodes x and the density of every cell (smoothed). `residual`: unevenness; `tangled`: cells not positive."""

    x: np.ndarray
    density: np.ndarray
    residual: float
    tangled: float = 0.0

    def solution(self) -> np.ndarray:
        return self.x


@dataclass(frozen=True)
class DeBoor(Method):
    """de Boor's algorithm: nodes where the integral of a piecewise constant density is j/N of the whole.

    ∫_{x_{j−1}}^{x_j} m dx = (1/N) ∫_0^1 m dx,  m = 1 − s + s·ρ/∫ρ. A step computes m on the cells of the mesh at hand
    (Simpson's rule), smooths it by the weights (γ/(1 + γ))^|i − j|, and places all nodes by inverting the integral.
    ρ = |u″|^½ is best for the largest error of linear interpolation, |u″|^(2/5) for the L2 error. 3 N values of u″ and
    about 10 N flops a step. With few cells and a narrow feature it may settle in a cycle.
    Reference: C. de Boor, Good approximation by splines with variable knots II, LNM 363 (1974) 12–20,
    doi:10.1007/BFb0069121; smoothing: E. A. Dorfi, L. O'C. Drury, J. Comput. Phys. 69 (1987) 175–195.
    """

    title: ClassVar[str] = "equidistribution (de Boor)"
    name: ClassVar[str] = "de_boor"
    sources: ClassVar[tuple[str, ...]] = ("deboor1974", "dorfi1987", "xu2011deboor")
    monitors: ClassVar[tuple[str, ...]] = ("residual", "tangled")
    linear: ClassVar[tuple[str, ...]] = ("tangled",)
    problems: ClassVar[tuple[type, ...]] = (SteepCurve,)
    monitor: str = knob("max norm", choices=("max norm", "L2 norm", "arc length"), doc="what the mesh is made good for")
    strength: float = knob(0.8, 0.0, 0.98, symbol="s", doc="share of the cells that goes to the features; 0: uniform")
    smoothing: float = knob(2.0, 0.0, 20.0, symbol="γ", doc="cells over which the density is smoothed; 0: none")

    def density(self, problem: SteepCurve, x: np.ndarray) -> np.ndarray:
        """m on the cells of the mesh x, before smoothing."""
        rho = self._rho(problem, problem.fine)
        mean = float(np.trapezoid(rho, problem.fine)) or 1.0
        ends, middle = self._rho(problem, x), self._rho(problem, (x[1:] + x[:-1]) / 2)
        return 1 - self.strength + self.strength / mean * (ends[1:] + ends[:-1] + 4 * middle) / 6

    def _rho(self, problem, x):
        if self.monitor == "arc length":
            return np.sqrt(1 + problem.slope(x) ** 2)
        return np.abs(problem.curvature(x)) ** (0.5 if self.monitor == "max norm" else 0.4)

    def init(self, problem: SteepCurve) -> LineState:
        state = LineState(x=problem.uniform.copy(), density=np.empty(problem.n), residual=0.0)
        return self._weigh(problem, state)

    def step(self, problem: SteepCurve, state: LineState) -> LineState:
        x = np.empty_like(state.x)
        kernels.deboor(state.x, state.density, x)
        state.x, state.k = x, state.k + 1
        state.work.nfe += 2 * problem.n + 1
        return self._weigh(problem, state)

    def _weigh(self, problem, state: LineState) -> LineState:
        """The density on the mesh as it now is, and how uneven that leaves it."""
        kernels.smoothed(self.density(problem, state.x), self.smoothing / (1 + self.smoothing), state.density)
        state.residual = kernels.unevenness(state.x, state.density)
        state.tangled = float(np.count_nonzero(~(np.diff(state.x) > 0)))
        return state

    def measures(self, problem) -> tuple[Measure, ...]:
        return (GRADING,)

    def claims(self, problem: SteepCurve) -> tuple:
        about = dict(title="nodes stay in order", source="deboor1974", assumes="the density is positive")
        found = [Exact(measure="tangled", tol=0.0, always=True, **about)]
        if self.strength > 0 and self.monitor == "max norm" and problem.n * problem.width >= ENOUGH[problem.shape]:
            found += self._even(problem)
        return tuple(found)

    def _even(self, problem: SteepCurve):
        """What holds once the mesh is even: with enough cells for the features."""
        about = dict(source="xu2011deboor", assumes="enough cells for the features", stop=SETTLED)
        yield Exact(measure="residual", tol=1e-10, title="the mesh becomes even", **about)
        if self.smoothing > 0:
            title = "neighbouring cells differ by a factor of 1 + 1/γ at most"
            limit = (1 + 1 / self.smoothing) * (1 + 1e-8)
            yield Exact(measure="grading", tol=limit, title=title, **about | {"source": "dorfi1987"})
        about["source"] = "huang2011"
        if problem.shape != "wave" and problem.width <= 0.05:
            title = "interpolation error below the uniform mesh's at equal nodes"
            yield Exact(measure="error_ratio", tol=FEWER, title=title, **about)
        if 0.01 <= problem.width <= 0.05 and self.strength <= 0.9 and self.smoothing <= 3:
            rungs = dict(p=2, over="n", values=(320, 640, 1280), title="largest error ∝ 1/N²")
            yield Order(measure="max_error", **rungs, **about)


GRADING = Measure(
    "grading",
    "ratio of neighbouring cells",
    lambda problem, state: _grading(np.diff(state.solution())),
    "max h_i / h_{i±1}",
    log=False,
    doc="1 on a uniform mesh",
)


def _grading(h) -> float:
    return float(np.maximum(h[1:] / h[:-1], h[:-1] / h[1:]).max())


def _nodes(problem, state):
    """The curve, its nodes on it, and below them the mesh."""
    x, fine = state.solution(), problem.fine[::40]
    low = float(problem.value(fine).min()) - 0.1
    return {"u": (fine, problem.value(fine)), "nodes": (x, problem.value(x)), "mesh": (x, np.full(len(x), low))}


CASES = (
    SteepCurve(n=40),
    SteepCurve(shape="layer", n=40),
    SteepCurve(shape="fronts", n=60),
    SteepCurve(shape="wave", n=20),
)

PICTURES = (Picture("nodes", "nodes on the curve", "points", _nodes, x="x", y="u", of=SteepCurve),)

EXPERIMENTS = (
    Experiment(
        "equidistribution",
        "Points go where they are needed",
        "Forty cells, a narrow front: what does the error gain when the nodes go where the curve bends?",
        SteepCurve(),
        (DeBoor(), DeBoor(strength=0.5), DeBoor(smoothing=0.0), DeBoor(monitor="arc length")),
        Stop(rtol=0.0, atol=1e-10, steps=60),
        measure="max_error",
        picture="nodes",
        predict=Guess(
            "By what number will moving the nodes divide the largest error (first method)?",
            shrunk("max_error", since=0),
            1.0,
            1000.0,
            close=1.5,
        ),
        why=(
            "A straight line over a cell of width $h$ misses a curve by about $h^2|u''|/8$. With equal cells "
            "nearly all of the error sits in the few at the front. Giving every cell the same amount of "
            r"$\sqrt{|u''|}$ makes all their errors alike, and with the same number of cells the largest is far "
            "smaller."
        ),
        formula=r"\int_{x_{j-1}}^{x_j} m\,dx=\frac1N\int_0^1 m\,dx,\qquad m\approx\sqrt{|u''|}",
        level=0,
        minutes=4,
        then="degrees",
    ),
)
