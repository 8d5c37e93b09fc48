"""A race exported from the convergence toolkit: it repeats the runs and checks their traces."""

import toolkit as tk
from toolkit.mesh.parabolic import Heat
from toolkit.mesh.timestep import ImplicitEuler, RungeKutta4, SDIRK2

problem = Heat(n=20)
stop = tk.Stop()

runs = []

run = tk.Run(problem, SDIRK2(steps=12), stop)
run.finish()
runs.append((run, "7c5f79f3287a130e"))

run = tk.Run(problem, ImplicitEuler(steps=16), stop)
run.finish()
runs.append((run, "5e6426c0a67ab190"))

run = tk.Run(problem, RungeKutta4(steps=60), stop)
run.finish()
runs.append((run, "880e3e0bc6e28336"))

for run, seen in runs:
    found = run.history.trace_hash()
    same = "" if not seen else " as seen" if found == seen else f" but {seen} was seen"
    print(f"{run.method.label()}: {run.k} steps, {run.status}; trace {found}{same}")
