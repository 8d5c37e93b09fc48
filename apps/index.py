"""The index: every lab and every experiment, each with its question."""

from toolkit.core.lab import labs
from toolkit.ui.page.index import page


def app():
    """The index page for the session at hand."""
    return page(labs())


if __name__.startswith("bokeh_app"):
    app().servable()
