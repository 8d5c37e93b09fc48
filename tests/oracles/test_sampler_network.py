"""The small denoiser: its training's gradients against differences, what it learnt, and parametrisations."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.sampler import network
from toolkit.sampler.mixtures import GaussianFlow
from toolkit.sampler.schedules import SCHEDULES


def test_gradients_of_the_training_loss():
    """Every layer against differences of the loss, in double precision."""
    generator = np.random.default_rng(0)
    weights = [(m.astype(float), s.astype(float)) for m, s in network.fresh(generator)]
    weights[-1] = generator.standard_normal(weights[-1][0].shape) * 0.1, weights[-1][1]
    clean, noise, level = *generator.standard_normal((2, 5, 64)), generator.standard_normal(5)
    about = clean, noise, level, 0.1, 0.6
    slopes = network.loss_and_gradients(weights, *about)[1]
    for layer, pair in enumerate(weights):
        for which, part in enumerate(pair):
            place = np.unravel_index(7, part.shape)
            before, losses = part[place], []
            for h in (1e-5, -1e-5):
                part[place] = before + h
                losses.append(network.loss_and_gradients(weights, *about)[0])
            part[place] = before
            assert slopes[layer][which][place] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-5, abs=1e-9)


def test_what_is_shipped_is_small_and_near_the_exact_denoiser():
    """Less than 300 kB; at middling noise the network explains most of what the mean image does not."""
    pytest.importorskip("sklearn")
    assert network.WEIGHTS.stat().st_size < 300_000
    problem = network.NetworkDigits(particles=200)
    for ratio in (0.3, 0.6, 1.0):
        t = float(problem.process.time(-np.log(ratio)))
        alpha, sigma = problem.process.alpha(t), problem.process.sigma(t)
        data = problem.draw(problem.stream(20), 200)
        x = alpha * data + sigma * problem.stream(21).standard_normal((200, 64))
        exact, found, mean = problem.exact(x, t), problem.denoise(x, t), problem.data.mean(axis=0)
        assert np.mean((found - exact) ** 2) < 0.5 * np.mean((mean - exact) ** 2)
        assert np.mean((found - data) ** 2) < np.mean((x / alpha - data) ** 2)


def test_no_orders_are_claimed_on_it():
    assert network.NetworkDigits().ladder(1) == ()


def test_it_is_sampled_again_from_its_spec():
    problem = network.NetworkDigits(particles=2)
    run = tk.solve(problem, network.DPMSolverPP2M(steps=8), network.THROUGH, ["network_gap"])
    twin = tk.Run.from_spec(run.spec()).finish()
    assert run.status.kind == "converged" and run.history.trace_hash() == twin.history.trace_hash()
    assert np.abs(run.solution()).max() < 2  # pixels, from −1 to 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_parametrisations_are_one(name):
    """All ways round, and noise, score and velocity are what the law itself says."""
    law = GaussianFlow(schedule=name, particles=20, dimension=3)
    t = 0.4 * law.process.start
    x = law.initial
    data = law.denoise(x, t)
    told = {"data": data, "noise": law.noise(x, t), "score": law.score(x, t), "flow": law.velocity(x, data, t)}
    told["velocity"] = law.process.alpha(t) * told["noise"] - law.process.sigma(t) * data
    for given in network.PARAMETRISATIONS:
        for wanted in network.PARAMETRISATIONS:
            found = network.converted(law.process, told[given], x, t, given, wanted)
            np.testing.assert_allclose(found, told[wanted], rtol=1e-7, atol=1e-7 * np.abs(told[wanted]).max())


def test_unknown_parametrisations_are_named():
    with pytest.raises(tk.ToolkitError, match="expected one of"):
        network.converted(SCHEDULES["EDM"], np.zeros((1, 2)), np.zeros((1, 2)), 1.0, "data", "noises")
