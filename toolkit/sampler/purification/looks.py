"""What is seen of a purification: points or images, accuracies; and questions to begin with."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import Guess, last
from toolkit.core.stop import THROUGH
from toolkit.sampler.purification.diffpure import DiffPure
from toolkit.sampler.purification.noise_ladder import DiffPureLadder, PurificationLadder
from toolkit.sampler.purification.problems import DIGITS, FORWARD, LINE, Purification
from toolkit.sampler.solvers.looks import tiles

SIDE = 5  # images in a row


def seen_points(problem, state):
    """Clean, attacked and purified points, and where the classifier changes its mind."""
    inner = state.inner
    now, up = inner.seen(), np.linspace(-1.5, 1.5, 61)
    told = {"attacked": inner.given, "clean": problem.points[0], "purified": now}
    return {name: (x[:, 0], x[:, 1]) for name, x in told.items()} | {"classes part": (-problem.tilt * up, up)}


def seen_digits(problem, state):
    """The first 25 images: clean, attacked, and as they are now."""
    told = {"clean": problem.points[0], "attacked": state.inner.given, "purified": state.inner.seen()}
    return {name: tiles(x, SIDE) for name, x in told.items()}


def accuracies(problem, state):
    """Accuracy of the attacked and of the clean points against t*, and of the attacked ones without purification."""
    times, robust, clean = np.array(state.rows).T
    bare = np.full(len(times), problem.right(state.inner.given).mean())
    return {"x": times, "attacked, purified": robust, "clean, purified": clean, "attacked, as they are": bare}


def on_the_line(problem, state) -> bool:
    """Whether the points are in the plane."""
    return problem.law == LINE


def of_digits(problem, state) -> bool:
    """Whether the points are images."""
    return problem.law == DIGITS


NAME = "clean, attacked, purified"
PICTURES = (
    Picture("purified_points", NAME, "points", seen_points, x="x", y="y", of=Purification, when=on_the_line),
    Picture("purified_digits", NAME, "images", seen_digits, of=Purification, when=of_digits),
    Picture(
        *("purified_accuracy", "accuracy against t*", "lines", accuracies),
        x="t*",
        y="share that is right",
        of=PurificationLadder,
    ),
)


def expected_share(runs) -> float:
    """The share that an exact reverse equation puts right on average, of the points as the first method noised them."""
    problem, state = runs[0].problem, runs[0].state
    process, t = problem.diffusion.process, float(state.times[0])
    noised = process.alpha(t) * state.given + process.sigma(t) * problem.normal(FORWARD, 0)
    return float(problem.expected(noised, t))


def best_time(runs) -> float:
    """t* at which most attacked points were right again, of the first method."""
    history = runs[0].history
    return float(history["diffusion_time"][np.argmax(history["robust_accuracy"])])


EXPERIMENTS = (
    Experiment(
        "purify",
        "Washed in noise",
        "Points were pushed over the classifier's line. Noise hides the attack: what does the way back make of it?",
        Purification(),
        (DiffPure(), DiffPure(eta=0.0)),
        THROUGH,
        measure="robust_accuracy",
        picture="purified_points",
        predict=Guess(
            "What share of the attacked points will be right after the way back?",
            *(last("robust_accuracy"), 0.0, 1.0),
            theory=expected_share,
            log=False,
            close=1.05,
        ),
        why=(
            "The attack moves points off the line on which the data lie, to where the classifier was never right. "
            "Noise mixes clean and attacked points, so that the two laws come nearer to each other; the way back "
            "follows the score of the clean law, which knows of no points off the line, and puts them on it again. A "
            "few are lost for good: those that the noise carried over to the other class."
        ),
        formula=r"\frac{d}{dt}\,\mathrm{KL}(p_t\,\|\,q_t)\le 0",
        level=1,
        minutes=4,
        then="how_much_noise",
    ),
    Experiment(
        "how_much_noise",
        "How much noise cleans best?",
        "Too little leaves the attack, too much loses the class. Where is the best t*, and whose curve is higher?",
        Purification(),
        (
            DiffPureLadder(),
            DiffPureLadder(purifier=DiffPure(eta=0.0)),
            DiffPureLadder(purifier=DiffPure(adaptive=True)),
        ),
        THROUGH,
        measure="robust_accuracy",
        against="diffusion_time",
        picture="purified_points",
        predict=Guess("Which $t^*$ is best for the first method?", best_time, 0.01, 1.0, close=1.5),
        why=(
            "With little noise the way back leads to where the attack has put the points. With much noise the class "
            "itself is lost, and what comes back is a draw from all the data: right by chance. Robust accuracy is best "
            "in between. An attack that knows the purification and goes through it does little harm at the best $t^*$, "
            "and more where there is more noise than needed."
        ),
        formula=r"x_{t^*}=\alpha_{t^*}\,x_a+\sigma_{t^*}\,\varepsilon",
        level=1,
        minutes=6,
        then="purified_digits",
    ),
    Experiment(
        "purified_digits",
        "Attacked digits",
        "Logistic regression is fooled by changes one hardly sees. How many digits does purification save, and when?",
        Purification(law=DIGITS, particles=64, size=1.5),
        tuple(DiffPureLadder(purifier=DiffPure(rule="DDIM", steps=20, eta=eta)) for eta in (1.0, 0.0)),
        THROUGH,
        measure="robust_accuracy",
        against="diffusion_time",
        picture="purified_digits",
        predict=Guess(
            "Noised all the way, to $t^*=1$, and brought back: what share of the digits is right?",
            *(last("robust_accuracy"), 0.0, 1.0),
            theory=lambda runs: 1 / len(np.unique(runs[0].problem.parts[1])),  # a draw from all of the data
            log=False,
            close=1.1,
        ),
        why=(
            "A little noise hides a change that one hardly sees, and the way back finds the digit again. At $t^*=1$ "
            "nothing is left of it: the reverse equation then draws from all the data, a digit like any other, which "
            "is right by chance only. In between strokes are lost first, and a digit comes back as another that looks "
            "like it."
        ),
        formula=r"x_0\sim p(x_0\mid x_{t^*}),\qquad p(x_0\mid x_T)\approx p(x_0)",
        level=1,
        minutes=6,
        then="parallel-rounds",
    ),
)
