"""Scattering in frequency: closed forms, series of Bessel functions, scikit-fem, dense algebra, certified bounds."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.reduced.greedy_basis import PodBasis, WeakGreedy
from toolkit.rank.reduced.infsup import bracketed
from toolkit.rank.reduced.online_model import OnlineFrequency, offline
from toolkit.rank.reduced.scattering import ObstacleScattering, SlabScattering
from toolkit.rank.reduced.wave_fields import WaveFields

SLAB = SlabScattering(n=120, training=100, tests=20)
DISK = ObstacleScattering(n=12, training=60, tests=10, low=3.0, high=7.0)
BOTH = pytest.mark.parametrize("problem", [SLAB, DISK], ids=["slab", "disk"])
CIRCLE = np.exp(2j * np.pi * np.arange(16) / 16)


@pytest.fixture(scope="module")
def greedy():
    return {one: tk.solve(one, WeakGreedy(), tk.Stop(rtol=0.0, steps=18)).state for one in (SLAB, DISK)}


def amplitudes(problem, k):
    """(r, t) of the wave before and behind the slab."""
    u = problem.solve(np.array([k]))
    return u[0] - 1, u[-1] * np.exp(-1j * k)


def whitened(problem, k):
    x = np.linalg.inv(np.linalg.cholesky(problem.norm.toarray()))
    return x @ problem.matrix(k).toarray() @ x.T


class TestEquation:
    def test_transmission_of_a_slab_is_that_of_optics_and_the_error_falls_with_the_square_of_the_cell(self):
        ks, errors = np.linspace(2, 12, 9), []
        for n in (100, 200, 400):
            problem = SlabScattering(n=n)
            seen = np.array([abs(amplitudes(problem, k)[1]) for k in ks])
            errors.append(np.abs(seen - problem.transmitted(ks)).max())
        assert errors[-1] < 1e-3
        np.testing.assert_allclose(np.log2(errors[:-1]) - np.log2(errors[1:]), 2.0, atol=0.1)

    def test_the_elements_keep_the_power(self):
        for k in (2.5, 7.0, 11.9):
            r, t = amplitudes(SLAB, k)
            assert abs(r) ** 2 + abs(t) ** 2 == pytest.approx(1.0, abs=1e-11)

    def test_in_the_plane_what_leaves_is_what_comes_in(self):
        for k in (3.0, 6.5):
            u = DISK.solve(np.array([k]))
            assert -k * np.vdot(u, DISK.border @ u).real == pytest.approx(np.vdot(u, DISK.load(k)).imag, rel=1e-11)

    def test_without_an_obstacle_the_wave_goes_through(self):
        errors = []
        for n in (9, 18, 36):
            problem = ObstacleScattering(n=n, index=1.0, angle=35.0)
            wave = problem.incident(5.0)
            errors.append(np.abs(problem.solve(np.array([5.0])) - wave).max())
        assert errors[-1] < 0.02 and np.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.25)

    def test_a_disk_scatters_as_the_series_of_bessel_functions_says(self):
        from scipy.special import h1vp, hankel1, jv, jvp

        k, m = 5.0, 2.0
        orders = np.arange(-25, 26)

        def exact(problem, places):
            """e^(ikx) and what a disk of index m makes of it, outside and inside."""
            a = problem.radius
            j, dj, h, dh = jv(orders, k * a), jvp(orders, k * a), hankel1(orders, k * a), h1vp(orders, k * a)
            inner, slope = jv(orders, m * k * a), m * jvp(orders, m * k * a)
            b = (1j**orders) * (inner * dj - slope * j) / (slope * h - inner * dh)
            c = ((1j**orders) * j + b * h) / inner
            x, y = (places - 0.5).T
            r, phase = np.maximum(np.hypot(x, y), 1e-9)[:, None], np.exp(1j * np.outer(np.arctan2(y, x), orders))
            out = (1j**orders * jv(orders, k * r) + b * hankel1(orders, k * r)) * phase
            return np.where(r[:, 0] > a, out.sum(axis=1), (c * jv(orders, m * k * r) * phase).sum(axis=1))

        errors = []
        for n in (9, 18, 36):
            problem = ObstacleScattering(n=n, index=m, radius=0.25, angle=0.0)
            load, step = np.zeros(problem.unknowns, dtype=complex), 1e-6
            for axis, sign, vertices in problem.sides:  # the impedance of the exact field as data
                places = problem.places[vertices]
                shift = np.eye(2)[axis] * step
                slope = sign * (exact(problem, places + shift) - exact(problem, places - shift)) / (2 * step)
                mass = problem.border[vertices][:, vertices].toarray()
                mass[0, 0], mass[-1, -1] = mass[0, 0] / 2, mass[-1, -1] / 2  # corners belong to two sides
                load[vertices] += mass @ (slope - 1j * k * exact(problem, places))
            u, truth = problem.factored(k)(load), exact(problem, problem.places)
            errors.append(np.linalg.norm(u - truth) / np.linalg.norm(truth))
        order = np.log2(errors[0] / errors[-1]) / 2
        assert errors[-1] < 0.025 and order > 1.7

    def test_the_matrices_are_those_of_bilinear_elements(self):
        skfem = pytest.importorskip("skfem")
        from skfem.helpers import dot, grad

        line = np.linspace(0, 1, DISK.n + 1)
        mesh = skfem.MeshQuad.init_tensor(line, line)
        basis, edges = skfem.Basis(mesh, skfem.ElementQuad1()), skfem.FacetBasis(mesh, skfem.ElementQuad1())

        @skfem.BilinearForm
        def weighted(u, v, w):
            i, j = (np.minimum((w.x[a] * DISK.n).astype(int), DISK.n - 1) for a in (0, 1))
            return DISK.indices[j, i] ** 2 * u * v

        place = np.rint(mesh.p * DISK.n).astype(int)
        order = np.argsort(place[1] * (DISK.n + 1) + place[0])
        pairs = {
            "stiffness": skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis),
            "mass": weighted.assemble(basis),
            "border": skfem.BilinearForm(lambda u, v, w: u * v).assemble(edges),
        }
        for name, theirs in pairs.items():
            ours = getattr(DISK, name).toarray()
            np.testing.assert_allclose(ours, theirs.toarray()[np.ix_(order, order)], atol=1e-13)

    @pytest.mark.parametrize("made", [SlabScattering, ObstacleScattering, WaveFields])
    def test_a_range_that_is_none_is_refused_by_name(self, made):
        with pytest.raises(tk.KnobError, match=r"high = 4: expected more than .*low = 5"):
            made(low=5.0, high=4.0)


class TestStability:
    @BOTH
    def test_the_constant_is_the_least_singular_value(self, problem):
        for k in (3.1, 6.7):
            exact = np.linalg.svd(whitened(problem, k), compute_uv=False)[-1]
            assert exact * (1 - 1e-3) <= problem.constant(k) <= exact

    @BOTH
    def test_between_the_frequencies_the_bound_is_below_and_not_by_more_than_half(self, problem):
        for k in problem.drawn(12, 5)[:, 0]:
            exact = np.linalg.svd(whitened(problem, k), compute_uv=False)[-1]
            lower = problem.stability(np.array([[k]]))[0]
            assert 0.3 * exact < lower <= exact

    @BOTH
    def test_the_distance_of_two_frequencies_is_bounded(self, problem):
        for a, b in ((3.0, 3.5), (4.0, 6.5)):
            far = np.linalg.norm(whitened(problem, a) - whitened(problem, b), 2)
            assert 0.3 * problem.apart(a, b) < far <= problem.apart(a, b)

    @BOTH
    def test_border_and_mass_have_the_norms_that_are_said(self, problem):
        x = np.linalg.inv(np.linalg.cholesky(problem.norm.toarray()))
        assert np.linalg.norm(x @ problem.border.toarray() @ x.T, 2) == pytest.approx(problem.border_norm, rel=1e-9)
        assert np.linalg.norm(x @ problem.mass.toarray() @ x.T, 2) == pytest.approx(problem.middle**-2, rel=1e-9)

    def test_a_sharper_valley_costs_a_logarithm(self):
        def looked(depth):
            return len(bracketed(lambda k: depth + abs(k - 0.37), lambda a, b: np.abs(b - a), 0.0, 1.0).values)

        assert looked(1e-6) < looked(1e-3) + 45

    def test_the_resonances_of_the_slab_are_those_of_optics(self):
        problem = SlabScattering(n=400)
        exact = (np.pi * np.arange(1, 4) - 1j * np.log(3.5 / 1.5)) / (2.5 * problem.width_of_cells)
        for one in exact:
            assert np.abs(problem.resonances - one).min() < 2e-3 * abs(one)

    def test_a_resonance_makes_the_matrix_singular(self):
        for one in DISK.resonances[:6]:
            values = np.linalg.svd(DISK.matrix(one).toarray(), compute_uv=False)
            assert values[-1] < 1e-8 * values[0]


class TestReduction:
    @BOTH
    def test_the_bound_is_certified_at_500_random_frequencies(self, problem, greedy):
        ks = problem.drawn(500, 77)
        truth = problem.coordinates(np.stack([problem.solve(k) for k in ks]))
        for dimension in (0, 1, 5, 9, 13):
            model = greedy[problem].model.first(dimension)
            coefficients, bounds = model.bounds(ks)
            errors = model.errors(truth, coefficients)
            known = errors > problem.rounding
            effectivity = bounds[known] / errors[known]
            assert effectivity.min() >= 1
            assert 1 < np.median(effectivity) < effectivity.max() <= problem.limit * 1.1

    @BOTH
    def test_it_is_the_least_residual_of_dense_algebra(self, problem, greedy):
        model = greedy[problem].model.first(6)
        for k in problem.test_set[:3]:
            x = np.linalg.inv(np.linalg.cholesky(problem.norm.toarray()))
            images = x @ (problem.matrix(k[0]) @ model.fields.T)
            expected, *_ = np.linalg.lstsq(images, x @ problem.load(k[0]), rcond=None)
            coefficients, residuals = model.solve(k[None])
            np.testing.assert_allclose(coefficients[0], expected, rtol=1e-8, atol=1e-8)
            rest = np.linalg.norm(x @ problem.load(k[0]) - images @ expected)
            assert residuals[0] == pytest.approx(rest, rel=1e-9)

    @BOTH
    def test_the_load_is_interpolated_to_rounding(self, problem):
        ks = problem.drawn(5, 3)
        loads = problem.whitened(np.stack([problem.load(k) for k in ks[:, 0]]))
        np.testing.assert_allclose(problem.load_weights(ks) @ problem.whitened_loads, loads, atol=1e-11)

    @BOTH
    def test_coordinates_carry_the_norm_and_its_dual(self, problem):
        rng = np.random.default_rng(0)
        u = rng.standard_normal(problem.unknowns) + 1j * rng.standard_normal(problem.unknowns)
        x = problem.norm.toarray()
        assert np.linalg.norm(problem.coordinates(u)) ** 2 == pytest.approx(np.vdot(u, x @ u).real, rel=1e-11)
        assert np.linalg.norm(problem.whitened(u)) ** 2 == pytest.approx(
            np.vdot(u, np.linalg.solve(x, u)).real, rel=1e-8
        )
        np.testing.assert_allclose(problem.fields(problem.coordinates(u)), u, atol=1e-10)

    @BOTH
    def test_basis_and_span_are_orthonormal(self, problem, greedy):
        for rows in (greedy[problem].model.coordinates, greedy[problem].model.span):
            np.testing.assert_allclose(rows @ rows.conj().T, np.eye(len(rows)), atol=1e-11)

    def test_the_error_falls_exponentially_once_every_wave_is_resolved(self, greedy):
        run = tk.solve(SLAB, WeakGreedy(), tk.Stop(rtol=0.0, steps=16))
        assert run.history["bound"][16] < 1e-8 * run.history["bound"][6]

    def test_least_residuals_are_quasi_optimal_in_the_basis_of_pod(self):
        model = tk.solve(SLAB, PodBasis(), tk.Stop(rtol=0.0, steps=10)).state.model
        coefficients, _ = model.bounds(SLAB.test_set)
        truth = SLAB.test_solutions
        best = np.linalg.norm(truth - (truth @ model.coordinates.conj().T) @ model.coordinates, axis=1)
        assert np.all(model.errors(truth, coefficients) <= SLAB.limit * best)

    def test_a_trapped_wave_makes_the_bound_pay_and_the_error_not(self):
        trapped = SlabScattering(index=6.0, low=2.0, high=5.0, n=150, training=100, tests=40)
        state = tk.solve(trapped, WeakGreedy(), tk.Stop(rtol=0.0, steps=8)).state
        assert trapped.infsup.constants.min() < 0.7 * SLAB.infsup.constants.min()
        coefficients, bounds = state.model.bounds(trapped.test_set)
        errors = state.model.errors(trapped.test_solutions, coefficients)
        assert np.all(bounds + trapped.rounding >= errors)

    def test_online_follows_its_frequency_and_stays_in_the_range(self):
        run = tk.solve(DISK, OnlineFrequency(wavenumber=4.5), tk.Stop(rtol=0.0, steps=12))
        error = np.linalg.norm(DISK.coordinates(DISK.solve(np.array([4.5])) - run.state.field))
        assert run.state.error == pytest.approx(error, rel=1e-9) and run.state.bound >= run.state.error
        assert offline(DISK).dimension >= 12
        assert OnlineFrequency(wavenumber=20.0).parameter(DISK)[0] == DISK.high


def test_wave_fields_are_waves_and_scattered_waves():
    plane, total = WaveFields(n=10, fields=10), WaveFields(n=10, fields=10, kind="total")
    modulus = np.hypot(plane.table[:10], plane.table[10:])
    np.testing.assert_allclose(modulus, 1.0, rtol=1e-12)
    k = total.scattering.drawn(10, total.seed)[3]
    np.testing.assert_array_equal(total.table[3] + 1j * total.table[13], total.scattering.solve(k))


def test_a_basis_may_fill_the_whole_space():
    """21 unknowns, and images of eight functions by three forms: 25 columns that span no more than the space."""
    problem = SlabScattering(n=20, high=4.0, training=40, tests=8)
    model = problem.empty_model()
    for k in np.linspace(2.0, 4.0, 9)[:, None]:
        model = model.enriched(problem, problem.coordinates(problem.solve(k))) or model
    assert model.factor.shape[0] > 21 and model.dimension >= 8
    coefficients, residuals = model.solve(problem.test_set)
    for k, c, r in zip(problem.test_set[:, 0], coefficients, residuals):
        rest = problem.load(k) - problem.matrix(k) @ (c @ model.fields)
        assert r == pytest.approx(np.linalg.norm(problem.whitened(rest)), abs=1e-12)


def test_what_cannot_be_certified_is_said():
    run = tk.solve(SlabScattering(n=20, index=8.0, low=0.5, high=40.0), WeakGreedy(), tk.Stop(rtol=0.0, steps=3))
    assert run.status.kind == "failed" and "inf-sup" in run.status.cause and "index" in run.status.advice


def test_the_ellipse_ends_at_the_nearest_resonance_of_the_slab():
    """ρ of k_m = (πm − i log((n + 1)/(n − 1)))/(nw), in closed form: the least of them, not any other."""
    problem = SlabScattering(n=400)
    m = np.arange(-40, 41)
    loss = np.log((problem.index + 1) / (problem.index - 1))
    resonances = (np.pi * m - 1j * loss) / (problem.index * problem.width_of_cells)
    z = 2 * (resonances - problem.middle) / (problem.high - problem.low)
    rho = np.abs(z + np.sqrt(z - 1) * np.sqrt(z + 1))
    assert problem.tail_rate == pytest.approx(1 / rho.min(), rel=0.01)
    assert 1 / np.sort(rho)[-40] < 0.5 * problem.tail_rate
