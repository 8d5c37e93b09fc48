"""Files that people bring: kept by content under "upload:…", and read again from there or from a path."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from platformdirs import user_cache_path

from toolkit.core.errors import DataError

UPLOAD = "upload:"
STORE_BYTES = 1 << 30
APP = "convergence-toolkit"
_NAME = re.compile(r"[0-9a-f]{64}")


def uploads() -> Path:
    """The folder of uploaded files: $TOOLKIT_UPLOADS, else convergence-toolkit/uploads in the user's cache."""
    return _folders()[0]


def _folders() -> list[Path]:
    """Where uploads lie: new ones in the first; in the second those from before the system was asked for its place."""
    given = os.environ.get("TOOLKIT_UPLOADS")
    if given:
        return [Path(given)]
    former = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [user_cache_path(APP, appauthor=False) / "uploads", former / APP / "uploads"]


def store(filename: str, data: bytes) -> str:
    """Keep bytes under their SHA-256; the knob value that names them. The oldest go when STORE_BYTES are exceeded."""
    folder, name = uploads(), hashlib.sha256(data).hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{name}.{os.getpid()}"
        draft.write_bytes(data)
        draft.replace(folder / name)
        _prune(folder, keep=name)
    except OSError as error:
        raise DataError(f"{filename}: it cannot be kept in {folder} ({error.strerror}): set TOOLKIT_UPLOADS.") from None
    return UPLOAD + name


def _prune(folder: Path, keep: str) -> None:
    kept = sorted((one for one in folder.iterdir() if one.is_file()), key=lambda one: one.stat().st_mtime)
    total = sum(one.stat().st_size for one in kept)
    for one in kept:
        if total > STORE_BYTES and one.name != keep:
            total -= one.stat().st_size
            one.unlink(missing_ok=True)


def shown(source: str) -> str:
    """A source as messages name it."""
    if source.startswith(UPLOAD):
        return f"upload {source[len(UPLOAD) :][:8]}…"
    return source if source.isprintable() else repr(source)


def contents(source: str, endings: tuple[str, ...], most: int) -> bytes:
    """What a path or "upload:…" holds, at most `most` bytes; DataError that names it and says why not."""
    try:
        return _uploaded(source, most) if source.startswith(UPLOAD) else _named(source, endings, most)
    except (OSError, ValueError, RuntimeError) as error:  # a name with a zero byte; a home folder that is unknown
        if isinstance(error, DataError):
            raise
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{shown(source)}: it cannot be read ({why}); expected a file.") from None


def _uploaded(source: str, most: int) -> bytes:
    name = source[len(UPLOAD) :]
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{source!r}: no upload has such a name; expected 'upload:' and the 64 digits that accept_upload returned: "
            "upload it again."
        )
    found = next((path for path in (folder / name for folder in _folders()) if path.is_file()), None)
    data = b"" if found is None else _read(source, found, most)
    if hashlib.sha256(data).hexdigest() != name:
        raise DataError(f"{shown(source)}: this file is not on this machine any more: upload it again.")
    return data


def _named(source: str, endings: tuple[str, ...], most: int) -> bytes:
    path, expected = Path(source).expanduser(), ", ".join(endings)
    if not path.exists():
        raise DataError(f"{shown(source)}: there is no such file, so it cannot be read; expected {expected}.")
    if not path.is_file():  # a device may have no end
        raise DataError(
            f"{shown(source)}: there is no such file: it is not a file but a folder or a device; expected {expected}."
        )
    return _read(source, path, most)


def _read(source: str, path: Path, most: int) -> bytes:
    if path.stat().st_size > most:
        raise too_large(shown(source), path.stat().st_size, most)
    return path.read_bytes()


def too_large(name: str, size: int, most: int) -> DataError:
    """The refusal of so many bytes."""
    return DataError(f"{name}: {size / 2**20:.1f} MB; the limit is {most >> 20} MB.")
