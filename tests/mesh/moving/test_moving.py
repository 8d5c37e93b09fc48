"""Moving meshes: closed-form maps on a line and on a square, orders, symmetries, what never happens."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.kernels.grid import moving as kernels
from toolkit.mesh.moving.de_boor import DeBoor
from toolkit.mesh.moving.monge_ampere import NewtonMongeAmpere, ParabolicMongeAmpere
from toolkit.mesh.moving.problems import TABLE, Feature, SteepCurve

REST = tk.Stop(rtol=0, atol=1e-10, steps=600)
MOVERS = [NewtonMongeAmpere, ParabolicMongeAmpere]


def exponential(n, rate):
    """Nodes that equidistribute e^(−rate x) on [0, 1]: the inverse of its integral."""
    return -np.log(1 - np.arange(n + 1) / n * (1 - np.exp(-rate))) / rate


class Separable(Feature):
    """A density that is a product: the optimal map is the product of two maps of a line."""

    def density(self, monitor, strength, smoothing):
        line = np.linspace(0, 1, TABLE + 1)
        return np.exp(-2 * line)[:, None] * np.exp(-1.2 * line)


class TestLine:
    def test_exponential_density(self):
        """|u″|^½ of exp(−x/w) is e^(−x/2w): its mass in closed form is shared evenly, to fourth order (Simpson)."""
        errors = []
        for n in (20, 40, 80):
            problem, method = SteepCurve("layer", 0.2, n), DeBoor(strength=0.98, smoothing=0.0)
            run = tk.solve(problem, method, REST)
            rate, share = 1 / (2 * 0.2), 0.98
            x = run.solution()
            mass = (1 - share) * x + share * (1 - np.exp(-rate * x)) / (1 - np.exp(-rate))
            errors.append(np.abs(mass - np.arange(n + 1) / n).max())
        assert errors[0] < 1e-6 and errors[1] < errors[0] / 12 and errors[2] < errors[1] / 12

    def test_one_step_inverts_a_constant_density(self):
        x, out = np.sort(np.r_[0.0, np.random.default_rng(0).random(30), 1.0]), np.empty(32)
        kernels.deboor(x, np.full(31, 3.0), out)
        np.testing.assert_allclose(out, np.linspace(0, 1, 32), atol=1e-14)

    def test_one_step_shares_out_the_old_mass(self):
        """The new nodes cut the integral of the old piecewise constant density into equal parts (NumPy's interp)."""
        rng = np.random.default_rng(1)
        x, density, out = np.sort(np.r_[0.0, rng.random(30), 1.0]), rng.uniform(0.1, 9, 31), np.empty(32)
        kernels.deboor(x, density, out)
        mass = np.r_[0.0, np.cumsum(density * np.diff(x))]
        np.testing.assert_allclose(out, np.interp(np.linspace(0, mass[-1], 32), mass, x), atol=1e-13)

    def test_smoothing_is_the_weighted_sum(self):
        density, out = np.random.default_rng(2).uniform(0.1, 9, 40), np.empty(40)
        kernels.smoothed(density, 0.6, out)
        distance = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
        np.testing.assert_allclose(out, (0.6**distance) @ density, rtol=1e-13)

    def test_the_error_constant_is_the_known_one(self):
        """8 N² max error / (∫|u″|^½)² → 1/s² where u″ is largest against the density, and never below 1."""
        for strength in (0.5, 0.9):
            problem, method = SteepCurve("peak", 0.05, 1600), DeBoor(strength=strength, smoothing=0.0)
            run = tk.solve(problem, method, REST, ("error_constant",))
            bend = np.abs(problem.curvature(problem.fine)) ** 0.5 / np.sqrt(problem.half_norm)
            promised = (bend / (1 - strength + strength * bend)).max() ** 2
            assert run.history.last("error_constant") == pytest.approx(promised, rel=0.02)
            assert 1 <= promised <= 1 / strength**2

    def test_second_derivatives(self):
        x, h = np.linspace(0.05, 0.95, 301), 1e-4
        for shape in ("layer", "front", "fronts", "peak", "wave"):
            curve = SteepCurve(shape, 0.1)
            slope = (curve.value(x + h) - curve.value(x - h)) / (2 * h)
            bend = (curve.value(x + h) - 2 * curve.value(x) + curve.value(x - h)) / h**2
            np.testing.assert_allclose(curve.slope(x), slope, atol=1e-4 * np.abs(slope).max())
            np.testing.assert_allclose(curve.curvature(x), bend, atol=1e-4 * np.abs(bend).max())

    @pytest.mark.parametrize("monitor, norm", [("max norm", 0), ("L2 norm", 1)])
    def test_each_monitor_is_the_better_one_for_its_norm(self, monitor, norm):
        problem = SteepCurve("peak", 0.05, 400)
        errors = {
            name: problem.errors(tk.solve(problem, DeBoor(name, 0.95, 0.0), REST).solution())[norm]
            for name in ("max norm", "L2 norm", "arc length")
        }
        assert min(errors, key=errors.get) == monitor

    @pytest.mark.parametrize("seed", range(5))
    def test_nodes_stay_in_order_whatever_the_knobs(self, seed):
        rng = np.random.default_rng(seed)
        method = DeBoor(strength=rng.uniform(0, 0.98), smoothing=rng.uniform(0, 10))
        for shape in ("layer", "front", "fronts", "peak"):
            problem = SteepCurve(shape, 10 ** rng.uniform(-2.6, -0.5), int(rng.integers(4, 200)))
            run = tk.solve(problem, method, tk.Stop(rtol=0, steps=30))
            assert not np.any(run.history["tangled"]) and np.all(np.diff(run.solution()) > 0)


def test_the_best_density_is_the_two_thirds_power_of_the_curvature():
    """A front bends most at |z| = artanh(1/√3) w from its line; there m is largest, far away it is 1 − s."""
    problem, share = Feature("front", 0.1), 0.4
    table = problem.density("curvature", share, 0.01)
    line = np.linspace(0, 1, TABLE + 1)
    x, y = np.meshgrid(line, line, indexing="ij")
    z = ((x - 0.5) * np.cos(0.5) + (y - 0.5) * np.sin(0.5)) / 0.1
    bend = np.abs(2 * np.tanh(z) / np.cosh(z) ** 2) ** (2 / 3)
    clear = (np.abs(z) > 0.4) & (np.abs(x - 0.5) < 0.4) & (np.abs(y - 0.5) < 0.4)
    scaled = (table - (1 - share))[clear] / bend[clear]
    assert np.all(np.abs(scaled / np.median(scaled) - 1) < 0.06)
    inner = table.copy()
    inner[[0, -1]] /= 2
    inner[:, [0, -1]] /= 2
    assert inner.sum() / TABLE**2 == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("mover", MOVERS)
class TestSquare:
    def test_a_product_density_gives_the_product_of_two_maps(self, mover):
        """Second order against x = F⁻¹(i/n), y = G⁻¹(j/n)."""
        errors = []
        for n in (12, 24):
            x, y = tk.solve(Separable(n=n), mover(), REST).solution()
            off = x - exponential(n, 2.0)[:, None], y - exponential(n, 1.2)[None, :]
            errors.append(max(np.abs(one).max() for one in off))
        assert errors[1] < 2e-3 and errors[0] / errors[1] == pytest.approx(4, rel=0.15)

    def test_symmetric_fields_give_symmetric_meshes(self, mover):
        x, y = tk.solve(Feature("ring", 0.06, n=20), mover(), REST).solution()
        np.testing.assert_allclose(x, y.T, atol=1e-8)
        np.testing.assert_allclose(x, 1 - x[::-1], atol=1e-8)
        np.testing.assert_allclose(x, x[:, ::-1], atol=1e-8)

    def test_border_nodes_slide_on_the_border_and_corners_stay(self, mover):
        x, y = tk.solve(Feature("front", 0.06, n=20), mover(), REST).solution()
        np.testing.assert_allclose(x[0], 0, atol=1e-15)
        np.testing.assert_allclose(x[-1], 1, atol=1e-14)
        np.testing.assert_allclose(y[:, 0], 0, atol=1e-15)
        np.testing.assert_allclose([y[0, -1], y[-1, -1]], 1, atol=1e-14)

    def test_no_strength_no_motion(self, mover):
        problem = Feature(n=16)
        run = tk.solve(problem, mover(strength=0.0), REST)
        np.testing.assert_allclose(run.solution(), problem.uniform, atol=1e-12)

    @pytest.mark.parametrize("shape", ["front", "ring", "bumps", "spiral"])
    def test_never_tangled_and_the_square_stays_full_whatever_the_strength(self, mover, shape):
        for strength in (0.3, 0.9):
            problem = Feature(shape, 0.04, n=20)
            run = tk.solve(problem, mover(strength=strength), tk.Stop(rtol=0, steps=60), ("area_error",))
            assert run.history["least_jacobian"].min() > 0 and not run.history["tangled"].any()
            assert np.nanmax(run.history["area_error"]) < 1e-12

    def test_cells_share_the_density_evenly(self, mover):
        """m times area, from the cells themselves, tends to a constant as the grid is refined."""
        uneven = [
            tk.solve(Feature("ring", 0.08, n=n), mover(), REST, ("unevenness",)).history.last("unevenness")
            for n in (12, 24, 48)
        ]
        assert uneven[0] > 2 * uneven[1] > 4 * uneven[2]


def test_both_movers_end_on_the_same_mesh():
    problem = Feature("spiral", 0.06, n=24)
    one, two = (tk.solve(problem, mover(), REST).solution() for mover in MOVERS)
    np.testing.assert_allclose(one, two, atol=1e-8)


def test_newton_converges_quadratically():
    residuals = tk.solve(Feature("front", 0.06, n=24), NewtonMongeAmpere(), REST).history["residual"]
    late = residuals[(residuals < 0.1) & (residuals > 1e-13)]
    assert len(late) >= 3 and np.all(late[1:] < 3 * late[:-1] ** 2 + 1e-13)


def test_the_assembled_derivative_is_the_derivative():
    n, h = 7, 1 / 7
    rng = np.random.default_rng(0)
    phi, table = 3e-3 * rng.standard_normal((n + 1, n + 1)), Feature(width=0.1).density("curvature", 0.5, 0.1)
    phi[:] = np.cos(np.pi * np.linspace(0, 1, n + 1))[:, None] * 0.02 + 0.1 * phi

    def fields(p):
        x, y, jacobian, m, mx, my = (np.empty_like(p) for _ in range(6))
        kernels.moved(p, h, x, y, jacobian)
        kernels.sample(table, x, y, m, mx, my)
        return m, mx, my, jacobian

    theta = 1.3
    rows, columns, entries = np.empty(9 * phi.size, int), np.empty(9 * phi.size, int), np.empty(9 * phi.size)
    kernels.linearised(phi, *fields(phi), theta, h, rows, columns, entries)
    matrix = np.zeros((phi.size, phi.size))
    np.add.at(matrix, (rows, columns), entries)
    direction = rng.standard_normal(phi.shape)
    ends = [fields(phi + sign * 1e-6 * direction) for sign in (1, -1)]
    by_differences = (ends[0][0] * ends[0][3] - ends[1][0] * ends[1][3]) / 2e-6 / theta
    np.testing.assert_allclose(matrix @ direction.ravel(), by_differences.ravel(), atol=1e-5 * np.abs(matrix).max())


def test_parabolic_rate_is_that_of_its_linearisation():
    """Late residuals fall by the spectral radius of 1 − Δt (1 − γΔ)⁻¹ ½ A, A the derivative at rest."""
    problem, method = Feature("bumps", 0.1, n=10), ParabolicMongeAmpere(gamma=0.1, dt=0.1)
    run = tk.solve(problem, method, tk.Stop(rtol=0, atol=1e-11, steps=600))
    state, size = run.state, 121
    rows, columns, entries = np.empty(9 * size, int), np.empty(9 * size, int), np.empty(9 * size)
    fields = (state.m, state.mx, state.my, state.jacobian)
    kernels.linearised(state.phi, *fields, state.theta, 0.1, rows, columns, entries)
    derivative = np.zeros((size, size))
    np.add.at(derivative, (rows, columns), entries)
    weight = np.outer(np.r_[0.5, np.ones(9), 0.5], np.r_[0.5, np.ones(9), 0.5]).ravel() / 100
    derivative -= weight @ derivative  # θ is the mean of m det(I + D²φ)
    plain = np.zeros((size, size))
    ones, zeros = np.ones((11, 11)), np.zeros((11, 11))
    kernels.linearised(zeros, ones, zeros, zeros, ones, 1.0, 0.1, rows, columns, entries)
    np.add.at(plain, (rows, columns), entries)
    iteration = np.eye(size) + 0.1 * np.linalg.solve(np.eye(size) - 0.1 * plain, derivative / 2)
    moduli = np.sort(np.abs(np.linalg.eigvals(iteration)))[::-1]
    late = run.history["residual"][-20:]
    assert moduli[0] == pytest.approx(1, abs=1e-8)  # a constant added to φ moves nothing
    assert (late[-1] / late[0]) ** (1 / 19) == pytest.approx(moduli[1], rel=2e-3)


def test_interpolation_error_of_a_bilinear_field_is_zero():
    """On any moved mesh the interpolant of a linear field is exact, and the L2 weights add up to the area."""
    problem = Feature("ring", 0.06, n=12)
    points = tk.solve(problem, NewtonMongeAmpere(), REST).solution()

    class Linear(Feature):
        def value(self, x, y):
            return 2 * x - y

    class Jump(Feature):
        def value(self, x, y):
            return np.where(np.ndim(x) > 2, 1.0, 0.0) * np.ones_like(x)

    assert Linear(n=12).errors(points)[0] < 1e-14
    assert Jump(n=12).errors(points)[1] == pytest.approx(1.0, rel=1e-12)


def test_catmull_rom_is_exact_for_quadratics_away_from_the_border():
    line = np.linspace(0, 1, TABLE + 1)
    table = (line**2)[:, None] + 3 * line * line[:, None]
    x, y = np.random.default_rng(0).uniform(0.1, 0.9, (2, 6, 6))
    m, mx, my = (np.empty_like(x) for _ in range(3))
    kernels.sample(table, x, y, m, mx, my)
    np.testing.assert_allclose(m, x**2 + 3 * x * y, rtol=1e-12)
    np.testing.assert_allclose(mx, 2 * x + 3 * y, rtol=1e-10)
    np.testing.assert_allclose(my, 3 * x, rtol=1e-10)
