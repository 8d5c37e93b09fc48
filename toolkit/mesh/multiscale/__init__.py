"""Coarse and fine: convolved elements, several meshes, high contrast."""

from toolkit.core.rooms import face

TITLE = "coarse and fine: convolved elements, several meshes, high contrast"
ORDER = ("hot_spot", "hidenn", "vms", "advection", "splitting", "contrast")
__getattr__, __dir__ = face(__name__)
