"""Verdicts and promises in words: what the page, a notebook and the commands say of each kind."""

import re

import numpy as np
import pytest
from every import offered

import toolkit as tk
from toolkit.core.claims import Verdict, monotone, undecided

CODE = re.compile(r"[a-z]_[a-z]|np\.|float64|Verdict\(|\b(nan|inf)\b")


def claims():
    """(where, claim) of every promise of every experiment, without running any."""
    for lab, name in (one.values for one in offered()):
        experiment = tk.lab(lab).experiment(name)
        for method in experiment.methods:
            for claim in method.claims(experiment.problem):
                yield f"{lab}/{name}/{method.label()}", claim


def test_no_title_or_formula_reads_like_code():
    seen = 0
    for where, claim in claims():
        seen += 1
        title, formula = claim.title, claim.typeset()
        assert title and not CODE.search(title), f"{where}: {title}"
        assert formula.count("{") == formula.count("}") and "$" not in formula, f"{where}: {formula}"
        words = " ".join(re.findall(r"\\text\{([^}]*)\}", formula))
        assert not CODE.search(words), f"{where}: {formula}"
        assert claim.told(undecided("")).startswith("Open: "), where
    assert seen > 300


ABOUT = dict(measure="energy_error", source="saad2003")
BOUND = tk.Bound(curve=lambda k, v: 3 * 0.5**k, **ABOUT)
NEVER = monotone("energy_error", source="saad2003")
RATE = tk.Rate(factor=0.934, **ABOUT)
ORDER = tk.Order(p=2, over="n", values=(8, 16, 32), **ABOUT)
EXACT = tk.Exact(tol=1e-10, always=True, **ABOUT)
SHARE = tk.Exact(tol=1.1, **ABOUT)
FLAT = tk.Flat(over="sigma_min", values=(8, 16), measure="k", source="saad2003")
NEAR, MISSING = "as nearly as a fit can tell", "needs energy error ≤ 1e-10 or 1964 more steps"
STEPS = np.arange(10.0)


def bounded(values):
    return BOUND.weigh(np.column_stack((STEPS, values)))


@pytest.mark.parametrize(
    "claim, verdict, told",
    [
        (BOUND, bounded(0.5**STEPS), "Held: 3× below the bound where it is nearest"),
        (BOUND, bounded(3 * 0.4**STEPS), "Held: never above the bound, at the end 7.5× below"),
        (BOUND, bounded(np.where(STEPS == 5, 9, 1) * 0.5**STEPS), "Broken at step 5: 3× the bound"),
        (NEVER, NEVER.weigh(np.column_stack((STEPS, 0.5**STEPS))), "Held: never above the value before it"),
        (NEVER, NEVER.weigh(np.array([[0, 1.0], [1, 2.5]])), "Broken at step 1: 2.5× the value before it"),
        (RATE, Verdict(True, 0.931, 0.934), "Held: factor 0.9310 a step, promised at most 0.9340"),
        (RATE, Verdict(True, 0.935, 0.934), f"Held: factor 0.9350 a step, the promised 0.9340 {NEAR}"),
        (RATE, Verdict(False, 0.97, 0.934), "Broken: factor 0.9700 a step, promised at most 0.9340"),
        (ORDER, Verdict(True, 1.98, 2), "Held: order 1.98, promised 2"),
        (ORDER, undecided("decided by a ladder"), "Open: a ladder of 3 runs decides it"),
        (EXACT, Verdict(True, 3e-16, 1e-10), "Held: exact to 3.00 · 10⁻¹⁶ at every step"),
        (EXACT, Verdict(False, 0.02, 1e-10), "Broken: off by 0.02, where rounding explains 10⁻¹⁰"),
        (SHARE, Verdict(True, 1.03, 1.1), "Held: energy error 1.03, promised at most 1.1"),
        (FLAT, Verdict(True, 10, 12, why="8: 9, 16: 10"), "Held: steps did not grow along sigma min (8: 9, 16: 10)"),
        (RATE, undecided(MISSING.replace(" error", "_error")), f"Open: {MISSING}"),
        (RATE, Verdict(False, why="a value is not finite"), "Broken: a value is not finite"),
    ],
)  # fmt: skip
def test_a_verdict_is_one_sentence(claim, verdict, told):
    assert claim.told(verdict) == told


def test_a_race_and_a_crowd_are_told_with_what_they_counted():
    from toolkit.preconditioner import CG

    beats = tk.Beats(other=CG(), measure="matvecs", factor=0.5, source="saad2003")
    assert beats.told(beats.decide(12, 40)) == (
        "Held: products 12 against 40, 0.3 times as much; promised at most 0.5 times"
    )
    assert "products" in beats.told(beats.decide(float("nan"), 40.0, 30.0)) and "matvecs" not in beats.told(
        beats.decide(float("nan"), 40.0, 30.0)
    )
    crowd = tk.Crowd(claim=BOUND, seeds=40)
    seen = Verdict(True, 1.0, 2.0, why="the mean over 40 seeds, 95 % interval 0.9 to 1.1, within 2; stays below")
    assert crowd.told(seen) == "Held: the mean over 40 seeds, 95 % interval 0.9 to 1.1, within 2"
    assert "CG" in beats.typeset() and "mean over seeds" in crowd.typeset()


def test_a_verdict_shows_itself_in_words():
    assert repr(Verdict(True, np.float64(0.5), 0.6)) == "<Verdict: holds (measured 0.5, promised 0.6)>"


def test_formulas_of_the_best_known_bounds_have_their_numbers():
    from toolkit.preconditioner import CG, Jacobi, Poisson

    found = {claim.title: claim.typeset() for claim in (*CG().claims(Poisson(n=16)), *Jacobi().claims(Poisson(n=16)))}
    (chebyshev,) = (tex for title, tex in found.items() if "√κ" in title)
    assert r"\|e_k\|_A" in chebyshev and r"\kappa = " in chebyshev
    assert any(r"\cos \pi h" in tex for tex in found.values())
