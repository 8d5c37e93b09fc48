"""Phase fields: the Ginzburg–Landau energy."""

from toolkit.core.rooms import face

TITLE = "phase fields: the Ginzburg–Landau energy"
ORDER = ("problems", "ginzburg_landau")
__getattr__, __dir__ = face(__name__)
