"""What must break each claim about steps in time does: schemes of another order, leaks, the wrong loss."""

import pytest
from sabotage import Saboteur, biased, half, put, replaced

import toolkit as tk
from toolkit.mesh.steps.gas_mixture import DisparateMixture
from toolkit.mesh.steps.kinetic import AsymptoticPreserving, ExplicitMixture
from toolkit.mesh.steps.parabolic import Heat
from toolkit.mesh.steps.policy_value import LinearQuadratic
from toolkit.mesh.steps.runge_kutta import SDIRK2, ImplicitEuler, RungeKutta4
from toolkit.mesh.steps.stiff import Robertson, VanDerPol
from toolkit.mesh.steps.tase import ModifiedTASE2, ModifiedTASE3, SinglyTASE
from toolkit.mesh.steps.temporal_differences import MartingaleLoss, MeanSquareTD, OrthogonalityTD

MILD, WARM, GASES = VanDerPol(epsilon=1.0), Heat(end=0.5), DisparateMixture()


def order(scheme):
    """Another scheme with as many steps."""
    return lambda method: scheme(steps=method.steps)


def midpoint(method):
    """The explicit midpoint rule, of order 2."""

    def leap(self, problem, state, h):
        return state.y + h * problem.rhs(state.y + h / 2 * problem.rhs(state.y))

    return replaced(method, leap=leap)


def extrapolated(method):
    """Two half steps twice, less a whole one: of order 2."""
    honest = type(method).leap

    def leap(self, problem, f, h):
        half = honest(self, problem, honest(self, problem, f, h / 2), h / 2)
        return 2 * half - honest(self, problem, f, h)

    return replaced(method, leap=leap)


def pair(problem, method):
    return lambda: (problem.turned(), method)


SABOTEURS = [
    Saboteur("∝ h^4", pair(MILD, RungeKutta4()), midpoint),
    Saboteur("∝ h^1", pair(MILD, ImplicitEuler()), order(SDIRK2)),
    Saboteur("∝ h^2", pair(MILD, SDIRK2()), order(ImplicitEuler)),
    Saboteur("∝ h^2", pair(MILD, ModifiedTASE2()), order(ImplicitEuler)),
    Saboteur("∝ h^3", pair(MILD, ModifiedTASE3()), order(SDIRK2)),
    Saboteur("∝ h^3", pair(WARM, SinglyTASE()), order(SDIRK2)),
    Saboteur("smaller error than singly", pair(MILD, ModifiedTASE3(steps=MILD.ladder[0])), ModifiedTASE3.rival),
    Saboteur("mass is kept", pair(Robertson(), SDIRK2()), biased("y", 1 + 1e-12)),
    Saboteur("mass is kept", pair(Robertson(), ModifiedTASE2(steps=2000)), put("y", lambda y: y + 1e-9)),
    Saboteur("are conserved", pair(GASES, AsymptoticPreserving()), biased("f", 1 + 1e-11)),
    Saboteur("light, then heavy", pair(GASES, AsymptoticPreserving()), put("f", lambda f: f[::-1])),
    Saboteur("uniformly in ε", pair(GASES, AsymptoticPreserving()), order(ExplicitMixture)),
    Saboteur("the end ∝ h", pair(GASES, AsymptoticPreserving()), half("f")),
    Saboteur("the end ∝ h", pair(GASES, ExplicitMixture()), extrapolated),
    Saboteur("θ → θ* like Δt", pair(LinearQuadratic(), MartingaleLoss()), lambda method: MeanSquareTD()),
    Saboteur("θ → θ* like Δt", pair(LinearQuadratic(), OrthogonalityTD()), lambda method: MeanSquareTD()),
    Saboteur("θ → argmin", pair(LinearQuadratic(), MeanSquareTD()), lambda method: MartingaleLoss()),
    Saboteur("two thirds of that", pair(LinearQuadratic(), MeanSquareTD()), lambda method: MartingaleLoss()),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


@pytest.mark.parametrize(
    "problem, method",
    [
        (DisparateMixture(drift=-0.3, end=0.019643, epsilon=1e-6, heavy=1.8387, light=0.7), AsymptoticPreserving()),
        (DisparateMixture(epsilon=3.9e-6, light=1.32, heavy=1.58, end=0.32), AsymptoticPreserving()),
        (Heat(n=8, kappa=0.0537, end=0.00448), RungeKutta4(steps=14)),
        (Robertson(), ModifiedTASE3(steps=2106)),
    ],
    ids=str,
)
def test_what_is_promised_is_never_broken(problem, method):
    """Inside the layer, temperatures that are near, errors as small as rounding's, a first step that overshoots."""
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is not False, f"{claim.title}: {verdict}"
