"""What there is to see of initial value problems, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import Pick, lowest
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.parabolic import AllenCahn, Brusselator, Burgers, Heat
from toolkit.mesh.steps.runge_kutta import SDIRK2, ImplicitEuler, RungeKutta4, TimeState
from toolkit.mesh.steps.scipy_integrators import SciPyBDF, SciPyRadau
from toolkit.mesh.steps.stiff import Robertson, VanDerPol
from toolkit.mesh.steps.tase import ModifiedTASE2, ModifiedTASE3, SinglyTASE


def _evolution(problem, state: TimeState):
    """Space to the right, time downwards; what is still to come is filled with the present."""
    trail, first = state.trail, len(problem.labels)
    rows = np.searchsorted(trail.times[: trail.count], np.linspace(0, problem.end, 129), side="right") - 1
    past = trail.values[np.minimum(rows, trail.count - 1), ::first]
    return {"z": past[::-1]}


def _profile(problem, state: TimeState):
    """The unknowns along the line now, at the start and as they should be."""
    lines = {"x": problem.axis}
    name = problem.labels[0]
    for label, value in problem.fields(state.solution()).items():
        lines[label] = value
    lines[f"{name} at the start"] = problem.fields(problem.start)[name]
    lines[f"{name} exact"] = problem.fields(problem.reference(state.t))[name]
    return lines


def _trajectory(problem, state: TimeState):
    """The components in time, each in units of its largest value so far."""
    trail = state.trail
    lines = {"x": trail.times[: trail.count]}
    for name, values in zip(problem.labels, trail.values[: trail.count].T):
        scale = float(np.abs(values).max()) or 1.0
        lines[f"{name} / {scale:.3g}"] = values / scale
    return lines


def _in_space(problem, state) -> bool:
    return problem.axis is not None


def _without_space(problem, state) -> bool:
    return problem.axis is None


_SPACE, _NO_SPACE = dict(of=TimeState, when=_in_space), dict(of=TimeState, when=_without_space)

PICTURES = (
    Picture("evolution", "the solution in space and time", "image", _evolution, **_SPACE),
    Picture("profile", "the solution now", "lines", _profile, x="x", **_SPACE),
    Picture("trajectory", "the components in time", "lines", _trajectory, x="t", **_NO_SPACE),
)

CASES = (
    Heat(n=30),
    AllenCahn(n=60, epsilon=0.03),
    Burgers(n=50, nu=0.05),
    Brusselator(n=20, end=2.0),
    VanDerPol(epsilon=0.3),
    Robertson(end=0.1),
)

EXPERIMENTS = (
    Experiment(
        "stiff",
        "Stiff and stepwise",
        "Diffusion asks an explicit method for 3000 steps. Which gets by with two hundred, and how exact is it?",
        Brusselator(),
        (
            ModifiedTASE3(steps=200),
            ModifiedTASE3(steps=200, refresh=0, quality=1.0),
            SDIRK2(steps=200),
            ImplicitEuler(steps=200),
            RungeKutta4(steps=200),
        ),
        THROUGH,
        measure="error",
        picture="evolution",
        predict=Pick("Who has the smallest error at the end of two hundred steps?", lowest("error")),
        why=(
            "The fastest mode of diffusion on a grid decays at a rate that grows like $1/h_x^2$, and an explicit "
            "method multiplies it by more than one where the step is long: it is lost within a few steps. The "
            "implicit ones damp that mode at any length of step. So do explicit stages behind an operator "
            r"$(I-\gamma hW)^{-1}$, and they have the smaller error as their order is higher."
        ),
        formula=r"|R(h\lambda)|\le 1\ \text{for all}\ \lambda<0",
        level=1,
        minutes=5,
        then="relaxation_oscillator",
    ),
    Experiment(
        "orders_in_time",
        "Order in time",
        ("A front that travels, and a Jacobian ten percent off: does the error still fall as $h$, $h^2$ and $h^3$?"),
        AllenCahn(),
        (ModifiedTASE3(), ModifiedTASE2(), SinglyTASE(), SDIRK2(), ImplicitEuler()),
        THROUGH,
        measure="error",
        picture="profile",
        predict=Pick("Who has the smallest error after a hundred steps?", lowest("error")),
        why=(
            "The operators here need only a matrix $W$ near the Jacobian: the conditions of order hold whatever "
            "$W$ is. An order says how the error falls when the steps are halved, not how large it is: at a given"
            " number of steps the higher order need not win. Double the steps and see who gains more."
        ),
        formula=r"y(t_n)-y_n=O(h^{q})\quad\text{for every}\ W",
        level=2,
        minutes=5,
        then="epochs",
    ),
    Experiment(
        "relaxation_oscillator",
        "Slow, slow, quick",
        "van der Pol's oscillator jumps within ε: what do adaptive steps save over steps of one length?",
        VanDerPol(epsilon=1e-3),
        (SciPyRadau(), SciPyBDF(), SDIRK2(steps=1000), ModifiedTASE2(steps=1000, quality=1.0)),
        THROUGH,
        measure="error",
        against="nfe",
        picture="trajectory",
        predict=Pick("Who has the smallest error at the end?", lowest("error")),
        why=(
            r"Between its jumps the oscillator is slow, and long steps would do; a jump takes about $\varepsilon$."
            " Steps of one length are too long for the jumps and too short between them, and an error in the "
            "moment of a jump stays. Adaptive steps follow an estimate of their own error and become short where "
            "it asks for it."
        ),
        formula=r"\varepsilon\,y_2'=(1-y_1^2)\,y_2-y_1",
        level=1,
        minutes=5,
        then="hydrogen",
    ),
)
