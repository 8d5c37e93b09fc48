"""The index in a browser: it finds, by mouse and by keyboard, on a desk and on a phone."""

import re

import pytest
from pages import SLOW
from playwright.sync_api import expect

from toolkit.core.lab import lab as lab_named
from toolkit.core.lab import labs

FOCUSED = """() => {
  let at = document.activeElement
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
  return at.href
}"""


@pytest.fixture
def index(page, served):
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(served)
    expect(page.get_by_role("searchbox")).to_be_visible(timeout=SLOW)
    yield page
    assert not errors


def test_the_index_leads_to_every_lab_and_experiment(index):
    for name, one in labs().items():
        link = index.get_by_role("link", name=one.title, exact=True)
        expect(link).to_be_visible()
        assert link.get_attribute("href").endswith(name)
    more = index.get_by_role("button", name=re.compile("more experiments$"))
    while more.count():
        more.first.click()
    found = set(index.locator("a.card").evaluate_all("all => all.map((one) => one.getAttribute('href'))"))
    assert found == {f"./{name}?experiment={one.name}" for name, whole in labs().items() for one in whole.experiments}


def test_search_finds_by_author_and_a_filter_narrows(index):
    index.keyboard.press("/")
    index.keyboard.type("young 1954")
    title = lab_named("preconditioner").experiments[0].title
    expect(index.locator("a.card h3").get_by_text(title, exact=True)).to_be_visible()
    before = index.locator("a.card").count()
    assert 0 < before < 40
    expect(index.get_by_role("status").filter(has_text=re.compile("experiment"))).to_be_visible()
    index.get_by_role("combobox", name="level").select_option("3")
    assert index.locator("a.card").count() < before
    index.get_by_role("button", name="Clear").click()
    expect(index.get_by_role("heading", name="Start here")).to_be_visible()


def test_nothing_found_says_so_and_suggests(index):
    index.get_by_role("searchbox").fill("relaxtion on the paeg <b>x")
    expect(index.get_by_text("No experiment has all of this")).to_be_visible()
    expect(index.locator(".nothing a.card").first).to_be_visible()
    assert index.locator(".nothing b").count() == 0
    index.get_by_role("button", name="multigrid", exact=True).click()
    expect(index.locator(".found a.card").first).to_be_visible()


def test_by_keyboard_alone_to_an_experiment_and_home_again(index):
    index.keyboard.press("/")
    index.keyboard.type("multigrid")
    index.keyboard.press("ArrowDown")
    index.keyboard.press("ArrowRight")
    index.keyboard.press("ArrowLeft")
    title = index.locator(".found a.card h3").first.inner_text()
    href = index.evaluate(FOCUSED)
    assert "experiment=" in href
    index.keyboard.press("Enter")
    expect(index).to_have_title(re.compile("^" + re.escape(title) + " · "), timeout=SLOW)
    index.get_by_role("link", name="All experiments").click()
    last = index.get_by_role("navigation", name="opened last")
    expect(last.get_by_role("link", name=title)).to_be_visible(timeout=SLOW)


def test_an_address_of_nothing_leads_to_what_is_nearest(page, served):
    page.goto(f"{served}/precondtioner")
    expect(page.locator(".nothing a.card").first).to_be_visible(timeout=SLOW)
    page.goto(f"{served}/preconditioner?experiment=nosuch")
    near = page.get_by_role("navigation", name="nearest")
    expect(near.get_by_role("link").first).to_be_visible(timeout=SLOW)


def test_on_a_phone_nothing_is_wider_than_the_screen(page, served):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(served)
    expect(page.get_by_role("searchbox")).to_be_visible(timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
