"""Loading: a heavy library is imported where it is used, and that is on no method's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.kernels import _clock


@contextmanager
def loading() -> Iterator[None]:
    """Import within: clocks stand still, as the first run would pay for all."""
    with _clock.aside(_clock.LOADING):
        yield
