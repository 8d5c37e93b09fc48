"""Polynomial preconditioners: M⁻¹ = p(A), products with A and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Flat
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.stop import Stop
from toolkit.preconditioner.stationary.preconditioning import Built, Preconditioner, eigenvalue_bounds, geometric
from toolkit.preconditioner.systems.outliers import Outliers
from toolkit.preconditioner.systems.problems import LinearSystem

_LOST = 1e-6  # relative rounding error of a σ_k beyond which it is refused


@dataclass(frozen=True)
class ChebyshevPolynomial(Preconditioner):
    """Chebyshev polynomial: p(A) of degree d that makes I − p(A) A least on an interval [a, b] around the spectrum.

    1 − λ p(λ) = T_{d+1}((θ − λ)/δ) / T_{d+1}(θ/δ),  θ = (a + b)/2, δ = (b − a)/2: the eigenvalues of p(A)A lie in
    1 ± 1/T with T = T_{d+1}(θ/δ), so κ(p(A)A) ≤ (T + 1)/(T − 1). d products a use, no inner products.
    b is λmax (or its Gershgorin bound), a is λmin or b/ratio; with a too large the smallest eigenvalues are left as
    they are but p stays positive. Needs A Hermitian positive definite.
    Reference: Y. Saad, Iterative Methods for Sparse Linear Systems (2003), Alg. 12.1, doi:10.1137/1.9780898718003;
    H. Rutishauser, in Refined Iterative Methods (1959), doi:10.1007/978-3-0348-7224-9.
    """

    title: ClassVar[str] = "Chebyshev polynomial"
    sources: ClassVar[tuple[str, ...]] = ("saad2003", "rutishauser1959")
    degree: int = knob(4, 0, 50, symbol="d", doc="degree of p: products with A in one use")
    ratio: float = knob(None, 1.01, 1e8, kind=float, log=True, doc="b/a; None: λmax/λmin, 30 if unknown")

    def suits(self, system) -> str:
        if not system.definite:
            return "A Chebyshev polynomial needs A Hermitian positive definite; try ILU(0)."
        known = system.assembled or eigenvalue_bounds(system)
        return "" if known else "A Chebyshev polynomial needs λmax, and this operator gives no bound of it."

    def bounds(self, system: LinearSystem) -> tuple[float, float]:
        """The interval [a, b]."""
        if self.suits(system):
            raise Breakdown(self.suits(system), "Use ILU(0), or declare A definite")
        known = eigenvalue_bounds(system)
        high = known[1] if known else float(abs(system.matrix).sum(axis=1).max())
        return (high / self.ratio, high) if self.ratio else (known[0] if known else high / 30.0, high)

    def contraction(self, system: LinearSystem) -> float | None:
        """max |1 − λ p(λ)| over the spectrum: 1/T, or its value at λmin when that lies outside [a, b]."""
        known = eigenvalue_bounds(system)
        if known is None:
            return None
        a, b = self.bounds(system)
        theta, delta, m = (a + b) / 2, (b - a) / 2, self.degree + 1
        if delta == 0:
            return 0.0
        outside = max(1.0, (theta - known[0]) / delta)
        return float(np.cosh(m * np.arccosh(outside)) / np.cosh(m * np.arccosh(theta / delta)))

    def build(self, system: LinearSystem) -> Built:
        a, b = self.bounds(system)
        theta, delta = (a + b) / 2, (b - a) / 2

        def make():
            rest, direction = np.empty(system.size, system.dtype), np.empty(system.size, system.dtype)

            def apply(r, out):
                rest[:] = r
                np.divide(r, theta, out=direction)
                np.copyto(out, direction)
                rho = delta / theta
                for _ in range(self.degree):
                    np.subtract(rest, system.matvec(direction), out=rest)
                    after = 1.0 / (2.0 * theta - delta * rho)  # ρ_{j+1} over δ, finite for δ = 0
                    np.multiply(direction, delta * after * rho, out=direction)
                    np.add(direction, 2.0 * after * rest, out=direction)
                    np.add(out, direction, out=out)
                    rho = delta * after

            return apply

        flops = self.degree * (system.matvec_flops + 6.0 * system.size) + system.size
        return Built.with_scratch(make, flops=flops, matvecs=self.degree)

    def interval(self, system: LinearSystem) -> tuple[float, float] | None:
        """(1 − contraction, 1 + 1/T)."""
        worst = self.contraction(system) if system.definite else None
        return None if worst is None else (1 - worst, 1 + worst)

    def claims(self, system: LinearSystem) -> tuple:
        """The residual falls at least by max |1 − λ p(λ)| a step, from the first step on."""
        worst = self.contraction(system) if system.definite else None
        if worst is None:
            return ()
        title = f"1/T_{self.degree + 1} = {worst:.4g} per step"
        about = "A Hermitian positive definite"
        return (geometric("residual", worst, system, title=title, source="saad2003", assumes=about),)


def elementary(values: np.ndarray, degree: int) -> np.ndarray:
    """σ_0 … σ_degree of positive numbers, by multiplying out ∏(1 + λ t): sums of positive terms, so no cancellation."""
    sums = np.zeros(degree + 1)
    sums[0] = 1.0
    for value in values:
        sums[1:] += value * sums[:-1]
    return sums


def elementary_from_traces(matrix, degree: int) -> np.ndarray:
    """σ_0 … σ_degree of the eigenvalues of a Hermitian matrix, without knowing them.

    Newton's identities  k σ_k = Σ_{i=1}^k (−1)^{i−1} σ_{k−i} tr(Aⁱ); tr(A^{i+j}) = Σ conj(Aⁱ) ∘ Aʲ, so degree/2 sparse
    products. Breakdown when rounding eats a σ_k (degree above the number of outliers of a wide spectrum).
    """
    scale = float(matrix.diagonal().sum().real)
    powers = [None, matrix / scale]
    while 2 * (len(powers) - 1) < degree:
        powers.append(powers[-1] @ powers[1])
    traces = [0.0, 1.0]
    for k in range(2, degree + 1):
        traces.append(float((powers[k // 2].conj() * powers[k - k // 2]).sum().real))
    sums = np.ones(degree + 1)
    for k in range(1, degree + 1):
        terms = [(-1) ** (i - 1) * sums[k - i] * traces[i] for i in range(1, k + 1)]
        sums[k] = sum(terms) / k
        if not k * sums[k] * _LOST > np.finfo(float).eps * sum(map(abs, terms)):
            raise Breakdown(
                f"σ_{k} of the spectrum is lost to rounding: the largest eigenvalues leave nothing for {k} more",
                f"Use degree {k - 1} or less",
            )
    return sums * scale ** np.arange(degree + 1.0)


@dataclass(frozen=True)
class SymmetricPolynomial(Preconditioner):
    """Symmetric polynomial preconditioner P_τ, scaled by λmax(A P_τ): as a method, the preconditioned Gradient Method.

    P_τ = (1/τ) Σ_{i=1}^τ (−1)^{i−1} P_{τ−i} U_i,  U_i = tr(Aⁱ) I − Aⁱ,  P_0 = I  (P_1 = tr(A) I − A). The eigenvalue of
    P_τ at λ_i is σ_τ of all the other eigenvalues, so it is applied as z ← σ_j r − A z, j = 1 … τ: τ products a use.
    The σ come from traces, not from the spectrum. κ(P_τ A) = (λ₁/λ_n) σ_τ(λ₋₁)/σ_τ(λ₋ₙ) tends to (Σ_{i>τ} λ_i)/λ_n as
    the gap below the τ largest eigenvalues opens: flat in the gap. Needs A Hermitian positive definite; σ_τ is lost to
    rounding when τ exceeds the number of outliers of a very wide spectrum.
    Reference: N. Doikov, A. Rodomanov, ICML 2023, arXiv:2301.13194, section 3 and Algorithm 1.
    """

    title: ClassVar[str] = "symmetric polynomial"
    sources: ClassVar[tuple[str, ...]] = ("doikov2023",)
    needs_matrix: ClassVar[bool] = True
    degree: int = knob(2, 0, 6, symbol="τ", doc="degree of P_τ: products with A in one use, eigenvalue gaps it cuts")

    def suits(self, system) -> str:
        if not system.definite:
            return "Symmetric polynomials need A Hermitian positive definite; try ILU(0)."
        return Preconditioner.suits(self, system)

    def coefficients(self, system: LinearSystem) -> tuple[np.ndarray, float]:
        """(σ_0 … σ_τ, λmax(A P_τ) or its bound σ_{τ+1})."""
        if self.suits(system):
            raise Breakdown(self.suits(system), "Use ILU(0), or declare A definite")
        known, ends = system.spectrum, system.extremes
        wanted = self.degree + (0 if ends else 1)
        sums = elementary_from_traces(system.matrix, wanted) if known is None else elementary(known.ravel(), wanted)
        high = ends[1] * _at(sums, ends[1], self.degree) if ends else sums[-1]
        return sums[: self.degree + 1], float(high)

    def build(self, system: LinearSystem) -> Built:
        sums, high = self.coefficients(system)

        def apply(r, out):
            np.copyto(out, r)
            for sigma in sums[1:]:
                np.subtract(sigma * r, system.matvec(out), out=out)
            np.divide(out, high, out=out)

        flops = self.degree * (system.matvec_flops + 2.0 * system.size) + system.size
        return Built(apply, flops=flops, matvecs=self.degree)

    def interval(self, system: LinearSystem) -> tuple[float, float] | None:
        """(λmin P_τ(λmin), λmax P_τ(λmax)) over the latter: λ P_τ(λ) grows with λ over the spectrum."""
        if self.suits(system) or not system.extremes:
            return None
        sums, high = self.coefficients(system)
        low = system.extremes[0] * _at(sums, system.extremes[0], self.degree)
        return low / high, 1.0

    def claims(self, system: LinearSystem) -> tuple:
        """The residual falls by 1 − 1/κ a step; with as many outliers as τ, κ has a limit as the gap grows."""
        try:
            found = self.interval(system)
        except Breakdown:
            return ()
        if found is None:
            return ()
        kappa = found[1] / found[0]
        about = "A Hermitian positive definite"
        title = f"1 − 1/κ(P_τ A), κ = {kappa:.4g}"
        bound = geometric("residual", 1 - 1 / kappa, system, title=title, source="doikov2023", assumes=about)
        return (bound, *flat_in_gap(system, self.degree))


def flat_in_gap(system: LinearSystem, degree: int) -> tuple[Flat, ...]:
    """Steps that grow with the gap only as κ(P_τ A) does on its way to its limit, where τ outliers are planted."""
    if not (isinstance(system, Outliers) and degree == system.outliers):
        return ()
    gaps, method = (1e2, 1e3, 1e4), SymmetricPolynomial(degree=degree)
    first, last = (method.condition(system.turned(gap=gap)) for gap in (gaps[0], gaps[-1]))
    limit = float(system.spectrum[: system.n - degree].sum() / system.spectrum[0])
    about = dict(source="doikov2023", assumes=f"{degree} outliers, degree {degree}", stop=Stop(rtol=1e-8, steps=20_000))
    title = f"steps grow with the gap only as κ(P_τ A) does, {first:.3g} to {last:.3g} and never above {limit:.3g}"
    return (Flat(over="gap", values=gaps, growth=1.1 * last / first, title=title, **about),)


def _at(sums: np.ndarray, value: float, degree: int) -> float:
    """P_degree at an eigenvalue: p_j = σ_j − λ p_{j−1}."""
    total = 1.0
    for j in range(1, degree + 1):
        total = sums[j] - value * total
    return float(total)
