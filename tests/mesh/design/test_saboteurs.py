"""What must break each claim about designs does: rivals, steps that depend on the grid, slopes that are off."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, put, replaced

import toolkit as tk
from toolkit.mesh.design.deep_mesh import DeepMesh
from toolkit.mesh.design.silhouette import Silhouette
from toolkit.mesh.design.structure import Structure
from toolkit.mesh.design.topology import OptimalityCriteria, ProjectedGradient, SiMPL

CANTILEVER = Structure("cantilever", n=16, aspect=2, volume=0.5, radius=0.2)
BEAM = Structure("mbb", n=16, aspect=3, volume=0.5, radius=0.2)


def pair(problem, method):
    return lambda: (problem.turned(), method)


def rising(name):
    """A number that grows at every step."""

    def spoil(problem, before, state):
        setattr(state, name, getattr(before, name) * 1.001)

    return lambda method: after_each_step(spoil, method)


def shorter(method):
    """Steps the shorter, the more cells there are."""
    honest = type(method)._first_length
    return replaced(method, _first_length=lambda self, state: honest(self, state) * 24 / len(state.density) ** 2)


SABOTEURS = [
    Saboteur("0 < ρ < 1", pair(CANTILEVER, SiMPL()), put("density", np.round)),
    *(
        Saboteur("compliance falls", pair(CANTILEVER, method), rising("compliance"))
        for method in (SiMPL(), ProjectedGradient())
    ),
    *(
        Saboteur("the volume is met", pair(CANTILEVER, method), put("volume_error", lambda e: e + 1e-11))
        for method in (SiMPL(), ProjectedGradient(), OptimalityCriteria())
    ),
    Saboteur("fewer steps than OC", pair(CANTILEVER, SiMPL()), lambda method: OptimalityCriteria()),
    Saboteur("fewer steps than projected", pair(CANTILEVER, SiMPL()), lambda method: ProjectedGradient()),
    Saboteur("at most a tenth more steps", pair(BEAM, SiMPL()), lambda method: OptimalityCriteria()),
    Saboteur("as many steps on finer grids", pair(CANTILEVER, SiMPL()), shorter),
    Saboteur("the objective falls", pair(Silhouette(), DeepMesh()), rising("objective")),
    Saboteur("as many pieces", pair(Silhouette(), DeepMesh()), put("pieces", lambda pieces: pieces + 1)),
]
ELSEWHERE = ("vertices move by −n/|∇s|", "every vertex to O(h)")


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


def test_slopes_of_the_field_that_are_off_are_seen(monkeypatch):
    """∂s/∂θ twice too large: the vertices no longer move as is said, on any grid."""
    problem, method = Silhouette(), DeepMesh()
    claims = [one for one in method.claims(problem) if one.kind == "order"]
    assert len(claims) == 2
    honest = Silhouette.derivatives

    def off(self, theta, points):
        slope, by_theta = honest(self, theta, points)
        return slope, 2 * by_theta

    monkeypatch.setattr(Silhouette, "derivatives", off)
    assert [tk.check(one, problem.turned(), method).holds for one in claims] == [False, False]
