"""Ctrl-C is one line and exit code 130 at any moment: during imports, while kernels compile, in a run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.preconditioner import CG, Jacobi, Poisson

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks into a process by /proc")


def loaded(process, library: str) -> bool:
    try:
        return library in Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        return False


def heard() -> None:
    """Ctrl-C is heard, also where these tests run in the background, for which shells have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(arguments, moment, tmp_path, seconds: float = 60.0):
    """(exit code, what was printed, seconds until it ended) of a program that meets Ctrl-C at a moment."""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    quiet = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    process = subprocess.Popen([sys.executable, "-m", "toolkit", *arguments], env=env, **quiet)
    try:
        end = time.monotonic() + seconds
        while not moment(process) and time.monotonic() < end:
            time.sleep(0.002)
        assert process.poll() is None, process.stderr.read()
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err, time.monotonic() - start
    finally:
        process.kill()


def endless() -> str:
    spec = tk.Run(Poisson(n=64), Jacobi(), tk.Stop(rtol=0.0, steps=None, seconds=600.0)).spec()
    return json.dumps(spec)


@pytest.mark.parametrize("library", ["_multiarray_umath", "llvmlite"])
def test_during_imports(library, tmp_path):
    code, out, err, took = interrupted(["catalogue"], lambda one: loaded(one, library), tmp_path)
    assert (code, out, err) == (130, "", "toolkit: interrupted\n") and took < 5


def test_while_a_kernel_is_compiled(tmp_path):
    """The cache is empty: when its first index is there, the compiler is at work on the next kernel."""
    spec = json.dumps(tk.Run(Poisson(n=16), CG(preconditioner=Jacobi())).spec())
    cached = tmp_path / "cache"
    moment = lambda one: loaded(one, "llvmlite") and any(cached.rglob("*.nb?"))  # noqa: E731
    code, out, err, took = interrupted(["run", spec], moment, tmp_path)
    assert (code, out, err) == (130, "", "toolkit: interrupted\n") and took < 5


def test_in_a_run(tmp_path):
    seen = []

    def moment(process):
        if loaded(process, "llvmlite"):
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] > 8.0

    code, out, err, took = interrupted(["run", endless()], moment, tmp_path)
    assert (code, out, err) == (130, "", "toolkit: interrupted\n") and took < 5


def test_in_one_long_compiled_call():
    """Where no bytecode runs for a long time: the thread that listens ends the program."""
    program = """
import os, signal, threading
from toolkit.cli import interrupts
interrupts.leave_at_once()
import numba
@numba.njit(nogil=True)
def spin(n):
    total = 0.0
    for i in range(n):
        total += (i * 0.5) ** 0.5
    return total
spin(10)
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
spin(10**11)
"""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, preexec_fn=heard
    )
    assert (done.returncode, done.stderr) == (130, "toolkit: interrupted\n") and time.monotonic() - start < 60


def test_nothing_heavy_is_imported_before_somebody_listens():
    program = """
import sys
from toolkit.cli import interrupts
interrupts.leave_at_once = lambda: print(*sorted({"numpy", "numba", "scipy", "rich"} & set(sys.modules)), "listening")
from toolkit.cli import main
sys.argv = ["toolkit", "--version"]
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[0].strip() == "listening"
