"""The preconditioner lab: solvers and preconditioners for linear systems, on model problems and real matrices."""

from toolkit.core.registry import Lab
from toolkit.preconditioner import linalg
from toolkit.preconditioner.amg import RugeStuben, SmoothedAggregation
from toolkit.preconditioner.bandits import ChebCB, FixedOmega, OptimalOmega, TsallisINF
from toolkit.preconditioner.bicgstab import IDR, BiCGStab
from toolkit.preconditioner.cg import CG, FlexibleCG
from toolkit.preconditioner.chebyshev import ChebyshevIteration
from toolkit.preconditioner.convection import ConvectionDiffusion, Helmholtz, ShiftedLaplace
from toolkit.preconditioner.deflation import Deflation
from toolkit.preconditioner.diffusion import Diffusion
from toolkit.preconditioner.examples import Example
from toolkit.preconditioner.experiments import CASES, EXPERIMENTS
from toolkit.preconditioner.gmres import FGMRES, GMRES
from toolkit.preconditioner.gradient import FastGradient, KrylovGradient
from toolkit.preconditioner.graph import GraphLaplacian
from toolkit.preconditioner.incomplete import IC0, ILU0, ThresholdILU
from toolkit.preconditioner.inner import InnerGMRES
from toolkit.preconditioner.matrixmarket import MatrixMarket
from toolkit.preconditioner.minres import MINRES
from toolkit.preconditioner.multigrid import Multigrid
from toolkit.preconditioner.pictures import PICTURES
from toolkit.preconditioner.poisson import Anisotropic, Poisson
from toolkit.preconditioner.polynomial import ChebyshevPolynomial, SymmetricPolynomial
from toolkit.preconditioner.preconditioning import Identity, Preconditioner
from toolkit.preconditioner.recycling import GCRODR
from toolkit.preconditioner.relaxation import SOR, SSOR, GaussSeidel, Jacobi
from toolkit.preconditioner.schwarz import AdditiveSchwarz
from toolkit.preconditioner.sequence import DarcySequence, ShiftedSequence
from toolkit.preconditioner.spectrum import Outliers
from toolkit.preconditioner.system import LinearSystem, System, system

LAB = Lab(
    name="preconditioner",
    title="Preconditioner lab",
    about="Solve A x = b: race solvers and preconditioners, and watch theory hold or fail.",
    cases=CASES,
    pictures=PICTURES,
    experiments=EXPERIMENTS,
)
