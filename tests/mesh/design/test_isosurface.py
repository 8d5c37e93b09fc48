"""Marching squares and cubes: closed, oriented, of the right shape; derivatives against differences."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.mesh.design.deep_mesh import DeepMesh, normal_speeds, pulled_back
from toolkit.mesh.design.marching_cubes import Surface, cube_table, extract
from toolkit.mesh.design.silhouette import Silhouette

RNG = np.random.default_rng(0)


def ball(n, dim, radius=0.7):
    line = np.linspace(-1, 1, n)
    return np.sqrt(sum(x**2 for x in np.meshgrid(*[line] * dim, indexing="ij"))) - radius


def padded_noise(seed, dim, n):
    """Noise inside a layer that is outside the shape: every pattern of signs, and the surface must close."""
    return np.pad(np.random.default_rng(seed).standard_normal((n,) * dim), 1, constant_values=1.0)


@pytest.mark.parametrize("seed", range(20))
def test_surfaces_are_closed_oriented_manifolds(seed):
    """Each edge belongs to two triangles, which run along it in opposite directions."""
    faces = extract(padded_noise(seed, 3, 12), 0.0, 1.0).simplices
    sides = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    directed = {tuple(side) for side in sides.tolist()}
    assert len(directed) == len(sides)
    assert all((b, a) in directed for a, b in directed)


@pytest.mark.parametrize("seed", range(10))
def test_curves_are_closed_and_oriented(seed):
    segments = extract(padded_noise(seed, 2, 20), 0.0, 1.0).simplices
    assert np.all(np.bincount(segments[:, 0]) == 1) and np.all(np.bincount(segments[:, 1]) == 1)


@pytest.mark.parametrize("dim", [2, 3])
def test_inside_is_where_the_field_is_negative(dim):
    """The enclosed area or volume is positive, so simplices are oriented, and that of the ball."""
    surface = extract(ball(41, dim), -1.0, 1.0)
    exact = {2: (np.pi * 0.49, 2 * np.pi * 0.7), 3: (4 / 3 * np.pi * 0.343, 4 * np.pi * 0.49)}[dim]
    assert surface.enclosed() == pytest.approx(exact[0], rel=6e-3)
    assert surface.measure().sum() == pytest.approx(exact[1], rel=6e-3)


@pytest.mark.parametrize("dim", [2, 3])
def test_volume_converges_at_second_order(dim):
    exact = {2: np.pi * 0.49, 3: 4 / 3 * np.pi * 0.343}[dim]
    grids = np.array([11, 21, 41])
    errors = [abs(extract(ball(n, dim), -1.0, 1.0).enclosed() - exact) for n in grids]
    assert np.polyfit(np.log(grids - 1), np.log(errors), 1)[0] == pytest.approx(-2, abs=0.3)


def test_vertices_are_zeros_of_the_interpolant():
    surface = extract(ball(21, 3), -1.0, 1.0)
    np.testing.assert_allclose(np.linalg.norm(surface.points, axis=1), 0.7, atol=0.1**2 / 4)
    field = extract(np.add.outer(np.linspace(-1, 1, 5), np.linspace(-0.9, 1.3, 5)), -1.0, 1.0)
    np.testing.assert_allclose(field.points[:, 0] + 0.2 + 1.1 * field.points[:, 1], 0, atol=1e-14)


def test_topology_is_counted():
    line = np.linspace(-1, 1, 31)
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    torus = extract((np.hypot(x, y) - 0.6) ** 2 + z**2 - 0.04, -1.0, 1.0)
    assert (torus.euler(), torus.components()) == (0, 1)
    assert (extract(ball(21, 3), -1.0, 1.0).euler(), extract(ball(21, 2), -1.0, 1.0).euler()) == (2, 0)
    apart = extract(np.minimum(np.abs(x - 0.5), np.abs(x + 0.5)) + np.hypot(y, z) - 0.3, -1.0, 1.0)
    assert (apart.euler(), apart.components()) == (4, 2)


def test_the_table_has_the_symmetry_of_a_change_of_sign_but_for_ambiguous_faces():
    """Patterns of up to two neighbouring inside corners and their complements have as many triangles."""
    count = (cube_table() >= 0).sum(axis=1) // 3
    for case in (1, 2, 4, 8, 16, 32, 64, 128, 3, 5, 17, 15, 51, 85):
        assert count[case] == count[255 - case]
    assert count[1] == 1 and count[3] == 2 and count[15] == 2 and count[0] == count[255] == 0


def test_against_scikit_image():
    measure = pytest.importorskip("skimage.measure")
    field = ball(21, 3)
    points, faces, *_ = measure.marching_cubes(field, 0.0)
    mine = extract(field, 0.0, 20.0)
    assert mine.measure().sum() == pytest.approx(measure.mesh_surface_area(points, faces), rel=2e-3)


@pytest.mark.parametrize("bad", [np.zeros(4), np.full((3, 3), np.nan), np.zeros((1, 5))])
def test_unusable_fields_are_refused(bad):
    with pytest.raises(tk.DataError, match="expected finite values"):
        extract(bad, 0.0, 1.0)


@pytest.mark.parametrize("dim", [2, 3])
def test_field_derivatives(dim):
    problem = Silhouette(dim=dim, balls=3)
    theta, x = problem.start, 0.8 * RNG.standard_normal((6, dim))
    slope, by_theta = problem.derivatives(theta, x)
    d, e, h = RNG.standard_normal(x.shape), RNG.standard_normal(theta.shape), 1e-6
    by_x = (problem.field(theta, x + h * d) - problem.field(theta, x - h * d)) / (2 * h)
    np.testing.assert_allclose((slope * d).sum(axis=1), by_x, atol=1e-7)
    moved = (problem.field(theta + h * e, x) - problem.field(theta - h * e, x)) / (2 * h)
    np.testing.assert_allclose(np.einsum("vbk,bk->v", by_theta, e), moved, atol=1e-7)


@pytest.mark.parametrize("dim", [2, 3])
def test_objective_derivative_by_vertices(dim):
    problem = Silhouette(dim=dim)
    surface = extract(problem.field(problem.start, problem.grid(15)), -1.0, 1.0)
    d, h = RNG.standard_normal(surface.points.shape), 1e-6

    def value(p):
        return problem.objective(Surface(p, surface.simplices, surface.edges))[0]

    slope = (value(surface.points + h * d) - value(surface.points - h * d)) / (2 * h)
    assert np.vdot(problem.objective(surface)[1], d) == pytest.approx(slope, rel=1e-6)


def test_objective_vanishes_at_the_target_and_there_only():
    problem = Silhouette()
    assert problem.objective(problem.goal)[0] == pytest.approx(0, abs=1e-12)
    assert problem.objective(extract(ball(65, 2, 0.5), -1.0, 1.0))[0] > 0.1


def test_a_growing_ball_moves_outwards_at_unit_speed():
    """One ball of radius r: ∂s/∂r = −1, |∇s| = 1, so every vertex moves by +n; differences agree up to O(h)."""
    problem = Silhouette(balls=2, sharpness=100.0)
    theta = np.array([[0.013, 0.027, 0.5], [5.0, 5.0, 0.1]])
    direction = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    surface = extract(problem.field(theta, problem.grid(65)), -1.0, 1.0)
    predicted, measured, about, across = normal_speeds(problem, theta, surface, direction, 65)
    np.testing.assert_allclose(predicted, 1.0, atol=1e-9)
    assert about @ np.abs(measured - 1) / about.sum() < 0.03
    steep = np.abs(surface.points - theta[0, :2]) / 0.5  # |n · e| of a disc, along both axes
    np.testing.assert_allclose(across, steep[np.arange(len(steep)), surface.edges[:, 0]], atol=0.01)


def test_each_vertex_across_the_surface_errs_by_the_curvature_along_its_edge():
    """A disc that grows: on an edge at the angle φ to the normal by h sin²φ / (2 r cos φ) at most, to first order."""
    problem = Silhouette(balls=2)
    theta = np.array([[0.013, 0.027, 0.5], [5.0, 5.0, 0.1]])
    direction = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    for n in (33, 65, 129):
        surface = extract(problem.field(theta, problem.grid(n)), -1.0, 1.0)
        predicted, measured, _, across = normal_speeds(problem, theta, surface, direction, n)
        bound = 2 / (n - 1) * (1 - across**2) / across / (2 * 0.5)
        where = across >= 0.5
        gap = np.abs(measured - predicted)
        assert (gap[where] <= 1.2 * bound[where] + (4 / n) ** 2).all()
        assert (across * gap).max() <= 1.5 * 2 / (n - 1) / (2 * 0.5) and gap.max() > 2 * (across * gap).max()


def latent_error(problem, n, h=1e-4):
    """‖dF/dθ by the chain rule − central differences over meshes extracted anew‖, relative; every coordinate."""
    theta, units = problem.start, np.eye(problem.start.size).reshape(-1, *problem.start.shape)

    def mesh(t):
        return extract(problem.field(t, problem.grid(n)), -1.0, 1.0)

    def value(t):
        return problem.objective(mesh(t))[0]

    gradient = pulled_back(problem, theta, mesh(theta), problem.objective(mesh(theta))[1])
    differences = np.array([(value(theta + h * e) - value(theta - h * e)) / (2 * h) for e in units])
    return np.linalg.norm(gradient.ravel() - differences) / np.linalg.norm(differences)


@pytest.mark.parametrize("dim, coarse, fine, tol", [(2, 33, 129, 5e-3), (3, 17, 33, 8e-2)])
def test_latent_gradient_tends_to_that_of_the_meshes(dim, coarse, fine, tol):
    """The balls of radius 0.18 are three cells wide on the finest grid of 33³: six percent there, less each halving."""
    problem = Silhouette(dim=dim, balls=2)
    error = latent_error(problem, fine)
    assert error < tol and error < 0.5 * latent_error(problem, coarse)


@pytest.mark.parametrize("target, first, last", [("one", 2, 1), ("two", 1, 2)])
def test_two_become_one_and_one_becomes_two(target, first, last):
    run = tk.solve(Silhouette(target=target), DeepMesh(), tk.Stop(measure="objective", rtol=0.0, steps=60))
    assert (run.history["pieces"][0], run.history["pieces"][-1]) == (first, last)
    assert run.history["objective"][-1] < 1e-3 * run.history["objective"][0]
    assert run.state.surface.enclosed() == pytest.approx(Silhouette(target=target).goal.enclosed(), rel=0.02)


@pytest.mark.parametrize("depth, components", [(1.0, 1), (0.2, 2)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_saddle_joins_the_side_of_its_mean(depth, components, turned):
    """Two nodes inside at opposite corners of a cell: one piece where the mean of the four is inside, else two."""
    field = np.full((4, 4), 0.5)
    field[[1, 2], [1, 2]] = -depth
    surface = extract(field[::-1] if turned else field, 0.0, 3.0)
    assert surface.components() == components
    np.testing.assert_array_equal(np.bincount(surface.simplices.ravel()), 2)
