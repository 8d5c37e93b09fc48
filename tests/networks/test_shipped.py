"""Shipped weights are what a run left: its spec, its trace, its first steps again; the command that makes them."""

import dataclasses
import json

import numpy as np
import pytest

import toolkit as tk
from toolkit.cli import main
from toolkit.core.machine import Machine, machine
from toolkit.core.stop import THROUGH
from toolkit.networks import shipped
from toolkit.sampler.learnt.adam import Adam
from toolkit.sampler.learnt.denoiser import DENOISER, DenoiserTraining

EVERY = ("digits-denoiser",)


@pytest.fixture(autouse=True)
def digits():
    pytest.importorskip("sklearn")


@pytest.fixture
def small(tmp_path):
    """A training of five steps whose weights are in a file."""
    problem, method = DenoiserTraining(hidden=4, images=4), Adam(steps=5)
    one = shipped.Shipped("small", "a small one", tmp_path / "small.npz", problem, method, THROUGH, ("centre",))
    one.save(one.run().finish())
    return one


def test_what_ships_is_known():
    assert tuple(shipped.everything()) == EVERY and shipped.ships(EVERY[0]) is DENOISER
    with pytest.raises(tk.ToolkitError, match="known: digits-denoiser"):
        shipped.ships("digits")


@pytest.mark.parametrize("name", EVERY)
class TestEveryOne:
    def test_the_file_has_the_spec_of_its_run(self, name):
        one = shipped.ships(name)
        about = one.weights().about
        assert about["spec"] == json.loads(json.dumps(one.run().spec()))
        assert tk.Run.from_spec(about["spec"]).problem == one.problem
        assert len(about["trace"]) == 16 and about["first"]["trace"] != about["trace"]

    def test_the_first_steps_again(self, name):
        """Bit for bit on a machine like that of the record, else to ten digits."""
        one = shipped.ships(name)
        about = one.weights().about
        with shipped.one_thread():
            found = shipped.first_steps(tk.Run.from_spec(about["spec"]).step(shipped.FIRST).history)
            elsewhere = Machine.read(about["machine"]).other(machine())
        for monitor, values in about["first"]["values"].items():
            assert len(values) == shipped.FIRST + 1
            np.testing.assert_allclose(found["values"][monitor], values, rtol=1e-10, err_msg=monitor)
        if not elsewhere:
            assert found["trace"] == about["first"]["trace"]


def test_a_file_gives_back_what_the_run_left(small):
    weights, run = small.weights(), small.run().finish()
    np.testing.assert_array_equal(weights.solution, run.solution().astype(np.float16))
    np.testing.assert_array_equal(weights.beside["centre"], small.problem.centre)
    assert weights.about["trace"] == run.history.trace_hash()
    assert weights.about["machine"] == machine().words()


def test_rounding_moves_no_weight_that_is_shipped(small):
    """Within one unit of half precision a shipped value stays; beyond it the run's is written."""
    run = small.run().finish()
    before = small.weights().solution.astype(np.float16)
    moved = before.astype(float) + 0.9 * shipped.unit(before)
    moved[7] += 3 * shipped.unit(before)[7]
    run.state.mean = moved * (1 - run.state.keep**run.k)
    apart = small.save(run)
    after = small.weights().solution
    assert apart == pytest.approx(3.9, rel=1e-6)
    assert np.flatnonzero(after != before).tolist() == [7] and after[7] == np.float16(moved[7])


@pytest.mark.parametrize("wrong", ("missing", "noise", "foreign", "name", "short", "nan"))
def test_other_files_are_refused(small, tmp_path, wrong):
    """With what was expected and how to make it."""
    with np.load(small.path) as file:
        parts = dict(file)
    about = json.loads(str(parts["about"]))
    if wrong == "foreign":
        parts = {"matrix0": np.zeros(3)}
    if wrong == "name":
        parts["about"] = np.array(json.dumps(about | {"name": "other"}))
    if wrong == "short":
        parts["solution"] = parts["solution"][:-1]
    if wrong == "nan":
        parts["solution"][3] = np.nan
    path = tmp_path / "other.npz"
    if wrong == "noise":
        path.write_bytes(b"no archive at all")
    elif wrong != "missing":
        np.savez(path, **parts)
    with pytest.raises(tk.ToolkitError, match="expected"):
        dataclasses.replace(small, path=path).weights()


def test_the_command_makes_them_again(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shipped, "everything", lambda: {"small": small})
    assert main(["train"]) == 0
    assert "small" in capsys.readouterr().out
    before, other = small.path.read_bytes(), tmp_path / "again.npz"
    assert main(["train", "small", "--save", str(other)]) == 0
    assert small.weights().about["trace"] in capsys.readouterr().out
    assert other.read_bytes() == before == small.path.read_bytes()
    assert main(["train", "small"]) == 0 and small.path.read_bytes() == before


@pytest.mark.parametrize("arguments, words", [(["digits"], "known:"), (["small", "--save", "no/where.npz"], "folder")])
def test_its_mistakes_are_one_line(small, monkeypatch, capsys, arguments, words):
    monkeypatch.setattr(shipped, "everything", lambda: {"small": small})
    assert main(["train", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1
