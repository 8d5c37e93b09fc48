"""The same run elsewhere: the hash decides on a like machine, values on another; a narrower processor is asked."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
import toys
from house.rule import NARROWER

import toolkit as tk
from toolkit.core import likeness
from toolkit.core import machine as machines
from toolkit.core import spec as specs
from toolkit.core.machine import Machine, machine

HERE = Machine("znver4", 512, "0badc0de", "openblas 0.3 SkylakeX with 2 threads", "NumPy 2.4.6, toolkit 0.1.0")


class TestMachine:
    def test_this_one_is_known_whole(self):
        here = machine()
        assert all(here.words().values()) and len(here.words()) == 5
        assert here.vectors in (128, 256, 512) and len(here.code) == 8
        assert "NumPy" in here.versions and "toolkit" in here.versions and "thread" in here.blas
        assert machine() == here

    @pytest.mark.parametrize("form", [Machine.words, Machine.short])
    def test_it_is_read_as_it_was_written(self, form):
        text = json.dumps(form(HERE))
        assert Machine.read(json.loads(text)).other(HERE) == [] and HERE.other(Machine.read(json.loads(text))) == []
        assert len(json.dumps(HERE.short())) < 60

    @pytest.mark.parametrize(
        "part, value, words",
        [
            ("processor", "znver3", "another processor (znver3 with vectors of 512 bits; here znver4 with"),
            ("vectors", 256, "another processor (znver4 with vectors of 256 bits; here znver4 with vectors of 512"),
            ("code", "00000000", "other features or settings"),
            ("blas", "openblas 0.3 SkylakeX with 1 thread", "with 1 thread; here openblas 0.3 SkylakeX with 2 threads"),
            ("versions", "NumPy 2.3.0, toolkit 0.1.0", "NumPy 2.3.0 (here 2.4.6)"),
        ],
    )
    def test_what_differs_is_told(self, part, value, words):
        was = Machine(**(HERE.words() | {part: value}))
        assert len(was.other(HERE)) == 1 and words in was.other(HERE)[0]
        assert len(Machine.read(was.short()).other(HERE)) == 1
        assert Machine(**(HERE.words() | {part: type(value)()})).other(HERE) == []  # what is not known agrees

    @pytest.mark.parametrize("found", [None, 3, "x", [], {}, [None, "y"], {"processor": 5, "vectors": "a", "blas": []}])
    def test_what_is_not_one_is_not_known(self, found):
        assert Machine.read(found) == Machine()

    def test_nobody_s_words_are_long_or_markup(self):
        found = Machine.read({"processor": "<b>" + "x" * 10_000, "vectors": True})
        assert len(found.processor) <= machines.MOST and "<" not in found.processor and found.vectors == 0


@dataclass(frozen=True)
class Chaotic(toys.Contraction):
    """Says that rounding decides."""

    title = "chaotic"
    chaotic = "what is rounded off grows twofold a step"


def spec_of(method=None, **changed) -> dict:
    """What was seen of six steps by halves, changed as if another machine had made it."""
    spec = tk.Run(toys.Zero(), method or toys.Contraction(), tk.Stop(steps=6)).finish().spec()
    spec["seen"] |= changed
    return json.loads(json.dumps(spec))


def again(spec: dict) -> likeness.Likeness:
    return tk.Run.from_spec(spec).finish().likeness()


OTHER = {"trace": "0123456789abcdef", "machine": Machine("z80", 128, "00000000").words()}


class TestComparison:
    def test_a_spec_says_what_was_seen_and_where(self):
        spec = spec_of()
        assert spec["seen"]["machine"] == machine().words()
        assert (spec["seen"]["status"], spec["seen"]["k"], spec["seen"]["last"]) == ("budget", 6, {"residual": 0.5**6})
        assert again(spec) == likeness.Likeness(True, "as seen", likeness.TOLD)
        assert "seen" not in tk.Run.from_spec(spec).spec(seen=False)

    def test_a_run_that_has_not_begun_keeps_what_was_seen(self):
        spec = spec_of()
        assert tk.Run.from_spec(spec).spec() == spec and "seen" not in tk.Run(toys.Zero(), toys.Contraction()).spec()

    def test_another_hash_on_a_like_machine_is_an_alarm(self):
        found = again(spec_of(trace="0123456789abcdef"))
        assert found.same is False
        assert found.words == "but 0123456789abcdef was seen, on a machine like this one: the same to 12 digits"

    def test_elsewhere_values_decide(self):
        found = again(spec_of(**OTHER, last={"residual": 0.5**6 * (1 + 1e-12)}))
        assert found.same is True and found.words.startswith("the same to 12 digits; another processor (z80 with")
        found = again(spec_of(**OTHER, last={"residual": 0.5**6 + 5e-7}))
        assert found.same is True and found.words.startswith("the same to 6 digits; another processor")
        found = again(spec_of(**OTHER, last={"residual": 0.5**6 + 2e-6}))
        assert found.same is False and "0.015625 instead of 0.015627: 5 digits, which is more than" in found.words

    @pytest.mark.parametrize(
        "changed, words", [({"k": 5}, "6 steps instead of 5"), ({"status": "converged"}, "budget instead of converged")]
    )
    def test_elsewhere_steps_and_status_are_the_same(self, changed, words):
        found = again(spec_of(**OTHER, **changed))
        assert found.same is False and words in found.words and "another processor" in found.words

    def test_a_run_that_rounding_decides_says_so(self):
        found = again(spec_of(Chaotic(), **OTHER, last={"residual": 1.0}))
        assert found.same is None and "as is to be expected: what is rounded off grows" in found.words
        assert again(spec_of(Chaotic(), **OTHER)).same is True
        assert again(spec_of(Chaotic(), trace="0123456789abcdef", last={"residual": 1.0})).same is False

    def test_a_part_of_a_method_may_say_so(self):
        from toolkit.preconditioner import CG, FGMRES, InnerGMRES, Poisson
        from toolkit.sampler import BDIARoundTrip, DDIMRoundTrip, StepLadder

        for method, words in ((StepLadder(sampler=BDIARoundTrip()), "on the way back"), (CG(), "short recurrence")):
            assert words in likeness._chaotic(method)
        for quiet in (StepLadder(sampler=DDIMRoundTrip()), FGMRES(preconditioner=InnerGMRES()), Poisson()):
            assert likeness._chaotic(quiet) == ""

    def test_a_machine_that_is_not_told_leaves_it_open(self):
        found = again(spec_of(trace="0123456789abcdef", machine={}))
        assert found.same is None and found.words.endswith("not told: the same to 12 digits")

    def test_a_run_is_compared_as_far_as_it_was_seen(self):
        spec = spec_of()
        run = tk.Run.from_spec(spec).step(2)
        assert run.likeness() == likeness.Likeness(None, "step 2 of the 6 that were seen")
        midway = tk.Run(toys.Zero(), toys.Contraction(), tk.Stop(steps=6)).step(3).spec()
        assert midway["seen"]["status"] == "running" and again(midway).words == "as seen"

    def test_a_clock_s_budget_is_no_part_of_it(self):
        spec = spec_of() | {"stop": {"rtol": 0.0, "seconds": 0.01}}
        assert again(spec).words == "as seen"

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_is_not_finite_is_compared_too(self, value):
        run = tk.Run(toys.Zero(), toys.Contraction(), tk.Stop(steps=6)).finish()
        run.history.note("residual", value)
        assert run.spec()["seen"]["last"] == {"residual": None} and specs.dumps(run.spec())
        assert likeness.digits(run.history["residual"], None) == likeness.TOLD
        assert likeness.digits(run.history["residual"], 1.0) == 0 == likeness.digits(run.history["residual"], None, 0)

    @pytest.mark.parametrize("last", [3, {"residual": "x"}, None])
    def test_damage_is_told(self, last):
        with pytest.raises(tk.SpecError, match="damaged"):
            tk.Run.from_spec(spec_of(last=last))

    def test_a_link_s_form_is_short_and_read_back(self):
        found = spec_of()["seen"]
        short = likeness.shortened(found)
        assert len(json.dumps(short)) < 60
        run = tk.Run(toys.Zero(), toys.Contraction(), tk.Stop(steps=6)).finish()
        assert likeness.compared(run, likeness.read(short, 6) | {"machine": machine().words()}).words == "as seen"


ELSEWHERE = """
import json, sys
import toolkit as tk
from toolkit.core.machine import machine
runs = [tk.Run.from_spec(spec).finish() for spec in json.loads(sys.stdin.read())]
told = [(run.history.trace_hash(), run.likeness().same, run.likeness().words) for run in runs]
print(json.dumps([machine().short(), told]))
"""
SPECS = (  # the second has sums that wider vectors take in another order
    {"problem": {"name": "anisotropic", "knobs": {"n": 16}}, "method": {"name": "jacobi", "knobs": {}}},
    {"problem": {"name": "poisson", "knobs": {"n": 24, "load": "noise"}}, "method": {"name": "cg", "knobs": {}}},
)


@pytest.mark.parametrize("name", ["itself", *NARROWER])
def test_a_narrower_processor_compares_values(name, tmp_path):
    settings = NARROWER.get(name, {})
    asked = [
        {"schema": 1, "stop": {"steps": 12}}
        | {part: one[part] | {"lab": "preconditioner"} for part in ("problem", "method")}
        for one in SPECS
    ]
    seen = [tk.Run.from_spec(one).finish().spec() for one in asked]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | settings
    if settings:
        environment["NUMBA_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, "-c", ELSEWHERE]
    done = subprocess.run(command, env=environment, input=json.dumps(seen), capture_output=True, text=True, check=True)
    there, told = json.loads(done.stdout)
    here = [machine().short(), [[one["seen"]["trace"], True, "as seen"] for one in seen]]
    if name == "itself":
        assert [there, told] == here
        return
    assert there[0] == settings["NUMBA_CPU_NAME"] and there[1] == {"Zen 3": 256, "x86-64": 128}[name]
    assert there[2] != here[0][2] and all(same for _, same, _ in told)
    for (trace, _, words), one in zip(told, seen):
        assert words == "as seen" if trace == one["seen"]["trace"] else "digits; another processor" in words
    assert any(trace != one["seen"]["trace"] for (trace, *_), one in zip(told, seen))


def test_a_name_alone_narrows_nothing():
    """Numba then compiles for the features of this processor: another machine, but as wide."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CPU_NAME": "znver3"}
    code = "from toolkit.core.machine import machine; print(machine().vectors)"
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(said.stdout) == machine().vectors
