"""The old home of the lab in a notebook, for one release."""

import warnings

from toolkit.ui.jupyter import LabWidget, curves, lab

__all__ = ["LabWidget", "curves", "lab"]
warnings.warn("toolkit.ui.notebook is now toolkit.ui.jupyter", DeprecationWarning, stacklevel=2)
