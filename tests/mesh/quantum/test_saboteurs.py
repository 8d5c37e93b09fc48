"""What must break each claim about atoms and waves does: lower degrees, meshes that are not graded, shifted levels."""

import pytest
from sabotage import Saboteur, replaced, turned

import toolkit as tk
from toolkit.mesh.quantum.energy_levels import DegreeLadder, DiracLadder, ElementLadder
from toolkit.mesh.quantum.kohn_sham import KohnShamAtom, SelfConsistency
from toolkit.mesh.quantum.radial_elements import RadialElements
from toolkit.mesh.quantum.radial_levels import HydrogenLike, RadialOscillator, RelativisticIon
from toolkit.mesh.quantum.waves import OscillatoryWave
from toolkit.mesh.quantum.wkb import OptimalWKB, TruncatedWKB


def degree(of):
    """Elements of degree `of(p)` where p is asked for."""
    return lambda method: replaced(method, _space=lambda self, problem, ends, p: RadialElements(ends, of(p)))


def shifted(method):
    """All levels 1e-7 too high."""
    honest = type(method)._solved

    def solved(self, problem, elements):
        energies, *others = honest(self, problem, elements)
        return energies + 1e-7, *others

    return replaced(method, _solved=solved)


def widened(method):
    """An element more a step in place of a degree more: algebraic."""
    return replaced(method, _next=lambda self, cells, p: (cells + 1, p))


HYDROGEN, WELL, URANIUM, NEON = HydrogenLike(), RadialOscillator(levels=6), RelativisticIon(), KohnShamAtom(Z=10)
ENDS = "−ln(error) ∝ 1/ε"

SABOTEURS = [
    Saboteur("the energies converge with order 2p", lambda: (HYDROGEN, ElementLadder()), degree(lambda p: p - 1)),
    Saboteur("a quarter of a uniform one's", lambda: (HYDROGEN, ElementLadder()), turned(mesh="uniform")),
    Saboteur("exponential in p", lambda: (WELL, DegreeLadder()), widened),
    Saboteur("the closed form", lambda: (HYDROGEN, DegreeLadder()), shifted),
    Saboteur("exponential in p", lambda: (RelativisticIon(kappa=1), DiracLadder(elements=5)), turned(asymptotic=False)),
    Saboteur("the closed form", lambda: (URANIUM, DiracLadder()), turned(asymptotic=False)),
    Saboteur("that of the tables", lambda: (NEON, SelfConsistency(p=20)), turned(p=5)),
    Saboteur("the density holds Z electrons", lambda: (NEON, SelfConsistency(p=20)), turned(p=5)),
    Saboteur("the virial theorem", lambda: (NEON, SelfConsistency(p=20)), turned(p=5)),
    *(
        Saboteur(f"∝ ε^{n}", lambda one=one, n=n: (OscillatoryWave(one), TruncatedWKB(terms=n)), turned(terms=n - 1))
        for one, n in (("linear", 2), ("exponential", 5), ("cosine", 4))
    ),
    Saboteur(ENDS, lambda: (OscillatoryWave(), OptimalWKB()), turned(cap=3)),
    Saboteur("optimal N ∝ 1/ε", lambda: (OscillatoryWave(), OptimalWKB()), turned(cap=3)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


@pytest.mark.parametrize(
    "problem, method",
    [
        (RadialOscillator(levels=6), DegreeLadder(elements=5)),
        (RadialOscillator(omega=6.43, l=0, levels=5), DegreeLadder(elements=6, grading=1e5)),
        (RadialOscillator(omega=1.23, l=3, levels=3), DegreeLadder(elements=38)),
        (HydrogenLike(), DegreeLadder(p=20)),
        (HydrogenLike(), ElementLadder(grading=1.0)),
        (HydrogenLike(l=4, levels=5), ElementLadder(p=7)),
        (HydrogenLike(Z=27), ElementLadder(p=10, grading=34.6)),
        *((HydrogenLike(), ElementLadder(mesh="uniform", p=p)) for p in (3, 5, 6, 12)),
        (KohnShamAtom(Z=55), SelfConsistency(p=20, elements=6, grading=1e5, r_max=30.0)),
        (OscillatoryWave("cosine", 0.03), TruncatedWKB(terms=28, nodes=8)),
    ],
    ids=str,
)
def test_what_is_promised_can_be_seen_and_holds(problem, method):
    """Ladders that start at rounding, meshes that are not graded, few elements: no promise, or one that holds."""
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is True, f"{claim.title}: {verdict}"
