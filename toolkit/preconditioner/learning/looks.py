"""Questions worth a run: sequences of systems, and what is saved by remembering and by learning."""

from __future__ import annotations

from toolkit.core.lab import Experiment
from toolkit.core.prediction import YES_NO, Guess, Pick, Truth, whether
from toolkit.core.stop import THROUGH
from toolkit.preconditioner.learning.bandits import ChebCB, FixedOmega, OptimalOmega, TsallisINF
from toolkit.preconditioner.learning.problems import DarcySequence, ShiftedSequence
from toolkit.preconditioner.learning.recycling import GCRODR


def saved(runs) -> float | None:
    """The share of the last method's products, in per cent, that the first one saves; None where one has not ended."""
    if any(run.status.kind != "converged" for run in (runs[0], runs[-1])):
        return None
    return 100 * (1 - float(runs[0].history.last("matvecs")) / float(runs[-1].history.last("matvecs")))


def cheaper(one: int, other: int) -> Truth:
    """Yes where the one learner pays less on average than the other, over all systems."""

    def found(runs):
        costs = [
            runs[i].history.last("mean_cost") if runs[i].status.kind == "converged" else None for i in (one, other)
        ]
        return None if None in costs else bool(costs[0] < costs[1])

    return whether(found)


EXPERIMENTS = (
    Experiment(
        "recycling",
        "Fifty systems in a row",
        "Darcy flow through fifty random rocks: what is saved by remembering, and by putting like rocks side by side?",
        DarcySequence(),
        (GCRODR(), GCRODR(sort=False), GCRODR(keep=False, sort=False), GCRODR(k=0, keep=False, sort=False)),
        THROUGH,
        measure="remaining",
        against="matvecs",
        predict=Guess(
            "What share of the products of GMRES(30) is saved by sorting and remembering?",
            saved,
            low=0,
            high=100,
            unit="%",
            log=False,
            close=1.1,
        ),
        why="A restart throws away what GMRES has learned of the small eigenvalues, and each system learns it "
        "again. GCRO-DR keeps the few directions in which it is slow, makes the residual orthogonal to "
        "their images, and hands them on to the next system, which is much like the last. Sorting makes "
        "neighbours more alike; of rocks drawn independently it gains little, as there is hardly an order "
        "to find.",
        formula=r"r \leftarrow (I - C C^{\mathsf T}) \, r, \qquad C = A M^{-1} U, \quad C^{\mathsf T} C = I",
        level=3,
        minutes=6,
        then="learning",
    ),
    Experiment(
        "learning",
        "Learning ω from the bill",
        "A thousand systems, and SOR is told only how many sweeps it paid. What does it learn?",
        ShiftedSequence(count=1000),
        (TsallisINF(), ChebCB(), FixedOmega(), OptimalOmega()),
        THROUGH,
        measure="mean_cost",
        predict=Pick(
            r"ChebCB sees the shift of each system, and learns from what it paid. Does it beat the fixed $\omega = "
            "1.8$ on average?",
            cheaper(1, 2),
            theory=0,
            options=YES_NO,
        ),
        why=r"No one $\omega$ is right for all shifts: Young's optimum depends on the system. Tsallis-INF "
        r"learns without seeing the shift, and what it can learn is the best fixed $\omega$: what it pays "
        "too much on average falls like $T^{-1/2}$. ChebCB sees the shift and fits the cost of each "
        r"$\omega$ as a function of it, so that in the end it is better than any fixed one; the policy that "
        r"knows every radius $\mu$ is below all.",
        formula=r"\mathbb{E} \left[ \frac{1}{T} \sum_{t=1}^{T} \ell_t(\omega_t) \right] - \min_{\omega} \frac{1}{T} "
        r"\sum_{t=1}^{T} \ell_t(\omega) = O(T^{-1/2})",
        level=3,
        minutes=8,
        then="relaxation",
    ),
)
