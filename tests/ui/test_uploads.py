"""Files of one's own, on the page and in a notebook without a browser: whatever is brought, it is answered in words."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.core.knob import knobs
from toolkit.mesh.elements.your_mesh import YourMesh
from toolkit.preconditioner.systems.matrix_market import MatrixMarket
from toolkit.ui.jupyter.knobs import Form
from toolkit.ui.page.knobs import FileField

NOW = datetime.now(UTC)
FILES = Path(__file__).parents[1] / "data" / "files"
TAKERS = [
    (cls, name)
    for lab in tk.labs().values()
    for cls in lab.problems().values()
    for name, one in knobs(cls).items()
    if one.file
]
WRONG = {
    "letter.pdf": b"%PDF-1.7 secret",
    "sheet.xlsx": b"PK\x03\x04 secret",
    "page.html": b"<!doctype html><html>secret</html>",
    "words.txt": b"some secret words\nand more of them\n",
    "nothing": b"",
    "photo.heic": b"\0\0\0\x18ftypheic" + bytes(99),
    "weights.pkl": b"\x80\x04\x95secret" + bytes(9),
}


@pytest.fixture(autouse=True)
def own_uploads(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "uploads"))


def told(message: str, name: str) -> None:
    assert message.startswith(f"{name}: ") and "\n" not in message and len(message) < 400, message
    assert "secret" not in message and "Traceback" not in message and "/tmp" not in message
    assert "damaged" not in message or name.endswith(("xlsx", "pkl")), message


def field(cls, name: str, turned=lambda *_: None) -> FileField:
    owner = cls()
    return FileField(knobs(owner)[name], owner, getattr(owner, name), turned)


def dropped(field: FileField, filename: str, data: bytes) -> str:
    """What stands under the text after a file was dropped."""
    field._button.filename = filename
    field._button.value = data
    return field._main.helper_text if field._main.error_state else ""


def test_every_problem_that_reads_files_is_here():
    assert len(TAKERS) >= 6 and all(hasattr(cls, "accept_upload") for cls, _ in TAKERS)


@pytest.mark.parametrize("cls, name", TAKERS, ids=lambda one: one if isinstance(one, str) else one.slug())
def test_a_file_of_the_wrong_kind_is_answered_on_the_page(cls, name):
    turns = []
    one = field(cls, name, lambda *turn: turns.append(turn))
    for filename, data in WRONG.items():
        told(dropped(one, filename, data), filename)
    assert not turns


@pytest.mark.parametrize("cls, name", TAKERS, ids=lambda one: one if isinstance(one, str) else one.slug())
def test_a_file_of_the_wrong_kind_is_answered_in_a_notebook(cls, name):
    said, turned = [], []
    form = Form(cls(), turned.append, said.append)
    button = _button(form, list(knobs(cls)).index(name))
    for filename, data in WRONG.items():
        button.value = ({"name": filename, "type": "", "size": len(data), "content": data, "last_modified": NOW},)
        told(said[-1], filename)
        assert button.value == ()
    assert not turned


def test_no_upload_leaves_it_to_the_browser_which_files_it_takes():
    """It would drop those of other endings without a word."""
    assert not any(field(cls, name)._button.accept for cls, name in TAKERS)


def _button(form: Form, at: int):
    return form.box.children[at].children[1]


PATTERN = b"%%MatrixMarket matrix coordinate pattern general\n2 2 3\n1 1\n2 2\n2 1\n"


def test_what_was_assumed_of_an_upload_is_the_caption_of_the_problem():
    turns = []
    one = field(MatrixMarket, "source", lambda name, value: turns.append(MatrixMarket(**{name: value})))
    assert dropped(one, "graph.mtx", PATTERN) == ""
    assert turns[0].caption() == "A pattern file: it has no values, and every entry was read as one."
    assert MatrixMarket().caption() == "" and YourMesh().caption() == ""


def test_an_upload_in_a_notebook_turns_the_knob():
    turned, said = [], []
    form = Form(YourMesh(), turned.append, said.append)
    data = (FILES / "tilted.msh").read_bytes()
    about = {"name": "tilted.msh", "type": "", "size": len(data), "content": memoryview(data), "last_modified": NOW}
    _button(form, list(knobs(YourMesh)).index("file")).value = (about,)
    assert turned[0].file.startswith("upload:") and said[-1] == ""
    assert turned[0].caption() == "It lies in a tilted plane: turned into the y–z plane."
