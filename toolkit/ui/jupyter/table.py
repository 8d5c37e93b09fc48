"""The table of a race as HTML: the rows and columns of `toolkit.session.rows`, as the page's board has them."""

from __future__ import annotations

from html import escape

from toolkit.session.rows import COLUMNS, SIGNS

_TONES = {"good": "var(--jp-success-color1,#1a9a70)", "bad": "var(--jp-error-color1,#d9472b)", "": "inherit"}


def table(rows: list[dict]) -> str:
    """The race as an HTML table; the flops are left out where no method counts them."""
    shown = [one for one in COLUMNS if one[0] != "flops" or any(row["flops"] != "–" for row in rows)]
    head = "".join(f"<th{_titled(about)}>{escape(words)}</th>" for _, words, about in shown)
    body = "".join("<tr>" + "".join(f"<td>{_cell(key, row)}</td>" for key, *_ in shown) + "</tr>" for row in rows)
    look = "border-spacing:1em 0.2em;white-space:nowrap;font-variant-numeric:tabular-nums"
    table = f'<table class="lab-race" style="{look}"><tr>{head}</tr>{body}</table>'
    return f'<div style="overflow-x:auto">{table}</div>{_told(rows)}'


def _told(rows: list[dict]) -> str:
    """Every promise of the race with its verdict in words, below the table."""
    lines = [
        f"<li>{_sign(one)} {escape(row['label'])}: {escape(one['title'])}. <strong>{escape(one['told'])}</strong></li>"
        for row in rows
        for one in row["promises"]
    ]
    look = "list-style:none;margin:0.4em 1em;padding:0;line-height:1.5"
    return f'<ul class="lab-promises" style="{look}">{"".join(lines)}</ul>' if lines else ""


def _cell(key: str, row: dict) -> str:
    if key == "entry":
        return f'<span style="color:{row["colour"]}">{row["glyph"]}</span> {escape(row["label"])}'
    if key == "status":
        tone = _TONES[row["tone"]]
        like = f" {escape(row['like'])}" if row["like"] else ""
        return f'<span style="color:{tone}"{_titled(row["cause"])}>{escape(row["kind"])}</span>{like}'
    if key == "verdict":
        return " ".join(_promise(one) for one in row["promises"]) or (
            escape(row["no_claim"]) if row["started"] else "–"
        )
    return escape(row[key])


def _promise(one: dict) -> str:
    words = ": ".join(part for part in (one["title"], one["told"]) if part)
    return f"<span{_titled(words)}>{SIGNS[one['state']]}</span>"


def _sign(one: dict) -> str:
    tone = _TONES[{"holds": "good", "broken": "bad", "open": ""}[one["state"]]]
    return f'<span style="color:{tone}">{SIGNS[one["state"]]}</span>'


def _titled(words: str) -> str:
    return f' title="{escape(words, quote=True)}"' if words else ""
