"""Purification: laws that approach each other as theory says, exact averages, gradients, and a best t* in between."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.sampler.purification.diffpure import MOST, DiffPure
from toolkit.sampler.purification.looks import PICTURES, accuracies, seen_digits, seen_points
from toolkit.sampler.purification.noise_ladder import DiffPureLadder
from toolkit.sampler.purification.problems import DIGITS, LINE, SEVERAL, WIDTH, Purification, log_density

schedules = pytest.mark.parametrize("schedule", SEVERAL)


def best_in_between(values):
    """Whether the largest lies inside, well above both ends."""
    k = int(np.argmax(values))
    return 0 < k < len(values) - 1 and values[k] > max(values[0], values[-1]) + 0.2


# -- the laws --------------------------------------------------------------------------------------------------------


@schedules
def test_divergence_of_shifted_gaussians_in_closed_form(schedule, monkeypatch):
    """One Gaussian a law: KL = α² |δ|²/(2 (α² s² + σ²))."""
    problem = Purification(schedule=schedule, size=0.7)
    one, other = (problem.around(np.array([[x, 0.2]])) for x in (0.0, 0.7))
    monkeypatch.setitem(problem.__dict__, "diffusion", one)
    monkeypatch.setitem(problem.__dict__, "attacked_law", other)
    for t in (0.01, 0.2, 0.7):
        alpha, sigma = one.process.alpha(t), one.process.sigma(t)
        exact = 0.5 * (0.7 * alpha) ** 2 / ((WIDTH * alpha) ** 2 + sigma**2)
        assert problem.divergence(t) == pytest.approx(exact, rel=1e-9)


@schedules
def test_divergence_falls_at_the_rate_of_the_theorem(schedule):
    """∂KL/∂t = −(g²/2) E_p |∇log p − ∇log q|² ≤ 0: differences of the quadrature against one with exact scores."""
    problem = Purification(schedule=schedule)
    p, q = problem.diffusion, problem.attacked_law
    for t in (0.03, 0.15, 0.5):
        h = 1e-3 * t
        slope = (problem.divergence(t + h) - problem.divergence(t - h)) / (2 * h)
        axis = np.linspace(-7.0, 7.0, 500)
        x = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
        apart = p.score(x, t) - q.score(x, t)
        fisher = (axis[1] - axis[0]) ** 2 * p.density(x, t) @ (apart**2).sum(axis=1)
        assert slope == pytest.approx(-0.5 * p.process.diffusion(t) * fisher, rel=1e-4)


def test_density_is_that_of_the_mixture():
    problem = Purification()
    x = np.random.default_rng(0).standard_normal((40, 2))
    exact = problem.diffusion.density(x, 0.3)
    np.testing.assert_allclose(np.exp(log_density(x, *problem.moments(problem.diffusion, 0.3))), exact, rtol=1e-10)


# -- the attack ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [LINE, DIGITS])
def test_gradient_of_the_loss(law):
    if law == DIGITS:
        pytest.importorskip("sklearn")
    problem, h = Purification(law=law, particles=10), 1e-6
    x, along = problem.points[0], problem.normal(99)
    ends = [problem.loss_and_gradient(x + e * along)[0] for e in (h, -h)]
    slope = (problem.loss_and_gradient(x)[1] * along).sum(axis=1)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-8)


def test_an_attack_on_two_classes_is_a_shift():
    """Of length ε against the own logit, for every point: the law of attacked points is a mixture, moved."""
    problem = Purification(size=0.4)
    across = np.array([1.0, problem.tilt]) / np.hypot(1.0, problem.tilt)
    clean, labels = problem.points
    np.testing.assert_allclose(problem.attacked - clean, np.where(labels[:, None] == 1, -0.4, 0.4) * across, rtol=1e-9)
    shifts = problem.attacked_law.parts[1] - problem.diffusion.parts[1]
    np.testing.assert_allclose(shifts, np.where(problem.parts[1][:, None] == 1, -0.4, 0.4) * across, rtol=1e-9)
    assert problem.right(clean).mean() > 0.98 and problem.right(problem.attacked).mean() < 0.5


def test_digits_are_attacked_within_the_size():
    pytest.importorskip("sklearn")
    problem = Purification(law=DIGITS, particles=60, size=1.5)
    assert np.linalg.norm(problem.attacked - problem.points[0], axis=1).max() <= 1.5 * (1 + 1e-12)
    assert problem.right(problem.points[0]).mean() > 0.85 and problem.right(problem.attacked).mean() < 0.35


# -- the purification ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [DiffPure(time=0.2), DiffPure(time=0.2, rule="DDIM", eta=0.5, steps=12)])
@schedules
def test_adjoint_gradient_matches_differences(method, schedule):
    """Each coordinate of each point, not only one direction."""
    problem, h = Purification(particles=6, schedule=schedule), 1e-6
    x = problem.attacked
    loss, found = method.gradient(problem, x, 0)
    np.testing.assert_array_equal(loss, problem.loss_and_gradient(method.back(problem, x, 0))[0])
    for i in range(2):
        unit = h * np.eye(2)[i]
        ends = [problem.loss_and_gradient(method.back(problem, x + e * unit, 0))[0] for e in (1, -1)]
        np.testing.assert_allclose(found[:, i], (ends[0] - ends[1]) / (2 * h), rtol=1e-4, atol=1e-6)


def test_adjoint_gradient_of_digits():
    pytest.importorskip("sklearn")
    problem = Purification(law=DIGITS, particles=3, size=1.0)
    run = tk.solve(problem, DiffPure(steps=8, time=0.1), THROUGH, ["gradient_gap"])
    assert run.history.last("gradient_gap") < 1e-4


def test_a_run_and_the_function_are_one():
    problem, method = Purification(particles=20), DiffPure(steps=10)
    run = tk.solve(problem, method, THROUGH)
    np.testing.assert_allclose(run.state.seen(), method.back(problem, problem.attacked, 0), rtol=1e-12)
    clean = method.back(problem, problem.points[0], 0)
    np.testing.assert_allclose(run.state.clean / run.state.scale, clean, rtol=1e-12)
    assert run.state.work.nfe == 10


@schedules
@pytest.mark.parametrize("rule", ["Euler–Maruyama", "DDIM"])
def test_one_gaussian_purified_in_closed_form(schedule, rule):
    """x₀ given x at t* is N(m + (αs²/v)(x − αm), s²σ²/v), v = α²s² + σ²: what the reverse equation draws."""
    problem = Purification(particles=256, schedule=schedule)
    centre = np.array([[0.5, -0.3]])
    problem.__dict__["diffusion"] = law = problem.around(centre)
    method = DiffPure(time=0.1, steps=400, rule=rule)
    found, (t, *_, end) = method.back(problem, problem.attacked, 0), method.times(problem)
    alpha, sigma = law.process.alpha(t), law.process.sigma(t)
    x, variance = alpha * problem.attacked + sigma * problem.normal(3, 0), (alpha * WIDTH) ** 2 + sigma**2
    apart = found - centre - alpha * WIDTH**2 / variance * (x - alpha * centre)
    spread = WIDTH * sigma / np.sqrt(variance)
    spread = np.hypot(spread, law.process.sigma(end) / law.process.alpha(end))  # it stops before t = 0
    assert np.abs(apart.mean(axis=0)).max() < 4 * spread / np.sqrt(len(apart))
    assert apart.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * apart.size))


@pytest.mark.parametrize("rule", ["Euler–Maruyama", "DDIM"])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_any_share_of_noise_keeps_the_law(rule, eta):
    """Clean draws of one Gaussian, noised and brought back, are draws of it again whatever η: spread √(s² + σ²/α²)."""
    problem = Purification(particles=256)
    problem.__dict__["diffusion"] = law = problem.around(np.zeros((1, 2)))
    method = DiffPure(time=0.5, steps=400, rule=rule, eta=eta)
    found, end = method.back(problem, WIDTH * problem.normal(99), 0), method.times(problem)[-1]
    spread = np.hypot(WIDTH, law.process.sigma(end) / law.process.alpha(end))
    assert found.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * found.size))


@pytest.mark.parametrize("time", [0.03, 0.1, 0.3])
def test_accuracy_is_the_exact_average(time):
    """The share that is right against Σ r_k Φ(…) of the same noised points, within four standard deviations."""
    problem = Purification(particles=256)
    law, method = problem.diffusion.process, DiffPure(time=time, steps=150, rule="DDIM")
    exact = problem.expected(law.alpha(time) * problem.attacked + law.sigma(time) * problem.normal(3, 0), time)
    found = tk.solve(problem, method, THROUGH).state.robust_accuracy
    assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / 256)


@schedules
def test_claims(schedule):
    problem = Purification(particles=8, schedule=schedule)
    for method in (DiffPure(), DiffPure(eta=0.0), DiffPure(eta=0.0, rule="DDIM"), DiffPureLadder()):
        for claim in method.claims(problem):
            verdict = tk.check(claim, problem, method)
            assert verdict.holds is True, f"{claim.title}: {verdict}"


# -- how far to noise? -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purifier", [DiffPure(steps=20, eta=eta, rule="DDIM") for eta in (1.0, 0.0)])
@schedules
def test_robust_accuracy_is_best_in_between(purifier, schedule):
    problem = Purification(particles=150, schedule=schedule)
    run = tk.solve(problem, DiffPureLadder(purifier=purifier, rungs=10), THROUGH, ["expected_accuracy"])
    robust, clean = run.history["robust_accuracy"], run.history["clean_accuracy"]
    assert best_in_between(robust) and best_in_between(run.history["expected_accuracy"])
    assert robust.max() > 0.85 > 0.3 > problem.right(problem.attacked).mean()
    assert clean[0] > 0.98 and abs(clean[-1] - 0.5) < 0.15  # all is noise: a class by chance
    assert run.method.enough(run.history) == int(np.argmax(robust))


def test_an_attack_through_the_purification_is_stronger():
    """Yet still purified at the best t*: its gradients know all but the noise."""
    problem = Purification(particles=150)
    method = DiffPure(time=0.2, steps=12, rule="DDIM")
    runs = [tk.solve(problem, one, THROUGH) for one in (method, method.turned(adaptive=True))]
    plain, adaptive = (run.state.robust_accuracy for run in runs)
    assert problem.right(problem.attacked).mean() + 0.2 < adaptive < plain - 0.03


def test_digits_are_saved_in_between():
    pytest.importorskip("sklearn")
    problem = Purification(law=DIGITS, particles=48, size=1.5)
    method = DiffPureLadder(purifier=DiffPure(steps=10, rule="DDIM"), rungs=6)
    run = tk.solve(problem, method, THROUGH)
    robust = run.history["robust_accuracy"]
    assert best_in_between(robust) and robust.max() > 0.65
    assert {one.shape for one in seen_digits(problem, run.state).values()} == {(45, 45)}


# -- what is seen, and refusals --------------------------------------------------------------------------------------


def test_pictures():
    problem = Purification(particles=9)
    run = tk.solve(problem, DiffPureLadder(purifier=DiffPure(steps=4), rungs=4), THROUGH)
    drawn = seen_points(problem, run.state)
    assert {name: len(x) for name, (x, _) in drawn.items()} == dict(attacked=9, clean=9, purified=9) | {
        "classes part": 61
    }
    assert len(accuracies(problem, run.state)["x"]) == 4
    of_ladder = {picture.name for picture in PICTURES if picture.applies(problem, run.state)}
    assert of_ladder == {"purified_points", "purified_accuracy"}
    assert [picture.name for picture in PICTURES if picture.applies(problem, run.state.inner)] == ["purified_points"]


def test_a_long_attack_is_refused_in_words():
    problem = Purification(law=DIGITS, particles=256)
    assert str(MOST) in DiffPure(adaptive=True).suits(problem)
    assert str(MOST) in DiffPureLadder(purifier=DiffPure(adaptive=True)).suits(problem)
    assert not DiffPure(adaptive=True, steps=3).suits(problem)
