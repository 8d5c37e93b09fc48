"""A convergence laboratory: beside every measured curve stands what theory promises."""

import importlib
import os

# Waiting threads must not spin for long: a spinning BLAS or OpenMP worker takes the core the next kernel needs.
# Both libraries read these once, when they load, so they are set before anything imports NumPy.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

from toolkit.moved import forward

forward()

__version__ = "0.1.0"


def __getattr__(name: str):
    """A public name: with the first one all are imported, so that the command line answers before they are there."""
    if name == "plot":  # the screen is an extra, and comes when asked for
        return globals().setdefault(name, importlib.import_module("toolkit.ui.plots.objects"))
    if not name.startswith("_"):
        offered = importlib.import_module("toolkit.offered")
        if name in globals():  # a package that came in with them
            return globals()[name]
        if hasattr(offered, name):
            return globals().setdefault(name, getattr(offered, name))
    raise AttributeError(f"module 'toolkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    offered = importlib.import_module("toolkit.offered")
    return sorted({*globals(), *(name for name in vars(offered) if not name.startswith("_"))})
