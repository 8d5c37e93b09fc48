"""Histories are saved without pickle, read back bit for bit, and refuse what they did not write."""

import io
import sys
import zipfile
from html import escape

import numpy as np
import pytest
from toys import Compiled, Contraction, Zero

import toolkit as tk


def test_save_and_load(tmp_path):
    run = tk.solve(Zero(), Contraction(), probes=("error",))
    run.history.save(tmp_path / "run.npz", run.spec())
    history, spec = tk.History.load(tmp_path / "run.npz")
    assert spec == run.spec() and history.trace_hash() == run.history.trace_hash()
    for name in run.history.names:
        np.testing.assert_array_equal(history[name], run.history[name])
    assert tk.Run.from_spec(spec).finish().history.trace_hash() == history.trace_hash()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04junk", b"not a file of ours", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.npz"
    if content is None:
        np.savez(path, a=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(tk.DataError, match=r"other\.npz"):
        tk.History.load(path)


def test_pickles_are_not_opened(tmp_path):
    path = tmp_path / "evil.npz"
    stored = io.BytesIO()
    np.save(stored, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about.npy", stored.getvalue())
    with pytest.raises(tk.DataError):
        tk.History.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(tk.DataError, match="no such file"):
        tk.History.load(tmp_path / "none.npz")


def test_snapshots_stay_under_their_cap():
    problem = Zero(n=1000)
    run = tk.Run(problem, Compiled(factor=0.999), snapshots=10 * 8000)
    run.step(500)
    assert 1 <= len(run._course.snapshots._states) <= 10 and 0 in run._course.snapshots._states
    assert run.at(123).x[0] == pytest.approx(0.999**123)


def test_series_skips_what_was_not_measured():
    history = tk.History((), ("error",))
    history.append(k=np.arange(4.0))
    history.note("error", 2.0)
    k, values = history.series("error")
    assert list(k) == [3.0] and list(values) == [2.0] and history.last("error") == 2.0
    assert np.isnan(history.last("nothing"))


def test_a_history_is_a_table_of_pandas_and_a_copy():
    history = tk.solve(Zero(), Contraction(), probes=("error",)).history
    frame = history.to_pandas()
    assert tuple(frame.columns) == history.names and len(frame) == len(history)
    for name in history.names:
        np.testing.assert_array_equal(frame[name], history[name])
    frame.loc[0, "k"] = 7
    assert history["k"][0] == 0


def test_without_pandas_a_history_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(tk.ToolkitError, match="pip install pandas"):
        tk.solve(Zero(), Contraction()).history.to_pandas()


def test_a_run_shows_its_status_its_last_values_and_every_verdict():
    run = tk.solve(Zero(), Contraction(), probes=("error",))
    shown, words = run._repr_html_(), {True: "holds", False: "does not hold", None: "open"}
    assert str(run.k) in shown and escape(str(run.status)) in shown and f"{run.history.last('error'):.4g}" in shown
    for claim, verdict in tk.verdicts(run):
        assert f"<td>{escape(claim.title or claim.about)}</td><td>" in shown and words[verdict.holds] in shown


def test_to_show_a_run_moves_nothing_and_one_that_has_not_begun_promises_nothing():
    run = tk.Run(Zero(), Contraction())
    assert "holds" not in run._repr_html_() and run.state is None
    run.step(3)
    before = run.history.trace_hash()
    run._repr_html_()
    assert run.k == 3 and run.history.trace_hash() == before


def test_every_word_of_a_shown_run_is_escaped():
    class Loud(Contraction):
        def label(self):
            return "<script>alert(1)</script>"

        def claims(self, problem):
            return (tk.Flat(measure="<i>error</i>", title="<b>promise</b>", over="rate", values=(0.5,), source=""),)

    shown = tk.solve(Zero(), Loud())._repr_html_()
    assert "<script>" not in shown and "<b>promise" not in shown and "&lt;b&gt;promise&lt;/b&gt;" in shown
