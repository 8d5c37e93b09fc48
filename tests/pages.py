"""A served page in a browser, as a person reads and presses it."""

import re

from playwright.sync_api import expect

from toolkit.session import share

SLOW = 60_000


def page_of(lab: str, problem: dict, *methods: dict, **more) -> str:
    """The query of a page of a lab: a problem and its race, each by `name` and `knobs`."""
    entries = [{"method": {"lab": lab, **one}, "look": i, "changes": []} for i, one in enumerate(methods)]
    about = {"schema": 1, "lab": lab, "problem": {"lab": lab, **problem}, "entries": entries, "stop": {"rtol": 0.0}}
    return "?s=" + share.pack(about | more)


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def cell(page, name: str, row: int = 0) -> str:
    """The text of a cell of the table."""
    return page.locator(f"tr.run .{name}").nth(row).inner_text().strip()


def steps(page, row: int = 0) -> int:
    text = cell(page, "k", row)
    return int(text) if text.isdigit() else 0


def shows(page, kind: str, row: int = 0) -> None:
    expect(page.locator(".kind").nth(row)).to_have_text(kind, timeout=SLOW)


def hash_of(script: str) -> list[str]:
    return re.findall(r"runs\.append\(\(run, dict\(trace='(\w+)'", script)


def take(page, what: str) -> str:
    """Take a file away; its text."""
    press(page, "Take away")
    with page.expect_download(timeout=SLOW) as download:
        page.get_by_role("menuitem", name=what, exact=True).click()
    return download.value.path().read_bytes().decode(errors="replace")


def points(page) -> int:
    """How many points the first curve has on the screen."""
    return page.evaluate(
        """() => {
          const figures = [...Bokeh.documents[0].all_models].filter((m) => m.name === "convergence")
          return figures[0].renderers[0].data_source.data.x.length
        }"""
    )


def upload(page, path) -> None:
    """Give the problem a file of one's own and wait until it is taken."""
    page.locator("input[type=file]").first.set_input_files(path)
    box = page.get_by_role("textbox", name=re.compile("^(file|source)"))
    expect(box).to_have_value(re.compile("^upload:"), timeout=SLOW)
