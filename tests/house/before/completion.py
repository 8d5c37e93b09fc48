"""A race exported from the convergence toolkit: it repeats the runs and checks their traces."""

import toolkit as tk
from toolkit.rank.completion import AltMin
from toolkit.rank.nuclear import SvtCompletion
from toolkit.rank.recovery import Completion
from toolkit.rank.sensing import ScaledPair

problem = Completion(rows=30, columns=24, rank=2)
stop = tk.Stop(rtol=1e-06)

runs = []

run = tk.Run(problem, SvtCompletion(), stop)
run.step(5)
run.turn(delta=1.2)
run.step(5)
runs.append((run, "3dca8b984ffd56dc"))

run = tk.Run(problem, AltMin(), stop)
run.step(10)
runs.append((run, "3b2178ee79556396"))

run = tk.Run(problem, ScaledPair(eta=0.4), stop)
run.step(10)
runs.append((run, "b96205a3f4355a6b"))

for run, seen in runs:
    found = run.history.trace_hash()
    same = "" if not seen else " as seen" if found == seen else f" but {seen} was seen"
    print(f"{run.method.label()}: {run.k} steps, {run.status}; trace {found}{same}")
