"""The sources that claims and methods cite, from `references.bib`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from toolkit.core.errors import ToolkitError

BIB = Path(__file__).resolve().parent.parent / "references.bib"


@dataclass(frozen=True)
class Source:
    """One entry of the bibliography."""

    key: str
    title: str
    authors: str
    year: str
    doi: str = ""
    arxiv: str = ""

    @property
    def url(self) -> str:
        """Where it is found: by its DOI, else on arXiv; empty where neither is known."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""

    def short(self) -> str:
        """Authors' names and year, as cited in a legend."""
        names = [name.split(",")[0].strip() for name in self.authors.split(" and ")]
        who = names[0] if len(names) == 1 else f"{names[0]} & {names[1]}" if len(names) == 2 else f"{names[0]} et al."
        return f"{who} {self.year}"


@functools.cache
def bibliography() -> dict[str, Source]:
    """Every source by key. ToolkitError when the parser is not installed (it comes with the `apps` extra)."""
    try:
        import bibtexparser
    except ImportError:
        raise ToolkitError("Reading references needs bibtexparser: pip install 'convergence-toolkit[apps]'.") from None
    library = bibtexparser.parse_file(str(BIB))
    if library.failed_blocks:
        raise ToolkitError(f"{BIB}: {len(library.failed_blocks)} entries cannot be read.")
    return {entry.key: _source(entry) for entry in library.entries}


def _source(entry) -> Source:
    marks = str.maketrans("", "", "{}")
    text = {name: field.value.translate(marks).replace("--", "–") for name, field in entry.fields_dict.items()}
    return Source(
        entry.key,
        text.get("title", ""),
        text.get("author", ""),
        text.get("year", ""),
        text.get("doi", ""),
        text.get("eprint", ""),
    )


def source(key: str) -> Source:
    """One source; ToolkitError for a key that is not in the bibliography."""
    if key not in bibliography():
        raise ToolkitError(f"There is no source {key!r} in {BIB.name}.")
    return bibliography()[key]
