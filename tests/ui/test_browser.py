"""The served page in a real browser: what a person does, and what is seen."""

import csv
import gc
import io
import logging
import re
import subprocess
import sys
import weakref

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from pages import SLOW, cell, hash_of, points, press, shows, steps, take
from playwright.sync_api import expect
from screen import until

from toolkit.ui.page import view as views

pytestmark = pytest.mark.browser


def small(**more) -> str:
    """The query of a page with CG on a small grid."""
    from toolkit.session import share

    method = {"lab": "preconditioner", "name": "cg", "knobs": {}}
    spec = {
        "schema": 1,
        "lab": "preconditioner",
        "problem": {"lab": "preconditioner", "name": "poisson", "knobs": {"dim": 2, "n": 24}},
        "entries": [{"method": method, "look": 0, "changes": []}],
        "stop": {},
    }
    return "?s=" + share.pack(spec | more)


def long() -> str:
    """The query of a page whose race does not end by itself soon: Gauss–Seidel on a fine grid, no tolerance."""
    method = {"lab": "preconditioner", "name": "gauss_seidel", "knobs": {}}
    problem = {"lab": "preconditioner", "name": "poisson", "knobs": {"dim": 2, "n": 48}}
    entries = [{"method": method, "look": 0, "changes": []}]
    return small(problem=problem, entries=entries, stop={"rtol": 0.0, "steps": None})


def test_start_the_curve_grows_pause_holds_and_cancel_says_so(lab):
    page = lab(long())
    press(page, "Start")
    until(lambda: points(page) > 20, 60)
    first = points(page)
    until(lambda: points(page) > first, 60)
    press(page, "Pause")
    expect(page.get_by_text("Paused at step")).to_be_visible(timeout=SLOW)
    held = steps(page)
    page.wait_for_timeout(400)
    assert steps(page) == held > 0
    press(page, "Step")
    until(lambda: steps(page) == held + 1)
    press(page, "Start")
    until(lambda: steps(page) > held + 1)
    press(page, "Cancel")
    shows(page, "cancelled")


def test_a_finished_race_has_its_promises_judged_beside_it(lab):
    page = lab(small())
    press(page, "Start")
    shows(page, "converged")
    expect(page.locator(".chip.holds")).to_be_visible(timeout=SLOW)
    expect(page.locator(".chip.broken")).to_have_count(0)
    page.locator("button.chips").click()
    expect(page.locator(".promises li:not(.none)").first).to_contain_text("assumes")
    assert 0 < float(cell(page, "observed")) < 1


def test_scrub_back_and_fork_there(lab):
    page = lab(small())
    press(page, "Start")
    shows(page, "converged")
    last = steps(page)
    slider = page.get_by_label("look back")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowLeft")
    expect(page.get_by_text(f"Looking back at step {last - 5}")).to_be_visible(timeout=SLOW)
    until(lambda: steps(page) == last - 5)
    page.get_by_role("button", name=re.compile("^Fork")).click()
    until(lambda: page.locator("tr.run").count() == 2 and steps(page, 1) == last - 5, 60)
    press(page, "Start")
    shows(page, "converged", 1)
    assert len(set(hash_of(take(page, "Python script")))) == 1


def test_a_link_shows_a_second_session_the_same_trace(lab, browser, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab(small())
    press(page, "Start")
    shows(page, "converged")
    mine = hash_of(take(page, "Python script"))
    press(page, "Take away")
    page.get_by_role("menuitem", name="Copy link").click()
    expect(page.get_by_text("The link is in the clipboard.")).to_be_visible(timeout=SLOW)
    link = page.evaluate("navigator.clipboard.readText()")
    other = browser.new_context().new_page()
    other.goto(link)
    shows(other, "converged")
    assert hash_of(take(other, "Python script")) == mine != []
    other.context.close()


def test_the_script_and_the_table_that_are_taken_away_are_whole(lab):
    page = lab(small())
    press(page, "Start")
    shows(page, "converged")
    done = subprocess.run(
        [sys.executable, "-c", take(page, "Python script")], capture_output=True, text=True, check=True
    )
    assert "as seen" in done.stdout
    table = list(csv.reader(io.StringIO(take(page, "CSV"))))
    assert len(table) == 2 + steps(page)
    assert '"nbformat": 4' in take(page, "Notebook")
    assert "<svg" in take(page, "SVG")
    assert "PNG" in take(page, "PNG")[:8]


def test_add_turn_duplicate_and_remove_touch_nothing_else(lab):
    page = lab(small())
    press(page, "Start")
    shows(page, "converged")
    before = steps(page)
    page.get_by_role("combobox").filter(has_text="Add a method").click()
    page.get_by_role("menuitem", name="SSOR", exact=True).click()
    shows(page, "converged", 1)
    assert steps(page) == before
    page.get_by_role("button", name="Duplicate SSOR").click()
    expect(page.locator("tr.run")).to_have_count(3, timeout=SLOW)
    page.get_by_role("button", name="Remove SSOR").first.click()
    expect(page.locator("tr.run")).to_have_count(2, timeout=SLOW)
    assert steps(page) == before


def test_a_knob_out_of_range_is_refused_at_the_knob(lab):
    page = lab(small())
    field = page.get_by_role("textbox", name=re.compile("^n "))
    field.fill("9999999")
    field.press("Enter")
    expect(page.get_by_text("Poisson.n = 9999999: expected a whole number from 2 to 2048.")).to_be_visible(timeout=SLOW)
    field.fill("16")
    field.press("Enter")
    expect(page.get_by_text("expected a whole number")).to_have_count(0, timeout=SLOW)
    press(page, "Start")
    shows(page, "converged")


@pytest.mark.parametrize("query", ["?s=garbage", "?s=", "?experiment=nothing", "?s=eJyrVipOzkjNTVSyMqwFABOEA-A"])
def test_garbage_in_the_link_gives_a_reason_and_a_page_that_works(lab, query):
    page = lab(query)
    if query != "?s=":
        expect(page.get_by_role("alert")).to_be_visible(timeout=SLOW)
    press(page, "Step")
    until(lambda: steps(page) == 1, 60)


def test_back_brings_the_setting_before(lab):
    page = lab(small())
    field = page.get_by_role("textbox", name=re.compile("^n "))
    field.fill("30")
    field.press("Enter")
    page.wait_for_url(lambda url: not url.endswith(small()), timeout=SLOW)
    page.go_back()
    expect(field).to_have_value("24", timeout=SLOW)


@pytest.fixture
def matrix(tmp_path):
    """A real file: a tridiagonal matrix in Matrix Market's format."""
    path = tmp_path / "line.mtx"
    scipy.io.mmwrite(path, sp.diags_array([-np.ones(29), 2 * np.ones(30), -np.ones(29)], offsets=[-1, 0, 1]).tocoo())
    return path


def market() -> str:
    return small(problem={"lab": "preconditioner", "name": "matrix_market", "knobs": {}})


def test_upload_a_matrix_and_solve_it(lab, matrix):
    page = lab(market())
    page.locator("input[type=file]").first.set_input_files(matrix)
    source = page.get_by_role("textbox", name=re.compile("^source"))
    expect(source).to_have_value(re.compile("^upload:"), timeout=SLOW)
    press(page, "Start")
    shows(page, "converged")
    assert steps(page) <= 30


def test_a_broken_upload_is_refused_and_the_page_goes_on(lab, matrix, tmp_path):
    page = lab(market())
    broken = tmp_path / "broken.mtx"
    broken.write_text(matrix.read_text()[:200])
    page.locator("input[type=file]").first.set_input_files(broken)
    expect(page.get_by_text("broken.mtx").last).to_be_visible(timeout=SLOW)
    page.locator("input[type=file]").first.set_input_files(matrix)
    press(page, "Start")
    shows(page, "converged")


def test_a_phone_sees_everything_without_scrolling_sideways(lab, browser, served):
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).new_page()
    lab(small(), on=phone)
    expect(phone.get_by_role("listbox")).to_have_count(0)
    phone.get_by_role("button", name="Start", exact=True).click()
    shows(phone, "converged")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.context.close()


def test_every_control_is_reached_by_the_keyboard(lab):
    page = lab(small())
    reached = set()
    for _ in range(45):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => {
                   let e = document.activeElement
                   while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement
                   return (e.getAttribute("aria-label") || e.innerText || e.id || e.type || "").trim() }"""
            )
        )
    for name in ("Start", "Step", "Take away"):
        assert any(name in one for one in reached), reached
    page.get_by_role("button", name="Start", exact=True).focus()
    page.keyboard.press("Enter")
    shows(page, "converged")


def test_the_page_answers_while_a_million_unknowns_are_at_work(lab):
    """Every click is heard while 1024² unknowns are iterated; how soon is measured by `tests/bench/bench_page.py`."""
    entries = [{"method": {"lab": "preconditioner", "name": "jacobi", "knobs": {}}, "look": 0, "changes": []}]
    problem = {"lab": "preconditioner", "name": "poisson", "knobs": {"dim": 2, "n": 1024}}
    page = lab(small(problem=problem, entries=entries, stop={"rtol": 0.0}))
    press(page, "Start")
    until(lambda: steps(page) > 3, 120)
    fold = page.locator("button.name").first
    for opened in ("true", "false", "true"):
        fold.click()
        expect(fold).to_have_attribute("aria-expanded", opened, timeout=SLOW)
    shows(page, "running")


def test_closing_the_tab_ends_the_run_and_frees_the_session(lab, browser, served, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "panel")  # the records that pytest collects would hold what they tell about
    seen = []
    begin = views.LabView.begin

    def watched(self):
        begin(self)
        seen.append((weakref.ref(self), weakref.ref(views.pn.state.curdoc), self.model._worker))

    monkeypatch.setattr(views.LabView, "begin", watched)
    other = browser.new_context().new_page()
    lab(long(), on=other)
    press(other, "Start")
    until(lambda: steps(other) > 5, 60)
    view, document, worker = seen[-1]
    seen.clear()
    assert worker.alive()
    other.context.close()
    until(lambda: not worker.alive(), 30)

    def gone():
        gc.collect()
        return view() is None and document() is None

    until(gone, 30)


PLACES = """() => {
  const found = {}, seen = {}
  const look = (root) => {
    for (const one of root.querySelectorAll("*")) {
      const inner = "bk-CartesianFrame", mine = one.classList.contains(inner) ? inner : ""
      const kind = one.matches("thead th, tr.run") ? one.className.split(" ")[0] : mine
      if (kind) {
        const {x, y, width, height} = one.getBoundingClientRect()
        found[kind + (seen[kind] = (seen[kind] || 0) + 1)] = [x, y, width, height]
      }
      if (one.shadowRoot) look(one.shadowRoot)
    }
  }
  look(document)
  return found
}"""


def laid_out(page) -> dict:
    """Where things stand, once the page has been laid out: the same twice."""
    seen = [page.evaluate(PLACES)]

    def still() -> bool:
        page.wait_for_timeout(300)
        seen.append(page.evaluate(PLACES))
        return seen[-1] == seen[-2]

    until(still, 20)
    return seen[-1]


def test_nothing_moves_from_the_start_to_the_end_of_a_race(lab):
    page = lab(small())
    before = laid_out(page)
    press(page, "Start")
    shows(page, "converged")
    until(lambda: cell(page, "observed") != "–")
    after = page.evaluate(PLACES)
    assert {"run1", "value1", "bk-CartesianFrame1"} <= set(before) <= set(after)
    for name, place in before.items():
        np.testing.assert_allclose(after[name], place, atol=2, err_msg=name)
