"""Every notebook runs from top to bottom, is stored without outputs, and its lab is alive in the kernel."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

WAYS = """
import asyncio
import toolkit as tk
from toolkit.ui.jupyter import curves, lab
first = lab("preconditioner", "mesh")
twin = lab("preconditioner", first.model.to_spec())
print(list(twin.model.labels().values()) == list(first.model.labels().values()))
first.buttons["reset"].click()
first.close(), twin.close()
try:
    lab("preconditioner", "nosuch")
except tk.ToolkitError as mistake:
    print(mistake)
"""

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

PRESS_START = """
import asyncio, time
live.buttons["start"].click()
end = time.monotonic() + 60
while time.monotonic() < end and live.model.frame.stage != "ended":
    await asyncio.sleep(0.1)
await asyncio.sleep(0.3)
print(live.model.frame.stage, [trace.status.kind for trace in live.model.frame.traces], live.table.value.count("<tr>"))
live.close()
"""


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom_and_start_works(path):
    notebook = read(path)
    if any("live = lab(" in cell.source for cell in notebook.cells):
        notebook.cells.append(nbformat.v4.new_code_cell(PRESS_START))
    NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    printed = "".join(out.get("text", "") for out in notebook.cells[-1].outputs)
    if "live.close()" in notebook.cells[-1].source:
        assert printed.startswith("ended") and "converged" in printed


def test_a_lab_opens_as_an_experiment_or_as_a_shared_page():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WAYS)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    printed = "".join(out.get("text", "") for out in notebook.cells[0].outputs)
    assert printed.startswith("True") and "no experiment 'nosuch'" in printed
