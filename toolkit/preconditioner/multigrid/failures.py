"""Failures worth a run: a step too long, a wrong sign, a wrong spectrum, lost orthogonality, lost digits."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment
from toolkit.core.prediction import YES_NO, Guess, Pick, Truth, last, whether
from toolkit.core.stop import Stop
from toolkit.preconditioner.krylov.cg import CG
from toolkit.preconditioner.krylov.chebyshev import ChebyshevIteration
from toolkit.preconditioner.krylov.gmres import GMRES
from toolkit.preconditioner.krylov.minres import MINRES
from toolkit.preconditioner.stationary.relaxation import Jacobi
from toolkit.preconditioner.stencils.helmholtz import UncheckedHelmholtz
from toolkit.preconditioner.stencils.poisson import Poisson
from toolkit.preconditioner.systems.outliers import Outliers

GRID = Poisson(n=24, load="noise")
NARROW = 4130.0  # nine tenths of the largest eigenvalue, 2 · 4 n² cos²(π/2n)


def arrives(of: int) -> Truth:
    """Yes where a method converged."""
    return whether(lambda runs: runs[of].status.kind == "converged")


def late(runs) -> int | None:
    """Whether CG ends within as many steps as there are unknowns; None where nothing has ended it."""
    run = runs[0]
    if run.status.kind not in ("converged", "stagnated"):
        return None
    return 0 if run.status.kind == "converged" and run.history.last("k") <= run.problem.size else 1


def attainable(runs) -> float:
    """ε κ²: what rounding may leave of the true residual of MINRES (Sleijpen, van der Vorst, Modersitzki 2001)."""
    return float(np.finfo(float).eps * runs[2].problem.condition ** 2)


EXPERIMENTS = (
    Experiment(
        "too_long",
        "Two per cent too far",
        "Jacobi converges. Make each of its steps two per cent longer: does it still?",
        GRID,
        (Jacobi(), Jacobi(omega=0.8), Jacobi(omega=1.02)),
        Stop(rtol=1e-8, steps=3000),
        picture="error",
        predict=Pick(r"Does Jacobi with $\omega = 1.02$ converge?", arrives(2), theory=1, options=YES_NO),
        why=r"A step multiplies the part of the error that belongs to the eigenvalue $\lambda$ of $D^{-1} A$ by "
        r"$1 - \omega \lambda$. The roughest wave has $\lambda = 1 + \cos \pi h$, nearly two, so that with "
        r"$\omega = 1.02$ it changes its sign and grows by some three per cent a step: slowly, but without "
        "end. All other waves still die out, which is why the residual first falls. Take a smaller "
        r"$\omega$, or a method that finds its own step.",
        formula=r"\rho = \max_\lambda |1 - \omega \lambda| < 1 \iff 0 < \omega < \frac{2}{\lambda_{\max}(D^{-1} A)} "
        r"= \frac{2}{1 + \cos \pi h}",
        level=0,
        minutes=4,
        then="mesh",
        trouble=("diverged",),
    ),
    Experiment(
        "wrong_sign",
        "CG where energy is none",
        "A wave has eigenvalues of both signs, and nobody has told CG. What happens to it?",
        UncheckedHelmholtz(n=20, wavenumber=14.0, load="noise"),
        (CG(), MINRES()),
        Stop(rtol=1e-8, steps=400),
        picture="spectrum",
        predict=Pick("Does CG come to eight digits?", arrives(0), theory=1, options=YES_NO),
        why=r"CG goes down along $p$ to the lowest point of the energy, and that there is one takes $\langle p, "
        r"A p \rangle > 0$. These numbers are, but for positive factors, the pivots of the Lanczos matrix "
        "$T_k$: by Sylvester's law one is negative as soon as a Ritz value is, and here Ritz values of "
        "both signs come up. There the run ends, and says why. MINRES asks for the least residual instead, "
        "which is a length whatever the signs are.",
        formula=r"\alpha_k = \frac{\langle r_k, r_k \rangle}{\langle p_k, A p_k \rangle}, \qquad T_k = L_k D_k "
        r"L_k^{\mathsf T}, \quad D_k = \operatorname{diag}(1/\alpha_0, \dots, 1/\alpha_{k-1})",
        level=2,
        minutes=4,
        then="helmholtz",
        trouble=("breakdown",),
    ),
    Experiment(
        "wrong_interval",
        "A spectrum that is not all there",
        "Chebyshev's iteration must be told where the eigenvalues lie. What if a tenth of the interval is missing?",
        GRID,
        (CG(), ChebyshevIteration(), ChebyshevIteration(high=NARROW)),
        Stop(rtol=1e-8, steps=1000),
        picture="error",
        predict=Pick(
            "Does Chebyshev's iteration converge when its interval ends a tenth below the largest eigenvalue?",
            arrives(2),
            theory=1,
            options=YES_NO,
        ),
        why="On its interval $[a, b]$ Chebyshev's polynomial is as small as one can be, and for that it must "
        "grow faster than any other outside. An eigenvalue above $b$ is multiplied by a factor above one "
        "from step to step. CG asks for no interval and cannot be told a wrong one; where products are all "
        "that is cheap, take a bound that is proven, such as Gershgorin's.",
        formula=r"\frac{T_k\!\left( \frac{\theta - \lambda}{\delta} \right)}{T_k\!\left( \frac{\theta}{\delta} "
        r"\right)}, \qquad \theta = \frac{a + b}{2}, \quad \delta = \frac{b - a}{2}",
        level=2,
        minutes=4,
        then="convection",
        trouble=("diverged",),
    ),
    Experiment(
        "lost_orthogonality",
        "CG does not end in time",
        "On forty unknowns CG ends after forty steps at most, on paper. Does it here, with outliers far away?",
        Outliers(gap=1e4, bulk=100.0),
        (CG(), GMRES(m=40)),
        Stop(rtol=1e-8, steps=400),
        picture="spectrum",
        predict=Pick("Does CG have eight digits after forty steps?", late, options=YES_NO),
        why="CG keeps its directions conjugate by a recurrence of two terms; rounding takes that away as soon "
        "as an outlier has been found. It is then found again and again, as copies among the Ritz values, "
        "and every copy costs a step that GMRES, which makes each vector orthogonal to all before, does "
        "not need. The error still comes down: what is lost is time and not digits. Keep all vectors, or "
        "take a preconditioner that leaves no outliers.",
        formula=r"\langle p_i, A p_j \rangle = 0 \;\; (i \ne j) \implies x_n = x",
        level=2,
        minutes=5,
        then="lost_digits",
    ),
    Experiment(
        "lost_digits",
        "Half of the digits are gone",
        "Three methods are asked for nine digits of one system. Whose answer can be trusted?",
        Outliers(gap=1e4, bulk=1000.0),
        (CG(), GMRES(m=40), MINRES()),
        Stop(rtol=1e-9, steps=400),
        measure="true_residual",
        picture="spectrum",
        predict=Guess(
            "At how small a true residual does MINRES end, when its own recurrence says that there are nine digits?",
            last("true_residual", 2),
            low=1e-12,
            high=0.1,
            theory=attainable,
            limit=True,
            close=3.0,
        ),
        why="MINRES builds $x$ from directions that are sums divided by small numbers, and their rounding "
        r"errors are multiplied by $\kappa^2$; the residual of its recurrence knows nothing of that and "
        r"goes on falling. CG and GMRES lose $\kappa$ only. So half of the digits that double precision has "
        "may be lost on the way; the lab asks the true residual before it says that a run has converged, "
        "and here the run is called stagnated. Start again from this $x$, ask for less, or take a "
        r"preconditioner: a smaller $\kappa$ is what helps.",
        formula=r"\frac{\|b - A x_k\|}{\|b\|} \lesssim \varepsilon \, \kappa(A)^2",
        level=3,
        minutes=6,
        then="wrong_interval",
        trouble=("stagnated",),
    ),
)
