"""The table of a notebook says what the board of a page says, and what is in it stays text."""

from html import escape

from screen import until

from toolkit.session.rows import COLUMNS, SIGNS, rows
from toolkit.ui.jupyter.table import table
from toolkit.ui.page.browser import Board


def test_every_text_of_a_row_stands_in_the_table(make):
    model = make()
    model.start()
    frame = until(lambda: model.frame.stage == "ended" and model.frame)
    told = rows(model, frame)
    html = table(told)
    for row in told:
        for key in ("label", "k", "value", "observed", "promised", "work", "setup", "solve", "kind"):
            assert f">{escape(row[key])}<" in html or f"</span> {escape(row[key])}<" in html, key
        for one in row["promises"]:
            assert f">{SIGNS[one['state']]}</span>" in html and escape(one["title"]) in html
            assert escape(one["told"]) in html
    assert html.count("<tr>") == 1 + len(told)


def test_the_board_and_the_table_have_the_same_columns():
    assert Board.param.columns.default == [list(one) for one in COLUMNS] and Board.param.signs.default == SIGNS
    heads = [words for key, words, _ in COLUMNS if key != "flops"]
    assert all(f">{words}</th>" in table([]) for words in heads)


def test_what_a_name_holds_stays_text():
    blank = dict.fromkeys(
        ("k", "value", "observed", "promised", "work", "flops", "setup", "solve", "cause", "no_claim", "like"), "–"
    )
    row = blank | {"label": "<script>", "glyph": "●", "colour": "#000", "kind": '"<b>', "tone": "", "started": True}
    row |= {"promises": [{"state": "open", "title": '" onclick="', "told": "<i>"}]}
    html = table([row])
    assert "<script>" not in html and "<b>" not in html and "<i>" not in html and '" onclick="' not in html
