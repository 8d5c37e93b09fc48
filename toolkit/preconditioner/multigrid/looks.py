"""Questions worth a run: the experiments of this lab, and the small problems on which its claims are checked."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment
from toolkit.core.prediction import YES_NO, Guess, Pick, Sketch, Truth, first_there, needed, whether
from toolkit.core.stop import Stop
from toolkit.preconditioner.krylov.bicgstab import IDR, BiCGStab
from toolkit.preconditioner.krylov.cg import CG
from toolkit.preconditioner.krylov.chebyshev import ChebyshevIteration
from toolkit.preconditioner.krylov.gmres import GMRES
from toolkit.preconditioner.krylov.method import chebyshev_factor
from toolkit.preconditioner.krylov.minres import MINRES
from toolkit.preconditioner.learning.problems import DarcySequence, ShiftedSequence
from toolkit.preconditioner.multigrid.algebraic import RugeStuben, SmoothedAggregation
from toolkit.preconditioner.multigrid.geometric import Multigrid
from toolkit.preconditioner.multigrid.schwarz import AdditiveSchwarz
from toolkit.preconditioner.stationary.incomplete import IC0, ILU0, ThresholdILU
from toolkit.preconditioner.stationary.polynomial import SymmetricPolynomial
from toolkit.preconditioner.stationary.relaxation import SOR, SSOR, GaussSeidel, Jacobi
from toolkit.preconditioner.stationary.shifted_laplace import ShiftedLaplace
from toolkit.preconditioner.stencils.convection import ConvectionDiffusion
from toolkit.preconditioner.stencils.diffusion import Diffusion
from toolkit.preconditioner.stencils.helmholtz import Helmholtz
from toolkit.preconditioner.stencils.poisson import Anisotropic, Poisson
from toolkit.preconditioner.systems.digit_graph import GraphLaplacian
from toolkit.preconditioner.systems.gallery import Example
from toolkit.preconditioner.systems.matrix_market import MatrixMarket
from toolkit.preconditioner.systems.outliers import Outliers

CASES = (
    Poisson(dim=1, n=16),
    Poisson(dim=2, n=12),
    Anisotropic(n=12, ratio=100.0),
    Diffusion(n=12, medium="checkerboard", contrast=1e4, features=3),
    ConvectionDiffusion(n=12, peclet=40.0),
    Helmholtz(n=12, wavenumber=8.0),
    GraphLaplacian(images=120, labelled=12),
    Example("unit_cube"),
    MatrixMarket("recirc_flow"),
    Outliers(),
    ShiftedSequence(count=700),
    DarcySequence(n=24, count=12, modes=3, spread=1.0),
)


def fewer(one: int, other: int) -> Truth:
    """By what factor the other method needed fewer steps; None where one of the two did not converge."""

    def truth(runs):
        many, few = needed(one)(runs), needed(other)(runs)
        return None if None in (many, few) else many / few

    return truth


def fewer_steps(one: int, other: int) -> Truth:
    """Yes where the one method needed fewer steps than the other."""
    return whether(lambda runs: None if (found := fewer(other, one)(runs)) is None else found > 1)


def most_steps(of: int, digits: float = 8.0) -> Truth:
    """Steps after which CG's bound has every residual at 10^−digits: ‖r_k‖/‖r_0‖ ≤ √κ ‖e_k‖_A/‖e_0‖_A."""

    def truth(runs):
        kappa = runs[of].problem.condition
        return float(np.ceil(np.log(2 * np.sqrt(kappa) * 10**digits) / -np.log(chebyshev_factor(kappa))))

    return truth


def memory(runs) -> int | None:
    """Of MINRES (the first) and GMRES (the third): 0 the same number of products within a tenth, 1 GMRES, 2 MINRES."""
    short, long = needed(0, "matvecs")(runs), needed(2, "matvecs")(runs)
    if None in (short, long):
        return None
    return 0 if abs(short - long) <= 0.1 * min(short, long) else 1 if long < short else 2


EXPERIMENTS = (
    Experiment(
        "relaxation",
        "Relaxation on the page of a book",
        "Do Jacobi, Gauss–Seidel and SOR converge at the factors that Young computed in 1954?",
        Poisson(n=24),
        (Jacobi(), GaussSeidel(), SOR(), SSOR()),
        Stop(rtol=1e-8, steps=3000),
        picture="error",
        predict=Pick("Which of the four is first at eight digits, counted in steps?", first_there(), theory=2),
        why="On the logarithmic axis every curve becomes a straight line: a step takes away the same share of "
        r"the error, and the smoothest wave on the grid sets that share. Jacobi leaves $\mu = \cos \pi h$ "
        r"of it, Gauss–Seidel $\mu^2$, so that it needs half as many steps. Young saw that to go further "
        r"than each equation asks, by the right $\omega$, leaves only $\omega - 1$: then steps grow like "
        "$n$ and no longer like $n^2$.",
        formula=r"\rho = \omega - 1, \qquad \omega = \frac{2}{1 + \sqrt{1 - \mu^2}}, \qquad \mu = \cos \pi h",
        level=0,
        minutes=5,
        then="too_long",
    ),
    Experiment(
        "mesh",
        "Finer meshes are harder",
        "Turn n up: whose steps grow like n², like n, like √n, and whose do not grow at all?",
        Poisson(n=64),
        (Jacobi(), SOR(), CG(), CG(SSOR()), Multigrid(), CG(Multigrid())),
        Stop(rtol=1e-8, steps=2000),
        picture="error",
        predict=Guess(
            "How many steps does CG without a preconditioner need for eight digits, with 64 intervals a side?",
            needed(2),
            low=10,
            high=5000,
            theory=most_steps(2),
            limit=True,
            unit="steps",
            whole=True,
        ),
        why=r"The condition number of the grid grows like $n^2$, Jacobi's steps like $\kappa$ and those of SOR "
        r"and CG like $\sqrt{\kappa} \sim n$; SSOR as a preconditioner takes the root once more. Multigrid "
        "does not notice $n$: what is smooth on one grid is rough on a coarser one, where it costs less to "
        "be rid of it. The promised limit of CG knows only the two ends of the spectrum; CG itself sees "
        "all of it and is there earlier.",
        formula=r"\frac{\|x - x_k\|_A}{\|x - x_0\|_A} \le 2 \left( \frac{\sqrt{\kappa} - 1}{\sqrt{\kappa} + 1} "
        r"\right)^k, \qquad \kappa \approx \frac{4 n^2}{\pi^2}",
        minutes=6,
        then="airfoil",
    ),
    Experiment(
        "airfoil",
        "A real matrix",
        "The airfoil of PyAMG's gallery: what does a preconditioner buy, and does CG keep below its bound?",
        Example("airfoil"),
        (CG(), CG(Jacobi()), CG(SSOR()), CG(IC0()), CG(SmoothedAggregation()), SmoothedAggregation()),
        Stop(rtol=1e-10, steps=400),
        measure="energy_error",
        picture="solution",
        predict=Pick("Counted in steps, which one is first at ten digits?", first_there(), theory=4),
        why="A preconditioner replaces $A$ by $M^{-1} A$, whose eigenvalues lie closer together; the bound of "
        r"CG knows nothing of them but $\kappa(M^{-1} A)$. Aggregation brings it near one, IC(0) and SSOR "
        "to some seven, the diagonal changes little: the order of the bounds is the order of the curves, "
        "and all keep below their own. A step of multigrid costs several products, so look at the seconds, "
        "too.",
        formula=r"\frac{\|x - x_k\|_A}{\|x - x_0\|_A} \le 2 \left( \frac{\sqrt{\kappa(M^{-1}A)} - "
        r"1}{\sqrt{\kappa(M^{-1}A)} + 1} \right)^k",
        minutes=5,
        then="contrast",
    ),
    Experiment(
        "contrast",
        "A checkerboard of sand and clay",
        "Raise the contrast from 1 to a million: which preconditioner does not notice?",
        Diffusion(n=64, medium="checkerboard", contrast=1e4),
        (CG(), CG(Jacobi()), CG(IC0()), CG(AdditiveSchwarz()), CG(Multigrid()), CG(RugeStuben())),
        Stop(rtol=1e-8, steps=1500),
        measure="energy_error",
        picture="medium",
        predict=Guess(
            "By what factor does dividing by the diagonal cut the steps of CG, at a contrast of ten thousand?",
            fewer(0, 1),
            low=1,
            high=200,
            close=1.5,
        ),
        why="Where a cell conducts well the rows of the matrix are large, and the condition number grows with "
        "the contrast. Dividing by the diagonal takes away most of it: among all diagonal scalings this "
        "one is within a factor of the best that is the number of entries in a row (van der Sluis). What "
        "is left is of the kind of a plain grid, which only multigrid and, with its coarse space, Schwarz "
        "make short; no bound that is free of the contrast is claimed here for a checkerboard.",
        formula=r"\kappa(D^{-1/2} A D^{-1/2}) \le m \, \min_{E \text{ diagonal}} \kappa(E A E), \qquad D = "
        r"\operatorname{diag}(A), \quad m \text{ entries a row}",
        level=2,
        minutes=6,
        then="photograph",
    ),
    Experiment(
        "photograph",
        "Flow through a photograph",
        "Brightness is permeability, from one to a million. Can multigrid see through the picture?",
        Diffusion(n=128, medium="photograph", contrast=1e6),
        (CG(Jacobi()), CG(IC0()), CG(Multigrid()), CG(SmoothedAggregation())),
        Stop(rtol=1e-8, steps=2000),
        measure="energy_error",
        picture="solution",
        predict=Pick("Which preconditioner needs the fewest steps?", first_there()),
        why="In a photograph the permeability jumps by decades from pixel to pixel, and a coarse grid that "
        "averages would lose the channels through which all flows. Black-box multigrid lets the matrix "
        r"itself say how to interpolate, and its coarse matrices are $P^{\mathsf T} A P$: the correction is "
        "then the best one, in energy, that the coarse grid can make. Aggregation gets there too; a "
        "diagonal or IC(0) sees neighbours only.",
        formula=r"A_c = P^{\mathsf T} A P, \qquad \|e - P e_c\|_A = \min_{v} \|e - P v\|_A",
        level=2,
        minutes=5,
        then="anisotropy",
    ),
    Experiment(
        "anisotropy",
        "A preferred direction",
        "Anisotropy breaks point smoothers; semicoarsening mends that. What happens as the grain turns off the axes?",
        Anisotropic(n=64, ratio=1000.0),
        (CG(), CG(IC0()), CG(Multigrid()), CG(SmoothedAggregation()), CG(RugeStuben())),
        Stop(rtol=1e-8, steps=1000),
        measure="energy_error",
        picture="error",
        predict=Pick(
            "Smoothed aggregation won on the airfoil. Does it need fewer steps here than IC(0)?",
            fewer_steps(3, 1),
            options=YES_NO,
        ),
        why="Errors become smooth along the strong direction only, so a coarse grid or an aggregate must not "
        r"reach across it. Aggregation at $\theta = 0$ calls every coupling strong and does; Ruge and "
        r"Stüben's $\theta = 1/4$ and semicoarsening do not. IC(0) drops next to nothing, as the strong "
        "couplings alone make tridiagonal blocks, and on these it is exact: turn the angle, and they are "
        "none any more.",
        formula=r"-\partial_x (a \, \partial_x u) - \partial_y (b \, \partial_y u) = f, \qquad j \text{ strong for "
        r"} i: \; -a_{ij} \ge \theta \max_{k \ne i} (-a_{ik})",
        level=2,
        minutes=6,
        then="outliers",
    ),
    Experiment(
        "outliers",
        "A few eigenvalues far away",
        "Widen the gap: why does CG need two steps more and no other, and what does the symmetric polynomial see?",
        Outliers(gap=1000.0),
        (CG(), CG(Jacobi()), CG(SymmetricPolynomial()), ChebyshevIteration()),
        Stop(rtol=1e-10, steps=400),
        measure="energy_error",
        picture="spectrum",
        predict=Pick(
            "Counted in products with the matrix, which one is first at ten digits?",
            first_there("matvecs"),
            theory=0,
        ),
        why="CG chooses the best polynomial for the eigenvalues as they are. It may spend one zero on each "
        "outlier, and all others on the bulk: in exact arithmetic two outliers cost two steps however far "
        "away they are, with rounding a few more. Chebyshev's polynomial is made for the whole interval, "
        "so that it pays for the gap. The symmetric polynomial cuts the outliers off without knowing them, "
        "but its three products a step lie in the space over which CG, with as many products, is the best "
        "already.",
        formula=r"\frac{\|x - x_k\|_A}{\|x - x_0\|_A} \le 2 \left( \frac{\sqrt{\kappa'} - 1}{\sqrt{\kappa'} + 1} "
        r"\right)^{k - m}, \qquad \kappa' = \frac{\lambda_{n-m}}{\lambda_1}, \quad m \text{ outliers}",
        level=2,
        minutes=6,
        then="lost_orthogonality",
    ),
    Experiment(
        "convection",
        "Stronger wind",
        "Without symmetry no one method wins. Who copes with a Péclet number of 10, 1000, 100000?",
        ConvectionDiffusion(n=48, peclet=200.0, flow="recirculating"),
        (GMRES(), GMRES(preconditioner=ILU0()), BiCGStab(), BiCGStab(ILU0()), IDR(), GaussSeidel()),
        Stop(rtol=1e-8, steps=1500),
        against="matvecs",
        picture="solution",
        predict=Pick("Counted in products with the matrix, which method is first?", first_there("matvecs")),
        why="With wind the matrix is not symmetric: its eigenvectors are not orthogonal, and eigenvalues no "
        "longer say how fast a method is. GMRES is the best that one can do with as many products, but it "
        "must remember all of them, and forgets when it starts again. BiCGStab and IDR remember a few "
        "vectors and promise nothing. An incomplete factorisation brings all eigenvalues nearer to one, "
        "and helps long and short memory alike.",
        formula=r"\|r_k\| = \min_{p \in \mathcal{P}_k, \; p(0) = 1} \|p(A) \, r_0\|",
        level=2,
        minutes=6,
        then="wrong_sign",
    ),
    Experiment(
        "helmholtz",
        "Waves",
        "An indefinite matrix: CG may not start. What do a shift, and a longer memory, do for the wave?",
        Helmholtz(n=20, wavenumber=14.0, load="noise"),
        (MINRES(), MINRES(ShiftedLaplace(inner=IC0())), GMRES(m=300), GMRES(m=300, preconditioner=ThresholdILU())),
        Stop(rtol=1e-8, steps=1500),
        against="matvecs",
        picture="spectrum",
        predict=Pick(
            "GMRES keeps all vectors, MINRES only the last few. Without a preconditioner, who needs fewer products?",
            memory,
            theory=0,
            options=("both the same, within a tenth", "GMRES", "MINRES"),
        ),
        why="A wave makes eigenvalues of both signs, and then the energy that CG minimises is not one; CG is "
        "refused here before it starts. MINRES and GMRES minimise the same residual over the same space, "
        "so a longer memory brings nothing but protection from rounding while the matrix is symmetric. The "
        r"shifted Laplacian draws the eigenvalues together, to $(\lambda - k^2)/(\lambda + k^2)$ where it "
        "is solved exactly; an incomplete factorisation that keeps nearly all is nearly a direct solution.",
        formula=r"\frac{\|r_k\|}{\|r_0\|} \le 2 \left( \frac{\sqrt{ad} - \sqrt{bc}}{\sqrt{ad} + \sqrt{bc}} "
        r"\right)^{\lfloor k/2 \rfloor}, \qquad \lambda \in [-a, -b] \cup [c, d], \; a - b = d - c",
        level=2,
        minutes=7,
        then="digits",
    ),
    Experiment(
        "digits",
        "Eight or not?",
        "Thirty handwritten digits are labelled, a graph spreads the labels. How many labels make the system easy?",
        GraphLaplacian(),
        (CG(), CG(Jacobi()), CG(IC0()), ChebyshevIteration(), CG(SmoothedAggregation())),
        Stop(rtol=1e-8, steps=800),
        measure="energy_error",
        picture="points",
        predict=Sketch(
            "Draw the line along which Chebyshev's semi-iteration comes down, the slowest of the five.",
            "energy_error",
            of=3,
        ),
        why="Every label pins the graph down at one place: the fewer there are, the smaller is the least "
        r"eigenvalue, and the larger $\kappa$. Chebyshev's method is given the two ends of the spectrum and "
        "falls by just what they allow, a straight line. CG is told nothing, finds the few small "
        "eigenvalues by itself, and from then on goes faster than any promise that knows the ends only.",
        formula=r"\frac{\|r_k\|}{\|r_0\|} \le \frac{1}{T_k\!\left( \frac{\kappa + 1}{\kappa - 1} \right)} \le 2 "
        r"\left( \frac{\sqrt{\kappa} - 1}{\sqrt{\kappa} + 1} \right)^k",
        minutes=6,
        then="recycling",
    ),
)
