"""Radial elements: closed forms, dense eigenproblems, published energies of atoms, and the theorems they must obey."""

import numpy as np
import pytest
import scipy.linalg as la

import toolkit as tk
from toolkit.kernels.line import radial as kernels
from toolkit.mesh.quantum.atomic_table import SYMBOLS, shells, split
from toolkit.mesh.quantum.dirac import SquaredDirac, origin_power, sommerfeld
from toolkit.mesh.quantum.energy_levels import DegreeLadder, DiracLadder, ElementLadder
from toolkit.mesh.quantum.kohn_sham import KohnShamAtom, SelfConsistency
from toolkit.mesh.quantum.looks import PICTURES
from toolkit.mesh.quantum.radial_elements import C_LIGHT, RadialElements, graded, lobatto
from toolkit.mesh.quantum.radial_levels import HydrogenLike, RadialOscillator, RelativisticIon

STOP = tk.Stop(rtol=1e-9, steps=60)

# NIST Standard Reference Database 141, LDA, Ha: total energies of the neutral atoms, H to U, as printed.
NIST = """-0.445671 -2.834836 -7.335195 -14.447209 -24.344198 -37.425749 -54.025016 -74.473077 -99.099648 -128.233481
-161.440060 -199.139406 -241.315573 -288.198397 -339.946219 -396.716081 -458.664179 -525.946195 -598.200590
-675.742283 -758.679275 -847.277216 -941.678904 -1042.030238 -1148.449372 -1261.093056 -1380.091264 -1505.580197
-1637.785861 -1776.573850 -1921.846456 -2073.807332 -2232.534978 -2398.111440 -2570.620700 -2750.147940
-2936.337293 -3129.453161 -3329.520604 -3536.737751 -3751.196175 -3973.013235 -4202.188857 -4438.981228
-4683.301031 -4935.368406 -5195.031215 -5462.390982 -5737.309064 -6019.953353 -6310.376268 -6608.631413
-6914.773092 -7228.856107 -7550.557710 -7880.111578 -8217.575230 -8563.360285 -8917.664369 -9280.311037
-9651.484134 -10031.259090 -10419.710775 -10816.653877 -11222.941975 -11637.869664 -12061.770549 -12494.718304
-12936.786494 -13388.048594 -13848.230375 -14317.493720 -14795.884202 -15283.448822 -15780.236024 -16286.295408
-16801.677471 -17326.576377 -17860.790943 -18404.274220 -18956.957627 -19518.993145 -20090.414449 -20671.256539
-21261.555215 -21861.346869 -22470.319655 -23088.688083 -23716.496952 -24353.832231 -25001.291382 -25658.417889"""

# O. Čertík et al., Comput. Phys. Commun. 184 (2013) 1777: eigenvalues of uranium (Ha), by n, then l, then j.
URANIUM = """-3689.3551398369 -639.7787280866 -619.1085501807 -161.1180732100 -150.9789801633 -131.9773582831
-40.5280842452 -35.8533208325 -27.1232122996 -15.0274600691 -8.8240894015 -7.0180922045 -3.8661751349 -0.3665433531
-1.3259763180 -0.8225379709 -0.1431901813 -0.1309478622"""
URANIUM_DIRAC = """-4223.4190204552 -789.4897823303 -761.3744759730 -622.8480945649 -199.4298056450 -186.6637131249
-154.7010266741 -134.5411802896 -128.0166573820 -50.7889480646 -45.0371712884 -36.6886104859 -27.5293062430
-25.9854289064 -13.8895142333 -13.4854696912 -11.2955870987 -9.0579642498 -7.0692956350 -3.7974162278 -3.5012171832
-0.1467883850 -0.1160471651 -1.7480399541 -1.1011189998 -0.7757841787 -0.1030408153 -0.0848020246 -0.1609472826"""


def atom(Z, relativistic=False, stop=STOP, **knobs):
    run = tk.solve(KohnShamAtom(Z=Z, relativistic=relativistic), SelfConsistency(**knobs), stop)
    assert run.status.kind == "converged"
    return run.state


def dense(blocks, shared):
    count, m, _ = blocks.shape
    out = np.zeros((count * (m - shared) + shared,) * 2)
    for e, block in enumerate(blocks):
        at = slice(e * (m - shared), e * (m - shared) + m)
        out[at, at] += block
    return out


# -- elements --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 5, 16])
def test_lobatto_is_exact_to_its_degree_and_no_further(p):
    x, w = lobatto(p)
    for k in range(2 * p):
        assert w @ x**k == pytest.approx((1 - (-1) ** (k + 1)) / (k + 1), abs=1e-14)
    assert abs(w @ x ** (2 * p) - 2 / (2 * p + 1)) > 1e-10


def test_graded_mesh_has_the_ratio_asked_for():
    lengths = np.diff(graded(30.0, 7, 500.0))
    assert lengths.sum() == pytest.approx(30.0) and lengths[-1] / lengths[0] == pytest.approx(500.0)
    np.testing.assert_allclose(np.diff(np.log(lengths)), np.log(500.0) / 6, rtol=1e-10)
    np.testing.assert_allclose(np.diff(graded(30.0, 7, 1.0)), 30 / 7)


@pytest.mark.parametrize("exponent", [0.0, -0.5, -0.97])
def test_quadrature_takes_the_singularity_at_the_nucleus(exponent):
    """∫ r^α e^{−r} dr = Γ(α + 1), where Gauss–Legendre alone would lose all but a few digits."""
    from scipy.special import gamma

    el = RadialElements(graded(50.0, 8, 100.0), 14, exponent)
    assert el.integral(el.r**exponent * np.exp(-el.r)) == pytest.approx(gamma(exponent + 1), rel=1e-11)


def test_derivatives_of_the_basis():
    el = RadialElements(graded(3.0, 4, 5.0), 9)
    np.testing.assert_allclose(el.at_points(el.places**9), el.r**9, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(el.at_points(el.places**9, "slopes"), 9 * el.r**8, rtol=1e-10, atol=1e-8)


def test_poisson_of_hydrogens_density():
    """n = e^{−2r}/π has V = 1/r − e^{−2r}(1 + 1/r)."""
    el = RadialElements(graded(40.0, 6, 500.0), 16)
    exact = 1 / el.r - np.exp(-2 * el.r) * (1 + 1 / el.r)
    np.testing.assert_allclose(el.hartree(np.exp(-2 * el.r) / np.pi), exact, atol=1e-10)


@pytest.mark.parametrize("shared", [1, 2])
def test_eigenpairs_against_lapack(shared):
    """Chains of symmetric element matrices, from nothing and from eigenpairs of a matrix close by."""
    rng = np.random.default_rng(shared)
    A, S = rng.standard_normal((2, 5, 6, 6))
    A, S = A + A.transpose(0, 2, 1), S @ S.transpose(0, 2, 1) + np.eye(6)
    inner = slice(shared, -shared)
    size = len(dense(A, shared))
    values, x = np.empty(6), np.empty((6, size))
    kernels.lowest(A, S, shared, True, 1e-8, False, values, x)
    for change in (0.0, 0.05, 0.8):
        A = A + change * np.eye(6) * rng.standard_normal((5, 1, 1))
        full, mass = dense(A, shared)[inner, inner], dense(S, shared)[inner, inner]
        if change:
            kernels.lowest(A, S, shared, True, 1e-8, True, values, x)
        np.testing.assert_allclose(values, la.eigh(full, mass, eigvals_only=True)[:6], atol=1e-10)
        np.testing.assert_allclose(x[:, inner] @ mass @ x[:, inner].T, np.eye(6), atol=1e-9)
        np.testing.assert_allclose(full @ x[:, inner].T, mass @ x[:, inner].T * values, atol=1e-8)


# -- levels ----------------------------------------------------------------------------------------------------------

EXACT = [
    *(HydrogenLike(Z=Z, l=l, levels=5) for Z in (1, 92) for l in (0, 1, 3)),
    *(RadialOscillator(omega=w, l=l, levels=4) for w in (0.5, 2.0) for l in (0, 2)),
]


@pytest.mark.parametrize("problem", EXACT, ids=str)
def test_levels_of_the_closed_form(problem):
    run = tk.solve(problem, DegreeLadder(elements=8, p=12), tk.Stop(steps=8, rtol=0.0))
    np.testing.assert_allclose(run.solution(), problem.exact, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("kappa", [-3, -2, -1, 1, 2])
@pytest.mark.parametrize("Z", [1, 92])
def test_dirac_levels_of_sommerfeld_and_none_besides(Z, kappa):
    """The six lowest are the closed form's in order: a spurious level would push one out."""
    problem = RelativisticIon(Z=Z, kappa=kappa, levels=6)
    run = tk.solve(problem, DiracLadder(elements=8, p=18), tk.Stop(steps=1, rtol=0.0))
    np.testing.assert_allclose(run.solution(), problem.exact, rtol=0, atol=1e-8)


def test_sommerfeld_has_the_fine_structure_of_hydrogen():
    """To first order −Z⁴/2n³c² (1/|κ| − 3/4n)."""
    for n, kappa in ((1, -1), (2, 1), (2, -2)):
        shift = -1 / (2 * n**3 * C_LIGHT**2) * (1 / abs(kappa) - 0.75 / n)
        assert sommerfeld(1, n, kappa) + 0.5 / n**2 == pytest.approx(shift, rel=1e-4)


def test_r_to_the_beta_makes_the_convergence_exponential():
    stop = tk.Stop(steps=16, rtol=0.0)
    withit, without = (
        tk.solve(RelativisticIon(), DiracLadder(asymptotic=on), stop).history["energy_error"] for on in (True, False)
    )
    assert withit[-1] < 1e-8 < 1.0 < without[-1]


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("mesh", ["uniform", "exponential"])
def test_order_two_p_in_h(p, mesh):
    method = ElementLadder(p=p, mesh=mesh, grading=10.0)
    error = tk.solve(HydrogenLike(levels=1), method, tk.Stop(steps=5, rtol=0.0)).history["energy_error"]
    assert np.log2(error[-2] / error[-1]) == pytest.approx(2 * p, abs=0.2)


def test_hellmann_feynman_and_virial_of_hydrogen():
    """dE/dZ = ⟨−1/r⟩ = −Z/n² and ⟨V⟩ = 2E, state by state."""
    problem = HydrogenLike(Z=3, levels=4)
    el = RadialElements(graded(problem.r_max, 7, 100.0), 20)
    energies, P, _ = el.levels(problem.potential(el.r), 0, 4)
    inverse = np.array([el.integral(u**2 / el.r) for u in el.at_points(P)])
    np.testing.assert_allclose(-inverse, -3 / np.arange(1, 5) ** 2, rtol=1e-8)
    np.testing.assert_allclose(-3 * inverse, 2 * energies, rtol=1e-8)
    step = 1e-3
    up, down = (el.levels(-(3 + d) / el.r, 0, 4)[0] for d in (step, -step))
    np.testing.assert_allclose((up - down) / (2 * step), -inverse, rtol=1e-8)


def test_dirac_operator_acts_on_its_states():
    """(H − E)(P, Q) = 0 at the points: the unsquared equation P' = … , from states of the squared one."""
    Z, kappa = 80, -1
    beta = origin_power(Z, kappa)
    el = RadialElements(graded(1.0, 8, 1e3), 18, 2 * beta - 2, spare=14)
    E, nodal, _ = SquaredDirac(el, kappa, beta).solve(-Z / el.r, 2)
    inside = el.r > 1e-3
    for level in range(2):
        p, q = el.at_points(nodal[:, level])
        dp, dq = el.at_points(nodal[:, level], "slopes")
        upper = (-Z / el.r - E[level]) * p + C_LIGHT * (-dq - beta / el.r * q + kappa / el.r * q)
        lower = (-Z / el.r - 2 * C_LIGHT**2 - E[level]) * q + C_LIGHT * (dp + beta / el.r * p + kappa / el.r * p)
        scale = np.max(np.abs(C_LIGHT**2 * p[inside]))
        assert max(np.max(np.abs(upper[inside])), np.max(np.abs(lower[inside]))) < 1e-6 * scale


# -- exchange and correlation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("c_light", [0.0, C_LIGHT])
def test_potential_is_the_derivative_of_the_energy(c_light):
    n = np.geomspace(1e-8, 1e8, 60)
    step = 1e-4 * n
    energy, _ = functional(np.concatenate((n + step, n - step)), c_light)
    up, down = energy.reshape(2, -1)
    slope = ((n + step) * up - (n - step) * down) / (2 * step)
    np.testing.assert_allclose(functional(n, c_light)[1], slope, rtol=2e-8, atol=5e-8)


def functional(n, c_light=0.0):
    energy, potential = np.empty_like(n), np.empty_like(n)
    kernels.exchange_correlation(n, c_light, energy, potential)
    return energy, potential


def test_correlation_of_the_electron_gas():
    """Ceperley and Alder, Phys. Rev. Lett. 45 (1980) 566, paramagnetic, in Rydberg."""
    rs = np.array([5.0, 10.0, 20.0])
    energy, _ = functional(3 / (4 * np.pi * rs**3))
    exchange = -3 / (4 * np.pi) * (9 * np.pi / 4) ** (1 / 3) / rs
    np.testing.assert_allclose(2 * (energy - exchange), [-0.0563, -0.0372, -0.0230], rtol=0.01)


def test_relativistic_exchange_at_its_limits():
    """No change for thin gas; −1/2 of the exchange energy and potential where β = k_F/c is large; smooth between."""
    thin, dense_gas = np.array([1e-3]), np.array([1e16])
    np.testing.assert_allclose(functional(thin, C_LIGHT), functional(thin), rtol=1e-4)
    np.testing.assert_allclose(
        [a / b for a, b in zip(functional(dense_gas, C_LIGHT), functional(dense_gas))], -0.5, atol=0.02
    )
    edge = (0.02 * C_LIGHT) ** 3 / (3 * np.pi**2) * np.array([1 - 1e-9, 1 + 1e-9])
    np.testing.assert_allclose(*np.array(functional(edge, C_LIGHT)).T, rtol=2e-9)


# -- atoms -----------------------------------------------------------------------------------------------------------


def test_shells_hold_all_electrons():
    assert len(SYMBOLS) == 118 and SYMBOLS[91] == "U"
    for Z in range(1, 119):
        filled = shells(Z)
        assert sum(count for *_, count in filled) == Z
        assert sum(count for shell in filled for *_, count in split(shell)) == pytest.approx(Z)


@pytest.mark.parametrize("Z", [*range(1, 19), 26, 46, 57, 64, 79, 92])
def test_total_energies_of_the_table(Z):
    state = atom(Z)
    assert abs(state.total_energy - KohnShamAtom(Z=Z).published) < 1e-8
    if Z <= 18 or Z == 92:
        assert f"{state.total_energy:.6f}" == NIST.split()[Z - 1]
    assert abs(state.virial - 2) < 1e-9
    assert state.elements.integral(4 * np.pi * state.elements.r**2 * state.density) == pytest.approx(Z, rel=1e-11)
    assert state.elements.hartree(state.density)[-1, -1] * state.elements.r[-1, -1] == pytest.approx(Z, rel=1e-10)


def test_the_tables_agree_on_all_atoms():
    """The further digits round to those of NIST; of four heavy atoms NIST's last digit is the next one."""
    further = np.array([KohnShamAtom(Z=Z).published for Z in range(1, 93)])
    gap = np.round(1e6 * np.abs(np.round(further, 6) - np.array(NIST.split(), dtype=float)))
    assert [SYMBOLS[k] for k in np.flatnonzero(gap)] == ["Rh", "In", "Xe", "Ir"] and gap.max() == 1


@pytest.mark.parametrize("Z", [1, 2, 10, 18, 47, 79])
def test_relativistic_energies_of_the_table(Z):
    assert abs(atom(Z, True).total_energy - KohnShamAtom(Z=Z, relativistic=True).published) < 1e-8


@pytest.mark.parametrize(
    "relativistic, energy, levels", [(False, -25658.4178888534, URANIUM), (True, -28001.1323254868, URANIUM_DIRAC)]
)
def test_uranium_to_the_accuracy_of_the_paper(relativistic, energy, levels):
    state = atom(92, relativistic, tk.Stop(rtol=2e-10, steps=60))  # the deepest levels follow V to first order
    assert abs(state.total_energy - energy) < 1e-8
    np.testing.assert_allclose(state.energies, np.array(levels.split(), dtype=float), rtol=0, atol=1e-8)


def test_light_atoms_have_no_relativity_where_light_is_fast():
    """E(RLDA) − E(LDA) of helium is Z⁴/c² small: 5e-5, and the published difference to ten digits."""
    gap = atom(2, True).total_energy - atom(2).total_energy
    assert gap == pytest.approx(-2.8347852848 + 2.8348356241, abs=1e-9)


@pytest.mark.parametrize(
    "problem, method",
    [
        (HydrogenLike(Z=92, l=1), DegreeLadder(elements=1, mesh="uniform")),
        (RadialOscillator(levels=6), ElementLadder(p=1, elements=2)),
        (RelativisticIon(levels=6), DiracLadder(elements=1, p=1)),
    ],
    ids=str,
)
def test_more_levels_than_unknowns_are_refused(problem, method):
    """The search for an eigenvalue that is not there would never end."""
    run = tk.solve(problem, method)
    assert run.status.kind == "failed" and "states" in run.status.cause and "Raise" in run.status.advice


def test_beyond_uranium_everything_is_bound():
    state = atom(118)
    assert np.all(state.energies < 0) and abs(state.virial - 2) < 1e-8
    assert KohnShamAtom(Z=118).published is None


def test_another_mesh_gives_the_same_atom():
    assert atom(10, elements=9, p=20, grading=2e3, r_max=30.0).total_energy == pytest.approx(
        atom(10).total_energy, abs=1e-8
    )


def test_anderson_needs_fewer_rounds_than_linear_mixing():
    rounds = {
        mixing: tk.solve(KohnShamAtom(Z=10), SelfConsistency(mixing=mixing), STOP).k
        for mixing in ("Anderson", "linear")
    }
    assert 2 * rounds["Anderson"] < rounds["linear"]


def test_too_few_elements_show():
    """An error of the mesh is seen in the virial ratio, without any table."""
    coarse = atom(10, elements=2, p=8, grading=1.0)
    assert abs(coarse.virial - 2) > 1e-3 and abs(coarse.total_energy - float(NIST.split()[9])) > 1e-3


def test_pictures_of_levels_and_atoms():
    neon = tk.Run(KohnShamAtom(Z=10), SelfConsistency(), STOP).step(1)
    level = tk.Run(HydrogenLike(), ElementLadder(), STOP).step(1)
    for picture in PICTURES:
        of = [run for run in (neon, level) if picture.applies(run.problem, run.state)]
        assert of == ([neon] if picture.name in ("shells", "eigenvalues") else [neon, level])
        for run in of:
            data = picture.data(run.problem, run.state)
            assert data
            if picture.kind == "lines":
                assert all(len(line) == len(data["x"]) for line in data.values())


def test_a_person_is_told_what_is_wrong():
    with pytest.raises(tk.KnobError, match=r"KohnShamAtom.Z = 119: expected a whole number from 1 to 118"):
        KohnShamAtom(Z=119)
    with pytest.raises(tk.KnobError, match="one of -4"):
        RelativisticIon(kappa=0)
