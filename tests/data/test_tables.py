"""Tables of numbers: a damaged file is refused in one line, whatever is damaged."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.data.tables import FIELDS, GRID_VALUES


def written(kind: str) -> bytes:
    target, array = io.BytesIO(), np.random.default_rng(1).standard_normal((6, 5))
    if kind == "csv":
        np.savetxt(target, array, delimiter=",")
    else:
        (np.save if kind == "npy" else np.savez_compressed)(target, array)
    return target.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
@pytest.mark.parametrize("reader", [FIELDS, GRID_VALUES], ids=lambda one: type(one).__name__)
def test_damaged_files_are_read_or_refused_in_one_line(reader, kind):
    rng, whole, refused = np.random.default_rng(2), written(kind), 0
    for i in range(500):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 5)):  # every second time in the header
            data[int(rng.integers(0, min(len(data), 128) if i % 2 else len(data)))] ^= int(rng.integers(1, 256))
        data = data[: int(rng.uniform(0.05, 1) * len(data))] if i % 3 == 0 else data
        try:
            assert np.isfinite(reader.made("mine", bytes(data))).all()
        except tk.DataError as refusal:
            message, refused = str(refusal), refused + 1
            assert message.startswith("mine") and "\n" not in message and len(message) < 400, message
    assert refused > 100


TABLE = np.array([[1.5, -2.25, 3.0], [4.0, 0.125, 1234.5], [7.0, 8.0, -9000.75]])
PLAIN = "1.5,-2.25,3\n4,.125,1234.5\n7,8,-9000.75\n"
EUROPEAN = "1,5;-2,25;3\n4;,125;1234,5\n7;8;-9000,75\n"
WAYS = {
    "plain": (PLAIN, ()),
    "comments": ("# three fields\n\n" + PLAIN, ()),
    "a heading": ("a,b,c\n" + PLAIN, ("heading was left out",)),
    "a heading of quoted words": ('"a, in m","b","c"\n' + PLAIN, ("heading was left out",)),
    "a heading and units": ("a,b,c\nm,m,s\n" + PLAIN, ("2 rows of headings",)),
    "a heading with years": ("x,1990,1991\n" + PLAIN, ("heading was left out",)),
    "numbered columns": ("0,1,2\n" + PLAIN, ("heading was left out",)),
    "semicolons": (PLAIN.replace(",", ";"), ("between semicolons",)),
    "tabs": (PLAIN.replace(",", "\t"), ("between tabs",)),
    "blanks": ("  1.5   -2.25 3\n4 .125 1234.5 \n7 8 -9000.75\n", ("between blanks",)),
    "a blank behind the comma": (PLAIN.replace(",", ", "), ()),
    "decimal commas": (EUROPEAN, ("between semicolons", "Commas are decimal")),
    "decimal commas and tabs": (EUROPEAN.replace(";", "\t"), ("between tabs", "Commas are decimal")),
    "quoted decimal commas": ('"1,5","-2,25","3"\n4,",125","1234,5"\n7,8,"-9000,75"\n', ("Commas are decimal",)),
    "decimal commas and points between thousands": (
        "1,5;-2,25;3\n4;,125;1.234,5\n7;8;-9.000,75\n",
        ("between semicolons", "Commas are decimal"),
    ),
    "quoted thousands": ('1.5,-2.25,3\n4,.125,"1,234.5"\n7,8,"-9,000.75"\n', ()),
    "blanks between thousands": (PLAIN.replace("1234.5", "1 234.5").replace("9000", "9\u202f000"), ()),
    "labels": ("one,1.5,-2.25,3\ntwo,4,.125,1234.5\nthree,7,8,-9000.75\n", ("first column names or counts",)),
    "an index": (",a,b,c\n0,1.5,-2.25,3\n1,4,.125,1234.5\n2,7,8,-9000.75\n", ("heading", "first column names")),
    "dates": (
        "day;a;b;c\n1.5.2026;1,5;-2,25;3\n2.5.2026;4;,125;1234,5\n3.5.2026;7;8;-9000,75\n",
        ("semi", "decimal", "heading", "first"),
    ),
    "a delimiter at the end": (PLAIN.replace("\n", ",\n"), ()),
    "Excel's first line": ("sep=;\n" + EUROPEAN, ("between semicolons", "Commas are decimal")),
}


@pytest.mark.parametrize("case", WAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_table_is_read_however_it_is_written_and_what_was_assumed_is_said(case, encoding):
    text, words = WAYS[case]
    for end in ("\n", "\r\n"):
        found = FIELDS.found("a.csv", text.replace("\n", end).encode(encoding))
        np.testing.assert_array_equal(found.value, TABLE)
        assert len(found.remarks) == len(words) and all(a in b for a, b in zip(words, found.remarks)), found.remarks


def test_a_heading_in_another_encoding_does_no_harm():
    np.testing.assert_array_equal(FIELDS.made("a.csv", ("größe,µ,c\n" + PLAIN).encode("latin-1")), TABLE)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(2, 7),
    st.integers(2, 6),
    st.integers(0, 1000),
    st.sampled_from((",", ";", "\t", "|")),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "cp1252")),
)
def test_what_pandas_writes_is_read_exactly(rows, columns, seed, sep, comma, header, index, encoding):
    pandas = pytest.importorskip("pandas")
    table = np.random.default_rng(seed).standard_normal((rows, columns)) * 10.0 ** np.arange(columns)
    names = [f"größe {i}" for i in range(columns)]
    frame = pandas.DataFrame(table, columns=names)
    index = index and header  # without a heading nothing says that the first column counts
    text = frame.to_csv(sep=sep, decimal="," if comma and sep != "," else ".", header=header, index=index)
    found = FIELDS.found("a.csv", text.encode(encoding))
    np.testing.assert_array_equal(found.value, table)
    assert any("first column" in one for one in found.remarks) == index


@pytest.mark.parametrize(
    "text, words",
    [
        ("1,2,3\n4,,6\n", "row 2, column 2 is missing; expected numbers everywhere: fill it in"),
        ("a,b\n1,2\n4,n/a\n", "row 2, column 2 (below the heading) is missing"),
        ("1,2,3\n4,secret,6\n7,8,9\n", "row 2, column 2 is not a number"),
        ("1,2,3\n4,5\n", "row 2 has 2 cells; expected 3: rows of numbers, all of one length"),
        ("1,234;5,678\n9,101;1,121\n", "its commas may be decimal or part thousands"),
        ("1,2\n3,nan\n", "field 2, point 2 is nan"),
        ("secret,words\nof,mine\n", "not a number"),
        ("1\n2\n3\n", "two of each"),
        ('1,"2\n3,4\n', "expected"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_with_the_place_and_without_its_content(text, words):
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(tk.DataError) as refusal:
            FIELDS.made("mine.csv", text.encode(encoding))
        message = str(refusal.value)
        assert message.startswith("mine.csv: ") and words in message and "secret" not in message and "\n" not in message


@pytest.mark.parametrize(
    "reader, data, words",
    [
        (FIELDS, b"%PDF-1.4", "it is a PDF document; expected a table (.npy, .npz, .csv, .tsv, .txt)."),
        (FIELDS, b"\xd0\xcf\x11\xe0" + bytes(9), "an old Office document; expected a table"),
        (FIELDS, b"\x89PNG\r\n\x1a\n", "it is a PNG image"),
        (GRID_VALUES, written("npz"), "it is NumPy arrays; expected an array (.npy): save one array with numpy.save."),
        (GRID_VALUES, b"\x89PNG\r\n\x1a\n", "it is a PNG image; expected an array (.npy)"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(reader, data, words):
    with pytest.raises(tk.DataError) as refusal:
        reader.accept("mine.npy", data)
    assert words in str(refusal.value)


def test_of_several_arrays_the_first_is_read_and_that_is_said():
    target = io.BytesIO()
    np.savez(target, one=TABLE, two=TABLE + 1)
    found = FIELDS.found("a.npz", target.getvalue())
    np.testing.assert_array_equal(found.value, TABLE)
    assert found.remarks == ("The first of 2 arrays was read.",)


def test_a_large_table_is_read_exactly():
    """A million numbers with decimal commas, cell by cell."""
    table = np.random.default_rng(0).standard_normal((1000, 1000))
    text = "\n".join(";".join(f"{x:.6f}" for x in row) for row in table).replace(".", ",")
    np.testing.assert_allclose(FIELDS.made("a.csv", text.encode()), table, atol=1e-6)
