"""What a person types wrongly is told in one sentence, with what was expected; what is odd but possible is done."""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from toys import Compiled, Contraction, Zero

import toolkit as tk
from toolkit.core.knob import brief, reach
from toolkit.mesh import LShape
from toolkit.preconditioner import CG, IC0, MINRES, SOR, SSOR, Poisson, system

INDEFINITE = sp.diags_array([1.0, -1.0, 2.0]).tocsr()
CALLS = {"solve": tk.solve, "Run": tk.Run, "race": lambda problem, method, stop=None: tk.race(problem, [method], stop)}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestMistakes:
    def test_problem_and_method_swapped(self, call):
        with pytest.raises(tk.ToolkitError, match=r"The problem comes first.*Contraction\(\) and Zero\(\) are swapped"):
            call(Contraction(), Zero())

    def test_a_class_instead_of_one_of_it(self, call):
        with pytest.raises(tk.ToolkitError, match=r"The problem is the class Zero: .* Zero\(\); its knobs: n\."):
            call(Zero, Contraction())
        with pytest.raises(tk.ToolkitError, match=r"The method is the class Contraction: .*its knobs: factor, fixed\."):
            call(Zero(), Contraction)

    def test_neither_a_problem_nor_a_method(self, call):
        with pytest.raises(tk.ToolkitError, match="The problem is a ndarray: expected a Problem"):
            call(np.eye(3), Contraction())
        with pytest.raises(tk.ToolkitError, match="The method is a str: expected a Method"):
            call(Zero(), "cg")

    @pytest.mark.parametrize("stop, how", [(1e-3, "rtol=0.001"), (50, "steps=50"), (np.float32(0.5), "rtol=0.5")])
    def test_a_number_as_a_stop(self, call, stop, how):
        with pytest.raises(tk.ToolkitError, match=rf"expected a Stop, such as Stop\({how}\); its knobs: measure, rtol"):
            call(Zero(), Contraction(), stop)

    def test_something_else_as_a_stop(self, call):
        with pytest.raises(tk.ToolkitError, match="stop is a dict: expected a Stop; its knobs: measure, rtol"):
            call(Zero(), Contraction(), {"rtol": 1e-3})


def test_an_unknown_knob_is_named_with_the_known_ones():
    for make, known in ((Contraction, "factor, fixed"), (Zero, "n"), (CG, "preconditioner"), (Poisson, "dim, n, load")):
        with pytest.raises(tk.KnobError, match=f"{make.__name__} has no knob 'size'; its knobs: {known}"):
            make(size=3)
    with pytest.raises(tk.KnobError, match="Stop has no knob 'tol'; its knobs: measure, rtol"):
        tk.Stop(tol=1e-3)
    with pytest.raises(tk.KnobError, match=r"CG has no knob .omega.; its knobs: preconditioner, preconditioner\.omega"):
        CG(preconditioner=SSOR()).turned(omega=1.0)


def test_a_part_is_one_of_a_class_not_the_class():
    with pytest.raises(tk.KnobError, match=r"CG\.preconditioner is the class IC0: give one of it, IC0\(\)\."):
        CG(preconditioner=IC0)
    with pytest.raises(tk.KnobError, match="expected a Preconditioner"):
        CG(preconditioner=Poisson)
    with pytest.raises(tk.KnobError, match=r"Poisson\.n = .*: expected a whole number"):
        Poisson(n=int)


def test_one_method_is_no_race():
    with pytest.raises(tk.ToolkitError, match="methods is a Contraction: expected several"):
        tk.race(Zero(), Contraction())


def test_another_kind_of_problem_is_refused():
    for call in (tk.solve, lambda p, m: tk.race(p, [MINRES(), m])):
        with pytest.raises(tk.ToolkitError, match=r"cannot run on LShape\(\): it solves problems of the kind"):
            call(LShape(), CG())


class TestUnsuited:
    def test_it_runs_with_a_warning_that_has_the_reason(self):
        problem = system(INDEFINITE, np.ones(3))
        with pytest.warns(tk.UnsuitedWarning, match="CG needs a positive definite matrix.*runs all the same") as seen:
            run = tk.solve(problem, CG())
        assert run.status.kind == "breakdown" and seen[0].filename == __file__
        with pytest.warns(tk.UnsuitedWarning, match="CG needs a positive definite matrix"):
            runs = tk.race(problem, [MINRES(), CG()])
        assert [one.status.kind for one in runs] == ["converged", "breakdown"]

    def test_who_wants_an_error_has_one(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error", tk.UnsuitedWarning)
            with pytest.raises(tk.UnsuitedWarning, match="positive definite"):
                tk.solve(system(INDEFINITE, np.ones(3)), CG())

    def test_nothing_is_said_of_what_suits(self):
        operator = spla.aslinearoperator(abs(INDEFINITE))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for problem in (
                Poisson(n=4),
                system(abs(INDEFINITE), np.ones(3)),
                system(operator, np.ones(3), symmetric=True),
                system(operator, np.ones(3), symmetric=True, definite=True),
            ):
                assert tk.solve(problem, CG()).status.kind == "converged"


class TestMatrixInMemory:
    def test_whether_it_is_definite_is_found_out_when_asked(self):
        assert system(abs(INDEFINITE), np.ones(3)).definite and not system(INDEFINITE, np.ones(3)).definite
        assert not system(abs(INDEFINITE), np.ones(3), definite=False).definite
        assert CG().suits(system(abs(INDEFINITE), np.ones(3))) == ""
        assert "positive definite" in CG().suits(system(INDEFINITE, np.ones(3)))

    def test_of_an_operator_nobody_knows_and_cg_runs_on_trust(self):
        problem = system(spla.aslinearoperator(INDEFINITE), np.ones(3), symmetric=True)
        assert problem.undecided and CG().suits(problem) == ""
        run = tk.solve(problem, CG())
        assert run.status.kind == "breakdown" and "A is not positive definite" in run.status.cause
        told = system(spla.aslinearoperator(INDEFINITE), np.ones(3), symmetric=True, definite=False)
        assert "positive definite" in CG().suits(told)
        unknown = system(spla.aslinearoperator(abs(INDEFINITE)), np.ones(3))
        assert "not known" in CG().suits(unknown)

    @pytest.mark.parametrize("form", [np.asarray, np.asmatrix, sp.csr_array, sp.csc_matrix, sp.coo_array, sp.lil_array])
    def test_what_is_done_to_the_arrays_later_is_not_seen(self, form):
        A, b, x = form(np.diag([1.0, 2.0, 3.0])), np.ones(3), np.zeros(3)
        problem = system(A, b, x)
        if form is sp.coo_array:
            A.data[:] = 7.0
        else:
            A[0, 0] = 7.0
        b[:] = x[:] = 9.0
        np.testing.assert_array_equal(problem.matrix.toarray(), np.diag([1.0, 2.0, 3.0]))
        np.testing.assert_array_equal(problem.rhs, 1.0)
        np.testing.assert_array_equal(problem.start, 0.0)

    def test_a_tolerance_is_relative_to_b_wherever_a_run_starts(self):
        A = sp.diags_array(np.linspace(1, 9, 20)).tocsr()
        b, exact = np.ones(20), 1 / np.linspace(1, 9, 20)
        for start, steps in ((exact, {0}), (exact + 1e-7, range(1, 20)), (1e6 * exact, range(1, 40))):
            run = tk.solve(system(A, b, start), CG())
            assert run.status.kind == "converged" and run.k in steps
            assert np.linalg.norm(b - A @ run.solution()) <= 1.1e-8 * np.linalg.norm(b)
        far = tk.solve(system(A, b, 1e6 * exact), CG(), tk.Stop(rtol=0.0, atol=1e-8 * 1e6))  # relative to the start's
        assert far.status.kind == "converged" and far.stop.goal(far.history) == 1e-2

    def test_the_unit_of_a_column_travels_with_a_history(self, tmp_path):
        run = tk.solve(system(np.diag([1.0, 2.0]), np.ones(2), np.full(2, 1e6)), CG())
        run.history.save(tmp_path / "one.npz")
        for history in (run.history.copy(), tk.History.load(tmp_path / "one.npz")[0]):
            assert tk.Stop(rtol=1e-8).goal(history) == 1e-8


class TestParts:
    def test_a_ladder_reaches_a_knob_of_a_part(self):
        values = [0.5, 1.0, 1.5]
        runs = tk.ladder(Poisson(n=8), CG(preconditioner=SSOR()), "preconditioner.omega", values)
        assert [run.method.preconditioner.omega for run in runs] == values
        alone = tk.solve(Poisson(n=8), CG(preconditioner=SSOR(omega=1.5)))
        assert runs[-1].history.trace_hash() == alone.history.trace_hash()

    def test_what_is_turned_is_checked_and_more_than_one_at_once(self):
        made = CG(preconditioner=SSOR()).turned(**{"preconditioner.omega": 1.2})
        assert made == CG(preconditioner=SSOR(omega=1.2))
        with pytest.raises(tk.KnobError, match=r"SSOR\.omega = 9"):
            made.turned(**{"preconditioner.omega": 9})
        with pytest.raises(tk.KnobError, match="SSOR has no knob 'shift'"):
            made.turned(**{"preconditioner.shift": 1})
        with pytest.raises(tk.KnobError, match=r"SOR has no knob 'omega\.x'"):
            SOR().turned(**{"omega.x": 1})

    def test_a_name_that_nobody_bears_is_told_with_all_that_there_are(self):
        with pytest.raises(tk.KnobError, match=r"CG has preconditioner, preconditioner\.shift; Poisson has dim, n,"):
            tk.ladder(Poisson(n=4), CG(preconditioner=IC0()), "shift", [0.1])
        assert reach(CG(preconditioner=IC0())) == ["preconditioner", "preconditioner.shift"]

    def test_a_part_is_not_turned_in_mid_run(self):
        with pytest.raises(tk.KnobError, match="not live"):
            tk.Run(Poisson(n=4), CG(preconditioner=SSOR())).step(1).turn(**{"preconditioner.omega": 1.0})


class TestRuns:
    def test_a_run_tells_problem_method_step_and_status(self):
        run = tk.Run(Poisson(n=8), CG(preconditioner=IC0(shift=0.1)))
        assert repr(run) == "Run(Poisson(n=8), CG(preconditioner=IC0(shift=0.1)), step 0, running)"
        run.finish()
        assert re.fullmatch(r"Run\(Poisson.*, step \d+, converged: residual ≤ 1e-08\)", repr(run))
        assert "system(Hermitian matrix of 3 unknowns)" in repr(tk.Run(system(INDEFINITE, np.ones(3)), MINRES()))
        assert brief(Poisson()) == "Poisson()"

    @pytest.mark.parametrize("how", [copy.deepcopy, copy.copy])
    @pytest.mark.parametrize("method", [Contraction(), Compiled()], ids=["steps", "compiled"])
    def test_a_copy_of_a_run_is_independent_and_goes_the_same_way(self, how, method):
        run = tk.Run(Zero(), method, tk.Stop(rtol=1e-6), ("error",), snapshots=1 << 20).step(3)
        twin = how(run)
        kept = np.array(twin.solution())
        run.finish()
        assert twin.k == 3 and np.array_equal(twin.solution(), kept) and not twin.status.done
        assert twin.finish().history.trace_hash() == run.history.trace_hash()
        np.testing.assert_array_equal(twin.at(1).solution(), run.at(1).solution())
        over = how(run)
        assert over.status == run.status and how(tk.Run(Zero(), method)).k == 0

    def test_a_copy_of_a_cancelled_run_is_cancelled(self):
        run = tk.Run(Zero(), Contraction()).step(2)
        run.cancel()
        run.finish()
        assert copy.deepcopy(run).status.kind == "cancelled"

    def test_a_knobbed_object_is_copied_and_pickled_as_before(self):
        made = CG(preconditioner=SSOR(omega=1.1))
        assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made
