"""A race exported from the convergence toolkit: it repeats the runs and checks their traces."""

import toolkit as tk
from toolkit.mesh.features import Feature
from toolkit.mesh.mongeampere import NewtonMongeAmpere, ParabolicMongeAmpere

problem = Feature(shape='front', width=0.1, n=16)
stop = tk.Stop(rtol=1e-06)

runs = []

run = tk.Run(problem, ParabolicMongeAmpere(), stop)
run.step(6)
run.turn(dt=0.05)
run.step(6)
runs.append((run, "a10d4afcd37163e8"))

run = tk.Run(problem, NewtonMongeAmpere(), stop)
run.finish()
runs.append((run, "124ef502bd65085c"))

for run, seen in runs:
    found = run.history.trace_hash()
    same = "" if not seen else " as seen" if found == seen else f" but {seen} was seen"
    print(f"{run.method.label()}: {run.k} steps, {run.status}; trace {found}{same}")
