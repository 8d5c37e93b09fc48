"""Our linear elements and triangulations: scikit-fem's matrices, dense counting, what bisection keeps."""

import numpy as np
import pytest
from peers import Peer

import toolkit as tk
from toolkit.mesh.adaptive.linear_elements import LinearElements, solved
from toolkit.mesh.adaptive.triangulation import Triangulation, quadrature

skfem = Peer("skfem")


def scattered(seed, n=60):
    """A Delaunay mesh of random points, corners of the square among them."""
    rng = np.random.default_rng(seed)
    points = np.concatenate((rng.random((n, 2)), [[0, 0], [1, 0], [0, 1], [1, 1]]))
    from scipy.spatial import Delaunay

    return skfem.MeshTri(points.T, Delaunay(points).simplices.T)


def rough(seed=0, rounds=4):
    """A mesh refined at random."""
    rng, mesh = np.random.default_rng(seed), Triangulation.of(scattered(seed, 12))
    for _ in range(rounds):
        mesh = mesh.refined(rng.integers(0, len(mesh), 5))
    return mesh


def there(mesh):
    """The same mesh in scikit-fem."""
    return skfem.MeshTri(mesh.points.T, np.asarray(mesh.cells.T, dtype=np.int64))


class TestAssembly:
    @pytest.mark.parametrize("seed", range(3))
    def test_scikit_fem_sums_the_same_matrices(self, seed):
        mesh = rough(seed)
        rng = np.random.default_rng(seed)
        kappa, c = rng.uniform(0.1, 9, len(mesh)), rng.uniform(0, 5, len(mesh))
        basis = skfem.Basis(there(mesh), skfem.ElementTriP1())

        @skfem.BilinearForm
        def form(u, v, w):
            return w["kappa"] * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]) + w["c"] * u * v

        at_points = {"kappa": kappa[:, None] + 0 * basis.dx, "c": c[:, None] + 0 * basis.dx}
        theirs, elements = form.assemble(basis, **at_points), LinearElements(mesh)
        ours = elements.matrix(kappa, c)
        assert abs(ours - theirs).max() <= 1e-13 * abs(theirs).max()
        assert ours.has_sorted_indices and ours.nnz == theirs.nnz
        np.testing.assert_array_equal(elements.matrix(kappa, c).data, ours.data)
        assert abs(elements.matrix(2.0) - 2 * elements.matrix(1.0)).max() == 0

    def test_constants_have_no_energy_and_the_area_as_mass(self):
        mesh = rough()
        elements, ones = LinearElements(mesh), np.ones(len(mesh.points))
        np.testing.assert_allclose(elements.matrix(1.0) @ ones, 0, atol=1e-12)
        assert ones @ elements.matrix(0.0, 1.0) @ ones == pytest.approx(1.0, rel=1e-14)

    def test_linear_functions_are_solved_exactly(self):
        mesh = rough(1)
        linear = mesh.points @ [2.0, -3.0] + 1
        u = solved(LinearElements(mesh).matrix(1.0), np.zeros_like(linear), linear, mesh.inner)
        np.testing.assert_allclose(u, linear, atol=1e-12)

    def test_loads_are_summed_at_the_vertices(self):
        mesh = rough()
        shares = np.random.default_rng(3).standard_normal((len(mesh), 3))
        summed = np.bincount(mesh.cells.ravel(), shares.ravel(), len(mesh.points))
        np.testing.assert_allclose(LinearElements(mesh).load(shares), summed, atol=1e-12)


class TestQuadrature:
    @pytest.mark.parametrize("parts", [1, 2, 5])
    def test_degree_five_is_exact(self, parts):
        """∫ λ₀^a λ₁^b λ₂^c over a triangle of area 1 is 2 a! b! c! / (a + b + c + 2)!."""
        from math import factorial as f

        corners, weights = quadrature(parts)
        for a, b, c in np.ndindex(6, 6, 6):
            if a + b + c <= 5:
                exact = 2 * f(a) * f(b) * f(c) / f(a + b + c + 2)
                assert (corners ** [a, b, c]).prod(axis=1) @ weights == pytest.approx(exact, rel=1e-13)

    def test_points_lie_inside(self):
        corners, weights = quadrature(4)
        assert len(corners) == 7 * 16 and (corners > 0).all() and (weights > 0).all()
        np.testing.assert_allclose(corners.sum(axis=1), 1)


class TestBisection:
    def test_edges_are_those_of_scikit_fem(self):
        mesh = rough(2)
        assert {tuple(sorted(e)) for e in mesh.ends.tolist()} == {tuple(e) for e in there(mesh).facets.T.tolist()}
        np.testing.assert_array_equal(
            np.setdiff1d(np.arange(len(mesh.points)), there(mesh).boundary_nodes()), np.sort(mesh.inner)
        )

    @pytest.mark.parametrize("seed", range(4))
    def test_meshes_conform_and_keep_area(self, seed):
        """Euler: vertices − edges + triangles = 1 on a disk; a hanging vertex would add a border edge inside."""
        mesh = rough(seed, 8)
        assert len(mesh.points) - len(mesh.ends) + len(mesh) == 1
        assert mesh.areas.sum() == pytest.approx(1.0, rel=1e-13)
        middle = mesh.points[mesh.ends[mesh.border]].mean(axis=1)
        assert (np.abs(middle - 0.5).max(axis=1) == 0.5).all()

    def test_few_shapes_however_often_refined(self):
        """Bisection makes at most four classes of similar triangles of each (Sewell): least angles stay."""
        mesh = Triangulation.of(scattered(5, 3))

        def shapes(of):
            corners = of.points[of.cells]
            sides = np.sort(np.linalg.norm(np.roll(corners, 1, axis=1) - corners, axis=2), axis=1)
            return np.round(sides / sides[:, 2:], 9)

        first = len(mesh)
        for _ in range(9):
            mesh = mesh.refined(np.flatnonzero((mesh.points[mesh.cells] == 0).all(axis=2).any(axis=1)))
        assert len(np.unique(shapes(mesh), axis=0)) <= 4 * first
        assert mesh.diameters.min() < 1e-2 < 0.1 < mesh.diameters.max()

    def test_marked_cells_are_quartered_and_hold_their_sons(self):
        mesh = rough(3)
        marked = np.array([0, 7, 11])
        finer = mesh.refined(marked)
        sons = np.bincount(finer.parents, minlength=len(mesh))
        assert (sons[marked] == 4).all() and sons.min() >= 1
        np.testing.assert_allclose(np.bincount(finer.parents, finer.areas), mesh.areas, rtol=1e-12)
        assert len(mesh.refined(np.arange(len(mesh)))) == 4 * len(mesh)

    def test_three_triangles_at_an_edge_are_refused(self):
        points, fin = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]]), [[0, 1, 2], [1, 3, 2], [0, 1, 3]]
        with pytest.raises(tk.DataError, match="surface"):
            Triangulation(points, fin)
        with pytest.raises(tk.DataError, match="no area"):
            Triangulation(points[[0, 0, 1]], [[0, 1, 2]])
