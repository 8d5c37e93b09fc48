"""Claims: what theory promises, as code, a file a kind. The same object draws the overlay, is the test and judges."""

from toolkit.core.claims.base import Claim
from toolkit.core.claims.beats import FEWER, Beats
from toolkit.core.claims.bound import Bound, at_most_one, monotone
from toolkit.core.claims.crowd import Crowd
from toolkit.core.claims.exact import Exact
from toolkit.core.claims.flat import Flat
from toolkit.core.claims.ladder import Ladder
from toolkit.core.claims.order import Order
from toolkit.core.claims.rate import Rate, factor_of
from toolkit.core.claims.slopes import stretches
from toolkit.core.claims.table import figures
from toolkit.core.claims.verdict import Band, Figures, Observed, Verdict, undecided
from toolkit.core.claims.words import number, spoken, superscript
