"""The clock of a method sees its own work only: no compiler, no import, no assembly of the problem's data."""

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
import toys
from numba.core import event

import toolkit as tk
from toolkit.core.loading import loading
from toolkit.kernels import _clock
from toolkit.kernels._jit import kernel


@dataclass
class Hand:
    """A clock in place of `time.perf_counter`, moved on by hand."""

    time: float = 100.0

    def __call__(self):
        return self.time


CLOCK = Hand()


@pytest.fixture
def hand(monkeypatch):
    monkeypatch.setattr(_clock.time, "perf_counter", CLOCK)
    return CLOCK


def compiled(seconds):
    """What Numba tells while it compiles a kernel that calls another."""
    for status in (event.start_event, event.end_event):
        status("numba:compiler_lock")
        CLOCK.time += seconds / 2
        status("numba:compiler_lock")


@dataclass(frozen=True)
class Slow(toys.Contraction):
    """Its set-up takes two seconds and compiles for five, a step takes one and compiles for three at first."""

    title = "slow"

    def init(self, problem):
        CLOCK.time += 2.0
        compiled(5.0)
        return super().init(problem)

    def step(self, problem, state):
        CLOCK.time += 1.0
        if state.k == 0:
            compiled(3.0)
        return super().step(problem, state)


def test_set_up_and_steps_are_told_apart_and_neither_contains_a_compilation(hand):
    run = tk.Run(toys.Zero(), Slow()).step(4)
    assert run.history["seconds"].tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert (run.history.setup, run.history.solving, run.seconds, run.aside) == (2.0, 4.0, 6.0, 8.0)
    twin = run.fork()
    assert (twin.step(1).seconds, twin.aside) == (7.0, 8.0)


def test_a_budget_of_seconds_is_of_the_method_s_own(hand):
    run = tk.Run(toys.Zero(), Slow(), tk.Stop(rtol=0.0, seconds=5.0)).finish()
    assert (run.k, run.status.kind) == (3, "budget")


def test_what_is_aside_within_something_aside_counts_once(hand):
    start, stood = _clock.now(), _clock.stood(_clock.COMPILING)
    with _clock.aside(_clock.ASSEMBLING):
        hand.time += 1.0
        compiled(4.0)
        assert _clock.now() == start
    hand.time += 0.25
    assert (_clock.now() - start, _clock.stood(_clock.COMPILING) - stood) == (0.25, 4.0)
    _clock.end()  # an end without a beginning is nobody's
    assert _clock.now() - start == 0.25


def test_a_kernel_is_compiled_aside():
    start, stood = time.perf_counter(), _clock.stood(_clock.COMPILING)
    assert kernel(lambda x: x + 1)(2) == 3
    assert 0 < _clock.stood(_clock.COMPILING) - stood < time.perf_counter() - start


def test_an_import_is_no_method_s_work(tmp_path, monkeypatch):
    (tmp_path / "heavy_library.py").write_text("import time\ntime.sleep(0.05)\n")
    monkeypatch.syspath_prepend(tmp_path)

    @dataclass(frozen=True)
    class Importing(toys.Contraction):
        def step(self, problem, state):
            with loading():
                import heavy_library  # noqa: F401
            return super().step(problem, state)

    run = tk.Run(toys.Zero(), Importing()).step(2)
    assert run.seconds < 0.05 < run.aside


def test_what_is_owed_once_is_done_before_the_clock_starts(hand):
    def slow():
        hand.time += 7.0

    _clock.owe(slow)
    runs = [tk.Run(toys.Zero(), Slow()).step(1) for _ in range(2)]
    assert [(run.history.setup, run.aside) for run in runs] == [(2.0, 8.0 + 7.0), (2.0, 8.0)]


def test_what_fails_aside_is_over(hand):
    with pytest.raises(ValueError), _clock.aside(_clock.LOADING):
        raise ValueError
    start = _clock.now()
    hand.time += 1.0
    assert _clock.now() - start == 1.0


@dataclass(frozen=True)
class Assembled(toys.Zero):
    """Its data takes a second to assemble."""

    title = "assembled"

    @cached_property
    def data(self):
        TIMES.append(self.n)
        time.sleep(0.05)
        return np.arange(float(self.n))


@dataclass(frozen=True)
class Reader(toys.Contraction):
    """Reads the data in its first step."""

    title = "reader"

    def step(self, problem, state):
        problem.data.sum()
        return super().step(problem, state)


TIMES: list[int] = []


def test_assembling_the_problem_is_no_method_s_work():
    run = tk.Run(Assembled(), Reader()).step(2)
    assert run.seconds < 0.05 < run.aside


def test_two_threads_that_want_the_data_assemble_it_once():
    TIMES.clear()
    problem, found = Assembled(), []
    threads = [threading.Thread(target=lambda: found.append(problem.data)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(TIMES) == 1 and all(one is found[0] for one in found) and len(found) == 4


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_problem_with_its_data_is_copied_and_sent(copied):
    problem = Assembled()
    assert np.array_equal(copied(problem).data, problem.data) and problem.turned(n=7).data.size == 7


COLD = """
import time
import toolkit as tk
from toolkit.preconditioner import Jacobi, Poisson
for _ in range(2):
    start = time.perf_counter()
    run = tk.solve(Poisson(n=256), Jacobi(), tk.Stop(steps=60, rtol=0.0))
    print(time.perf_counter() - start, run.history.setup, run.history.solving, run.aside)
"""


def test_a_first_run_takes_as_long_as_the_second_on_its_clock(tmp_path):
    """Its kernels are compiled in between, a hundred times as long as the run; a factor of five is let be."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", COLD], env=environment, capture_output=True, text=True, check=True)
    (wall, setup, first, aside), (_, again, second, _) = [map(float, line.split()) for line in said.stdout.splitlines()]
    assert aside > 10 * first and abs(wall - setup - first - aside) < 0.5 * wall, said.stdout
    assert first < 5 * second and setup < 5 * max(again, 0.02), said.stdout
