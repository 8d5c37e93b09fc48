"""Verdicts in words and formulas on the served page, in a real browser."""

import re

import pytest
from pages import SLOW, press
from playwright.sync_api import expect
from screen import until

from toolkit.ui.page.browser import script

pytestmark = pytest.mark.browser

TYPESET = """async ([text]) => {
  const host = document.createElement("div"), node = document.createElement("p")
  document.body.append(host)
  host.attachShadow({mode: "open"}).append(node)
  typeset(node, text)
  const plain = node.textContent
  for (let i = 0; i < 200 && !node.querySelector(".katex"); i++) await new Promise((done) => setTimeout(done, 50))
  await document.fonts.ready
  const box = node.getBoundingClientRect(), loaded = [...document.fonts].filter((one) => one.status === "loaded")
  return {plain, height: box.height, formulas: node.querySelectorAll(".katex").length,
          hidden: getComputedStyle(node.querySelector(".katex-mathml")).position,
          links: node.querySelectorAll("a, img, script").length,
          fonts: loaded.filter((one) => one.family.startsWith("KaTeX")).length, text: node.textContent}
}"""


def test_a_formula_is_typeset_from_this_server_alone_and_only_when_there_is_one(lab, page, served):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    lab()
    assert not [url for url in asked if "katex.min" in url or "formulas/" in url]
    page.add_script_tag(content=script("words.js"))
    seen = page.evaluate(TYPESET, [r"It falls as $\left(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\right)^k$, no $ more"])
    assert seen["formulas"] == 1 and seen["hidden"] == "absolute" and seen["fonts"] >= 2
    assert seen["plain"].startswith("It falls as") and seen["text"].endswith(", no $ more")
    assert all(url.startswith((served, "data:", "blob:")) for url in asked)


def test_a_formula_can_neither_link_nor_run_anything(lab, page):
    lab()
    page.add_script_tag(content=script("words.js"))
    seen = page.evaluate(TYPESET, [r"<img src=x onerror=alert(1)> $x$ $\href{javascript:alert(1)}{x}$ $\frac$"])
    assert seen["links"] == 0 and seen["formulas"] >= 1


def started(lab, query="?experiment=mesh", **about):
    """The page of an experiment whose first entry has ended, its promises open."""
    page = lab(query, **about)
    press(page, "Start")
    expect(page.locator(".kind").first).to_have_text(re.compile("converged|budget spent"), timeout=SLOW)
    page.locator("button.chips").first.click()
    return page


def lit(page) -> list[float]:
    """The widths of the dashed lines in the plot."""
    return page.evaluate(
        """() => {
          const plot = [...Bokeh.documents[0].all_models].find((one) => one.name === "convergence")
          const dashed = plot.renderers.filter((one) => one.data_source.data.width !== undefined)
          return dashed.flatMap((one) => [...one.data_source.data.width])
        }"""
    )


def test_a_chip_opens_one_sentence_and_a_typeset_formula(lab):
    page = started(lab)
    first = page.locator(".promises li:not(.none)").first
    expect(first.locator(".verdict")).to_have_text(re.compile("^Held: factor 0.99880 a step"), timeout=SLOW)
    expect(first.locator(".tex .katex")).to_have_count(1, timeout=SLOW)
    expect(first.locator("a.source")).to_have_attribute("href", re.compile("^https://"))
    told = page.locator(".promises").first.inner_text()
    assert "_" not in told and "measured" not in told
    check = page.get_by_role("button", name=re.compile("^Check: steps grow")).first.bounding_box()
    title = page.locator(".promises .title", has_text="steps grow").first.bounding_box()
    assert abs(check["y"] - title["y"]) < 20 and check["x"] < title["x"] + title["width"] + 40


def test_who_points_at_a_promise_sees_its_dashed_line(lab):
    page = started(lab)
    first = page.locator(".promises li[tabindex]").first
    until(lambda: max(lit(page), default=0) == 1.6)
    first.hover()
    until(lambda: sorted(lit(page))[-1] == 4.0)
    page.mouse.move(2, 2)
    until(lambda: max(lit(page)) == 1.6)
    first.focus()
    until(lambda: sorted(lit(page))[-1] == 4.0 and sorted(lit(page))[-2] == 1.6)


def test_the_legend_speaks_only_of_strokes_that_there_are(lab):
    page = lab("?experiment=mesh")
    expect(page.get_by_text("— measured")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("- - promised")).to_have_count(0)
    press(page, "Start")
    expect(page.get_by_text("- - promised")).to_be_visible(timeout=SLOW)


def test_the_status_wraps_and_the_first_column_stays(lab, page):
    page.set_viewport_size({"width": 1280, "height": 720})
    started(lab)
    page.evaluate("document.activeElement.blur()")
    cause = page.locator("tr.run .status .told").first
    assert cause.evaluate("node => node.scrollHeight <= node.clientHeight + 1 && node.clientWidth > 90")
    wrap = page.locator(".wrap").first
    wrap.evaluate("node => { node.style.width = '660px'; node.scrollLeft = 150 }")
    before = wrap.bounding_box()["x"]
    assert abs(page.locator("tr.run th.entry").first.bounding_box()["x"] - before) < 2


def test_on_a_phone_a_promise_has_the_breadth_of_its_card(lab, page):
    page.set_viewport_size({"width": 390, "height": 844})
    started(lab)
    first = page.locator(".promises li:not(.none)").first
    assert first.bounding_box()["width"] > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wrap = page.locator(".wrap").first
    assert wrap.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_after_reset_nothing_is_looked_back_at(lab):
    page = started(lab)
    page.locator("#scrub").fill("5")
    expect(page.get_by_text("Looking back at step 5")).to_be_visible(timeout=SLOW)
    press(page, "Reset")
    expect(page.get_by_text("Ready", exact=True)).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Looking back")).to_have_count(0)
