"""Black-box multigrid against matrices: naive formulas on the full grid, dense cycles, sparse solves."""

import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
import scipy.sparse.linalg

from toolkit.preconditioner.stencils.blackbox import BlackBox, BlackBoxCG
from toolkit.preconditioner.stencils.couplings import assemble, couplings


def rough(n, sigma=2.0, seed=0):
    """Log-normal cells without any smoothness."""
    return np.exp(sigma * np.random.default_rng(seed).standard_normal((n, n)))


def checkerboard(n, squares, contrast):
    i = np.arange(n) * squares // n
    return np.where((i[:, None] + i) % 2 == 0, 1.0, contrast)


def full_operator(cells):
    """Dense operator over all (n+1)² vertices, from the sum of a_e (u_p - u_q)² over the edges that are not on the
    boundary."""
    n = len(cells)
    number = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    matrix = np.zeros((number.size, number.size))
    for i in range(n + 1):
        for j in range(n + 1):
            for k, l in ((i, j + 1), (i + 1, j)):
                inside = 0 < i < n if k == i else 0 < j < n
                if k <= n and l <= n and inside:
                    a = cells[i - 1, j] + cells[i, j] if k == i else cells[i, j - 1] + cells[i, j]
                    p, q = number[i, j], number[k, l]
                    matrix[np.ix_((p, q), (p, q))] += n**2 * a / 2 * np.array([[1, -1], [-1, 1]])
    return matrix


def interior(n):
    """Numbers of the interior vertices among the (n+1)²."""
    return np.arange((n + 1) ** 2).reshape(n + 1, n + 1)[1:-1, 1:-1].ravel()


def dendy_interpolation(matrix, n):
    """P over all vertices, one at a time: inject; collapse across a coarse line; solve the centre's own equation."""
    m = (n + 1) // 2
    coarse = np.arange((m + 1) ** 2).reshape(m + 1, m + 1)
    at = lambda i, j: i * (n + 1) + j  # noqa: E731
    last = lambda i: 0 if i == 0 else m if i == n else i // 2  # noqa: E731
    p = np.zeros(((n + 1) ** 2, (m + 1) ** 2))
    coupling = lambda i, j, k, l: -matrix[at(i, j), at(k, l)]  # noqa: E731
    on_boundary = lambda i, j: i in (0, n) or j in (0, n)  # noqa: E731
    for i in range(n + 1):
        for j in range(n + 1):
            even_i, even_j = i % 2 == 0 or i == n, j % 2 == 0 or j == n
            if even_i and even_j:
                p[at(i, j), coarse[last(i), last(j)]] = 1.0
            elif even_i:
                west = sum(coupling(i, j, k, j - 1) for k in (i - 1, i, i + 1)) if not on_boundary(i, j) else 1.0
                east = sum(coupling(i, j, k, j + 1) for k in (i - 1, i, i + 1)) if not on_boundary(i, j) else 1.0
                p[at(i, j), coarse[last(i), j // 2]] = west / (west + east)
                p[at(i, j), coarse[last(i), j // 2 + 1]] = east / (west + east)
            elif even_j:
                north = sum(coupling(i, j, i - 1, k) for k in (j - 1, j, j + 1)) if not on_boundary(i, j) else 1.0
                south = sum(coupling(i, j, i + 1, k) for k in (j - 1, j, j + 1)) if not on_boundary(i, j) else 1.0
                p[at(i, j), coarse[i // 2, last(j)]] = north / (north + south)
                p[at(i, j), coarse[i // 2 + 1, last(j)]] = south / (north + south)
    for i in range(1, n, 2):
        for j in range(1, n, 2):
            if not on_boundary(i, j):
                row = matrix[at(i, j)].copy()
                row[at(i, j)] = 0.0
                p[at(i, j)] = -row @ p / matrix[at(i, j), at(i, j)]
    return p


def naive_hierarchy(cells, grids):
    """Dense (operator, interpolation) pairs over interior vertices, level by level, by the formulas above."""
    matrix, levels = full_operator(cells), []
    for n in grids:
        inside = interior(n)
        p = dendy_interpolation(matrix, n)
        levels.append((matrix[np.ix_(inside, inside)], p[np.ix_(inside, interior((n + 1) // 2))]))
        matrix = p.T @ matrix @ p
    return levels


def colours(n):
    """Interior vertices in the order of relaxation: even row, odd column; odd, even; even, even; odd, odd."""
    i, j = np.divmod(np.arange((n - 1) ** 2), n - 1)
    i, j = (i + 1) % 2, (j + 1) % 2
    return [np.flatnonzero((i == a) & (j == b)) for a, b in ((0, 1), (1, 0), (0, 0), (1, 1))]


def swept(matrix, n, b, x, order):
    for vertices in (colours(n)[k] for k in order):
        x[vertices] += (b - matrix @ x)[vertices] / matrix.diagonal()[vertices]
    return x


def textbook_cycle(levels, grids, b, kind="V", sweeps=(1, 1)):
    """The multigrid cycle from zero, from its definition, on dense matrices."""
    matrix, p = levels[0]
    if len(levels) == 1:
        return np.linalg.solve(matrix, b)
    x = np.zeros_like(b)
    for _ in range(sweeps[0]):
        swept(matrix, grids[0], b, x, (0, 1, 2, 3))
    r = p.T @ (b - matrix @ x)
    y = textbook_cycle(levels[1:], grids[1:], r, kind if isinstance(kind, str) else kind[1:], sweeps)
    second = {"V": None, "W": "W", "F": "V"}[kind] if isinstance(kind, str) else kind[1:] if 2 in kind[:1] else None
    if second is not None and len(levels) > 2:
        y += textbook_cycle(levels[1:], grids[1:], r - levels[1][0] @ y, second, sweeps)
    x += p @ y
    for _ in range(sweeps[1]):
        swept(matrix, grids[0], b, x, (3, 2, 1, 0))
    return x


def iterations(cells, rtol=1e-8, dtype=np.float64):
    cg, b = BlackBoxCG(BlackBox.from_cells(cells, dtype)), np.ones((len(cells) - 1) ** 2)
    first, k, now = cg.start(b), 0, np.inf
    while now > rtol * first and k < 100:
        now, k = cg.step(), k + 1
    return k


@pytest.mark.parametrize("n", [2, 3, 8, 9])
def test_the_operator_is_the_energy_of_the_edges(n):
    cells = rough(n)
    expected = full_operator(cells)[np.ix_(interior(n), interior(n))]
    hierarchy, x = BlackBox.from_cells(cells), np.random.default_rng(1).standard_normal((n - 1) ** 2)
    largest = abs(expected).max()
    assert abs(assemble(*couplings(cells)).toarray() - expected).max() <= 1e-14 * largest
    assert abs(hierarchy.operator(0).toarray() - expected).max() <= 1e-14 * largest
    assert abs(hierarchy.multiply(x, np.empty_like(x)) - expected @ x).max() <= 1e-13 * largest


@pytest.mark.parametrize("n", [16, 17, 22, 27])
def test_interpolation_and_galerkin_operators_follow_dendy(n):
    hierarchy = BlackBox.from_cells(rough(n))
    levels = naive_hierarchy(rough(n), hierarchy.grids)
    assert len(hierarchy.grids) == 3
    for k, (matrix, p) in enumerate(levels):
        assert abs(hierarchy.operator(k).toarray() - matrix).max() <= 1e-12 * abs(matrix).max()
        if k + 1 < len(levels):
            assert abs(hierarchy.interpolation(k).toarray() - p).max() <= 1e-11


@pytest.mark.parametrize("n", [32, 45, 61])
def test_every_coarse_operator_is_the_galerkin_product(n):
    hierarchy = BlackBox.from_cells(checkerboard(n, 5, 1e6))
    for k in range(len(hierarchy.grids) - 1):
        p, a = hierarchy.interpolation(k), hierarchy.operator(k)
        coarse = hierarchy.operator(k + 1)
        assert abs(p.T @ a @ p - coarse).max() <= 1e-12 * abs(coarse).max()


def test_constants_are_interpolated_exactly_away_from_the_boundary():
    p = BlackBox.from_cells(rough(20, sigma=3.0)).interpolation(0)
    sums = (p @ np.ones(p.shape[1])).reshape(19, 19)
    assert abs(sums[1:-1, 1:-1] - 1.0).max() <= 1e-13
    assert sums.max() <= 1.0 + 1e-13


def test_a_layered_medium_has_its_harmonic_function_interpolated_exactly():
    """a = a(x): u with constant flux a u' solves the equation, with kinks at every layer; P reproduces it."""
    n = 16
    layers = np.exp(np.random.default_rng(3).standard_normal(n) * 2)
    u = np.concatenate([[0.0], np.cumsum(1.0 / layers)])
    p = BlackBox.from_cells(np.repeat(layers[:, None], n, axis=1)).interpolation(0)
    coarse = np.repeat(u[2:-1:2, None], n // 2 - 1, axis=1).ravel()
    fine = (p @ coarse).reshape(n - 1, n - 1)
    assert abs(fine[:-1, 1:-1] - u[1:-2, None]).max() <= 1e-12 * u.max()


def test_a_constant_coefficient_gives_the_textbook():
    """Bilinear interpolation, and its Galerkin product: 3 on the diagonal, -1/2 beside, -1/4 at the corners."""
    n = 16
    hierarchy = BlackBox.from_cells(np.ones((n, n)))
    line = np.zeros((n - 1, n // 2 - 1))
    for k in range(n // 2 - 1):
        line[2 * k : 2 * k + 3, k] = 0.5, 1.0, 0.5
    assert abs(hierarchy.interpolation(0).toarray() - np.kron(line, line)).max() <= 1e-15
    row = hierarchy.operator(1)[[3 * 7 + 3]].toarray().reshape(7, 7) / n**2
    stencil = np.array([[-0.25, -0.5, -0.25], [-0.5, 3.0, -0.5], [-0.25, -0.5, -0.25]])
    assert abs(row[2:5, 2:5] - stencil).max() <= 1e-14
    assert abs(row).sum() == pytest.approx(6.0, abs=1e-13)
    assert iterations(np.ones((64, 64))) <= 9


@pytest.mark.parametrize(
    "kind, sweeps", [("V", (1, 1)), ("W", (1, 1)), ("F", (1, 1)), ("V", (2, 1)), ("W", (1, 3)), ((1, 2), (1, 1))]
)
@pytest.mark.parametrize("n", [30, 31, 33, 60])
def test_a_cycle_is_the_textbook_cycle(n, kind, sweeps):
    hierarchy, b = BlackBox.from_cells(rough(n)), np.random.default_rng(2).standard_normal((n - 1) ** 2)
    count = len(hierarchy.grids)
    levels = [(hierarchy.operator(k).toarray(), None) for k in range(count)]
    levels = [(a, hierarchy.interpolation(k) if k + 1 < count else None) for k, (a, _) in enumerate(levels)]
    expected = textbook_cycle(levels, hierarchy.grids, b, kind, sweeps)
    got = hierarchy.apply(b, np.empty_like(b), kind, *sweeps)
    assert count >= 3
    assert abs(got - expected).max() <= 1e-10 * abs(expected).max()
    x = np.linspace(0.0, 1.0, b.size)
    again = x + textbook_cycle(levels, hierarchy.grids, b - levels[0][0] @ x, kind, sweeps)
    assert abs(hierarchy.cycle(b, x, kind, *sweeps) - again).max() <= 1e-10 * abs(again).max()


@pytest.mark.parametrize("kind, sweeps", [("V", 1), ("V", 2), ("W", 1)])
@pytest.mark.parametrize("n", [16, 19])
def test_the_preconditioner_is_symmetric_and_the_preconditioned_spectrum_lies_in_zero_one(n, kind, sweeps):
    """M = M^T > 0 and, as P^T A P is the coarse operator, the eigenvalues of M A are at most 1."""
    hierarchy = BlackBox.from_cells(rough(n))
    m = np.array([hierarchy.apply(row, np.empty_like(row), kind, sweeps, sweeps) for row in np.eye(hierarchy.size)])
    assert abs(m - m.T).max() <= 1e-13 * abs(m).max()
    values = scipy.linalg.eigh(hierarchy.operator(0).toarray(), np.linalg.inv(0.5 * (m + m.T)), eigvals_only=True)
    assert values.min() > 0.2 and values.max() <= 1.0 + 1e-10


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cells", [rough(50), checkerboard(51, 7, 1e6)], ids=["rough", "checkerboard"])
def test_conjugate_gradients_find_the_solution(cells, dtype):
    n = len(cells)
    b, matrix = np.random.default_rng(0).standard_normal((n - 1) ** 2), assemble(*couplings(cells))
    cg = BlackBoxCG(BlackBox.from_cells(cells, dtype))
    guess = np.full_like(b, 1e-4)
    first = cg.start(b, guess)
    assert first == pytest.approx(np.linalg.norm(b - matrix @ guess), rel=1e-12)
    for _ in range(60):
        last = cg.step()
        if last <= 1e-11 * np.linalg.norm(b):
            break
    largest = max(np.linalg.norm(cg.x), np.linalg.norm(guess))
    attainable = np.finfo(float).eps * scipy.sparse.linalg.norm(matrix, 1) * largest  # Greenbaum 1997
    assert np.linalg.norm(b - matrix @ cg.x) <= 1e-11 * np.linalg.norm(b) + 4 * attainable
    exact = scipy.sparse.linalg.spsolve(matrix.tocsc(), b)
    assert np.linalg.norm(cg.x - exact) <= 1e-7 * np.linalg.norm(exact)


def test_iterations_hardly_depend_on_the_mesh_or_the_contrast():
    smooth = lambda n: np.exp(2 * np.cos(np.add.outer(9.0 * np.arange(n) / n, 7.0 * np.arange(n) / n)))  # noqa: E731
    counts = [iterations(smooth(n)) for n in (32, 64, 128, 256)]
    assert max(counts) <= min(counts) + 2 and max(counts) <= 12
    counts = [iterations(checkerboard(96, 4, contrast)) for contrast in (1e2, 1e4, 1e6)]
    assert max(counts) <= min(counts) + 2


def test_float32_costs_no_iterations():
    cells = checkerboard(128, 8, 1e4)
    assert iterations(cells, dtype=np.float32) <= iterations(cells) + 1


@pytest.mark.parametrize("n", [320, 401])
def test_results_do_not_depend_on_the_number_of_threads(n):
    cells, b, seen, before = (
        rough(n),
        np.random.default_rng(4).standard_normal((n - 1) ** 2),
        [],
        numba.get_num_threads(),
    )
    try:
        for threads in sorted({1, min(2, numba.config.NUMBA_NUM_THREADS), numba.config.NUMBA_NUM_THREADS}):
            numba.set_num_threads(threads)
            cg = BlackBoxCG(BlackBox.from_cells(cells))
            norms = [cg.start(b), *(cg.step() for _ in range(5))]
            w = cg.hierarchy.cycle(b, np.zeros_like(b), "W", 2, 2)
            seen.append((norms, cg.x.tobytes(), w.tobytes()))
    finally:
        numba.set_num_threads(before)
    assert all(one == seen[0] for one in seen)


def test_copies_work_side_by_side():
    hierarchy = BlackBox.from_cells(rough(60))
    vectors = np.random.default_rng(5).standard_normal((2, hierarchy.size))
    expected = [hierarchy.apply(v, np.empty_like(v)).copy() for v in vectors]
    copies, got = [hierarchy.copy(), hierarchy.copy()], [None, None]

    def work(k):
        for _ in range(30):
            got[k] = copies[k].apply(vectors[k], np.empty_like(vectors[k]))

    workers = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    [w.start() for w in workers], [w.join() for w in workers]
    assert all(np.array_equal(a, b) for a, b in zip(got, expected))


def test_a_copied_iteration_goes_on_independently():
    cg = BlackBoxCG(BlackBox.from_cells(rough(40), np.float32))
    cg.start(np.ones(39**2))
    cg.step()
    other = cg.copy()
    ahead = [cg.step() for _ in range(3)]
    assert [other.step() for _ in range(3)] == ahead
    assert np.array_equal(cg.x, other.x)


def test_a_float32_cycle_is_the_double_one_rounded_at_any_magnitude():
    cells, r = checkerboard(48, 6, 1e6), np.random.default_rng(6).standard_normal(47**2)
    exact = BlackBox.from_cells(cells).apply(r, np.empty_like(r))
    for size in (1e-80, 1.0, 1e80):
        got = BlackBox.from_cells(cells, np.float32).apply(size * r, np.empty_like(r))
        assert np.linalg.norm(got / size - exact) <= 1e-5 * np.linalg.norm(exact)


def test_kernels_give_the_same_without_compilation(tmp_path):
    """The code as Python reads it, on a grid with three levels."""
    script = """
import sys, numpy as np
from toolkit.preconditioner.stencils.blackbox import BlackBox, BlackBoxCG
cells = np.exp(np.random.default_rng(0).standard_normal((17, 17)))
cg = BlackBoxCG(BlackBox.from_cells(cells))
b = np.ones(256)
norms = [cg.start(b), cg.step(), cg.step()]
w = cg.hierarchy.cycle(b, np.zeros(256), "W", 2, 2)
np.savez(sys.argv[1], norms=norms, x=cg.x, w=w)
"""
    results = []
    for disabled in ("0", "1"):
        path = str(tmp_path / f"{disabled}.npz")
        environment = dict(os.environ, NUMBA_DISABLE_JIT=disabled)
        subprocess.run([sys.executable, "-c", script, path], env=environment, check=True)
        results.append(dict(np.load(path)))
    for name, value in results[0].items():
        assert abs(results[1][name] - value).max() <= 1e-12 * abs(value).max()


def test_mistakes_are_named():
    hierarchy = BlackBox.from_cells(np.ones((8, 8)))
    with pytest.raises(ValueError, match="at least one sweep"):
        hierarchy.apply(np.ones(49), np.empty(49), "V", 0, 1)
    with pytest.raises(ValueError, match="'V', 'W', 'F'"):
        hierarchy.cycle(np.ones(49), np.zeros(49), "X")
    with pytest.raises(ValueError, match="cycle indices"):
        BlackBoxCG(hierarchy, (1, 3))
    with pytest.raises(ValueError, match=r"shape \(49,\)"):
        hierarchy.apply(np.ones(50), np.empty(50))
    with pytest.raises(ValueError, match="positive"):
        BlackBox.from_cells(-np.ones((4, 4)))
    with pytest.raises(ValueError, match="square"):
        couplings(np.ones((4, 5)))
    with pytest.raises(ValueError, match="positive"):
        BlackBox(np.ones((3, 4)), np.full((4, 3), np.nan))
