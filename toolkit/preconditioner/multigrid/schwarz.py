"""Domain decomposition: additive Schwarz with overlap, without and with a coarse space."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.core.claims import Flat, Order
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.stop import Stop
from toolkit.preconditioner.stationary.preconditioning import Built, Preconditioner
from toolkit.preconditioner.stencils.poisson import Poisson
from toolkit.preconditioner.systems.problems import LinearSystem

SIDE = 4  # unknowns along the side of a subdomain when their number is not given


def cuts(shape: tuple[int, ...], count: int | None) -> list[int]:
    """Parts along every axis of a grid: about `count` boxes as square as can be, or boxes of about SIDE unknowns."""
    if count is None:
        return [max(1, round(size / SIDE)) for size in shape]
    parts = [1] * len(shape)
    for prime in sorted(_primes(count), reverse=True):
        axis = int(np.argmax([size / part for size, part in zip(shape, parts)]))
        parts[axis] *= prime
    return [min(part, size) for part, size in zip(parts, shape)]


def boxes(shape: tuple[int, ...], parts: list[int]) -> np.ndarray:
    """Number of the box of every unknown of a grid that is cut into so many parts along its axes."""
    owner = np.zeros(shape, dtype=np.int64)
    for axis, (size, part) in enumerate(zip(shape, parts)):
        strip = np.arange(size) * part // size
        owner = owner * part + strip.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return owner.reshape(-1)


def _primes(number: int) -> list[int]:
    found, prime = [], 2
    while number > 1:
        while number % prime == 0:
            found.append(prime)
            number //= prime
        prime += 1
    return found


def strips(matrix: sp.csr_array, count: int | None) -> np.ndarray:
    """Number of the part of every unknown of a graph: equal slices of its reverse Cuthill–McKee order."""
    order = sp.csgraph.reverse_cuthill_mckee(sp.csr_matrix(matrix), symmetric_mode=False)
    count = count or max(1, len(order) // SIDE**2)
    owner = np.empty(len(order), dtype=np.int64)
    owner[order] = np.arange(len(order)) * min(count, len(order)) // len(order)
    return owner


def grown(members: sp.csr_array, pattern: sp.csr_array, layers: int) -> sp.csr_array:
    """(parts, n) memberships after adding `layers` layers of neighbours in the graph of the matrix."""
    for _ in range(layers):
        members = members @ pattern
        members.data[:] = 1.0
    members.sort_indices()
    rows = [members.indices[a:b].tobytes() for a, b in itertools.pairwise(members.indptr)]
    return members[sorted({row: i for i, row in enumerate(rows)}.values())]  # parts grown into one count once


def colours(touch: sp.csr_array) -> int:
    """Colours of a greedy colouring of a graph given by its adjacency."""
    colour = np.full(touch.shape[0], -1)
    for i in range(touch.shape[0]):
        taken = set(colour[touch.indices[touch.indptr[i] : touch.indptr[i + 1]]])
        colour[i] = next(c for c in range(len(taken) + 1) if c not in taken)
    return int(colour.max()) + 1


@dataclass(frozen=True)
class AdditiveSchwarz(Preconditioner):
    """Additive Schwarz: M⁻¹ = θ (Σ_i R_iᵀ A_i⁻¹ R_i + Z A_0⁻¹ Zᴴ), exact solves on overlapping subdomains.

    R_i restricts to subdomain i, A_i = R_i A R_iᵀ, A_0 = Zᴴ A Z. Coarse space of Nicolaides: one vector a subdomain,
    constant one times a partition of unity. θ = 1/(colours + 1), 1/colours without coarse space: λmax(M⁻¹A) ≤ 1.
    Subdomains: boxes of a grid, else slices of the Cuthill–McKee order, grown by `overlap` layers of neighbours.
    κ(M⁻¹A) ≤ C (1 + H/δ) with the coarse space, whatever their number; without, C/(Hδ): it grows with the number.
    Set-up: one sparse factorisation of all subdomains; a use solves with it once. Fails on a singular subdomain.
    Reference: R. A. Nicolaides, SIAM J. Numer. Anal. 24 (1987) 355–365, doi:10.1137/0724027; A. Toselli, O. Widlund,
    Domain Decomposition Methods (2005), Theorem 3.13, doi:10.1007/b137868; V. Dolean, P. Jolivet, F. Nataf,
    An Introduction to Domain Decomposition Methods (2015), chapter 4, doi:10.1137/1.9781611974065.
    """

    title: ClassVar[str] = "additive Schwarz"
    sources: ClassVar[tuple[str, ...]] = ("nicolaides1987", "toselli2005", "dolean2015")
    needs_matrix: ClassVar[bool] = True
    subdomains: int = knob(
        None, 1, 4096, kind=int, log=True, symbol="N", doc="about how many; None: boxes of 4 a side, so H/δ is fixed"
    )
    overlap: int = knob(1, 0, 16, symbol="δ", doc="layers of unknowns a subdomain is grown by")
    coarse: bool = knob(True, doc="add Nicolaides' coarse space, one vector a subdomain")

    def memberships(self, system: LinearSystem) -> tuple[sp.csr_array, sp.csr_array]:
        """(parts, n) memberships of the overlapping subdomains, and the graph of A with its diagonal."""
        matrix = system.matrix
        pattern = sp.csr_array(abs(matrix) + abs(matrix.T) + sp.eye_array(system.size))
        pattern.data[:] = 1.0
        owner = (
            boxes(system.shape, cuts(system.shape, self.subdomains))
            if system.shape
            else strips(pattern, self.subdomains)
        )
        owner = np.unique(owner, return_inverse=True)[1]
        ones = np.ones(system.size)
        members = sp.csr_array((ones, (owner, np.arange(system.size))), shape=(owner.max() + 1, system.size))
        return grown(members, pattern, self.overlap), pattern

    def coarse_basis(self, members: sp.csr_array) -> np.ndarray:
        """Z, (n, parts) sparse: column i is 1/(subdomains that share an unknown) on subdomain i."""
        return sp.csr_array(members.T / np.asarray(members.sum(axis=0)).reshape(-1, 1))

    def scale(self, members: sp.csr_array, pattern: sp.csr_array) -> float:
        """θ: subdomains of one colour do not touch, so that their solves add up to a projection."""
        touch = sp.csr_array(members @ pattern @ members.T)
        touch.setdiag(0)
        touch.eliminate_zeros()
        return 1.0 / (colours(touch) + (1 if self.coarse else 0))

    def build(self, system: LinearSystem) -> Built:
        members, pattern = self.memberships(system)
        gather, parts = members.indices, np.repeat(np.arange(members.shape[0]), np.diff(members.indptr))
        restrict = sp.csr_array((np.ones(len(gather)), (np.arange(len(gather)), gather)), (len(gather), system.size))
        spread = sp.csr_array(restrict.T)
        local = _factor(_blocks(restrict @ system.matrix @ spread, parts), "a subdomain", system)
        theta = self.scale(members, pattern)
        flops = 2.0 * (local.L.nnz + local.U.nnz) + 2.0 * len(gather)
        if not self.coarse:
            return Built(lambda r, out: np.multiply(spread @ local.solve(restrict @ r), theta, out=out), flops=flops)
        basis = self.coarse_basis(members)
        back = sp.csr_array(basis.T)
        top = _factor(sp.csc_array(back @ system.matrix @ basis), "the coarse space", system)

        def apply(r, out):
            np.add(spread @ local.solve(restrict @ r), basis @ top.solve(back @ r), out=out)
            np.multiply(out, theta, out=out)

        return Built(apply, flops=flops + 4.0 * basis.nnz + 2.0 * (top.L.nnz + top.U.nnz))

    def _scales(self, system) -> bool:
        """Whether a ladder over n keeps H/δ and lets the number of subdomains grow."""
        return isinstance(system, Poisson) and system.dim == 2 and self.subdomains is None and self.overlap == 1

    def krylov_claims(self, system: LinearSystem) -> tuple:
        """On 2D Poisson at fixed H/δ, with the coarse space: steps of CG flat in n."""
        if not (self._scales(system) and self.coarse):
            return ()
        about = dict(source="toselli2005", assumes="2D Poisson, subdomains of fixed size and overlap")
        return (Flat(over="n", values=(32, 48, 64), title="steps do not grow with n", **about),)

    def claims(self, system: LinearSystem) -> tuple:
        """On 2D Poisson at fixed H/δ: steps flat in n with the coarse space, like n² without; the dense factor."""
        found = Preconditioner.claims(self, system)
        if not self._scales(system):
            return found
        stop = Stop(rtol=1e-6, steps=20_000)
        about = dict(source="toselli2005", assumes="2D Poisson, subdomains of fixed size and overlap", stop=stop)
        if self.coarse:
            title = "flat in n, and so in the number of subdomains"
            return (*found, Flat(over="n", values=(32, 48, 64), title=title, **about))
        title = "without coarse space steps grow like n²"
        return (*found, Order(measure="k", p=2.0, over="n", values=(32, 48, 64), growing=True, title=title, **about))


def _blocks(matrix, parts: np.ndarray) -> sp.csc_array:
    """The entries of a matrix that couple unknowns of the same part."""
    entries = sp.coo_array(matrix)
    row, column = entries.coords
    kept = parts[row] == parts[column]
    return sp.csc_array((entries.data[kept], (row[kept], column[kept])), shape=matrix.shape)


def _factor(matrix: sp.csc_array, what: str, system: LinearSystem):
    try:
        factor = spla.splu(
            sp.csc_array(matrix.astype(system.dtype)),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0 if system.definite else 1.0,
            options={"SymmetricMode": system.definite},
        )
    except RuntimeError:
        raise Breakdown(
            f"{what} has a singular matrix", "Choose another number of subdomains or more overlap"
        ) from None
    return factor
