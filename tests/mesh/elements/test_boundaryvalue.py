"""Boundary-value problems and their discretisations, against closed forms and scikit-fem's own assembly."""

import logging

import numpy as np
import pytest

import toolkit as tk
from toolkit.core.knob import knobs
from toolkit.mesh.adaptive.loop import AdaptiveElements
from toolkit.mesh.elements import collocation, differences, regularity
from toolkit.mesh.elements.collocation import ChebyshevCollocation, collocated
from toolkit.mesh.elements.differences import FiniteDifferences, Grid
from toolkit.mesh.elements.galerkin import galerkin
from toolkit.mesh.elements.h_version import WHOLE, FiniteElements
from toolkit.mesh.elements.hp_version import HPVersion, PVersion, graded
from toolkit.mesh.elements.lines import LineElements, shapes
from toolkit.mesh.elements.planes import PlaneElements, element
from toolkit.mesh.elements.problems import Cube, Disk, Interval, LShape, Square
from toolkit.mesh.elements.slope_triangle import convergence
from toolkit.mesh.elements.stop_here import DELAY, SOLVED, StopHere, taken

logging.getLogger("skfem").setLevel(logging.ERROR)

DOMAINS = (Interval, Square, Cube, LShape, Disk)
DATA = [(cls, data) for cls in DOMAINS for data in knobs(cls)["data"].choices]


# -- problems --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls, data", DATA, ids=lambda one: getattr(one, "__name__", one))
def test_the_source_is_the_operator_on_the_exact_solution(cls, data):
    problem = cls(data=data, diffusion=0.3, reaction=2.0, speed=0.7, width=0.2)
    x = np.random.default_rng(0).uniform(0.1, 0.9, (problem.dim, 40))
    h, u = 1e-4, problem.exact
    steps = h * np.eye(problem.dim)[:, :, None]
    gradient = np.array([(u(x + e) - u(x - e)) / (2 * h) for e in steps])
    laplacian = sum((u(x + e) + u(x - e) - 2 * u(x)) / h**2 for e in steps)
    np.testing.assert_allclose(problem.exact_gradient(x), gradient, atol=3e-6)
    expected = -0.3 * laplacian + 0.7 * gradient.sum(axis=0) + 2.0 * u(x)
    np.testing.assert_allclose(problem.source(x), expected, atol=2e-5)


def test_the_corner_solution_is_harmonic_and_zero_on_the_sides_of_the_corner():
    problem, s = LShape(), np.linspace(1e-3, 1, 20)
    np.testing.assert_allclose(problem.exact(np.array([s, 0 * s])), 0.0, atol=1e-15)
    np.testing.assert_allclose(problem.exact(np.array([0 * s, -s])), 0.0, atol=1e-14)
    middle = problem.exact(np.array([[-np.sqrt(0.5)], [np.sqrt(0.5)]]))  # θ = 3π/4, r = 1
    np.testing.assert_allclose(middle, 1.0, rtol=1e-14)


def test_a_layer_in_the_wind_has_the_constant_source_one():
    problem = Interval(data="layer", width=0.05, diffusion=0.05, speed=1.0)
    np.testing.assert_allclose(problem.source(np.linspace(0, 1, 50)[None]), 1.0, rtol=1e-9)
    np.testing.assert_allclose(problem.exact(np.array([[0.0, 1.0]])), 0.0, atol=1e-15)


@pytest.mark.parametrize("edges, order", [("straight", 2), ("quadratic", 4)])
def test_the_area_of_the_disk_is_found_to_the_order_of_its_edges(edges, order):
    problem = Disk(edges=edges)
    mesh, gaps = problem.initial_mesh(), []
    for _ in range(3):
        mesh = problem.refined(mesh)
        gaps.append(np.pi - PlaneElements(mesh, "triangles", 2).dx.sum())
    sides = 4 * 2 ** (1 + 3)
    if edges == "straight":
        np.testing.assert_allclose(np.pi - gaps[-1], sides / 2 * np.sin(2 * np.pi / sides), rtol=1e-12)
    np.testing.assert_allclose(np.log2(np.divide(gaps[:-1], gaps[1:])), order, atol=0.05)


@pytest.mark.parametrize("problem", [Interval(), Square(), Cube(), LShape()], ids=lambda p: p.title)
def test_a_refined_mesh_has_two_to_the_dim_times_the_cells_and_the_same_volume(problem):
    mesh = problem.initial_mesh()
    finer = problem.refined(mesh)
    assert finer.nelements == 2**problem.dim * mesh.nelements
    if problem.dim > 1:
        kind = problem.cells[0]
        volumes = [PlaneElements(one, kind, 1).dx.sum() for one in (mesh, finer)]
        np.testing.assert_allclose(volumes, 3.0 if isinstance(problem, LShape) else 1.0, rtol=1e-12)


def test_a_mesh_of_foreign_cells_is_refused():
    with pytest.raises(tk.ToolkitError, match=r"hexagons.*triangles or quadrilaterals"):
        Square().initial_mesh("hexagons")


# -- elements in the interval ----------------------------------------------------------------------------------------


def test_inner_shape_functions_vanish_at_the_ends_and_have_orthonormal_slopes():
    t, w = np.polynomial.legendre.leggauss(14)
    values, slopes = shapes(8, np.array([-1.0, 1.0]))[0], shapes(8, t)[1]
    np.testing.assert_allclose(values[2:], 0.0, atol=1e-15)
    np.testing.assert_allclose((slopes * w) @ slopes.T, np.diag([0.5, 0.5] + [1.0] * 7) - _ends(), atol=1e-14)


def _ends():
    block = np.zeros((9, 9))
    block[0, 1] = block[1, 0] = 0.5
    return block


@pytest.mark.parametrize("p", [1, 2, 3, 5])
def test_the_solution_in_an_interval_is_that_of_scikit_fem(p):
    import skfem
    from skfem.helpers import dot, grad

    problem = Interval(number=2.0, speed=1.5, reaction=3.0, diffusion=0.5)
    nodes = np.array([0.0, 0.1, 0.35, 0.4, 0.8, 1.0])
    mine = galerkin(problem, LineElements(nodes, np.full(5, p)))
    basis = skfem.Basis(skfem.MeshLine(nodes), skfem.ElementLinePp(p), intorder=2 * p + 20)

    @skfem.BilinearForm
    def form(u, v, w):
        return 0.5 * dot(grad(u), grad(v)) + 1.5 * grad(u)[0] * v + 3.0 * u * v

    @skfem.LinearForm
    def load(v, w):
        return problem.source(w.x) * v

    u = basis.zeros()
    theirs = skfem.solve(*skfem.condense(form.assemble(basis), load.assemble(basis), x=u, D=basis.get_dofs()))
    np.testing.assert_allclose(mine.u[: len(nodes)], theirs[basis.nodal_dofs[0]], atol=1e-12)
    np.testing.assert_allclose(mine.space.at(mine.u, nodes), mine.u[: len(nodes)], atol=1e-14)


@pytest.mark.parametrize(
    "problem", [Interval(), Interval(data="corner"), Interval(data="layer", width=0.3)], ids=lambda p: p.data
)
def test_without_lower_terms_the_nodal_values_in_an_interval_are_exact(problem):
    nodes = np.array([0.0, 0.02, 0.1, 0.3, 0.55, 1.0])
    space = LineElements(nodes, np.array([3, 5, 6, 7, 8]), problem.corner is not None)
    found = galerkin(problem, space).u[: len(nodes)]
    np.testing.assert_allclose(found, problem.exact(nodes[None]), atol=1e-12)


def test_the_energy_error_of_linear_elements_for_a_sine_has_a_closed_form():
    nodes = np.linspace(0, 1, 9)  # |u − Iu|² = ∫ u′² − Σ (Δu)²/h
    expected = np.pi**2 / 2 - np.sum(np.diff(np.sin(np.pi * nodes)) ** 2 / np.diff(nodes))
    found = galerkin(Interval(), LineElements(nodes, np.full(8, 1))).energy_error
    np.testing.assert_allclose(found**2, expected, rtol=1e-12)


@pytest.mark.parametrize("power", [0.6, 0.75, 1.5])
def test_the_energy_error_of_linear_elements_for_a_power_has_a_closed_form(power):
    nodes = np.linspace(0, 1, 6)  # ∫ u′² = α²/(2α − 1)
    problem = Interval(data="corner", exponent=power)
    expected = power**2 / (2 * power - 1) - np.sum(np.diff(nodes**power) ** 2 / np.diff(nodes))
    found = galerkin(problem, LineElements(nodes, np.full(5, 1), True)).energy_error
    np.testing.assert_allclose(found**2, expected, rtol=1e-9)


# -- elements in the plane and in space ------------------------------------------------------------------------------

SPACES = [("triangles", p) for p in (1, 2, 3, 4)] + [("quadrilaterals", p) for p in (1, 2, 3, 4)]
SPACES += [("tetrahedra", p) for p in (1, 2)]


@pytest.mark.parametrize("cells, p", SPACES)
def test_matrix_and_load_are_those_of_scikit_fem(cells, p):
    import skfem
    from skfem.helpers import dot, grad

    problem = (Cube if cells == "tetrahedra" else LShape)(data="smooth", diffusion=0.5, speed=1.5, reaction=3.0)
    mesh = problem.initial_mesh(cells)
    space = PlaneElements(mesh, cells, p)
    basis = skfem.Basis(mesh, element(cells, p), intorder=2 * p + 4 if cells != "tetrahedra" else 2 * p + 2)

    @skfem.BilinearForm
    def form(u, v, w):
        return 0.5 * dot(grad(u), grad(v)) + 1.5 * sum(grad(u)) * v + 3.0 * u * v

    @skfem.LinearForm
    def load(v, w):
        return problem.source(w.x) * v

    theirs = form.assemble(basis)
    assert abs(space.matrix(problem) - theirs).max() < 1e-12 * abs(theirs).max()
    tol = 1e-12 if cells != "triangles" else 1e-3  # triangles have quadratures of different exactness here
    np.testing.assert_allclose(space.load(problem), load.assemble(basis), atol=tol)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_with_zero_boundary_values_the_squares_of_energies_subtract(p):
    space = PlaneElements(Square().refined(Square().initial_mesh()), "triangles", p)  # |||u|||² = π²/2 of sin sin
    solved = galerkin(Square(), space)
    energy = solved.u @ space.matrix(Square()) @ solved.u
    np.testing.assert_allclose(np.pi**2 / 2 - energy, solved.energy_error**2, rtol=2e-3)


@pytest.mark.parametrize("problem", [Square(data="cubic"), LShape(data="cubic")], ids=lambda p: p.title)
@pytest.mark.parametrize("cells", ["triangles", "quadrilaterals"])
def test_cubics_are_found_exactly_from_degree_three_on(problem, cells):
    assert galerkin(problem, PlaneElements(problem.initial_mesh(cells), cells, 3)).max_error < 1e-12
    assert galerkin(problem, PlaneElements(problem.initial_mesh(cells), cells, 2)).max_error > 1e-4


LADDERS = (
    *((Interval(), FiniteElements(degree=p)) for p in range(1, 6)),
    *((Square(), FiniteElements(degree=p, cells=c)) for p in (1, 2, 3, 4) for c in ("triangles", "quadrilaterals")),
    *((Square(speed=1.0, reaction=2.0), FiniteElements(degree=p)) for p in (1, 3)),
    *((LShape(), FiniteElements(degree=p, cells="quadrilaterals")) for p in (1, 4)),
    *((Disk(), FiniteElements(degree=p)) for p in (1, 2, 3)),
    (Cube(), FiniteElements(degree=2, levels=3)),
    *((problem, FiniteDifferences(order=p)) for problem in (Interval(speed=1.0), Square()) for p in (2, 4)),
)


@pytest.mark.parametrize("problem, method", LADDERS, ids=lambda one: getattr(one, "label", one.slug)())
def test_every_degree_has_its_orders(problem, method):
    """P1–P5 in an interval, P1–P4 and Q1–Q4 in the plane, P2 in space, differences of order 2 and 4."""
    claims = [claim for claim in method.claims(problem) if claim.kind == "order"]
    assert len(claims) == 2 or problem.dim == 3
    for claim in claims:
        verdict = tk.check(claim, problem, method)
        assert verdict.holds, f"{claim.title}: {verdict}"


@pytest.mark.parametrize("p", [6, 7, 8])
def test_high_degrees_have_their_orders_until_rounding(p):
    """Six half waves, from 4 cells on; no claim is made, as rounding leaves too few widths that are fine enough."""
    history = tk.solve(Interval(number=6.0), FiniteElements(degree=p, levels=4), WHOLE).history
    for name, order in (("energy_error", p), ("l2_error", p + 1)):
        slopes = np.diff(np.log2(history[name]))
        np.testing.assert_allclose(slopes[1:3], -order, atol=0.2)
        np.testing.assert_allclose(slopes[2], -order, atol=0.06)


# -- hp --------------------------------------------------------------------------------------------------------------


def test_the_graded_mesh_covers_the_l_shape_and_its_functions_are_continuous():
    mesh = graded(0.3, 3)
    assert mesh.nelements == 6 * 3 + 3
    np.testing.assert_allclose(PlaneElements(mesh, "quadrilaterals", 1).dx.sum(), 3.0, rtol=1e-13)
    problem = LShape(data="cubic")  # odd functions of an edge would not fit if it had two directions
    assert galerkin(problem, PlaneElements(mesh, "quadrilaterals", 5)).max_error < 1e-11


def test_degrees_rise_linearly_from_the_corner():
    space = HPVersion(slope=0.5, grading=0.2).space(Interval(data="corner"), 4)
    np.testing.assert_allclose(space.nodes, [0.0] + [0.2**k for k in (5, 4, 3, 2, 1, 0)])
    assert space.degrees.tolist() == [1, 1, 2, 2, 3, 3]


def test_in_an_interval_the_logarithm_of_the_hp_error_is_linear_in_the_root_of_the_unknowns():
    run = tk.solve(Interval(data="corner"), HPVersion(), WHOLE)
    root, error = np.sqrt(run.history["unknowns"])[4:], np.log(run.history["energy_error"])[4:]
    fit = np.polyfit(root, error, 1)
    assert fit[0] < -0.5 and np.corrcoef(root, error)[0, 1] < -0.999


def test_hp_beats_p_beats_h_at_equal_unknowns_at_a_corner():
    errors = {}
    for method in (FiniteElements(degree=1, levels=3), PVersion(levels=6), HPVersion(levels=4)):
        history = tk.solve(LShape(), method, WHOLE).history
        errors[method.title] = np.exp(
            np.interp(np.log(400), np.log(history["unknowns"]), np.log(history["energy_error"]))
        )
    assert 4 * errors["hp-FEM"] < errors["p-FEM"] < 0.5 * errors["h-FEM"]


def test_a_thin_layer_costs_hp_no_more_than_a_thick_one():
    last = [
        tk.solve(Interval(data="layer", width=w, diffusion=w, speed=1.0), HPVersion(), tk.Stop(rtol=0, steps=12))
        for w in (0.005, 0.02)
    ]
    errors = [run.history["energy_error"][-1] for run in last]
    assert errors[0] < 1.05 * errors[1] and errors[1] < 2e-5  # a fourth of the width


@pytest.mark.parametrize("rho", [1.1, 2.0, 7.0])
def test_the_ellipse_through_a_point(rho):
    for angle in (0.0, 0.7, np.pi / 2, 3.0):
        z = rho * np.exp(1j * angle)
        np.testing.assert_allclose(regularity.radius((z + 1 / z) / 2), rho, rtol=1e-12)


# -- finite differences ----------------------------------------------------------------------------------------------


def test_the_eigenvalues_of_second_differences_are_four_n_squared_sine_squared():
    n, k = 12, np.arange(1, 12)
    line = 4.0 * n**2 * np.sin(k * np.pi / (2 * n)) ** 2
    np.testing.assert_allclose(np.linalg.eigvalsh(Grid(Interval(), n, 2).matrix.toarray()), line, rtol=1e-12)
    plane = np.linalg.eigvalsh(Grid(Square(reaction=3.0), n, 2).matrix.toarray())
    np.testing.assert_allclose(plane, np.sort((line[:, None] + line).ravel()) + 3.0, rtol=1e-11)


def test_the_difference_solution_of_a_sine_is_a_multiple_of_it():
    n = 16  # −δ² sin = λ sin, λ = 4n² sin²(π/2n)
    factor = np.pi**2 / (4 * n**2 * np.sin(np.pi / (2 * n)) ** 2)
    for problem in (Interval(), Square()):
        grid = Grid(problem, n, 2)
        np.testing.assert_allclose(grid.solve(), factor * problem.exact(grid.x), atol=1e-13)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_differences_are_exact_for_polynomials_of_their_degree(order, accuracy):
    n, top = 9, accuracy + order - 1
    x = np.linspace(0, 1, n + 1)
    for m in range(top + 1):
        expected = np.prod(np.arange(m, m - order, -1.0)) * x[1:-1] ** max(0, m - order)
        np.testing.assert_allclose(differences.difference(n, order, accuracy) @ x**m, expected, atol=1e-10)


def test_the_weights_of_the_fourth_order_are_the_known_ones():
    row = differences.difference(10, 2, 4)[[4]].toarray().ravel() / 100
    np.testing.assert_allclose(row[3:8] * 12, [-1, 16, -30, 16, -1], rtol=1e-12)


def test_too_few_intervals_for_the_fourth_order_are_refused_by_the_knob():
    with pytest.raises(tk.ToolkitError, match="start"):
        FiniteDifferences(start=4)


# -- collocation -----------------------------------------------------------------------------------------------------


def test_the_differentiation_matrix_of_degree_two_is_the_known_one():
    known = np.array([[-1.5, 2, -0.5], [-0.5, 0, 0.5], [0.5, -2, 1.5]])  # on [−1, 1], points rising
    np.testing.assert_allclose(collocation.differentiation(2), 2 * known, atol=1e-14)


def test_polynomials_are_differentiated_and_interpolated_exactly():
    x, at = collocation.nodes(12), np.linspace(0, 1, 37)
    c = np.random.default_rng(1).standard_normal(13)
    poly = np.polynomial.Polynomial(c)
    np.testing.assert_allclose(collocation.differentiation(12) @ poly(x), poly.deriv()(x), atol=1e-10)
    np.testing.assert_allclose(collocation.interpolation(12, at) @ poly(x), poly(at), atol=1e-12)
    np.testing.assert_allclose(collocation.interpolation(12, x), np.eye(13), atol=1e-15)


def test_collocation_in_the_square_is_that_of_the_kronecker_product():
    problem, N = Square(data="front", width=0.3, speed=0.5, reaction=2.0, diffusion=0.4), 9
    D = collocation.differentiation(N)
    line, eye = -0.4 * D @ D + 0.5 * D, np.eye(N + 1)
    whole = np.kron(line, eye) + np.kron(eye, line) + 2.0 * np.eye((N + 1) ** 2)
    x = np.array(np.meshgrid(*[collocation.nodes(N)] * 2, indexing="ij"))
    rim = np.ones((N + 1, N + 1), dtype=bool)
    rim[1:-1, 1:-1] = False
    whole[rim.ravel()] = np.eye((N + 1) ** 2)[rim.ravel()]
    right = np.where(rim, problem.exact(x), problem.source(x)).ravel()
    np.testing.assert_allclose(collocated(problem, N).ravel(), np.linalg.solve(whole, right), atol=1e-12)


def test_the_rate_of_collocation_is_that_of_the_nearest_singularity():
    problem = Interval(data="front", width=0.15)
    history = tk.solve(problem, ChebyshevCollocation(levels=24), WHOLE).history
    rows = slice(8, 22)
    slope = np.polyfit(history["degree"][rows], np.log(history["max_error"][rows]), 1)[0]
    z = 2 * (0.65 + 0.15j) - 1
    rho = abs(z + np.sqrt(z - 1) * np.sqrt(z + 1))
    assert rho * 0.99 < np.exp(-slope) < rho * 1.08  # faster by what the logarithm of the branch adds


# -- stop here -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preconditioner", ["none", "SSOR", "incomplete Cholesky"])
def test_the_errors_are_the_legs_of_a_right_triangle(preconditioner):
    method = StopHere(preconditioner=preconditioner, halvings=2)
    run = tk.Run(LShape(data="smooth"), method, SOLVED).finish()
    algebraic, mesh, total = (run.history[name] for name in method.monitors)
    np.testing.assert_allclose(total**2, algebraic**2 + mesh**2, rtol=1e-9)
    k = method.enough(run.history)
    assert k == run.state.stop_here and algebraic[k] <= mesh[k] and (algebraic[:k] > mesh[:k]).all()
    assert total[k] <= np.sqrt(2) * mesh[k] and np.ptp(mesh) == 0


@pytest.mark.parametrize("preconditioner", ["none", "SSOR", "incomplete Cholesky"])
@pytest.mark.parametrize("degree", [1, 2])
def test_a_solver_that_knows_no_solution_stops_where_one_that_knows_it_would(preconditioner, degree):
    """Arioli's rule, from CG's coefficients: later by about the steps it looks back; total ≤ 2 mesh."""
    method = StopHere(preconditioner=preconditioner, halvings=3, degree=degree)
    run = tk.solve(LShape(), method, SOLVED, probes=("algebraic_estimate", "estimated_stop"))
    state, k = run.state, int(run.state.estimated_stop)
    assert abs(k - state.stop_here) <= DELAY + 1
    assert run.history["total_error"][k] <= 2 * run.history["discretisation_error"][k]
    estimate, algebraic = run.history["algebraic_estimate"], run.history["algebraic_error"]
    seen = np.flatnonzero(np.isfinite(estimate))
    assert seen[0] <= DELAY and np.all(estimate[seen[1:]] <= algebraic[seen[1:] - DELAY] * (1 + 1e-6))
    system, x = state.discretised.system, np.zeros(state.discretised.system.size)
    sums = taken(state.inner)  # from zero, Σ α_j ρ_j = ‖x_k‖²_A
    assert np.sqrt(sums.sum()) == pytest.approx(system.energy(state.inner.x - x), rel=1e-9)


def test_before_it_is_enough_there_is_no_mark():
    run = tk.Run(LShape(), StopHere(), SOLVED).step(3)
    assert StopHere().enough(run.history) is None and np.isnan(run.state.stop_here)


def test_the_solver_starts_with_the_boundary_values_and_ends_at_the_galerkin_solution():
    run = tk.Run(LShape(), StopHere(halvings=2), SOLVED).finish()
    one = run.state.discretised
    np.testing.assert_allclose(run.solution(), one.solved.u, atol=1e-7)
    border = one.space.border
    start = tk.Run(LShape(), StopHere(halvings=2), SOLVED).solution()
    np.testing.assert_array_equal(start[border], one.solved.u[border])


def test_a_wind_is_nothing_for_conjugate_gradients():
    assert "symmetric" in StopHere().suits(Square(speed=1.0))


# -- what suits ------------------------------------------------------------------------------------------------------


def test_methods_say_why_they_do_not_suit():
    assert "degree 4" in FiniteElements(degree=6).suits(Square())
    assert not FiniteElements(degree=6).suits(Interval())
    assert "triangles" in FiniteElements(cells="quadrilaterals").suits(Disk())
    assert "corner or a layer" in HPVersion().suits(Square())
    assert FiniteDifferences().suits(LShape())


# -- convergence triangle --------------------------------------------------------------------------------------------


def corners(drawn, name):
    """(its three corners, the order it is labelled with) of the triangle under an error."""
    label = next(one for one in drawn if one.startswith(name) and "slope" not in one)
    good = np.isfinite(drawn[label])
    return np.column_stack([drawn["x"], drawn[label]])[good], float(label.split(": ")[1].split()[0])


@pytest.mark.parametrize(
    "problem, method, orders",
    [
        (Square(), FiniteElements(degree=2), {"energy": 2.0, "L2": 3.0}),
        (LShape(), FiniteElements(degree=3), {"energy": 2 / 3, "L2": 4 / 3}),
        (Interval(), FiniteDifferences(order=4), {"largest": 4.0, "mean square": 4.0}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_the_triangle_has_the_slope_it_is_labelled_with_and_the_errors_run_along_it(problem, method, orders):
    run = tk.Run(problem, method, WHOLE).step(4)
    drawn = convergence(problem, run.state)
    h = np.log10(run.history["h"])
    for name, order in orders.items():
        triangle, labelled = corners(drawn, name)
        assert labelled == pytest.approx(order, abs=5e-3)
        foot, heel, top, _ = triangle
        assert heel[0] == top[0] == pytest.approx(h[-3]) and foot[0] == pytest.approx(h[-1]) and foot[1] == heel[1]
        assert (top[1] - foot[1]) / (top[0] - foot[0]) == pytest.approx(order)
        label = next(one for one in drawn if one.startswith(f"{name}: slope"))
        error = drawn[label][np.isfinite(drawn[label])]
        assert len(error) == run.k + 1 and (error[-3] - error[-1]) / (h[-3] - h[-1]) == pytest.approx(order, abs=0.15)


def test_a_triangle_needs_two_widths():
    """Nothing on the first mesh, nor where only the degree grows; on adaptive meshes h is N^−1/2."""
    run = tk.Run(Square(), FiniteElements(), WHOLE).step(0)
    assert convergence(run.problem, run.state) is None
    run = tk.Run(Square(), PVersion(), WHOLE).step(3)
    assert convergence(run.problem, run.state) is None
    run = tk.Run(LShape(), AdaptiveElements(), WHOLE).step(9)
    triangle, labelled = corners(convergence(run.problem, run.state), "estimate")
    np.testing.assert_allclose(triangle[[0, 1], 0], -0.5 * np.log10(run.history["unknowns"][[-1, -3]]))
    assert labelled == 1.0
