"""The served page in a browser: until it stands, until the first live point, and from a click to its answer under load.

`pytest -s tests/bench/bench_page.py`. Nothing else should run; the browser, the server and the race share the cores.
"""

import statistics
import time

import pytest

STANDS, FIRST, ANSWERS = 4.0, 2.0, 0.25  # s
ANSWER = """async () => {
  const find = (root) => {
    for (const one of root.querySelectorAll("*")) {
      if (one.matches("button.name")) return one
      const inner = one.shadowRoot && find(one.shadowRoot)
      if (inner) return inner
    }
  }
  const name = find(document), before = name.getAttribute("aria-expanded"), start = performance.now()
  name.click()
  while (name.getAttribute("aria-expanded") === before && performance.now() - start < 20000)
    await new Promise((done) => setTimeout(done, 4))
  return performance.now() - start
}"""

POINTS = """() => {
  const plots = [...Bokeh.documents[0].all_models].filter((m) => m.name === "convergence")
  return Math.max(0, ...plots.map((plot) => plot.renderers[0].data_source.data.x.length))
}"""


def spec(name: str, n: int) -> str:
    """The query of a page with one method on Poisson's equation with n² unknowns, and no tolerance."""
    from toolkit.session import share

    method = {"lab": "preconditioner", "name": name, "knobs": {}}
    problem = {"lab": "preconditioner", "name": "poisson", "knobs": {"dim": 2, "n": n}}
    about = {"schema": 1, "lab": "preconditioner", "problem": problem, "stop": {"rtol": 0.0}}
    return "?s=" + share.pack(about | {"entries": [{"method": method, "look": 0, "changes": []}]})


@pytest.fixture(scope="module")
def page():
    import shutil
    import socket

    from playwright.sync_api import sync_playwright

    from toolkit.ui.page.serve import serve

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serve(port=port, show=False, threaded=True)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as play:
        one = play.chromium.launch(executable_path=found, args=["--no-sandbox"]).new_page()
        one.goto(f"http://127.0.0.1:{port}/preconditioner{spec('cg', 64)}")  # compiles, and fills the browser's cache
        one.get_by_role("button", name="Start", exact=True).click()
        one.wait_for_timeout(5000)
        yield one, f"http://127.0.0.1:{port}/preconditioner"
    server.stop()


def seconds(action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def told(what: str, found: list[float], asked: float) -> None:
    print(
        f"\n{what}: median {statistics.median(found):.2f} s of {len(found)}, worst {max(found):.2f} s; asked {asked} s"
    )


def test_until_the_page_stands_and_the_first_live_point(page):
    one, address = page
    stands, first = [], []
    start = one.get_by_role("button", name="Start", exact=True)
    for _ in range(5):
        stands.append(seconds(lambda: (one.goto(address + spec("cg", 64)), start.wait_for())))
        one.wait_for_timeout(1500)
        start.click()
        first.append(seconds(lambda: one.wait_for_function(f"({POINTS})() > 1", polling=10)))
    told("page stands", stands, STANDS)
    told("first live point", first, FIRST)


def test_from_a_click_to_its_answer_while_a_million_unknowns_are_at_work(page):
    one, address = page
    one.goto(address + spec("jacobi", 1024))
    one.get_by_role("button", name="Start", exact=True).click()
    one.wait_for_function(f"({POINTS})() > 3", timeout=120_000)
    waits = []
    for _ in range(25):
        waits.append(one.evaluate(ANSWER) / 1000)
        one.wait_for_timeout(300)
    told("click answered under load", waits, ANSWERS)


PAINTED = """() => {
  window.painted = []
  const watch = () => {
    for (const plot of [...Bokeh.documents[0].all_models].filter((one) => one.name === "picture" && !one.watched)) {
      plot.watched = true
      const note = () => requestAnimationFrame(() => setTimeout(() => window.painted.push(performance.now())))
      plot.renderers[0].data_source.properties.data.change.connect(note)
    }
  }
  setInterval(watch, 20)
}"""


def cloud() -> str:
    """The query of a page with two samplers of 10⁵ particles in the plane, at work for long."""
    from toolkit.session import share

    def entry(name, look):
        method = {"lab": "sampler", "name": name, "knobs": {"steps": 5000}}
        return {"method": method, "look": look, "changes": []}

    problem = {"lab": "sampler", "name": "plane_mixture", "knobs": {"particles": 100_000}}
    shown = {"measure": "data_distance", "against": "nfe", "picture": "cloud", "stop": {"rtol": 0.0, "steps": None}}
    about = {"schema": 1, "lab": "sampler", "problem": problem, **shown}
    return "?s=" + share.pack(about | {"entries": [entry("dpm_solver_pp2m", 0), entry("euler_sampler", 1)]})


def test_pictures_of_a_hundred_thousand_particles_painted_in_a_second(page):
    one, address = page
    one.goto(address.replace("preconditioner", "sampler") + cloud())
    one.get_by_role("button", name="Start", exact=True).wait_for()
    one.wait_for_timeout(2000)
    one.evaluate(PAINTED)
    one.get_by_role("button", name="Start", exact=True).click()
    one.wait_for_function("window.painted.length > 20", timeout=120_000)
    rates = []
    for _ in range(5):
        start = one.evaluate("() => { window.painted.length = 0; return performance.now() }")
        one.wait_for_timeout(1500)
        count, end = one.evaluate("() => [window.painted.length, performance.now()]")
        rates.append(1000 * count / (end - start))
    print(f"\npictures painted: median {statistics.median(rates):.2f} a second, least {min(rates):.2f}; asked 10")
