"""The bibliography: every key leads somewhere, every entry is used, identifiers are well formed and agree with it."""

import ast
import re
from pathlib import Path

import pytest

from toolkit.core.references import BIB, bibliography

HOUSE = BIB.parent
KEY = re.compile(r"[a-z]+(18|19|20)\d\d[a-z]*")
OTHERS = {"bt601"}  # a standard: its key has no year
SOURCES = bibliography()
DOI = {key: one.doi for key, one in SOURCES.items() if one.doi}
ARXIV = {key: one.arxiv for key, one in SOURCES.items() if one.arxiv}


def words(path: Path):
    """The string constants of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs}


@pytest.fixture(scope="module")
def text():
    """All modules, one after another."""
    return "\n".join(path.read_text() for path in HOUSE.rglob("*.py"))


@pytest.fixture(scope="module")
def said():
    """What they say beside docstrings."""
    return {word for path in HOUSE.rglob("*.py") for word in words(path) if isinstance(word, str)}


def check_digit(number: str, weights) -> int:
    return sum(weight * (10 if c == "X" else int(c)) for weight, c in zip(weights, number))


def test_every_key_that_is_cited_is_an_entry(said):
    assert {word for word in said if KEY.fullmatch(word)} <= set(SOURCES)


def test_every_entry_is_cited(text, said):
    """By its key, or by its number in a docstring."""
    numbers = {key: [number for number in (DOI.get(key), ARXIV.get(key)) if number] for key in set(SOURCES) - said}
    assert {key for key, known in numbers.items() if not any(number in text for number in known)} == set()


def test_every_key_is_a_name_and_the_year():
    wrong = {key for key, one in SOURCES.items() if one.year not in key} - OTHERS
    early = {key for key in wrong if abs(int(re.search(r"\d{4}", key)[0]) - int(SOURCES[key].year)) <= 1}
    assert wrong - early <= {"kolmogorov1941"}  # cited in the translation of 1991


def test_no_work_is_entered_twice():
    for kind in (DOI, ARXIV, {key: re.sub(r"\W", "", one.title.lower()) for key, one in SOURCES.items()}):
        names = [name.lower() for name in kind.values()]
        assert {name for name in names if names.count(name) > 1} <= {"algebraicmultigrid"}


def test_dois_are_well_formed():
    assert {key for key, doi in DOI.items() if not re.fullmatch(r"10\.\d{4,9}/[\w.()/:;-]+", doi)} == set()


def test_arxiv_numbers_are_well_formed_and_not_much_younger_than_the_entry():
    for key, number in ARXIV.items():
        found = re.fullmatch(r"(\d\d)(0[1-9]|1[0-2])\.(\d{4,5})", number)
        assert found, key
        assert len(found[3]) == (5 if int(found[1]) >= 15 else 4), key
        assert 2007 <= 2000 + int(found[1]) <= int(SOURCES[key].year) + 1, key


@pytest.mark.parametrize("key", [key for key, doi in DOI.items() if re.search(r"97[89][\d-]{10,}", doi)])
def test_a_book_number_in_a_doi_has_the_right_check_digit(key):
    number = re.search(r"97[89][\d-]{10,}", DOI[key])[0].replace("-", "")[:13]
    if "S0025-5718" not in DOI[key]:
        assert len(number) == 13 and check_digit(number, (1, 3) * 6 + (1,)) % 10 == 0


JOURNAL = re.compile(r"/S?(\d{4})-?(\d{3}[\dX])[-(]?(\d{2,4})[-)]?-?\d{5,7}-?[\dX]$")


@pytest.mark.parametrize("key", [key for key, doi in DOI.items() if JOURNAL.search(doi)])
def test_a_journal_number_in_a_doi_has_the_right_check_digit_and_year(key):
    """Item numbers of Elsevier, SIAM, AMS and others: ISSN, year, number; accepted up to five years before printing."""
    one, two, year = JOURNAL.search(DOI[key]).groups()
    assert check_digit(one + two, range(8, 0, -1)) % 11 == 0
    if key != "bartlett1934":  # numbered when it was scanned
        printed = int(SOURCES[key].year)
        assert (printed - int(year)) % (100 if len(year) == 2 else 10_000) <= 5


def test_what_docstrings_cite_is_well_formed(text):
    dois = set(re.findall(r"doi:\s*(10\.\S+)", text))
    assert dois and all(re.match(r"10\.\d{4,9}/\S+", doi) for doi in dois)
    numbers = set(re.findall(r"arXiv:\s*([^\s,;)]+?)\.?(?=[\s,;)])", text))
    assert numbers and all(re.fullmatch(r"\d{4}\.\d{4,5}(v\d+)?|[a-z-]+/\d{7}", number) for number in numbers)


def test_a_doi_in_a_docstring_is_that_of_the_entry_with_its_name(text):
    """A docstring that names a DOI of the bibliography spells it in the same way."""
    entered = {doi.lower(): doi for doi in DOI.values()}
    for doi in set(re.findall(r"doi:\s*(10\.\d{4,9}/[\w.()/:;-]*\w)", text)):
        assert entered.get(doi.lower(), doi) == doi


def test_what_is_shown_is_text_and_no_markup():
    shown = [text for one in SOURCES.values() for text in (one.title, one.authors, one.short())]
    assert [text for text in shown if re.search(r"[\\{}$~]|--", text)] == []
    assert any("Čertík" in text for text in shown)
