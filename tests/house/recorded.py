"""Makes the record of what a hundred runs give, over every lab and family: `python tests/house/recorded.py`.

It writes `recorded.json`: the processor and the versions, and for each run its spec, its hash, how it ended, its
monitors and its work. That is what a rebuilt house must give back, so it is made again only when a result is meant to
change, and the changelog says so.

Each run is made again in processes that are kept to narrower processors, and on this one with other threads and with
kernels that are compiled anew. It stays in the record when all agree with it to ten digits. Those that do not (chaotic
ones, ties that rounding decides) are named and left out; every family keeps one. Where this processor itself gives
another hash the record has none, and the ten digits hold everywhere. Some fifteen minutes: kernels are compiled anew
three times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rule import NARROWER, PATH, apart, machine, seen

ROOT = Path(__file__).resolve().parents[2]

SAME = {
    "other threads": {"OPENBLAS_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "1"},
    "compiled anew": {},
}


def of(name: str, **knobs) -> dict:
    """A part of a method: a preconditioner, the sampler of a ladder."""
    return {"name": name, "knobs": knobs}


def run(problem: dict, method: dict, steps: int = 12, changes=(), **stop) -> tuple:
    return problem, method, {"steps": steps, **stop}, [list(change) for change in changes]


# By lab and family; names as they stand in specs and links.
# fmt: off
RUNS = {
    "preconditioner": {
        "stationary": [
            run(of("poisson", n=24), of("sor", omega=1.6), 20),
            run(of("convection_diffusion", n=16, peclet=40.0), of("gauss_seidel", direction="backward"), 12),
            run(of("poisson", dim=1, n=16, load="sine"), of("jacobi", omega=0.8), 30),
        ],
        "Krylov": [
            run(of("poisson", n=20), of("cg", preconditioner=of("ic0", shift=0.01)), 40),
            run(of("poisson", dim=3, n=8, load="noise", seed=3),
                of("minres", preconditioner=of("ssor", omega=1.2)), 15),
            run(of("convection_diffusion", n=16, peclet=40.0), of("bicgstab", preconditioner=of("ilu0")), 10),
            run(of("convection_diffusion", n=16, flow="recirculating"),
                of("idr", s=2, preconditioner=of("jacobi")), 12),
            run(of("diffusion", n=16, contrast=100.0), of("fgmres", preconditioner=of("inner_gmres", steps=4), m=8), 8),
            run(of("helmholtz", n=16, wavenumber=8.0),
                of("gmres", preconditioner=of("shifted_laplace", inner=of("threshold_ilu", drop=0.01)), m=6), 12),
        ],
        "incomplete factorisation": [
            run(of("anisotropic", n=16, ratio=10.0), of("ic0"), 15),
            run(of("convection_diffusion", n=12), of("threshold_ilu", drop=0.05), 8),
        ],
        "multigrid": [
            run(of("poisson", n=64), of("multigrid", cycle="W", post=2), 4),
            run(of("anisotropic", n=24, ratio=50.0), of("cg", preconditioner=of("ruge_stuben", sweeps=2)), 8),
            run(of("diffusion", n=24, medium="checkerboard"),
                of("flexible_cg", preconditioner=of("smoothed_aggregation")), 10),
        ],
        "learning ω": [
            run(of("shifted_sequence", count=60), of("tsallis_inf", arms=8, seed=2), 60),
            run(of("shifted_sequence", count=40, variance="low"), of("cheb_cb", arms=8, degree=4), 40),
            run(of("shifted_sequence", count=10), of("fixed_omega", omega=1.6), 10),
        ],
        "deflation": [
            run(of("outliers"), of("cg", preconditioner=of("deflation", count=3)), 12),
        ],
        "polynomial": [
            run(of("poisson", n=16), of("cg", preconditioner=of("chebyshev_polynomial", degree=5)), 10),
            run(of("poisson", n=16), of("symmetric_polynomial", degree=3), 12),
        ],
        "recycling": [
            run(of("darcy_sequence", n=12, count=4), of("gcrodr", m=12, k=4), 40),
        ],
        "domain decomposition": [
            run(of("poisson", n=20), of("cg", preconditioner=of("additive_schwarz", subdomains=4, overlap=2)), 15),
        ],
        "gradient": [
            run(of("poisson", n=16), of("krylov_gradient", degree=3), 10),
            run(of("poisson", n=9), of("fast_gradient", preconditioner=of("jacobi")), 10),
        ],
    },
    "mesh": {
        "adaptive": [
            run(of("l_shape"), of("adaptive", most=800), 8, [(4, {"theta": 0.7})]),
        ],
        "radial elements": [
            run(of("hydrogen_like", Z=3), of("degree_ladder", elements=4), 5),
            run(of("relativistic_ion", Z=47, kappa=1, levels=2), of("dirac_ladder", elements=4), 4),
            run(of("kohn_sham_atom", Z=4), of("self_consistency", p=12, elements=5), 6, [(3, {"damping": 0.4})]),
        ],
        "finite elements": [
            run(of("square", data="layer", width=0.2), of("fem", levels=3, degree=1), 3),
            run(of("l_shape"), of("hpfem", levels=4, grading=0.2), 4),
            run(of("hot_spot", width=0.1), of("chidenn", levels=3), 3),
        ],
        "spectral": [
            run(of("interval", data="layer", width=0.1), of("collocation", start=6, levels=5), 5),
        ],
        "finite differences": [
            run(of("square"), of("finite_differences", order=4, levels=3), 3),
        ],
        "solver": [
            run(of("square"), of("stop_here", preconditioner="none", halvings=3), 8),
        ],
        "compression": [
            run(of("turbulent_field", n=33, decay=5.0), of("mgard", last=0.001), 5),
            run(of("turbulent_field", dim=1, n=200, seed=4), of("level_by_level"), 6),
        ],
        "linear elements": [
            run(of("inclusions", n=12), of("coefficient_sweep", ratio=4.0, last=1000.0), 5),
        ],
        "kinetic": [
            run(of("disparate_mixture", end=0.2), of("ap_disparate_mass", steps=10), 10),
            run(of("disparate_mixture", end=0.1), of("explicit_mixture", steps=80), 80),
        ],
        "phase field": [
            run(of("phase_field", n=24, epsilon=0.08), of("convex_splitting"), 10),
            run(of("phase_field", shape="circle", n=24, epsilon=0.08),
                of("splitting_momentum", momentum=0.6), 12, [(5, {"momentum": 0.3})]),
        ],
        "splines": [
            run(of("curve", omega=6.0), of("spline_fit", degree=2, levels=4), 4),
            run(of("riesz", power=4), of("spline_collocation", levels=3), 3),
        ],
        "differentiable iso-surfaces": [
            run(of("silhouette", balls=2), of("deep_mesh", n=17), 6),
        ],
        "moving mesh": [
            run(of("feature", n=16, width=0.1), of("newton_monge_ampere"), 5),
            run(of("feature", shape="front", n=16, width=0.1), of("parabolic_monge_ampere"), 12, [(6, {"dt": 0.05})]),
            run(of("steep_curve", width=0.1, n=20), of("de_boor", strength=0.6), 8),
        ],
        "policy evaluation": [
            run(of("linear_quadratic", levels=5), of("orthogonality_td", trace=0.5), 5),
            run(of("linear_quadratic", paths=50, levels=5, seed=1),
                of("online_td", batch=16), 12, [(6, {"rate": 1.0})]),
        ],
        "time stepping": [
            run(of("heat", n=20), of("sdirk2", steps=12), 12),
            run(of("van_der_pol", epsilon=0.5, end=1.0), of("runge_kutta_4", steps=40), 40),
        ],
        "splitting": [
            run(of("advection_diffusion", n=24), of("domain_splitting", coarse=4), 6),
        ],
        "RK-TASE": [
            run(of("burgers", n=30, nu=0.05), of("ms_rk_tase_2", steps=20), 20),
            run(of("brusselator", n=12, end=1.0), of("singly_rk_tase", order=2, steps=15), 15),
        ],
        "topology optimisation": [
            run(of("structure", n=12, aspect=2, volume=0.5, tol=1e-9), of("optimality_criteria", move=0.1), 5),
            run(of("structure", design="bridge", n=12, aspect=2, tol=1e-9), of("simpl"), 4),
        ],
        "WKB": [
            run(of("oscillatory_wave", epsilon=0.1), of("truncated_wkb", terms=3), 3),
        ],
    },
    "rank": {
        "hyper-reduction": [
            run(of("viscoplastic_bar", n=40, steps=8, cycles=1), of("full_bar"), 8),
            run(of("viscoplastic_bar", n=40, steps=8, cycles=1), of("nonnegative_cubature", subdomains=2), 6),
        ],
        "low-rank dynamics": [
            run(of("heat_flow", n=12, end=0.5), of("bug_augmented", steps=10, tolerance=0.0001), 10),
            run(of("riccati_flow", n=10), of("projector_splitting", steps=12, rank=2, scheme="Strang"), 12),
            run(of("cube_heat", dimensions=3, n=5), of("tree_bug_parallel", steps=6, tolerance=0.001), 6),
        ],
        "singular vectors": [
            run(of("spectrum_matrix", m=40, n=30), of("truncated_svd", most=16), 5),
        ],
        "sketches": [
            run(of("spectrum_matrix", m=40, n=30), of("randomised_svd", most=8, power=1, seed=5), 4),
            run(of("kernel_matrix", n=40, kernel="exponential"), of("nystrom", most=8), 4),
        ],
        "columns and rows": [
            run(of("cauchy_matrix", m=30, n=24), of("aca", most=8), 8),
            run(of("spectrum_matrix", m=30, n=24), of("deim_cur", most=8), 4),
        ],
        "descent on factors": [
            run(of("gaussian_sensing", side=8), of("scaled_pair", eta=0.4), 20, [(10, {"eta": 0.6})]),
            run(of("gaussian_sensing", side=8, design="all entries"), of("symmetric_descent", seed=1), 25),
        ],
        "alternating minimisation": [
            run(of("completion", rows=30, columns=24, rank=2), of("alt_min"), 6),
        ],
        "Tucker": [
            run(of("grid_function", order=3, n=10), of("hooi", rank=3), 5),
            run(of("grid_function", order=4, n=6), of("sequential_hosvd", rank=3), 4),
        ],
        "core shapes": [
            run(of("unequal_tensor", n=10), of("greedy_packing", budget=120), 8),
        ],
        "canonical polyadic": [
            run(of("planted_tensor", n=8, rank=3, noise=0.1), of("cp_als", rank=2), 10),
        ],
        "empirical interpolation": [
            run(of("moving_source", n=12, fields=40), of("eim", terms=6), 6),
            run(of("moving_source", n=12, fields=40), of("deim", terms=5), 5),
        ],
        "local bases": [
            run(of("solution_family", n=40, fields=40, draws=50), of("local_bases", clusters=3), 6),
        ],
        "reduced basis": [
            run(of("thermal_block", columns=2, rows=2, n=12, training=30, tests=5), of("weak_greedy", dimension=4), 4),
            run(of("slab_scattering", n=40, training=30, tests=6), of("online_frequency", wavenumber=4.0), 5),
        ],
        "a-posteriori estimate": [
            run(of("thermal_block", columns=2, rows=2, n=12, training=30, tests=5),
                of("direct_residual", dimension=3), 3),
        ],
        "fast summation": [
            run(of("kernel_sum", points=120, levels=2), of("empirical_multipole", rank=8), 8),
        ],
        "functional Tucker": [
            run(of("continuous_entries", observations=60, tests=20), of("functional_tucker", starts=2), 4),
            run(of("continuous_entries", observations=60, tests=20), of("binned_tucker", bins=6, starts=2), 4),
        ],
        "Givens rotations": [
            run(of("random_pairs", field="real", batch=500), of("givens_reciprocal"), 3),
        ],
        "moving bases": [
            run(of("travelling_front", n=60, times=30), of("eulerian_pod", modes=6), 6),
            run(of("travelling_front", kind="viscous Burgers", n=60, times=30), of("lagrangian_pod", modes=3), 3),
        ],
        "low-rank training": [
            run(of("digits_training", images=80, hidden=12, start_rank=4), of("uv_descent", steps=10), 10),
            run(of("digits_training", images=80, hidden=12, start_rank=4), of("full_descent", steps=8, rate=0.05), 8),
        ],
        "mesh-free Tucker": [
            run(of("potential", particles=4, n=12), of("chebyshev_tucker", degree=12, tolerance=0.001), 6),
        ],
        "nonintrusive": [
            run(of("moving_inclusion", n=40, training=30, tests=5), of("nonintrusive_matrices", terms=5), 5),
            run(of("affine_matrices", size=6, training=60, tests=4),
                of("powers_by_interpolation", power=6, terms=5), 5),
        ],
        "nuclear norm": [
            run(of("completion", rows=24, columns=20, rank=2), of("svt_completion"), 20, [(8, {"delta": 1.2})]),
            run(of("completion", rows=24, columns=20, rank=2), of("fista_completion", penalty=0.1), 12),
        ],
        "observers": [
            run(of("watched_rod", n=16, steps=50), of("moment_matching_observer"), 40),
        ],
        "recovery": [
            run(of("recoverability", side=10, ranks=2, numbers=4, trials=1), of("phase_diagram", order="random"), 4),
        ],
        "random pivots": [
            run(of("gram_matrix", n=5), of("random_jacobi", repetitions=8), 10),
            run(of("gram_matrix", n=6), of("random_cholesky", repetitions=8, seed=2), 10),
        ],
        "estimation": [
            run(of("completion", rows=40, columns=20, rank=2, noise=0.3), of("thresholded_svd", factor=1.2), 2),
        ],
        "updates of an SVD": [
            run(of("growing_matrix", m=60, n=50, density=0.1, block=10), of("zha_simon", rank=6), 3),
            run(of("growing_matrix", m=60, n=50, density=0.1, block=10), of("sparse_update", rank=6), 3),
        ],
        "tensor train": [
            run(of("planted_tensor", structure="tt", order=4, n=5, rank=3, noise=0.01), of("train_svd", rank=3), 3),
            run(of("grid_function", order=4, n=6), of("train_cross", rank=2), 3),
        ],
    },
    "sampler": {
        "sampler": [
            run(of("plane_mixture", particles=32), of("dpm_solver_pp2m", steps=8, lower_last=True), 8),
            run(of("gaussian_flow", particles=32, schedule="EDM"), of("heun_sampler", steps=8, grid="Karras"), 8),
            run(of("space_mixture", particles=24, dimension=3, components=4), of("uni_pc", steps=6, p=3), 6),
            run(of("guided_mixture", particles=16, schedule="VP cosine"), of("ddim", steps=8, eta=0.5), 8),
        ],
        "ladder": [
            run(of("gaussian_flow", particles=16),
                of("step_ladder", sampler=of("dpm_solver2s", ratio=0.6), rungs=3, most=32), 3),
        ],
        "adaptive": [
            run(of("gaussian_flow", particles=8), of("adaptive_solver", tolerance=0.001), 20),
        ],
        "adjoint": [
            run(of("latent_gradient", particles=6, law="Gaussian"), of("adjoint_deis2m", steps=8), 16),
        ],
        "training": [
            run(of("gaussian_flow", particles=16),
                of("bespoke_training", steps=3, samples=8, iterations=5), 5, [(3, {"rate": 0.01})]),
        ],
        "chain": [
            run(of("chain", length=16, dimension=6), of("jacobi_sweeps"), 8),
            run(of("descent", length=16, dimension=3), of("descent_rounds", window=8), 8),
        ],
        "purification": [
            run(of("purification", particles=8),
                of("diff_pure_ladder", purifier=of("diff_pure", steps=8, eta=0.5), rungs=3), 3),
            run(of("purification", particles=8), of("diff_pure", steps=10), 10),
        ],
        "Hamiltonian": [
            run(of("minibatch_regression", features=1, batches=3), of("sghmc", rounds=6, particles=50), 12),
        ],
        "parallel": [
            run(of("gaussian_flow", particles=8), of("picard_sampler", steps=16, window=8), 8),
        ],
    },
}
# fmt: on


def specs():
    """(name, family, spec) of every run, as a link or a saved history would carry them."""
    names = set()
    for lab, families in RUNS.items():
        for family, runs in families.items():
            for problem, method, stop, changes in runs:
                name = plain = f"{lab}-{problem['name']}-{method['name']}"
                while name in names:
                    name = f"{plain}-{int(name[len(plain) + 1 :] or 1) + 1}"
                names.add(name)
                asked = {"problem": placed(problem, lab), "method": placed(method, lab)}
                yield name, f"{lab}: {family}", {"schema": 1, **asked, "stop": stop, "changes": changes}


def placed(part: dict, lab: str) -> dict:
    """A problem or a method with its lab, and the parts within it."""
    inner = {name: placed(v, lab) if isinstance(v, dict) else v for name, v in part["knobs"].items()}
    return {"lab": lab, "name": part["name"], "knobs": inner}


def main() -> None:
    """Make every run here and on the narrower processors, and write those that agree."""
    here, lost = made({}, fresh=False), {}
    for words, settings in (SAME | NARROWER).items():
        for name, now in made(settings, fresh=words != "other threads").items():
            was = here[name]
            if found := apart(was, now):
                lost.setdefault(name, f"{words}: {'; '.join(found)}")
            elif words in SAME and was["hash"] not in (None, now["hash"]):
                print("no hash:", name, "|", words)
                was["hash"] = None
    for name, why in lost.items():
        print("left out:", name, "|", why)
    kept = {name: one for name, one in here.items() if name not in lost}
    bare = {one["family"] for one in here.values()} - {one["family"] for one in kept.values()}
    if bare:
        sys.exit(f"No run is left of {', '.join(sorted(bare))}: give others.")
    PATH.write_text(json.dumps({"machine": machine().words(), "runs": kept}, indent=1, sort_keys=True) + "\n")
    print(len(kept), "runs recorded")


def made(settings: dict, fresh: bool) -> dict:
    """Every run by name, made in a process with these settings; fresh: with an empty cache of kernels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seen.json"
        cache = {"NUMBA_CACHE_DIR": str(Path(folder) / "cache")} if fresh else {}
        command = [sys.executable, __file__, str(path)]
        subprocess.run(command, env={**os.environ, **settings, **cache}, cwd=ROOT, check=True)
        return json.loads(path.read_text())


def write(path: str) -> None:
    """Make every run in this process and write what it gave."""
    found = {name: {"family": family, **seen(spec)} for name, family, spec in specs()}
    Path(path).write_text(json.dumps(found))


if __name__ == "__main__":
    write(sys.argv[1]) if len(sys.argv) > 1 else main()
