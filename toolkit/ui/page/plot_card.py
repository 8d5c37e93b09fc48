"""The plot of a page: the curves of the race, a sweep in their place, the line of one's own, and the bar below them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import panel as pn

from toolkit.session import recorded
from toolkit.session.frame import Frame
from toolkit.session.model import LabModel
from toolkit.session.rows import key
from toolkit.ui.page.plot_bar import PlotBar
from toolkit.ui.page.theme import LOW, WIDE
from toolkit.ui.plots.axes import Axes
from toolkit.ui.plots.curves import ConvergencePlot
from toolkit.ui.plots.sketch import Sketched
from toolkit.ui.plots.sweep import SweepPlot


class PlotCard:
    """What is plotted of a LabModel; `views` are its parts from above.

    `act(action)` does something with the model, `predict(said)` hears of a line that was dragged.
    """

    def __init__(self, model: LabModel, height: int, act: Callable, predict: Callable):
        self._model, self._height, self._act = model, height, act
        self._plots: dict[tuple, ConvergencePlot] = {}
        self._plot = self._made(Axes.of(model, model.frame).kind)
        self._pane = pn.pane.Bokeh(self._plot.figure, height=height, margin=0, stylesheets=[LOW], **WIDE)
        self._bar = PlotBar(self._lay, self._log, lambda: self._plot.fit(), self._tab, margin=0, **WIDE)
        self._sketched = Sketched(predict)
        self._sweeps: SweepPlot | None = None
        self._curves, self._sweep_of = False, None
        self.views = (self._pane, self._bar)

    def _made(self, kind: tuple) -> ConvergencePlot:
        """The plot for axes of a kind, made when it is first wanted."""
        if kind not in self._plots:
            self._plots[kind] = ConvergencePlot(kind, self._height)
            self._plots[kind].figure.stylesheets = [LOW]
        return self._plots[kind]

    # -- what a person does -------------------------------------------------------------------------------------

    def light(self, uid: int | None = None, index: int = 0) -> None:
        """Let the dashed line of a promise stand out; of none without one."""
        looks = {one.uid: one.look for one in self._model.entries}
        self._plot.light(looks.get(uid), index)

    def _lay(self, number: int) -> None:
        self._act(lambda: self._model.lay(number))

    def _log(self, on: bool) -> None:
        self._act(lambda: self._model.set_view(abscissa="log" if on else "linear"))

    def _tab(self, show: str) -> None:
        """Draw the curves ("") or what of a sweep."""
        self._curves = not show
        self._act(lambda: self._model.show_sweep(show) if show else None)

    # -- what changes on the screen -----------------------------------------------------------------------------

    def show(self, frame: Frame, told: dict) -> None:
        """Put a frame on the screen; `told` is what the story strip tells of it."""
        model = self._model
        shown, axes = recorded.awaited(model, frame), Axes.of(model, frame)
        if shown.ghosts or (told.get("open") and told["form"]["kind"] == "sketch"):
            axes = replace(axes, hint="")  # recorded curves, or the line to be dragged, stand there
        if axes.kind != self._plot.kind:
            self._plot = self._made(axes.kind)
            self._pane.object = self._plot.figure
        self._plot.patch(shown, model.shown(), axes)
        self._show_sweep(frame)
        self._bar.words = key(frame, axes.goal)
        self._bar.show(frame.ghosts, axes.scale, self._tab_now(frame))
        one = model.story
        asked = one is not None and (one.measure, one.against) == (model.measure, model.against)
        self._sketched.show(self._plot, told, frame, asked)

    def _tab_now(self, frame: Frame) -> str | None:
        """What is drawn of a sweep: nothing ("") while a person looks at the curves, None where there is none."""
        return None if frame.sweep is None else "" if self._curves else frame.sweep.show

    def _show_sweep(self, frame: Frame) -> None:
        """Put a sweep in the place of the curves, as long as it is looked at."""
        sweep = frame.sweep
        if self._sweep_of != (sweep and (sweep.of, sweep.knob)):  # a new one is looked at
            self._sweep_of, self._curves = sweep and (sweep.of, sweep.knob), False
        drawn = self._plot.figure
        if self._tab_now(frame):
            if self._sweeps is None or self._sweeps.log != sweep.log:
                self._sweeps = SweepPlot(sweep.log, self._height)
                self._sweeps.figure.stylesheets = [LOW]
            self._sweeps.patch(sweep, self._model.shown(), self._model.measure.replace("_", " "))
            drawn = self._sweeps.figure
        if self._pane.object is not drawn:
            self._pane.object = drawn
