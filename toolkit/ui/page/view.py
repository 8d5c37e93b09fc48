"""One page a lab: the same view for all of them, driven by the registry through a LabModel."""

from __future__ import annotations

from html import escape

import panel as pn
import panel_material_ui as pmui
from tornado.ioloop import IOLoop

from toolkit.core.errors import ToolkitError
from toolkit.core.knob import knobs
from toolkit.core.lab import Lab, labs
from toolkit.session import share, story
from toolkit.session.frame import Frame
from toolkit.session.model import LabModel
from toolkit.session.rows import rows
from toolkit.ui.page.browser import Board, Bridge
from toolkit.ui.page.homing import place, suggested, way_home
from toolkit.ui.page.knobs import Panel
from toolkit.ui.page.panel_patches import released
from toolkit.ui.page.picture_card import PictureCard
from toolkit.ui.page.plot_card import PlotCard
from toolkit.ui.page.race_list import RaceList
from toolkit.ui.page.serve import calm
from toolkit.ui.page.story import Story
from toolkit.ui.page.take import Take
from toolkit.ui.page.theme import BAR, CARD, FOLD, TALL, THEME, WIDE
from toolkit.ui.page.top import Top

PATIENCE, SHOWN = 500, 5000  # ms
HEIGHT = 400
AUTOMATIC = {"automatic": ""}
_OVERLAY = {"position": "fixed", "bottom": "20px", "left": "50%", "transform": "translateX(-50%)", "z-index": "3000"}


class LabView:
    """A session's page: widgets that change a LabModel, and a beat that puts its newest frame on the screen.

    `page` is the whole page; `close()` stops the session's work and lets go of everything.
    """

    def __init__(self, lab: Lab, query: str = "", home: str = "./"):
        self.model, self.lab = LabModel(lab), lab
        refused = self._open(query)
        self._version, self._search, self._asked = -1, "", query
        self._closed = False
        self._make()
        self.page = self._assemble(home)
        self._beat()
        if refused:
            self.say(refused)

    def _open(self, query: str, again: bool = False) -> str:
        """Set the model up as a link says; why not, in words, when it cannot be.

        `again`: the page has gone on since it stood as it opens without a link.
        """
        asked = share.query(query)
        other = asked.get("lab", self.lab.name)
        if other != self.lab.name:
            return f"The address asks for the lab {other!r}; this page is the lab {self.lab.name!r}."
        try:
            if "s" in asked:
                self.model.load(share.unpack(asked["s"]), again)
            elif "experiment" in asked:
                self.model.show(asked["experiment"])
            elif again and self.lab.experiments:
                self.model.show(self.lab.experiments[0].name)
        except ToolkitError as refusal:
            return str(refusal)
        return ""

    # -- the pieces ---------------------------------------------------------------------------------------------

    def _make(self) -> None:
        model = self.model
        self._alert = pmui.Alert(
            object="", severity="warning", closeable=True, visible=False, margin=0, styles=_OVERLAY, max_width=720
        )
        self._alert.param.watch(lambda event: setattr(self._alert, "visible", False), "closed")
        self._list = RaceList(model, self._changed, self.say)
        self._take = Take(model, self._list.act, self.say)
        self._bridge = self._take.bridge = Bridge(self._came_back, self._take.copied, model.pause)
        self._make_problem()
        self._top = Top(model, self._list.act, self._take.menu)
        self._plot, self._picture = PlotCard(model, HEIGHT, self._list.act, self._predict), PictureCard(HEIGHT)
        self._board = Board(self._check, self._scrub, self._next, self._plot.light, margin=0, styles=TALL, **WIDE)
        self._story = Story(self._predict, self._lead, margin=(2, 10, 4, 10), **WIDE)
        self._make_choices()

    def _make_problem(self) -> None:
        model = self.model
        problems = {cls.title: name for name, cls in model.lab.problems().items()}
        self._problem = pmui.Select(
            label="problem", options=problems, value=model.problem.slug(), size="small", searchable=len(problems) > 8,
            margin=(8, 10), **WIDE,
        )  # fmt: skip
        self._problem.param.watch(self._choose_problem, "value")
        self._problem_box = pn.Column(margin=0, **WIDE)
        self._caption = pn.pane.HTML("", margin=(0, 14), styles={"opacity": "0.75"}, visible=False, **WIDE)
        self._shown_problem = None
        experiments = {"Choose an experiment …": "", **{one.title: one.name for one in self.lab.experiments}}
        small = dict(size="small", margin=(14, 10, 4, 10), **WIDE)
        self._experiment = pmui.Select(
            options=experiments, value=self._listed, searchable=len(experiments) > 12, **small
        )
        self._experiment.param.watch(self._choose_experiment, "value")
        self._stop: Panel | None = None
        self._stop_card = pmui.Card(
            title="Stopping rule", collapsed=True, variant="outlined", sx=FOLD, margin=(14, 10), **WIDE
        )
        self._stop_card.param.watch(self._unfold_stop, "collapsed")
        self._show_problem()

    def _unfold_stop(self, event) -> None:
        """Make the knobs of the stopping rule when they are first wanted."""
        if self._stop is None:
            self._stop = Panel(self.model.stop, self._turn_stop)
            self._stop_card[:] = [self._stop.view]

    def _make_choices(self) -> None:
        model = self.model
        self._quiet = False
        small = dict(size="small", margin=(4, 6), max_width=240, styles={"flex": "1 1 140px"}, **WIDE)
        self._measure = pmui.Select(label="curve", options=[model.measure], value=model.measure, **small)
        self._against = pmui.Select(label="against", options=_inverse(model.counters()), value=model.against, **small)
        pictures = AUTOMATIC | _inverse(model.pictures())
        alone = small | {"max_width": 420, "styles": {}}
        self._wanted = pmui.Select(label="picture", options=pictures, value=model.picture, **alone)
        for name, widget in (("measure", self._measure), ("against", self._against), ("picture", self._wanted)):
            widget.param.watch(lambda event, name=name: self._look(**{name: event.new}), "value")

    def _assemble(self, home: str) -> pmui.Page:
        sidebar = [
            *([self._experiment] if self.lab.experiments else []),
            _heading("Problem"), self._problem, self._caption, self._problem_box,
            _heading("Race"), *self._list.views, self._stop_card,
        ]  # fmt: skip
        card = dict(margin=6, **WIDE)
        choices = pn.FlexBox(self._measure, self._against, margin=0, flex_wrap="nowrap", **WIDE)
        plot = pn.Column(choices, *self._plot.views, styles=CARD | {"flex": "3 1 460px", "width": "auto"}, **card)
        beside = (self._wanted, *self._picture.views)
        picture = pn.Column(*beside, styles=CARD | {"flex": "2 1 340px", "width": "auto"}, **card)
        table = pn.Column(self._board, styles=CARD | TALL, **card)
        middle = pn.FlexBox(plot, picture, gap="0px", align_items="stretch", margin=0, styles=TALL, **WIDE)
        main = pn.Column(*self._top.views, self._story, middle, table, margin=(4, 6), styles=TALL, **WIDE)
        page = pmui.Page(
            title=self.lab.title, sidebar=sidebar, header=[way_home(home)], sidebar_width=340,
            main=[*suggested(self.model, self._asked, home), main, self._alert, self._bridge],
            busy_indicator=None, site_url=home, theme_config=THEME, sx=BAR, meta_description=self.lab.about,
        )  # fmt: skip
        return released(page)

    # -- what a person does -------------------------------------------------------------------------------------

    def say(self, words: str, good: bool = False) -> None:
        """Tell a person something, over the page; what is `good` goes away by itself."""
        tone = "success" if good else "warning"
        self._alert.param.update(object=escape(words), severity=tone, visible=True, closed=False)
        if good:
            pn.state.curdoc.add_timeout_callback(lambda: self._hush(words), SHOWN)

    def _hush(self, words: str) -> None:
        if self._alert.object == escape(words):
            self._alert.visible = False

    def _choose_problem(self, event) -> None:
        if event.new != self.model.problem.slug():
            self._list.act(lambda: self.model.choose_problem(event.new))

    @property
    def _listed(self) -> str:
        """The experiment that the race is; empty where it is one's own."""
        return "" if self.model.own else self.model.experiment

    def _choose_experiment(self, event) -> None:
        if event.new and event.new != self._listed:
            self._list.act(lambda: self.model.show(event.new))

    def _predict(self, said) -> None:
        self._list.act(lambda: self.model.predict(said))

    def _lead(self) -> None:
        """Go on to the next experiment."""
        one = self.model.story
        if one is not None and one.then:
            self._list.act(lambda: self.model.show(one.then))

    def _turn_problem(self, name: str, value) -> None:
        self.model.turn_problem(**{name: value})
        self._changed()

    def _turn_stop(self, name: str, value) -> None:
        self.model.set_stop(**{name: value})
        self._changed()

    def _look(self, **view) -> None:
        if not self._quiet:
            self._list.act(lambda: self.model.set_view(**view))

    def _scrub(self, k: int) -> None:
        last = self.model.frame.last
        self._list.act(lambda: self.model.scrub(k if 0 <= k < last else None))

    def _sweep(self, name: str) -> None:
        self._list.act(lambda: self.model.sweep(-1, name))

    def _check(self, uid: int, index: int) -> None:
        self._list.act(lambda: self.model.check(uid, index))

    def _came_back(self, search: str) -> None:
        """The back button: set the page up as its address says."""
        refused = self._open(search, again=True)
        self._search = search
        self._refresh()
        if refused:
            self.say(refused)

    # -- what changes on the screen -----------------------------------------------------------------------------

    def _changed(self) -> None:
        """A person changed something: show it, and write it into the address bar."""
        self._refresh()
        try:
            search = "?s=" + share.pack(self.model.to_spec(steps=False))
        except ToolkitError:
            return
        if search != self._search:
            if self._search or search != self._first:
                self._bridge.address(search)
            self._search = search

    def _refresh(self) -> None:
        model = self.model
        self._list.show()
        self._show_problem()
        if self._stop is not None:
            self._stop.show(model.stop)
        self._quiet = True
        self._experiment.value = self._listed
        self._against.param.update(options=_inverse(model.counters()), value=model.against)
        self._wanted.param.update(options=AUTOMATIC | _inverse(model.pictures()), value=model.picture)
        self._quiet = False
        self._version = -1
        self._beat()

    def _show_problem(self) -> None:
        problem = self.model.problem
        self._problem.value = problem.slug()
        if type(problem) is type(self._shown_problem):
            self._problem_panel.show(problem)
        else:
            self._problem_panel = Panel(problem, self._turn_problem, self._sweep)
            self._problem_box[:] = [self._problem_panel.view]
            self._problem_box.visible = bool(knobs(problem))
        self._shown_problem = problem
        self._bridge.place = place(self.model)
        self._caption.param.update(object=escape(problem.caption()), visible=bool(problem.caption()))

    def _next(self) -> None:
        """A beat, unless the browser is still busy with the last one."""
        if self._board.ready:
            self._beat()

    def _beat(self) -> None:
        """Put the newest frame on the screen, if it is not there yet."""
        frame = self.model.frame
        if frame.version == self._version:
            return
        self._version = frame.version
        with pn.io.hold():
            self._draw(frame)

    def _draw(self, frame: Frame) -> None:
        model = self.model
        self._top.show(frame)
        told = story.told(model, frame)
        self._story.show(told)
        self._offer(frame)
        self._plot.show(frame, told)
        entry = next((one for one in model.entries if one.uid == frame.drawing.uid), None)
        self._picture.show(frame.drawing, entry.style if entry else None, model.labels().get(frame.drawing.uid, ""))
        at = -1 if frame.at is None else min(frame.at, frame.last)
        self._board.show(rows(model, frame), frame.last, at)

    def _offer(self, frame: Frame) -> None:
        """Keep the choices of curve and counter in step with what is measured."""
        model = self.model
        measures = {one[1]: one[0] for one in frame.measures} or {_words(model.measure): model.measure}
        if model.measure not in measures.values():
            measures[_words(model.measure)] = model.measure
        self._quiet = True
        if self._measure.options != measures or self._measure.value != model.measure:
            self._measure.param.update(options=measures, value=model.measure)
        counters = _inverse(model.counters())
        if self._against.options != counters:
            self._against.param.update(options=counters, value=model.against)
        pictures = AUTOMATIC | _inverse(model.pictures())
        if self._wanted.options != pictures:
            self._wanted.param.update(options=pictures, value=model.picture)
        self._quiet = False

    # -- the session --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Follow the race; to be called inside the session's document.

        A frame goes out when the worker has one and the browser has painted the last. The timer serves a browser that
        does not answer.
        """
        self._first = "?s=" + share.pack(self.model.to_spec(steps=False))
        doc, loop = pn.state.curdoc, IOLoop.current()

        def coming() -> None:
            if not self._closed:  # a document that is gone takes no callbacks
                doc.add_next_tick_callback(self._next)

        self.model.listen(lambda: loop.add_callback(coming))
        self._timer = pn.state.add_periodic_callback(self._next, period=PATIENCE)

    def close(self) -> None:
        """The tab was closed: stop the work, let go of everything."""
        self._closed = True
        self._timer.stop()
        self.model.close()


def _heading(words: str):
    styles = {"font-size": "0.72rem", "letter-spacing": "0.1em", "text-transform": "uppercase", "opacity": "0.7"}
    return pn.pane.HTML(escape(words), margin=(16, 12, 4, 12), styles=styles, **WIDE)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _inverse(mapping: dict) -> dict:
    return {words: name for name, words in mapping.items()}


def asked() -> str:
    """The name of the lab that the address of the session at hand asks for; of the first lab where it asks for none."""
    known = list(labs())
    wanted = share.lab_of(pn.state.location.search if pn.state.location else "")
    return wanted if wanted in known else known[0]


def page(lab: Lab, home: str = "./"):
    """A page for the session at hand; its work stops and its memory is freed when the tab is closed."""
    calm(IOLoop.current().asyncio_loop)
    query = pn.state.location.search if pn.state.location else ""
    view = LabView(lab, query, home)
    view.begin()
    pn.state.on_session_destroyed(lambda context: view.close())
    return view.page
