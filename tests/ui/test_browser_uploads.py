"""Files dropped on a page in a real browser: the answer can be read, whatever was dropped."""

import base64
import re
from pathlib import Path

import pytest
from pages import SLOW, page_of
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
FILES = Path(__file__).parents[1] / "data" / "files"


def drop(page, filename: str, data: bytes) -> None:
    """Drop a file on the first upload of a page."""
    given = page.evaluate_handle(
        """([name, text]) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
          const carried = new DataTransfer()
          carried.items.add(new File([bytes], name))
          return carried }""",
        [filename, base64.b64encode(data).decode()],
    )
    page.get_by_text(re.compile("^Upload ")).first.dispatch_event("drop", {"dataTransfer": given})


def test_what_is_dropped_is_answered_and_what_was_assumed_is_said(lab):
    page = lab(page_of("mesh", {"name": "your_mesh", "knobs": {}}, {"name": "fem"}), name="mesh")
    box = page.get_by_role("textbox", name=re.compile("^file"))
    for filename, data, words in (
        ("letter.pdf", b"%PDF-1.7", "letter.pdf: it is a PDF document; expected a mesh (.msh, .vtu, .obj)."),
        ("nothing.msh", b"", "The file is empty; expected one of the kind .msh, .vtu, .obj."),
        ("hanging.msh", (FILES / "hanging_node.msh").read_bytes(), "hanging.msh: the mesh is not joined face to face"),
    ):
        drop(page, filename, data)
        expect(page.get_by_text(words)).to_be_visible(timeout=SLOW)
        assert not box.input_value().startswith("upload:")
    drop(page, "tilted.msh", (FILES / "tilted.msh").read_bytes())
    expect(box).to_have_value(re.compile("^upload:"), timeout=SLOW)
    expect(page.get_by_text("It lies in a tilted plane: turned into the y–z plane.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("letter.pdf: it is")).to_have_count(0)
