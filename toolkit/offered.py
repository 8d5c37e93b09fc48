"""What the toolkit offers by name: `toolkit` hands it on, and imports it when the first name is asked for."""

from toolkit.core.arguments import UnsuitedWarning
from toolkit.core.claims import Beats, Bound, Claim, Crowd, Exact, Flat, Order, Rate, Verdict, monotone
from toolkit.core.errors import Breakdown, DataError, KnobError, SpecError, ToolkitError
from toolkit.core.history import History
from toolkit.core.knob import Knob, knob, knobs, part
from toolkit.core.lab import Experiment, Lab, Picture, lab, labs
from toolkit.core.method import Method
from toolkit.core.probe import Every, Measure, Octaves, Probe
from toolkit.core.problem import Problem
from toolkit.core.references import source
from toolkit.core.report import report
from toolkit.core.run import Run
from toolkit.core.state import State, Work
from toolkit.core.status import RUNNING, Status
from toolkit.core.stop import Stop
from toolkit.core.study import check, crowd, judge, ladder, race, solve, sweep, verdicts, witnesses
