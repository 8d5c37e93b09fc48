"""The command line: what it prints, its JSON keys, and one readable line for a user's mistake."""

import json
import subprocess
import sys

import pytest

from toolkit.cli import main


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_catalogue_has_stable_keys(capsys):
    code, out, err = run(capsys, "catalogue", "--json")
    lab = next(one for one in json.loads(out)["labs"] if one["name"] == "preconditioner")
    assert code == 0 and err == ""
    assert {"methods", "problems", "experiments"} <= set(lab)
    cg = next(one for one in lab["methods"] if one["name"] == "cg")
    assert {"name", "lab", "family", "knobs", "sources", "claims"} <= set(cg)
    assert {"key", "title", "year", "doi", "arxiv"} <= set(cg["sources"][0])
    assert cg["sources"][0]["doi"] == "10.6028/jres.049.044" and cg["claims"]


def test_run_an_experiment_and_repeat_it_from_its_spec(capsys, tmp_path):
    code, out, _ = run(capsys, "run", "preconditioner/mesh", "--json", "--save", str(tmp_path / "mesh.npz"))
    rows = json.loads(out)
    assert code == 0 and rows and all(row["status"] == "converged" for row in rows)
    again = json.loads(run(capsys, "run", json.dumps(rows[0]["spec"]), "--json")[1])
    assert again[0]["trace"] == rows[0]["trace"]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(rows[0]["spec"]))
    assert rows[0]["trace"] in run(capsys, "run", str(path))[1]
    assert list(tmp_path.glob("mesh*.npz"))


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
        (["check", "nolab"], "no lab 'nolab'"),
        (["check", "--method", "nomethod"], "No claim matches"),
    ],
)
def test_a_mistake_is_one_line_and_code_two(capsys, arguments, words):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and words in err and err.count("\n") == 1


def test_as_a_program_without_a_terminal():
    done = subprocess.run([sys.executable, "-m", "toolkit.cli", "run", "mesh"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "converged" in done.stdout
    done = subprocess.run([sys.executable, "-m", "toolkit.cli", "dance"], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
