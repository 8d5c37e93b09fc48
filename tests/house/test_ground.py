"""The ground: what stands at the top, what an import brings in, that the README is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import toolkit as tk

ROOT = Path(__file__).resolve().parents[2]
TOP = {
    "pyproject.toml",
    "toolkit",
    "notebooks",
    "apps",
    "tests",
    "binder",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
}


def python(code, *options):
    return subprocess.run(
        [sys.executable, *options, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_nothing_else_stands_at_the_top():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert {name.split("/")[0] for name in listed if name and not name.startswith(".")} <= TOP


def test_import_is_light():
    """Nothing of a screen, and less than 0.6 s beyond NumPy and Numba."""
    code = """
import sys, time
import numpy, numba
start = time.perf_counter()
import toolkit; toolkit.Run
print(time.perf_counter() - start)
screens = {'panel', 'holoviews', 'bokeh', 'ipywidgets', 'matplotlib', 'pandas'}
print(sorted({name.split('.')[0] for name in sys.modules} & screens))
"""
    assert python(code).strip().endswith("[]")
    fastest = min(float(python(code).split("\n")[0]) for _ in range(3))
    assert fastest < 0.6


def test_labs_bring_no_screen():
    code = (
        "import toolkit, sys; toolkit.labs(); print({'panel', 'holoviews', 'bokeh', 'ipywidgets'} & set(sys.modules))"
    )
    assert python(code).strip() == "set()"


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S))
def test_readme_examples_run(block, capsys):
    scope = {}
    exec(compile(block, "README.md", "exec"), scope)
    if "ScaledJacobi" in scope:
        from toolkit.preconditioner import CG, Poisson

        run = tk.solve(Poisson(n=16), scope["ScaledJacobi"]())
        assert run.status.kind == "converged"
        assert all(tk.check(claim, run.problem, run.method).holds for claim in run.method.claims(run.problem))
        assert tk.solve(Poisson(n=16), CG(preconditioner=scope["ScaledJacobi"]())).status.kind == "converged"
    else:
        assert "converged" in capsys.readouterr().out


def test_readme_names_two_commands_and_ci_runs_the_second():
    text = (ROOT / "README.md").read_text()
    assert "toolkit serve" in text and "python3 tests/run.py" in text
    assert "python3 tests/run.py" in (ROOT / ".ci" / "run").read_text()
    assert all(path.exists() for path in (ROOT / link for link in re.findall(r"\]\((?!http)([^)#]+)\)", text)))


def test_every_source_can_be_cited():
    from toolkit.core.references import bibliography

    for key, source in bibliography().items():
        assert source.title and source.authors and re.fullmatch(r"\d{4}", source.year), key
        assert source.short()
