"""Steps in time: stiff equations, kinetics, policies."""

from toolkit.core.rooms import face

TITLE = "steps in time: stiff equations, kinetics, policies"
ORDER = (
    "parabolic",
    "stiff",
    "runge_kutta",
    "scipy_integrators",
    "tase",
    "looks",
    "gas_mixture",
    "kinetic",
    "policy_value",
    "temporal_differences",
)
__getattr__, __dir__ = face(__name__)
