"""A convergence laboratory: beside every measured curve stands what theory promises."""

import os

# Waiting threads must not spin for long: a spinning BLAS or OpenMP worker takes the core the next kernel needs.
# Both libraries read these once, when they load, so they are set before anything imports NumPy.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

from toolkit.core.claims import Beats, Bound, Claim, Crowd, Exact, Flat, Order, Rate, Verdict, monotone
from toolkit.core.errors import Breakdown, DataError, KnobError, SpecError, ToolkitError
from toolkit.core.history import History
from toolkit.core.knob import Knob, knob, knobs, part
from toolkit.core.lab import Experiment, Lab, Picture, lab, labs
from toolkit.core.method import Method
from toolkit.core.probe import Every, Measure, Octaves, Probe
from toolkit.core.problem import Problem
from toolkit.core.references import source
from toolkit.core.run import Run
from toolkit.core.state import State, Work
from toolkit.core.status import RUNNING, Status
from toolkit.core.stop import Stop
from toolkit.core.study import check, crowd, judge, ladder, race, solve, sweep
from toolkit.moved import forward

forward()

__version__ = "0.1.0"
