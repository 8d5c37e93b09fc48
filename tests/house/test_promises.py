"""Every claim that a method makes on a case of its lab holds, as measured."""

import pytest
from every import methods, suited

import toolkit as tk


@pytest.mark.parametrize("lab, name", methods())
def test_claims_hold(lab, name):
    """All verdicts of a method are seen before it fails; one that is open fails too."""
    broken = []
    for problem, method in suited(lab, name):
        for claim in method.claims(problem):
            verdict = tk.check(claim, problem, method)
            if verdict.holds is not True:
                broken.append(f"{problem}: {claim.title}: {verdict}")
    assert not broken, "\n".join(broken)
