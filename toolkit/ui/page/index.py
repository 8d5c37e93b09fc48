"""The index page: every experiment to be found, with a way in for who is new, and what was opened last."""

from __future__ import annotations

import panel_material_ui as pmui
import param
from panel.custom import JSComponent

from toolkit.core.lab import Lab
from toolkit.session import finding
from toolkit.session.palette import STYLES
from toolkit.ui.page.browser import HERE, Bridge, script
from toolkit.ui.page.panel_patches import released
from toolkit.ui.page.theme import BAR, TALL, THEME, WIDE

_INTRO = "Beside every measured curve stands what theory promises, who promised it, and whether it held."


class Index(JSComponent):
    """Search, filters, ways in, what was opened last, and a card an experiment. All of it happens in the browser."""

    labs = param.List(default=[], doc="name, title, about and address of each lab")
    cards = param.List(default=[], doc="one dict an experiment, as `toolkit.session.finding.shelf` makes them")
    ways = param.List(default=[], doc="title, about and stops of each way in")
    levels = param.List(default=[], doc="what the levels are called")
    colours = param.List(default=[one.colour for one in STYLES], doc="of the curves in thumbnails")
    intro = param.String(default=_INTRO)

    _esm = script("words.js", "thumbnails.js", "index.js")
    _stylesheets = [HERE / "index.css"]


def page(labs: dict[str, Lab], under: str = "./"):
    """Everything to be found in `labs`, by name; the name after `under` is the address of a lab's page."""
    told = [
        {
            "name": name,
            "title": one.title,
            "about": one.about,
            "href": under + name,
            "more": "&" if "?" in under else "?",
        }
        for name, one in labs.items()
    ]
    cards = [one for one in finding.shelf() if one["lab"] in labs]
    index = Index(
        labs=told, cards=cards, ways=finding.ways(), levels=finding.levels(), margin=0, styles=TALL, **WIDE
    )  # fmt: skip
    made = pmui.Page(
        title="Convergence toolkit", main=[index, Bridge(_nothing, _nothing, _nothing)], busy_indicator=None,
        site_url="./", theme_config=THEME, sx=BAR, main_width=1140, meta_description=_INTRO,
    )  # fmt: skip
    return released(made)


def _nothing(*told) -> None:
    """This page has no state to bring back."""
