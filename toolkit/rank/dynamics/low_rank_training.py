"""Training low-rank layers on digits: dynamical low-rank training, descent on two factors, and on full matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Exact, Flat, at_most_one, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Pick, reached, whether
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH, Stop
from toolkit.rank.dynamics.basis_update import most_knob, truncated
from toolkit.rank.dynamics.digits_training import DigitsTraining, gradients
from toolkit.rank.dynamics.integrator import orthogonal

DONE = Status("converged", "all steps are made", "Raise `steps` to go on")
SMALL_STEP = 0.1
SMALLER = (1e-4, 1e-6, 1e-9, 1e-12)
AWAKE, LONG = 0.5, 30.0  # a loss (it begins near ln 10) that needs more than the large directions; η k that is enough


@dataclass(slots=True, kw_only=True)
class TrainingState(State):
    """Both low-rank matrices as (U, S, V) or, with S empty, as (P, Q) of W = P Qᵀ; the dense parts; the loss.

    `inputs`, `deltas` and `slopes` are what the last evaluation of the gradient left for the next step; `wide` are the
    matrices after the last step before they were cut, `before` is the loss before it.
    """

    layers: list
    dense: list
    inputs: list
    deltas: list
    slopes: list
    wide: list
    before: float = float("nan")
    loss: float = 0.0
    rank: float = 0.0
    unknowns: float = 0.0

    def factors(self) -> list:
        """(P, Q) of both, W = P Qᵀ."""
        return multiplied(self.layers)

    def matrices(self) -> list[np.ndarray]:
        """Both low-rank matrices W, multiplied out."""
        return [p @ q.T for p, q in self.factors()]

    def solution(self) -> np.ndarray:
        return np.concatenate([one.ravel() for one in (*self.matrices(), *self.dense)])


class TrainingMethod(Method):
    """What all share: a step is one gradient of the loss over all images, and a step down of length η."""

    problems: ClassVar[tuple[type, ...]] = (DigitsTraining,)
    monitors: ClassVar[tuple[str, ...]] = ("loss", "rank", "unknowns")
    linear: ClassVar[tuple[str, ...]] = ("rank",)
    rate: float
    steps: int

    def layer(self, u: np.ndarray, values: np.ndarray, v: np.ndarray) -> tuple:
        """How the method keeps a matrix."""
        raise NotImplementedError

    def moved(self, layer: tuple, a: np.ndarray, delta: np.ndarray) -> tuple:
        """A layer after a step down; its gradient is δᵀ a."""
        raise NotImplementedError

    def cut(self, layer: tuple, before: tuple) -> tuple:
        """What is kept of a layer after a step from the layer `before`: all of it, but for methods that cut ranks."""
        return layer

    def init(self, problem: DigitsTraining) -> TrainingState:
        layers = [self.layer(*part) for part in problem.factors]
        state = TrainingState(layers=layers, dense=problem.dense, inputs=[], deltas=[], slopes=[], wide=[])
        return self._noted(problem, state)

    def step(self, problem: DigitsTraining, state: TrainingState) -> TrainingState:
        state.k += 1
        parts = zip(state.layers, state.inputs, state.deltas)
        state.wide, state.before = [self.moved(layer, a, delta) for layer, a, delta in parts], state.loss
        state.layers = [self.cut(*pair) for pair in zip(state.wide, state.layers)]
        state.dense = [part - self.rate * slope for part, slope in zip(state.dense, state.slopes)]
        if state.k >= self.steps:
            state.status = DONE
        return self._noted(problem, state)

    def _noted(self, problem, state: TrainingState) -> TrainingState:
        found = gradients(state.factors(), state.dense, *problem.data[:2])
        state.loss, state.inputs, state.deltas, state.slopes = found
        state.work.nfe += 1
        state.rank = float(max(min(v.shape[1], len(v), len(u)) for u, _, v in state.layers))
        state.unknowns = float(sum(u.size + v.size + (0 if s is None else s.size) for u, s, v in state.layers))
        if not np.isfinite(state.loss):
            state.loss, state.status = 1e300, Status("diverged", "the loss is no longer finite", "Take smaller steps")
        return state

    def claims(self, problem: DigitsTraining) -> tuple:
        """The loss falls in every step, if steps are small."""
        if self.rate > SMALL_STEP:
            return ()
        about = dict(source="schotthoefer2022", assumes="η below 2 over the curvature of the loss", stop=THROUGH)
        return (monotone("loss", title="the loss falls in every step", **about),)


def multiplied(layers) -> list:
    """(P, Q) of layers (U, S, V) or (P, None, Q), W = P Qᵀ."""
    return [(u @ s, v) if s is not None else (u, v) for u, s, v in layers]


def _rise(problem, state: TrainingState) -> float:
    """By how much the last step, before the cut, has raised the loss; 0 where it fell."""
    if not state.wide:
        return float("nan")
    now = gradients(multiplied(state.wide), state.dense, *problem.data[:2])[0]
    return max(0.0, now - state.before) if np.isfinite(now) else float("inf")


RISE = Measure(
    "rise", "what a step raises the loss by", _rise, "max(0, L(Ŵ) − L(W))", log=False, doc="before any rank is cut"
)


def rate_knob():
    """The knob for the length of a step."""
    return knob(SMALL_STEP, 1e-4, 5.0, log=True, symbol="η", doc="step down the gradient: the time step of the flow")


@dataclass(frozen=True)
class LowRankTraining(TrainingMethod):
    """Dynamical low-rank training: rank-adaptive BUG for the gradient flow W′ = −∇L(W), W = U S Vᵀ, in Euler steps.

    K₁ = U S − η ∇L V, L₁ = V Sᵀ − η ∇Lᵀ U; Û = orth(U, K₁), V̂ = orth(V, L₁); Ŝ = Ûᵀ W V̂ − η Ûᵀ ∇L V̂, cut where the tail
    is below τ |Ŝ|. As W lies in the new bases, one gradient serves all three; ∇L itself is never formed. The loss falls
    up to what is cut, at most τ |Ŝ|, and nothing is divided by a singular value. O(N (m + n) r) a layer and step, for N
    images.
    Reference: S. Schotthöfer, E. Zangrando, J. Kusch, G. Ceruti, F. Tudisco, NeurIPS 35 (2022), arXiv:2205.13571,
    Algorithm 1 and Theorems 1 and 2.
    """

    title: ClassVar[str] = "low-rank training (BUG)"
    name: ClassVar[str] = "dlrt_bug"
    sources: ClassVar[tuple[str, ...]] = ("schotthoefer2022", "ceruti2022adaptive")
    rate: float = rate_knob()
    steps: int = knob(100, 2, 5000, log=True, symbol="k", doc="steps down the gradient in all")
    tolerance: float = knob(
        0.005, 0.0, 0.9, symbol="τ", doc="share of the norm that is cut off in a step; 0: rank kept"
    )
    most: int = most_knob()

    def layer(self, u, values, v):
        return u.copy(), np.diag(values), v.copy()

    def moved(self, layer, a, delta):
        u, s, v = layer
        up, down = delta.T @ (a @ v), a.T @ (delta @ u)  # ∇L V and ∇Lᵀ U
        wide, tall = orthogonal(u, u @ s - self.rate * up), orthogonal(v, v @ s.T - self.rate * down)
        core = (wide.T @ u) @ s @ (v.T @ tall) - self.rate * (wide.T @ delta.T) @ (a @ tall)
        return wide, core, tall

    def cut(self, layer, before):
        wide, core, tall = layer
        if self.tolerance == 0:
            return truncated(wide, core, tall, 0.0, len(before[1]))
        return truncated(wide, core, tall, self.tolerance * float(np.linalg.norm(core)), self.most)

    def measures(self, problem):
        def share(problem, state) -> float:
            if not state.wide or not self.tolerance:
                return float("nan")
            worst = 0.0
            for (wide, core, tall), (u, s, v) in zip(state.wide, state.layers):
                lost = np.linalg.norm(wide @ core @ tall.T - u @ s @ v.T) / np.linalg.norm(core)
                worst = max(worst, lost / self.tolerance if len(s) < self.most else 0.0)
            return float(worst)

        doc = "of the layers that the largest rank leaves room"
        cut = Measure("cut_share", "what was cut off, over what may be", share, "|Ŵ − W|/(τ |Ŵ|)", log=False, doc=doc)
        return (RISE, cut)

    def claims(self, problem: DigitsTraining) -> tuple:
        source, found = "schotthoefer2022", ()
        if self.rate <= SMALL_STEP:
            title = "the loss falls in every step, before ranks are cut"
            about = dict(assumes="η below 2 over the curvature of the loss", source=source, stop=THROUGH)
            found = (Exact(measure="rise", tol=1e-10, always=True, title=title, **about),)
        if self.tolerance:
            about = dict(source=source, assumes="a largest rank that leaves room", stop=THROUGH)
            title = "a cut leaves out no more than τ of the norm"
            found += (at_most_one("cut_share", slack=1e-6, title=title, **about),)
        if self.rate <= SMALL_STEP and self.tolerance <= 0.01:
            title = "loss untouched by σ_min from 1e-4 to 1e-12"
            about = dict(source=source, assumes="steps small", stop=THROUGH)
            found += (
                Flat(measure="loss", over="sigma_min", values=SMALLER, growth=1.15, slack=0.0, title=title, **about),
            )
        if self.tolerance == 0 and problem.sigma_min <= 1e-3 and self.rate * self.steps >= LONG:
            words = "measured, not a theorem; the rank kept, small singular values at the start, time enough"
            rival = TwoFactorDescent(rate=self.rate, steps=self.steps)
            about = dict(title="wakes small singular values before two-factor descent does", source=source)
            stop = Stop(measure="loss", rtol=0.0, atol=AWAKE, steps=self.steps)
            found += (Beats(other=rival, measure="k", factor=0.9, assumes=words, stop=stop, **about),)
        return found


@dataclass(frozen=True)
class TwoFactorDescent(TrainingMethod):
    """Gradient descent on both factors of W = P Qᵀ, as they stand: P − η ∇L Q, Q − η ∇Lᵀ P.

    Started from P = U √σ, Q = V √σ. A column of size √σ_j moves by η √σ_j: directions with small singular values sleep
    long, and curvature is multiplied by the large ones.
    Reference: S. Schotthöfer, E. Zangrando, J. Kusch, G. Ceruti, F. Tudisco, NeurIPS 35 (2022), arXiv:2205.13571,
    section 5 ("vanilla" UVᵀ).
    """

    title: ClassVar[str] = "descent on two factors"
    name: ClassVar[str] = "uv_descent"
    sources: ClassVar[tuple[str, ...]] = ("schotthoefer2022",)
    rate: float = rate_knob()
    steps: int = knob(100, 2, 5000, log=True, symbol="k", doc="steps down the gradient in all")

    def layer(self, u, values, v):
        return u * np.sqrt(values), None, v * np.sqrt(values)

    def moved(self, layer, a, delta):
        p, _, q = layer
        return p - self.rate * delta.T @ (a @ q), None, q - self.rate * a.T @ (delta @ p)


@dataclass(frozen=True)
class FullDescent(TrainingMethod):
    """Gradient descent on the full matrices: what the low-rank ones are measured by, W − η ∇L(W).

    O(N m n) a layer and step. The loss falls in every step while η is below 2 over the curvature.
    Reference: S. Schotthöfer, E. Zangrando, J. Kusch, G. Ceruti, F. Tudisco, NeurIPS 35 (2022), arXiv:2205.13571,
    section 5 (the full-rank reference).
    """

    title: ClassVar[str] = "descent on full matrices"
    name: ClassVar[str] = "full_descent"
    sources: ClassVar[tuple[str, ...]] = ("schotthoefer2022",)
    rate: float = rate_knob()
    steps: int = knob(100, 2, 5000, log=True, symbol="k", doc="steps down the gradient in all")

    def layer(self, u, values, v):
        return (u * values) @ v.T, None, np.eye(len(v))

    def moved(self, layer, a, delta):
        return layer[0] - self.rate * delta.T @ a, None, layer[2]


def layer_spectra(problem, state):
    """Singular values of both low-rank matrices, and those at the start."""
    lines: dict = {"x": np.arange(1.0, 17.0)}
    for i, ((p, q), (_, first, _)) in enumerate(zip(state.factors(), problem.factors)):
        values = np.linalg.svd(p @ q.T, compute_uv=False)
        for name, found in ((f"W{i + 1}", values), (f"W{i + 1} at the start", first)):
            padded = np.full(16, np.nan)
            padded[: min(16, len(found))] = np.maximum(found[:16], 1e-17)
            lines[name] = padded
    return lines


PICTURES = (
    Picture(
        "training-spectra",
        "singular values of the layers",
        "lines",
        layer_spectra,
        "j",
        "σ_j",
        log=True,
        of=TrainingState,
    ),
)

CASES = (DigitsTraining(images=100, hidden=16, start_rank=6),)


def sooner(runs) -> bool | None:
    """Whether low-rank training, the rank kept, is down at a loss of AWAKE before descent on two factors."""
    one, other = (reached("loss", AWAKE, i)(runs) for i in (0, 3))
    return None if one is None else other is None or one < other


EXPERIMENTS = (
    Experiment(
        "training-lottery",
        "Small singular values in a network",
        "Half of the singular values sleep at the start. Which descent wakes them, and which rank do digits need?",
        DigitsTraining(),
        (
            LowRankTraining(rate=0.5, steps=300, tolerance=0.0),
            LowRankTraining(rate=0.5, steps=300),
            LowRankTraining(rate=0.5, steps=300, tolerance=0.05),
            TwoFactorDescent(rate=0.5, steps=300),
            FullDescent(rate=0.5, steps=300),
        ),
        THROUGH,
        measure="loss",
        picture="training-spectra",
        predict=Pick(
            "Does low-rank training, its rank kept, reach a loss of one half in fewer steps than descent "
            "on two factors?",
            whether(sooner),
            theory=0,
            options=YES_NO,
        ),
        why=r"In $W = P Q^{\mathsf T}$ a column of size $\sqrt{\sigma_j}$ moves by $\eta \sqrt{\sigma_j}$: what "
        "is small stays small for long, and half of the directions sleep at the start. BUG moves the bases "
        "themselves, by the gradient seen through orthonormal columns, and divides by nothing: directions "
        "wake whatever their singular values. That it is sooner is measured and no theorem. A tolerance "
        "then cuts the rank: the loss of the coarse one shows what a rank of half as many costs.",
        formula=r"K_1 = U S - \eta \, \nabla L \, V, \qquad P_1 = P - \eta \, \nabla L \, Q, \quad \|Q_j\| = "
        r"\sqrt{\sigma_j}",
        level=3,
        minutes=7,
        then="photograph-rank",
    ),
)
