"""What must break each claim of the compressors does: coarser rounding, a decoder that is off, a transform that is."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, put, replaced

import toolkit as tk
from toolkit.mesh.compression import codec
from toolkit.mesh.compression.compressors import MGARD, Zlib
from toolkit.mesh.compression.multilevel import Hierarchy
from toolkit.mesh.compression.problems import TurbulentField
from toolkit.mesh.compression.progressive import LevelByLevel

SMOOTH = TurbulentField(dim=2, n=40, decay=5.0)


def of(method, problem=SMOOTH):
    return lambda: (problem.turned(), method)


def encoded(change):
    """The method with another `encode`, `change(method's own, field, tolerance)`."""

    return lambda method: replaced(method, encode=lambda self, *what: change(method.encode, *what))


def off(encode, field, tolerance):
    """A stream of the field with noise on it, of twice the tolerance."""
    return encode(field + 2 * tolerance * np.random.default_rng(0).uniform(-1, 1, field.shape), tolerance)


def unshared(encode, field, tolerance):
    """Every level of the pyramid rounded as though it were alone."""
    levels = len(Hierarchy(field.shape).sizes)
    return codec.Coded(encode(field, tolerance).stream, encode(field, 4 * levels * tolerance).unchecked, False)


def whole(encode, field, tolerance):
    """The field as it is, whatever it is like."""
    return codec.Coded(encode(field, 1e-300).stream, 0.0, True)


def grows(problem, before, state):
    state.ratio = before.ratio * 1.1


SABOTEURS = [
    Saboteur("at every node, at every tolerance", of(MGARD()), encoded(off)),
    Saboteur("at every node, at every tolerance", of(Zlib()), encoded(off)),
    Saboteur("before any check", of(MGARD()), encoded(unshared)),
    Saboteur("before any check", of(Zlib()), encoded(unshared)),
    Saboteur("compresses no better", of(MGARD()), lambda method: after_each_step(grows, method)),
    Saboteur("smoother fields compress better", of(MGARD()), encoded(whole)),
    Saboteur("fewer bits than rounding and zlib", of(MGARD()), encoded(whole)),
    Saboteur("what the missing levels can amount to", of(LevelByLevel()), biased("bound", 0.02)),
    Saboteur("with all levels in", of(LevelByLevel()), put("max_error", lambda error: error + 1e-10)),
]

ELSEWHERE = ["nothing rounded"]
ELSEWHERE = ("nothing rounded, nothing lost",)


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


def test_a_transform_that_is_off_does_not_come_back(monkeypatch):
    """Coefficients by an interpolation that is off by 1e-9: "nothing rounded, nothing lost" sees it."""
    problem, method = SMOOTH.turned(), MGARD(last=1e-2)
    (claim,) = (one for one in method.claims(problem) if one.title.startswith("nothing rounded"))
    assert tk.check(claim, problem, method).holds
    honest = Hierarchy.decompose

    def off_by_little(*given, **named):
        finest, *others = honest(*given, **named)
        return [finest, *(one * (1 + 1e-9) for one in others)]

    monkeypatch.setattr(Hierarchy, "decompose", off_by_little)
    assert tk.check(claim, problem, method).holds is False


def test_a_tie_is_not_fewer():
    """Rounding and zlib against itself under the promise of MGARD."""
    method = MGARD()
    (claim,) = (one for one in method.claims(SMOOTH) if one.kind == "beats")
    verdict = tk.check(claim, SMOOTH, Zlib())
    assert verdict.holds is False and verdict.measured == pytest.approx(verdict.promised, rel=1e-6)


@pytest.mark.parametrize("kind", [MGARD, Zlib])
@pytest.mark.parametrize("first, last", [(0.1, 1.0), (1e-8, 1e-8), (1e-2, 1e-2), (0.9, 0.5), (1.0, 0.2)])
@pytest.mark.parametrize("single", [False, True])
def test_ladders_of_one_tolerance_or_of_loose_ones_promise_what_they_can_show(kind, first, last, single):
    """One rung decides the rounding; two the tolerance; "fewer bits" wants the errors that it names."""
    problem, method = SMOOTH.turned(single=single), kind(first=first, last=last)
    for claim in method.claims(problem):
        assert tk.check(claim, problem, method).holds is True, claim.title


def test_fallbacks_are_counted():
    """In single precision a tolerance of 1e-8 is within rounding: stored as it is, and the column says so."""
    problem, method = SMOOTH.turned(single=True), MGARD(first=1e-5, last=1e-9, steps_a_decade=1)
    (column,) = (one for one in method.measures(problem) if one.name == "fallbacks")
    run = tk.solve(problem, method, tk.Stop(measure="tolerance", rtol=0.0), [tk.Probe(column, tk.Every(1))])
    assert run.history["fallbacks"].tolist() == [0, 0, 1, 2, 3]
    assert run.history["max_error"][2] == 0 < run.history["max_error"][1]
