"""Matrix differential equations with a reference: planted singular values, heat, Schrödinger, transport, Riccati."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.linalg import expm

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem


class MatrixFlow(Problem):
    """Base: Y′ = F(t, Y), Y(0) given, 0 ≤ t ≤ end, with F of a factored matrix again factored.

    `stiffness` bounds the eigenvalues of F′: explicit inner steps are chosen by it. Errors are Frobenius norms relative
    to the solution's.
    """

    end: float

    @cached_property
    def initial(self) -> np.ndarray:
        """Y(0) (m, n)."""
        raise NotImplementedError

    @property
    def stiffness(self) -> float:
        """A bound of the moduli of the eigenvalues of F′, over the unit of time."""
        raise NotImplementedError

    def slope(self, t: float, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(P, Q) with F(t, left rightᴴ) = P Qᴴ."""
        raise NotImplementedError

    def given(self, t: float) -> np.ndarray | None:
        """A(t), where the equation is Y′ = A′(t); None where F depends on Y."""
        return None

    def reference(self, t: float) -> np.ndarray:
        """The solution at t (m, n)."""
        raise NotImplementedError

    @cached_property
    def _seen(self) -> dict:
        return {}

    def known(self, t: float) -> tuple[np.ndarray, np.ndarray, float]:
        """(reference, its singular values, its norm) at t; the last few are kept."""
        if t not in self._seen:
            while len(self._seen) > 8:
                self._seen.pop(next(iter(self._seen)))
            x = self.reference(t)
            values = np.linalg.svd(x, compute_uv=False)
            self._seen[t] = x, values, float(np.linalg.norm(values)) or 1.0
        return self._seen[t]

    @cached_property
    def factors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """U, σ, Vᴴ of the initial value."""
        return np.linalg.svd(self.initial, full_matrices=False)

    def measures(self) -> tuple[Measure, ...]:
        return ERROR, BEST


def _error(problem: MatrixFlow, state) -> float:
    x, _, size = problem.known(state.t)
    return float(np.linalg.norm(state.solution() - x)) / size


def _best(problem: MatrixFlow, state) -> float:
    _, values, size = problem.known(state.t)
    return float(np.linalg.norm(values[int(state.rank) :])) / size


def _norm(problem: MatrixFlow, state) -> float:
    size = float(np.linalg.norm(problem.factors[1]))
    return abs(float(np.linalg.norm(state.s)) - size) / size


ERROR = Measure("error", "relative error", _error, "|Y − X| / |X|", doc="against the reference at the same time")
BEST = Measure(
    "best", "best error of this rank", _best, "(Σ_{j>r} σ_j²)^½ / |X|", doc="Eckart–Young: no less is possible"
)
NORM = Measure("norm_drift", "drift of the norm", _norm, "||Y| − |Y₀|| / |Y₀|", doc="an invariant where F is skew")


def orthonormal(rng, n: int, r: int, complex_: bool = False) -> np.ndarray:
    """Random orthonormal columns (n, r)."""
    raw = rng.standard_normal((n, r)) + (1j * rng.standard_normal((n, r)) if complex_ else 0)
    return np.linalg.qr(raw)[0]


def _skew(rng, n: int) -> np.ndarray:
    raw = rng.standard_normal((n, n))
    return (raw - raw.T) / np.linalg.norm(raw - raw.T, 2)


@dataclass(frozen=True)
class PlantedFlow(MatrixFlow):
    """Y′ = A Y + Y Bᵀ − g Y G Y + ε E from diag(1, ½, ¼, … σ_min, 0, …), as small as you like.

    A and B are rotations that grow, I/2 + skew; G is orthogonal. With ε = 0 every term is tangent, and the solution has
    rank r for ever; E, of norm one and rank three, is what the tangent space does not see. As a given matrix the
    equation is Y′ = X′(t), X the same solution, and an integrator sees it through increments.
    Linear in (W, Z), Y = Z W⁻¹: W′ = −Bᵀ W + g G Z, Z′ = A Z + ε E W; the reference is one exponential of that.
    Reference: E. Kieri, C. Lubich, H. Walach, SIAM J. Numer. Anal. 54 (2016) 1020–1038, doi:10.1137/15M1026791; with
    g = ε = 0, e^{tW₁} eᵗ D e^{tW₂}ᵀ: G. Ceruti, C. Lubich, BIT 62 (2022) 23–44, doi:10.1007/s10543-021-00873-0, 5.1.
    """

    title: ClassVar[str] = "planted singular values"
    sources: ClassVar[tuple[str, ...]] = ("kieri2016", "ceruti2022")
    n: int = knob(50, 8, 120, log=True, symbol="n", doc="rows and columns")
    rank: int = knob(6, 1, 20, symbol="r", doc="singular values planted: 1, ½, ¼, …")
    sigma_min: float = knob(1e-6, 1e-14, 1.0, log=True, symbol="σ_min", doc="the last one of them, halved no more")
    epsilon: float = knob(1e-6, 0.0, 0.1, symbol="ε", doc="size of what the tangent space does not see")
    quadratic: float = knob(0.3, 0.0, 0.5, symbol="g", doc="factor of Y G Y")
    form: str = knob("equation", choices=("equation", "given"), doc="F(Y), or X′(t) of a given X")
    end: float = knob(1.0, 0.1, 1.5, symbol="T", doc="final time")
    seed: int = seed_knob("the rotations, of G and of E")

    @cached_property
    def parts(self):
        """A, B, G (n, n), and E's two factors (n, 3)."""
        rng = np.random.default_rng(self.seed)
        half = 0.5 * np.eye(self.n)
        a, b = half + 2 * _skew(rng, self.n), half + 2 * _skew(rng, self.n)
        one, other = (orthonormal(rng, self.n, 3) for _ in range(2))
        return a, b, orthonormal(rng, self.n, self.n), one / np.sqrt(3), other

    @cached_property
    def initial(self):
        planted = min(self.rank, self.n)
        values = np.zeros(self.n)
        values[:planted] = 0.5 ** np.arange(planted)
        values[planted - 1] = min(self.sigma_min, values[planted - 1])
        return frozen(np.diag(values))

    @property
    def stiffness(self) -> float:
        return 5.0

    def slope(self, t, left, right):
        if self.form == "given":
            p, q = self._field(*self._factored(t))
        else:
            p, q = self._field(left, right)
        return p, q

    def _field(self, left, right):
        a, b, g, one, other = self.parts
        bent = a @ left - self.quadratic * left @ (right.conj().T @ (g @ left))
        if not self.epsilon:
            return np.hstack((bent, left)), np.hstack((right, b @ right))
        return np.hstack((bent, left, self.epsilon * one)), np.hstack((right, b @ right, other))

    def _factored(self, t):
        return self.known(t)[0], np.eye(self.n)

    def given(self, t):
        return self.known(t)[0] if self.form == "given" else None

    def reference(self, t):
        a, b, g, one, other = self.parts
        linear = np.block([[-b.T, self.quadratic * g], [self.epsilon * one @ other.T, a]])
        grown = expm(t * linear) @ np.vstack((np.eye(self.n), self.initial))
        return np.linalg.solve(grown[: self.n].T, grown[self.n :].T).T


@dataclass(frozen=True)
class HeatFlow(MatrixFlow):
    """u_t = ν Δu + f on the unit square, zero on its boundary, in n × n inner points: Y′ = A Y + Y A + C.

    A = ν tridiag(1, −2, 1)/h²; the reference is computed in its eigenvectors. The start: a slanted hill and a ring, of
    low rank numerically; the source C: a blob off the centre, of rank one.
    Reference: G. Ceruti, J. Kusch, C. Lubich, BIT 62 (2022) 1149–1174, doi:10.1007/s10543-021-00907-7.
    """

    title: ClassVar[str] = "heat on a square"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2022adaptive",)
    n: int = knob(50, 8, 120, log=True, symbol="n", doc="inner points along a side")
    nu: float = knob(0.02, 1e-3, 0.2, log=True, symbol="ν", doc="conductivity")
    source: float = knob(1.0, 0.0, 10.0, symbol="f", doc="strength of the source")
    end: float = knob(1.0, 0.01, 5.0, log=True, symbol="T", doc="final time")

    @cached_property
    def line(self) -> np.ndarray:
        """Inner points along a side, (n,)."""
        return np.arange(1.0, self.n + 1) / (self.n + 1)

    @cached_property
    def matrix(self) -> np.ndarray:
        """A (n, n)."""
        scale = self.nu * (self.n + 1) ** 2
        off = np.full(self.n - 1, scale)
        return np.diag(np.full(self.n, -2 * scale)) + np.diag(off, 1) + np.diag(off, -1)

    @cached_property
    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """(C₁, C₂), columns, C = C₁ C₂ᵀ."""
        one, other = (np.exp(-80 * (self.line - place) ** 2)[:, None] for place in (0.7, 0.3))
        return self.source * one, other

    @property
    def stiffness(self) -> float:
        return 8 * self.nu * (self.n + 1) ** 2

    def slope(self, t, left, right):
        c, d = self.load
        return np.hstack((self.matrix @ left, left, c)), np.hstack((right, self.matrix @ right, d))

    @cached_property
    def _spectral(self):
        values, q = np.linalg.eigh(self.matrix)
        start, load = (q.T @ y @ q for y in (self.initial, self.load[0] @ self.load[1].T))
        return values[:, None] + values, q, start, load

    def reference(self, t):
        mu, q, start, load = self._spectral
        return q @ (np.exp(mu * t) * start + np.expm1(mu * t) / mu * load) @ q.T

    @cached_property
    def initial(self):
        x, y = np.meshgrid(self.line, self.line, indexing="ij")
        hill = np.exp(-60 * ((x - 0.35) ** 2 + (y - 0.6) ** 2 + 1.2 * (x - 0.35) * (y - 0.6)))
        ring = np.exp(-200 * (np.hypot(x - 0.6, y - 0.55) - 0.2) ** 2)
        return frozen(hill + 0.7 * ring)


@dataclass(frozen=True)
class SchroedingerFlow(MatrixFlow):
    """i Y′ = −½ (D Y + Y D) + V Y V: a discrete Schrödinger equation whose potential couples the two directions.

    D = tridiag(−1, 2, −1), V = diag(1 − cos(2πj/n)), j = −n/2 … n/2 − 1; start U₀ diag(10^−i) V₀ᴴ, random bases, as
    many terms as `terms`. The norm of Y is an invariant. The reference: all eigenvectors, O(n⁶) once, O(n⁴) a time.
    Reference: G. Ceruti, J. Kusch, C. Lubich, BIT 62 (2022) 1149–1174, doi:10.1007/s10543-021-00907-7, section 6.
    """

    title: ClassVar[str] = "discrete Schrödinger equation"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2022adaptive",)
    n: int = knob(28, 6, 36, symbol="n", doc="rows and columns")
    terms: int = knob(10, 1, 20, symbol="r₀", doc="singular values 1, 10⁻¹, 10⁻², … of the start")
    coupling: float = knob(1.0, 0.0, 4.0, symbol="γ", doc="factor of V Y V: what lets the rank grow")
    end: float = knob(1.0, 0.1, 5.0, symbol="T", doc="final time")
    seed: int = seed_knob("the initial bases")

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """(D, the diagonal of V)."""
        off = np.full(self.n - 1, -1.0)
        d = np.diag(np.full(self.n, 2.0)) + np.diag(off, 1) + np.diag(off, -1)
        return d, 1 - np.cos(2 * np.pi * (np.arange(self.n) - self.n // 2) / self.n)

    @cached_property
    def initial(self):
        rng = np.random.default_rng(self.seed)
        r = min(self.terms, self.n)
        u, v = (orthonormal(rng, self.n, r, True) for _ in range(2))
        return frozen(u * 10.0 ** -np.arange(r) @ v.conj().T)

    @property
    def stiffness(self) -> float:
        return 4.0 + 4.0 * self.coupling

    def slope(self, t, left, right):
        d, v = self.parts
        moved = np.hstack((0.5 * (d @ left), 0.5 * left, -self.coupling * (v[:, None] * left)))
        return 1j * moved, np.hstack((right, d @ right, v[:, None] * right))

    @cached_property
    def _spectral(self):
        d, v = self.parts
        one = np.eye(self.n)
        h = self.coupling * np.diag(np.kron(v, v)) - 0.5 * (np.kron(d, one) + np.kron(one, d))
        values, vectors = np.linalg.eigh(h)
        return values, vectors, vectors.T @ self.initial.ravel()

    def reference(self, t):
        values, vectors, start = self._spectral
        turned = np.exp(-1j * t * values) * start
        return (vectors @ turned.real + 1j * (vectors @ turned.imag)).reshape(self.n, self.n)

    def measures(self):
        return ERROR, BEST, NORM
