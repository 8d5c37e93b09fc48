"""Constant-coefficient multigrid against assembled matrices, direct solves and local Fourier analysis."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.kernels.stencil import redblack, redblack_cubic, redblack_storage
from toolkit.preconditioner.stencils.grid_cycle import GridCycle
from toolkit.preconditioner.stencils.grid_operator import GridOperator

ISOTROPIC = [(32, (1.0,)), (32, (1.0, 1.0)), (16, (1.0, 1.0, 1.0))]
ANISOTROPIC = [
    (32, (1.0, 1e-3)),
    (32, (1e-3, 1.0)),
    (32, (1.0, 0.4)),
    (16, (1.0, 0.1, 0.01)),
    (16, (0.01, 1.0, 0.1)),
    (16, (0.1, 0.01, 1.0)),
    (16, (1.0, 1.0, 0.01)),
    (16, (0.01, 1.0, 1.0)),
    (16, (1.0, 0.01, 1.0)),
]
PROBLEMS = ISOTROPIC + ANISOTROPIC


def assembled(n, coefficients):
    """A as a sparse matrix: sum_d a_d n² (I x … x tridiag(-1, 2, -1) x … x I)."""
    m, d = n - 1, len(coefficients)
    line = sp.diags_array([-np.ones(m - 1), 2.0 * np.ones(m), -np.ones(m - 1)], offsets=[-1, 0, 1])
    total = sp.csr_array((m**d, m**d))
    for axis, a in enumerate(coefficients):
        before, after = sp.eye_array(m**axis), sp.eye_array(m ** (d - 1 - axis))
        total = total + a * n**2 * sp.kron(sp.kron(before, line), after)
    return total.tocsr()


def noise(size, seed=0):
    return np.random.default_rng(seed).standard_normal(size)


def columns(action, size):
    """The matrix of a linear map given by its action."""
    return np.column_stack([action(e) for e in np.eye(size)])


def error_propagation(grid, kind="V", pre=1, post=1):
    zero = np.zeros(grid.size)
    return columns(lambda e: grid.cycle(zero, e.copy(), kind, pre, post), grid.size)


def spectral_radius(matrix):
    return np.abs(np.linalg.eigvals(matrix)).max()


def interpolation(fine, coarse):
    """Linear interpolation between interior points along one axis; the identity where it is not halved."""
    if fine == coarse:
        return np.eye(fine - 1)
    p = np.zeros((fine - 1, coarse - 1))
    for k in range(1, coarse):
        p[2 * k - 1, k - 1] = 1.0
        p[2 * k - 2, k - 1] = p[2 * k, k - 1] = 0.5
    return p


def dense_two_grid(grid, pre, post):
    """(I - P A_c^-1 R A) between red-black sweeps, all dense, from the grids and the matrices alone."""
    coefficients = grid.coefficients
    fine, coarse = grid.grids[:2]
    a = assembled(grid.intervals, coefficients).toarray()
    p, r, a_coarse = np.eye(1), np.eye(1), 0.0
    lines = []
    for nf, nc in zip(fine, coarse):
        along = interpolation(nf, nc)
        p = np.kron(p, along)
        r = np.kron(r, along.T * (nc / nf))
        lines.append(2.0 * np.eye(nc - 1) - np.eye(nc - 1, k=1) - np.eye(nc - 1, k=-1))
    for axis, value in enumerate(coefficients):
        parts = [lines[q] if q == axis else np.eye(nc - 1) for q, nc in enumerate(coarse)]
        term = np.eye(1)
        for part in parts:
            term = np.kron(term, part)
        a_coarse = a_coarse + value * coarse[axis] ** 2 * term
    index = np.indices([n - 1 for n in fine]).sum(axis=0).ravel() + len(fine)
    if len(fine) == 1:
        index = index + 1  # a line lies in the plane of index 1 of its slab: there odd points are red
    sweep = np.eye(len(a))
    for colour in (0, 1):
        half = np.eye(len(a))
        rows = index % 2 == colour
        half[rows] -= a[rows] / np.diag(a)[rows, None]
        sweep = half @ sweep
    correction = np.eye(len(a)) - p @ np.linalg.solve(a_coarse, r @ a)
    return np.linalg.matrix_power(sweep, post) @ correction @ np.linalg.matrix_power(sweep, pre)


@pytest.mark.parametrize("n, coefficients", PROBLEMS)
def test_operator_is_the_assembled_matrix(n, coefficients):
    a, u = assembled(n, coefficients), noise((n - 1) ** len(coefficients))
    operator, out = GridOperator(n, coefficients), np.empty_like(u)
    energy = operator.multiply(u, out)
    np.testing.assert_allclose(out, a @ u, rtol=0, atol=1e-14 * np.abs(a).sum(axis=1).max() * np.abs(u).max())
    assert energy == pytest.approx(u @ (a @ u), rel=1e-13)
    b = noise(u.size, 1)
    norm = operator.residual(b, u, out)
    assert norm == pytest.approx(np.linalg.norm(b - a @ u), rel=1e-13)
    assert np.linalg.norm(out) == pytest.approx(norm, rel=1e-13)


@pytest.mark.parametrize("n, coefficients", [(16, (1.0, 1.0)), (16, (1.0, 0.01)), (8, (1.0, 0.3, 0.1)), (32, (2.0,))])
def test_conjugate_gradients_find_the_direct_solution(n, coefficients):
    a, b = assembled(n, coefficients), noise((n - 1) ** len(coefficients))
    exact = spla.spsolve(a.tocsc(), b)
    operator, grid = GridOperator(n, coefficients), GridCycle(n, coefficients)
    plain = operator.conjugate_gradients(b, x := np.zeros_like(b), steps=b.size, tolerance=1e-13)
    np.testing.assert_allclose(x, exact, rtol=0, atol=1e-10 * np.abs(exact).max())
    cycled = operator.conjugate_gradients(b, y := np.zeros_like(b), steps=40, tolerance=1e-13, cycle=grid)
    np.testing.assert_allclose(y, exact, rtol=0, atol=1e-10 * np.abs(exact).max())
    assert len(cycled) < len(plain)


def test_conjugate_gradients_end_after_as_many_steps_as_there_are_eigenvalues():
    n = 16
    modes = [np.sin(np.pi * k * np.arange(1, n) / n) for k in (1, 2, 5)]
    b = sum(np.outer(u, u).ravel() for u in modes)  # three eigenvectors with different eigenvalues
    norms = GridOperator(n).conjugate_gradients(b, np.zeros_like(b), steps=10, tolerance=1e-12)
    assert len(norms) - 1 == 3


@pytest.mark.parametrize("n, coefficients", PROBLEMS)
def test_splitting_the_colours_and_joining_them_changes_nothing(n, coefficients):
    grid, x = GridCycle(n, coefficients), noise((n - 1) ** len(coefficients))
    grid.load(x, x)
    assert np.array_equal(grid.store(np.empty_like(x)), x)


@pytest.mark.parametrize("pre, post", [(1, 1), (2, 1), (0, 1), (1, 0), (2, 2)])
@pytest.mark.parametrize(
    "n, coefficients",
    [
        (16, (1.0,)),
        (16, (1.0, 1.0)),
        (16, (1.0, 0.1)),
        (16, (0.1, 1.0)),
        (8, (1.0, 1.0, 1.0)),
        (8, (1.0, 0.1, 0.1)),
        (8, (0.1, 1.0, 1.0)),
        (8, (0.1, 1.0, 0.1)),
        (8, (1.0, 1.0, 0.1)),
        (8, (0.1, 0.1, 1.0)),
        (8, (1.0, 0.1, 1.0)),
    ],
)
def test_two_grid_cycle_is_the_textbook_product_of_matrices(n, coefficients, pre, post):
    """Red-black sweeps, full weighting R = P^T / 2^c, linear P and the rediscretised coarse operator, exactly."""
    grid = GridCycle(n, coefficients, two_grid=True)
    if len(grid.grids) == 1:
        pytest.skip("solved directly")
    ours = error_propagation(grid, "V", pre, post)
    np.testing.assert_allclose(ours, dense_two_grid(grid, pre, post), rtol=0, atol=1e-13)


def test_two_grid_factor_is_that_of_fourier_analysis():
    """0.074 for two red-black sweeps with full weighting (Trottenberg et al. 2001, section 4.5), up to the boundary."""
    assert spectral_radius(error_propagation(GridCycle(32, two_grid=True))) == pytest.approx(0.074, abs=0.002)


def test_one_dimensional_cycle_is_a_direct_solver():
    """Red-black relaxation with linear interpolation is cyclic reduction in one dimension."""
    grid, b = GridCycle(128, (3.0,)), noise(127)
    x = grid.cycle(b, np.zeros(127))
    np.testing.assert_allclose(x, spla.spsolve(assembled(128, (3.0,)).tocsc(), b), rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    "coefficients, sizes, bound",
    [
        ((1.0, 1.0), (32, 64, 128, 256), 0.12),
        ((1.0, 1e-3), (32, 64, 128, 256), 0.12),
        ((1e-4, 1.0), (32, 64, 128, 256), 0.12),
        ((1.0, 1.0, 1.0), (16, 32, 64), 0.22),
        ((1.0, 0.01, 0.1), (16, 32, 64), 0.22),
    ],
)
def test_cycle_factor_does_not_grow_with_n(coefficients, sizes, bound):
    factors = []
    for n in sizes:
        grid, zero = GridCycle(n, coefficients), np.zeros((n - 1) ** len(coefficients))
        x, a = noise(zero.size), assembled(n, coefficients)
        for _ in range(12):
            before = np.linalg.norm(a @ x)
            grid.cycle(zero, x)
            factors.append(np.linalg.norm(a @ x) / before)
    assert max(factors) < bound


def test_richer_cycles_come_closer_to_the_two_grid_factor():
    def factor(grid, kind="V"):
        x, zero = noise(grid.size), np.zeros(grid.size)
        for _ in range(25):
            before = np.linalg.norm(x)
            grid.cycle(zero, x, kind)
        return np.linalg.norm(x) / before

    two_grid, plain = factor(GridCycle(32, two_grid=True)), factor(GridCycle(32))
    for kind in ("W", "F"):
        assert factor(GridCycle(32), kind) < plain
        assert factor(GridCycle(32), kind) == pytest.approx(two_grid, rel=0.05)


@pytest.mark.parametrize("kind, sweeps", [("V", 1), ("V", 2), ("W", 1)])
@pytest.mark.parametrize("n, coefficients", [(16, (1.0, 1.0)), (16, (1.0, 0.01)), (10, (1.0, 1.0, 0.1)), (32, (1.0,))])
def test_symmetric_cycle_is_a_positive_definite_operator(n, coefficients, kind, sweeps):
    grid = GridCycle(n, coefficients)
    m = columns(lambda r: grid.apply(r, np.empty_like(r), kind, sweeps), grid.size)
    assert np.abs(m - m.T).max() <= 1e-14 * np.abs(m).max()
    assert np.linalg.eigvalsh(m + m.T).min() > 0
    # The cycle is a contraction with positive error propagation: the spectrum of M A lies in (0, 1].
    spectrum = np.linalg.eigvals(m @ assembled(n, coefficients).toarray()).real
    assert spectrum.min() > 0.4 and spectrum.max() <= 1.0 + 1e-12


@pytest.mark.parametrize("n, coefficients", PROBLEMS)
def test_iterating_until_the_tolerance_really_meets_it(n, coefficients):
    grid, b = GridCycle(n, coefficients), noise((n - 1) ** len(coefficients))
    grid.load(b)
    _, ratio = grid.converge(1e-9, most=30, zero=True)
    x = grid.store(np.empty_like(b))
    true = np.linalg.norm(b - assembled(n, coefficients) @ x) / np.linalg.norm(b)
    assert true <= ratio * (1 + 1e-6) + 1e-13 and ratio <= 1e-9


def test_full_weighting_and_interpolation_keep_linear_functions():
    """Away from the boundary R gives the value and P the same linear function; at it the function is cut to zero."""
    for coarsened in [(1, 0, 1), (1, 0, 0), (0, 0, 1)]:
        fine = (16, 0, 16)
        coarse = tuple(n // 2 if c else n for n, c in zip(fine, coarsened))
        i, k = np.meshgrid(np.arange(1, 16), np.arange(1, 16), indexing="ij")
        linear = (0.5 + 2.0 * i - 3.0 * k)[:, None, :]
        x, b, coarse_b, line = (np.zeros((2, 17, 1, 16)) for _ in range(4))
        line, total = line.reshape(-1)[:96].reshape(3, 32), np.zeros_like(coarse_b)
        redblack_storage.split(linear, b, 1.0, False)
        numbers = (fine, (0.25, 0.0, 0.25), coarsened, 1.0, False, True, (1, 16), (1, 1, 1, 1, 1, coarse[0]))
        for colour in (0, 1):
            redblack.down(x, b, coarse_b, np.zeros((4, 1, 16)), line, np.zeros(17), colour, *numbers)
            total += coarse_b
        restricted = np.empty((coarse[0] - 1, 1, coarse[2] - 1))
        redblack_storage.join(restricted, total, False)
        sample = linear[coarsened[0] :: 1 + coarsened[0], :, coarsened[2] :: 1 + coarsened[2]]
        np.testing.assert_allclose(restricted, sample, rtol=1e-14)
        for colour in (0, 1):
            redblack.correct(x, total, line, colour, fine, coarsened)
        back = np.empty_like(linear)
        redblack_storage.join(back, x, False)
        inside = (slice(coarsened[0], 15 - coarsened[0]), slice(None), slice(coarsened[2], 15 - coarsened[2]))
        np.testing.assert_allclose(back[inside], linear[inside], rtol=1e-14)


@pytest.mark.parametrize("coarsened", [(1, 0, 1), (1, 0, 0), (0, 0, 1)])
def test_full_multigrid_interpolation_keeps_cubic_functions(coarsened):
    """A cubic that is zero on the boundary comes back exactly, at the points next to the boundary too."""
    fine = (16, 0, 16)
    coarse = tuple(n // 2 if c else n for n, c in zip(fine, coarsened))
    cubic = lambda n: (lambda t: t * (1 - t) * (1 + 2 * t))(np.arange(1, n) / n)  # noqa: E731
    u = lambda n: np.ascontiguousarray(np.outer(cubic(n[0]), cubic(n[2]))[:, None, :])  # noqa: E731
    x, exact, e = np.zeros((2, 17, 1, 16)), np.zeros((2, 17, 1, 16)), np.zeros((2, 17, 1, 16))
    redblack_storage.split(u(coarse), e, 1.0, False)
    redblack_storage.split(u(fine), exact, 1.0, False)
    for colour in (0, 1):
        redblack_cubic.interpolate_cubic(x, e, np.zeros((1, 3, 32)), colour, fine, coarsened, 1)
    np.testing.assert_allclose(x[:, 1:16, :, :8], exact[:, 1:16, :, :8], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_full_multigrid_error_is_at_the_level_of_the_discretisation(d):
    """u = prod exp(x) sin(pi x): the error of one pass against u is of second order and near that of a direct solve."""
    errors = []
    for n in (16, 32) if d == 3 else (32, 64, 128):
        x = np.arange(1, n) / n
        value = np.exp(x) * np.sin(np.pi * x)
        second = np.exp(x) * ((1 - np.pi**2) * np.sin(np.pi * x) + 2 * np.pi * np.cos(np.pi * x))
        u, f = np.ones(1), 0.0
        for _ in range(d):
            u = np.multiply.outer(u, value).ravel()
        for axis in range(d):
            term = np.ones(1)
            for q in range(d):
                term = np.multiply.outer(term, -second if q == axis else value).ravel()
            f = f + term
        pass_, grid = np.empty(u.size), GridCycle(n, (1.0,) * d)
        grid.full_multigrid(np.ascontiguousarray(f), pass_)
        grid.load(f)
        grid.converge(1e-12, most=30, zero=True)
        discretisation = np.abs(grid.store(np.empty_like(u)) - u).max()
        assert np.abs(pass_ - u).max() < 2.0 * discretisation
        errors.append(np.abs(pass_ - u).max())
    assert errors[-2] / errors[-1] > 3.3


@pytest.mark.parametrize(
    "n, coefficients",
    [(512, (1.0, 1.0)), (256, (1e-3, 1.0)), (256, (1.0, 1e-3)), (64, (1.0, 1.0, 1.0)), (64, (1.0, 0.1, 0.1))],
)
def test_the_number_of_threads_changes_no_bit(n, coefficients):
    b, results = noise((n - 1) ** len(coefficients)), []
    most = numba.get_num_threads()
    try:
        for threads in {1, min(2, most), most}:
            numba.set_num_threads(threads)
            grid, parts = GridCycle(n, coefficients), []
            parts.append(grid.cycle(b, b.copy()))
            parts.append(grid.cycle(b, b.copy(), "F", 2, 1))
            parts.append(grid.apply(b, np.empty_like(b)))
            parts.append(grid.full_multigrid(b, np.empty_like(b)))
            grid.load(b)
            parts.append(np.array(grid.converge(0.0, most=3, zero=True)))
            parts.append(grid.store(np.empty_like(b)))
            norms = GridOperator(n, coefficients).conjugate_gradients(b, x := np.zeros_like(b), steps=3)
            results.append(np.concatenate([*parts, np.array(norms), x]))
    finally:
        numba.set_num_threads(most)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_first_colour_kept_in_cache_gives_the_same_iterate():
    """Leaving the red points in a few planes of cache (`keep=False`) changes where they lie, not what they are."""
    n, b = 128, noise(127**2)
    plain, lean = GridCycle(n), GridCycle(n)
    plain.load(b, b)
    lean.load(b, b)
    plain._smooth_restrict(0, keep=True)
    lean._smooth_restrict(0, keep=False)
    assert np.array_equal(plain._levels[0].iterate[1], lean._levels[0].iterate[1])
    assert np.array_equal(plain._levels[1].right_side, lean._levels[1].right_side)


def test_copy_shares_nothing_that_moves():
    grid, b = GridCycle(32), noise(31**2)
    b.flags.writeable = False  # right-hand sides of problems are frozen
    grid.load(b)
    other = grid.copy()
    grid.iterate()
    before = other.store(np.empty_like(b))
    assert not before.any()
    other.iterate()
    assert np.array_equal(other.store(np.empty_like(b)), grid.store(np.empty_like(b)))
    assert other._factor is grid._factor


def test_work_of_a_cycle():
    grid = GridCycle(256)
    assert grid.work_units("V", 1, 1) == pytest.approx(2 * 4 / 3, rel=0.02)
    assert grid.work_units("W", 1, 1) == pytest.approx(2 * 2, rel=0.1)
    assert grid.flops("V") < grid.flops("F") < grid.flops("W")
    assert grid.grids[0] == (256, 256) and grid.grids[-1] == (8, 8)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 12, 24, 31])
@pytest.mark.parametrize("coefficients", [(1.0,), (1.0, 0.05), (1.0, 0.2, 1.0)])
def test_numbers_of_intervals_that_are_no_power_of_two(n, coefficients):
    if n == 31 and len(coefficients) == 3:
        pytest.skip("refused: see below")
    b = noise((n - 1) ** len(coefficients))
    grid = GridCycle(n, coefficients)
    grid.load(b)
    grid.converge(1e-11, most=40, zero=True)
    exact = np.atleast_1d(spla.spsolve(assembled(n, coefficients).tocsc(), b))
    np.testing.assert_allclose(grid.store(np.empty_like(b)), exact, rtol=0, atol=1e-9 * np.abs(exact).max())


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((501, (1.0, 1.0)), "n=501.*501x501.*512"),
        ((1, (1.0,)), "at least 2"),
        ((64, (1.0, -1.0)), "positive"),
        ((64, (1.0, np.nan)), "positive"),
        ((64, (1.0,) * 4), "one, two or three"),
    ],
)
def test_mistakes_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        GridCycle(*arguments)


def test_wrong_vectors_and_cycles_are_named():
    grid = GridCycle(16)
    with pytest.raises(ValueError, match="225 contiguous float64"):
        grid.cycle(np.zeros(10), np.zeros(225))
    with pytest.raises(ValueError, match="'V', 'W' or 'F'"):
        grid.cycle(np.zeros(225), np.zeros(225), "X")
    with pytest.raises(ValueError, match="needs sweeps"):
        grid.cycle(np.zeros(225), np.zeros(225), "V", 0, 0)
    with pytest.raises(ValueError, match="symmetric"):
        grid.apply(np.zeros(225), np.zeros(225), "F")


def test_trouble_in_one_right_hand_side_does_not_stay():
    grid, b = GridCycle(64, (1.0, 0.1)), noise(63**2)
    expected = grid.cycle(b, np.zeros_like(b))
    assert np.isnan(grid.cycle(np.full_like(b, np.nan), np.zeros_like(b))).any()
    assert np.array_equal(grid.cycle(b, np.zeros_like(b)), expected)


def test_the_compiled_sweep_is_the_python_one():
    n, w = (4, 4, 6), (0.2, 0.1, 0.2)
    b, start, results = noise(45).reshape(3, 3, 5), noise(45, 1).reshape(3, 3, 5), []
    for relax in (redblack.relax, redblack.relax.py_func):
        x, f = np.zeros((2, 5, 5, 8)), np.zeros((2, 5, 5, 8))
        redblack_storage.split(b, f, 1.0, False)
        redblack_storage.split(start, x, 1.0, False)
        relax(x, f, 0, n, w)
        redblack_storage.join(out := np.empty_like(b), x, False)
        results.append(out)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-14)
