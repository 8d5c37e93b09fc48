"""Real matrices, meshes and graphs: what they are said to be, and that the pictures show them."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.core import spec as specs
from toolkit.data import bundled
from toolkit.preconditioner.krylov.looks import spectrum
from toolkit.preconditioner.multigrid.looks import CASES, EXPERIMENTS
from toolkit.preconditioner.stencils.helmholtz import UncheckedHelmholtz
from toolkit.preconditioner.systems.digit_graph import GraphLaplacian
from toolkit.preconditioner.systems.gallery import Example
from toolkit.preconditioner.systems.matrix_market import MatrixMarket
from toolkit.preconditioner.systems.raster import Raster

PICTURES = tk.lab("preconditioner").pictures
DEFINITE = {"airfoil", "bar", "knot", "unit_cube", "local_disc_galerkin_diffusion"}


@pytest.mark.parametrize("name", bundled.MATRICES)
class TestExamples:
    def test_flags_say_the_truth(self, name):
        problem = Example(name)
        a = problem.matrix.toarray()
        assert problem.symmetric == bool(np.array_equal(a, a.conj().T))
        assert problem.symmetric == (name in DEFINITE) == problem.definite
        if problem.definite:
            values = np.linalg.eigvalsh(a)
            assert values[0] > 0
            np.testing.assert_allclose(problem.extremes, values[[0, -1]], rtol=1e-8)

    def test_exact_solves_the_system(self, name):
        problem = Example(name, load="solution one")
        np.testing.assert_allclose(problem.exact, np.ones(problem.size), rtol=1e-7)

    def test_near_null_space_is_below_the_mean_eigenvalue(self, name):
        problem = Example(name)
        assert problem.near_null.shape[0] == problem.size
        if problem.definite:
            for mode in problem.near_null.T:
                assert problem.energy(mode) ** 2 < problem.matrix.trace() / problem.size * (mode @ mode)

    def test_spec_round_trip(self, name):
        problem = Example(name, load="noise", seed=2)
        assert specs.restore("problem", specs.describe(problem)) == problem

    def test_the_field_covers_the_mesh(self, name):
        problem = Example(name)
        places, values = problem.scatter(problem.exact)
        assert places.shape == (len(values), 2) and np.all(np.isfinite(values))
        image = problem.field(np.ones(problem.size))
        if image is not None:
            assert 0.3 < np.isfinite(image).mean() <= 1 and np.nanmax(image) <= 1 + 1e-9 and np.nanmin(image) >= -1e-9


def test_airfoil_is_an_m_matrix_nearly_and_a_matrix_market_file_by_name():
    assert abs(MatrixMarket("airfoil").matrix - Example("airfoil").matrix).max() == 0
    assert MatrixMarket("airfoil").definite


def test_vertices_count_from_zero():
    for name in bundled.MATRICES:
        assert bundled.matrix(name).elements.min() == 0


# -- rasters ---------------------------------------------------------------------------------------------------------


def test_a_raster_reproduces_linear_functions_on_triangles_and_quadrilaterals():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    for elements in (np.array([[0, 1, 2], [0, 2, 3]]), np.array([[0, 1, 2, 3]])):
        image = Raster(square, elements, pixels=16).image(2 * square[:, 0] - 3 * square[:, 1])
        y, x = (np.mgrid[:16, :16] + 0.5) / 16
        np.testing.assert_allclose(image, 2 * x - 3 * y, atol=1e-12)


def test_beside_the_mesh_there_is_nothing():
    image = Raster(np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]]), pixels=20).image(np.ones(3))
    y, x = (np.mgrid[:20, :20] + 0.5) / 20
    assert np.all(np.isnan(image[x + y > 1.0001])) and np.all(image[x + y < 0.9999] == pytest.approx(1))


# -- digits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knobs", [{}, dict(images=60, neighbours=1, labelled=1), dict(images=200, labelled=500)])
def test_graph_laplacian(knobs):
    problem = GraphLaplacian(**knobs)
    np.testing.assert_allclose(problem.laplacian.sum(axis=1), 0, atol=1e-12)
    a = problem.matrix
    assert abs(a - a.T).max() == 0 and (a.toarray() - np.diag(a.diagonal())).max() <= 0
    held = problem.weights[problem.unknown][:, problem.known].sum(axis=1)
    np.testing.assert_allclose(a.sum(axis=1), held, atol=1e-12)
    assert held.min() >= 0 and np.array_equal(np.sort(np.r_[problem.known, problem.unknown]), np.arange(problem.images))
    if problem.size < 300:
        assert np.linalg.eigvalsh(a.toarray())[0] > 0
    assert problem.exact.min() >= -1e-12 and problem.exact.max() <= 1 + 1e-12


def test_graph_joins_the_nearest_with_gaussian_weights():
    from sklearn.neighbors import kneighbors_graph

    distance = kneighbors_graph(bundled.digits()[0][:150], 4, mode="distance").toarray()
    scale = (distance[distance > 0] ** 2).mean()
    directed = np.where(distance > 0, np.exp(-(distance**2) / scale), 0.0)
    weights = GraphLaplacian(images=150, neighbours=4).weights.toarray()
    np.testing.assert_allclose(weights, np.maximum(directed, directed.T), rtol=1e-10)


def test_harmonic_functions_recognise_the_digit():
    problem = GraphLaplacian(labelled=200, digit=0)
    truth = bundled.digits()[1][problem.unknown] == 0
    assert problem.size + len(problem.known) == bundled.DIGITS
    assert np.mean((problem.exact > 0.5) == truth) > 0.98


def test_fewer_labels_are_worse_conditioned():
    few, many = (GraphLaplacian(images=300, labelled=count).condition for count in (5, 100))
    assert few > 3 * many


def test_labels_follow_their_seed():
    one, two, other = (GraphLaplacian(images=100, seed=seed).known for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


# -- the lab ---------------------------------------------------------------------------------------------------------


def test_every_problem_has_a_case():
    known = tk.lab("preconditioner").problems()
    assert {type(one) for one in CASES} == set(known.values()) - {UncheckedHelmholtz}  # on which CG is to fail
    for one in CASES:
        assert one.size <= 600
        assert specs.restore("problem", specs.describe(one)) == one


def test_a_real_matrix_is_among_the_first_experiments():
    """The first is the easiest: a page of a book, on which factors are known in closed form."""
    assert any(isinstance(one.problem, Example) for one in EXPERIMENTS[:4]) and 8 <= len(EXPERIMENTS) <= 20


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_experiment_runs_and_shows_its_picture(experiment):
    assert experiment.question.endswith("?") and 2 <= len(experiment.methods) <= 6
    pictures = {one.name: one for one in PICTURES}
    for method in experiment.methods:
        assert not method.suits(experiment.problem), method.label()
        run = tk.Run(experiment.problem, method, experiment.stop).step(3)
        assert run.status.kind in ("running", "converged"), run.status
        seen = {*method.monitors, *(one.name for one in experiment.problem.measures())}
        assert (experiment.measure or tk.lab("preconditioner").measure) in seen, "its curve is empty"
    if experiment.picture:
        method = next((m for m in experiment.methods if m.label() in ("CG", "MINRES")), experiment.methods[0])
        state = tk.Run(experiment.problem, method).step(4).snapshot()
        assert pictures[experiment.picture].applies(experiment.problem, state)
        assert pictures[experiment.picture].data(experiment.problem, state) is not None


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
@pytest.mark.parametrize("problem", CASES, ids=lambda p: p.slug())
def test_pictures_that_apply_show_arrays(problem, picture):
    name = "gcrodr" if problem.slug() == "darcy_sequence" else "jacobi"
    method = tk.lab("preconditioner").methods()[name]()
    if method.suits(problem):
        pytest.skip("no method here")
    state = tk.Run(problem, method).step(2).snapshot()
    if not picture.applies(problem, state):
        return
    found = picture.data(problem, state)
    if picture.kind == "image":
        assert found["z"].ndim == 2
    elif picture.kind == "lines":
        assert all(len(line) == len(found["x"]) for line in found.values())
    else:
        assert 1 <= len(found) <= 6 and all(len(x) == len(y) for x, y in found.values())


def test_spectrum_of_the_preconditioned_matrix_is_that_of_a_dense_computation():
    problem = Example("unit_cube")
    methods = tk.lab("preconditioner").methods()
    state = tk.Run(problem, methods["cg"](methods["jacobi"]())).step(5).snapshot()
    a = problem.matrix.toarray()
    scale = 1 / np.sqrt(np.diag(a))
    np.testing.assert_allclose(spectrum(problem, state), np.linalg.eigvalsh(scale[:, None] * a * scale), rtol=1e-9)
    ritz = state.ritz()
    assert ritz[0] >= spectrum(problem, state)[0] * (1 - 1e-9) and ritz[-1] <= spectrum(problem, state)[-1] * (1 + 1e-9)


def test_residual_polynomial_is_one_at_zero_and_vanishes_at_ritz_values():
    problem = Example("airfoil")
    state = tk.Run(problem, tk.lab("preconditioner").methods()["cg"]()).step(6).snapshot()
    found = next(one for one in PICTURES if one.name == "polynomial").data(problem, state)
    assert found["x"][0] == 0 and found["|p(λ)|"][0] == 1
    np.testing.assert_allclose(np.interp(state.ritz(), found["x"], found["|p(λ)|"]), 0, atol=1e-9)
