"""What the tests of a session share: a model that is closed after the test."""

from screen import make  # noqa: F401 - a fixture
