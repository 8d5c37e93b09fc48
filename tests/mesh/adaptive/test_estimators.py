"""Error estimators: identities of Prager and Synge, closed forms, patch problems solved densely, lifted border data."""

from types import SimpleNamespace

import numpy as np
import pytest
from peers import Peer

from toolkit.mesh.adaptive.estimators import equilibrated, flux, lifted, misfit, residual, rest
from toolkit.mesh.adaptive.level import galerkin
from toolkit.mesh.adaptive.triangulation import Triangulation, quadrature

skfem = Peer("skfem")
TORSION = sum(64 / (np.pi**6 * i * i * j * j * (i * i + j * j)) for i in range(1, 400, 2) for j in range(1, 400, 2))


def asked(exact, gradient, source, kappa=1.0, c=0.0, corner=None):
    """A problem with an exact solution, as far as the estimators look."""
    found = dict(exact=exact, exact_gradient=gradient, source=source, corner=corner)
    return SimpleNamespace(**found, diffusion=kappa, reaction=c)


def zero(x):
    return 0.0 * x[0]


def rough(seed=0, rounds=4):
    """The unit square, refined at random."""
    rng, mesh = np.random.default_rng(seed), Triangulation.of(skfem.MeshTri().refined(1))
    for _ in range(rounds):
        mesh = mesh.refined(rng.integers(0, len(mesh), 4))
    return mesh


SADDLE = asked(lambda x: x[0] * x[1], lambda x: np.stack([x[1], x[0]]), zero)
BULGE = asked(zero, lambda x: 0 * x, lambda x: 1 + zero(x))  # −Δu = 1: u is not known in closed form, its energy is
WAVE = asked(
    lambda x: np.sin(3 * x[0]) * np.cosh(2 * x[1]),
    lambda x: np.stack([3 * np.cos(3 * x[0]) * np.cosh(2 * x[1]), 2 * np.sin(3 * x[0]) * np.sinh(2 * x[1])]),
    lambda x: (5 + 7) * np.sin(3 * x[0]) * np.cosh(2 * x[1]),
    c=7.0,
)


def field(mesh, through, corners):
    """σ at points of every cell (2, m, q), from the fluxes through the edges: Σ F_k (x − p_k) / 2|t|."""
    x, total = mesh.at(corners), 0.0
    for k in range(3):
        outward = np.where(mesh.beside[mesh.sides[:, k], 0] == np.arange(len(mesh)), 1, -1) * through[mesh.sides[:, k]]
        away = x - mesh.points[mesh.cells[:, (k + 2) % 3]].T[:, :, None]
        total = total + (outward / (2 * mesh.areas))[:, None] * away
    return total


class TestPragerSynge:
    """‖∇(u − u_h)‖² + ‖∇u + σ‖² = ‖∇u_h + σ‖² where div σ = f, exactly, and u_h = u on the border."""

    def test_identity_with_an_exact_solution(self):
        level = galerkin(SADDLE, rough())
        corners, weights = quadrature(1)
        sigma = field(level.mesh, flux(level), corners)
        gap = (sigma + SADDLE.exact_gradient(level.mesh.at(corners))) ** 2
        complementary = level.mesh.areas @ (gap.sum(axis=0) @ weights)
        assert lifted(level).max() < 1e-28
        assert misfit(level, flux(level))[0].sum() == pytest.approx(complementary + level.errors.sum(), rel=1e-12)

    def test_two_energies_bracket_the_torsion_constant(self):
        """∫|∇u|² of −Δu = 1 on the square is Σ 64/(π⁶ i²j²(i² + j²)) over odd i, j: Saint-Venant's series."""
        for rounds in (0, 3, 8):
            level = galerkin(BULGE, rough(1, rounds))
            primal = level.mesh.areas @ (level.gradients**2).sum(axis=1)
            corners, weights = quadrature(1)
            dual = level.mesh.areas @ ((field(level.mesh, flux(level), corners) ** 2).sum(axis=0) @ weights)
            assert primal < TORSION < dual
            assert misfit(level, flux(level))[0].sum() == pytest.approx(dual - primal, rel=1e-10)

    def test_the_gap_closes(self):
        """Half the mesh size: a quarter of ‖σ + ∇u_h‖²."""
        gaps = [equilibrated(galerkin(BULGE, Triangulation.of(skfem.MeshTri().refined(r)))).sum() for r in (3, 4, 5)]
        assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.12) and gaps[1] / gaps[2] == pytest.approx(4, rel=0.08)


class TestFlux:
    @pytest.mark.parametrize("problem", [SADDLE, BULGE, WAVE])
    def test_divergence_is_the_mean_of_what_it_must_be(self, problem):
        level = galerkin(problem, rough(2))
        corners, weights = quadrature(level.parts)
        must = (level.f - level.c[:, None] * (level.u[level.mesh.cells] @ corners.T)) @ weights
        np.testing.assert_allclose(misfit(level, flux(level))[1], must, atol=1e-10)

    def test_misfit_is_the_integral(self):
        level = galerkin(WAVE, rough(3))
        corners, weights = quadrature(1)
        gap = field(level.mesh, flux(level), corners) + level.gradients.T[:, :, None]
        by_points = level.mesh.areas * ((gap**2).sum(axis=0) @ weights)
        np.testing.assert_allclose(misfit(level, flux(level))[0], by_points, rtol=1e-11)

    def test_a_linear_solution_has_its_own_flux(self):
        linear = asked(lambda x: 2 * x[0] - 3 * x[1], lambda x: np.stack([2 + zero(x), zero(x) - 3]), zero)
        level = galerkin(linear, rough(4))
        assert misfit(level, flux(level))[0].max() < 1e-24

    @pytest.mark.parametrize("kappa", [1.0, "varying"])
    def test_patch_problems_are_the_dense_ones(self, kappa):
        """Σ_a argmin ‖κ^−½ (σ_a + I κψ_a∇u_h)‖, each by the null space of its divergence in dense linear algebra."""
        mesh = rough(5, 2)
        kappa = np.random.default_rng(0).uniform(0.1, 4, len(mesh)) if kappa == "varying" else kappa
        level = galerkin(asked(WAVE.exact, WAVE.exact_gradient, WAVE.source, kappa, 7.0), mesh)
        total = sum(dense_patch(level, a) for a in range(len(mesh.points)))
        np.testing.assert_allclose(flux(level), total, atol=1e-11 * np.abs(total).max())


def dense_patch(level, a):
    """The flux around vertex a (e,) as a constrained least-squares problem in all its edges."""
    mesh = level.mesh
    inside = np.flatnonzero((mesh.cells == a).any(axis=1))
    spokes = np.flatnonzero((mesh.ends == a).any(axis=1))
    divergence, misfits, target, wanted = [], [], [], []
    corners, weights = quadrature(1)
    for t in inside:
        row, columns, goal = np.zeros(len(mesh.ends)), [], 0.0
        for k in range(3):
            e, p = mesh.sides[t, k], mesh.points[mesh.cells[t]]
            sign = 1.0 if mesh.beside[e, 0] == t else -1.0
            row[e] = sign
            shape = (corners @ p - p[(k + 2) % 3]) / (2 * mesh.areas[t])
            unit = np.zeros(len(mesh.ends))
            unit[e] = sign
            columns.append((unit, shape))
            if a in mesh.ends[e]:
                along = p[(k + 1) % 3] - p[k]
                goal = goal - 0.5 * level.kappa[t] * (level.gradients[t] @ [along[1], -along[0]]) * shape
        scale = np.sqrt(weights * mesh.areas[t] / level.kappa[t])[:, None, None]
        misfits.append((scale * sum(np.einsum("qd,e->qde", s, u) for u, s in columns)).reshape(-1, len(mesh.ends)))
        target.append((scale[:, :, 0] * goal).ravel())
        divergence.append(row)
        wanted.append(rest(level)[t, list(mesh.cells[t]).index(a)])
    B, A = np.array(divergence)[:, spokes], np.concatenate(misfits)[:, spokes]
    particular = np.linalg.lstsq(B, np.array(wanted), rcond=None)[0]
    *_, values, rows = np.linalg.svd(B)
    null = rows[np.sum(values > 1e-10) :].T
    free = np.linalg.lstsq(A @ null, np.concatenate(target) - A @ particular, rcond=None)[0]
    found = np.zeros(len(mesh.ends))
    found[spokes] = particular + null @ free
    return found


class TestPoincare:
    """The constant of what the flux cannot see: h/π on a convex cell (Payne and Weinberger), or 1/√c."""

    @pytest.mark.parametrize("kappa, c", [(1.0, 0.0), (4.0, 0.0), (0.01, 0.0), (1.0, 1e4), (4.0, 1e-3)])
    def test_a_source_that_is_orthogonal_to_linears_on_a_cell(self, kappa, c):
        """f = 1 − 4 Σ_{i<j} λ_i λ_j sees no 1 and no λ_i: u_h = σ = 0 and η² = w² ‖f‖², ‖f‖² = |T|/15."""
        corners = np.array([[0.0, 0], [2, 0.5], [0.3, 1.5]])

        def source(x):
            inner = np.linalg.inv(np.column_stack((corners[1] - corners[0], corners[2] - corners[0])))
            second, third = np.tensordot(inner, x, 1)
            first = 1 - second - third
            return 1 - 4 * (first * second + first * third + second * third)

        level = galerkin(asked(zero, lambda x: 0 * x, source, kappa, c), Triangulation(corners, [[0, 1, 2]]))
        sides = [np.linalg.norm(corners[k] - corners[k - 1]) for k in range(3)]
        area = abs(np.linalg.det(np.column_stack((corners[1] - corners[0], corners[2] - corners[0])))) / 2
        weight = min(max(sides) / (np.pi * np.sqrt(kappa)), 1 / np.sqrt(c) if c else np.inf)
        assert equilibrated(level)[0] == pytest.approx(weight**2 * area / 15, rel=1e-12)


class TestResidual:
    def test_one_jump_by_hand(self):
        """Two triangles of the unit square, u = 0 but 1 in one corner, f = 0: the normal derivative jumps by √2."""
        mesh = Triangulation(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), [[2, 0, 1], [0, 2, 3]])
        corner = asked(lambda x: (x[0] == 0) * (x[1] == 1.0), lambda x: 0 * x, zero)
        level = galerkin(corner, mesh)
        np.testing.assert_allclose(level.gradients, [[0, 0], [-1, 1]], atol=1e-15)
        np.testing.assert_allclose(residual(level) - lifted(level), [2, 2])  # ½ h_E · h_E · jump² = ½ · 2 · 2

    def test_the_source_is_weighted_by_the_diameter(self):
        """f = 1 and no inner vertex: u_h = 0, the estimate is h_T² ‖f‖²_T = 2 · ½ in both halves of the square."""
        level = galerkin(BULGE, Triangulation.of(skfem.MeshTri()))
        np.testing.assert_allclose(residual(level), [1, 1])

    @pytest.mark.parametrize("kappa, c, weight", [(4.0, 0.0, 0.5), (0.5, 0.0, 4.0), (4.0, 8.0, 0.125)])
    def test_the_weight_is_the_smaller_of_h_squared_over_kappa_and_one_over_c(self, kappa, c, weight):
        problem = asked(BULGE.exact, BULGE.exact_gradient, BULGE.source, kappa, c)
        np.testing.assert_allclose(residual(galerkin(problem, Triangulation.of(skfem.MeshTri()))), weight / 2)


def lift(x, a, b, o):
    """ρ (g − g_h) of the edge from a to b, with the opposite corner o."""
    rho, part = np.linalg.solve(np.column_stack([a - o, b - a]), x - o[:, None])
    g = WAVE.exact(a[:, None] + part / rho * (b - a)[:, None])
    return rho * g - (rho - part) * WAVE.exact(a) - part * WAVE.exact(b)


class TestBorder:
    def test_the_lift_has_the_energy_that_is_said(self):
        """w = ρ (g − g_h) of every edge of one triangle by finite differences, at points in polar coordinates around
        the opposite corner; parts in the same cell are taken together by the triangle inequality."""
        mesh = Triangulation(np.array([[0.0, 0], [2, 0.5], [0.3, 1.5]]), [[0, 1, 2]])
        points, weights = np.polynomial.legendre.leggauss(30)
        rho, s = (v.ravel() for v in np.meshgrid(points / 2 + 0.5, points / 2 + 0.5))
        weights = mesh.areas[0] * 2 * rho * np.outer(weights, weights).ravel() / 4
        total, h = 0.0, 1e-5
        for k in range(3):
            a, b, o = mesh.points[np.roll(mesh.cells[0], -k)]
            x = o[:, None] + rho * ((a - o)[:, None] + s * (b - a)[:, None])
            slopes = [(lift(x + h * e, a, b, o) - lift(x - h * e, a, b, o)) / (2 * h) for e in np.eye(2)[:, :, None]]
            total += np.sqrt((slopes[0] ** 2 + slopes[1] ** 2 + 7 * lift(x, a, b, o) ** 2) @ weights)
        assert lifted(galerkin(WAVE, mesh))[0] == pytest.approx(total**2, rel=1e-7)

    def test_it_is_of_higher_order(self):
        sums = [lifted(galerkin(WAVE, Triangulation.of(skfem.MeshTri().refined(r)))).sum() for r in (3, 4, 5)]
        assert sums[0] / sums[1] == pytest.approx(8, rel=0.1) and sums[1] / sums[2] == pytest.approx(8, rel=0.05)


class TestTrueError:
    def test_a_corner_singularity_is_integrated(self):
        """u = r^(2/3) sin(2φ/3) on the L: ∫|∇u|² is ∮ u ∂u/∂n, by quadrature of the border where u is smooth."""
        power = 2 / 3

        def polar(x):
            return np.hypot(*x), np.mod(np.arctan2(x[1], x[0]) - np.pi / 2 + 1e-9, 2 * np.pi) - 1e-9

        def exact(x):
            r, angle = polar(x)
            return r**power * np.sin(power * angle)

        def gradient(x):
            r, angle = polar(x)
            away, round_ = np.sin(power * angle), np.cos(power * angle)
            turn = angle + np.pi / 2
            scale = power * np.maximum(r, 1e-300) ** (power - 1)
            both = away * np.cos(turn) - round_ * np.sin(turn), away * np.sin(turn) + round_ * np.cos(turn)
            return scale * np.stack(both)

        problem = asked(exact, gradient, zero, corner=(0.0, 0.0))
        level = galerkin(problem, Triangulation.of(skfem.MeshTri.init_lshaped().refined(1)))
        flat = galerkin(asked(zero, lambda x: 0 * x, zero), level.mesh)
        object.__setattr__(flat, "problem", problem)  # the error of zero is the energy of u
        s, w = np.polynomial.legendre.leggauss(40)
        border = 0.0
        for a, b in zip([[1, 0], [1, -1], [-1, -1], [-1, 1]], [[1, -1], [-1, -1], [-1, 1], [0, 1]]):
            a, b = np.array(a, float), np.array(b, float)
            x = ((a + b) / 2)[:, None] + s * ((b - a) / 2)[:, None]
            # outward normal: the L is run through clockwise
            normal = np.array([-(b - a)[1], (b - a)[0]]) / 2
            border += w @ (exact(x) * np.tensordot(normal, gradient(x), 1))
        assert flat.errors.sum() == pytest.approx(border, rel=1e-6)


class TestQuadratic:
    """Degree 2 against scikit-fem's: solution, residuals in the cells, jumps across the edges."""

    @staticmethod
    def both(problem):
        level = galerkin(problem, rough(6), 2)
        mesh = skfem.MeshTri(level.mesh.points.T, np.asarray(level.mesh.cells.T, dtype=np.int64))
        basis = skfem.Basis(mesh, skfem.ElementTriP2(), intorder=12)
        form = skfem.BilinearForm(lambda u, v, w: u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1] + 7 * u * v)
        load = skfem.LinearForm(lambda v, w: problem.source(w.x) * v).assemble(basis)
        start, rim = np.zeros(basis.N), basis.get_dofs()
        start[rim] = problem.exact(basis.doflocs[:, rim.flatten()])
        return level, mesh, basis, skfem.solve(*skfem.condense(form.assemble(basis), load, x=start, D=rim))

    def test_solution_and_error(self):
        level, _, basis, u = self.both(WAVE)
        np.testing.assert_allclose(level.u, u[: len(level.u)], atol=2e-7)
        found = basis.interpolate(u)
        corners = np.vstack([1 - basis.X.sum(axis=0), basis.X]).T
        order = np.argsort(level.mesh.cells, axis=1)  # scikit-fem's cells have rising vertices
        for t in (0, 5, 17):
            mine = np.empty_like(corners)
            mine[:, order[t]] = corners
            np.testing.assert_allclose(level.values(mine, slice(t, t + 1))[0], found[t], atol=1e-6)
            np.testing.assert_allclose(level.slopes(mine, slice(t, t + 1))[:, 0], found.grad[:, t], atol=1e-4)

        @skfem.Functional
        def square(w):
            gap = WAVE.exact_gradient(w.x) - w["u"].grad
            return (gap**2).sum(axis=0) + 7 * (WAVE.exact(w.x) - w["u"]) ** 2

        np.testing.assert_allclose(level.errors, square.elemental(basis, u=found), rtol=1e-3, atol=1e-9)

    def test_residual_estimate(self):
        level, mesh, basis, u = self.both(WAVE)

        @skfem.Functional
        def inside(w):
            return (WAVE.source(w.x) + w["bend"] - 7 * w["u"]) ** 2

        bend = np.repeat(level.laplacian[:, None], basis.X.shape[1], axis=1)
        found = inside.elemental(basis, u=basis.interpolate(u), bend=bend)
        weight = np.minimum(level.mesh.diameters**2, 1 / 7)
        sides = [skfem.InteriorFacetBasis(mesh, basis.elem, side=i, intorder=8) for i in (0, 1)]

        @skfem.Functional
        def across(w):
            return w.h * (((w["u"].grad - w["other"].grad) * w.n).sum(axis=0)) ** 2

        edges = across.elemental(sides[0], u=sides[0].interpolate(u), other=sides[1].interpolate(u))
        cells = mesh.f2t[:, mesh.f2t[1] >= 0]
        theirs = weight * found + 0.5 * np.bincount(cells.ravel(), np.tile(edges, 2), len(level.mesh))
        np.testing.assert_allclose(residual(level), theirs + lifted(level), rtol=2e-4)

    def test_laplacian_of_a_parabola(self):
        """u = x² − 3y² + xy is in the space: Δu = −4, nothing is left of the equation, nothing on the border."""
        problem = asked(
            lambda x: x[0] ** 2 - 3 * x[1] ** 2 + x[0] * x[1],
            lambda x: np.stack([2 * x[0] + x[1], x[0] - 6 * x[1]]),
            lambda x: 4 + zero(x),
        )
        level = galerkin(problem, rough(7), 2)
        np.testing.assert_allclose(level.laplacian, -4, atol=1e-9)
        assert residual(level).max() < 1e-18 and level.errors.max() < 1e-20 and lifted(level).max() < 1e-22
