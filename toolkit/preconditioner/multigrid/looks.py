"""Questions worth a run: the experiments of this lab, and the small problems on which its claims are checked."""

from __future__ import annotations

from toolkit.core.lab import Experiment
from toolkit.core.stop import THROUGH, Stop
from toolkit.preconditioner.krylov.bicgstab import IDR, BiCGStab
from toolkit.preconditioner.krylov.cg import CG
from toolkit.preconditioner.krylov.chebyshev import ChebyshevIteration
from toolkit.preconditioner.krylov.gmres import GMRES
from toolkit.preconditioner.krylov.minres import MINRES
from toolkit.preconditioner.learning.bandits import ChebCB, FixedOmega, OptimalOmega, TsallisINF
from toolkit.preconditioner.learning.problems import DarcySequence, ShiftedSequence
from toolkit.preconditioner.learning.recycling import GCRODR
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

EXPERIMENTS = (
    Experiment(
        "airfoil",
        "A real matrix",
        "The airfoil of PyAMG's gallery: what does a preconditioner buy, and does CG keep below its bound?",
        Example("airfoil"),
        (CG(), CG(Jacobi()), CG(SSOR()), CG(IC0()), CG(SmoothedAggregation()), SmoothedAggregation()),
        Stop(rtol=1e-10, steps=400),
        measure="energy_error",
        picture="solution",
    ),
    Experiment(
        "mesh",
        "Finer meshes are harder",
        "Turn n up: whose steps grow like n², like n, like √n, and whose do not grow at all?",
        Poisson(n=64),
        (Jacobi(), SOR(), CG(), CG(SSOR()), Multigrid(), CG(Multigrid())),
        Stop(rtol=1e-8, steps=2000),
        picture="error",
    ),
    Experiment(
        "relaxation",
        "Relaxation on the page of a book",
        "Do Jacobi, Gauss–Seidel and SOR converge at the factors that Young computed in 1954?",
        Poisson(n=24),
        (Jacobi(), GaussSeidel(), SOR(), SSOR()),
        Stop(rtol=1e-8, steps=2000),
        picture="error",
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
    ),
    Experiment(
        "recycling",
        "Fifty systems in a row",
        "Darcy flow through fifty random rocks: what is saved by remembering, and by putting like rocks side by side?",
        DarcySequence(),
        (GCRODR(), GCRODR(sort=False), GCRODR(keep=False, sort=False), GCRODR(k=0, keep=False, sort=False)),
        THROUGH,
        measure="remaining",
        against="matvecs",
    ),
    Experiment(
        "learning",
        "Learning ω from the bill",
        "A thousand systems, and SOR is told only how many sweeps it paid. What does it learn?",
        ShiftedSequence(count=1000),
        (TsallisINF(), ChebCB(), FixedOmega(), OptimalOmega()),
        THROUGH,
        measure="mean_cost",
    ),
)
