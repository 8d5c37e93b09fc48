"""Side-by-side measurements: `pytest tests/bench` (left out of the ordinary run; no test passes or fails on a clock).

A row is the ratio of two medians from interleaved rounds in one process: peer, ours, peer, ours, …
"""

import statistics
import time

import pytest

ROWS = []


@pytest.fixture
def ratio(benchmark, request):
    """`ratio(ours, peer, target=…, rounds=…)` → median(peer) / median(ours); the row is printed at the end."""

    def measure(ours, peer, *, target: str, rounds: int = 7) -> float:
        ours(), peer()  # compile and touch the memory once
        seconds = []

        def run_peer():
            start = time.perf_counter()
            peer()
            seconds.append(time.perf_counter() - start)

        benchmark.pedantic(ours, setup=run_peer, rounds=rounds)
        mine, theirs = benchmark.stats.stats.median, statistics.median(seconds)
        benchmark.extra_info.update(peer_median=theirs, ratio=theirs / mine, target=target)
        ROWS.append((request.node.nodeid, mine, theirs, theirs / mine, target))
        return theirs / mine

    return measure


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    terminalreporter.section("side by side (medians of interleaved rounds)")
    terminalreporter.line(f"{'ours':>12} {'peer':>12} {'ratio':>8}  target   reproduce with")
    for node, mine, theirs, value, target in ROWS:
        terminalreporter.line(f"{mine:12.4g} {theirs:12.4g} {value:8.2f}  {target:8} pytest {node}")
