"""A reduced model of the bar that notices when it fails, and then takes one time step of the full model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.prediction import Guess, Pick
from toolkit.core.probe import Measure
from toolkit.core.run import Run
from toolkit.kernels.points.viscoplastic import respond
from toolkit.rank.hyperreduction.cubature import Reduced, works
from toolkit.rank.hyperreduction.problems import LAW, ViscoplasticBar
from toolkit.rank.hyperreduction.reduced_bar import STEPS, FixedReducedBar, ReducedBarState


@dataclass(frozen=True)
class AdaptiveReducedBar(FixedReducedBar):
    """As the fixed one; where the indicator exceeds its tolerance the time step is repeated by the full model.

    Its solution joins the modes, its stress the works from which the cubature is chosen anew, its plastic strain the
    modes of the indicator. Internal variables of all elements are brought up to date by the law along the path since
    the last full step (the paper reconstructs them from their modes). So the mesh is met only in steps that enrich.
    Reference: F. Casenave, N. Akkari, Math. Comput. Appl. 24 (2019) 41, doi:10.3390/mca24020041, arXiv:1904.09123,
    section 5.
    """

    title: ClassVar[str] = "adaptive reduced bar"
    monitors: ClassVar[tuple[str, ...]] = (*FixedReducedBar.monitors, "enrichments")
    linear: ClassVar[tuple[str, ...]] = (*FixedReducedBar.linear, "enrichments")
    scales: ClassVar[tuple[str, ...]] = ()
    allowed: float = knob(0.02, 1e-6, 1.0, log=True, live=True, doc="indicator above which a full step is taken")

    def _refused(self, indicator: float) -> bool:
        return indicator > self.allowed

    def _renewed(self, problem, state: ReducedBarState):
        """The state after a full time step and with a wider basis; None where the full step fails."""
        internal = self._replayed(problem, state)
        after = problem.advanced(problem.asked, state.k, state.solution(), internal)
        if after is None:
            return None
        field, internal, stress, tries = after
        state.work.nfe += (tries + 1) * problem.n
        state.work.solves += tries
        state.internal, state.settled, state.since, state.path = internal, internal.copy(), state.k, []
        modes, strains = widened(problem, state.reduced, field)
        state.a = problem.width * problem.strains(field) @ strains.T
        state.stresses = np.vstack((state.stresses, stress))
        rest = internal[2] - (internal[2] @ state.dual.T) @ state.dual
        if np.linalg.norm(rest) > 1e-10 * np.linalg.norm(internal[2]):
            state.dual = np.vstack((state.dual, rest / np.linalg.norm(rest)))
        table = works(strains, state.stresses, problem.width)
        state.reduced = self._model(problem, modes, strains, table, state.dual)
        state.enrichments += 1.0
        return self._sized(state)

    def _replayed(self, problem, state: ReducedBarState) -> np.ndarray:
        """Internal variables of all elements, by the law along the path of strains since they were last known."""
        old, (stress, tangent) = state.settled, np.empty((2, problem.n))
        for i, a in enumerate(state.path):
            new = np.empty_like(old)
            rise = problem.rise(problem.asked, state.since + i + 1)
            respond(a @ state.reduced.strains, rise, problem.dt, LAW, old, new, stress, tangent)
            old = new
        state.work.nfe += len(state.path) * problem.n
        return old

    def claims(self, problem: ViscoplasticBar) -> tuple:
        if not self._told(problem):
            return super().claims(problem)[:1]
        about = dict(source="casenave2019", stop=STEPS, assumes="a loading that was not seen")
        title = "the worst error is a third of the fixed one's, or less"
        few = "full steps in at most a third of the time steps"
        return (
            Exact(measure="against_fixed", tol=1 / 3, title=title, **about),
            Exact(measure="full_share", tol=1 / 3, title=few, **about),
        )

    def measures(self, problem):
        return (*super().measures(problem), against_fixed(self), FULL_SHARE)


def widened(problem: ViscoplasticBar, reduced: Reduced, field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(modes, strains) with a field added, orthonormal in the product of strains; itself if the field lies in them."""
    rest, modes, strains = problem.strains(field), reduced.modes, reduced.strains
    size, moved = np.linalg.norm(rest), field
    for _ in range(2):
        share = problem.width * rest @ strains.T
        rest, moved = rest - share @ strains, moved - share @ modes
    if np.linalg.norm(rest) <= 1e-10 * size:
        return modes, strains
    scale = np.sqrt(problem.width) * np.linalg.norm(rest)
    return np.vstack((modes, moved / scale)), np.vstack((strains, rest / scale))


def fixed_worst(problem: ViscoplasticBar, method: FixedReducedBar) -> float:
    """The worst error of the fixed model over the whole time; computed once a problem."""
    return remembered(problem, ("worst error", method), lambda: Run(problem, method, STEPS).finish().state.worst)


def against_fixed(method: AdaptiveReducedBar) -> Measure:
    """The worst error over that of the fixed model with the same tolerances."""
    rival = FixedReducedBar(pod_tolerance=method.pod_tolerance, tolerance=method.tolerance, extra=method.extra)

    def of(problem, state) -> float:
        return state.worst / max(fixed_worst(problem, rival), 1e-300) if state.status.done else float("nan")

    return Measure(
        "against_fixed", "worst error over the fixed model's", of, log=False, doc="over the whole time, at the end"
    )


FULL_SHARE = Measure(
    "full_share",
    "share of time steps taken by the full model",
    lambda problem, state: state.enrichments / max(1, state.k),
    log=False,
)


def _strains(problem, state):
    """Strains of the truth and of the reduced model, in per mille; None at the start."""
    if not state.k:
        return None
    truth = problem.strains(problem.truth.fields[state.k - 1])
    return {"x": problem.middles, "full model": 1e3 * truth, "reduced": 1e3 * problem.strains(state.solution())}


def _indicated(problem, state):
    """Indicator against the error of the plastic strain, one point a time step; None before the first."""
    pairs = np.array([one for one in state.seen if min(one) > 0])
    return {"time steps": (pairs[:, 0], pairs[:, 1])} if len(pairs) else None


PICTURES = (
    Picture("bar-strains", "strains, ‰", "lines", _strains, x="x", y="‰", of=ReducedBarState),
    Picture(
        "indicator-error",
        "indicator and error",
        "points",
        _indicated,
        x="indicator",
        y="error of p",
        log=True,
        of=ReducedBarState,
    ),
)


def fewer_modes_see_more(runs) -> int:
    """Whose indicator stood higher at the end: that of the first method, or of the second."""
    return int(np.argmax([run.history.last("indicator") for run in runs]))


def error_over_fixed(runs) -> float:
    """The worst error of the first adaptive model over that of the fixed one, in per cent."""
    return 100 * runs[1].history.last("worst") / runs[0].history.last("worst")


def promised_over_fixed(runs) -> float | None:
    """What is promised of it at most, in per cent."""
    claims = runs[1].method.claims(runs[1].problem)
    return next((100 * one.tol for one in claims if one.about == "against_fixed"), None)


EXPERIMENTS = (
    Experiment(
        "moved-hot-spot",
        "The hot spot is not where it was",
        "The modes know a spot at 0.4; now it is at 0.6 and hotter. Who notices, and what does noticing buy?",
        ViscoplasticBar(shift=0.2, change=0.2),
        (FixedReducedBar(), AdaptiveReducedBar(), AdaptiveReducedBar(allowed=0.005)),
        STEPS,
        measure="error",
        picture="bar-strains",
        predict=Guess(
            "Where its indicator is too large the adaptive model takes one step with the full model, and learns. How"
            " many per cent of the fixed model's worst error is its own?",
            truth=error_over_fixed,
            theory=promised_over_fixed,
            limit=True,
            unit="%",
            low=1.0,
            high=100.0,
            close=1.5,
        ),
        why=r"Modes from a spot in one place cannot describe a spot in another: the fixed model goes on calmly, and"
        r" its error stays large. The indicator fits the plastic strain at a few elements by modes of the training; a"
        r" load of a new kind is not fitted, and it is seen at once. Each full step adds its solution to the modes and"
        r" its stress to the cubature, so a few of them, nearly all when the spot first appears, serve for the rest of"
        r" the time; a smaller tolerance buys more of them and a smaller error afterwards.",
        formula=r"\eta = \min_z \frac{\|p - \Psi z\|_P}{\|p\|_P} > \text{allowed} \ \Longrightarrow\ \text{a full"
        r" step}",
        level=2,
        minutes=7,
        then="indicator-beside-error",
    ),
    Experiment(
        "indicator-beside-error",
        "An indicator beside the error",
        "The indicator sees only a few elements. Does it rise where the true error rises?",
        ViscoplasticBar(shift=0.1, change=0.2, cycles=3),
        (FixedReducedBar(), FixedReducedBar(pod_tolerance=1e-2)),
        STEPS,
        measure="indicator",
        picture="indicator-error",
        predict=Pick(
            "One model has its modes to a tolerance of 10⁻³, the other to 10⁻² only. Whose indicator stands higher in"
            " the end?",
            truth=fewer_modes_see_more,
            options=("that of the finer model", "that of the coarser model"),
        ),
        why=r"The indicator knows no truth: it asks how well the plastic strain $p$ at a few elements is fitted by"
        r" modes $\Psi$ that were made from the training. A model with fewer modes errs more, and less of what it"
        r" computes can be fitted by what it has seen. Over time both tend to be large together, which the picture"
        r" shows point by point: what is promised is their rank correlation, not that the indicator is a bound of the"
        r" error.",
        formula=r"\eta = \min_z \frac{\|p - \Psi z\|_P}{\|p\|_P}",
        level=3,
        minutes=7,
        then="five-states-for-eighty",
    ),
)
