"""What a person took away before the house was rebuilt still works: scripts, notebooks, links.

`before/` holds six races as the page handed them over then; two of them also as a notebook. They are kept as they were.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from house.rule import differences
from screen import until

import toolkit as tk
from toolkit.session import share
from toolkit.session.model import LabModel

BEFORE = Path(__file__).parent / "before"
SCRIPTS = sorted(BEFORE.glob("*.py"))
NOTEBOOKS = sorted(BEFORE.glob("*.ipynb"))
PAGES = json.loads((BEFORE / "pages.json").read_text())

# Every code cell as a kernel runs it, none left out: the widget of the live lab can be made without a kernel, too.
CELLS = """
import ast, sys, time
import nbformat
for path in sys.argv[1:]:
    scope = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            *body, last = ast.parse(cell.source).body
            shown = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
            exec(compile(ast.Module(body if shown else [*body, last], []), path, "exec"), scope)
            value = eval(compile(shown, path, "eval"), scope) if shown else None
    value.close()
    while value.model.alive():
        time.sleep(0.05)
"""


def python(*arguments) -> str:
    """What Python prints; it ends well and without a trace-back."""
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return done.stdout


def repeated(printed: str, *sources: Path) -> None:
    """Each run printed its trace; "as seen" where this machine is that of the record."""
    lines = [line for line in printed.splitlines() if "; trace " in line]
    assert len(lines) == sum(path.read_text(encoding="utf-8").count("runs.append((run") for path in sources)
    elsewhere = differences()
    changed = [line for line in lines if not line.endswith(" as seen")]
    assert elsewhere or not changed, "\n".join(changed)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_still_runs_and_repeats_its_traces(path):
    repeated(python(path), path)


def test_notebooks_still_run_and_repeat_their_traces():
    repeated(python("-c", CELLS, *NOTEBOOKS), *NOTEBOOKS)


@pytest.fixture
def model(request):
    made = LabModel(request.param["lab"], request.param)
    yield made
    made.close()


def pages(what: str) -> list:
    return [pytest.param(share.unpack(one[what][3:]), id=name) for name, one in PAGES["pages"].items()]


@pytest.mark.parametrize("model", pages("address"), indirect=True)
def test_an_address_sets_the_page_up_as_it_was(model, request):
    assert model.to_spec(steps=False) == request.node.callspec.params["model"]


@pytest.mark.parametrize("model", pages("link"), indirect=True)
def test_a_link_goes_where_the_runs_were(model, request):
    spec = request.node.callspec.params["model"]
    wanted = [one["k"] for one in spec["entries"]]
    until(lambda: [one.k for one in model.frame.traces] == wanted and all(one.hash for one in model.frame.traces), 60)
    found = model.to_spec()  # with what was seen here, which links did not say then
    del found["machine"]
    assert all(one.pop("seen") for one in found["entries"])
    assert found == spec


@pytest.mark.parametrize("name", list(PAGES["pages"]))
def test_a_link_holds_the_page_it_was_made_of(name):
    assert share.unpack(PAGES["pages"][name]["link"][3:]) == PAGES["pages"][name]["spec"]


@pytest.mark.parametrize("lab", list(PAGES["experiments"]))
def test_the_experiments_of_a_lab_keep_their_names(lab):
    assert not set(PAGES["experiments"][lab]) - {one.name for one in tk.lab(lab).experiments}
