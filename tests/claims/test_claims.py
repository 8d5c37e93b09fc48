"""Every claim that a method makes on a case of its lab holds, as measured."""

import pytest

import toolkit as tk


def promises():
    """(claim, problem, method) for every lab, case and method that suits it."""
    for lab in tk.labs().values():
        for problem in lab.cases:
            for name, cls in lab.methods().items():
                method = cls()
                if not method.suits(problem):
                    for claim in method.claims(problem):
                        words = f"{lab.name}-{name}-{problem.slug()}-{claim.kind}-{claim.title}"
                        yield pytest.param(claim, problem, method, id=words)


@pytest.mark.parametrize("claim, problem, method", promises())
def test_claim_holds(claim, problem, method):
    verdict = tk.check(claim, problem, method)
    assert verdict.holds is True, f"{claim.title}: {verdict}"
