"""The index page: every lab with its experiments, a question and a link each."""

from __future__ import annotations

from html import escape

import panel as pn
import panel_material_ui as pmui

from toolkit.core.lab import Lab
from toolkit.ui.page.browser import Bridge
from toolkit.ui.page.panel_patches import released
from toolkit.ui.page.theme import BAR, CARD, THEME, WIDE

_STYLE = """
<style>
h2 { font-size: 1.15rem; font-weight: 500; margin: 4px 0 2px; }
p { margin: 0 0 10px; opacity: 0.8; line-height: 1.45; }
h2 a { color: var(--panel-primary-color); text-decoration: none; } h2 a:hover { text-decoration: underline; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); }
li a { display: block; height: 100%; box-sizing: border-box; padding: 10px 14px; border-radius: 8px;
  color: inherit; text-decoration: none; border: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
li a:hover, li a:focus-visible { border-color: var(--panel-primary-color); outline: none; }
li b { display: block; font-weight: 500; margin-bottom: 3px; }
li span { opacity: 0.75; font-size: 0.88rem; line-height: 1.4; }
summary { cursor: pointer; margin: 12px 2px 2px; color: var(--panel-primary-color); width: fit-content; }
details[open] summary { margin-bottom: 10px; }
</style>
"""
_CARD = CARD | {"padding": "16px 18px"}
_SHOWN = 6  # experiments of a lab; the others unfold
_INTRO = "Beside every measured curve stands what theory promises, who promised it, and whether it held."


def page(labs: dict[str, Lab], under: str = "./"):
    """Every lab as a card; `labs` by name: the name after `under` is the address of a lab's page."""
    told = [_lab(under + name, one) for name, one in labs.items()]
    cards = [pn.pane.HTML(_STYLE + one, styles=_CARD, margin=10, **WIDE) for one in told]
    if not cards:
        cards = [pn.pane.HTML("No lab is installed.", margin=20)]
    head = pn.pane.HTML(f"<p style='font-size:1.02rem;opacity:.85;margin:12px 12px 4px'>{_INTRO}</p>", **WIDE)
    main = pn.Column(head, *cards, margin=(4, 6), **WIDE)
    made = pmui.Page(
        title="Convergence toolkit", main=[main, Bridge(_nothing, _nothing, _nothing)], busy_indicator=None,
        site_url="./", theme_config=THEME, sx=BAR, main_width=1100, meta_description=_INTRO,
    )  # fmt: skip
    return released(made)


def _nothing(*told) -> None:
    """This page has no state to bring back."""


def _lab(address: str, lab: Lab) -> str:
    ask = f"{address}{'&' if '?' in address else '?'}experiment="
    cards = [
        f'<li><a href="{escape(ask + one.name, quote=True)}"><b>{escape(one.title)}</b>'
        f"<span>{escape(one.question)}</span></a></li>"
        for one in lab.experiments
    ]
    first, more = "".join(cards[:_SHOWN]), cards[_SHOWN:]
    head = f'<h2><a href="{escape(address, quote=True)}">{escape(lab.title)}</a></h2>'
    told = f"{head}<p>{escape(lab.about)}</p><ul>{first}</ul>"
    folded = f"<details><summary>{len(more)} more experiments</summary><ul>{''.join(more)}</ul></details>"
    return told + (folded if more else "")
