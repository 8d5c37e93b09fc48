"""Jacobi and Gauss–Seidel sweeps of a chain: the sequential result after T sweeps at most, sooner for contractions."""

import numpy as np
import pytest
from scipy.optimize import root

import toolkit as tk
from toolkit.sampler.parallel.chain import GaussSeidelJacobi, JacobiGaussSeidel, JacobiSweeps
from toolkit.sampler.parallel.problems import Chain

THROUGH = tk.Stop(rtol=0.0, steps=None, divergence=1e300)
every = pytest.mark.parametrize("method", [JacobiSweeps(), JacobiGaussSeidel(block=5), GaussSeidelJacobi(block=7)])


@pytest.mark.parametrize("layers", ["recurrent", "own"])
@pytest.mark.parametrize("coupling", [0.3, 1.0, 4.0])
@every
def test_the_sequential_result_after_at_most_t_sweeps(method, coupling, layers):
    """Bit for bit, for contractions and for chaos alike."""
    problem = Chain(length=40, coupling=coupling, layers=layers, dimension=6)
    matrices, inputs, x = problem.parts
    run = tk.solve(problem, method, THROUGH)
    assert run.status.kind == "converged" and run.k <= 40
    for i in range(40):
        x = np.tanh(matrices[i] @ x + inputs[i])
        np.testing.assert_array_equal(run.solution()[i + 1], x)


def test_the_path_solves_the_system_of_equations():
    """Independent of any order of evaluation: SciPy's solver on x_{i+1} − h_i(x_i) = 0, all nodes at once."""
    problem = Chain(length=6, dimension=3)
    matrices, inputs, first = problem.parts

    def residual(flat):
        x = np.vstack([first, flat.reshape(6, 3)])
        return (x[1:] - np.tanh(np.einsum("tij,tj->ti", matrices, x[:-1]) + inputs)).ravel()

    found = root(residual, np.zeros(18), tol=1e-13)
    run = tk.solve(problem, JacobiSweeps(), THROUGH)
    np.testing.assert_allclose(run.solution()[1:].ravel(), found.x, atol=1e-10)


@pytest.mark.parametrize("coupling", [0.2, 0.5, 0.8])
def test_contractions_settle_in_far_fewer_sweeps(coupling):
    """To 10⁻⁸ in log(10⁻⁸ (1 − L)/first)/log L sweeps at most, whatever the length; the bound L^k holds throughout."""
    for length in (100, 200):
        problem, method = Chain(length=length, coupling=coupling), JacobiSweeps(tolerance=1e-8 * (1 - coupling))
        run = tk.solve(problem, method, THROUGH, [tk.Probe(one, tk.Every(1)) for one in problem.measures()])
        k, error = run.history.series("chain_error")
        most = np.log(1e-8 * (1 - coupling) / (2 * error[0])) / np.log(coupling) + 1
        assert error[-1] < 1e-8 and run.k <= most
        assert np.all(error <= error[0] * coupling**k * (1 + 1e-9) + 1e-14)
    assert tk.solve(Chain(length=200, coupling=0.2), JacobiSweeps(tolerance=1e-8), THROUGH).k < 20


@pytest.mark.parametrize("coupling", [0.3, 0.9, 2.0])
def test_blocks_need_no_more_sweeps(coupling):
    """The larger the blocks, the fewer the sweeps; blocks of one are Jacobi, one block is one feed-forward pass."""
    problem = Chain(length=48, coupling=coupling)
    jacobi = tk.solve(problem, JacobiSweeps(), THROUGH)
    sweeps = [tk.solve(problem, JacobiGaussSeidel(block=b), THROUGH).k for b in (1, 2, 4, 8, 48)]
    assert sweeps[0] == jacobi.k and np.all(np.diff(sweeps) <= 0) and sweeps[-1] == 1


def test_blocks_one_after_another_need_few_processors():
    """Never more than `block` evaluations a sweep, and fewer sweeps than nodes where a block settles early."""
    problem = Chain(length=128, coupling=0.3)
    run = tk.solve(problem, GaussSeidelJacobi(block=32, tolerance=1e-6), THROUGH, ["chain_error"])
    assert run.k < 64 and np.max(np.diff(run.history["nfe"])) <= 32 and run.history.last("chain_error") < 1e-5


def test_evaluations_are_counted(monkeypatch):
    problem, calls, node = Chain(length=20), [], Chain.node
    problem.path  # noqa: B018
    monkeypatch.setattr(Chain, "node", lambda self, i, x: calls.append(i) or node(self, i, x))
    for method in (JacobiSweeps(), JacobiGaussSeidel(), GaussSeidelJacobi()):
        calls.clear()
        assert tk.solve(problem, method, THROUGH).state.work.nfe == len(calls)


@pytest.mark.parametrize(
    "method, waits", [(JacobiSweeps(), 1), (JacobiGaussSeidel(block=5), 5), (GaussSeidelJacobi(), 1)]
)
def test_the_depth_is_what_a_sweep_waits_for(method, waits):
    """Evaluations one after another, summed over the sweeps."""
    problem = Chain(length=40, dimension=4)
    run = tk.solve(problem, method, THROUGH)
    np.testing.assert_array_equal(run.history["depth"], waits * run.history["k"])
