"""Libraries that tests compare with: loaded when a test first uses one, never at collection."""

import pytest


class Peer:
    """A module by its name; a test that uses it is skipped where it is not installed."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        return getattr(pytest.importorskip(self._name), attribute)
