"""Set up an environment of its own and pass every test: `python3 tests/run.py`, from a fresh checkout.

Needs Python 3.11 or newer with venv and pip. Lint, import floors, the tests on two processes, then those that drive a
browser or a kernel, one at a time; last a report on draws at random, which fails nothing. Chromium is installed through
apt-get when there is none and this is root on Debian.
One lab alone: `python3 tests/run.py rank`, its own tests and those that every method, promise and experiment of it
owes the house. Other arguments go to pytest: `python3 tests/run.py tests/house -k floors`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium", "fonts-dejavu-core", "libgomp1")
ALONE = ("tests/ui", "tests/notebooks")
DRAWN = ("--random", "100", "--seconds", "3", "--within", "75")
OWED = tuple(f"tests/house/test_{name}.py" for name in ("methods", "promises", "experiments"))


def run(*command: str) -> None:
    """Run a command in the checkout; end with its exit code when it fails."""
    print("$", " ".join(command), flush=True)
    code = subprocess.call(command, cwd=ROOT)
    if code:
        sys.exit(code)


def environment() -> None:
    """The virtual environment `.venv` with the toolkit, its apps and the test tools; made anew when they change."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python meets first
        sys.exit(f"Python {sys.version.split()[0]} is too old: use Python 3.11 or newer.")
    stamp = VENV / "tests-ready"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        python = VENV / "bin" / "python"
        if subprocess.call([python, "-m", "pip", "--version"], stdout=subprocess.DEVNULL) if python.exists() else True:
            run(sys.executable, "-m", "venv", str(VENV))
        print("Installing into .venv; this takes a few minutes the first time.", flush=True)
        run(str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", ".[apps,cluster,test]")
        stamp.write_text(wanted)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for name in (
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
    ):  # the checkout's own code; compiled once, not in every process
        os.environ.pop(name, None)


def browser() -> None:
    """A browser for the tests that drive the page."""
    if any(map(shutil.which, BROWSERS)):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        words = " ".join(PACKAGES)
        sys.exit(f"The browser tests need Chromium. As root on Debian: apt-get install --no-install-recommends {words}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)


def labs() -> list[str]:
    """The labs there are: the folders under `toolkit` whose face has a LAB."""
    faces = sorted((ROOT / "toolkit").glob("*/__init__.py"))
    return [face.parent.name for face in faces if "LAB = Lab(" in face.read_text(encoding="utf-8")]


def warmed(wanted: list[str]) -> None:
    """Compile the kernels of some labs once, two labs at a time, so that no test waits for a compiler."""
    print("$ toolkit warm", *wanted, flush=True)
    waiting, working = list(wanted), []
    while waiting or working:
        while waiting and len(working) < 2:
            working.append(subprocess.Popen(("toolkit", "warm", waiting.pop(0)), cwd=ROOT, stdout=subprocess.DEVNULL))
        if working.pop(0).wait():
            sys.exit("The kernels could not be compiled.")


def drawn() -> None:
    """A hundred draws a lab, others every day: what they show is told, and fails nothing."""
    seed = f"{date.today():%Y%m%d}"
    for lab in labs():
        command = ("toolkit", "check", lab, *DRAWN, "--seed", seed)
        print("$", " ".join(command), flush=True)
        subprocess.call(command, cwd=ROOT)


def main() -> None:
    """Lint, floors, tests, draws at random."""
    environment()
    browser()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the two processes share the cores; BLAS threads would spin
    arguments = sys.argv[1:]
    if len(arguments) == 1 and arguments[0] in labs():
        (lab,) = arguments
        warmed([lab])
        run("pytest", "-q", "-n", "2", f"tests/{lab}")
        run("pytest", "-q", "-n", "2", *OWED, "-k", f"{lab}-")
        return
    if arguments:
        run("pytest", *arguments)
        return
    run("ruff", "check", ".")
    run("ruff", "format", "--check", ".")
    run("lint-imports")
    warmed(labs())
    run("pytest", "-q", "-n", "2", *(f"--ignore={folder}" for folder in ALONE))
    run("pytest", "-q", *ALONE)
    drawn()


if __name__ == "__main__":
    main()
