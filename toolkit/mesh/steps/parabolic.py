"""Parabolic equations on a line, discretised in space: heat, Allen–Cahn, viscous Burgers, Brusselator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob
from toolkit.mesh.steps.problems import Evolution

WAVES = ((1, 1.0), (5, 0.5))  # (wave number, amplitude) of the first temperature


class Line(Evolution):
    """A scalar equation at the inner nodes of [0, 1], n intervals; central differences of second order."""

    band: ClassVar[tuple[int, int] | None] = (1, 1)
    labels: ClassVar[tuple[str, ...]] = ("u",)

    @cached_property
    def axis(self) -> np.ndarray:
        return frozen(np.arange(1, self.n) / self.n)

    def bordered(self, y: np.ndarray) -> np.ndarray:
        """y with its boundary values."""
        return np.concatenate(([0.0], y, [0.0]))


@dataclass(frozen=True)
class Heat(Line):
    """u_t = κ u_xx on [0, 1], u = 0 at the ends, u(x, 0) = sin πx + ½ sin 5πx; n − 1 unknowns.

    Closed forms: u = Σ a_k e^{−κ k²π² t} sin kπx, and of the ODEs the same with 4 n² sin²(kπ/2n) for k²π².
    The ODEs are stiff as n grows: eigenvalues from −π²κ to −4 n²κ.
    """

    title: ClassVar[str] = "heat equation"
    sources: ClassVar[tuple[str, ...]] = ("hairer1996",)
    n: int = knob(100, 4, 1000, log=True, doc="intervals")
    kappa: float = knob(0.1, 1e-3, 10.0, log=True, symbol="κ", doc="diffusivity")
    end: float = knob(1.0, 1e-3, 100.0, log=True, symbol="T", doc="end time")

    @cached_property
    def start(self) -> np.ndarray:
        return frozen(self.exact(0.0))

    def rhs(self, y):
        u = self.bordered(y)
        return self.kappa * self.n**2 * (u[2:] - 2 * y + u[:-2])

    def jacobian(self, y):
        out = np.full((3, self.size), self.kappa * self.n**2)
        out[1] *= -2
        return out

    def exact(self, t):
        return self._waves(t, lambda k: 4 * self.n**2 * np.sin(k * np.pi / (2 * self.n)) ** 2)

    def field(self, t):
        return self._waves(t, lambda k: (k * np.pi) ** 2)

    @property
    def ladder(self):
        return (40, 80, 160) if self.kappa * self.end <= 0.2 else ()

    def _waves(self, t, eigenvalue):
        return sum(a * np.exp(-self.kappa * eigenvalue(k) * t) * np.sin(k * np.pi * self.axis) for k, a in WAVES)


@dataclass(frozen=True)
class AllenCahn(Line):
    """u_t = ε u_xx + (u − u³)/ε on [0, 1]: a front that travels into the unstable state at the speed 3/√2.

    u = ½ (1 − tanh((x − ¼ − 3t/√2)/(2√2 ε))) on the whole line; at the ends u is held at 1 and 0, which the
    front misses by e^{−s/(√2 ε)} from a distance s. Stiff through diffusion (4 n² ε), not through reaction.
    """

    title: ClassVar[str] = "Allen–Cahn travelling front"
    name: ClassVar[str] = "allen_cahn"
    sources: ClassVar[tuple[str, ...]] = ("allen1979",)
    n: int = knob(200, 10, 500, log=True, doc="intervals")
    epsilon: float = knob(0.02, 0.005, 0.03, log=True, symbol="ε", doc="width of the front")
    end: float = knob(0.2, 0.01, 0.25, symbol="T", doc="end time; at 0.25 the front is three quarters of the way")

    @cached_property
    def start(self) -> np.ndarray:
        return frozen(self.field(0.0))

    @property
    def ladder(self):
        first = round(8 * self.end / self.epsilon)
        return (first, 2 * first, 4 * first) if first >= 10 and self.n * self.epsilon >= 1 else ()

    def bordered(self, y):
        return np.concatenate(([1.0], y, [0.0]))

    def rhs(self, y):
        u = self.bordered(y)
        return self.epsilon * self.n**2 * (u[2:] - 2 * y + u[:-2]) + (y - y**3) / self.epsilon

    def jacobian(self, y):
        out = np.full((3, self.size), self.epsilon * self.n**2)
        out[1] = -2 * out[1] + (1 - 3 * y**2) / self.epsilon
        return out

    def field(self, t):
        return 0.5 * (1 - np.tanh((self.axis - 0.25 - 3 * t / np.sqrt(2)) / (2 * np.sqrt(2) * self.epsilon)))


@dataclass(frozen=True)
class Burgers(Line):
    """u_t + (u²/2)_x = ν u_xx on [0, 1], u = 0 at the ends, u(x, 0) = sin πx.

    The wave steepens to a layer of width ν at x = 1, which then fades.
    Closed form (Cole, Hopf): u = ∫ (x − η)/t w dη / ∫ w dη, w = exp(−((x − η)²/2t + (1 − cos πη)/π)/2ν).
    """

    title: ClassVar[str] = "viscous Burgers"
    sources: ClassVar[tuple[str, ...]] = ("cole1951",)
    n: int = knob(200, 10, 500, log=True, doc="intervals")
    nu: float = knob(0.02, 0.004, 1.0, log=True, symbol="ν", doc="viscosity")
    end: float = knob(0.5, 0.01, 5.0, log=True, symbol="T", doc="end time")

    @cached_property
    def start(self) -> np.ndarray:
        return frozen(np.sin(np.pi * self.axis))

    @property
    def ladder(self):
        first = round(6 * self.end / self.nu)
        return (first, 2 * first, 4 * first) if 10 <= first <= 400 else ()

    def rhs(self, y):
        u = self.bordered(y)
        flux = u * u / 4
        return self.n * (flux[:-2] - flux[2:]) + self.nu * self.n**2 * (u[2:] - 2 * y + u[:-2])

    def jacobian(self, y):
        out = np.full((3, self.size), self.nu * self.n**2)
        out[1] *= -2
        out[0] -= self.n * y / 2  # column j: row j − 1 sees −(u_j²/4)·n
        out[2] += self.n * y / 2
        return out

    def field(self, t):
        if t <= 0.0:
            return self.start
        # Beyond |x − η| = reach the weight is e^−40 of its largest; the sum over even steps converges exponentially.
        reach = t + np.sqrt(t * t + 160 * self.nu * t)
        s = np.linspace(-reach, reach, 1001)
        level = s * s / (2 * t) + (1 - np.cos(np.pi * (self.axis[:, None] - s))) / np.pi
        weight = np.exp((level.min(axis=1, keepdims=True) - level) / (2 * self.nu))
        return (weight * s).sum(axis=1) / (t * weight.sum(axis=1))


@dataclass(frozen=True)
class Brusselator(Evolution):
    """u_t = 1 + u²v − 4u + α u_xx, v_t = 3u − u²v + α v_xx on [0, 1]; u = 1, v = 3 at the ends.

    u(x, 0) = 1 + sin 2πx, v(x, 0) = 3. Unknowns u₁, v₁, u₂, v₂, …: n − 1 nodes, two bands beside the diagonal.
    Eigenvalues to −4 n²α from diffusion; the reaction is not stiff.
    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II (1996), Section IV.1 (BRUSS).
    """

    title: ClassVar[str] = "Brusselator with diffusion"
    sources: ClassVar[tuple[str, ...]] = ("hairer1996",)
    band: ClassVar[tuple[int, int] | None] = (2, 2)
    labels: ClassVar[tuple[str, ...]] = ("u", "v")
    n: int = knob(100, 4, 200, log=True, doc="intervals")
    alpha: float = knob(0.02, 1e-4, 1.0, log=True, symbol="α", doc="diffusivity")
    end: float = knob(10.0, 0.1, 20.0, symbol="T", doc="end time")

    @cached_property
    def axis(self) -> np.ndarray:
        return frozen(np.arange(1, self.n) / self.n)

    @property
    def ladder(self) -> tuple[int, ...]:
        return tuple(round(self.end * m) for m in (40, 80, 160))

    @cached_property
    def start(self) -> np.ndarray:
        y = np.full(2 * (self.n - 1), 3.0)
        y[::2] = 1 + np.sin(2 * np.pi * self.axis)
        return frozen(y)

    def rhs(self, y):
        u, v = y[::2], y[1::2]
        out = self.alpha * self.n**2 * np.diff(np.concatenate(([1.0, 3.0], y, [1.0, 3.0])).reshape(-1, 2), 2, axis=0)
        reaction = u * u * v
        out[:, 0] += 1 + reaction - 4 * u
        out[:, 1] += 3 * u - reaction
        return out.reshape(-1)

    def jacobian(self, y):
        u, v, c = y[::2], y[1::2], self.alpha * self.n**2
        out = np.zeros((5, self.size))
        out[0] = out[4] = c
        out[2, ::2] = 2 * u * v - 4 - 2 * c
        out[2, 1::2] = -u * u - 2 * c
        out[1, 1::2] = u * u  # ∂u′/∂v
        out[3, ::2] = 3 - 2 * u * v  # ∂v′/∂u
        return out
