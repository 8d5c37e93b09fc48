"""Highly oscillatory waves by the WKB series: ε² φ″ + a(x) φ = 0, truncated at N terms or where it is best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.polynomial import chebyshev

from toolkit.core.claims import Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, needed
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.mesh.quantum.waves import OscillatoryWave

WILD = 30.0  # a first omitted term at which the series is given up
LADDERS = {  # ε at which the optimally truncated error is between one percent and rounding
    "linear": (0.2, 0.14, 0.1, 0.07, 0.05),
    "exponential": (0.5, 0.35, 0.25, 0.2, 0.16),
    "cosine": (0.05, 0.035, 0.025, 0.0175),
}


@dataclass(slots=True, kw_only=True)
class WaveState(State):
    """Taylor coefficients `jets` (n, m, node) of S_n′ so far; Chebyshev coefficients `phases` (n, ·) of S_n.

    φ_N uses n = 0 … N; `omitted` is ε^N max |S_{N+1}|, the first term left out. `wave` is φ_N at the points.
    """

    jets: np.ndarray
    inverse: np.ndarray
    phases: np.ndarray
    wave: np.ndarray
    omitted: float

    def solution(self) -> np.ndarray:
        return self.wave


class WaveSeries(Method):
    """φ ≈ α exp(Σ ε^{n−1} S_n) + β exp(Σ ε^{n−1} S̄_n), n = 0 … N, with S_0′ = i√a, S_1′ = −a′/4a and
    S_n′ = −(Σ_{j=1}^{n−1} S_j′ S_{n−j}′ + S_{n−1}″)/(2 S_0′).

    The derivatives are exact to rounding: the recursion is carried out in Taylor coefficients at the Chebyshev nodes
    (differentiating an interpolant again and again would lose a factor nodes² each time). S_n follows by
    Clenshaw–Curtis quadrature, α and β from the values on the left. A step adds a term: nodes · N³ flops, whatever ε.
    """

    monitors: ClassVar[tuple[str, ...]] = ("omitted",)
    problems: ClassVar[tuple[type, ...]] = (OscillatoryWave,)
    nodes: int

    @property
    def most(self) -> int:
        """The largest N."""
        raise NotImplementedError

    def init(self, problem: OscillatoryWave) -> WaveState:
        depth, low, high = self.most + 1, *problem.interval
        x = low + (high - low) * (1 + self._nodes) / 2
        root = np.zeros((depth + 1, len(x)), dtype=complex)
        a = problem.taylor(x, depth)
        root[0] = np.sqrt(a[0])
        for m in range(1, depth + 1):
            root[m] = (a[m] - (root[1:m] * root[m - 1 : 0 : -1]).sum(axis=0)) / (2 * root[0])
        inverse = np.zeros_like(root)  # of −2 S_0′
        inverse[0] = 1 / (-2j * root[0])
        for m in range(1, depth + 1):
            inverse[m] = -(root[1 : m + 1] * inverse[m - 1 :: -1]).sum(axis=0) / root[0]
        jets = np.zeros((depth + 1, depth + 1, len(x)), dtype=complex)
        jets[0] = 1j * root
        phases = np.zeros((depth + 1, len(x) + 1), dtype=complex)
        state = WaveState(jets=jets, inverse=inverse, phases=phases, wave=np.empty(0), omitted=0.0)
        state.work.nfe += len(x)
        phases[0] = self._primitive(problem, jets[0, 0])
        self._extend(problem, state, 1)
        return self._sum(problem, state)

    def step(self, problem: OscillatoryWave, state: WaveState) -> WaveState:
        last = state.omitted
        state.k += 1
        if state.k < self.most + 1:
            self._extend(problem, state, state.k + 1)
        self._sum(problem, state)
        return self._ended(state, last)

    def _ended(self, state: WaveState, last: float) -> WaveState:
        if state.omitted > WILD:
            cause = f"the term left out after N = {state.k} is {state.omitted:.3g}"
            state.status = Status("diverged", cause, "Fewer terms, a smaller ε, or the optimal truncation")
        elif state.k >= self.most:
            state.status = Status("converged", f"all {self.most} terms are summed")
        return state

    @cached_property
    def _nodes(self) -> np.ndarray:
        return -np.cos(np.pi * np.arange(self.nodes + 1) / self.nodes)

    @cached_property
    def _to_coefficients(self) -> np.ndarray:
        """Values at the nodes to Chebyshev coefficients."""
        return np.linalg.inv(chebyshev.chebvander(self._nodes, self.nodes))

    def _primitive(self, problem, values) -> np.ndarray:
        """Chebyshev coefficients of ∫ from the left end of the interpolant of the values."""
        low, high = problem.interval
        return chebyshev.chebint(self._to_coefficients @ values, lbnd=-1, scl=(high - low) / 2)

    def _extend(self, problem, state: WaveState, n: int) -> None:
        """Taylor coefficients of S_n′ at the nodes, and S_n."""
        jets, depth = state.jets, state.jets.shape[1] - n
        m = np.arange(1, depth + 1)[:, None]
        total = m * jets[n - 1, 1 : depth + 1]
        for i in range(depth):
            total[i] += (jets[1:n, : i + 1] * jets[n - 1 : 0 : -1, i::-1]).sum(axis=(0, 1))
        for i in range(depth):
            jets[n, i] = (total[: i + 1] * state.inverse[i::-1]).sum(axis=0)
        state.phases[n] = self._primitive(problem, jets[n, 0])
        state.work.flops += 8.0 * jets.shape[2] * depth**2 * n

    def _sum(self, problem: OscillatoryWave, state: WaveState) -> WaveState:
        """φ_N at the points, and the size of the first term left out."""
        n, e = state.k, problem.epsilon
        powers = e ** np.arange(-1.0, n)
        low, high = problem.interval
        where = 2 * (problem.points - low) / (high - low) - 1
        phase = chebyshev.chebval(where, powers @ state.phases[: n + 1])
        slope = e * powers @ state.jets[: n + 1, 0, 0]
        value, derivative = problem.start
        beta = (slope * value - derivative) / (slope - np.conj(slope))
        state.wave = (value - beta) * np.exp(phase) + beta * np.exp(np.conj(phase))
        if n + 1 < len(state.phases):
            state.omitted = e**n * float(np.abs(chebyshev.chebval(self._nodes, state.phases[n + 1])).max())
        return state


def nodes_knob():
    """The knob of the Chebyshev nodes, the same for both series."""
    return knob(40, 8, 100, doc="Chebyshev nodes less one, for the quadrature and interpolation of S_n")


@dataclass(frozen=True)
class TruncatedWKB(WaveSeries):
    """WKB series truncated at N terms: error O(ε^N), at a cost that does not depend on ε.

    φ ≈ α exp(Σ_{n≤N} ε^{n−1} S_n) + β exp(Σ_{n≤N} ε^{n−1} S̄_n); see `WaveSeries` for the recursion. A step adds a term.
    The series diverges: for a given ε more terms help only up to a point. Near a zero of a it fails.
    Reference: A. Arnold, C. Klein, J. Körner, J. M. Melenk, arXiv:2401.10141, Section 2; J. Körner, A. Arnold,
    C. Klein, J. M. Melenk, arXiv:2310.00955.
    """

    title: ClassVar[str] = "WKB series"
    name: ClassVar[str] = "truncated_wkb"
    sources: ClassVar[tuple[str, ...]] = ("arnold2024", "koerner2023")
    no_claim: ClassVar[str] = "beyond five terms rounding, with few nodes quadrature decides before three waves"
    terms: int = knob(4, 1, 40, symbol="N", doc="the last term that is summed")
    nodes: int = nodes_knob()

    @property
    def most(self) -> int:
        return self.terms

    def claims(self, problem: OscillatoryWave) -> tuple:
        if self.terms > (4 if problem.potential == "cosine" else 5) or self.nodes < 24:
            return ()
        values = (0.08, 0.04, 0.02) if self.terms <= 3 else (0.12, 0.06, 0.04)
        if problem.potential == "cosine":  # its derivatives grow like those of e^{2πx}
            values = tuple(value / 5 for value in values)
        return (
            Order(
                measure="wave_error",
                p=self.terms,
                over="epsilon",
                values=values,
                growing=True,
                tol=0.25,
                title=f"error ∝ ε^{self.terms}",
                assumes="a is smooth and positive, ε small",
                source="arnold2024",
                stop=THROUGH,
            ),
        )


@dataclass(frozen=True)
class OptimalWKB(WaveSeries):
    """WKB series truncated where its terms are smallest: error O(ε^−2 e^{−r/ε}), N proportional to 1/ε.

    Terms are added until the first one left out, ε^N max |S_{N+1}|, grows: N is then optimal to within one or two. r is
    twice the |∫ √a dx| to the nearest (complex) zero of a: 4/3 for a = x, 4 for a = e^x; the ε^−2 of the bound is not
    sharp, √ε is measured. Rounding allows about 1e-16/ε. Fails near a zero of a.
    Reference: A. Arnold, C. Klein, J. Körner, J. M. Melenk, arXiv:2401.10141, Sections 2 and 3; arXiv:2310.00955.
    """

    title: ClassVar[str] = "WKB, optimally truncated"
    name: ClassVar[str] = "optimal_truncated_wkb"
    sources: ClassVar[tuple[str, ...]] = ("arnold2024", "koerner2023")
    cap: int = knob(40, 2, 60, symbol="N_max", doc="terms at most")
    nodes: int = nodes_knob()

    @property
    def most(self) -> int:
        return self.cap

    def _ended(self, state, last):
        small = state.omitted <= np.finfo(float).eps / 10
        if small:
            state.status = Status("converged", "the next term is below rounding")
        elif state.k > 1 and state.omitted >= last:
            state.status = Status("converged", f"the terms grow again: truncated optimally at N = {state.k}")
        return WaveSeries._ended(self, state, last) if not state.status.done else state

    def claims(self, problem: OscillatoryWave) -> tuple:
        if self.nodes < 32 or self.cap < 35:  # too few nodes for S_n, or terms for the smallest ε of the ladders
            return ()
        values = LADDERS[problem.potential]
        about = dict(source="arnold2024", assumes="a is analytic and positive, the error above rounding", stop=THROUGH)
        found = [
            Order(
                measure="wave_exponent",
                p=1,
                over="epsilon",
                values=values,
                tol=0.15,
                title="−ln(error) ∝ 1/ε: exponentially exact",
                **about,
            ),
        ]
        if problem.potential != "cosine":  # one zero of a is nearest all along the interval
            title = "optimal N ∝ 1/ε"
            found.append(Order(measure="k", p=1, over="epsilon", values=values, tol=0.2, title=title, **about))
        return tuple(found)


def _wave(problem, state):
    """Re φ and its approximation."""
    return {"x": problem.points, "Re φ_N": state.solution().real, "Re φ": problem.exact.real}


def _wave_error(problem, state):
    """|φ_N − φ| along the interval, and the envelope |φ|."""
    return {
        "x": problem.points,
        "|φ_N − φ|": np.abs(state.solution() - problem.exact),
        "|φ|": np.abs(problem.exact),
    }


PICTURES = (
    Picture("wave", "the wave", "lines", _wave, x="x", of=OscillatoryWave),
    Picture("wave_error", "where the wave is wrong", "lines", _wave_error, x="x", log=True, of=OscillatoryWave),
)

CASES = (
    OscillatoryWave(epsilon=0.1),
    OscillatoryWave(potential="exponential", epsilon=0.2),
    OscillatoryWave(potential="cosine", epsilon=0.03),
)

EXPERIMENTS = (
    Experiment(
        "optimal_truncation",
        "A series that diverges, and is good all the same",
        "Every term helps, until they grow again. Where is it best to stop, and what is left then?",
        OscillatoryWave(epsilon=0.1),
        (OptimalWKB(), TruncatedWKB(terms=24), TruncatedWKB(terms=4)),
        THROUGH,
        measure="wave_error",
        picture="wave",
        predict=Guess(
            "How many terms will the first method take before it stops?", needed(), 1, 100, unit="terms", whole=True
        ),
        why=(
            r"Each term is $\varepsilon$ times something that grows as fast as a factorial. So the terms shrink at"
            " first and then grow: the series diverges. Stopped at the smallest, after a number of terms that "
            r"goes like $1/\varepsilon$, it is wrong by something exponentially small. Halve $\varepsilon$, and "
            "the right digits about double."
        ),
        formula=r"\|\varphi-\varphi_N\|=O(\varepsilon^{-2}e^{-r/\varepsilon}),\qquad N\sim\frac1\varepsilon",
        level=3,
        minutes=5,
        then="ring_mesh",
    ),
)
