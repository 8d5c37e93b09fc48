"""A race exported from the convergence toolkit: it repeats the runs and checks their traces."""

import toolkit as tk
from toolkit.rank.cp import CpAls
from toolkit.rank.tensors import PlantedTensor
from toolkit.rank.train import TrainSvd
from toolkit.rank.tucker import Hooi

problem = PlantedTensor(n=8, rank=3, noise=0.1)
stop = tk.Stop(steps=2)

runs = []

run = tk.Run(problem, Hooi(rank=3), stop)
run.finish()
runs.append((run, "68bdf72e399cbd82"))

run = tk.Run(problem, CpAls(rank=3), stop)
run.finish()
runs.append((run, "2e11af1020f1a4a2"))

run = tk.Run(problem, TrainSvd(rank=3), stop)
run.finish()
runs.append((run, "97a6f1020678780f"))

for run, seen in runs:
    found = run.history.trace_hash()
    same = "" if not seen else " as seen" if found == seen else f" but {seen} was seen"
    print(f"{run.method.label()}: {run.k} steps, {run.status}; trace {found}{same}")
