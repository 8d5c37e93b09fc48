"""A convergence laboratory: beside every measured curve stands what theory promises."""

import os

# Waiting threads must not spin for long: a spinning BLAS or OpenMP worker takes the core the next kernel needs.
# Both libraries read these once, when they load, so they are set before anything imports NumPy.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__version__ = "0.1.0"
