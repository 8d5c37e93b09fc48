"""Moving meshes: equidistribution and optimal transport."""

from toolkit.core.rooms import face

TITLE = "moving meshes: equidistribution and optimal transport"
ORDER = ("problems", "de_boor", "monge_ampere")
__getattr__, __dir__ = face(__name__)
