"""What every kind of file has in common: names it may have, bytes that are looked at and kept, bytes that are read."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from toolkit.core.errors import DataError
from toolkit.data.signatures import signature
from toolkit.data.uploads import UPLOAD, contents, shown, store


class Found(NamedTuple):
    """What a file holds, read-only, and in sentences what was turned, left out or assumed to make it so."""

    value: object
    remarks: tuple[str, ...] = ()


class Reader:
    """Base of a kind of file that people bring. A subclass sets `endings` and `most`, and writes `found`.

    A problem that reads files names the endings in its knob, `knob("", file=READER.endings)`; its `accept_upload` hands
    an upload to `accept`, it reads what the knob holds with `read` or `look`, and says the remarks in its `caption`.
    Every refusal is a DataError that names the file, what was found and what is expected.
    """

    endings: ClassVar[tuple[str, ...]] = ()
    most: ClassVar[int] = 64 << 20  # bytes
    by_name: ClassVar[bool] = False  # an upload's name must end so too where its first bytes do not say what it is
    kinds: ClassVar[tuple[str, ...]] = ()  # the signatures that it takes
    wanted: ClassVar[str] = "a file"  # in words
    remedies: ClassVar[dict[str, str]] = {}  # what to do with a file of another signature

    def found(self, name: str, data: bytes) -> Found:
        """What the bytes of a file are, with what was assumed; DataError when they cannot be used."""
        raise NotImplementedError

    def made(self, name: str, data: bytes):
        """What the bytes of a file are, read-only; DataError when they cannot be used."""
        return self.found(name, data).value

    def check_name(self, name: str) -> None:
        """DataError for a name that does not end as it should."""
        if not name.lower().endswith(self.endings):
            raise DataError(f"{name}: expected a file that ends in {', '.join(self.endings)}.")

    def check_kind(self, name: str, data: bytes) -> str:
        """The signature of the bytes, empty where there is none; DataError where it is that of another kind of file."""
        kind, words = signature(data)
        if kind and kind not in self.kinds:
            remedy = self.remedies.get(kind, "")
            told = f"{self.wanted} ({', '.join(self.endings)})"
            raise DataError(f"{name}: it is {words}; expected {told}{': ' if remedy else ''}{remedy}.")
        return kind

    def accept(self, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        if not self.check_kind(filename, data) and self.by_name:
            self.check_name(filename)
        self.found(filename, data)
        return store(filename, data)

    def look(self, source: str) -> Found:
        """What a path or "upload:…" holds, with what was assumed."""
        if not source.startswith(UPLOAD):
            self.check_name(source)
        name, data = shown(source), contents(source, self.endings, self.most)
        self.check_kind(name, data)
        return self.found(name, data)

    def read(self, source: str):
        """What a path or "upload:…" holds."""
        return self.look(source).value
