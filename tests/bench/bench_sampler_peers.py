"""Twenty steps of DPM-Solver++ 2M with an exact score: ours against PyTorch and the scheduler of `diffusers`.

`pytest tests/bench/bench_sampler_peers.py`; 100 000 particles, 50 components in the plane. Each side runs in processes
of its own, in turns, so that neither side's threads spin under the other's; two threads each. The peer computes in
single precision: its score is two matrix products around a softmax. It is measured as it comes, and told to flush
numbers too small for normal ones to zero, which makes it faster at low noise. Ours is in double precision.
"""

import json
import os
import statistics
import subprocess
import sys
import time

PARTICLES, COMPONENTS, STEPS, THREADS, ROUNDS, REPEATS = 100_000, 50, 20, 2, 3, 5
SIDES = ("ours", "as it comes", "flushed")


def problem():
    """The law and its particles, the same on both sides."""
    from toolkit.sampler.laws.mixtures import PlaneMixture

    return PlaneMixture(shape="spiral", components=COMPONENTS, particles=PARTICLES)


def sampled_by_us():
    """A function that samples once, and returns the particles."""
    import toolkit as tk
    from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M

    law = problem()
    law.initial  # noqa: B018 - drawn before the clock runs
    return lambda: tk.solve(law, DPMSolverPP2M(steps=STEPS), tk.Stop(rtol=0.0, steps=None)).solution()


def sampled_by_peer(flush: bool):
    """The same by PyTorch and diffusers, the scheduler's tables replaced by our grid."""
    import numpy as np
    import torch
    from diffusers import DPMSolverMultistepScheduler

    from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M

    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(flush)
    law = problem()
    times = DPMSolverPP2M(steps=STEPS).times(law)
    relative = torch.tensor(np.exp(-law.process.log_snr(times)), dtype=torch.float32)
    first = torch.tensor(law.initial, dtype=torch.float32)
    weights, means, widths = (torch.tensor(one, dtype=torch.float32) for one in law.parts)

    def noise(x, alpha, sigma):
        variance = alpha**2 * widths**2 + sigma**2
        features = torch.cat([x, x.square().sum(dim=1, keepdim=True)], dim=1)
        slopes = torch.cat([(alpha * means / variance[:, None]).T, -0.5 / variance[None]])
        level = torch.log(weights / variance) - 0.5 * alpha**2 * means.square().sum(dim=1) / variance
        share = torch.softmax(torch.addmm(level, features, slopes), dim=1)
        gain = alpha * widths**2 / variance
        both = share @ torch.cat([(1 - alpha * gain)[:, None] * means, gain[:, None]], dim=1)
        return (x - alpha * (both[:, :2] + both[:, 2:] * x)) / sigma

    def sample():
        scheduler = DPMSolverMultistepScheduler(solver_order=2, lower_order_final=False, final_sigmas_type="sigma_min")
        scheduler.set_timesteps(STEPS)
        scheduler.sigmas = relative
        scheduler.set_begin_index(0)
        x = first
        with torch.inference_mode():
            for t, label in zip(times, scheduler.timesteps):
                x = scheduler.step(noise(x, law.process.alpha(t), law.process.sigma(t)), label, x).prev_sample
        return x.numpy()

    return sample


def timed(side: str) -> dict:
    """Seconds of a sampling, median after a warm one, and where the first particles end."""
    sample = sampled_by_us() if side == "ours" else sampled_by_peer(side == "flushed")
    end, seconds = sample(), []
    for _ in range(REPEATS):
        start = time.perf_counter()
        sample()
        seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds), "end": end[:100].tolist()}


def measured(side: str) -> dict:
    """`timed` in a fresh process with two threads."""
    about = dict(os.environ, NUMBA_NUM_THREADS=str(THREADS), OMP_NUM_THREADS=str(THREADS))
    about["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), about.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, __file__, side], env=about, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_against_diffusers():
    import numpy as np
    import pytest

    for name in ("torch", "diffusers"):
        pytest.importorskip(name, reason="diffusers and torch are not installed (the peers extra)")
    rounds = [{side: measured(side) for side in SIDES} for _ in range(ROUNDS)]
    medians = {side: statistics.median(one[side]["seconds"] for one in rounds) for side in SIDES}
    for side in SIDES[1:]:
        print(f"\nours {medians['ours'] * 1e3:.1f} ms, {side} {medians[side] * 1e3:.0f} ms,", end=" ")
        print(f"ratio {medians[side] / medians['ours']:.1f} (target: ≥ 15)")
        np.testing.assert_allclose(rounds[0][side]["end"], rounds[0]["ours"]["end"], atol=1e-3)


if __name__ == "__main__":
    print(json.dumps(timed(sys.argv[1])))
