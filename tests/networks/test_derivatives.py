"""Derivatives of the small network: differences, closed forms, and that they agree with one another."""

import numpy as np
import pytest

import toolkit as tk
from toolkit import networks as nets

RNG = np.random.default_rng(0)
MASK = (np.arange(5 * 4).reshape(5, 4) % 3 > 0).astype(float)
SQUARED, ENTROPY = nets.SquaredError(0.7), nets.CrossEntropy()
SMOOTH = [name for name in nets.ACTIVATIONS if name != "relu"]


def layouts():
    for name in nets.ACTIVATIONS:
        yield pytest.param(nets.perceptron(3, 5, 4, 3, activation=name), id=name)
    yield pytest.param(nets.perceptron(3, 4, 3, last="tanh"), id="last-tanh")
    yield pytest.param(nets.perceptron(3, 5, 4, 3, weight=nets.LowRank(2)), id="low-rank")
    layers = nets.Dense(3, 4, "silu", nets.LowRank(2)), nets.Dense(4, 5, "tanh", nets.Masked(MASK)), nets.Dense(5, 3)
    yield pytest.param(nets.Layout(layers), id="mixed")


def drawn(layout, misfit, count=6):
    """(parameters, x, y), clear of the corner of relu."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((count, layout.inputs))
    labels = rng.integers(layout.outputs, size=count)
    y = labels if isinstance(misfit, nets.CrossEntropy) else rng.standard_normal((count, layout.outputs))
    return rng.standard_normal(layout.size), x, y


def difference(function, point, direction, h=1e-5):
    """The derivative along a direction by central differences."""
    return (function(point + h * direction) - function(point - h * direction)) / (2 * h)


@pytest.mark.parametrize("layout", list(layouts()))
@pytest.mark.parametrize("misfit", (SQUARED, ENTROPY), ids=("squared", "entropy"))
class TestLoss:
    def test_the_gradient_is_that_of_differences(self, layout, misfit):
        at, x, y = drawn(layout, misfit)
        found = nets.gradient(layout, misfit, at, x, y)
        assert found.value == nets.value(layout, misfit, at, x, y)
        slopes = [difference(lambda p: nets.value(layout, misfit, p, x, y), at, e) for e in np.eye(layout.size)]
        np.testing.assert_allclose(found.slope, slopes, rtol=1e-6, atol=1e-9)

    def test_what_the_samples_add_is_the_gradient(self, layout, misfit):
        at, x, y = drawn(layout, misfit)
        rows = nets.per_sample(layout, misfit, at, x, y)
        np.testing.assert_allclose(rows.sum(axis=0), nets.gradient(layout, misfit, at, x, y).slope, atol=1e-14)
        for n in range(len(x)):
            alone = nets.gradient(layout, misfit, at, x[n : n + 1], y[n : n + 1]).slope
            np.testing.assert_allclose(len(x) * rows[n], alone, rtol=1e-12, atol=1e-14)

    def test_the_hessian_is_that_of_differences_of_the_gradient(self, layout, misfit):
        at, x, y = drawn(layout, misfit)
        for v in np.random.default_rng(2).standard_normal((4, layout.size)):
            wanted = difference(lambda p: nets.gradient(layout, misfit, p, x, y).slope, at, v)
            found = nets.hessian_times(layout, misfit, at, x, y, v)
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8 * np.abs(wanted).max())

    def test_the_hessian_is_symmetric_and_linear(self, layout, misfit):
        at, x, y = drawn(layout, misfit)
        whole = np.array([nets.hessian_times(layout, misfit, at, x, y, e) for e in np.eye(layout.size)])
        np.testing.assert_allclose(whole, whole.T, atol=1e-13 * np.abs(whole).max())
        v = np.random.default_rng(2).standard_normal(layout.size)
        found = nets.hessian_times(layout, misfit, at, x, y, v)
        np.testing.assert_allclose(found, whole @ v, atol=1e-12 * np.abs(whole).max())

    def test_gauss_newton_is_the_jacobian_around_the_curvature_of_the_misfit(self, layout, misfit):
        at, x, y = drawn(layout, misfit)
        jacobian, found = nets.jacobian(layout, at, x), nets.outputs(layout, at, x)
        units = np.eye(layout.outputs)
        curvature = np.array([misfit.curvature_times(found, y, np.tile(e, (len(x), 1))) for e in units])  # (c, N, c)
        wanted = np.einsum("nip,inj,njq->pq", jacobian, curvature, jacobian) / len(x)
        whole = np.array([nets.gauss_newton_times(layout, misfit, at, x, y, e) for e in np.eye(layout.size)])
        np.testing.assert_allclose(whole, wanted, atol=1e-13 * np.abs(wanted).max())
        assert np.linalg.eigvalsh((whole + whole.T) / 2).min() > -1e-12 * np.abs(whole).max()


@pytest.mark.parametrize("layout", list(layouts()))
class TestJacobian:
    def test_it_is_that_of_differences(self, layout):
        at, x, _ = drawn(layout, SQUARED)
        wanted = [difference(lambda p: nets.outputs(layout, p, x), at, e) for e in np.eye(layout.size)]
        np.testing.assert_allclose(nets.jacobian(layout, at, x), np.moveaxis(wanted, 0, -1), rtol=1e-6, atol=1e-9)

    def test_products_are_those_with_the_matrix(self, layout):
        at, x, _ = drawn(layout, SQUARED)
        jacobian, rng = nets.jacobian(layout, at, x), np.random.default_rng(3)
        v, u = rng.standard_normal(layout.size), rng.standard_normal((len(x), layout.outputs))
        np.testing.assert_allclose(nets.jacobian_times(layout, at, x, v), jacobian @ v, rtol=1e-12, atol=1e-13)
        found = nets.jacobian_transposed_times(layout, at, x, u)
        np.testing.assert_allclose(found, np.einsum("nip,ni->p", jacobian, u), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("misfit", (SQUARED, ENTROPY), ids=("squared", "entropy"))
def test_a_gradient_is_made_of_inputs_and_deltas(misfit):
    """∂L/∂W = δᵀa and ∂L/∂b = Σδ: in vec by columns a sample adds a ⊗ δ, as Kronecker-factored methods need it."""
    layout = nets.perceptron(3, 5, 4, 3)
    at, x, y = drawn(layout, misfit)
    found = nets.gradient(layout, misfit, at, x, y)
    pieces = []
    for a, delta in zip(found.inputs, found.deltas):
        pieces += [sum(np.kron(one, other) for one, other in zip(a, delta)), delta.sum(axis=0)]
    np.testing.assert_allclose(found.slope, np.concatenate(pieces), atol=1e-15)


def test_least_squares_has_the_hessian_it_has():
    """A linear network without its bias: ∇²L = (1/N) XᵀX ⊗ I in vec by columns, and Newton is there in one step."""
    layout = nets.perceptron(4, 3)
    at, x, y = drawn(layout, nets.SquaredError(), 20)
    rows = np.hstack([x, np.ones((20, 1))])  # vec(W) by columns, then b: one matrix more column
    whole = np.array([nets.hessian_times(layout, nets.SquaredError(), at, x, y, e) for e in np.eye(layout.size)])
    np.testing.assert_allclose(whole, np.kron(rows.T @ rows, np.eye(3)) / 20, atol=1e-14)
    np.testing.assert_allclose(whole[:12, :12], np.kron(x.T @ x, np.eye(3)) / 20, atol=1e-14)
    there = at - np.linalg.solve(whole, nets.gradient(layout, nets.SquaredError(), at, x, y).slope)
    np.testing.assert_allclose(there.reshape(5, 3), np.linalg.lstsq(rows, y)[0], atol=1e-12)


@pytest.mark.parametrize("misfit", (SQUARED, ENTROPY), ids=("squared", "entropy"))
def test_gauss_newton_is_the_hessian_where_nothing_is_left_to_bend(misfit):
    """Of a linear network always; of any one where the slope of the misfit vanishes."""
    layout = nets.perceptron(4, 3)
    at, x, y = drawn(layout, misfit)
    v = np.random.default_rng(2).standard_normal(layout.size)
    about = layout, misfit, at, x, y, v
    np.testing.assert_allclose(nets.gauss_newton_times(*about), nets.hessian_times(*about), rtol=1e-12, atol=1e-14)
    layout = nets.perceptron(3, 5, 2)
    at, x, _ = drawn(layout, SQUARED)
    about = layout, SQUARED, at, x, nets.outputs(layout, at, x), RNG.standard_normal(layout.size)
    np.testing.assert_allclose(nets.gauss_newton_times(*about), nets.hessian_times(*about), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", SMOOTH)
def test_activations_have_their_derivatives(name):
    one, z, h = nets.ACTIVATIONS[name], np.linspace(-4, 4, 41), 1e-5
    a = one.value(z)
    up, down = one.value(z + h), one.value(z - h)
    np.testing.assert_allclose(one.slope(z, a), (up - down) / (2 * h), atol=1e-9)
    steeper = (one.slope(z + h, up) - one.slope(z - h, down)) / (2 * h)
    np.testing.assert_allclose(one.bend(z, a), steeper, atol=1e-9)


def test_activations_stay_finite_far_out():
    z = np.array([-800.0, -60.0, 0.0, 60.0, 800.0])
    with np.errstate(over="raise", invalid="raise"):
        for one in nets.ACTIVATIONS.values():
            a = one.value(z)
            assert np.all(np.isfinite([a, one.slope(z, a), one.bend(z, a)]))


@pytest.mark.parametrize("misfit", (SQUARED, ENTROPY), ids=("squared", "entropy"))
def test_misfits_are_what_they_say(misfit):
    outputs, y = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))
    if misfit is ENTROPY:
        y = np.array([0, 2, 1, 1])
        wanted = [-np.log(np.exp(f[j]) / np.exp(f).sum()) for f, j in zip(outputs, y)]
    else:
        wanted = 0.35 * np.sum((outputs - y) ** 2, axis=1)
    values, slope = misfit.charge(outputs, y)
    np.testing.assert_allclose(values, wanted, rtol=1e-14)
    v = RNG.standard_normal((4, 3))
    along = difference(lambda f: misfit.charge(f, y)[0], outputs, v)
    np.testing.assert_allclose(np.sum(slope * v, axis=1), along, rtol=1e-8)
    turned = difference(lambda f: misfit.charge(f, y)[1], outputs, v)
    np.testing.assert_allclose(misfit.curvature_times(outputs, y, v), turned, rtol=1e-8, atol=1e-10)


def test_the_torch_of_others_finds_the_same():
    """Value, gradient, Hessian times a vector: against automatic differentiation."""
    torch = pytest.importorskip("torch")
    layout = nets.perceptron(6, 5, 4, activation="silu")
    at, x, y = drawn(layout, ENTROPY, 9)
    v = np.random.default_rng(4).standard_normal(layout.size)
    point = torch.tensor(at, requires_grad=True)

    def loss(p):
        first, shift = p[:30].reshape(6, 5), p[30:35]
        hidden = torch.nn.functional.silu(torch.tensor(x) @ first + shift)
        return torch.nn.functional.cross_entropy(hidden @ p[35:55].reshape(5, 4) + p[55:], torch.tensor(y))

    (slope,) = torch.autograd.grad(loss(point), point, create_graph=True)
    (product,) = torch.autograd.grad(slope @ torch.tensor(v), point)
    found = nets.gradient(layout, ENTROPY, at, x, y)
    assert found.value == pytest.approx(loss(point).item(), rel=1e-14)
    np.testing.assert_allclose(found.slope, slope.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        nets.hessian_times(layout, ENTROPY, at, x, y, v), product.numpy(), rtol=1e-11, atol=1e-13
    )


# -- weights that are kept otherwise ---------------------------------------------------------------------------------


def test_low_rank_is_the_full_network_with_that_matrix():
    low, full = nets.perceptron(4, 3, weight=nets.LowRank(2)), nets.perceptron(4, 3)
    at, x, y = drawn(low, SQUARED)
    p, q, bias = low.arrays(at)
    same = full.flat([p @ q.T, bias])
    np.testing.assert_allclose(nets.outputs(low, at, x), nets.outputs(full, same, x), atol=1e-14)
    (slope, shift), found = (
        full.arrays(nets.gradient(full, SQUARED, same, x, y).slope),
        nets.gradient(low, SQUARED, at, x, y),
    )
    for one, other in zip(low.arrays(found.slope), (slope @ q, slope.T @ p, shift)):
        np.testing.assert_allclose(one, other, atol=1e-14)


def test_masked_entries_neither_act_nor_learn():
    layout = nets.Layout((nets.Dense(4, 5, "tanh", nets.Masked(MASK)), nets.Dense(5, 3)))
    at, x, y = drawn(layout, ENTROPY)
    moved = at.copy()
    layout.arrays(moved)[0][MASK == 0] += 1.0
    np.testing.assert_array_equal(nets.outputs(layout, at, x), nets.outputs(layout, moved, x))
    slope = layout.arrays(nets.gradient(layout, ENTROPY, at, x, y).slope)[0]
    assert np.all(slope[MASK == 0] == 0) and np.all(slope[MASK == 1] != 0)


def test_quantised_weights_stand_on_a_grid_and_learn_straight_through():
    width = 0.25
    layout, full = nets.perceptron(4, 3, weight=nets.Quantised(width)), nets.perceptron(4, 3)
    at, x, y = drawn(layout, SQUARED)
    v, bias = layout.arrays(at)
    on = full.flat([width * np.round(v / width), bias])
    np.testing.assert_array_equal(nets.outputs(layout, at, x), nets.outputs(full, on, x))
    one, other = (nets.gradient(*about, x, y).slope for about in ((layout, SQUARED, at), (full, SQUARED, on)))
    np.testing.assert_array_equal(one, other)


# -- the layout ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", list(layouts()))
def test_arrays_are_views_and_flat_puts_them_together(layout):
    at = RNG.standard_normal(layout.size)
    arrays = layout.arrays(at)
    np.testing.assert_array_equal(layout.flat(arrays), at)
    for array in arrays:
        assert np.shares_memory(array, at)
    both = [np.stack([array, 2 * array]) for array in arrays]
    np.testing.assert_array_equal(layout.flat(both), [at, 2 * at])


def test_a_matrix_stands_by_columns():
    layout = nets.perceptron(3, 2)
    w, b = layout.arrays(np.arange(8.0))
    np.testing.assert_array_equal(w, [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(b, [6, 7])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: nets.Dense(3, 4, "sinus"), "expected one of identity"),
        (lambda: nets.Dense(0, 4), "expected one at least"),
        (lambda: nets.Layout(()), "without layers"),
        (lambda: nets.Layout((nets.Dense(3, 4), nets.Dense(5, 2))), "4 outputs is followed by one with 5 inputs"),
        (lambda: nets.Dense(3, 4, weight=nets.Masked(MASK)), r"expected \(4, 3\)"),
        (lambda: nets.perceptron(3, 2).arrays(np.zeros(7)), r"expected \(8,\)"),
    ],
)
def test_mistakes_are_told(make, words):
    with pytest.raises(tk.ToolkitError, match=words):
        make()
