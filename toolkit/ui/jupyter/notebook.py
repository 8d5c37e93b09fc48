"""The lab in JupyterLab: the same model as the served page, under ipywidgets."""

from __future__ import annotations

import asyncio
import html

import ipywidgets as w
from bokeh.io import output_notebook
from bokeh.resources import INLINE
from jupyter_bokeh import BokehModel

from toolkit.core.errors import ToolkitError
from toolkit.core.knob import labels
from toolkit.core.run import Run
from toolkit.session.frame import Frame, measured, monitored
from toolkit.session.lane import Lane
from toolkit.session.model import LabModel, solves
from toolkit.session.palette import MOST
from toolkit.session.rows import rows
from toolkit.ui.jupyter.knobs import Form
from toolkit.ui.jupyter.table import table
from toolkit.ui.plots.axes import Axes
from toolkit.ui.plots.curves import ConvergencePlot
from toolkit.ui.plots.pictures import picture_for

BEAT = 0.1

# The widgets below need BokehJS in the page. It comes with this import, from the installed package: no network.
output_notebook(INLINE, hide_banner=True)

_NARROW = w.Layout(width="6.5em")


def curves(runs: list[Run], measure: str = "", against: str = "k", height: int = 340) -> BokehModel:
    """Finished runs of one problem as curves, with what theory promised dashed; at most six.

    `measure` is a column of their histories (empty: the first monitor), `against` a counter.
    """
    measure = measure or runs[0].method.monitors[0]
    traces = []
    for uid, (run, name) in enumerate(zip(runs[:MOST], labels([one.method for one in runs[:MOST]]))):
        traces.append(Lane.of(uid, run).trace(name, measure, against, None, "ended"))
    named = monitored(runs[0].method) | measured(probe.measure for probe in runs[0].probes)
    _, title, unit, log = named.get(measure, (measure, measure.replace("_", " "), "", True))
    axes = Axes(against, measure, f"{title}   {unit}".strip(), log)
    plot = ConvergencePlot(axes.kind, height, legend=True)
    plot.patch(Frame(stage="ended", traces=tuple(traces)), {uid: uid for uid in range(len(traces))}, axes)
    return _widget(plot.figure, 640, height)


def lab(name: str, start: str | dict = "") -> LabWidget:
    """The lab `name` as a widget, set up as an experiment (its name) or as a shared page (its spec).

    ToolkitError for an unknown name, SpecError for a spec that cannot be read.
    """
    model = LabModel(name, spec=start if isinstance(start, dict) else None)
    if start and isinstance(start, str):
        model.show(start)
    return LabWidget(model)


class LabWidget(w.VBox):
    """A LabModel under ipywidgets; `close()` ends its work."""

    def __init__(self, model: LabModel):
        self.model = model
        self._seen, self._kind, self._picture, self._following = -1, None, None, False
        self._message = w.HTML()
        self._plot: ConvergencePlot | None = None
        self._plot_box = w.Box()
        self._picture_box = w.Box(layout=w.Layout(width="370px", height="380px", align_items="center"))
        self.table, self._status = w.HTML(), w.HTML()
        self._build()
        self._task = asyncio.ensure_future(self._watch()) if _loop_runs() else None

    def close(self) -> None:
        """Stop the race and free its memory."""
        if self._task is not None:
            self._task.cancel()
        self.model.close()
        super().close()

    # -- the parts ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        buttons = {
            "start": ("Start", "play", "primary", self._start),
            "step": ("Step", "step-forward", "", lambda: self.model.step()),
            "reset": ("Reset", "refresh", "", lambda: self.model.reset()),
            "cancel": ("Cancel", "stop", "", lambda: self.model.cancel()),
        }
        self.buttons = {key: self._button(*about) for key, about in buttons.items()}
        self._progress = w.FloatProgress(0.0, min=0.0, max=1.0, layout=w.Layout(width="12em"))
        self._scrub = w.IntSlider(
            0, min=0, max=0, description="step", continuous_update=True, layout=w.Layout(width="60%")
        )
        self._scrub.observe(self._scrubbed, "value")
        newest = self._button("Newest", "fast-forward", "", lambda: self.model.scrub(None))
        self._problem_box, self._race_box, self._view_box = w.VBox(), w.VBox(), w.HBox()
        left = w.VBox([w.HTML("<b>Problem</b>"), self._problem_box, w.HTML("<b>Race</b>"), self._race_box])
        left.layout = w.Layout(width="27em", flex="0 0 auto")
        looks = w.HBox([self._plot_box, self._picture_box], layout=w.Layout(flex_flow="row wrap"))
        right = w.VBox(
            [
                w.HBox([*self.buttons.values(), self._progress], layout=w.Layout(flex_flow="row wrap")),
                self._message,
                self._view_box,
                looks,
                self._status,
                self.table,
                w.HBox([self._scrub, newest]),
            ],
            layout=w.Layout(flex="1 1 480px", min_width="320px"),
        )
        super().__init__([w.HBox([left, right], layout=w.Layout(flex_flow="row wrap"))])
        self._refill()

    def _button(self, words: str, icon: str, style: str, action) -> w.Button:
        button = w.Button(description=words, icon=icon, button_style=style, layout=_NARROW, tooltip=words)
        button.on_click(lambda _: self._try(action))
        return button

    def _refill(self) -> None:
        """Lay out the controls for the problem and the entries as they stand."""
        problems = {cls.title: name for name, cls in self.model.lab.problems().items()}
        now = self.model.problem
        choice = w.Dropdown(options=problems, value=now.slug(), layout=w.Layout(width="24em"))
        choice.observe(lambda change: self._try(lambda: self._choose_problem(change["new"])), "value")
        caption = w.HTML(html.escape(now.caption()), layout=w.Layout(width="24em"))
        form = Form(now, lambda owner: self._try(lambda: self._turn_problem(owner, caption)), self._say)
        self._problem_box.children = (choice, caption, form.box)
        self._refill_race()
        self._refill_view()

    def _refill_race(self) -> None:
        race = w.Accordion([self._entry(entry) for entry in self.model.entries])
        labels = self.model.labels()
        race.titles = tuple(f"{entry.style.glyph} {labels[entry.uid]}" for entry in self.model.entries)
        made = [cls for cls in self.model.lab.methods().values() if solves(cls, type(self.model.problem))]
        methods = {cls.title: cls for cls in made}
        pick = w.Dropdown(options=list(methods), layout=w.Layout(width="16em"))
        add = self._button("Add", "plus", "", lambda: (self.model.add(methods[pick.value]()), self._refill_race()))
        self._race_box.children = (race, w.HBox([pick, add]))

    def _entry(self, entry) -> w.Widget:
        def turn(method):
            self._try(lambda: self._turn(entry.uid, method))

        form = Form(entry.method, turn, self._say)
        row = [
            self._button("Copy", "clone", "", lambda: (self.model.duplicate(entry.uid), self._refill_race())),
            self._button("Fork", "code-fork", "", lambda: (self.model.fork(entry.uid), self._refill_race())),
            self._button("Remove", "trash", "", lambda: (self.model.remove(entry.uid), self._refill_race())),
        ]
        return w.VBox([form.box, w.HBox(row)])

    def _refill_view(self) -> None:
        against = w.Dropdown(
            options={words: key for key, words in self.model.counters().items()}, value=self.model.against
        )
        against.description, against.layout = "against", w.Layout(width="16em")
        against.observe(lambda change: self._try(lambda: self.model.set_view(against=change["new"])), "value")
        pictures = {one.title: one.name for one in self.model.lab.pictures}
        picture = w.Dropdown(options=pictures, description="picture", layout=w.Layout(width="20em"))
        if self.model.picture in pictures.values():
            picture.value = self.model.picture
        picture.observe(lambda change: self._try(lambda: self.model.set_view(picture=change["new"])), "value")
        self._view_box.children = (against, picture)

    # -- what is asked ------------------------------------------------------------------------------------------

    def _try(self, action) -> None:
        """Do it; a caller's mistake is said, and nothing else is lost."""
        try:
            action()
        except ToolkitError as mistake:
            self._say(str(mistake))
        else:
            self._say("")

    def _say(self, words: str) -> None:
        style = "color:var(--jp-error-color1,#b00020)"
        self._message.value = f'<span role="alert" style="{style}">{html.escape(words)}</span>' if words else ""

    def _start(self) -> None:
        self.model.pause() if self.model.active and self.model.playing else self.model.start()

    def _choose_problem(self, name: str) -> None:
        self.model.choose_problem(name)
        self._refill()

    def _turn_problem(self, problem, caption: w.HTML) -> None:
        self.model.set_problem(problem)
        caption.value = html.escape(problem.caption())

    def _turn(self, uid: int, method) -> None:
        before = self.model.entry(uid).method
        changed = {
            n: getattr(method, n) for n in method.__dataclass_fields__ if getattr(method, n) != getattr(before, n)
        }
        self.model.turn_method(uid, **changed)

    def _scrubbed(self, change) -> None:
        if not self._following:
            self._try(lambda: self.model.scrub(change["new"]))

    # -- what is seen -------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self.refresh()

    def refresh(self) -> None:
        """Put the newest frame on the screen, if there is a newer one."""
        frame = self.model.frame
        if frame.version == self._seen:
            return
        self._seen = frame.version
        looks = {entry.uid: entry.look for entry in self.model.entries}
        self._show_curves(frame, looks)
        self._show_picture(frame)
        self.table.value = table(rows(self.model, frame))
        self._status.value = html.escape(frame.busy) or "&nbsp;"
        traces = frame.traces
        self._progress.value = sum(one.progress for one in traces) / len(traces) if traces else 0.0
        running = self.model.playing and frame.stage == "running"
        start = self.buttons["start"]
        start.description, start.icon = ("Pause", "pause") if running else ("Start", "play")
        self._following = True  # the slider goes with the race: nobody moved it
        self._scrub.max = max(frame.last, 0)
        if frame.at is None:
            self._scrub.value = frame.last
        self._following = False

    def _show_curves(self, frame: Frame, looks: dict[int, int]) -> None:
        axes = Axes.of(self.model, frame)
        if self._plot is None or self._plot.kind != axes.kind:
            self._plot = ConvergencePlot(axes.kind, 360)
            self._plot_box.children = (_widget(self._plot.figure, 600, 380),)
        self._plot.patch(frame, looks, axes)

    def _show_picture(self, frame: Frame) -> None:
        drawing = frame.drawing
        kind = drawing.look
        if drawing.kind == "empty":
            self._kind = None
            self._picture_box.children = (w.HTML(html.escape(drawing.empty)),)
            return
        if kind != self._kind:
            self._kind, self._picture = kind, picture_for(drawing, 300)
            self._picture_box.children = (_widget(self._picture.figure, 360, 340),)
        self._picture.patch(drawing)


def _widget(figure, width: int, height: int) -> BokehModel:
    """A figure as a widget: of fixed size, since a widget's box has no width of its own to stretch to."""
    figure.update(sizing_mode="fixed", width=width, height=height)
    return BokehModel(figure)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
