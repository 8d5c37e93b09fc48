"""Questions to begin with: what more steps bring, when the shape appears, what is sampled, and what guidance does."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment
from toolkit.core.prediction import YES_NO, Guess, Pick, Sketch, first_below, lowest, whether
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.guidance import GuidedDigits, GuidedMixture
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.learnt.network import NetworkDigits
from toolkit.sampler.solvers.ddim import DDIM, DDPM, EulerSampler, HeunSampler
from toolkit.sampler.solvers.dpmsolver import DPMSolver2S, DPMSolver3S, DPMSolverPP2M
from toolkit.sampler.solvers.step_ladder import StepLadder

APART = 1.5  # times the breadth of the law around an image: from there on a sample is called another image
MOVED = 0.1  # of the plane's unit: from there on a cloud is called moved


def half_way(runs) -> float | None:
    """Evaluations after which half of the first distance to the data is gone, of the first method."""
    history = runs[0].history
    values = history["data_distance"]
    there = history["nfe"][values <= 0.5 * values[0]]
    return float(there[0]) if len(there) else None


def new_images(runs) -> bool:
    """Whether the typical sample of the first method lies farther from every image than the law's own blur."""
    problem, x = runs[0].problem, runs[0].state.solution()
    nearest = [np.sqrt(((problem.data - one) ** 2).sum(axis=1).min()) for one in x]
    return bool(np.median(nearest) > APART * problem.smoothing * np.sqrt(problem.dim))


def most_wrong(runs) -> int:
    """The third of the way on which the network's mistake is largest: 0, 1 or 2."""
    _, gap = runs[0].history.series("network_gap")
    return min(2, int(3 * np.argmax(gap) / len(gap)))


def variety(runs) -> int:
    """Whether the samples of the last method vary less than the images of their class (0), as they do (1), or more."""
    problem, x = runs[-1].problem, runs[-1].state.solution()
    share = x.var(axis=0).sum() / (problem.data.var(axis=0).sum() + problem.dim * problem.smoothing**2)
    return 0 if share < 0.9 else 1 if share <= 1.1 else 2


def drift(runs) -> int:
    """Whether the particles' mean is that of the class (0), nearer to the others' (1), or beyond it."""
    problem, x = runs[-1].problem, runs[-1].state.solution()
    own, every = (weights @ means for weights, means, _ in (problem.parts, problem.everything.parts))
    along = (x.mean(axis=0) - own) @ (own - every) / np.linalg.norm(own - every)
    return 0 if abs(along) < MOVED else 1 if along < 0 else 2


EXPERIMENTS = (
    Experiment(
        "twice-the-steps",
        "Twice the steps",
        "A sampler walks from noise to data in steps. With twice as many steps, how much smaller is its error?",
        PlaneMixture(particles=256),
        (StepLadder(sampler=EulerSampler()), StepLadder(sampler=HeunSampler())),
        THROUGH_GROWTH,
        measure="final_error",
        against="steps_used",
        picture="ends",
        predict=Sketch(
            "Each point is a whole walk. How steeply will Euler's line fall? Drag your own.", "final_error", order=True
        ),
        why=(
            "Euler's rule follows the slope at the start of each step, and the miss of a step of length $h$ is like "
            "$h^2$. Twice the steps: a quarter of the miss each, but twice as many of them, so that the error halves. "
            "Where both axes are logarithmic that is a straight line of slope $-1$. Heun's rule looks at both ends of "
            "a step; its error falls to a quarter each time, slope $-2$."
        ),
        formula=r"\|x_N-x^*\|\approx C\,N^{-p}",
        level=0,
        minutes=3,
        then="noise-to-data",
    ),
    Experiment(
        "noise-to-data",
        "Noise to data",
        "A hundred thousand particles of pure noise, twenty evaluations: when does the shape appear?",
        PlaneMixture(particles=100_000),
        (DPMSolverPP2M(steps=20), EulerSampler(steps=20)),
        THROUGH,
        measure="data_distance",
        against="nfe",
        picture="cloud",
        predict=Guess(
            "After how many of the twenty evaluations is half of the distance to the data gone?",
            *(half_way, 1, 20),
            unit="evaluations",
            log=False,
            whole=True,
            close=1.1,
        ),
        why=(
            r"For the first half of the way the noise $\sigma$ is larger than what is left of the data, $\alpha x_0$: "
            "the groups overlap, and the distance to the data hardly changes. "
            r"The steps are even in $\log(\alpha/\sigma)$, so that noise and data are equal in the middle; there the "
            "groups part, within a few steps. After that only the breadth of each group is left to be set right."
        ),
        formula=r"x_t=\alpha_t\,x_0+\sigma_t\,\varepsilon",
        level=0,
        minutes=4,
        then="digits-exact",
    ),
    Experiment(
        "how-few-steps",
        "How few steps are enough?",
        "Each point is a whole sampling. Which sampler needs the fewest evaluations for three digits, and for seven?",
        PlaneMixture(particles=256),
        tuple(
            StepLadder(sampler=one)
            for one in (EulerSampler(), DDIM(), HeunSampler(), DPMSolver2S(), DPMSolverPP2M(), DPMSolver3S())
        ),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
        predict=Pick(
            "Which gets below an error of 0.0001 with the fewest evaluations?",
            first_below("final_error", 1e-4, "evaluations"),
            theory=5,  # the highest order: it wins once enough digits are asked for
        ),
        why=(
            "On two logarithmic axes a sampler of order $p$ is a line of slope $-p$, so that the highest order wins "
            "once enough digits are asked for. Orders cost: Heun and DPM-Solver-2S evaluate twice a step, "
            "DPM-Solver-3S three times. DPM-Solver++ 2M remembers its last output instead and pays once. With a "
            "handful of evaluations the cheap steps lead, and from some fifty on the steep line does."
        ),
        formula=r"\|x_N-x^*\|\approx C\,N^{-p},\qquad \text{evaluations}=s\,N",
        level=1,
        minutes=6,
        then="pseudo-steps",
    ),
    Experiment(
        "digits-exact",
        "Digits from an exact score",
        "No network: the score of 1797 smoothed images is exact. Are the samples new, or are they the images?",
        Digits(),
        (DPMSolverPP2M(steps=20), DDPM(steps=20)),
        THROUGH,
        measure="data_distance",
        against="nfe",
        picture="samples",
        predict=Pick("Will the samples be new digits?", whether(new_images), theory=1, options=YES_NO),
        why=(
            "The law is the 1797 images, each with a little noise of breadth $s$, and it has no other digits. At every "
            "step a particle is drawn to a mean of the images with the weights $r_k$; as the noise falls one weight "
            "comes to one, and the particle ends at that image. With a perfect score a sampler can only give back what "
            "was put in: new images are what a network makes by not being perfect."
        ),
        formula=(
            r"\mathbb E[x_0\mid x]=\frac{\sigma^2\sum_k r_k\,y_k+\alpha s^2x}{\alpha^2s^2+\sigma^2},\qquad "
            r"r_k\propto\exp\Bigl(-\frac{\|x-\alpha y_k\|^2}{2(\alpha^2s^2+\sigma^2)}\Bigr)"
        ),
        level=1,
        minutes=4,
        then="digits-by-network",
    ),
    Experiment(
        "ancestral-or-deterministic",
        "Ancestral or deterministic",
        "Noise at every step forgets earlier errors, but costs steps. Does it pay with twenty of them?",
        PlaneMixture(particles=20_000, shape="moons"),
        (DDIM(steps=20), DDIM(steps=20, eta=0.5), DDPM(steps=20)),
        THROUGH,
        measure="data_distance",
        against="nfe",
        picture="cloud",
        predict=Pick("Which ends nearest to the data?", lowest("data_distance")),
        why=(
            r"The share $\eta$ says how much fresh noise a step adds; the steps that follow have to take it out again, "
            "and long steps do that badly. Here the walk without noise ends nearest, and the more noise the farther. "
            "Theory promises of either that the error falls like $1/N$ and does not say whose is smaller. Take more "
            "steps: all come down towards what the number of particles allows, and the lead shrinks."
        ),
        formula=(
            r"x_t=\alpha_t x_0+\sqrt{\sigma_t^2-s^2}\;\varepsilon+s\,z,\qquad "
            r"s=\eta\,\sigma_t\sqrt{1-e^{-2(\lambda_t-\lambda_s)}}"
        ),
        level=1,
        then="churn",
    ),
    Experiment(
        "stands-guidance",
        "Who stands strong guidance?",
        "Sixteen evaluations each, guidance of eight. What does it take, to predict the data or to predict the noise?",
        GuidedMixture(particles=256, scale=8.0),
        (DPMSolverPP2M(steps=16), DPMSolver2S(steps=8), DPMSolver3S(steps=5), DDIM(steps=16)),
        THROUGH,
        measure="trajectory_error",
        against="nfe",
        picture="ways",
        predict=Pick("Which ends nearest to the exact flow?", lowest("trajectory_error")),
        why=(
            "Guidance multiplies the pull of the class by $w$, and the flow becomes stiff: what was a short step is a "
            "long one now. DPM-Solver-2S and 3S predict the noise and take few steps; they are thrown far off in the "
            "middle of the way. DPM-Solver++ 2M predicts the data, which stays where data are, and DDIM does not "
            "extrapolate: both keep close. An order is a promise for small steps, and these are not."
        ),
        formula=r"x_0=\mathbb E[x_0\mid x]+w\,\bigl(\mathbb E[x_0\mid x,c]-\mathbb E[x_0\mid x]\bigr)",
        level=2,
        minutes=6,
        then="out-of-the-region",
    ),
    Experiment(
        "guided-digits",
        "More of a three than any three",
        "Guidance away from all other digits: which sampler stands a large scale, and what becomes of variety?",
        GuidedDigits(scale=3.0),
        (DDIM(steps=20), HeunSampler(steps=10), DPMSolverPP2M(steps=20)),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="samples",
        predict=Pick(
            "How will these threes vary, beside the threes of the data?",
            variety,
            options=("less", "as much", "more"),
        ),
        why=(
            "For $w>1$ a particle is pushed away from whatever another digit shares with the three. Threes that look "
            "a little like an eight or a nine are left out, so that the samples are alike, and variety falls as $w$ "
            "rises. The law that is sampled is no longer that of the class: the distance to it stays, however many "
            "steps are taken."
        ),
        formula=r"\nabla\log p_t(x\mid c)+(w-1)\,\nabla\log p_t(c\mid x)",
        level=2,
        then="there-and-back",
    ),
    Experiment(
        "one-moon",
        "One moon of two",
        "At w = 1 the particles fill the density of the class. At w = 2, where do they go, and why?",
        GuidedMixture(particles=20_000, shape="moons"),
        (DDIM(steps=30), DPMSolverPP2M(steps=30)),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="cloud",
        predict=Pick(
            "Where is the middle of the particles in the end?",
            drift,
            theory=2,  # ∇ log p(c|x) points to where the class is surer
            options=("in the middle of the moon", "nearer to the other moon", "farther from the other moon"),
        ),
        why=(
            r"By Bayes' rule guidance adds $w-1$ times $\nabla\log p(c\mid x)$, which points to where the class is "
            "surer. That is away from the other moon, so the particles crowd at the far side, where nobody could take "
            "them for the other class. The distance to the density of the class therefore grows: it is not an error "
            "of the sampler, and smaller steps do not cure it."
        ),
        formula=r"\nabla\log p_t(x\mid c)+(w-1)\,\nabla\log p_t(c\mid x)",
        level=1,
        then="ancestral-or-deterministic",
    ),
    Experiment(
        "digits-by-network",
        "Digits from a network",
        "The same noises as from the exact score. The exact law gives back its images; what does the network make?",
        NetworkDigits(),
        (DPMSolverPP2M(steps=20), HeunSampler(steps=10)),
        THROUGH,
        measure="network_gap",
        against="nfe",
        picture="samples",
        predict=Pick(
            "Where on the way is the network most wrong?",
            most_wrong,
            options=("in the first third, in the noise", "in the middle", "in the last third, near the data"),
        ),
        why=(
            "In pure noise the best answer is the mean of all images, which is soon learnt; near the data it is the "
            r"input itself, which $c_{\mathrm{skip}}$ hands through. In between it has to be decided which image is "
            "meant, and a small network knows that only roughly. These mistakes are what lets it make digits that are "
            "in no data set."
        ),
        formula=(
            r"D(x;\sigma)=c_{\mathrm{skip}}\,x+c_{\mathrm{out}}\,F(c_{\mathrm{in}}\,x;\sigma),\qquad "
            r"c_{\mathrm{skip}}=\frac{s^2}{\sigma^2+s^2},\quad c_{\mathrm{out}}=\frac{\sigma s}{\sqrt{\sigma^2+s^2}}"
        ),
        level=1,
        then="one-moon",
    ),
)
