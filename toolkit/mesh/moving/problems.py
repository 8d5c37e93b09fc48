"""Curves and fields to resolve: what moving meshes are asked to follow, and how well a mesh interpolates them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob
from toolkit.core.memo import assembled
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem

FINE = 20_000
TABLE = 256
GAUSS = np.polynomial.legendre.leggauss(4)


class Resolved(Problem):
    """A function to be interpolated on a mesh that moves: subclasses give `uniform` and `errors`."""

    judged: ClassVar[int]  # which of the two errors it is about

    @cached_property
    def uniform(self) -> np.ndarray:
        """The nodes of the uniform mesh."""
        raise NotImplementedError

    def errors(self, nodes: np.ndarray) -> tuple[float, float]:
        """(largest, L2) error of the interpolant on the nodes."""
        raise NotImplementedError

    @cached_property
    def uniform_error(self) -> float:
        """The error on the uniform mesh, of the norm it is about."""
        return self.errors(self.uniform)[self.judged]


@dataclass(frozen=True)
class SteepCurve(Resolved):
    """A function u on [0, 1] with features of width w, to be interpolated linearly on n cells.

    layer exp(−x/w); front tanh((x − 0.4)/w); fronts, two of them, at 0.25 and 0.7; peak exp(−(x − 0.4)²/2w²);
    wave sin(2πx), which has no narrow feature.
    """

    title: ClassVar[str] = "curve to resolve"
    judged: ClassVar[int] = 0
    sources: ClassVar[tuple[str, ...]] = ("huang2011",)
    shape: str = knob("front", choices=("layer", "front", "fronts", "peak", "wave"), doc="the curve")
    width: float = knob(0.02, 0.002, 0.5, log=True, symbol="w", doc="width of its features")
    n: int = knob(40, 4, 2000, log=True, symbol="N", doc="cells of the mesh")

    def value(self, x: np.ndarray) -> np.ndarray:
        """u."""
        return _curve(self.shape, self.width, x)[0]

    def slope(self, x: np.ndarray) -> np.ndarray:
        """u′."""
        return _curve(self.shape, self.width, x)[1]

    def curvature(self, x: np.ndarray) -> np.ndarray:
        """u″."""
        return _curve(self.shape, self.width, x)[2]

    @cached_property
    def uniform(self) -> np.ndarray:
        """The nodes of the uniform mesh, (n + 1,)."""
        return np.linspace(0.0, 1.0, self.n + 1)

    @cached_property
    def fine(self) -> np.ndarray:
        """Points for integrals over [0, 1]."""
        return np.linspace(0.0, 1.0, FINE + 1)

    @cached_property
    def half_norm(self) -> float:
        """(∫ |u″|^½)²: n² times eight times the least largest error of n linear pieces, as n grows."""
        return float(np.trapezoid(np.abs(self.curvature(self.fine)) ** 0.5, self.fine)) ** 2

    def errors(self, x: np.ndarray) -> tuple[float, float]:
        """(largest, L2) error of the piecewise linear interpolant on the nodes x: 17 points, 4 Gauss points a cell."""
        u, h = self.value(x), np.diff(x)
        s = np.linspace(0.0, 1.0, 17)[:, None]
        worst = np.abs(u[:-1] * (1 - s) + u[1:] * s - self.value(x[:-1] + s * h)).max()
        s = (GAUSS[0][:, None] + 1) / 2
        square = (u[:-1] * (1 - s) + u[1:] * s - self.value(x[:-1] + s * h)) ** 2
        return float(worst), float(np.sqrt(0.5 * GAUSS[1] @ square @ h))

    def measures(self) -> tuple[Measure, ...]:
        return (MAX_ERROR, L2_ERROR, ERROR_RATIO, ERROR_CONSTANT)


def _curve(shape: str, w: float, x) -> tuple:
    """(u, u′, u″)."""
    if shape == "layer":
        u = np.exp(-x / w)
        return u, -u / w, u / w**2
    if shape == "peak":
        d = (x - 0.4) / w
        u = np.exp(-0.5 * d**2)
        return u, -d / w * u, (d**2 - 1) / w**2 * u
    if shape == "wave":
        k = 2 * np.pi
        return np.sin(k * x), k * np.cos(k * x), -(k**2) * np.sin(k * x)
    terms = []
    for sign, at in ((1, 0.4),) if shape == "front" else ((1, 0.25), (-1, 0.7)):
        t = np.tanh((x - at) / w)
        terms.append(sign * np.stack((t, (1 - t**2) / w, -2 * t * (1 - t**2) / w**2)))
    return tuple(sum(terms))


@dataclass(frozen=True)
class Feature(Resolved):
    """A field u on the unit square with features of width w, to be interpolated on n × n quadrilaterals.

    front: tanh of the distance from an oblique line through (`position`, 1/2), over w; ring: tanh of the distance from
    a circle of radius 1/4; bumps: two Gaussians of deviation w; spiral: two arms that fade towards the border.
    """

    title: ClassVar[str] = "field to resolve"
    judged: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ("budd2009",)
    shape: str = knob("ring", choices=("front", "ring", "bumps", "spiral"), doc="the field")
    width: float = knob(0.04, 0.02, 0.2, log=True, symbol="w", doc="width of its features")
    position: float = knob(0.5, 0.2, 0.8, doc="where the front crosses the middle line")
    n: int = knob(40, 8, 128, log=True, symbol="n", doc="cells a side")

    def value(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """u at points."""
        w = self.width
        if self.shape == "front":
            return np.tanh(((x - self.position) * np.cos(0.5) + (y - 0.5) * np.sin(0.5)) / w)
        if self.shape == "bumps":
            one, two = (x - 0.3) ** 2 + (y - 0.35) ** 2, (x - 0.7) ** 2 + (y - 0.6) ** 2
            return np.exp(-one / (2 * w * w)) + np.exp(-two / (2 * w * w))
        r, angle = np.hypot(x - 0.5, y - 0.5), np.arctan2(y - 0.5, x - 0.5)
        if self.shape == "ring":
            return np.tanh((r - 0.25) / w)
        return np.exp(-((r / 0.3) ** 4)) * np.tanh(r * np.sin(angle - 14 * r) / w)

    @cached_property
    def uniform(self) -> np.ndarray:
        """The nodes of the uniform mesh, (2, n + 1, n + 1)."""
        line = np.linspace(0.0, 1.0, self.n + 1)
        return np.stack(np.meshgrid(line, line, indexing="ij"))

    def density(self, monitor: str, strength: float, smoothing: float) -> np.ndarray:
        """m = 1 − s + s·ρ/mean(ρ) on a table of 257 × 257 points: how densely a mesh should lie, mean 1.

        ρ is ‖D²u‖^(2/3), best for the L2 error of linear interpolation ("curvature"), or √(1 + |∇u|²) ("arc length"),
        smoothed by (1 − ℓ²Δ/2)⁻² with the given length ℓ; s is the share that goes to the features.
        """
        wish = (monitor, strength, smoothing)
        return assembled(self, ("density", *wish), lambda: _density(self, *wish))

    def errors(self, points: np.ndarray) -> tuple[float, float]:
        """(largest, L2) error of the bilinear interpolant on the moved cells, from 4 × 4 Gauss points a cell."""
        x, y = points
        s = (GAUSS[0] + 1) / 2
        s, t = (a[..., None, None] for a in np.meshgrid(s, s, indexing="ij"))
        off = _bilinear(self.value(x, y), s, t) - self.value(_bilinear(x, s, t), _bilinear(y, s, t))
        xs, xt, ys, yt = (d for f in (x, y) for d in _sides(f, s, t))
        weight = np.multiply.outer(GAUSS[1], GAUSS[1])[..., None, None] / 4
        return float(np.abs(off).max()), float(np.sqrt((weight * (xs * yt - xt * ys) * off**2).sum()))

    def measures(self) -> tuple[Measure, ...]:
        return (L2_ERROR, MAX_ERROR, ERROR_RATIO)


def _bilinear(f, s, t):
    """A nodal field at the place (s, t) of every cell."""
    return (1 - t) * ((1 - s) * f[:-1, :-1] + s * f[1:, :-1]) + t * ((1 - s) * f[:-1, 1:] + s * f[1:, 1:])


def _sides(f, s, t):
    """Its derivatives with respect to s and t."""
    along = (1 - t) * (f[1:, :-1] - f[:-1, :-1]) + t * (f[1:, 1:] - f[:-1, 1:])
    return along, (1 - s) * (f[:-1, 1:] - f[:-1, :-1]) + s * (f[1:, 1:] - f[1:, :-1])


def _density(feature: Feature, monitor: str, strength: float, smoothing: float) -> np.ndarray:
    m = TABLE
    line = np.linspace(-1 / m, 1 + 1 / m, m + 3)
    u = feature.value(*np.meshgrid(line, line, indexing="ij"))
    middle = u[1:-1, 1:-1]
    if monitor == "curvature":
        xx, yy = u[2:, 1:-1] - 2 * middle + u[:-2, 1:-1], u[1:-1, 2:] - 2 * middle + u[1:-1, :-2]
        xy = (u[2:, 2:] - u[2:, :-2] - u[:-2, 2:] + u[:-2, :-2]) / 4
        rho = (m**2 * np.sqrt(xx**2 + yy**2 + 2 * xy**2)) ** (2 / 3)
    else:
        rho = np.sqrt(1 + (m / 2) ** 2 * ((u[2:, 1:-1] - u[:-2, 1:-1]) ** 2 + (u[1:-1, 2:] - u[1:-1, :-2]) ** 2))
    wave = (2 * m * np.sin(np.pi * np.arange(m + 1) / (2 * m))) ** 2
    filtered = scipy.fft.dctn(rho, type=1) / (1 + 0.5 * smoothing**2 * (wave[:, None] + wave)) ** 2
    rho = np.maximum(scipy.fft.idctn(filtered, type=1), 0.0)
    weight = np.ones(m + 1)
    weight[[0, -1]] = 0.5
    return frozen(1 - strength + strength * rho / (weight @ rho @ weight / m**2))


MAX_ERROR = Measure(
    "max_error",
    "largest interpolation error",
    lambda problem, state: problem.errors(state.solution())[0],
    "max |u − I u|",
    doc="of the (bi)linear interpolant on the moved mesh",
)
L2_ERROR = Measure(
    "l2_error",
    "interpolation error",
    lambda problem, state: problem.errors(state.solution())[1],
    "‖u − I u‖",
    doc="of the (bi)linear interpolant on the moved mesh, L2 norm",
)
ERROR_RATIO = Measure(
    "error_ratio",
    "error against the uniform mesh's",
    lambda problem, state: problem.errors(state.solution())[problem.judged] / problem.uniform_error,
    "error / uniform error",
    doc="at equal nodes; the largest error on a line, the L2 error on a square",
)
ERROR_CONSTANT = Measure(
    "error_constant",
    "error against the best possible",
    lambda problem, state: 8 * problem.n**2 * problem.errors(state.solution())[0] / problem.half_norm,
    "8 N² max |u − I u| / (∫ |u″|^½)²",
    doc="1 for the best mesh with many cells",
)
