"""Preconditioners against their formulas, dense; symmetry, eigenvalue intervals, breakdowns, copies."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.linalg as la
import scipy.sparse as sp

import toolkit as tk
from toolkit.preconditioner import (
    CG,
    IC0,
    ILU0,
    SOR,
    SSOR,
    AdditiveSchwarz,
    ChebyshevPolynomial,
    Deflation,
    GaussSeidel,
    Identity,
    Jacobi,
    Multigrid,
    Outliers,
    Poisson,
    RugeStuben,
    SmoothedAggregation,
    SymmetricPolynomial,
    ThresholdILU,
    system,
)
from toolkit.preconditioner.stationary.preconditioning import inverse_matrix
from toolkit.preconditioner.stationary.relaxation import is_consistently_ordered, jacobi_radius, young_omega
from toolkit.preconditioner.stencils.convection import ConvectionDiffusion
from toolkit.preconditioner.stencils.diffusion import Diffusion
from toolkit.preconditioner.stencils.poisson import Anisotropic


def scattered(kind, size=24):
    """A sparse random system: 'spd', 'hpd' (complex), 'general' (diagonally dominant, nonsymmetric)."""
    rng = np.random.default_rng(7)
    a = sp.random_array((size, size), density=0.12, rng=rng).toarray() - 0.3 * np.eye(size)
    if kind == "hpd":
        a = a + 1j * sp.random_array((size, size), density=0.1, rng=rng).toarray()
    if kind == "general":
        made = a + 5 * np.eye(size)
    else:
        made = a + a.conj().T
        made += np.diag(0.5 + np.abs(made).sum(axis=1) * rng.uniform(1.0, 2.0, size))
    b = rng.standard_normal(size)
    return system(sp.csr_array(made), b, definite=kind != "general")


SYSTEMS = {
    "poisson": Poisson(dim=2, n=6),
    "cube": Poisson(dim=3, n=4),
    "spd": scattered("spd"),
    "hpd": scattered("hpd"),
    "general": scattered("general"),
}
POSITIVE = [name for name in SYSTEMS if name != "general"]


def parts(problem):
    """A, D, L, U dense."""
    a = problem.matrix.toarray()
    return a, np.diag(np.diag(a)), np.tril(a, -1), np.triu(a, 1)


def inverse(method, problem):
    """M⁻¹, dense."""
    return inverse_matrix(method.build(problem), problem)


def eigenvalues(method, problem):
    """Of M⁻¹A for Hermitian positive definite A and M, ascending."""
    return np.sort(la.eigvals(inverse(method, problem) @ problem.matrix.toarray()).real)


RELAXATION = {
    "jacobi": (Jacobi(omega=0.7), lambda a, d, lo, up: d / 0.7),
    "gauss_seidel": (GaussSeidel(), lambda a, d, lo, up: d + lo),
    "backward": (GaussSeidel(direction="backward"), lambda a, d, lo, up: d + up),
    "sor": (SOR(omega=1.3), lambda a, d, lo, up: d / 1.3 + lo),
    "ssor": (SSOR(omega=1.3), lambda a, d, lo, up: 1.3 / 0.7 * (d / 1.3 + lo) @ la.inv(d) @ (d / 1.3 + up)),
}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("which", RELAXATION)
class TestRelaxation:
    def test_is_its_formula(self, name, which):
        method, formula = RELAXATION[which]
        np.testing.assert_allclose(
            inverse(method, SYSTEMS[name]) @ formula(*parts(SYSTEMS[name])), np.eye(SYSTEMS[name].size), atol=1e-13
        )

    def test_compiled_steps_are_x_plus_solve_of_the_residual(self, name, which):
        method, formula = RELAXATION[which]
        a, b, x = parts(SYSTEMS[name])[0], SYSTEMS[name].rhs, np.zeros(SYSTEMS[name].size)
        run = tk.Run(SYSTEMS[name], method, tk.Stop(rtol=0.0, steps=4)).finish()
        for _ in range(4):
            x = x + la.solve(formula(*parts(SYSTEMS[name])), b - a @ x)
        np.testing.assert_allclose(run.solution(), x, rtol=1e-12, atol=1e-14)
        residual = np.linalg.norm(b - a @ x) / SYSTEMS[name].norm
        np.testing.assert_allclose(run.history["residual"][-1], residual, rtol=1e-9)


def radius(method, problem):
    return np.abs(la.eigvals(np.eye(problem.size) - inverse(method, problem) @ problem.matrix.toarray())).max()


def has_ordering_vector(a):
    """Young's property by force: ranks by relaxing γ_j = γ_i + 1 (i < j) until nothing moves, or a contradiction."""
    size, gamma = len(a), {}
    for root in range(size):
        stack = [] if root in gamma else [(root, 0)]
        while stack:
            i, rank = stack.pop()
            if gamma.setdefault(i, rank) != rank:
                return False
            stack += [
                (j, rank + (1 if j > i else -1))
                for j in range(size)
                if j != i and (a[i, j] or a[j, i]) and gamma.get(j) != rank + (1 if j > i else -1)
            ]
    return True


def test_consistent_order_is_recognised():
    rng = np.random.default_rng(3)
    found = set()
    for size in [2, 3, 4, 5, 6] * 30:
        a = np.eye(size) + np.triu(rng.random((size, size)) < 0.35, 1) + np.tril(rng.random((size, size)) < 0.15, -1)
        found.add(expected := has_ordering_vector(a))
        assert is_consistently_ordered(sp.csr_array(a)) == expected
    assert found == {True, False}
    assert is_consistently_ordered(Poisson(dim=3, n=5).matrix)
    assert not is_consistently_ordered(Anisotropic(n=6, angle=30.0).matrix)


@pytest.mark.parametrize("omega", [1.0, 1.3, 1.8])
@pytest.mark.parametrize(
    "problem",
    [Diffusion(n=8, contrast=1e3, features=3), Anisotropic(n=8), ConvectionDiffusion(n=8, peclet=20.0)],
    ids=lambda problem: problem.slug(),
)
def test_sor_obeys_youngs_relation_wherever_the_order_is_consistent(problem, omega):
    expected = SOR().factor(jacobi_radius(problem), omega)
    assert radius(SOR(omega=omega), problem) == pytest.approx(expected, rel=1e-3)
    assert "Young" in SOR(omega=omega).claims(problem)[0].title


@pytest.mark.parametrize("problem", [Poisson(dim=1, n=9), Poisson(dim=2, n=8), Poisson(dim=3, n=5)])
class TestConsistentOrder:
    def test_jacobi_and_gauss_seidel(self, problem):
        """cos πh, and its square (Young: λ = μ²)."""
        mu = np.cos(np.pi / problem.n)
        assert radius(Jacobi(), problem) == pytest.approx(mu, rel=1e-12)
        assert radius(GaussSeidel(), problem) == pytest.approx(mu**2, rel=1e-6)

    @pytest.mark.parametrize("omega", [0.5, 1.0, 1.2, 1.7, 1.9])
    def test_sor_obeys_youngs_relation(self, problem, omega):
        """(λ + ω − 1)² = λ ω² μ² for the largest λ."""
        expected = SOR().factor(np.cos(np.pi / problem.n), omega)
        assert radius(SOR(omega=omega), problem) == pytest.approx(expected, rel=1e-3)

    def test_no_omega_beats_youngs(self, problem):
        """ω_opt − 1 at ω_opt = 2/(1 + sin πh); a defective eigenvalue is found to √ε only."""
        best = young_omega(np.cos(np.pi / problem.n))
        assert best == pytest.approx(2 / (1 + np.sin(np.pi / problem.n)))
        least = radius(SOR(), problem)
        assert least == pytest.approx(best - 1, abs=1e-4)
        assert all(radius(SOR(omega=best + shift), problem) > least for shift in (-0.05, 0.05))

    def test_ssor_condition_is_below_axelssons_bound(self, problem):
        """κ ≤ 1/2 + 1/(2 sin(πh/2)), and the eigenvalues are at most 1."""
        values = eigenvalues(SSOR(), problem)
        assert values[-1] <= 1 + 1e-12
        bound = 0.5 + 0.5 / np.sin(np.pi / problem.n / 2)
        assert SSOR().condition(problem) == pytest.approx(bound)
        assert 0.6 * bound < values[-1] / values[0] <= bound


@pytest.mark.parametrize("name", SYSTEMS)
class TestIncomplete:
    def test_ilu0_agrees_with_a_on_its_pattern(self, name):
        a = SYSTEMS[name].matrix.toarray()
        made = la.inv(inverse(ILU0(), SYSTEMS[name]))
        np.testing.assert_allclose(made[a != 0], a[a != 0], rtol=1e-10, atol=1e-10 * abs(a).max())

    def test_ic0_agrees_with_shifted_a_on_its_pattern(self, name):
        if not SYSTEMS[name].symmetric:
            with pytest.raises(tk.Breakdown, match="Hermitian"):
                IC0().build(SYSTEMS[name])
            return
        a = SYSTEMS[name].matrix.toarray()
        made = la.inv(inverse(IC0(shift=0.1), SYSTEMS[name]))
        expected = a + 0.1 * np.diag(np.diag(a))
        np.testing.assert_allclose(made[a != 0], expected[a != 0], rtol=1e-10, atol=1e-10 * abs(a).max())

    def test_threshold_ilu_keeps_everything_at_zero_threshold(self, name):
        a = SYSTEMS[name].matrix.toarray()
        np.testing.assert_allclose(
            inverse(ThresholdILU(drop=0.0, fill=100.0), SYSTEMS[name]) @ a, np.eye(len(a)), atol=1e-10
        )

    def test_threshold_ilu_comes_closer_as_the_threshold_falls(self, name):
        a = SYSTEMS[name].matrix.toarray()
        far = [la.norm(np.eye(len(a)) - inverse(ThresholdILU(drop=t), SYSTEMS[name]) @ a) for t in (0.3, 1e-2, 1e-5)]
        assert far[0] > far[1] > far[2]


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("coarse", [True, False])
@pytest.mark.parametrize("overlap", [0, 1, 2])
def test_schwarz_is_the_sum_of_its_subdomain_solves(name, coarse, overlap):
    """M⁻¹ = θ (Σ R_iᵀ (R_i A R_iᵀ)⁻¹ R_i + Z (Zᴴ A Z)⁻¹ Zᴴ), every unknown in a subdomain, eigenvalues in (0, 1]."""
    problem, method = SYSTEMS[name], AdditiveSchwarz(subdomains=4, overlap=overlap, coarse=coarse)
    a = problem.matrix.toarray()
    members, pattern = method.memberships(problem)
    assert np.all(members.sum(axis=0) >= 1)
    total = np.zeros_like(a)
    for row in members.toarray().astype(bool):
        total[np.ix_(row, row)] += la.inv(a[np.ix_(row, row)])
    if coarse:
        z = method.coarse_basis(members).toarray()
        np.testing.assert_allclose(z.sum(axis=1), 1.0)
        total += z @ la.inv(z.T @ a @ z) @ z.T
    theta = method.scale(members, pattern)
    np.testing.assert_allclose(inverse(method, problem), theta * total, rtol=1e-9, atol=1e-12 * abs(total).max())
    values = eigenvalues(method, problem)
    assert values[0] > 0 and values[-1] <= 1 + 1e-10


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("count", [1, 5])
def test_deflation_moves_the_smallest_eigenvalues(name, count):
    """The spectrum of M⁻¹A over ω is that of A with λ_1 … λ_k replaced by λ_{k+1}."""
    problem = SYSTEMS[name]
    before = la.eigvalsh(problem.matrix.toarray())
    after = before.copy()
    after[:count] = before[count]
    omega = 2 / (before[count] + before[-1])
    np.testing.assert_allclose(eigenvalues(Deflation(count=count), problem), omega * np.sort(after), rtol=1e-8)
    assert Deflation(count=count).condition(problem) == pytest.approx(before[-1] / before[count])


def test_deflation_by_lanczos_is_deflation_by_dense_eigenvectors():
    problem = Poisson(dim=2, n=24)
    low, high = Deflation(count=6).interval(problem)
    values = la.eigvalsh(problem.matrix.toarray())
    assert high / low == pytest.approx(values[-1] / values[6], rel=1e-8)


@pytest.mark.parametrize("method", [RugeStuben(), SmoothedAggregation(), SmoothedAggregation(sweeps=2)])
def test_algebraic_two_grid_cycle_is_its_error_propagator(method):
    """I − M⁻¹A = (I − U⁻¹A)^ν (I − P (R A P)⁻¹ R A) (I − L⁻¹A)^ν with Gauss–Seidel's L = D + L, U = D + U."""
    problem = Poisson(dim=2, n=5)
    levels = method.solver(problem).levels
    assert len(levels) == 2
    a, d, lower, upper = parts(problem)
    p, r, unit = levels[0].P.toarray(), levels[0].R.toarray(), np.eye(len(a))
    coarse = unit - p @ la.solve(r @ a @ p, r @ a)
    before, after = unit - la.solve(d + lower, a), unit - la.solve(d + upper, a)
    power = np.linalg.matrix_power
    expected = power(after, method.sweeps) @ coarse @ power(before, method.sweeps)
    np.testing.assert_allclose(unit - inverse(method, problem) @ a, expected, atol=1e-12)


HERMITIAN = [
    Identity(),
    Jacobi(),
    SSOR(),
    SSOR(omega=1.6),
    IC0(),
    ChebyshevPolynomial(),
    ChebyshevPolynomial(degree=7, ratio=3.0),
    SymmetricPolynomial(degree=3),
    AdditiveSchwarz(subdomains=4),
    AdditiveSchwarz(subdomains=4, coarse=False),
    Deflation(count=4),
    Multigrid(),
    Multigrid(cycle="W", pre=2, post=2),
    SmoothedAggregation(),
    RugeStuben(cycle="W"),
]
ONE_SIDED = [
    GaussSeidel(),
    SOR(omega=1.3),
    ThresholdILU(drop=0.1),
    Multigrid(pre=2, post=1),
    Multigrid(cycle="F"),
    Multigrid(pre=0, post=1),
]


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("method", HERMITIAN, ids=repr)
def test_hermitian_ones_are_hermitian_positive_definite(name, method):
    problem = SYSTEMS[name]
    complex_matrix = problem.dtype.kind == "c"
    if method.suits(problem) or (complex_matrix and isinstance(method, RugeStuben)):
        pytest.skip("does not take this system")
    made = inverse(method, problem)
    assert method.hermitian
    np.testing.assert_allclose(made, made.conj().T, atol=1e-12 * abs(made).max())
    assert la.eigvalsh((made + made.conj().T) / 2)[0] > 0


@pytest.mark.parametrize("method", ONE_SIDED, ids=repr)
def test_others_say_so(method):
    made = inverse(method, Poisson(dim=2, n=16))
    assert not method.hermitian and np.abs(made - made.T).max() > 1e-6 * np.abs(made).max()
    assert CG(preconditioner=method).suits(Poisson(dim=2, n=16))


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("method", HERMITIAN, ids=repr)
def test_interval_holds_the_eigenvalues(name, method):
    """What the bound of CG is computed from is true: low ≤ λ(M⁻¹A) ≤ high."""
    problem = SYSTEMS[name]
    found = None if method.suits(problem) else method.interval(problem)
    if found is None:
        pytest.skip("no interval is given")
    values = eigenvalues(method, problem)
    assert found[0] * (1 - 1e-9) <= values[0] and values[-1] <= found[1] * (1 + 1e-9)


@pytest.mark.parametrize("method", [m for m in (*HERMITIAN, *ONE_SIDED) if m.hermitian], ids=repr)
def test_copies_work_side_by_side(method):
    """Copies used from two threads at once give what one alone gives, bit for bit, and leave r as it is."""
    problem = Poisson(dim=2, n=16)
    built = method.build(problem)
    sides = np.random.default_rng(1).standard_normal((40, problem.size))
    kept, alone = sides.copy(), np.empty_like(sides)
    for r, z in zip(sides, alone):
        built.apply(r, z)

    def work(rows):
        mine, out = built.copy(), np.empty((len(rows), problem.size))
        for r, z in zip(rows, out):
            mine.apply(r, z)
        return out

    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(work, (sides[:20], sides[20:])))
    np.testing.assert_array_equal(np.concatenate(halves), alone)
    np.testing.assert_array_equal(sides, kept)


def flawed(value, row):
    """Poisson with one diagonal entry overwritten."""
    a = Poisson(dim=1, n=9).matrix.tolil()
    a[row, row] = value
    return system(a.tocsr(), np.ones(8), symmetric=True)


@pytest.mark.parametrize("method", [Jacobi(), GaussSeidel(), SOR(), SSOR(), IC0(), ILU0()], ids=repr)
def test_a_zero_on_the_diagonal_is_named(method):
    with pytest.raises(tk.Breakdown, match=r"\b0\b") as trouble:
        method.build(flawed(0.0, 0))
    assert trouble.value.advice
    run = tk.solve(flawed(0.0, 0), method)
    assert run.status.kind == "failed" and run.status.advice


def test_ic0_names_the_row_of_a_bad_pivot_and_a_shift_mends_it():
    problem = flawed(-1.0, 5)
    with pytest.raises(tk.Breakdown, match="row 5"):
        IC0().build(problem)
    hard = system(sp.csr_array(np.array([[4.0, 3, 0], [3, 4, 3], [0, 3, 4]])), np.ones(3))
    with pytest.raises(tk.Breakdown, match="row 2"):
        IC0().build(hard)
    IC0(shift=1.0).build(hard)


@pytest.mark.parametrize(
    "method, problem, words",
    [
        (Deflation(), scattered("general"), "Hermitian"),
        (Deflation(count=30), scattered("spd"), "of 24"),
        (ChebyshevPolynomial(), scattered("general"), "positive definite"),
        (SymmetricPolynomial(), scattered("general"), "positive definite"),
        (RugeStuben(), scattered("hpd"), "real"),
        (ThresholdILU(fill=100.0), Poisson(n=160), "lower fill"),
        (Multigrid(), scattered("spd"), "grid"),
        (ThresholdILU(), system(sp.csr_array((3, 3)), np.ones(3)), "singular"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_built_says_why_and_what_to_do(method, problem, words):
    with pytest.raises(tk.Breakdown, match=words) as trouble:
        method.build(problem)
    assert trouble.value.advice


def test_algebraic_multigrid_is_reproducible():
    problem = Poisson(dim=2, n=20)
    for method in (RugeStuben(), SmoothedAggregation()):
        np.testing.assert_array_equal(inverse(method, problem), inverse(method, problem))


VARIANTS = [
    (Poisson(dim=2, n=12), Jacobi(omega=0.8)),
    (Poisson(dim=2, n=12), GaussSeidel(direction="backward")),
    (Poisson(dim=1, n=16), SOR(omega=1.9)),
    (Poisson(dim=2, n=12), SOR(omega=1.2)),
    (Poisson(dim=3, n=8), SSOR(omega=1.4)),
    (Poisson(dim=2, n=12), IC0(shift=0.1)),
    (Poisson(dim=2, n=12), ThresholdILU(drop=0.0)),
    (Poisson(dim=2, n=12), ChebyshevPolynomial(degree=9, ratio=5.0)),
    (Poisson(dim=2, n=12), AdditiveSchwarz(coarse=False)),
    (Poisson(dim=2, n=12), AdditiveSchwarz(subdomains=9, overlap=2)),
    (Poisson(dim=2, n=40), Deflation(count=20)),
    (Poisson(dim=2, n=32), Multigrid(cycle="W")),
    (Poisson(dim=2, n=32, load="noise"), Multigrid(cycle="F", pre=2)),
    (Poisson(dim=2, n=32, load="sine"), Multigrid(full=True)),
    (Poisson(dim=3, n=16, load="sine"), Multigrid(full=True)),
    (Poisson(dim=1, n=32, load="sine"), Multigrid(full=True, pre=1, post=0)),
    (Anisotropic(n=16), Multigrid()),
    (Anisotropic(n=16, ratio=1e4, angle=90.0), Multigrid(cycle="W")),
    (Poisson(dim=2, n=12), RugeStuben(cycle="W")),
    (Poisson(dim=2, n=12), SmoothedAggregation(cycle="W")),
]


@pytest.mark.parametrize("problem, method", VARIANTS, ids=repr)
def test_claims_of_turned_knobs_hold(problem, method):
    claims = method.claims(problem)
    assert claims
    for claim in claims:
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is True, f"{claim.title}: {verdict}"


@pytest.mark.parametrize("n", [4, 9, 32])
def test_axelssons_omega_in_closed_form(n):
    """2/(1 + 2 sin(πh/2)) on Poisson."""
    assert SSOR().relaxation(Poisson(n=n)) == pytest.approx(2 / (1 + 2 * np.sin(np.pi / (2 * n))), rel=1e-12)


@pytest.mark.parametrize("coarse, theta", [(True, 1 / 5), (False, 1 / 4)])
def test_schwarz_is_scaled_by_its_colours(coarse, theta):
    """Four overlapping quarters of a square touch one another: four colours, and one more for the coarse space."""
    method = AdditiveSchwarz(subdomains=4, coarse=coarse)
    assert method.scale(*method.memberships(Poisson(n=9))) == pytest.approx(theta)


def test_a_w_cycle_is_paid_for_as_often_as_it_comes_to_a_level():
    """Once, twice, four times, …; to the bottom as often as to the level above it."""
    hierarchy = SmoothedAggregation(cycle="W").hierarchy(Poisson(n=64))
    assert len(hierarchy.levels) >= 4
    last = 2 ** (len(hierarchy.levels) - 2)
    assert hierarchy.visits("W") == [*(2**i for i in range(len(hierarchy.levels) - 1)), last]
    assert hierarchy.visits("V") == [1] * len(hierarchy.levels)


SCALABLE = [
    Multigrid(),
    Multigrid(cycle="W"),
    RugeStuben(),
    SmoothedAggregation(cycle="W"),
    AdditiveSchwarz(),
]


@pytest.mark.parametrize("method", SCALABLE, ids=repr)
@pytest.mark.parametrize("problem", [Poisson(dim=2, n=16), Poisson(dim=2, n=16, load="noise")], ids=repr)
def test_steps_of_cg_do_not_grow_with_n(method, problem):
    claims = method.krylov_claims(problem)
    assert claims
    for claim in claims:
        assert tk.check(claim, problem, CG(preconditioner=method)).holds is True


@pytest.mark.parametrize(
    "promiser, impostor",
    [
        (Jacobi(), GaussSeidel()),
        (GaussSeidel(), Jacobi()),
        (SOR(), GaussSeidel()),
        (SSOR(), GaussSeidel()),
        (Multigrid(cycle="W"), SSOR()),
        (RugeStuben(), CG()),
        (AdditiveSchwarz(), AdditiveSchwarz(coarse=False)),
        (Deflation(count=8), Deflation(count=2)),
    ],
    ids=repr,
)
def test_claims_tell_methods_apart(promiser, impostor):
    """What one method promises another one does not keep: every list of claims has one that fails for it."""
    problem = Poisson(dim=2, n=16)
    assert any(tk.check(claim, problem, impostor).holds is False for claim in promiser.claims(problem))


def test_two_level_schwarz_beats_one_level_with_many_subdomains():
    problem, stop = Poisson(dim=2, n=48), tk.Stop(rtol=1e-8)
    two, one = (tk.solve(problem, CG(preconditioner=AdditiveSchwarz(coarse=c)), stop).k for c in (True, False))
    assert two < 0.8 * one


def test_outliers_have_the_planted_spectrum():
    problem = Outliers(n=30, outliers=3, gap=50.0, bulk=4.0, seed=3)
    np.testing.assert_allclose(la.eigvalsh(problem.matrix.toarray()), problem.spectrum, rtol=1e-10)
    assert problem.spectrum[-3] / problem.spectrum[-4] == pytest.approx(50.0)
