"""The sampler lab: `panel serve apps/sampler.py`, or `toolkit serve` for every page."""

from toolkit.core.lab import lab
from toolkit.ui.page.view import page


def app():
    """The page of this lab for the session at hand."""
    return page(lab("sampler"))


if __name__.startswith("bokeh_app"):
    app().servable()
