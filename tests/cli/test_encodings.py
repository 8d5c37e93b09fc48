"""Whatever the encoding of its output, every command prints, ends well, and never with the code of a broken claim."""

import os
import subprocess
import sys

import pytest

from toolkit.core.plain import spelt

CASE = (["check", "rank", "--method", "eim"], None)  # symbols, and a verdict that must not be told by a trace-back
COMMANDS = [
    (["catalogue"], 0),
    (["check", "preconditioner", "--method", "sor", "--problem", "poisson"], 0),
    (["run", "preconditioner/airfoil"], 0),
    (["run", "preconditioner/κ≤…"], 2),
    (["train"], 0),
    (["serve", "--port", "κ"], 2),
    (["warm", "Łukasz"], 2),
    (["--help"], 0),
]
PROGRAM = """
import sys
from toolkit.cli import main
for arguments, wanted in {commands}:
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    print("CODE", code, "of", wanted, flush=True)
"""
PLACES = {
    "latin-1": ({"PYTHONIOENCODING": "latin-1"}, [CASE]),
    "ascii": ({"PYTHONIOENCODING": "ascii"}, COMMANDS),
    "the C locale": ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, COMMANDS[1:]),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_command_prints(place):
    known = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    more, commands = PLACES[place]
    program = PROGRAM.format(commands=ascii(commands))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=known | more)
    assert done.returncode == 0 and b"Traceback" not in done.stderr + done.stdout, done.stderr.decode(errors="replace")
    told = [line.split() for line in done.stdout.decode("latin-1").splitlines() if line.startswith("CODE ")]
    assert len(told) == len(commands) and all(wanted in ("None", code) for _, code, _, wanted in told), told


def test_the_program_itself_under_a_poor_encoding():
    env = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-m", "toolkit", "catalogue"], capture_output=True, env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Preconditioner lab — Solve".encode("cp1252") in done.stdout and b"Vanek" in done.stdout


@pytest.mark.parametrize(
    "text, ascii_text",
    [
        ("(√κ−1)/(√κ+1) ≤ 2 ‖e₀‖", "(sqrtkappa-1)/(sqrtkappa+1) <= 2 ||e_0||"),
        ("Gauß, Krämer, Łukasz, Dvořák", "Gauss, Kramer, Lukasz, Dvorak"),
        ("n² … ∂Ω", "n^2 ... dOmega"),
        ("日本", "??"),
        ("a\udc80b", "a?b"),
    ],
)
def test_what_an_encoding_lacks_is_spelt(text, ascii_text):
    assert spelt(text, "ascii") == ascii_text
    assert "?" not in spelt("n² × ‖r‖ ≤ ε", "latin-1") and spelt("κ ≤ ∞", "utf-8") == "κ ≤ ∞"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "toolkit", "train"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "toolkit: No space left on device\n")
