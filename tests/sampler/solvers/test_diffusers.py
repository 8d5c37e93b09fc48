"""Samplers step by step against the schedulers of `diffusers`: the same grid, model outputs and noise."""

from itertools import pairwise

import numpy as np
import pytest

from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.ddim import DDIM, EulerSampler, HeunSampler
from toolkit.sampler.solvers.deis import DEIS
from toolkit.sampler.solvers.dpmplusplus import DPMSolverPP2S, DPMSolverPP3M
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.pndm import FPNDM
from toolkit.sampler.solvers.unipc import VARIANTS, UniP, UniPC
from toolkit.sampler.stochastic.dpmplusplus import SDEDPMSolverPP1, SDEDPMSolverPP2M

STEPS = 12
SINGLE = 1e-5  # for peers that compute a step in single precision
LOWER = dict(steps=STEPS, start="lower orders")
LAWS = {name: PlaneMixture(particles=20, schedule=name) for name in ("VP linear", "VP cosine")}
on_laws = pytest.mark.parametrize("problem", LAWS.values(), ids=list(LAWS))
on_grids = pytest.mark.parametrize("grid", ["log-SNR", "quadratic"])


@pytest.fixture(scope="module")
def peers():
    """(diffusers, torch), imported once and only here: it takes seconds."""
    reason = "diffusers and torch are not installed (the peers extra)"
    torch = pytest.importorskip("torch", reason=reason)
    return pytest.importorskip("diffusers", reason=reason), torch


def states(problem, method):
    """The particles at every time of the grid, by our sampler."""
    state = method.init(problem)
    yield state.x
    while not state.status.done:
        state = method.step(problem, state)
        yield state.x


def relative(problem, times):
    """σ/α, which the peer calls sigma."""
    return np.exp(-problem.process.log_snr(np.asarray(times)))


def follow(scheduler, torch, problem, times, noises=None):
    """The particles after each of the peer's steps, its tables replaced by the grid's; ε is ours, at its particles."""
    scheduler.set_timesteps(len(times) - 1)
    scheduler.sigmas = torch.tensor(relative(problem, times), dtype=torch.float64)
    scheduler.timesteps = torch.arange(len(times) - 1, 0, -1, dtype=torch.float64)
    scheduler.set_begin_index(0)
    x = torch.tensor(problem.initial)
    yield x.numpy()
    for i, label in enumerate(scheduler.timesteps):
        about = {} if noises is None else dict(variance_noise=torch.tensor(noises[i]))
        eps = torch.tensor(problem.noise(x.numpy(), times[i]))
        x = scheduler.step(eps, label, x, **about).prev_sample
        yield x.numpy()


def agree(ours, theirs, tol=1e-11):
    """Step by step, relative to the largest particle."""
    count = 0
    for mine, other in zip(ours, theirs, strict=True):
        assert np.abs(mine - other).max() <= tol * max(1.0, np.abs(other).max()), f"step {count}"
        count += 1
    assert count == STEPS + 1


def multistep(package, **about):
    """DPM-Solver++ of several steps, no step of lower order at the end."""
    about = dict(lower_order_final=False, final_sigmas_type="sigma_min") | about
    return package.DPMSolverMultistepScheduler(**about)


@on_laws
@on_grids
@pytest.mark.parametrize("order", [1, 2, 3])
def test_dpm_solver_pp(peers, problem, grid, order):
    """Of order 3 as released: with half the curvature."""
    package, torch = peers
    three = DPMSolverPP3M(curvature="half", grid=grid, **LOWER)
    method = {1: DDIM(steps=STEPS, grid=grid), 2: DPMSolverPP2M(steps=STEPS, grid=grid), 3: three}[order]
    scheduler = multistep(package, solver_order=order)
    agree(states(problem, method), follow(scheduler, torch, problem, method.times(problem)), SINGLE)


@on_laws
def test_dpm_solver_pp_with_a_lower_last_step(peers, problem):
    package, torch = peers
    method = DPMSolverPP2M(steps=STEPS, lower_last=True)
    scheduler = multistep(package, solver_order=2, lower_order_final=True)
    agree(states(problem, method), follow(scheduler, torch, problem, method.times(problem)), SINGLE)


@on_laws
@on_grids
@pytest.mark.parametrize("order, kind", [(1, SDEDPMSolverPP1), (2, SDEDPMSolverPP2M)])
def test_dpm_solver_pp_with_noise(peers, problem, grid, order, kind):
    """The peer is given the noise of our path."""
    package, torch = peers
    method = kind(steps=STEPS, grid=grid)
    times = method.times(problem)
    noises = [problem.path_noise(s, t) for s, t in pairwise(times)]
    scheduler = multistep(package, solver_order=order, algorithm_type="sde-dpmsolver++")
    agree(states(problem, method), follow(scheduler, torch, problem, times, noises), SINGLE)


@on_laws
def test_dpm_solver_pp_of_single_steps(peers, problem):
    """The peer's grid has the places between, and it alternates orders 1 and 2."""
    package, torch = peers
    method = DPMSolverPP2S(steps=STEPS)
    times, level = method.times(problem), problem.process.log_snr
    middles = problem.process.time(0.5 * (level(times[:-1]) + level(times[1:])))
    whole = np.append(np.column_stack([times[:-1], middles]).ravel(), times[-1])
    scheduler = package.DPMSolverSinglestepScheduler(
        solver_order=2, algorithm_type="dpmsolver++", lower_order_final=False, final_sigmas_type="sigma_min"
    )
    theirs = list(follow(scheduler, torch, problem, whole))
    agree(states(problem, method), theirs[::2])


@on_laws
@on_grids
@pytest.mark.parametrize("q", [0, 1, 2])
def test_deis(peers, problem, grid, q):
    """The peer's polynomials are in log ρ."""
    package, torch = peers
    method = DEIS(q=q, variable="log ρ", grid=grid, **LOWER)
    scheduler = package.DEISMultistepScheduler(solver_order=q + 1, lower_order_final=False)
    agree(states(problem, method), follow(scheduler, torch, problem, method.times(problem)))


@on_laws
@on_grids
@pytest.mark.parametrize("corrector", [False, True])
@pytest.mark.parametrize("p", [1, 2, 3])
def test_unipc(peers, problem, grid, corrector, p):
    """Both B(h) and both predictions, with the corrector and without."""
    package, torch = peers
    for variant, name in zip(VARIANTS, ("bh1", "bh2")):
        for prediction in ("data", "noise"):
            about = dict(p=p, variant=variant, prediction=prediction, grid=grid, **LOWER)
            method = (UniPC if corrector else UniP)(**about)
            scheduler = package.UniPCMultistepScheduler(
                solver_order=p,
                solver_type=name,
                predict_x0=prediction == "data",
                lower_order_final=False,
                disable_corrector=[] if corrector else list(range(STEPS)),
                final_sigmas_type="sigma_min",
            )
            agree(states(problem, method), follow(scheduler, torch, problem, method.times(problem)))


@on_laws
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(peers, problem, eta):
    """The peer's table of ᾱ is that of our grid."""
    package, torch = peers
    method = DDIM(steps=STEPS, eta=eta)
    times = method.times(problem)
    scheduler = package.DDIMScheduler(num_train_timesteps=STEPS, clip_sample=False)
    scheduler.set_timesteps(STEPS)
    bars = torch.tensor(problem.process.alpha(times) ** 2)
    scheduler.alphas_cumprod, scheduler.final_alpha_cumprod = bars[:-1].flip(0), bars[-1]
    x, theirs = torch.tensor(problem.initial), [problem.initial]
    for i, label in enumerate(scheduler.timesteps):
        eps = torch.tensor(problem.noise(x.numpy(), times[i]))
        noise = torch.tensor(problem.fresh_noise(i)) if eta else None
        x = scheduler.step(eps, int(label), x, eta=eta, variance_noise=noise).prev_sample
        theirs.append(x.numpy())
    agree(states(problem, method), theirs)


@on_laws
def test_pndm(peers, problem):
    """Three pseudo Runge–Kutta steps (twelve calls of the peer), then Adams' rule; ᾱ is ours halfway too."""
    package, torch = peers
    method = FPNDM(steps=STEPS, grid="uniform")
    times = method.times(problem)
    scheduler = package.PNDMScheduler(num_train_timesteps=2 * STEPS)
    scheduler.set_timesteps(STEPS)
    # the peer's number 2k is our step STEPS − 1 − k, odd numbers are halfway to the one before
    where = np.interp(np.arange(2 * STEPS), 2 * np.arange(STEPS), times[-2::-1])
    bars = torch.tensor(problem.process.alpha(where) ** 2)
    scheduler.alphas_cumprod, scheduler.final_alpha_cumprod = bars, torch.tensor(problem.process.alpha(times[-1]) ** 2)
    x, theirs = torch.tensor(problem.initial), [problem.initial]
    for call, label in enumerate(scheduler.timesteps):
        eps = torch.tensor(problem.noise(x.numpy(), float(where[label])))
        x = scheduler.step(eps, int(label), x).prev_sample
        if call >= 12 or call % 4 == 3:
            theirs.append(x.numpy())
    agree(states(problem, method), theirs)


@pytest.mark.parametrize("grid", ["Karras", "log-SNR"])
@pytest.mark.parametrize(
    "problem", [GaussianFlow(particles=20, schedule="EDM"), PlaneMixture(particles=20, schedule="EDM")]
)
def test_euler(peers, problem, grid):
    """On α = 1, σ = t, where the peer lives; in single precision."""
    package, torch = peers
    method = EulerSampler(steps=STEPS, grid=grid)
    scheduler = package.EulerDiscreteScheduler()
    scheduler.is_scale_input_called = True
    agree(states(problem, method), follow(scheduler, torch, problem, method.times(problem)), SINGLE)


@pytest.mark.parametrize("grid", ["Karras", "log-SNR"])
@pytest.mark.parametrize(
    "problem", [GaussianFlow(particles=20, schedule="EDM"), PlaneMixture(particles=20, schedule="EDM")]
)
def test_heun(peers, problem, grid):
    """Two calls of the peer a step: the second at the end of the step."""
    package, torch = peers
    method = HeunSampler(steps=STEPS, grid=grid)
    times = method.times(problem)
    calls = np.concatenate([times[:1], np.repeat(times[1:], 2)])
    theirs = list(follow(package.HeunDiscreteScheduler(), torch, problem, calls))
    agree(states(problem, method), theirs[::2])
