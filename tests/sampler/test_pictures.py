"""Which pictures there are of a run is known without computing any; those that there are have something to show."""

import numpy as np
import pytest
from every import suited

import toolkit as tk
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.purification.diffpure import DiffPure
from toolkit.sampler.purification.noise_ladder import DiffPureLadder
from toolkit.sampler.purification.problems import DIGITS, Purification
from toolkit.sampler.solvers.ddim import DDIM
from toolkit.sampler.solvers.step_ladder import StepLadder

LAB = tk.lab("sampler")
# the picture that a page opens with, of each kind of problem: of a sampling, of a ladder, of what learns
FIRST = {
    "plane_mixture": {"cloud", "ends", "learnt_clock", "schedule_chosen"},
    "guided_mixture": {"cloud", "ends", "learnt_clock", "schedule_chosen"},
    "digits": {"samples"},
    "chain": {"chain_nodes"},
    "descent": {"chain_nodes"},
    "purification": {"purified_points"},
    "minibatch_regression": {"phase_plane"},
    "latent_gradient": set(),
    "path_gradient": set(),
}


def shown(problem, method) -> list[str]:
    """The names of the pictures of a run of three steps, each of them drawn."""
    state = tk.Run(problem, method, THROUGH_GROWTH).step(3).state
    found = [picture for picture in LAB.pictures if picture.applies(problem, state)]
    for picture in found:
        arrays = picture.data(problem, state)
        assert arrays, (picture.name, problem)
        for one in arrays.values():
            assert all(np.isfinite(part).all() for part in (one if isinstance(one, tuple) else (one,))), picture.name
    return [picture.name for picture in found]


@pytest.mark.parametrize("name", LAB.methods())
def test_pictures_of_a_run_have_something_to_show(name):
    for problem, method in suited("sampler", name):
        names = shown(problem, method)
        if problem.slug() in FIRST:
            assert set(names[:1]) <= FIRST[problem.slug()], (problem, names)


def test_every_picture_is_of_something():
    """A run of each family, and what the small cases leave out: attacked digits, and what is fitted."""
    digits = Purification(law=DIGITS, particles=4)
    pairs = [(digits, DiffPure(steps=4)), (digits, DiffPureLadder(purifier=DiffPure(steps=4), rungs=5))]
    names = {"iia_ddim", "dpm_solver_v3", "dc_solver", "bespoke_training", "schedule_search", "picard_sampler"}
    names |= {"jacobi_sweeps", "descent_rounds", "diff_pure_ladder", "sghmc", "step_ladder"}
    pairs += [suited("sampler", name)[-1 if name == "step_ladder" else 0] for name in sorted(names)]
    pairs += [(Digits(particles=4), DDIM())]
    found = {name for pair in pairs for name in shown(*pair)}
    assert found == {picture.name for picture in LAB.pictures}


def test_before_the_first_step_there_is_no_way_yet():
    (problem, method), *_ = suited("sampler", "ddim")
    state = method.init(problem)
    ways = next(picture for picture in LAB.pictures if picture.name == "ways")
    assert ways.applies(problem, state) and ways.data(problem, state) is None


def test_a_ladder_shows_where_particles_end_and_no_single_steps():
    (problem, _), *_ = suited("sampler", "ddim")
    assert shown(problem, StepLadder(sampler=DDIM(), rungs=5)) == ["ends"]
