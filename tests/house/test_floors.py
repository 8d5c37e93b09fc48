"""The floors hold for what is not built yet: a new lab stands under every contract the day its folder exists."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.core.rooms import names

ROOT = Path(__file__).resolve().parents[2]
SOUND = "from toolkit.core.problem import Problem\nfrom toolkit.preconditioner.systems.problems import LinearSystem\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of what the contracts speak of."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for room in ("toolkit", "apps"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__", "*.npz", "assets"))
    return copy


@pytest.fixture
def judged(house):
    """`judged(lab, text, …)`: what the contracts say of the house with another lab, whose only modules are these."""
    made = []

    def one(lab: str, **modules: str) -> tuple[int, str]:
        folder = house / "toolkit" / lab / "family"
        folder.mkdir(parents=True)
        made.append(house / "toolkit" / lab)
        for place in (folder, folder.parent):
            (place / "__init__.py").write_text("")
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)
        command = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
        done = subprocess.run([sys.executable, "-c", command, "--no-cache"], cwd=house, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    yield one
    for folder in made:
        shutil.rmtree(folder)


def test_a_lab_in_its_place_is_welcome(judged):
    code, said = judged("optimizer", problems=SOUND)
    assert code == 0, said


@pytest.mark.parametrize(
    "lab, text, told",
    [
        ("optimizer", "import panel\n", "Only the screen imports a GUI library"),
        ("operator", "from bokeh import models\n", "Only the screen imports a GUI library"),
        ("optimizer", "from toolkit.rank.matrices import problems\n", "Floors"),
        ("preconditioner_too", SOUND, "Floors"),
    ],
    ids=("a GUI library", "another one", "a higher lab", "a room without a place"),
)
def test_a_lab_that_reaches_too_high_is_not(judged, lab, text, told):
    code, said = judged(lab, problems=text)
    broken = [line for line in said.splitlines() if line.rstrip().endswith("BROKEN")]
    assert code == 1 and any(told in line for line in broken), said


def test_two_files_that_want_each_other_are_not(judged):
    circle = {"one": "from toolkit.optimizer.family import two\n", "two": "def f():\n    from . import one\n"}
    code, said = judged("optimizer", **circle)
    assert code == 1 and "No cycles are allowed in toolkit.optimizer.family" in said, said


# What costs a start-up tenths of a second, or is not there without the extras: imported where it is used.
HEAVY = {"scipy.fft", "scipy.integrate", "scipy.interpolate", "scipy.io", "scipy.optimize", "scipy.spatial.distance"}
HEAVY |= {
    "scipy.stats",
    "skfem",
    "sklearn.datasets",
    "sklearn.linear_model",
    "pyamg",
    "pyamg.gallery",
    "meshio",
    "zfpy",
}
HEAVY |= {"numba", "numba.core.codegen", "llvmlite", "nbformat", "nbformat.v4", "bibtexparser", "threadpoolctl", "PIL"}
HEAVY |= {"pandas"}
APART = {"toolkit/cli/serving.py", "toolkit/data/mesh_reader.py"}  # the screen is an extra; a program of its own


def inner_imports(path: Path):
    """The modules that are imported inside functions of a file."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom):
                    packages = node.module == "scipy"  # `from scipy import integrate`
                    yield from (f"scipy.{one.name}" for one in node.names) if packages else (node.module,)
                elif isinstance(node, ast.Import):
                    yield from (one.name for one in node.names)


def test_no_import_hides_in_a_function_but_of_what_is_heavy():
    files = [path for room in ("toolkit", "apps") for path in sorted((ROOT / room).rglob("*.py"))]
    told = [(str(path.relative_to(ROOT)), name) for path in files for name in inner_imports(path)]
    assert len(files) > 200 and told
    assert [one for one in told if one[0] not in APART and one[1] not in HEAVY] == []


PROGRAMS = {"toolkit/data/mesh_reader.py", "toolkit/networks/shipped.py"}  # what no method runs


def unloaded(path: Path):
    """The lines of imports inside functions of a file that stand outside `with loading():`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    within = {
        id(one)
        for block in ast.walk(tree)
        if isinstance(block, ast.With) and ast.unparse(block.items[0]) == "loading()"
        for one in block.body
    }
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in within:
                    yield node.lineno


def test_what_a_method_imports_is_on_no_clock():
    rooms = {"data", "networks", *names()}
    files = [path for room in rooms for path in sorted((ROOT / "toolkit" / room).rglob("*.py"))]
    told = [(str(path.relative_to(ROOT)), line) for path in files for line in unloaded(path)]
    assert len(files) > 150 and [one for one in told if one[0] not in PROGRAMS] == []
