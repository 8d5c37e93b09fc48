"""The claims under the name they had before they were a package."""

from toolkit.core.claims import (
    Beats,
    Bound,
    Claim,
    Crowd,
    Exact,
    Flat,
    Order,
    Rate,
    Verdict,
    monotone,
    stretches,
    undecided,
)

__all__ = [
    "Beats",
    "Bound",
    "Claim",
    "Crowd",
    "Exact",
    "Flat",
    "Order",
    "Rate",
    "Verdict",
    "monotone",
    "stretches",
    "undecided",
]
