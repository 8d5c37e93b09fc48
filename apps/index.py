"""The index: every lab and every experiment, each with its question."""

from toolkit.core.lab import labs
from toolkit.ui.page.index import page


def app(under: str = "./"):
    """The index page for the session at hand; the name of a lab after `under` is its address."""
    return page(labs(), under)


if __name__.startswith("bokeh_app"):
    app("./lab?lab=").servable()
