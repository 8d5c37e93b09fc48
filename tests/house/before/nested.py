"""A race exported from the convergence toolkit: it repeats the runs and checks their traces."""

import toolkit as tk
from toolkit.preconditioner import AdditiveSchwarz, CG, FlexibleCG, GMRES, IC0, Poisson, SmoothedAggregation

problem = Poisson(n=24, load='noise')
stop = tk.Stop(rtol=1e-06, steps=30)

runs = []

run = tk.Run(problem, CG(preconditioner=IC0(shift=0.01)), stop)
run.finish()
runs.append((run, "6d9cdde08e68ac42"))

run = tk.Run(problem, FlexibleCG(preconditioner=SmoothedAggregation()), stop)
run.finish()
runs.append((run, "f7d53fba120aea85"))

run = tk.Run(problem, GMRES(preconditioner=AdditiveSchwarz(subdomains=4), m=10), stop)
run.finish()
runs.append((run, "516fb1b4f53051dd"))

for run, seen in runs:
    found = run.history.trace_hash()
    same = "" if not seen else " as seen" if found == seen else f" but {seen} was seen"
    print(f"{run.method.label()}: {run.k} steps, {run.status}; trace {found}{same}")
