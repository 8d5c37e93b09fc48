"""Linear elements on 524 288 triangles against scikit-fem. `pytest tests/bench/bench_mesh_assembly.py`.

From a mesh: scikit-fem's basis and assembled matrix against our geometry, pattern and matrix. Again with a new
coefficient on the same mesh: both keep what they can (basis; pattern and shapes). Both sides make a new matrix.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import numpy as np
import pytest

from toolkit.mesh.adaptive.linear_elements import LinearElements
from toolkit.mesh.adaptive.triangulation import Triangulation

skfem = pytest.importorskip("skfem")


@pytest.fixture(scope="module")
def mesh():
    """(scikit-fem's mesh, ours): the same triangles."""
    theirs = skfem.MeshTri().refined(9)
    ours = Triangulation.of(theirs)
    return skfem.MeshTri(ours.points.T, np.asarray(ours.cells.T, dtype=np.int64)), ours


def stiffness():
    from skfem.models.poisson import laplace

    return laplace


def diffusion():
    @skfem.BilinearForm
    def form(u, v, w):
        return w["kappa"] * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1])

    return form


def test_from_the_mesh(ratio, mesh):
    theirs, ours = mesh
    assert len(ours) == 524_288

    def peer():
        return stiffness().assemble(skfem.Basis(theirs, skfem.ElementTriP1()))

    def mine():
        ours.__dict__.pop("shapes", None)
        return LinearElements(ours).matrix(1.0)

    ratio(mine, peer, target="4", rounds=9)
    assert abs(mine() - peer()).max() < 1e-12


@pytest.mark.parametrize("keep_basis", [True, False], ids=["basis-kept", "basis-anew"])
def test_again_with_a_new_coefficient(ratio, mesh, keep_basis):
    theirs, ours = mesh
    kappa = np.random.default_rng(0).uniform(1, 2, len(ours))
    kept, elements, form = skfem.Basis(theirs, skfem.ElementTriP1()), LinearElements(ours), diffusion()
    at_points = kappa[:, None] + np.zeros(kept.dx.shape)

    def peer():
        basis = kept if keep_basis else skfem.Basis(theirs, skfem.ElementTriP1())
        return form.assemble(basis, kappa=at_points)

    ratio(lambda: elements.matrix(kappa), peer, target="10", rounds=9)
    assert abs(elements.matrix(kappa) - peer()).max() < 1e-12
