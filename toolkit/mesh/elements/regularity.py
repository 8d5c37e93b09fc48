"""What approximation theory says of the solutions of the model problems: orders, and how far they are analytic."""

from __future__ import annotations

import math

import numpy as np

from toolkit.mesh.elements.problems import BoundaryValueProblem

FEATURE = {"layer": 1.5, "front": 1.0}  # lengths of a feature in its widths
FLOOR = 2e-12  # relative errors under which rounding decides


def plain(problem: BoundaryValueProblem) -> bool:
    """Whether diffusion rules on the scale of the domain, so that constants of theory are not large."""
    return problem.speed <= problem.diffusion and problem.reaction <= 10 * problem.diffusion


def orders(problem: BoundaryValueProblem, p: int) -> tuple[float | None, float | None, bool]:
    """Orders in h of uniform elements of degree p in energy and L2, and whether that in L2 is sharp.

    None where theory has none: of a cubic, which higher degrees have exactly.
    """
    if problem.data == "cubic" and p >= 3:
        return None, None, False
    energy, dual = float(p), problem.duality
    if problem.data == "corner":
        energy = min(energy, problem.power - (0.5 if problem.dim == 1 else 0.0))
    if problem.gap == np.inf:
        return energy, energy + dual, problem.data == "corner" or dual == 1.0
    return min(energy, problem.gap - 0.5), min(energy + dual, problem.gap), problem.data == "smooth"


def asymptotic(problem: BoundaryValueProblem, p: int, h: float, rows: int) -> tuple[int, int]:
    """(rows to leave out until cells resolve the solution, rows from there until rounding) of a ladder from width h."""
    length = 1.0 / max(problem.number, 1.0)
    if problem.data in FEATURE:
        length = FEATURE[problem.data] * problem.width
    if problem.data == "corner":
        length = 1.0
    balance = problem.diffusion / max(problem.speed, np.sqrt(problem.diffusion * problem.reaction), 1e-300)
    widths = h / 2.0 ** np.arange(rows)
    resolved = widths <= min(0.3 * length, 0.5 * balance)
    if problem.dim == 1 and problem.data != "corner":
        resolved &= _wave_error(widths / length, p) > 100 * FLOOR
    return int(np.argmax(resolved)), int(resolved.sum())


def _wave_error(h: np.ndarray, p: int) -> np.ndarray:
    """The relative error in energy, about, of degree p on cells of length h for sin(πx): (πh)^p p!/(2p)!."""
    return (np.pi * h) ** p * math.factorial(p) / math.factorial(2 * p)


def seen(factor: float, rows: int, start: float, floor: float = 1e-9) -> bool:
    """Whether a factor a row shows in five rows at least, from `start` of the way to where a floor or the rows end."""
    rows = min(rows, int(math.log(floor) / math.log(factor)) + 1)
    return rows - int(start * rows) >= 5


def doubled(problem: BoundaryValueProblem) -> float | None:
    """Order in 1/p of the p-version in energy for a singularity at a node; None without one."""
    if problem.data != "corner":
        return None
    return 2 * problem.power - (1.0 if problem.dim == 1 else 0.0)


def radius(z: complex) -> float:
    """ρ of the ellipse with foci ±1 through z: polynomials of degree N approximate at the rate ρ^−N."""
    root = np.sqrt(complex(z) ** 2 - 1)
    return float(max(abs(z + root), abs(z - root)))


def poles(problem: BoundaryValueProblem) -> complex | None:
    """A point x at which the front in an interval, arctan((x − c − R)/w), is singular: c + R + i w."""
    if problem.data != "front" or problem.dim != 1:
        return None
    front = problem.front
    return front.centre[0] + front.radius + 1j * front.width


def analytic(problem: BoundaryValueProblem, cells: int = 1) -> float | None:
    """The factor a degree gains on `cells` equal cells of (0, 1), or None where it is not known or all are gained."""
    pole = poles(problem)
    if pole is None or not plain(problem):
        return None
    ends = np.linspace(0, 1, cells + 1)
    middles, half = (ends[1:] + ends[:-1]) / 2, 0.5 / cells
    return 1.0 / min(radius((pole - one) / half) for one in middles)
