"""Where somebody is, the way home, and where somebody may have wanted to go."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

import panel as pn

from toolkit.session import finding, share
from toolkit.session.model import LabModel
from toolkit.ui.page.browser import Nearest

_HOME = "color:inherit;text-decoration:none;border:1px solid currentColor;border-radius:999px;padding:6px 14px;"
_HOME += "font-size:.85rem;white-space:nowrap;opacity:.85"


def way_home(home: str):
    """A link to the index, for the head of a page."""
    return pn.pane.HTML(f'<a href="{escape(home, quote=True)}" style="{_HOME}">All experiments</a>', margin=(4, 8))


def place(model: LabModel) -> dict:
    """Where somebody is: what the tab of the browser says, and what the index recalls."""
    one, lab = model.story, model.lab
    if one is None:
        return {"lab": lab.name, "experiment": "", "title": lab.title, "heading": ""}
    return {"lab": lab.name, "experiment": one.name, "title": one.title, "heading": lab.title}


def suggested(model: LabModel, query: str, home: str) -> list:
    """Links to what is nearest where an address names an experiment or a lab that there is not; nothing otherwise."""
    asked, lab = share.query(query), model.lab
    other, name = asked.get("lab", lab.name), asked.get("experiment", "")
    if "s" in asked or (other == lab.name and (not name or name in [one.name for one in lab.experiments])):
        return []
    mine = f"?lab={quote(lab.name)}&experiment=" if "lab" in asked else "?experiment="
    near = finding.nearest(lab, name) if other == lab.name else []
    links = [[one.title, mine + quote(one.name)] for one in near]
    wanted = (name if other == lab.name else f"{other} {name}").strip().replace("-", " ")
    return [Nearest(links=[*links, ["Look among all experiments", f"{home}?find={quote(wanted[:80])}"]])]
