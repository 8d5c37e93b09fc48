"""Observers of a heated rod: transfer functions, other integrators, poles, and the heat equation's own rates."""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

import toolkit as tk
from toolkit.rank.observers.few_states import STEPS, FullObserver, MomentMatchingObserver, gains, matched
from toolkit.rank.observers.problems import WatchedRod, generator

ROD = WatchedRod(n=40, steps=200)


def test_the_rod_cools_at_the_rates_of_the_heat_equation():
    values = np.sort(np.linalg.eigvals(WatchedRod(n=200).a).real)[::-1]
    np.testing.assert_allclose(values[:3], -((np.array([1, 3, 5]) * np.pi / 2) ** 2), rtol=2e-3)


def test_heated_for_long_the_temperature_falls_linearly():
    steady = -np.linalg.solve(ROD.a, ROD.b)[:, 0]
    np.testing.assert_allclose(steady, 1 - ROD.x, rtol=1e-10)
    assert (ROD.watched @ steady)[0] == pytest.approx(0.4)


def test_the_generator_makes_the_tones():
    s, row = generator(3, 2.0)
    t = np.linspace(0, 3, 7)
    start = np.array([0.5, 1, 0, 1 / 2, 0, 1 / 3, 0])
    found = [(row @ scipy.linalg.expm(s * one) @ start)[0] for one in t]
    np.testing.assert_allclose(found, 0.5 + sum(np.cos(2 * i * t) / i for i in (1, 2, 3)), atol=1e-12)
    tones = WatchedRod(tones=3, steps=50)
    np.testing.assert_allclose(tones.drives[1], scipy.linalg.expm(s * tones.dt) @ tones.drives[0], atol=1e-12)


@pytest.mark.parametrize("tones", [0, 1, 3])
def test_the_reduced_model_matches_the_transfer_function_at_the_frequencies(tones):
    observer = matched(ROD, tones, 2.0, 3.0)
    _, row = generator(tones, 2.0)
    f = generator(tones, 2.0)[0] - observer.g @ row  # without the output's feedback
    for frequency in [0.0, *(2.0 * i for i in range(1, tones + 1))]:
        point = 1j * frequency
        full = ROD.watched @ np.linalg.solve(point * np.eye(40) - ROD.a, ROD.b)
        small = ROD.watched @ observer.lift @ np.linalg.solve(point * np.eye(len(f)) - f, observer.g)
        np.testing.assert_allclose(small, full, rtol=1e-9)


@pytest.mark.parametrize("decay", [0.5, 3.0, 8.0])
def test_gains_put_the_eigenvalues_where_they_are_asked_for(decay):
    s, row = generator(3, 2.0)
    rows = np.vstack((row, matched(ROD, 3, 2.0, 3.0).lift[10] * 1e-2))
    assert np.linalg.eigvals(s - gains(s, rows, decay) @ rows).real.max() < -decay


@pytest.mark.parametrize("kind", ["tones", "noise"])
def test_time_steps_are_exact(kind):
    rod = WatchedRod(n=12, steps=50, last=2.0, input=kind)
    method = MomentMatchingObserver(tones=1)
    observer, state = matched(rod, 1, 2.0, 3.0), method.init(rod)
    t0, both = 0.0, state.both.copy()
    for i in range(8):
        held = rod.drives[i] if kind == "noise" else None

        def rate(t, y, held=held):
            u = held[0] if held is not None else 0.5 + np.cos(2 * t) + np.cos(4 * t) / 2
            x, xi = y[:12], y[12:]
            dx = rod.a @ x + rod.b[:, 0] * u
            dxi = observer.f @ xi + observer.g[:, 0] * u + observer.k[:, 0] * (rod.watched @ x)[0]
            return np.concatenate((dx, dxi))

        both = scipy.integrate.solve_ivp(rate, (t0, t0 + rod.dt), both, method="Radau", rtol=1e-10, atol=1e-12).y[:, -1]
        t0 += rod.dt
        state = method.step(rod, state)
    np.testing.assert_allclose(state.both, both, atol=1e-8)


@pytest.mark.parametrize("sensor", [0.05, 0.6, 0.9])
def test_the_error_tends_to_zero_for_a_matched_input_and_not_for_another(sensor):
    rod = ROD.turned(sensor=sensor)
    same, more, fewer, other = (
        tk.solve(rod, m, STEPS).state.error
        for m in (
            MomentMatchingObserver(),
            MomentMatchingObserver(tones=4),
            MomentMatchingObserver(tones=1),
            MomentMatchingObserver(base=2.5),
        )
    )
    assert max(same, more) < 1e-9 < 1e-4 < min(fewer, other)
    assert tk.solve(rod.turned(input="noise"), FullObserver(), STEPS).state.error < 1e-8


@pytest.mark.parametrize("kind", ["square wave", "noise"])
def test_the_bound_holds_and_the_worst_held_input_comes_near_it(kind):
    rod = ROD.turned(input=kind)
    run = tk.solve(rod, MomentMatchingObserver(), STEPS, ["ceiling"])
    k, ceiling = run.history.series("ceiling")
    assert len(k) > 50 and np.all(run.history["error"][k.astype(int)] <= ceiling * (1 + 1e-9))
    observer = matched(rod, 2, 2.0, 3.0)
    pulse, start, answers = observer.driven[:, 0], run.state.start * 0, []
    start[:40] = rod.start
    for _ in range(rod.steps):
        answers.append(pulse[:40] - observer.lift @ pulse[40:])
        start, pulse = observer.forward @ start, observer.forward @ pulse
    answers, left = np.array(answers) / np.sqrt(40), (start[:40] - observer.lift @ start[40:]) / np.sqrt(40)
    expected = np.linalg.norm(left) + np.linalg.norm(answers, axis=1).sum()
    assert run.state.ceiling == pytest.approx(expected, rel=1e-9)
    reach = max(worst_reach(answers, left, seed) for seed in range(8))
    assert run.state.ceiling / 1.2 < reach <= run.state.ceiling * (1 + 1e-12)


def worst_reach(answers, left, seed) -> float:
    """The error that an input of ±1 leads to: its signs are those along the error, in turn until nothing changes."""
    error = np.random.default_rng(seed).standard_normal(len(left))
    for _ in range(100):
        error, before = left + np.sign(answers @ error) @ answers, error
        if np.array_equal(error, before):
            break
    return float(np.linalg.norm(error))


def test_more_frequencies_leave_less_of_a_square_wave():
    rod = ROD.turned(input="square wave", steps=400)
    tail = [tk.solve(rod, MomentMatchingObserver(tones=m), STEPS).history["error"][-100:].max() for m in (0, 1, 3, 7)]
    assert np.all(np.diff(tail) < 0) and tail[-1] < 0.1 * tail[0]


def test_frequencies_too_near_to_be_told_apart_are_refused_with_the_cause():
    run = tk.Run(ROD, MomentMatchingObserver(tones=8, base=0.1, decay=20.0), STEPS).finish()
    assert run.status.kind == "failed" and "too near" in run.status.cause and "Raise `base`" in run.status.advice
