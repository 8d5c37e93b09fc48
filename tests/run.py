"""Set up an environment of its own and pass every test: `python3 tests/run.py`, from a fresh checkout.

Needs Python 3.11 or newer with venv and pip. Lint, import floors, the tests on two processes, then the tests that drive a
browser or a kernel, one at a time. Chromium is installed through apt-get when there is none and this is root on Debian.
Arguments go to pytest.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ALONE = ("tests/ui", "tests/notebooks")


def run(*command: str) -> None:
    """Run a command in the checkout; end with its exit code when it fails."""
    print("$", " ".join(command), flush=True)
    code = subprocess.call(command, cwd=ROOT)
    if code:
        sys.exit(code)


def environment() -> None:
    """The virtual environment `.venv` with the toolkit, its apps and the test tools."""
    if not (VENV / "bin" / "python").exists():
        venv.create(VENV, with_pip=True)
    run(str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-e", ".[apps,test,peers]")
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"


def browser() -> None:
    """A browser for the tests that drive the page."""
    if any(map(shutil.which, BROWSERS)):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.exit("The browser tests need Chromium: install Debian's package `chromium`, as root: apt-get install chromium")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core", "libgomp1")


def main() -> None:
    """Lint, floors, tests."""
    environment()
    browser()
    run("ruff", "check", ".")
    run("ruff", "format", "--check", ".")
    run("lint-imports")
    arguments = sys.argv[1:]
    if arguments:
        run("pytest", *arguments)
        return
    run("pytest", "-q", "-n", "2", *(f"--ignore={folder}" for folder in ALONE))
    run("pytest", "-q", *ALONE)


if __name__ == "__main__":
    main()
