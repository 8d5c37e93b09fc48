"""Verdicts in words and formulas on the served page, in a real browser."""

import pytest

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
