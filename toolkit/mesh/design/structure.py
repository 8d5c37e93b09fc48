"""Compliance minimisation: where should the material of a beam, a bracket or a bridge go?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft
import scipy.sparse as sp

from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.mesh.design.elasticity import Elasticity

SIZES = (8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)


@dataclass(frozen=True)
class Structure(Problem):
    """min f · u(ρ) subject to K(ρ̃) u = f, mean ρ = volume, 0 ≤ ρ ≤ 1: the stiffest structure of given weight.

    Plane stress on a rectangle of height 1 and length `aspect`, bilinear squares, ν = 0.3, modulus by modified SIMP
    E = ε + (1 − ε) ρ̃^p of the filtered density ρ̃. The Helmholtz filter −(R/2√3)² Δρ̃ + ρ̃ = ρ with Neumann boundary
    is taken on the cells (5-point, cosine transform): symmetric, keeps the mean and the bounds. The cone filter
    averages with the weights max(0, R − distance), divided by their sum.

    Designs: `mbb` is half of a simply supported beam (left edge a mirror, roller in the lower right corner, unit force
    down in the upper left one); `cantilever` is clamped at the left, with a unit force down in the middle of the right
    edge; `bridge` stands on its two lower corners, a unit load spread along its lower edge.
    A gradient here is that of the mean over the domain: F(ρ + v) ≈ F(ρ) + mean(g v), so numbers do not depend on n.
    Reference: E. Andreassen, A. Clausen, M. Schevenels, B. S. Lazarov, O. Sigmund, Struct. Multidiscip. Optim. 43
    (2011) 1–16, doi:10.1007/s00158-010-0594-7; B. S. Lazarov, O. Sigmund, Int. J. Numer. Methods Eng. 86 (2011) 765.
    """

    title: ClassVar[str] = "stiffest structure"
    sources: ClassVar[tuple[str, ...]] = ("andreassen2011", "lazarov2011")
    design: str = knob("mbb", choices=("mbb", "cantilever", "bridge"), doc="supports and load")
    n: int = knob(32, choices=SIZES, doc="cells over the height")
    aspect: int = knob(3, 1, 4, doc="length over height")
    volume: float = knob(0.3, 0.05, 0.95, symbol="θ", doc="share of the rectangle that may be filled")
    radius: float = knob(0.1, 0.0, 0.5, symbol="R", doc="length scale of the filter, in heights")
    filter: str = knob("helmholtz", choices=("helmholtz", "cone"), doc="how densities are smoothed")
    penalty: float = knob(3.0, 1.0, 6.0, symbol="p", doc="exponent that makes grey uneconomical")
    void: float = knob(1e-6, 1e-9, 1e-1, log=True, symbol="ε", doc="modulus of nothing, over that of the material")
    tol: float = knob(1e-5, 1e-12, 1e-3, log=True, doc="relative residual of the equilibrium; F errs by its square")

    @property
    def shape(self) -> tuple[int, int]:
        """Cells: (rows, columns)."""
        return self.n, self.n * self.aspect

    @cached_property
    def _held(self) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = self.shape
        load = np.zeros((2, rows + 1, columns + 1))
        if self.design == "mbb":
            fixed = [(0, i, 0) for i in range(rows + 1)] + [(1, rows, columns)]
            load[1, 0, 0] = 1.0
        elif self.design == "cantilever":
            fixed = [(c, i, 0) for c in range(2) for i in range(rows + 1)]
            load[1, rows // 2, columns] = 1.0
        else:
            fixed = [(0, rows, 0), (1, rows, 0), (0, rows, columns), (1, rows, columns)]
            load[1, rows, :] = 1.0 / columns
            load[1, rows, [0, -1]] = 0.0
        return np.array(fixed), load

    def elasticity(self) -> Elasticity:
        """A solver of the equilibrium with its own memory."""
        fixed, load = self._held
        return Elasticity(*self.shape, fixed, load, tol=self.tol)

    @cached_property
    def _symbol(self) -> np.ndarray:
        """Eigenvalues of 1 − (R/2√3)² Δ on the cells."""
        waves = [2 - 2 * np.cos(np.pi * np.arange(m) / m) for m in self.shape]
        return 1 + self.radius**2 / 12 * self.n**2 * (waves[0][:, None] + waves[1][None, :])

    @cached_property
    def _cone(self) -> sp.csr_array:
        rows, columns = self.shape
        reach = self.radius * self.n
        i, j = np.divmod(np.arange(rows * columns), columns)
        parts = []
        for a in range(-int(reach), int(reach) + 1):
            for b in range(-int(reach), int(reach) + 1):
                weight = reach - np.hypot(a, b)
                near = (i + a >= 0) & (i + a < rows) & (j + b >= 0) & (j + b < columns)
                if weight > 0:
                    parts.append((np.flatnonzero(near), ((i + a) * columns + j + b)[near], weight))
        if not parts:
            return sp.csr_array(sp.eye_array(rows * columns))
        data = np.concatenate([np.full(len(p), w) for p, _, w in parts])
        where = tuple(np.concatenate([part[k] for part in parts]) for k in range(2))
        sums = sp.csr_array(sp.coo_array((data, where), shape=(rows * columns,) * 2))
        return sp.csr_array(sp.diags_array(1 / sums.sum(axis=1)) @ sums)

    def filtered(self, density: np.ndarray) -> np.ndarray:
        """ρ̃ of ρ, shape (rows, columns); O(N log N)."""
        if self.filter == "cone":
            return (self._cone @ density.ravel()).reshape(self.shape)
        return scipy.fft.idctn(scipy.fft.dctn(density, norm="ortho") / self._symbol, norm="ortho")

    def unfiltered(self, sensitivity: np.ndarray) -> np.ndarray:
        """The adjoint of `filtered`."""
        if self.filter == "cone":
            return (self._cone.T @ sensitivity.ravel()).reshape(self.shape)
        return self.filtered(sensitivity)

    def modulus(self, filtered: np.ndarray) -> np.ndarray:
        """E = ε + (1 − ε) ρ̃^p; rounding below zero is taken for zero."""
        return self.void + (1 - self.void) * np.maximum(filtered, 0.0) ** self.penalty

    def gradient(self, filtered: np.ndarray, energies: np.ndarray) -> np.ndarray:
        """dF/dρ for the mean: −N Wᵀ((1 − ε) p ρ̃^{p−1} uᵀ K_e u), N cells, W the filter; (rows, columns)."""
        slope = (1 - self.void) * self.penalty * np.maximum(filtered, 0.0) ** (self.penalty - 1)
        return -energies.size * self.unfiltered(slope * energies)

    def measures(self) -> tuple[Measure, ...]:
        return (GREY,)


def _grey(problem, state) -> float:
    return float(np.mean(4 * state.filtered * (1 - state.filtered)))


def frank_wolfe_gap(density: np.ndarray, gradient: np.ndarray) -> float:
    """max of mean(g (ρ − q)) over 0 ≤ q ≤ 1, mean q = mean ρ: zero just at points that satisfy the KKT conditions.

    It is the paper's residual, the mean of max(−λ ρ, λ (1 − ρ), 0) with λ = Λ − g, at the multiplier Λ that makes it
    smallest (linear programming duality), so it asks nothing of the method. One sort.
    Reference: M. Jaggi, Proc. ICML 28 (2013) 427–435, Eq. (2).
    """
    g, total = gradient.ravel(), float(density.sum())
    whole = min(int(total), g.size - 1)
    order = np.sort(g)
    best = order[:whole].sum() + (total - whole) * order[whole]
    return max(0.0, float(np.vdot(g, density.ravel()) - best) / g.size)


GREY = Measure(
    "grey",
    "grey",
    _grey,
    "mean of 4 ρ̃ (1 − ρ̃)",
    log=False,
    doc="0: black and white, 1: all of density one half",
)
