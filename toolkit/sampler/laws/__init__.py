"""Laws and noising."""

from toolkit.core.rooms import face

TITLE = "laws and noising"
ORDER = (
    "gaussian",
    "mixtures",
    "digits",
    "guidance",
    "schedules",
    "shapes",
    "problems",
    "particles",
    "measures",
)
__getattr__, __dir__ = face(__name__)
