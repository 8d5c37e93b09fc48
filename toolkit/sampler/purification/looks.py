"""What is seen of a purification: points or images, accuracies; and questions to begin with."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.stop import THROUGH
from toolkit.sampler.purification.diffpure import DiffPure
from toolkit.sampler.purification.noise_ladder import DiffPureLadder, PurificationLadder
from toolkit.sampler.purification.problems import DIGITS, LINE, Purification
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
    ),
    Experiment(
        "purified_digits",
        "Attacked digits",
        "Logistic regression is fooled by changes one hardly sees. Which digits does purification save, which turn?",
        Purification(law=DIGITS, particles=64, size=1.5),
        tuple(DiffPureLadder(purifier=DiffPure(rule="DDIM", steps=20, eta=eta)) for eta in (1.0, 0.0)),
        THROUGH,
        measure="robust_accuracy",
        against="diffusion_time",
        picture="purified_digits",
    ),
)
