"""Stability regions: a sampler's own step put to the linear test equation, and where the run's eigenvalues lie."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import Guess, ratio
from toolkit.core.state import Work
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.guidance import GuidedMixture
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.laws.schedules import log_snr_rate
from toolkit.sampler.solvers.ddim import DDIM
from toolkit.sampler.solvers.dpmsolver import DPMSolver2S, DPMSolver3S, DPMSolverPP2M
from toolkit.sampler.solvers.sampler import SamplerState

COLUMNS = 48  # points in a row of the plane where R is taken; half as many rows: R(z̄) is R(z)'s conjugate
LEAST, MOST = 2.5, 25.0  # how far the view reaches
FOLLOWED = 48  # particles whose eigenvalues are shown
NUMBERS = 256  # rows of all their Jacobians, at most
CLOCKS = {"t": "t", "ρ": "σ/α", "λ": "log(α/σ)"}


def scale(process, variable: str, t: float) -> float:
    """a(t) of the variable y = x/a: x itself in the clock t, x/α in the clocks ρ = σ/α and λ = log(α/σ)."""
    return 1.0 if variable == "t" else float(process.alpha(t))


def clock(process, variable: str, t: float) -> float:
    """c(t): t, ρ or λ."""
    return float(t if variable == "t" else process.log_snr(t) if variable == "λ" else np.exp(-process.log_snr(t)))


def line(process, variable: str, t: float) -> tuple[float, float]:
    """(p, q) with α ∂x₀/∂x = p + q ζ where the flow is dy/dc = ζ y, as d log x/dλ = d log σ/dλ + α ∂x₀/∂x."""
    if variable == "t":
        rate = log_snr_rate(process, t)
        return float(-process.rates(t)[1] / process.sigma(t) / rate), float(1 / rate)
    return 1.0, 1.0 if variable == "λ" else -clock(process, variable, t)


class TestEquation(Diffusion):
    """dy/dc = ζ y in a sampler's own variable, one complex number a particle, each with its ζ: x₀ is linear in x."""

    __test__ = False  # nothing for pytest to collect
    dim = 1

    def __init__(self, process, variable: str, zeta: np.ndarray):
        """zeta, shape (n,)."""
        self.__dict__.update(process=process, variable=variable, zeta=zeta[:, None])
        Diffusion.__init__(self, particles=len(zeta))

    def denoise(self, x, t):
        first, rate = line(self.process, self.variable, t)
        return (first + rate * self.zeta) / self.process.alpha(t) * x


def stored(state) -> list[tuple[str, int]]:
    """(field, place) of the arrays like x that a sampler keeps beside x and the history; place −1: not in a list."""
    found = []
    for name in (one.name for one in fields(state) if one.name not in ("x", "history")):
        value = getattr(state, name)
        items = [(name, j, y) for j, y in enumerate(value)] if isinstance(value, list) else [(name, -1, value)]
        found += [(name, j) for name, j, y in items if getattr(y, "shape", ()) == state.x.shape]
    return found


def step_matrix(sampler, process, state: SamplerState, z: np.ndarray) -> np.ndarray:
    """The next step (the last one at the end) of a run as a matrix on (y, y', …, what is stored), shape (n, P, P).

    `leap` is put to the test equation with h ζ = z, shape (n,), once with each entry 1 and the others 0: a linear map,
    whatever the method. y', y'', … are the states before, each divided by its own scale a(t): the coefficients of the
    step at hand, frozen; of the first coordinate, where a method treats them apart (v3). Outputs follow from the states
    unless the method changes them, as DC-Solver does: then they are entries of their own, which adds eigenvalues 0.
    Reference: E. Hairer, G. Wanner (1996), doi:10.1007/978-3-642-05221-7, Sec. IV.2, V.1 (stability domains).
    """
    found, linked = _matrix(sampler, process, state, z, True)
    return found if linked else _matrix(sampler, process, state, z, False)[0]


def _matrix(sampler, process, state, z, linked: bool):
    """(the matrix, whether the outputs kept are those of the states kept)."""
    i, variable = min(state.i, len(state.times) - 2), sampler.clock
    s, t, before = *map(float, state.times[i : i + 2]), float(state.times[max(i - 1, 0)])
    lags = [float(u) for u in state.times[max(0, i - sampler.memory + 1) : i]]
    extra = stored(state)
    count = 1 + (1 if linked else 2) * len(lags) + len(extra)
    zeta = np.tile(z / (clock(process, variable, t) - clock(process, variable, s)), count)
    test, n = TestEquation(process, variable, zeta), len(z)

    def unit(place: int, size: float) -> np.ndarray:
        x = np.zeros((count, n, 1), dtype=complex)
        x[place] = size
        return x.reshape(-1, 1)

    history = []
    for j, u in enumerate(lags, 1):
        x = unit(j, scale(process, variable, u))
        history.append((u, x, test.denoise(x, u) if linked else unit(j + len(lags), 1.0)))
    twin = replace(state, x=unit(0, scale(process, variable, s)), i=i, history=history, work=Work())
    first = count - len(extra)
    for name in {name for name, _ in extra}:
        own = [unit(first + j, scale(process, variable, before)) for j, (other, _) in enumerate(extra) if other == name]
        setattr(twin, name, own if isinstance(getattr(state, name), list) else own[0])
    x = sampler.leap(test, twin, s, t)
    kept = [one for one in twin.history if one[1] is not None][-len(lags) :] if lags else []
    after = [(x, t), *((y, u) for u, y, _ in kept)]
    after += [(getattr(twin, name) if j < 0 else getattr(twin, name)[j], s) for name, j in extra]
    rows = [y.reshape(count, n, -1)[:, :, 0].T / scale(process, variable, u) for y, u in after]
    if not linked:
        rows[1 + len(lags) : 1 + len(lags)] = [x0.reshape(count, n, -1)[:, :, 0].T for _, _, x0 in kept]
    same = all(np.allclose(x0, test.denoise(y, u), rtol=1e-9) for u, y, x0 in twin.history)
    return np.stack(rows, axis=1), same


def growth(sampler, process, state, z: np.ndarray) -> np.ndarray:
    """|R(z)|, of a method with memory the largest |root|: the spectral radius of the step's matrix; z of any shape."""
    matrix = step_matrix(sampler, process, state, np.asarray(z, dtype=complex).ravel())
    matrix = np.where(np.isfinite(matrix), matrix, 1e30)
    return np.abs(np.linalg.eigvals(matrix)).max(axis=1).reshape(np.shape(z))


def gains(problem, x: np.ndarray, t: float) -> np.ndarray:
    """The eigenvalues of α ∂x₀/∂x at each row of x, (n, d): exact for known laws, else differenced."""
    n, d = x.shape
    jacobian = problem.jacobian(x, t)
    if jacobian is None:
        x, directions = np.repeat(x, d, axis=0), np.tile(np.eye(d), (n, 1))
        if problem.closed_form:
            rows = problem.denoise_along(x, directions, t)[1]
        else:
            shift = 1e-5 * np.hypot(problem.process.alpha(t), problem.process.sigma(t)) * directions
            rows = (problem.denoise(x + shift, t) - problem.denoise(x - shift, t)) / (2 * abs(shift).max())
        jacobian = rows.reshape(n, d, d)
    return problem.process.alpha(t) * np.linalg.eigvalsh(0.5 * (jacobian + jacobian.transpose(0, 2, 1)))


def eigenvalues(sampler, problem, state: SamplerState) -> np.ndarray:
    """h λ: the drift's eigenvalues at the particles, in the sampler's variable, times the step; real, shape (m,)."""
    process, variable = problem.process, sampler.clock
    i, count = min(state.i, len(state.times) - 2), max(1, min(FOLLOWED, NUMBERS // problem.dim))
    first, rate = line(process, variable, state.t)
    h = clock(process, variable, float(state.times[i + 1])) - clock(process, variable, float(state.times[i]))
    return (h * (gains(problem, state.x[:count], state.t) - first) / rate).ravel()


def crossings(x: np.ndarray, y: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where `level` (rows, columns) changes its sign between neighbours, by straight lines: points (x, y)."""
    found = []
    for a, b, along in ((level[:, :-1], level[:, 1:], True), (level[:-1], level[1:], False)):
        row, column = np.nonzero(a * b < 0)
        share = a[row, column] / (a[row, column] - b[row, column])
        if along:
            found.append((x[column] + share * (x[column + 1] - x[column]), y[row]))
        else:
            found.append((x[column], y[row] + share * (y[row + 1] - y[row])))
    return tuple(np.concatenate(one) for one in zip(*found))


def region(problem, state):
    """Where |R(z)| ≤ 1 for the step to come, its boundary, and z = h λ at some of the particles.

    λ > 0, between modes: there the flow itself drives particles apart, and no region says anything.
    """
    sampler = state.sampler
    marks = eigenvalues(sampler, problem, state)
    reach = float(np.clip(1.1 * np.abs(marks).max(), LEAST, MOST))
    box = -1.5 * reach, 0.5 * reach, reach
    inside, edge, box = _within(sampler, problem.process, state, box, COLUMNS // 2)
    inside, edge, _ = _within(sampler, problem.process, state, box, COLUMNS)
    seen = marks[abs(marks) <= reach]
    where = f"h·λ in {CLOCKS[sampler.clock]}" + (", some beyond" if len(seen) < len(marks) else "")
    return {"|R(z)| ≤ 1": mirrored(inside), "|R(z)| = 1": mirrored(edge), where: (seen, np.zeros(len(seen)))}


def _within(sampler, process, state, box, columns: int) -> tuple:
    """(points of the region, of its boundary, a box around both): the upper half of (left, right, top)."""
    left, right, top = box
    x, y = np.linspace(left, right, columns), np.linspace(0, top, columns // 2)
    level = growth(sampler, process, state, x + 1j * y[:, None]) - 1 - 1e-9
    row, column = np.nonzero(level <= 0)
    width, height = 2.5 * (x[1] - x[0]), 2.5 * (y[1] - y[0])
    if len(row):
        x0, x1, y1 = x[column].min() - width, x[column].max() + width, y[row].max() + height
        box = max(left, x0), min(right, x1), min(top, y1)
    return (x[column], y[row]), crossings(x, y, level), box


def mirrored(points: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The points and their conjugates."""
    x, y = points
    return np.tile(x, 2), np.concatenate((y, -y))


def has_region(problem, state) -> bool:
    """Whether a step is a sampler's own `leap`, and without noise."""
    return state.sampler is not None and not state.stochastic


PICTURES = (
    Picture(
        *("stability", "stability region", "points", region),
        x="Re z",
        y="Im z",
        of=SamplerState,
        when=has_region,
    ),
)
EXPERIMENTS = (
    Experiment(
        "out-of-the-region",
        "Why too few steps blow up",
        "Strong guidance, twelve evaluations each. Whose eigenvalues leave the region, and what becomes of the error?",
        GuidedMixture(particles=256, scale=10.0),
        (DPMSolver2S(steps=6), DPMSolver3S(steps=4), DPMSolverPP2M(steps=12), DDIM(steps=12)),
        THROUGH,
        measure="trajectory_error",
        against="nfe",
        picture="stability",
        predict=Guess(
            "How many times farther from the flow than DDIM does DPM-Solver-3S end?",
            *(ratio("trajectory_error", 1, 3), 0.1, 1000.0),
            unit="times",
            close=3.0,
        ),
        why=(
            r"A step multiplies a small deviation by $R(h\lambda)$, $\lambda$ an eigenvalue of the drift, and damps it "
            "only where $|R|\\le 1$. Guidance of ten makes the eigenvalues many times larger; in four or six "
            "long steps DPM-Solver-3S and 2S leave their regions in the middle of the way, and one such step is "
            "enough. DDIM and DPM-Solver++ 2M take twelve shorter ones and stay inside at every step."
        ),
        formula=r"y_{n+1}=R(h\lambda)\,y_n,\qquad |R(h\lambda)|\le 1",
        level=2,
        minutes=6,
        then="guided-digits",
    ),
)
