"""What must break each promise of empirical interpolation, and is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, instead, noise, put

import toolkit as tk
from toolkit.rank.interpolation.deim import Deim
from toolkit.rank.interpolation.eim import Eim, RectangularEim, SymmetricEim
from toolkit.rank.interpolation.inclusion import MovingInclusion
from toolkit.rank.interpolation.kernel_sums import EmpiricalMultipole, KernelSum
from toolkit.rank.interpolation.matrix_powers import AffineMatrices, PowersByInterpolation
from toolkit.rank.interpolation.nonintrusive import NonintrusiveBasis, NonintrusiveMatrices
from toolkit.rank.interpolation.problems import MovingSource

FIELDS = MovingSource(n=14, fields=50)
BUMP = MovingInclusion(n=60, training=60, tests=6)
MATRICES = AffineMatrices(size=8, training=80, tests=5)
CHARGES = KernelSum(points=300, levels=2)


def of(problem, method):
    return lambda: (problem, method)


def turned_points(problem, before, state):
    """The points are places where the remainder is nearly smallest: one beside the last one found."""
    if len(state.points) > 2:
        state.points[-1] = (state.points[0] + 1) % problem.table.shape[1]
        corner = state.functions[:, state.points].T
        state.inverse = np.linalg.pinv(corner)


def worse(problem, before, state):
    """Solutions a hundred times as far away as they are told to be at most."""
    state.solution_errors = 100 * state.solution_errors


def first_where_least(problem, before, state):
    """The first point stands where the first mode is smallest."""
    if state.k == 1:
        state.points = [int(np.argmin(np.abs(state.modes[0])))]
        state.inverse = np.linalg.inv(state.functions[:, state.points].T)


def nearest_weights(self, state, theta):
    """Shepard's weights in place of those that reproduce the powers."""
    far = np.linalg.norm(theta[:, None] - state.chosen, axis=2) + 1e-300
    near = (far.min(axis=1, keepdims=True) / far) ** 4.0
    return near / near.sum(axis=1, keepdims=True)


def rougher(problem, before, state):
    """Sums that miss a hundredth of the largest."""
    state.error += 1e-2


FIFTH_OF_BOUND = instead(limits=lambda self, problem, state: PowersByInterpolation.limits(self, problem, state) / 5)
TENTH_OF_BOUND = instead(
    logdet_limits=lambda self, problem, state: PowersByInterpolation.logdet_limits(self, problem, state) / 10
)
after = lambda spoil: lambda method: after_each_step(spoil, method)  # noqa: E731

SABOTEURS = [
    Saboteur("interpolates exactly", of(FIELDS, Eim(terms=12)), noise("inverse", 1e-6)),
    Saboteur("Lebesgue constant", of(FIELDS, Eim(terms=6)), after(turned_points)),
    Saboteur("interpolates exactly", of(FIELDS, SymmetricEim()), noise("inverse", 1e-3)),
    Saboteur("the same interpolant", of(FIELDS, SymmetricEim()), noise("functions", 1e-3)),
    Saboteur("every working sensor", of(FIELDS, RectangularEim(terms=10)), noise("inverse", 1e-4)),
    Saboteur("interpolates exactly", of(FIELDS, Deim(terms=12)), noise("inverse", 1e-6)),
    Saboteur("(1 + √(2n))", of(FIELDS, Deim(terms=12)), after(first_where_least)),
    Saboteur("times the error of projection", of(FIELDS, Deim(terms=12)), put("inverse", np.zeros_like)),
    Saboteur("than the coefficient does", of(BUMP, NonintrusiveMatrices(terms=8)), biased("matrix_error", 10.0)),
    Saboteur("at most δ/(α − δ)", of(BUMP, NonintrusiveMatrices()), after(worse)),
    Saboteur("residual and interpolation", of(BUMP, NonintrusiveBasis()), after(worse)),
    Saboteur(
        "exact at the chosen",
        of(MATRICES, PowersByInterpolation(terms=10)),
        instead(
            interpolated=lambda self, state, theta: np.full((len(theta), len(state.chosen)), 1 / len(state.chosen))
        ),
    ),
    Saboteur("error of the inverse stays", of(MATRICES, PowersByInterpolation(terms=20)), FIFTH_OF_BOUND),
    Saboteur("that of the log-determinant", of(MATRICES, PowersByInterpolation(terms=20)), TENTH_OF_BOUND),
    Saboteur(
        "a twentieth of the first", of(MATRICES, PowersByInterpolation(terms=80)), instead(interpolated=nearest_weights)
    ),
    Saboteur(
        "below the built-in estimate", of(CHARGES, EmpiricalMultipole()), put("estimate", lambda found: 1e-4 * found)
    ),
    Saboteur("five digits", of(CHARGES, EmpiricalMultipole()), after(rougher)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


def test_large_weights_round_what_they_combine():
    """Errors of some 1e-12 with weights of some hundreds: rounding, and no breach of δ/(α − δ)."""
    about = dict(n=102, seed=465358888, strength=1.2358631436894931, tests=19, training=24)
    problem, method = MovingInclusion(**about), NonintrusiveMatrices()
    (claim,) = [one for one in method.claims(problem) if one.measure == "share"]
    run = tk.solve(problem, method, tk.Stop(rtol=0.0, steps=40), ("share",))
    assert run.k > 20 and tk.judge(claim, run).holds
