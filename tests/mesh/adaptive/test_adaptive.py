"""Adaptive finite elements: what is marked, energies of scikit-fem, promises of every variant, knobs turned midway."""

import numpy as np
import pytest
from peers import Peer

import toolkit as tk
from toolkit.mesh.adaptive.looks import DRAWN, PICTURES
from toolkit.mesh.adaptive.loop import LEVELS, AdaptiveElements
from toolkit.mesh.elements.problems import Disk, LShape, Square
from toolkit.mesh.elements.your_mesh import YourMesh

skfem = Peer("skfem")
PROBLEMS = [Square("layer"), Square("cubic"), LShape("front", width=0.1), Square(reaction=5.0), LShape(diffusion=0.01)]
VARIANTS = [
    AdaptiveElements(theta=0.3),
    AdaptiveElements("residual"),
    AdaptiveElements("residual", "maximum"),
    AdaptiveElements(marking="maximum"),
    AdaptiveElements(marking="uniform"),
    AdaptiveElements("residual", degree=2),
]
TWO = AdaptiveElements("residual", degree=2)
PAIRS = (
    [(Square(), TWO), (Square("layer"), TWO)]
    + [(one, AdaptiveElements()) for one in PROBLEMS]
    + [(LShape(), one) for one in VARIANTS]
)


def name(one):
    knobs = [f"{v:g}" if isinstance(v, float) else str(v) for v in vars(one).values() if isinstance(v, (str, float))]
    return "-".join([type(one).__name__, *knobs])


@pytest.mark.parametrize("problem, method", PAIRS, ids=name)
def test_promises_hold_of_every_variant(problem, method):
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds, f"{claim.title}: {verdict}"


@pytest.mark.parametrize("width", [0.05, 0.01, 0.005])
@pytest.mark.parametrize("reaction", [0.0, 1e3])
def test_the_bound_holds_before_a_front_is_found(width, reaction):
    """On the first meshes a cell is a hundred times as wide as the front."""
    problem, method = Square("front", width=width, reaction=reaction), AdaptiveElements(most=1000, start=0)
    run = tk.solve(problem, method, LEVELS, [tk.Probe(one, tk.Every(1)) for one in method.measures(problem)])
    assert (run.history["proven"] <= 1).all() and run.history["effectivity"][0] > 3


class TestMarking:
    squares = np.array([4.0, 1, 9, 0, 2, 4])

    def test_bulk_takes_the_fewest(self):
        """Of all sets that hold a share θ of the sum, none is smaller: tried over all of them."""
        for theta in (0.05, 0.3, 0.45, 0.5, 0.85, 0.95):
            marked = AdaptiveElements(theta=theta).marked(self.squares)
            need = theta * self.squares.sum()
            sizes = [
                bin(m).count("1") for m in range(64) if self.squares[[m >> i & 1 == 1 for i in range(6)]].sum() >= need
            ]
            assert self.squares[marked].sum() >= need and len(marked) == min(sizes)

    def test_maximum_takes_what_is_near_it(self):
        assert AdaptiveElements(marking="maximum", theta=0.6).marked(self.squares).tolist() == [0, 2, 5]
        assert AdaptiveElements(marking="uniform").marked(self.squares).tolist() == list(range(6))


def test_scikit_fem_solves_the_same_system():
    """Its matrix and load (of high degree) on our adaptive mesh: the same solution, the same error in energy."""
    problem = LShape(reaction=3.0, diffusion=0.5)
    level = tk.Run(problem, AdaptiveElements(most=400), LEVELS).finish().state.level
    mesh = skfem.MeshTri(level.mesh.points.T, np.asarray(level.mesh.cells.T, dtype=np.int64))
    basis = skfem.Basis(mesh, skfem.ElementTriP1(), intorder=12)
    matrix = skfem.BilinearForm(lambda u, v, w: 0.5 * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]) + 3 * u * v)
    load = skfem.LinearForm(lambda v, w: problem.source(w.x) * v)
    rim = mesh.boundary_nodes()
    start = np.zeros(mesh.nvertices)
    start[rim] = problem.boundary(mesh.p[:, rim])
    u = skfem.solve(*skfem.condense(matrix.assemble(basis), load.assemble(basis), x=start, D=rim))
    np.testing.assert_allclose(level.u, u, atol=1e-5)

    @skfem.Functional
    def square(w):
        gap = problem.exact_gradient(w.x) - w["u"].grad
        return 0.5 * (gap**2).sum(axis=0) + 3 * (problem.exact(w.x) - w["u"]) ** 2

    assert np.sqrt(level.errors.sum()) == pytest.approx(
        np.sqrt(square.assemble(basis, u=basis.interpolate(u))), rel=2e-3
    )


def test_the_energy_of_the_l_lies_between_ours():
    """−Δu = 1 on the L: ∫|∇u|² by fourth-degree elements of scikit-fem on our mesh, which come from below too."""

    class Loaded(LShape):
        title = ""

        def exact(self, x):
            return 0.0 * x[0]

        def exact_gradient(self, x):
            return 0.0 * x

        def source(self, x):
            return 1.0 + 0.0 * x[0]

    state = tk.Run(Loaded(), AdaptiveElements(most=1500), LEVELS).finish().state
    mesh = skfem.MeshTri(state.level.mesh.points.T, np.asarray(state.level.mesh.cells.T, dtype=np.int64))
    basis = skfem.Basis(mesh, skfem.ElementTriP4())
    from skfem.models.poisson import laplace, unit_load

    b = unit_load.assemble(basis)
    fine = b @ skfem.solve(*skfem.condense(laplace.assemble(basis), b, D=basis.get_dofs()))
    ours = state.level.mesh.areas @ (state.level.gradients**2).sum(axis=1)
    assert ours < fine < ours + state.estimator**2 < fine + 3 * (fine - ours)


class TestRuns:
    def test_the_angle_of_no_cell_shrinks(self):
        state = tk.Run(LShape(), AdaptiveElements(), LEVELS).finish().state
        assert (state.level.mesh.diameters**2 / state.level.mesh.areas).max() == pytest.approx(4.0, rel=1e-9)
        at_corner = np.abs(state.level.mesh.points[state.level.mesh.cells]).max(axis=2).min(axis=1) == 0
        assert state.level.mesh.diameters[at_corner].max() < 1e-3 < 0.05 < state.level.mesh.diameters.max()

    def test_theta_is_turned_on_the_way(self):
        run = tk.Run(LShape(), AdaptiveElements(), LEVELS).step(4)
        slow, fast = run.fork(theta=0.1), run.fork(marking="uniform")
        slow.step(1), fast.step(1), run.step(1)
        assert slow.state.unknowns < run.state.unknowns < fast.state.unknowns
        assert fast.state.level.mesh.cells.shape[0] == 4 * len(run.at(4).level.mesh)

    def test_a_disk_stays_round(self):
        mesh = tk.Run(Disk(), AdaptiveElements(most=300), LEVELS).finish().state.level.mesh
        rim = mesh.points[mesh.ends[mesh.border].ravel()]
        np.testing.assert_allclose(np.linalg.norm(rim, axis=1), 1, rtol=1e-14)

    def test_what_is_linear_already_ends_at_once(self):
        class Plane(Square):
            title = ""

            def exact(self, x):
                return 1 + x[0] - 2 * x[1]

            def exact_gradient(self, x):
                return np.stack([1 + 0 * x[0], 0 * x[0] - 2])

            def source(self, x):
                return 0.0 * x[0]

        run = tk.solve(Plane(), AdaptiveElements(), LEVELS)
        assert run.k == 0 and run.status.kind == "converged" and "rounding" in run.status.cause

    def test_advection_is_declined(self):
        assert "advection" in AdaptiveElements().suits(Square(speed=1.0))
        assert AdaptiveElements().claims(Square(speed=1.0)) == ()

    def test_degree_two_has_its_limits_said(self):
        assert "degree 1" in AdaptiveElements(degree=2).suits(LShape())
        assert "straight" in TWO.suits(Disk()) and TWO.suits(LShape()) == ""

    def test_pictures_show_meshes_and_only_small_ones(self):
        state = tk.Run(LShape(), AdaptiveElements(most=300), LEVELS).finish().state
        meshes = [picture for picture in PICTURES if picture.kind == "mesh"]
        assert len(meshes) == 3
        for picture in meshes:
            shown = picture.data(LShape(), state)
            assert len(shown["values"]) in (len(shown["points"]), len(shown["cells"]))
            assert np.isfinite(shown["values"]).all()
            assert picture.applies(LShape(), state) and not picture.applies(LShape(), object())
        large = tk.Run(LShape(), AdaptiveElements(most=30_000, start=5, marking="uniform"), LEVELS).step(2).state
        assert len(large.level.mesh) > DRAWN and not any(picture.applies(LShape(), large) for picture in meshes)


class TestYourMesh:
    """A mesh from a file: quadrilaterals and triangles, refined from there by bisection."""

    PLATE = (  # four quadrilaterals and two triangles beside them, with one reentrant corner
        "v 0 0 0\nv 1 0 0\nv 2.2 0 0\nv 0 1 0\nv 0.9 1.2 0\nv 2 1 0\nv 0 2 0\nv 1 2.1 0\nv 2 2 0\n"
        "v 3 0.4 0\nv 3 1.2 0\n"
        "f 1 2 5 4\nf 2 3 6 5\nf 4 5 8 7\nf 5 6 9 8\nf 3 10 6\nf 10 11 6\n"
    )

    @pytest.fixture
    def plate(self, tmp_path):
        (tmp_path / "plate.obj").write_text(self.PLATE)
        return str(tmp_path / "plate.obj")

    @pytest.mark.parametrize("data", ["smooth", "front", "cubic"])
    def test_promises_hold_from_an_uploaded_mesh_on(self, plate, data):
        problem, method = YourMesh(file=plate, data=data, width=0.1), AdaptiveElements()
        claims = method.claims(problem)
        assert [claim.kind for claim in claims] == ["bound", "order"]
        for claim in claims:
            verdict = tk.check(claim, problem, method)
            assert verdict.holds, f"{claim.title}: {verdict}"

    def test_the_first_mesh_is_that_of_the_file_and_the_last_fills_the_same_domain(self, plate):
        problem = YourMesh(file=plate)
        run = tk.Run(problem, AdaptiveElements(start=0, most=300), LEVELS).finish()
        first, last = run.at(0).level.mesh, run.state.level.mesh
        assert len(first) == 4 * 2 + 2 and len(last) > 300
        corners = {tuple(p) for p in problem.arrays[0].T.tolist()}
        assert corners == {tuple(p) for p in first.points.tolist()} < {tuple(p) for p in last.points.tolist()}
        points = np.array([line.split()[1:3] for line in self.PLATE.splitlines() if line[0] == "v"], dtype=float) / 3.0
        x, y = points[[0, 1, 2, 9, 10, 5, 8, 7, 6, 3]].T
        area = 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)  # of the polygon, by its corners
        assert first.areas.sum() == pytest.approx(area) and last.areas.sum() == pytest.approx(area)

    def test_scikit_fem_finds_the_same_error_on_the_refined_mesh(self, plate):
        problem = YourMesh(file=plate)
        level = tk.Run(problem, AdaptiveElements(most=300), LEVELS).finish().state.level
        mesh = skfem.MeshTri(level.mesh.points.T, np.asarray(level.mesh.cells.T, dtype=np.int64))
        basis = skfem.Basis(mesh, skfem.ElementTriP1(), intorder=8)
        from skfem.models.poisson import laplace

        load = skfem.LinearForm(lambda v, w: problem.source(w.x) * v).assemble(basis)
        rim, start = mesh.boundary_nodes(), np.zeros(mesh.nvertices)
        start[rim] = problem.exact(mesh.p[:, rim])
        u = skfem.solve(*skfem.condense(laplace.assemble(basis), load, x=start, D=rim))
        square = skfem.Functional(lambda w: ((problem.exact_gradient(w.x) - w["u"].grad) ** 2).sum(axis=0))
        theirs = np.sqrt(square.assemble(basis, u=basis.interpolate(u)))
        assert np.sqrt(level.errors.sum()) == pytest.approx(theirs, rel=1e-6)

    def test_the_bound_holds_where_cells_are_slender_too(self, tmp_path):
        """Cells a hundred times as long as high: no order is promised there, the bound is."""
        mesh = skfem.MeshTri.init_tensor(np.linspace(0, 1, 5), np.linspace(0, 0.02, 9))
        lines = [f"v {x} {y} 0" for x, y in mesh.p.T] + ["f " + " ".join(map(str, t)) for t in mesh.t.T + 1]
        (tmp_path / "strip.obj").write_text("\n".join(lines) + "\n")
        problem, method = YourMesh(file=str(tmp_path / "strip.obj"), data="front"), AdaptiveElements(most=1000)
        (claim,) = method.claims(problem)
        assert claim.kind == "bound" and tk.check(claim, problem, method).holds

    def test_a_fine_mesh_is_not_quartered_beyond_the_unknowns_asked_for(self):
        problem = YourMesh(file="gear")
        state = tk.Run(problem, AdaptiveElements(most=100, start=5)).step(0).state
        assert len(state.level.mesh) == problem.arrays[1].shape[1]
        assert state.status.kind == "converged" and "most" in state.status.advice

    def test_tetrahedra_are_declined_with_what_takes_them(self, tmp_path):
        import meshio

        mesh = skfem.MeshTet().refined(2)
        meshio.write_points_cells(tmp_path / "t.vtu", mesh.p.T, [("tetra", mesh.t.T)])
        problem = YourMesh(file=str(tmp_path / "t.vtu"))
        assert "tetrahedra" in AdaptiveElements().suits(problem) and AdaptiveElements().claims(problem) == ()

    def test_a_broken_file_never_reaches_it(self, tmp_path):
        (tmp_path / "torn.obj").write_text(self.PLATE.replace("f 10 11 6", "f 10 2 6"))
        with pytest.raises(tk.ToolkitError, match=r"torn\.obj.*(tangled|manifold)"):
            tk.Run(YourMesh(file=str(tmp_path / "torn.obj")), AdaptiveElements())


@pytest.mark.parametrize("degree", [1, 2])
def test_errors_and_entries_by_scikit_fem(degree):
    """In L2 by its quadrature of high degree, the largest by far more points, the entries of its own matrix."""
    problem, method = Square(data="front", width=0.2), AdaptiveElements("residual", degree=degree, most=200)
    level = tk.Run(problem, method, LEVELS).finish().state.level
    mesh = skfem.MeshTri(level.mesh.points.T, np.asarray(level.mesh.cells.T, dtype=np.int64))
    basis = skfem.Basis(mesh, skfem.ElementTriP1() if degree == 1 else skfem.ElementTriP2(), intorder=12)
    from skfem.models.poisson import laplace

    load = skfem.LinearForm(lambda v, w: problem.source(w.x) * v).assemble(basis)
    rim, start = basis.get_dofs(), np.zeros(basis.N)
    start[rim] = problem.exact(basis.doflocs[:, rim.flatten()])
    system = skfem.condense(laplace.assemble(basis), load, x=start, D=rim)
    u, inner = skfem.solve(*system), system[3]
    square = skfem.Functional(lambda w: (problem.exact(w.x) - w["u"]) ** 2).assemble(basis, u=basis.interpolate(u))
    assert level.distances[0] == pytest.approx(np.sqrt(square), rel=2e-3)
    x, y = skfem.MeshTri().refined(6).p
    corners = np.column_stack([1 - x, x * (1 - y), x * y])
    gap = problem.exact(level.mesh.at(corners)) - level.values(corners)
    assert level.distances[1] == pytest.approx(np.abs(gap).max(), rel=0.05)
    pattern = skfem.BilinearForm(lambda u, v, w: 1.0 + 0 * u * v).assemble(basis)  # no entry is zero by chance
    assert level.entries == pattern[inner][:, inner].nnz and level.unknowns == len(inner)
