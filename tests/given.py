"""Problems whose data a test has made itself, and a run looked at from all sides as a screen would."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

import toolkit as tk
from toolkit.core.method import Method
from toolkit.core.problem import Problem
from toolkit.rank.interpolation.problems import FieldTable
from toolkit.rank.matrices.growing_matrix import GrowingMatrix
from toolkit.rank.matrices.problems import DenseMatrix
from toolkit.rank.tensors.problems import TensorProblem

ENDS = ("converged", "budget", "stagnated", "diverged", "breakdown", "failed", "non-finite")


@dataclass(frozen=True, eq=False)
class GivenMatrix(DenseMatrix):
    """A matrix as it is."""

    entries: np.ndarray = None
    definite: bool = False

    @cached_property
    def matrix(self) -> np.ndarray:
        return self.entries


@dataclass(frozen=True, eq=False)
class GivenTensor(TensorProblem):
    """A tensor as it is."""

    entries: np.ndarray = None

    def made(self):
        return self.entries


@dataclass(frozen=True, eq=False)
class GivenFields(FieldTable):
    """Fields as they are, those held out too."""

    table: np.ndarray = None
    held_out: np.ndarray = None


@dataclass(frozen=True, eq=False)
class GivenGrowing(GrowingMatrix):
    """A matrix as it is, whose rows (and columns) arrive in blocks."""

    entries: np.ndarray = None

    @cached_property
    def matrix(self):
        import scipy.sparse as sp

        found = sp.csr_array(self.entries)
        found.sort_indices()
        return found


def looked(problem: Problem, method: Method, steps: int = 12, pictures=()):
    """The run with every measure taken, every claim judged and every picture drawn; it ends with a cause in words."""
    measures = (*problem.measures(), *method.measures(problem))
    run = tk.solve(problem, method, tk.Stop(rtol=0.0, steps=steps), probes=[tk.Probe(m, tk.Every(1)) for m in measures])
    assert run.status.kind in ENDS and run.status.cause
    for claim in method.claims(problem):
        if claim.while_running:
            tk.judge(claim, run)
    for picture in pictures:
        if picture.applies(problem, run.state):
            picture.data(problem, run.state)
    return run
