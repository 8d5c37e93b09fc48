"""C-HiDeNN and ML-VMS: what the functions reproduce, dense references, orders, and the fine mesh everywhere."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import integrate

import toolkit as tk
from toolkit.mesh.multiscale.composite import Composite
from toolkit.mesh.multiscale.hidenn import CHiDeNN, solved
from toolkit.mesh.multiscale.hot_spot import HotSpot
from toolkit.mesh.multiscale.patch_functions import Line, cubic, patch_functions, quadrature
from toolkit.mesh.multiscale.vms import SWEPT, MultiscaleVMS

SHAPES = [(1, 1, 1.0), (2, 2, 2.0), (2, 3, 1.3), (3, 3, 4.0), (4, 5, 2.5)]


# -- the functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p, s, a", SHAPES)
def test_functions_are_one_at_their_node_and_reproduce_polynomials(p, s, a):
    line = Line(0.2, 1.1, 14, p, s, a)
    at_nodes = line.tables(line.nodes)[0].toarray()
    np.testing.assert_allclose(at_nodes, np.eye(15), atol=1e-10)
    x = np.random.default_rng(0).uniform(0.2, 1.1, 200)
    values, slopes = line.tables(x)
    for k in range(p + 1):
        np.testing.assert_allclose(values @ line.nodes**k, x**k, atol=1e-10)
        np.testing.assert_allclose(slopes @ line.nodes**k, k * x ** max(k - 1, 0), atol=1e-9)


@pytest.mark.parametrize("p, s, a", SHAPES)
def test_slopes_are_derivatives_and_kinks_are_breaks(p, s, a):
    """Central differences inside every piece between breaks."""
    line, step = Line(0.0, 1.0, 12, p, s, a), 1e-6
    edges = line.breaks()
    x = (edges[1:] + edges[:-1]) / 2
    ahead, behind = (line.tables(x + d)[0] for d in (step, -step))
    np.testing.assert_allclose(((ahead - behind) / (2 * step)).toarray(), line.tables(x)[1].toarray(), atol=1e-6)


def test_patch_functions_solve_the_moment_conditions():
    """Equation by equation: interpolation by φ_j and polynomials, with the polynomial part fixed by Pᵀ c = 0."""
    offsets, p, a, t, data = np.arange(-2, 3), 2, 1.7, 0.37, np.array([0.3, -1.0, 2.0, 0.5, 1.1])
    radial = cubic((offsets[:, None] - offsets) / a)[0]
    powers = np.vander(offsets.astype(float), p + 1, increasing=True)
    system = np.block([[radial, powers], [powers.T, np.zeros((3, 3))]])
    coefficients = np.linalg.solve(system, np.append(data, np.zeros(3)))
    direct = np.append(cubic((t - offsets) / a)[0], t ** np.arange(3)) @ coefficients
    assert (patch_functions(offsets, p, a, np.array([t]))[0] @ data)[0] == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("p, s, a", SHAPES)
def test_quadrature_is_exact(p, s, a):
    """Stiffness and mass do not change with twice the Gauss points."""
    line = Line(0.0, 1.0, 10, p, s, a)
    found = []
    for m in (max(3, p) + 3, 2 * max(3, p) + 6):
        x, w = quadrature([line], m)
        tables = line.tables(x)
        found.append([(one.T @ sp.diags_array(w) @ one).toarray() for one in tables])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, atol=1e-11 * np.abs(other).max())
    assert found[0][0].sum() == pytest.approx(1.0)


# -- the problem -----------------------------------------------------------------------------------------------------


def test_load_and_norms_of_the_hot_spot():
    problem, d = HotSpot(dim=2, width=0.1), 1e-4
    x, y = np.array([0.31, 0.4, 0.62]), np.array([0.45, 0.52])
    five = [problem.exact(x + i * d, y + j * d) for i, j in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
    laplacian = (sum(five[1:]) - 4 * five[0]) / d**2
    closed = sum(problem.differentiated(orders, x, y) for orders in ([2, 0], [0, 2]))
    np.testing.assert_allclose(laplacian, closed, rtol=1e-4)
    line = HotSpot(width=0.1)
    squares = [integrate.quad(lambda t, k=k: line.differentiated([k], np.array([t]))[0] ** 2, 0, 1)[0] for k in (1, 0)]
    np.testing.assert_allclose(np.sqrt(squares), line.norms, rtol=1e-8)


# -- Galerkin --------------------------------------------------------------------------------------------------------


def test_square_is_solved_as_by_the_dense_system():
    problem = HotSpot(dim=2, width=0.2)
    mesh, u = solved(problem, Line(0.0, 1.0, 9, 2, 2, 2.0))
    matrix = mesh.levels[0].matrix.toarray()
    inner = np.arange(100).reshape(10, 10)[1:-1, 1:-1].ravel()
    dense = np.linalg.solve(matrix[np.ix_(inner, inner)], mesh.levels[0].load(problem).ravel()[inner])
    np.testing.assert_allclose(u.ravel()[inner], dense, atol=1e-11)


def test_error_is_the_distance_by_adaptive_quadrature():
    problem, line = HotSpot(width=0.1), Line(0.0, 1.0, 16, 2, 2, 2.0)
    mesh, u = solved(problem, line)

    def gap(x, k):
        return (problem.differentiated([k], np.array([x])) - line.tables(np.array([x]))[k] @ u)[0]

    breaks = line.breaks()
    for k, norm, found in zip((1, 0), problem.norms, mesh.errors(problem, [u])):
        square = sum(integrate.quad(lambda x, k=k: gap(x, k) ** 2, *ends)[0] for ends in pairwise(breaks))
        assert found == pytest.approx(np.sqrt(square) / norm, rel=1e-4)


@pytest.mark.parametrize("problem", [HotSpot(width=0.15), HotSpot(dim=2, width=0.2)], ids=["interval", "square"])
@pytest.mark.parametrize("p, s, a", [(1, 1, 2.0), (2, 2, 2.0), (3, 3, 2.0), (3, 4, 3.3), (4, 4, 2.0)])
def test_order_p_in_energy_and_one_more_in_l2(problem, p, s, a):
    """Row 204: on a linear mesh, slope p of the energy error and p+1 of the L2 error."""
    method = CHiDeNN(p=p, s=s, a=a, levels=4 if problem.dim == 2 else 5)
    claims = method.claims(problem)
    assert len(claims) == 2
    for claim in claims:
        verdict = tk.check(claim, problem, method)
        assert verdict.holds, f"{claim.title}: {verdict}"


def test_order_one_is_not_more():
    """The order of p = 1 is one: the claims are sharp from above too."""
    errors = tk.solve(HotSpot(width=0.15), CHiDeNN(p=1, levels=6)).history["energy_error"]
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(1, abs=0.02)


def test_patches_at_the_boundary_need_p_plus_one_nodes():
    with pytest.raises(tk.KnobError, match="at least p = 3"):
        CHiDeNN(p=3, s=2)
    with pytest.raises(tk.KnobError, match="at least p = 2"):
        MultiscaleVMS(s=1)


# -- ML-VMS ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2])
def test_a_fine_mesh_over_everything_is_the_fine_mesh(dim):
    problem, method = HotSpot(dim=dim, width=0.2), MultiscaleVMS(coarse=8, refine=2, reach=10.0, tolerance=1e-12)
    state = tk.solve(problem, method, SWEPT).state
    _, u = solved(problem, method.line(16))
    np.testing.assert_allclose(state.mesh.values(state.parts)[-1], u, atol=1e-9)


@pytest.mark.parametrize("levels", [2, 3])
def test_interval_reaches_galerkin_on_the_composite_mesh(levels):
    """Against all parts at once: dense least-norm solution of the singular block system."""
    problem = HotSpot(width=0.04)
    method = MultiscaleVMS(coarse=16, refine=2, levels=levels, tolerance=1e-12)
    mesh = Composite(method.stretches(problem))
    loads = [level.load(problem) for level in mesh.levels]
    columns, spread = [], []
    for i, level in enumerate(mesh.levels):
        for j in range(1, len(level.zeros) - 1):
            parts = [one.zeros for one in mesh.levels]
            parts[i][j] = 1.0
            spread.append(np.concatenate(mesh.values(parts)))
            columns.append(np.concatenate(mesh.applied(parts)))
    spread = np.array(spread).T
    whole = spread.T @ sp.block_diag([level.matrix for level in mesh.levels]).toarray() @ spread
    dense = spread @ np.linalg.lstsq(whole, spread.T @ np.concatenate(loads), rcond=1e-11)[0]
    inner = np.concatenate([level.bounded(level.zeros + 1) for level in mesh.levels]) > 0
    np.testing.assert_allclose(np.array(columns)[:, inner], whole, atol=1e-8 * np.abs(whole).max())
    state = tk.solve(problem, method, SWEPT).state
    gap = state.solution() - dense  # coarse values under a fine mesh are seen by nobody: compare in energy
    regions = sp.block_diag([level.matrix for level in mesh.levels])
    assert gap @ (regions @ gap) <= 1e-16 * (dense @ (regions @ dense))


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(
    "knobs",
    [{}, {"p": 1}, {"p": 3}, {"coarse": 16, "refine": 8}, {"coarse": 16, "refine": 3, "levels": 3}],
    ids=["default", "p1", "p3", "steep", "three levels"],
)
def test_fine_only_where_it_matters(dim, knobs):
    """Row 204: coarse plus local fine reaches 1.1 times the uniform-fine error with the share of unknowns it states."""
    problem, method = HotSpot(dim=dim, width=0.02), MultiscaleVMS(**knobs)
    run = tk.solve(problem, method, SWEPT, ("uniform_ratio", "unknown_fraction"))
    assert run.history.last("uniform_ratio") <= 1.1
    assert run.history.last("unknown_fraction") == pytest.approx(method.share(problem))
    assert method.share(problem) < (0.6 if dim == 1 else 0.12)


def test_hearing_the_fine_scales_pays():
    """One-way keeps the coarse error around the patch; both directions remove it."""
    problem, knobs = HotSpot(dim=2, width=0.03), dict(coarse=16, refine=8)
    both, one = (
        tk.solve(problem, MultiscaleVMS(coupling=way, **knobs), SWEPT).history.last("energy_error")
        for way in ("two-way", "one-way")
    )
    assert both < 0.5 * one


@pytest.mark.parametrize("levels, dim", [(2, 1), (2, 2), (3, 1)])
def test_one_way_the_finest_scale_follows_exactly(levels, dim):
    """One step: the coarse part is kept, and nothing is left of the finest equations for it."""
    problem = HotSpot(dim=dim, width=0.04)
    method = MultiscaleVMS(coarse=16, refine=2, levels=levels, coupling="one-way")
    run = tk.Run(problem, method, SWEPT)
    before = [part.copy() for part in run.step(0).state.parts]
    state = run.step(1).state
    assert state.status.kind == "converged"
    np.testing.assert_array_equal(state.parts[0], before[0])
    finest = state.mesh.levels[-1]
    left, scale = (np.abs(finest.bounded(r)).max() for r in (state.residual[-1], finest.load(problem)))
    assert left <= 1e-11 * scale and np.abs(state.parts[-1]).max() > 1e-3


def test_patch_follows_the_beam():
    for position in (0.25, 0.5, 0.75):
        problem = HotSpot(dim=2, width=0.02, position=position)
        lines = MultiscaleVMS(levels=3, coarse=16, refine=3).stretches(problem)
        for level in lines[1:]:
            for line, centre in zip(level, problem.centre):
                assert line.low <= centre - 5 * 0.02 + 1e-12 and line.high >= centre + 5 * 0.02 - 1e-12
        assert all(outer.low <= inner.low for outer, inner in zip(lines[1], lines[2]))
