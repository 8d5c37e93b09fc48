"""In a browser: the last curve stays as a ghost, back finds it again, and axes do what a person asks."""

import re

import pytest
from pages import SLOW, page_of, press, shows, take
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
POISSON = {"name": "poisson", "knobs": {"n": 24}}
CG, GS = {"name": "cg", "knobs": {}}, {"name": "gauss_seidel", "knobs": {}}
FIGURE = """(want) => {
  const one = [...Bokeh.index.query((view) => view.model.name === "convergence")].at(-1).model
  const ghosts = one.renderers.find((r) => r.name === "ghosts").data_source.data
  const first = one.renderers[0].data_source.data.x
  return {end: one.x_range.end, log: one.x_scale.type === "LogScale", points: first.length, labels: [...ghosts.label]}
}"""


def turn(page, name, value):
    box = page.get_by_role("textbox", name=re.compile(f"^{name}")).first
    box.fill(value)
    box.press("Enter")


def ended(page):
    shows(page, "converged")


@pytest.fixture
def raced(lab):
    page = lab(page_of("preconditioner", POISSON, CG, stop={"rtol": 1e-8}))
    press(page, "Start")
    ended(page)
    return page


def ghost(page, words):
    return page.get_by_role("button", name=f"Clear the earlier curve {words}")


def test_a_turned_knob_leaves_a_ghost_which_one_click_clears(raced):
    turn(raced, "n", "40")
    expect(ghost(raced, "n = 24")).to_be_visible(timeout=SLOW)
    assert raced.evaluate(FIGURE)["labels"] == ["n = 24"]
    ghost(raced, "n = 24").click()
    expect(ghost(raced, "n = 24")).to_have_count(0)
    raced.wait_for_function(f"() => ({FIGURE})().labels.length === 0")


def test_back_shows_the_finished_curve_at_once_and_what_was_left_as_a_ghost(raced):
    points = raced.evaluate(FIGURE)["points"]
    turn(raced, "n", "40")
    expect(ghost(raced, "n = 24")).to_be_visible(timeout=SLOW)
    raced.wait_for_function(f"() => ({FIGURE})().points > {points}")
    ended(raced)
    raced.go_back()
    expect(ghost(raced, "n = 40")).to_be_visible(timeout=SLOW)
    ended(raced)
    raced.wait_for_function(f"() => ({FIGURE})().points === {points}")


def test_the_abscissa_becomes_logarithmic_and_curves_are_hidden_and_shown_alone(lab):
    page = lab(page_of("preconditioner", POISSON, CG, GS, stop={"rtol": 1e-8}))
    press(page, "Start")
    ended(page)
    press(page, "log x")
    page.wait_for_function(f"() => ({FIGURE})().log")
    expect(page.get_by_role("button", name="log x")).to_have_attribute("aria-pressed", "true")
    press(page, "log x")
    page.wait_for_function(f"() => !({FIGURE})().log")
    wide = page.evaluate(FIGURE)["end"]
    page.get_by_role("button", name="Curve of CG").click(modifiers=["Shift"])
    expect(page.get_by_role("button", name="Curve of Gauss")).to_have_attribute("aria-pressed", "false")
    press(page, "fit view")
    page.wait_for_function(f"() => ({FIGURE})().end < {wide} / 2")
    page.get_by_role("button", name="Curve of CG").click()
    page.wait_for_function(f"() => ({FIGURE})().points === 0")


def test_a_sweep_draws_its_ladder_beside_the_curves_and_goes_into_the_table(lab):
    page = lab(page_of("preconditioner", POISSON, CG, stop={"rtol": 1e-8}))
    page.get_by_role("button", name="Sweep n", exact=True).click()
    ladder = """() => {
      const [one] = [...Bokeh.index.query((view) => view.model.name === "sweep")]
      return one ? Math.max(...one.model.renderers.map((r) => (r.data_source.data.x || []).length)) : 0
    }"""
    page.wait_for_function(f"() => ({ladder})() >= 5", timeout=SLOW)
    expect(page.get_by_role("button", name="sweep: steps")).to_have_attribute("aria-pressed", "true")
    head, *rows = take(page, "CSV").splitlines()
    assert head.startswith("n,method,steps") and len(rows) >= 5
    press(page, "curves")
    page.wait_for_function(f"() => ({ladder})() === 0")
    expect(page.get_by_role("button", name="curves", exact=True)).to_have_attribute("aria-pressed", "true")
