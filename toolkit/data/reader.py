"""What every kind of file has in common: names it may have, bytes that are looked at and kept, bytes that are read."""

from __future__ import annotations

from typing import ClassVar

from toolkit.core.errors import DataError
from toolkit.data.uploads import UPLOAD, contents, shown, store


class Reader:
    """Base of a kind of file that people bring. A subclass sets `endings` and `most`, and writes `made`.

    A problem that reads files names the endings in its knob, `knob("", file=READER.endings)`; its `accept_upload` hands
    an upload to `accept`, and it reads what the knob holds with `read`. Every refusal is a DataError that names the
    file, what was found and what is expected.
    """

    endings: ClassVar[tuple[str, ...]] = ()
    most: ClassVar[int] = 64 << 20  # bytes
    by_name: ClassVar[bool] = False  # an upload's name must end so too, not only a path

    def made(self, name: str, data: bytes):
        """What the bytes of a file are, read-only; DataError when they cannot be used."""
        raise NotImplementedError

    def check_name(self, name: str) -> None:
        """DataError for a name that does not end as it should."""
        if not name.lower().endswith(self.endings):
            raise DataError(f"{name}: expected a file that ends in {', '.join(self.endings)}.")

    def accept(self, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        if self.by_name:
            self.check_name(filename)
        self.made(filename, data)
        return store(filename, data)

    def read(self, source: str):
        """What a path or "upload:…" holds, as `made` gives it."""
        if not source.startswith(UPLOAD):
            self.check_name(source)
        return self.made(shown(source), contents(source, self.endings, self.most))
