"""The rank lab in a real browser: a person's own photograph, a greedy run forked, a race of recovery."""

import re

import numpy as np
import pytest
from pages import SLOW, cell, page_of, points, press, shows, steps, upload
from PIL import Image
from playwright.sync_api import expect
from screen import until

pytestmark = pytest.mark.browser

OWN = {"name": "own_photograph", "knobs": {}}


def value(page, row: int = 0) -> float:
    return float(cell(page, "value", row).replace(" · 10", "e").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")))


def test_the_rank_of_a_persons_own_photograph_is_dragged(lab, tmp_path):
    """The relative error at the rank looked at is the tail of the photograph's singular values (Eckart and Young)."""
    y, x = np.mgrid[0:60, 0:81]
    grey = np.uint8(120 + 60 * np.sin(x * y / 150) + 50 * (x > y))
    path = tmp_path / "stripes.png"
    Image.fromarray(grey).save(path)
    svd = {"name": "truncated_svd", "knobs": {"ranks": "1, 2, 3, …"}}
    page = lab(page_of("rank", OWN, svd, measure="error", picture="rank-k"), name="rank")
    upload(page, path)
    press(page, "Start")
    shows(page, "converged")
    expect(page.get_by_text("reconstruction, error at step").first).to_be_visible(timeout=SLOW)
    slider = page.get_by_label("look back")
    slider.focus()
    slider.press("Home")
    for k in range(1, 13):
        slider.press("ArrowRight")
        until(lambda k=k: steps(page) == k)
    sigma = np.linalg.svd(grey / 255, compute_uv=False)
    promised = np.linalg.norm(sigma[12:]) / np.linalg.norm(sigma)
    until(lambda: abs(value(page) - promised) < 1e-3 * promised)


def test_something_that_is_no_photograph_is_refused_and_the_page_goes_on(lab, tmp_path):
    path = tmp_path / "torn.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing of the kind")
    page = lab(page_of("rank", OWN, {"name": "truncated_svd", "knobs": {}}), name="rank")
    page.locator("input[type=file]").first.set_input_files(path)
    expect(page.get_by_text("torn.png").first).to_be_visible(timeout=SLOW)
    press(page, "Start")
    shows(page, "converged")


def test_a_greedy_run_is_paused_and_forked(lab):
    block = {"name": "thermal_block", "knobs": {"columns": 2, "rows": 2, "n": 12, "training": 60}}
    about = dict(stop={"rtol": 0.0, "steps": 8}, picture="greedy-picks")
    page = lab(page_of("rank", block, {"name": "weak_greedy", "knobs": {}}, **about), name="rank")
    for count in (1, 2):
        press(page, "Step")
        until(lambda count=count: steps(page) == count)
    page.get_by_role("button", name=re.compile("^Fork")).click()
    until(lambda: page.locator("tr.run").count() == 2 and steps(page, 1) == 2)
    press(page, "Start")
    for row in (0, 1):
        shows(page, "budget spent", row)
    assert cell(page, "value", 0) == cell(page, "value", 1) and points(page) == 9
    expect(page.get_by_text("at step 8").first).to_be_visible(timeout=SLOW)


def test_a_race_of_recovery_shows_who_does_not_mind_the_condition(lab):
    page = lab("?experiment=recovery-conditioning", name="rank")
    press(page, "Start")
    until(lambda: page.get_by_text(re.compile("^Ended")).count() == 1, 90)
    rows = page.locator("tr.run")
    taken = {rows.nth(i).inner_text().split("\n")[0].split("\t")[0]: steps(page, i) for i in range(rows.count())}
    assert len(taken) >= 3 and min(taken.values()) * 5 < max(taken.values())
