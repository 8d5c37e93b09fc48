"""The strip above a plot that tells the story of an experiment: its question, a prediction, what came, and why."""

from __future__ import annotations

from collections.abc import Callable

import param
from panel.custom import JSComponent

from toolkit.ui.page.browser import HERE, script


class Story(JSComponent):
    """The story of an experiment as `toolkit.session.story.told` puts it into texts; nothing where there is none.

    `say(answer)` hears what a person predicts (None: it is taken back), `lead()` that the next experiment is wanted.
    """

    told = param.Dict(default={}, doc="texts of the story, as `toolkit.session.story.told` makes them")

    _esm = script("words.js", "story.js")
    _stylesheets = [HERE / "story.css"]

    def __init__(self, say: Callable, lead: Callable, **params):
        super().__init__(**params)
        self._say, self._lead = say, lead

    def show(self, told: dict) -> None:
        """Show the story as it stands."""
        if self.told != told:
            self.param.update(told=told, visible=bool(told))

    def _handle_msg(self, data) -> None:
        if not isinstance(data, dict):
            return
        said = data.get("said")
        if "said" in data and (said is None or isinstance(said, int | float)):
            self._say(said)
        if data.get("next") is True:
            self._lead()
