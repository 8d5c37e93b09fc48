"""Minimising the Ginzburg–Landau energy: the gradient flow by convex–concave splitting, and the same with momentum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import FEWER, Beats, Bound, Crowd, Exact, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Guess, Pick, first_there, last, whether
from toolkit.core.probe import Measure
from toolkit.core.state import State, scratch
from toolkit.core.stop import Stop
from toolkit.kernels.grid import ginzburg as kernels
from toolkit.mesh.phases.problems import RADIUS, DigitClasses, PhaseField, PhaseProblem, radius


@dataclass(slots=True, kw_only=True)
class PhaseState(State):
    """The field u and the one before; `solve` is the factored implicit part, `y` and `rhs` are work space.

    `slope` is the norm of the energy's gradient; `total_energy` adds the kinetic part c |u − before|² (see `Momentum`).
    """

    u: np.ndarray
    before: np.ndarray
    y: np.ndarray = scratch()
    rhs: np.ndarray = scratch()
    solve: Callable
    slope: float
    energy: float
    total_energy: float

    def solution(self) -> np.ndarray:
        return self.u


@dataclass(frozen=True)
class ConvexSplitting(Method):
    """Gradient flow by convex–concave splitting: the convex part of the energy implicit, the concave part explicit.

    E = F + G, F = ε/2 ⟨u, L u⟩ + S/(2ε) |u|² + fidelity, G = Σ W(u)/ε − S/(2ε) |u|²: a step solves
    (1 + Sσ + σε²L + …) u⁺ = u + σ (S u − W′(u)), σ = τ/ε² with τ the time step of ∂u/∂t = Δu − W′(u)/ε².
    As W″ ≤ 2, G is concave for S ≥ 2, and E(u⁺) ≤ E(u) − (ε/τ + (S − 1)/ε) |u⁺ − u|² for every step size; so S ≥ 1 is
    enough. The price: an interface moves as if the time step were τ/(1 + (S + 2/5) σ), so a disc shrinks by
    r² = r₀² − 2kτ/(1 + (S + 2/5) σ), and no step, however long, does more than ε²/(S + 2/5). (Solvability along the
    profile q = tanh(z/√2), for which ∫q″² = 2/5 ∫q′².) One implicit solve a step: two cosine transforms on a grid, two
    triangular solves on a graph.
    Reference: D. J. Eyre, MRS Proc. 529 (1998) 39–46, doi:10.1557/PROC-529-39; O. Akande et al., arXiv:2501.00389.
    """

    title: ClassVar[str] = "convex–concave splitting"
    name: ClassVar[str] = "convex_splitting"
    sources: ClassVar[tuple[str, ...]] = ("eyre1998", "akande2025")
    monitors: ClassVar[tuple[str, ...]] = ("slope", "energy", "total_energy")
    problems: ClassVar[tuple[type, ...]] = (PhaseProblem,)
    step_size: float = knob(10.0, 1e-3, 1e6, log=True, symbol="σ", doc="time step over ε²")
    split: float = knob(
        2.0, 0.0, 10.0, symbol="S", doc="convexity that is moved to the implicit part; theory asks for 2"
    )

    @property
    def rho(self) -> float:
        """The share of the last step that is made again."""
        return 0.0

    def init(self, problem: PhaseProblem) -> PhaseState:
        u = np.array(problem.start)
        energy, slope = problem.look(u)
        about = dict(y=np.empty_like(u), rhs=np.empty_like(u), solve=problem.implicit(self.step_size, self.split))
        return PhaseState(u=u, before=u.copy(), slope=slope, energy=energy, total_energy=energy, **about)

    def step(self, problem: PhaseProblem, state: PhaseState) -> PhaseState:
        kernels.forcing(state.u, state.before, self.rho, self.step_size, self.split, state.y, state.rhs)
        state.before, state.u = state.u, state.solve(state.rhs)
        state.k += 1
        state.work.solves += 1
        state.energy, state.slope = problem.look(state.u)
        kinetic = (1 / self.step_size + self.split) / (2 * problem.epsilon)
        change = state.u - state.before
        state.total_energy = state.energy + kinetic * problem.weight * float(change @ change)
        return state

    def measures(self, problem) -> tuple[Measure, ...]:
        if not problem.disc:
            return ()
        about = dict(symbol="|r² − (r₀² − 2t*)| / r₀²", doc="t* = kτ/(1 + (S + 2/5)σ), while r is six interfaces wide")
        return (Measure("curvature_error", "distance from mean curvature flow", self._off_law, **about),)

    def _off_law(self, problem: PhaseField, state: PhaseState) -> float:
        time = state.k * self.step_size * problem.epsilon**2 / (1 + (self.split + 0.4) * self.step_size)
        law = RADIUS**2 - 2 * time
        if law < (6 * problem.epsilon) ** 2:
            return float("nan")
        return abs(radius(problem, state.u) ** 2 - law) / RADIUS**2

    def claims(self, problem: PhaseProblem) -> tuple:
        found = []
        if self.split >= 1 or self.step_size * (1 - self.split) <= 1:
            title = "the energy never grows, at any step size"
            about = dict(source="eyre1998", assumes="W″ ≤ 2, and S ≥ 1 or σ (1 − S) ≤ 1", stop=Stop(steps=200))
            found.append(monotone("energy", floor=_rounding(problem), title=title, **about))
        if problem.disc and problem.resolved:
            found.append(
                Bound(
                    measure="curvature_error",
                    curve=lambda k, values: np.full(len(k), problem.epsilon),
                    title="a disc shrinks by r² = r₀² − 2t*, within ε",
                    source="xu2019",
                    assumes="an interface thin against the disc, 2.5 cells in ε at least",
                    stop=Stop(rtol=0.0, steps=150),
                )
            )
        return (*found, *_classified(problem))


def _rounding(problem: PhaseProblem) -> float:
    return 1e-12 * problem.look(problem.start)[0]


def _classified(problem: PhaseProblem) -> tuple:
    """On all digits with a few labels: no more images wrong than by label spreading on the same graph, mostly."""
    if not isinstance(problem, DigitClasses) or not 40 <= problem.labelled <= 100:
        return ()
    if problem != DigitClasses(labelled=problem.labelled, split=problem.split, seed=problem.seed):
        return ()
    each = Exact(
        measure="beside_spreading",
        tol=1.0,
        source="bertozzi2012",
        assumes="measured, no theorem; some draws of the labels are worse",
        stop=Stop(rtol=1e-4, steps=600),
    )
    title = "over draws of the labels no more images wrong than by label spreading, in the median"
    return (Crowd(claim=each, seeds=16, quantile=0.5, title=title),)


@dataclass(frozen=True)
class Momentum(ConvexSplitting):
    """Convex–concave splitting with momentum (FISTA): the step of the splitting from an extrapolated field.

    y = u + ρ (u − u⁻),  u⁺ = y − (τ/ε) (∇F(u⁺) + ∇G(y)). In the limit of small steps a damped wave equation,
    ∂²u/∂t² + (1 − ρ)/√τ · ∂u/∂t = Δu − W′(u)/ε². The energy may rise; the total energy
    E + (1/σ + S)/(2ε) |u − u⁻|² does not if S ≥ 2 and ρ² ≤ (1 + Sσ)/(1 + (1 + S)σ): for every step size if ρ² ≤ 2/3
    and S = 2 (from −1 ≤ W″ ≤ 2; see the test). The cost of a step is that of the splitting.
    Reference: O. Akande, P. Dondl, K. Gupta, A. Onwunta, S. Wojtowytsch, arXiv:2501.00389 (FISTA-type discretisation).
    """

    title: ClassVar[str] = "splitting with momentum"
    name: ClassVar[str] = "splitting_momentum"
    sources: ClassVar[tuple[str, ...]] = ("akande2025", "eyre1998")
    momentum: float = knob(0.8, 0.0, 0.99, symbol="ρ", live=True, doc="share of the last step that is made again")

    @property
    def rho(self) -> float:
        return self.momentum

    @property
    def safe(self) -> bool:
        """Whether the total energy is known to fall."""
        limit = (1 + self.split * self.step_size) / (1 + (1 + self.split) * self.step_size)
        return self.split >= 2 and self.momentum**2 <= limit

    def measures(self, problem) -> tuple[Measure, ...]:
        return ()

    def claims(self, problem: PhaseProblem) -> tuple:
        found = list(_classified(problem))
        if self.safe:
            title = "energy and kinetic energy together never grow"
            about = dict(source="akande2025", assumes="S ≥ 2 and ρ² ≤ (1 + Sσ)/(1 + (1 + S)σ)", stop=Stop(steps=200))
            found.append(monotone("total_energy", floor=_rounding(problem), title=title, **about))
        if self.step_size >= 1 and 0.7 <= self.momentum <= 0.9 and problem.resolved and not problem.fleeting:
            found.append(self._sooner(problem))
        return tuple(found)

    def _sooner(self, problem) -> Beats:
        """Fewer steps than the splitting of the same step size: to equal energy, on a graph to equal slope.

        Not for noise on cells much finer than the interface: nearly all of its energy is gone after two steps.
        """
        about = dict(other=ConvexSplitting(self.step_size, self.split), measure="k", source="akande2025")
        if isinstance(problem, DigitClasses):
            stop, factor, title = Stop(rtol=1e-4, steps=3000), FEWER, "stationary in fewer steps than without momentum"
        elif problem.shape == "noise":
            stop, factor = Stop(measure="energy", rtol=0.02, steps=3000), 0.9
            title = "a fiftieth of the energy in 9/10 of the steps without momentum"
        else:
            stop, factor = Stop(measure="energy", rtol=0.5, steps=3000), 0.5
            title = "half the energy in half the steps without momentum"
        return Beats(factor=factor, stop=stop, title=title, assumes="large steps, momentum of 0.7 to 0.9", **about)


def _phase(problem, state):
    return {"z": state.solution().reshape(problem.n, problem.n)}


def _classes(problem, state):
    """The images in the plane of two principal components: the two classes, the labels, and what is wrong."""
    (x, y), u, known = problem.places.T, state.solution(), problem.labels != 0
    wrong = ((u > 0) != (problem.truth > 0)) & ~known
    one, two = problem.split.split(" or ") if " or " in problem.split else (problem.split, "five or above")
    shown = {one: (u > 0) & ~wrong & ~known, two: (u <= 0) & ~wrong & ~known, "wrong": wrong, "labelled": known}
    return {name: (x[where], y[where]) for name, where in shown.items() if where.any()}


CASES = (
    PhaseField(n=64, epsilon=0.04),
    PhaseField(n=64, epsilon=0.04, shape="circle"),
    PhaseField(n=48, epsilon=0.05, shape="noise"),
    DigitClasses(),
)

PICTURES = (
    Picture("phase", "phase field", "image", _phase, of=PhaseField),
    Picture(
        "classes", "digits by class", "points", _classes, x="first component", y="second component", of=DigitClasses
    ),
)


def falls_always(runs) -> bool:
    """Whether the energy of the third method never rose, but for rounding."""
    energy = runs[2].history["energy"]
    return bool(np.all(np.diff(energy) <= 1e-9 * abs(energy[0])))


EXPERIMENTS = (
    Experiment(
        "phase_momentum",
        "Fewer steps with momentum",
        "Two discs and a bridge shrink to nothing. How many steps does momentum save, and when is it too much?",
        PhaseField(),
        (ConvexSplitting(), *(Momentum(momentum=rho) for rho in (0.5, 0.8, 0.95))),
        Stop(measure="energy", rtol=0.02, steps=600),
        measure="energy",
        picture="phase",
        predict=Pick("Who is at the goal with the fewest steps?", first_there()),
        why=(
            r"A step of the splitting goes downhill a little and forgets where it came from. With momentum $\rho$ "
            "it starts from a point further along the last move, as a ball would, and steps in one direction add "
            "up. Too much of it overshoots: the energy may then rise at times, though the energy with that of the"
            r" motion does not where $\rho$ is moderate."
        ),
        formula=r"y=u+\rho\,(u-u^-),\qquad u^+=y-\tfrac{\tau}{\varepsilon}\,(\nabla F(u^+)+\nabla G(y))",
        level=2,
        minutes=5,
        then="phase_digits",
    ),
    Experiment(
        "phase_descent",
        "Any step descends",
        "Tiny, large, absurd: with S = 2 the energy falls at every step. What does S = 0 do, and what is the price?",
        PhaseField(shape="noise", epsilon=0.02),
        (*(ConvexSplitting(step_size=step) for step in (0.1, 10.0, 1e5)), ConvexSplitting(step_size=10.0, split=0.0)),
        Stop(rtol=0.0, steps=300),
        measure="energy",
        picture="phase",
        predict=Pick(
            "Does the energy fall at every step of the absurd length 100 000 (the third)?",
            whether(falls_always),
            theory=0,
            options=YES_NO,
        ),
        why=(
            "The energy is written as a convex part, taken implicitly, and a concave one, taken explicitly. With "
            r"$S\ge1$ the step then lowers the energy whatever its length; without it a long step shoots over and "
            "the values grow without bound. The price of safety: however long the step, the interface moves no "
            r"further than about $\varepsilon^2/S$."
        ),
        formula=r"E(u^+)\le E(u)-\left(\frac{\varepsilon}{\tau}+\frac{S-1}{\varepsilon}\right)|u^+-u|^2",
        level=2,
        minutes=5,
        then="phase_momentum",
    ),
    Experiment(
        "phase_digits",
        "Classify by phase",
        "Fifty of 1797 digits are labelled even or odd; two phases divide the rest. Turn the seed: how many go wrong?",
        DigitClasses(seed=1),
        (ConvexSplitting(), Momentum(), Momentum(momentum=0.9)),
        Stop(rtol=1e-4, steps=600),
        measure="wrong",
        picture="classes",
        predict=Guess(
            "What share of the digits is wrong in the end with the most momentum (the last)?",
            last("wrong", 2),
            0.0,
            0.5,
            log=False,
            close=1.05,
        ),
        why=(
            "Each digit is joined to those that look most like it, and a border between the two phases costs "
            "energy where it cuts such a bond. So the phases settle where few bonds are cut, and the labelled "
            "digits say which is which. A digit is wrong where it looks more like those of the other class; other"
            " labelled ones, by another seed, make other errors."
        ),
        formula=(
            r"E(u)=\tfrac{\varepsilon}{2}\langle u,Lu\rangle+\tfrac1\varepsilon\sum "
            r"W(u)+\tfrac{\lambda}{2}\sum_{\text{labelled}}(u\mp1)^2"
        ),
        level=2,
        minutes=5,
        then="topology",
    ),
)
