"""The strip above the plot: what a person predicts, what they are told when the runs have ended, and where it leads."""

import re

import pytest
from pages import SLOW, press
from playwright.sync_api import expect
from screen import until

import toolkit as tk
from toolkit.core.lab import Experiment
from toolkit.core.prediction import Guess, Pick, Sketch, first_there, needed
from toolkit.core.references import source
from toolkit.preconditioner import CG, Jacobi, Poisson
from toolkit.session import share

pytestmark = pytest.mark.browser
RACE = dict(problem=Poisson(dim=2, n=12), methods=(CG(), Jacobi()), stop=tk.Stop(rtol=1e-4), measure="residual")
ASKED = (
    Experiment(
        "told-pick", "Who is first?", "Which of two is there first, with $n = 12$?", level=0, minutes=1,
        then="told-guess", predict=Pick("Which one?", first_there(), theory=0), why="It minimises. It forgets nothing.",
        formula=r"\rho = \cos \pi h", **RACE,
    ),
    Experiment(
        "told-guess", "How many steps?", "How many does CG need?", then="told-sketch",
        predict=Guess("How many steps?", needed(0), 1, 100, unit="steps", whole=True),
        why="As many as it needs.", **RACE,
    ),
    Experiment(
        "told-sketch", "How steep?", "How steep is Jacobi's line?", then="told-pick", why="As steep as it is.",
        predict=Sketch("Draw it.", "residual", of=1), **RACE,
    ),
)  # fmt: skip


@pytest.fixture
def story(lab, monkeypatch):
    """`story(kind, query…)` opens an experiment that asks: "pick", "guess" or "sketch"."""
    here = tk.lab("preconditioner")
    monkeypatch.setitem(here.__dict__, "experiments", (*ASKED, *here.experiments[:2]))

    def opened(kind: str, **more):
        return lab(f"?experiment=told-{kind}", **more)

    return opened


def ended(page):
    press(page, "Start")
    expect(page.get_by_text(re.compile("^it was"))).to_be_visible(timeout=SLOW)


def said(page):
    """What the address in the browser says was predicted."""
    query = page.evaluate("window.location.search")
    return share.unpack(share.query(query)["s"]).get("said") if "s=" in query else None


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_choice_is_told_beside_theory_with_the_reason_and_leads_on(story):
    page = story("pick")
    strip = page.get_by_role("region", name="The story of this experiment")
    expect(strip.get_by_role("heading")).to_have_text("Who is first?")
    expect(strip.locator(".question .katex")).to_have_count(1, timeout=SLOW)
    expect(strip.locator(".about")).to_contain_text("no mathematics beyond a straight line · 1 minute")
    first = source(ASKED[0].sources[0])
    expect(strip.get_by_role("link", name=first.short())).to_have_attribute("href", first.url)
    strip.get_by_role("radio", name="Jacobi").check()
    until(lambda: said(page) == 1)
    ended(page)
    told = strip.locator(".outcome")
    expect(told).to_contain_text("you said Jacobi ✗")
    expect(told).to_contain_text("theory said CG ✓")
    expect(told).to_contain_text("it was CG")
    expect(strip.locator(".ask")).to_be_visible()  # what was asked stands above what it was
    expect(strip.get_by_text("It minimises.")).to_be_visible()
    expect(strip.locator(".why .katex")).to_have_count(1, timeout=SLOW)
    strip.get_by_role("button", name="Next: How many steps?").click()
    expect(strip.get_by_role("heading")).to_have_text("How many steps?", timeout=SLOW)
    expect(told).to_be_hidden()


def test_a_number_is_said_by_keyboard_and_stands_after_a_reload(story):
    page = story("guess")
    slider = page.get_by_role("slider", name="your guess")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    until(lambda: (said(page) or 0) > 10)
    value = said(page)
    page.reload()
    number = page.get_by_role("spinbutton", name="your guess as a number")
    expect(number).to_have_value(str(value), timeout=SLOW)
    number.fill("20")
    number.press("Enter")
    until(lambda: said(page) == 20)
    ended(page)
    expect(page.get_by_text("you said 20 steps")).to_be_visible()
    expect(slider).to_be_hidden()


def test_who_skips_starts_all_the_same(story):
    page = story("pick")
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_role("radio", name="Jacobi")).to_have_count(0)
    expect(page.get_by_role("button", name="Predict after all")).to_be_visible()
    ended(page)
    expect(page.get_by_text(re.compile("^you said"))).to_have_count(0)
    expect(page.locator(".outcome")).to_contain_text("theory said CG ✓")


def test_a_turned_knob_keeps_the_title_and_judges_nothing(story):
    page = story("pick")
    expect(page.get_by_role("combobox").filter(has_text="Who is first?")).to_have_count(1)
    page.get_by_role("radio", name="CG").check()
    field = page.get_by_role("textbox", name=re.compile("^n "))
    field.fill("10")
    field.press("Enter")
    expect(page.get_by_text("This race is your own now")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("combobox").filter(has_text="Choose an experiment")).to_have_count(1, timeout=SLOW)
    press(page, "Start")
    expect(page.get_by_text("Ended: 2 converged")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("^it was"))).to_have_count(0)
    expect(page.get_by_role("heading", name="Who is first?")).to_be_visible()


def test_the_strip_folds(story):
    page = story("pick")
    page.get_by_role("button", name="Fold the story").click()
    expect(page.get_by_role("radio", name="Jacobi")).to_have_count(0)
    expect(page.get_by_role("heading", name="Who is first?")).to_be_visible()
    page.get_by_role("button", name="Show the story").click()
    expect(page.get_by_role("radio", name="Jacobi")).to_be_visible()


def test_nothing_moves_while_a_race_streams_and_all_is_seen_on_a_laptop(story, page):
    page.set_viewport_size({"width": 1280, "height": 720})
    story("pick")
    strip = page.locator(".tale")
    before = strip.bounding_box()
    assert before["height"] <= 92
    for _ in range(4):
        press(page, "Step")
    expect(page.get_by_text("Paused at step 4")).to_be_visible(timeout=SLOW)
    assert strip.bounding_box() == before
    assert page.locator("tr.run").first.bounding_box()["y"] + 46 <= 720


def test_on_a_phone_it_fits(story, page):
    page.set_viewport_size({"width": 390, "height": 844})
    for kind in ("pick", "guess", "sketch"):
        story(kind)
        strip = page.locator(".tale")
        assert fits(page) and strip.bounding_box()["height"] < 230
    ended(page)
    assert fits(page)


# where the end of the line stands, and the point of step 40 and value 0.001
ENDS = """() => {
const view = [...Bokeh.index.query((one) => one.model.name === "convergence")][0]
const line = view.model.renderers.find((one) => one.name === "your line").data_source.data
const box = view.el.getBoundingClientRect(), n = line.x.length - 1
const at = (x, y) => [box.x + view.frame.bbox.left + view.frame.x_scale.compute(x) - view.frame.bbox.left,
                      box.y + view.frame.y_scale.compute(y)]
return [at(line.x[n], line.y[n]), at(40, 1e-3)]
}"""


def test_the_end_of_a_sketched_line_is_dragged_and_stands_beside_what_it_was(story):
    page = story("sketch")
    plot = page.locator(".bk-Figure").first
    expect(plot).to_be_visible()
    seen = []
    until(lambda: seen.append(page.evaluate(ENDS)) or (len(seen) > 8 and seen[-1] == seen[-8]))  # laid out
    start, end = seen[-1]
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    until(lambda: said(page) is not None)
    assert abs(said(page) - 1e-3 ** (1 / 40)) < 0.02
    expect(page.locator(".unit")).to_contain_text("a step")
    slider = page.get_by_role("slider", name="your line")
    before = said(page)
    slider.focus()
    slider.press("ArrowRight")
    until(lambda: said(page) < before)
    ended(page)
    expect(page.locator(".outcome")).to_contain_text("you said a factor")
