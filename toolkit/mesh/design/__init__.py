"""Design: topology and shape optimisation."""

from toolkit.core.rooms import face

TITLE = "design: topology and shape optimisation"
ORDER = ("structure", "topology", "silhouette", "deep_mesh")
__getattr__, __dir__ = face(__name__)
