"""The command line: what it prints, its JSON keys, and one readable line for a user's mistake."""

import json
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.cli import main
from toolkit.preconditioner import SOR, Poisson


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_catalogue_has_stable_keys(capsys):
    code, out, err = run(capsys, "catalogue", "--json")
    found = json.loads(out)
    assert code == 0 and err == ""
    assert list(found) == ["labs", "methods", "problems", "experiments"]
    assert {"preconditioner"} <= {one["name"] for one in found["labs"]}
    for part in ("methods", "problems", "experiments"):
        for one in found[part]:
            assert one["name"] and one["title"] and one["lab"] in tk.labs()
    cg = next(one for one in found["methods"] if one["name"] == "cg")
    assert {"name", "lab", "family", "knobs", "sources", "claims"} <= set(cg)
    assert {"key", "title", "year", "doi", "arxiv"} <= set(cg["sources"][0])
    assert cg["sources"][0]["doi"] == "10.6028/jres.049.044" and cg["claims"]


def test_run_an_experiment_and_repeat_it_from_its_spec(capsys, tmp_path):
    code, out, _ = run(capsys, "run", "preconditioner/mesh", "--json", "--save", str(tmp_path / "mesh.npz"))
    rows = json.loads(out)
    assert code == 0 and rows and any(row["status"] == "converged" for row in rows)
    again = json.loads(run(capsys, "run", json.dumps(rows[0]["spec"]), "--json")[1])
    assert again[0]["trace"] == rows[0]["trace"]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(rows[0]["spec"]))
    assert rows[0]["trace"] in run(capsys, "run", str(path))[1]
    saved = list(tmp_path.glob("mesh*.npz"))
    assert len(saved) == len(rows)
    assert json.loads(run(capsys, "run", str(saved[0]), "--json")[1])[0]["trace"] in [row["trace"] for row in rows]


def test_check_has_stable_keys(capsys):
    code, out, _ = run(capsys, "check", "preconditioner", "--method", "jacobi", "--json")
    rows = json.loads(out)
    assert code == 0 and rows and all(row["holds"] is True for row in rows)
    assert {"method", "problem", "claim", "holds", "measured", "promised", "why"} <= set(rows[0])


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run", "nosuch"], "no experiment 'nosuch'"),
        (["run", "{"], "not JSON"),
        (["run", '{"schema": 9}'], "schema 9"),
        (["run", "missing.json"], "missing.json"),
        (["run", "tests"], "no experiment 'tests'"),
        (["run", sys.executable], "not JSON"),
        (["run", __file__], "not JSON"),
        (["run", "missing.npz"], "missing.npz"),
        (["run", "mesh", "--save", "/nosuch/folder/a.npz"], "/nosuch/folder/a.npz"),
        (["check", "nolab"], "no lab 'nolab'"),
        (["check", "--method", "nomethod"], "no method 'nomethod' in any lab; nearest: "),
        (["check", "rank", "--problem", "poisson"], "no problem 'poisson' in the lab 'rank'; nearest: "),
        (["check", "mesh", "--method", "online_td"], "nothing is promised"),
    ],
)
def test_a_mistake_is_one_line_and_code_two(capsys, arguments, words):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and words in err and err.count("\n") == 1


def test_as_a_program_without_a_terminal():
    done = subprocess.run([sys.executable, "-m", "toolkit.cli", "run", "mesh"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "converged" in done.stdout
    for mistake in (["dance"], ["serve", "--port", "99999"], ["run"]):
        done = subprocess.run([sys.executable, "-m", "toolkit.cli", *mistake], capture_output=True, text=True)
        assert done.returncode == 2 and "Traceback" not in done.stderr


def test_a_reader_who_leaves_is_no_error():
    listing = f"{sys.executable} -m toolkit.cli catalogue --json"
    done = subprocess.run(f"{listing} | head -c 10", shell=True, capture_output=True, text=True)
    assert done.stderr == "" and len(done.stdout) == 10


def test_a_port_in_use_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = run(capsys, "serve", "--no-show", "--port", str(taken.getsockname()[1]))
    assert code == 2 and "choose a --port" in err and err.count("\n") == 1


def test_progress_is_shown_on_a_terminal_only():
    pytest.importorskip("rich")
    screen, keyboard = pty.openpty()
    command = [sys.executable, "-m", "toolkit.cli", "check", "--method", "jacobi", "--problem", "poisson"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=keyboard, env={**os.environ, "TERM": "xterm"})
    os.set_blocking(screen, False)
    assert done.returncode == 0 and b"checking" in os.read(screen, 10_000)
    os.close(screen)
    os.close(keyboard)


def test_json_has_no_nan(capsys):
    """A run that diverges has no finite residual: null in JSON, which knows no infinity."""
    spec = tk.Run(Poisson(n=8), SOR(omega=1.9)).spec()
    assert json.loads(run(capsys, "run", json.dumps(spec), "--json")[1], parse_constant=pytest.fail)


@pytest.mark.parametrize("file", ["west0067.mtx", "zero-diagonal.mtx"])
def test_what_pyamg_prints_by_itself_does_not_reach_the_output(file):
    """Its compiled set-up writes to the file descriptor of the standard output."""
    pytest.importorskip("pyamg")
    source = str(Path(__file__).parents[1] / "data" / "files" / file)
    problem = {"lab": "preconditioner", "name": "matrix_market", "knobs": {"source": source}}
    spec = {"schema": 1, "problem": problem, "method": {"lab": "preconditioner", "name": "ruge_stuben"}}
    command = [sys.executable, "-m", "toolkit", "run", json.dumps(spec), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)[0]["method"] == "Ruge–Stüben AMG"
    assert file != "west0067.mtx" or "denominator was zero" in done.stderr


@pytest.mark.parametrize("arguments", [["run", "mesh"], ["check", "--method", "jacobi", "--problem", "poisson"]])
def test_nothing_that_a_library_prints_reaches_the_json(arguments):
    """Not what Python prints, not what is written to the descriptor, not what the C library keeps until the end."""
    program = (
        "import ctypes, os, sys\n"
        "from toolkit.cli import main\n"
        "from toolkit.core.run import Run\n"
        "given = Run.slice\n"
        "def noisy(self, *values, **more):\n"
        "    os.write(1, b'noise one ')\n"
        "    print('noise two')\n"
        "    ctypes.CDLL(None).puts(b'noise three')\n"
        "    return given(self, *values, **more)\n"
        "Run.slice = noisy\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout), done.stderr
    assert all(f"noise {one}" in done.stderr for one in ("one", "two", "three"))


def test_what_was_assumed_of_a_file_is_said(capsys, tmp_path):
    path = tmp_path / "graph.mtx"
    path.write_text("%%MatrixMarket matrix coordinate pattern general\n2 2 3\n1 1\n2 2\n2 1\n")
    problem = {"lab": "preconditioner", "name": "matrix_market", "knobs": {"source": str(path)}}
    spec = json.dumps({"schema": 1, "problem": problem, "method": {"lab": "preconditioner", "name": "gmres"}})
    words = "A pattern file: it has no values, and every entry was read as one."
    assert f"matrix_market: {words}\n" in run(capsys, "run", spec)[1]
    assert json.loads(run(capsys, "run", spec, "--json")[1])[0]["remarks"] == words


def test_warm_compiles_every_method(capsys):
    code, out, err = run(capsys, "warm")
    assert code == 0 and "compiled" in out and err == ""


def test_what_the_first_pages_need_is_compiled_by_itself():
    done = subprocess.run([sys.executable, "-m", "toolkit.cli", "warm", "--first"], capture_output=True, text=True)
    wanted = sum(len(lab.experiments[0].methods) for lab in tk.labs().values())
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{wanted} runs compiled and cached\n")
