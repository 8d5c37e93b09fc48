"""The problems are what they say: spectra in closed form, exact solutions, orders of accuracy, signs, determinism."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

import toolkit as tk
from toolkit.core import spec as specs
from toolkit.preconditioner.stationary.incomplete import ThresholdILU
from toolkit.preconditioner.stationary.preconditioning import inverse_matrix
from toolkit.preconditioner.stationary.shifted_laplace import ShiftedLaplace
from toolkit.preconditioner.stencils.convection import ConvectionDiffusion
from toolkit.preconditioner.stencils.couplings import assemble, couplings
from toolkit.preconditioner.stencils.diffusion import Diffusion, _refined
from toolkit.preconditioner.stencils.helmholtz import Helmholtz
from toolkit.preconditioner.stencils.poisson import Anisotropic, Poisson
from toolkit.preconditioner.stencils.problems import cross, stencil_matrix
from toolkit.preconditioner.systems import sparse
from toolkit.preconditioner.systems.given import system
from toolkit.preconditioner.systems.problems import LinearSystem

MEDIA = ("constant", "checkerboard", "log-normal", "channels", "photograph")
SMALL = (
    Poisson(dim=1, n=20),
    Poisson(dim=2, n=9),
    Poisson(dim=3, n=6),
    Anisotropic(n=9),
    Anisotropic(n=9, ratio=1e4, angle=30.0),
    Diffusion(n=10),
    Diffusion(dim=3, n=6, medium="checkerboard", contrast=1e6),
    ConvectionDiffusion(n=9),
    ConvectionDiffusion(n=9, peclet=0.0),
    Helmholtz(n=9),
    Helmholtz(n=9, damping=0.3),
    Helmholtz(dim=1, n=20, wavenumber=2.0),
)


def name(problem):
    return "-".join([problem.slug(), *(f"{k}={v}" for k, v in specs.values(problem).items())])


def dense(problem):
    return problem.matrix.toarray()


# -- every problem ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", SMALL, ids=name)
class TestEveryProblem:
    def test_flags_say_the_truth(self, problem):
        a = dense(problem)
        assert problem.symmetric == bool(np.allclose(a, a.conj().T, rtol=1e-13, atol=0))
        if problem.symmetric:
            assert problem.definite == bool(np.linalg.eigvalsh(a)[0] > 0)
        else:
            assert not problem.definite

    def test_exact_solves_the_system(self, problem):
        x = np.linalg.solve(dense(problem), problem.rhs)
        np.testing.assert_allclose(problem.exact, x, rtol=1e-8, atol=1e-9 * np.abs(x).max())

    def test_extremes_are_the_extreme_eigenvalues(self, problem):
        if problem.symmetric:
            values = np.linalg.eigvalsh(dense(problem))
            np.testing.assert_allclose(problem.extremes, values[[0, -1]], rtol=1e-9)
        else:
            assert problem.extremes is None

    def test_shape_size_type_and_cost(self, problem):
        assert problem.size == len(problem.rhs) == int(np.prod(problem.shape)) == problem.matrix.shape[0]
        assert problem.dtype == np.result_type(problem.matrix.dtype, problem.rhs.dtype)
        assert problem.matvec_flops == 2 * problem.matrix.nnz * (4 if problem.dtype == complex else 1)

    def test_data_is_read_only_and_canonical(self, problem):
        a = problem.matrix
        assert a.has_canonical_format and a.indices.dtype == np.int32
        for array in (a.data, a.indices, a.indptr, problem.rhs, problem.exact):
            assert not array.flags.writeable

    def test_spec_round_trip(self, problem):
        twin = specs.restore("problem", specs.loads(specs.dumps(specs.describe(problem) | {"schema": 1})))
        assert twin == problem and abs(twin.matrix - problem.matrix).max() == 0
        np.testing.assert_array_equal(twin.rhs, problem.rhs)

    def test_products_and_residuals(self, problem):
        x = np.random.default_rng(1).standard_normal(problem.size).astype(problem.dtype)
        np.testing.assert_allclose(problem.matvec(x), dense(problem) @ x, rtol=1e-11, atol=1e-11 * problem.norm)
        np.testing.assert_allclose(problem.residual(x), problem.rhs - dense(problem) @ x, rtol=1e-9, atol=1e-9)

    def test_the_solution_has_no_error(self, problem):
        class Solved:
            def solution(self):
                return problem.exact

        found = {one.name: one.function(problem, Solved()) for one in problem.measures()}
        assert found["error"] == 0 and found["true_residual"] < 1e-9
        assert ("energy_error" in found) == problem.definite


@pytest.mark.parametrize("make", [Poisson, Anisotropic, Diffusion, ConvectionDiffusion, Helmholtz])
def test_seeds_determine_the_noise(make):
    one, two, other = (make(n=8, load="noise", seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.rhs, two.rhs)
    assert np.abs(one.rhs - other.rhs).max() > 0.1


# -- constant coefficients -------------------------------------------------------------------------------------------


def test_stencil_matrix_is_the_sum_of_kronecker_products():
    def line(m):
        return sp.diags_array([-np.ones(m - 1), 2 * np.ones(m), -np.ones(m - 1)], offsets=[-1, 0, 1])

    m, k = 5, 4
    built = stencil_matrix((m, k), {(0, 0): 22.0, (1, 0): -1.0, (-1, 0): -1.0, (0, 1): -10.0, (0, -1): -10.0})
    kron = sp.kron(line(m), sp.eye_array(k)) + 10 * sp.kron(sp.eye_array(m), line(k))
    assert abs(built - kron).max() == 0


@pytest.mark.parametrize("dim, n", [(1, 17), (2, 8), (3, 5)])
def test_poisson_spectrum_in_closed_form(dim, n):
    values = [
        4 * n**2 * sum(np.sin(np.pi * j / (2 * n)) ** 2 for j in modes)
        for modes in itertools.product(range(1, n), repeat=dim)
    ]
    np.testing.assert_allclose(np.linalg.eigvalsh(dense(Poisson(dim=dim, n=n))), np.sort(values), rtol=1e-11)


@pytest.mark.parametrize("problem", [Poisson(n=60, load="noise"), Anisotropic(n=40, ratio=1e4, angle=90.0)], ids=name)
def test_sine_transform_agrees_with_elimination(problem):
    np.testing.assert_allclose(problem.exact, spla.spsolve(problem.matrix.tocsc(), problem.rhs), rtol=1e-9)


def wave_error(problem, factor=1.0):
    return np.abs(problem.exact - factor * problem.wave).max()


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_poisson_is_second_order(dim):
    coarse, fine = (wave_error(Poisson(dim=dim, n=n, load="sine")) for n in (8, 16))
    assert np.log2(coarse / fine) == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 117.0])
def test_rotated_operator_is_exact_on_quadratics(angle):
    """Away from the boundary −∇·(D ∇u) of a quadratic u is −(D_xx u_xx + 2 D_xy u_xy + D_yy u_yy), exactly."""
    problem = Anisotropic(n=12, ratio=50.0, angle=angle)
    y, x = (grid / problem.n for grid in np.mgrid[1 : problem.n, 1 : problem.n])
    turn = np.deg2rad(angle)
    q = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    d = q @ np.diag([1, 1 / 50.0]) @ q.T
    u = 1 + 2 * x - y + 3 * x**2 + 5 * x * y - 4 * y**2
    expected = -(6 * d[0, 0] + 2 * 5 * d[0, 1] - 8 * d[1, 1])
    inner = problem.matvec(u.reshape(-1)).reshape(problem.shape)[1:-1, 1:-1]
    np.testing.assert_allclose(inner, expected, rtol=1e-9, atol=1e-9)


def test_rotated_operator_is_second_order():
    def error(n):
        problem = Anisotropic(n=n, ratio=10.0, angle=30.0)
        y, x = (grid / n for grid in np.mgrid[1:n, 1:n])
        xx, xy, yy = problem.tensor
        s, c = np.sin(np.pi * x) * np.sin(np.pi * y), np.cos(np.pi * x) * np.cos(np.pi * y)
        f = np.pi**2 * ((xx + yy) * s - 2 * xy * c)
        return np.abs(spla.spsolve(problem.matrix.tocsc(), f.reshape(-1)) - s.reshape(-1)).max()

    assert np.log2(error(16) / error(32)) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("angle, weak", [(0.0, 0), (90.0, 1), (180.0, 0)])
def test_aligned_anisotropy_is_a_five_point_stencil(angle, weak):
    problem = Anisotropic(n=9, ratio=100.0, angle=angle)
    assert problem.axis_coefficients[weak] == pytest.approx(0.01) and problem.axis_coefficients[1 - weak] == 1
    assert abs(problem.matrix - stencil_matrix(problem.shape, cross(problem.axis_coefficients, 9))).max() == 0


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 90.0, 160.0])
@pytest.mark.parametrize("ratio", [3.0, 1e4])
def test_spectrum_lies_in_its_enclosure_at_every_angle(angle, ratio):
    problem = Anisotropic(n=9, ratio=ratio, angle=angle)
    values, (low, high) = np.linalg.eigvalsh(dense(problem)), problem.enclosure
    assert low * (1 - 1e-10) <= values[0] and values[-1] <= high * (1 + 1e-10)


def test_isotropic_is_poisson_at_every_angle():
    for angle in (0.0, 33.0, 90.0):
        assert abs(Anisotropic(n=8, ratio=1.0, angle=angle).matrix - Poisson(n=8).matrix).max() < 1e-12 * 8**2


def test_too_many_unknowns_are_refused_in_words():
    with pytest.raises(tk.KnobError, match=r"Poisson\.n = 2048: expected at most 16\d in 3D"):
        Poisson(dim=3, n=2048)
    assert Poisson(dim=3, n=161).size <= 1 << 22


# -- variable coefficients -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim, n", [(2, 12), (3, 6)])
@pytest.mark.parametrize("medium", MEDIA)
def test_diffusion_at_contrast_a_million_is_an_spd_m_matrix_within_its_enclosure(medium, dim, n):
    problem = Diffusion(dim=dim, n=n, medium=medium, contrast=1e6)
    a = dense(problem)
    values = np.linalg.eigvalsh(a)
    np.testing.assert_array_equal(a, a.T)
    assert (a - np.diag(np.diag(a))).max() <= 0 < values[0]
    low, high = problem.enclosure
    assert low * (1 - 1e-10) <= values[0] and values[-1] <= high * (1 + 1e-10)
    inner = np.ones(problem.shape, dtype=bool)
    inner[1:-1, 1:-1] = False
    if dim == 2:
        np.testing.assert_allclose(a.sum(axis=1)[~inner.reshape(-1)], 0, atol=1e-12 * a.max())


@pytest.mark.parametrize("medium", MEDIA[1:])
@pytest.mark.parametrize("dim", [2, 3])
def test_contrast_is_the_ratio_of_coefficients(medium, dim):
    a = Diffusion(dim=dim, n=16, medium=medium, contrast=1e5, features=4).coefficient
    assert a.shape == (16,) * dim
    assert a.min() == pytest.approx(1) and a.max() == pytest.approx(1e5)


@pytest.mark.parametrize("medium", MEDIA)
def test_plane_operator_is_that_of_the_multigrid_solver(medium):
    problem = Diffusion(n=14, medium=medium, contrast=1e4)
    gap = abs(problem.matrix - assemble(*couplings(problem.cells))).max()
    assert gap <= 1e-14 * abs(problem.matrix).max()


def test_edges_take_the_mean_of_the_cells_they_border():
    problem = Diffusion(dim=3, n=4, medium="log-normal", contrast=50.0, features=2)
    a, matrix = problem.coefficient, problem.matrix
    p, q = np.ravel_multi_index([(0, 0), (1, 1), (1, 2)], (3, 3, 3))  # points (1, 2, 2) and (1, 2, 3), along axis 2
    assert -matrix[p, q] == pytest.approx(16 * a[0:2, 1:3, 2].mean())
    assert matrix[p, q] == matrix[q, p]


@pytest.mark.parametrize("dim", [2, 3])
def test_constant_medium_is_poisson(dim):
    one, other = Diffusion(dim=dim, n=7, medium="constant"), Poisson(dim=dim, n=7)
    assert abs(one.matrix - other.matrix).max() == 0 and one.extremes == other.extremes


@pytest.mark.parametrize("medium", ["log-normal", "channels", "photograph"])
def test_a_medium_is_the_same_function_on_every_mesh(medium):
    coarse, fine = (np.log(Diffusion(n=n, medium=medium, features=4).coefficient) for n in (64, 256))
    averaged = fine.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), averaged.ravel())[0, 1] > 0.93


@pytest.mark.parametrize("contrast", [1e4, 1e6])
def test_clustered_extremes_are_found(contrast):
    """Squares far more permeable than their neighbours each bring nearly the same largest eigenvalue.

    The dense values are good to rounding in the largest: relative to the smallest that is ε κ times a few.
    """
    problem = Diffusion(n=32, medium="checkerboard", contrast=contrast)
    low, *_, high = np.linalg.eigvalsh(dense(problem))
    assert problem.extremes[1] == pytest.approx(high, rel=1e-12)
    assert problem.extremes[0] == pytest.approx(low, rel=1e-9 + 10 * np.finfo(float).eps * high / low)


def test_random_fields_follow_their_seed():
    one, two, other = (Diffusion(n=16, seed=seed).coefficient for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert abs(np.log(one / other)).max() > 0.5


def test_photographs_differ():
    assert (
        abs(
            Diffusion(n=16, medium="photograph").cells - Diffusion(n=16, medium="photograph", photo="flower").cells
        ).max()
        > 1
    )


@pytest.mark.parametrize("medium", ["log-normal", "channels", "photograph"])
def test_multigrid_reference_agrees_with_elimination(medium):
    problem = Diffusion(n=90, medium=medium, contrast=1e6)
    gap = problem.exact - _refined(problem)
    assert problem.energy(gap) <= 1e-10 * problem.exact_energy


# -- convection and waves --------------------------------------------------------------------------------------------


def off_diagonal(a):
    return a - np.diag(np.diag(a))


@pytest.mark.parametrize("flow", ["straight", "recirculating"])
def test_central_differences_are_an_m_matrix_up_to_cell_peclet_one(flow):
    for peclet in (10.0, 20.0, 30.0, 60.0):
        problem = ConvectionDiffusion(n=12, peclet=peclet, flow=flow, scheme="central")
        assert (off_diagonal(dense(problem)).max() <= 1e-12) == (problem.cell_peclet <= 1 + 1e-12)


@pytest.mark.parametrize("flow", ["straight", "recirculating"])
def test_upwind_differences_always_are(flow):
    a = dense(ConvectionDiffusion(n=12, peclet=1e4, flow=flow))
    assert off_diagonal(a).max() <= 0 and np.linalg.inv(a).min() >= -1e-15


def test_aligned_central_convection_has_the_known_spectrum():
    """λ = n² (4 − 2 cos πih − 2 √(1 − p²) cos πjh) with the cell Péclet number p < 1."""
    n, p = 8, 0.6
    problem = ConvectionDiffusion(n=n, peclet=2 * n * p, angle=0.0, scheme="central")
    c = np.cos(np.pi * np.arange(1, n) / n)
    expected = n**2 * (4 - 2 * c[:, None] - 2 * np.sqrt(1 - p**2) * c[None, :])
    found = np.linalg.eigvals(dense(problem))
    assert np.abs(found.imag).max() < 1e-6
    np.testing.assert_allclose(np.sort(found.real), np.sort(expected.ravel()), rtol=1e-8)


@pytest.mark.parametrize("scheme, order", [("central", 2), ("upwind", 1)])
@pytest.mark.parametrize("flow", ["straight", "recirculating"])
def test_orders_of_accuracy(scheme, order, flow):
    def error(n):
        problem = ConvectionDiffusion(n=n, peclet=20.0, flow=flow, scheme=scheme)
        y, x = (grid / n for grid in np.mgrid[1:n, 1:n])
        sx, sy, cx, cy = (f(np.pi * t) for f in (np.sin, np.cos) for t in (x, y))
        across, along = problem.wind
        f = 2 * np.pi**2 * sx * sy + 20.0 * np.pi * (along * cx * sy + across * sx * cy)
        return np.abs(spla.spsolve(problem.matrix.tocsc(), f.reshape(-1)) - (sx * sy).reshape(-1)).max()

    assert np.log2(error(32) / error(64)) == pytest.approx(order, abs=0.15)


def test_the_whirl_is_free_of_divergence():
    across, along = ConvectionDiffusion(n=64, flow="recirculating").wind
    divergence = np.gradient(along, axis=1)[1:-1, 1:-1] + np.gradient(across, axis=0)[1:-1, 1:-1]
    assert np.abs(divergence).max() < 1e-12


@pytest.mark.parametrize("damping", [0.0, 0.4])
def test_helmholtz_is_shifted_poisson(damping):
    problem = Helmholtz(n=10, wavenumber=12.0, damping=damping)
    shift = -(1 - 1j * damping) * 144
    np.testing.assert_allclose(dense(problem), dense(Poisson(n=10)) + shift * np.eye(81), atol=1e-12)
    found = np.linalg.eigvals(dense(problem))
    np.testing.assert_allclose(np.sort(found.real), np.sort(problem.spectrum.real.ravel()), rtol=1e-9)


def test_helmholtz_at_resonance_has_no_solution_to_compare_with():
    wavenumber = float(np.sqrt(Poisson(n=8).extremes[0]))
    assert Helmholtz(n=8, wavenumber=wavenumber).exact is None


@pytest.mark.parametrize("beta", [-1.0, 0.0])
def test_shifted_laplace_has_the_eigenvalues_of_the_theory(beta):
    problem = Helmholtz(n=9, wavenumber=15.0)
    exactly = ThresholdILU(drop=1e-12, fill=50.0) if "fill" in tk.knobs(ThresholdILU) else ThresholdILU(drop=1e-12)
    built = ShiftedLaplace(beta_1=beta, inner=exactly).build(problem)
    found = np.linalg.eigvals(inverse_matrix(built, problem) @ dense(problem))
    laplacian = Poisson(n=9)
    values = np.linalg.eigvalsh(dense(laplacian))
    expected = (values - 225) / (values - beta * 225)
    np.testing.assert_allclose(np.sort(found.real), np.sort(expected), rtol=1e-6, atol=1e-8)
    assert beta == 0 or np.abs(found).max() < 1


def test_complex_shift_needs_a_complex_system():
    method = ShiftedLaplace(beta_1=1.0, beta_2=0.5)
    assert "damping" in method.suits(Helmholtz(n=9)) and not method.suits(Helmholtz(n=9, damping=0.1))
    assert "Helmholtz" in method.suits(Poisson(n=9))


# -- any matrix ------------------------------------------------------------------------------------------------------

A = sp.csr_array(np.array([[4.0, 1, 0], [1, 5, 2], [0, 2, 6]]))


@pytest.mark.parametrize(
    "given",
    [A, sp.coo_matrix(A), sp.lil_array(A), A.toarray(), np.asmatrix(A.toarray()), A.toarray().tolist(), A.astype(int),
     A.astype(np.float32), A + 0j, spla.aslinearoperator(A), A.astype(bool)],
    ids=lambda g: f"{type(g).__name__}-{getattr(g, 'dtype', '')}",
)  # fmt: skip
def test_any_matrix_is_a_system(given):
    made = system(given, [1, 2, 3])
    full = np.array([made.matvec(row) for row in np.eye(3)]).T
    np.testing.assert_allclose(
        full, spla.aslinearoperator(np.asarray(given) if isinstance(given, list) else given) @ np.eye(3)
    )
    assert made.dtype in (np.float64, np.complex128) and made.rhs.dtype == made.dtype and made.start.shape == (3,)
    np.testing.assert_allclose(made.residual(np.zeros(3, made.dtype)), [1, 2, 3])
    if made.assembled:
        np.testing.assert_allclose(made.matvec(made.exact), [1, 2, 3], rtol=1e-12)
        assert made.symmetric


@pytest.mark.parametrize(
    "A, b, words",
    [
        (np.ones((2, 3)), [1, 2], r"A has shape \(2, 3\): expected a square matrix"),
        (np.eye(3), [1, 2], r"b has shape \(2,\): expected \(3,\)"),
        (np.eye(4), np.ones((2, 2)), r"b has shape \(2, 2\): expected \(4,\)"),
        (np.eye(2), [1, np.nan], "b has entries that are NaN"),
        (np.diag([1, np.inf]), [1, 2], "A has entries that are NaN or infinite"),
        (sp.diags_array([1, np.nan]), [1, 2], "A has entries that are NaN or infinite"),
        (np.eye(2), ["a", "b"], "b has entries of type <U1: expected real or complex numbers"),
        (np.eye(2, dtype=object), [1, 2], "A has entries of type object"),
        ("matrix", [1], "A is a str: expected an array"),
        (np.zeros((0, 0)), [], "A has shape"),
    ],
)
def test_what_is_no_system_is_refused_in_words(A, b, words):
    with pytest.raises(tk.DataError, match=words):
        system(A, b)


def test_the_caller_keeps_his_matrix():
    mine = sp.csr_array(A)
    made = system(mine, np.ones(3))
    assert made.matrix is not mine and mine.data.flags.writeable
    mine.data[0] = 7.0


@pytest.mark.parametrize("n", [8, 100])
def test_definiteness_is_found_out(n):
    laplacian = Poisson(n=n).matrix
    low = Poisson(n=n).extremes[0]
    assert sparse.is_definite(laplacian) and not sparse.is_definite(
        laplacian - 1.5 * low * sp.eye_array(len(laplacian.indptr) - 1)
    )
    assert system(laplacian, np.ones((n - 1) ** 2), definite=None).definite


def test_compiled_and_scipy_products_agree():
    problem = Poisson(n=40, load="noise")
    x = problem.rhs
    np.testing.assert_allclose(problem.matvec(x), problem.matrix @ x, rtol=1e-13, atol=1e-9)
    np.testing.assert_array_equal(problem.matvec(x), problem.matvec(x.copy()))
    np.testing.assert_allclose(
        problem.matvec(np.stack([x, x])[:, :][0] + 1j * x), problem.matrix @ (x + 1j * x), rtol=1e-13, atol=1e-9
    )
    assert problem.matvec(np.asfortranarray(np.stack([x, x]))[0]).shape == x.shape


@pytest.mark.parametrize(
    "problem", [Poisson(n=128), Poisson(dim=3, n=26), Anisotropic(n=120, ratio=1e4, angle=90.0)], ids=name
)
def test_products_without_a_matrix_are_those_of_the_matrix(problem):
    x = np.random.default_rng(0).standard_normal(problem.size)
    found = problem.matvec(x)
    assert "matrix" not in vars(problem)
    np.testing.assert_allclose(found, problem.matrix @ x, rtol=1e-12, atol=1e-14 * np.abs(found).max())
    np.testing.assert_allclose(problem.matvec(1j * x), 1j * found, rtol=1e-12, atol=1e-14 * np.abs(found).max())


def test_looking_at_a_large_problem_costs_nothing():
    """Selecting a problem must not factorise: no measure list computes a solution or a spectrum."""
    problem = Diffusion(n=1024)
    assert [one.name for one in problem.measures()] == ["true_residual"] and "exact" not in vars(problem)
    problem = Diffusion(n=128)
    assert {one.name for one in problem.measures()} >= {"error", "energy_error"} and "exact" not in vars(problem)


def test_every_problem_of_the_lab_says_what_it_is():
    for one in tk.lab("preconditioner").problems().values():
        assert issubclass(one, LinearSystem) and one.title and one.__doc__ and one.sources
        for key in one.sources:
            assert tk.source(key).title
        for found in tk.knobs(one).values():
            assert found.doc
