"""The small denoiser: its training's gradients against differences, what it learnt, and parametrisations."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.digits import images
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.schedules import SCHEDULES
from toolkit.sampler.learnt import network
from toolkit.sampler.learnt.adam import Adam
from toolkit.sampler.learnt.denoiser import DENOISER, SMOOTHING
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M

LOSS = 0.6195  # of what is shipped, on the draws below


def test_gradients_of_the_training_loss():
    """Every layer against differences of the loss, in double precision."""
    pytest.importorskip("sklearn")
    generator, problem = np.random.default_rng(0), DENOISER.problem
    at = problem.start(generator)
    arrays = problem.layout.arrays(at)
    arrays[-2][:] = generator.standard_normal(arrays[-2].shape) * 0.1
    batch = problem.told(*generator.standard_normal((2, 5, 64)), generator.standard_normal(5))
    for array, slope in zip(arrays, problem.layout.arrays(problem.gradient(at, batch).slope)):
        place = np.unravel_index(7, array.shape)
        before, losses = array[place], []
        for h in (1e-5, -1e-5):
            array[place] = before + h
            losses.append(problem.value(at, batch))
        array[place] = before
        assert slope[place] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-5, abs=1e-9)


def test_what_is_shipped_is_small_and_near_the_exact_denoiser():
    """Less than 300 kB; at middling noise the network explains most of what the mean image does not."""
    pytest.importorskip("sklearn")
    assert DENOISER.path.stat().st_size < 300_000
    problem = network.NetworkDigits(particles=200)
    for ratio in (0.3, 0.6, 1.0):
        t = float(problem.process.time(-np.log(ratio)))
        alpha, sigma = problem.process.alpha(t), problem.process.sigma(t)
        data = problem.draw(problem.stream(20), 200)
        x = alpha * data + sigma * problem.stream(21).standard_normal((200, 64))
        exact, found, mean = problem.exact(x, t), problem.denoise(x, t), problem.data.mean(axis=0)
        assert np.mean((found - exact) ** 2) < 0.5 * np.mean((mean - exact) ** 2)
        assert np.mean((found - data) ** 2) < np.mean((x / alpha - data) ** 2)


def test_training_repeats_bit_for_bit():
    """Its spec names a seed: a few steps of it give the same weights twice, those of another seed other ones."""
    pytest.importorskip("sklearn")

    def trained(seed):
        return tk.Run(DENOISER.problem.turned(seed=seed), DENOISER.method).step(8).solution().tobytes()

    assert trained(5) == trained(5) != trained(6)


def test_training_lowers_the_loss():
    """From 1, which F = 0 has as EDM's target is of unit variance; what is shipped has the loss it is said to have."""
    pytest.importorskip("sklearn")
    generator, problem = np.random.default_rng(9), DENOISER.problem
    noise, level = generator.standard_normal((1000, 64)), -0.8 + 1.6 * generator.standard_normal(1000)
    clean = images()[0][:1000] + SMOOTHING * generator.standard_normal((1000, 64))
    batch = problem.told(clean, noise, level)
    short = tk.Run(problem, Adam(steps=150)).step(150).solution()
    weights = problem.start(generator), short, DENOISER.weights().solution
    losses = [problem.value(one, batch) for one in weights]
    assert losses[0] == pytest.approx(1, abs=0.05) and losses[1] < 0.93
    assert losses[2] == pytest.approx(LOSS, abs=1e-3)


def test_only_theorems_are_claimed_on_it():
    """No order, no race that fitting should win: the score is learnt, and no theory knows where it is rough."""
    problem = network.NetworkDigits(particles=64)
    lab = tk.lab("sampler")
    methods = [cls() for cls in lab.methods().values() if not cls().suits(problem)]
    claims = [claim for method in methods for claim in method.claims(problem)]
    assert problem.ladder(1) == () and {"exact", "bound"} <= {claim.kind for claim in claims}
    assert not [claim for claim in claims if claim.kind == "order"]
    assert not [claim for claim in claims if claim.measure in ("gain", "ranking")]
    assert not [claim for claim in claims if claim.kind == "beats" and claim.measure == "final_error"]


def test_it_is_sampled_again_from_its_spec():
    problem = network.NetworkDigits(particles=2)
    run = tk.solve(problem, DPMSolverPP2M(steps=8), THROUGH, ["network_gap"])
    twin = tk.Run.from_spec(run.spec()).finish()
    assert run.status.kind == "converged" and run.history.trace_hash() == twin.history.trace_hash()
    assert np.abs(run.solution()).max() < 2  # pixels, from −1 to 1


UNTRAINED = [
    name
    for name, cls in tk.lab("sampler").methods().items()
    if not cls().suits(network.NetworkDigits(particles=2)) and "training" not in " ".join(cls.monitors)
]


@pytest.mark.parametrize("name", UNTRAINED)
def test_every_sampler_that_is_not_fitted_first_samples_it(name):
    """It is no case of the lab, where fits to it would take many seconds; so: finite, counted, the same again."""
    pytest.importorskip("sklearn")
    problem, method = network.NetworkDigits(particles=2), tk.lab("sampler").methods()[name]()
    stop = tk.Stop(rtol=0.0, steps=3, divergence=1e300)
    run, twin = (tk.Run(problem, method, stop).finish() for _ in range(2))
    assert np.all(np.isfinite(run.solution())) and run.state.work.nfe > 0
    assert run.history.trace_hash() == twin.history.trace_hash()


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


def test_the_mistake_of_the_network_is_the_root_mean_square_of_a_pixel():
    pytest.importorskip("sklearn")
    problem = network.NetworkDigits(particles=5)
    state = tk.Run(problem, DPMSolverPP2M(steps=4), THROUGH).step(2).state
    apart = problem.denoise(state.x, state.t) - problem.exact(state.x, state.t)
    assert network.network_gap(problem, state) == pytest.approx(np.sqrt(np.mean(apart**2)), rel=1e-12)


@pytest.mark.parametrize("beta1, beta2", [(0.9, 0.99), (0.0, 0.999), (0.9, 0.81), (0.99, 0.9)])
def test_the_reach_is_the_sum_that_cauchy_and_schwarz_have(beta1, beta2):
    """And it is met: by slopes in proportion to the shares' ratio w/u, the newest last."""
    method = Adam(beta1=beta1, beta2=beta2)
    for k in (1, 2, 7, 60):
        j = np.arange(k)
        w, u = ((1 - beta) * beta**j / (1 - beta**k) if beta else (j == 0) * 1.0 for beta in (beta1, beta2))
        slopes = w / u
        assert method.reach(k) == pytest.approx(np.sqrt(np.sum(w**2 / u)), rel=1e-10)
        assert np.sum(w * slopes) / np.sqrt(np.sum(u * slopes**2)) == pytest.approx(method.reach(k), rel=1e-10)


def test_the_rate_rises_and_falls_as_told():
    method = Adam(rate=0.5, steps=100, warm=10)
    found = method.rate_at(np.array([1, 10, 50, 100]))
    wanted = [0.05 * (1 + np.cos(np.pi / 100)) / 2, 0.5 * (1 + np.cos(np.pi / 10)) / 2, 0.25, 0.0]
    np.testing.assert_allclose(found, wanted, atol=1e-15)
