"""The preconditioner lab: solvers and preconditioners for linear systems, on model problems and real matrices."""

from toolkit.core.registry import Experiment, Lab
from toolkit.preconditioner.amg import RugeStuben, SmoothedAggregation
from toolkit.preconditioner.bandits import ChebCB, FixedOmega, OptimalOmega, TsallisINF
from toolkit.preconditioner.bicgstab import IDR, BiCGStab
from toolkit.preconditioner.cg import CG, FlexibleCG
from toolkit.preconditioner.chebyshev import ChebyshevIteration
from toolkit.preconditioner.deflation import Deflation
from toolkit.preconditioner.gmres import FGMRES, GMRES
from toolkit.preconditioner.gradient import FastGradient, KrylovGradient
from toolkit.preconditioner.incomplete import IC0, ILU0, ThresholdILU
from toolkit.preconditioner.inner import InnerGMRES
from toolkit.preconditioner.minres import MINRES
from toolkit.preconditioner.multigrid import Multigrid
from toolkit.preconditioner.pictures import PICTURES
from toolkit.preconditioner.poisson import Poisson
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
    cases=(
        Poisson(dim=1, n=16),
        Poisson(dim=2, n=12),
        ShiftedSequence(count=600),
        DarcySequence(n=24, count=12, modes=3, spread=1.0),
    ),
    pictures=PICTURES,
    experiments=(
        Experiment(
            "mesh",
            "Finer meshes are harder",
            "How does the number of CG steps grow as the mesh is refined?",
            Poisson(dim=2, n=64),
            (CG(),),
        ),
    ),
)
