"""The catalogue of a lab as JSON-ready data with stable keys: methods, problems, experiments."""

from __future__ import annotations

from toolkit.core import rooms, spec
from toolkit.core.knob import knobs
from toolkit.core.lab import Lab
from toolkit.core.references import source


def methods(lab: Lab) -> list[dict]:
    """Its methods with family, knobs, sources, claims."""
    return [_method(name, cls, lab) for name, cls in lab.methods().items()]


def problems(lab: Lab) -> list[dict]:
    """Its problems with their knobs and sources."""
    return [
        {"name": name, "title": cls.title, "lab": lab.name, "knobs": _knobs(cls), "sources": _sources(cls)}
        for name, cls in lab.problems().items()
    ]


def experiments(lab: Lab) -> list[dict]:
    """Its experiments with what they ask and who races."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "lab": lab.name,
            "question": one.question,
            "problem": one.problem.slug(),
            "methods": [method.slug() for method in one.methods],
        }
        for one in lab.experiments
    ]


def _method(name: str, cls: type, lab: Lab) -> dict:
    made = [claim for problem in lab.cases if not cls().suits(problem) for claim in cls().claims(problem)]
    claims = {(claim.kind, claim.title): claim.source for claim in made}
    return {
        "name": name,
        "title": cls.title,
        "lab": lab.name,
        "family": rooms.family_title(cls),
        "knobs": _knobs(cls),
        "sources": _sources(cls),
        "claims": [{"kind": kind, "title": title, "source": key} for (kind, title), key in claims.items()],
        "no_claim": cls.no_claim,
    }


def _knobs(cls: type) -> list[dict]:
    return [
        {
            "name": name,
            "default": spec.describe(one.default) if one.family else one.default,
            "expected": one.expected(),
            "symbol": one.symbol,
            "unit": one.unit,
            "live": one.live,
            "doc": one.doc,
        }
        for name, one in knobs(cls).items()
    ]


def _sources(cls: type) -> list[dict]:
    found = [source(key) for key in cls.sources]
    return [
        {"key": s.key, "title": s.title, "year": s.year, "doi": s.doi, "arxiv": s.arxiv, "cited": s.short()}
        for s in found
    ]
