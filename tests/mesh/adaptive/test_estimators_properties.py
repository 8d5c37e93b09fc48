"""The bound that fluxes in equilibrium give is never below the true error: random problems on random meshes."""

import numpy as np
import pytest
from peers import Peer

from toolkit.mesh.adaptive.estimators import equilibrated, residual
from toolkit.mesh.adaptive.level import galerkin
from toolkit.mesh.adaptive.triangulation import Triangulation

skfem = Peer("skfem")


class Waves:
    """A sum of three plane waves, a random diffusion and a random reaction; border data as the solution has it."""

    corner = None

    def __init__(self, rng):
        self.k, self.phase = rng.uniform(-9, 9, (2, 3)), rng.uniform(0, 7, 3)
        self.size = rng.standard_normal(3)
        self.diffusion, self.reaction = 10 ** rng.uniform(-4, 2), rng.choice([0.0, 10 ** rng.uniform(-3, 4)])

    def phases(self, x):
        return np.tensordot(self.k, x, (0, 0)) + np.reshape(self.phase, (3,) + (1,) * (x.ndim - 1))

    def exact(self, x):
        return np.tensordot(self.size, np.sin(self.phases(x)), 1)

    def exact_gradient(self, x):
        return np.tensordot(self.k * self.size, np.cos(self.phases(x)), 1)

    def source(self, x):
        weights = self.size * (self.diffusion * (self.k**2).sum(axis=0) + self.reaction)
        return np.tensordot(weights, np.sin(self.phases(x)), 1)


def scattered(rng):
    """Delaunay's triangles of random points in a rectangle, slivers among them, some of them refined."""
    from scipy.spatial import Delaunay

    points = np.concatenate((rng.random((rng.integers(0, 30), 2)), [[0, 0], [1, 0], [0, 1], [1, 1]]))
    points = points * [1, rng.uniform(0.2, 2)]
    mesh = Triangulation.of(skfem.MeshTri(points.T, Delaunay(points).simplices.T))
    for _ in range(rng.integers(0, 4)):
        mesh = mesh.refined(rng.integers(0, len(mesh), 6))
    return mesh


@pytest.mark.parametrize("seed", range(60))
def test_never_below_the_true_error(seed):
    rng = np.random.default_rng(seed)
    level = galerkin(Waves(rng), scattered(rng))
    error, bound = np.sqrt(level.errors.sum()), np.sqrt(equilibrated(level).sum())
    assert error * (1 - 1e-9) <= bound


@pytest.mark.parametrize("seed", range(60, 80))
def test_two_estimates_tell_the_same_story(seed):
    """On quarters of one mesh, without reaction, both come within constants of the true error."""
    rng = np.random.default_rng(seed)
    problem, mesh = Waves(rng), Triangulation.of(skfem.MeshTri().refined(4))
    problem.reaction = 0.0
    level = galerkin(problem, mesh)
    ratios = [np.sqrt(one(level).sum() / level.errors.sum()) for one in (equilibrated, residual)]
    assert 1 <= ratios[0] < 2.2 and 1 < ratios[1] < 12
