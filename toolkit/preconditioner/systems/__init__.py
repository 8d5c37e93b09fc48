"""Linear systems and real matrices."""

from toolkit.core.rooms import face

TITLE = "linear systems and real matrices"
ORDER = ("gallery", "matrix_market", "digit_graph", "outliers", "given", "problems", "balanced", "sparse", "looks")
PUBLIC = ("system",)
__getattr__, __dir__ = face(__name__)
