"""What all tests share: the toolkit is imported before NumPy (it sets threads), helpers, what each lab took."""

import gc
import re
import sys
from collections import Counter
from pathlib import Path

import toolkit  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))

HERE = Path(__file__).parent
LABS = {
    face.parent.name for face in (HERE.parent / "toolkit").glob("*/__init__.py") if "LAB = Lab(" in face.read_text()
}


def pytest_collection():
    """Nothing of what is collected is garbage: who looks for some takes a fifth of the time."""
    gc.disable()


def pytest_collection_finish():
    """From here on what was collected is not looked at again."""
    gc.freeze()
    gc.enable()


def room(nodeid: str) -> str:
    """The lab that a test is about: its folder, or the one its parameter begins with; else its folder under tests."""
    folder = nodeid.split("/")[1]
    owed = re.search(r"\[([a-z]+)-", nodeid)
    return owed[1] if owed and owed[1] in LABS else folder


def pytest_terminal_summary(terminalreporter):
    """Seconds a lab, of all processes together."""
    spent = Counter()
    for reports in terminalreporter.stats.values():
        for one in reports:
            if hasattr(one, "duration") and one.nodeid.count("/"):
                spent[room(one.nodeid)] += one.duration
    if len(spent) > 1:
        shares = ", ".join(f"{name} {seconds:.0f}" for name, seconds in spent.most_common())
        terminalreporter.write_line(f"seconds, of all processes together: {shares}")
