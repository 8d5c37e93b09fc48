"""What there is to see of initial value problems, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
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
    ),
    Experiment(
        "orders_in_time",
        "Order in time",
        "A front that travels: does the error fall as h, h² and h³ with a Jacobian ten percent off?",
        AllenCahn(),
        (ModifiedTASE3(), ModifiedTASE2(), SinglyTASE(), SDIRK2(), ImplicitEuler()),
        THROUGH,
        measure="error",
        picture="profile",
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
    ),
)
