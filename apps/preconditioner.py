"""The preconditioner lab: `panel serve apps/preconditioner.py`, or `toolkit serve` for every page."""

from toolkit.core.lab import lab
from toolkit.ui.page.view import page


def app():
    """The page of this lab for the session at hand."""
    return page(lab("preconditioner"))


if __name__.startswith("bokeh_app"):
    app().servable()
