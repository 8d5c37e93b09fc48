"""The page of a lab, whichever it is: `toolkit serve` serves each under its name, `panel serve` under /lab?lab=NAME."""

from toolkit.core.lab import lab
from toolkit.ui.page.view import asked, page


def app(name: str = ""):
    """The page of a lab for the session at hand; without a name, of the one that the address asks for."""
    return page(lab(name or asked()))


if __name__.startswith("bokeh_app"):
    app().servable()
