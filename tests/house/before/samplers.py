"""A race exported from the convergence toolkit: it repeats the runs and checks their traces."""

import toolkit as tk
from toolkit.sampler.deterministic import HeunSampler
from toolkit.sampler.dpmsolver import DPMSolverPP2M
from toolkit.sampler.mixtures import GaussianFlow
from toolkit.sampler.unipc import UniPC

problem = GaussianFlow(particles=32)
stop = tk.Stop()

runs = []

run = tk.Run(problem, DPMSolverPP2M(steps=8), stop)
run.finish()
runs.append((run, "76517a513f22230b"))

run = tk.Run(problem, UniPC(steps=6, p=3), stop)
run.finish()
runs.append((run, "3b3f43b294c44398"))

run = tk.Run(problem, HeunSampler(steps=5, grid='Karras'), stop)
run.finish()
runs.append((run, "62d76354ca9377f6"))

for run, seen in runs:
    found = run.history.trace_hash()
    same = "" if not seen else " as seen" if found == seen else f" but {seen} was seen"
    print(f"{run.method.label()}: {run.k} steps, {run.status}; trace {found}{same}")
