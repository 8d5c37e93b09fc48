"""The lab in a notebook: `lab(name)` is a live one, `curves(runs)` draws finished runs."""

from toolkit.ui.jupyter.notebook import LabWidget, curves, lab

__all__ = ["LabWidget", "curves", "lab"]
