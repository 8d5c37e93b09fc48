"""Atoms and waves."""

from toolkit.core.rooms import face

TITLE = "atoms and waves"
ORDER = ("radial_levels", "energy_levels", "kohn_sham", "looks", "waves", "wkb")
__getattr__, __dir__ = face(__name__)
