"""The bytes of a file that a person names or has uploaded."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from toolkit.core.errors import DataError
from toolkit.data import matrix_file as mtx


def contents(source: str, endings: tuple[str, ...], most: int) -> bytes:
    """What a path or "upload:…" holds, at most `most` bytes; DataError that names it and says why not."""
    kept, shown = source.startswith(mtx.UPLOAD), mtx.shown(source)
    name = source[len(mtx.UPLOAD) :] if kept else source
    if kept and not re.fullmatch("[0-9a-f]{64}", name):
        raise DataError(f"{source!r}: no upload has such a name; expected what the upload returned: upload it again.")
    try:
        path = mtx.uploads() / name if kept else Path(source).expanduser()
        if path.exists() and not path.is_file():
            raise DataError(f"{shown}: it is not a file; expected {', '.join(endings)}.")
        if path.stat().st_size > most:
            raise DataError(f"{shown}: {path.stat().st_size} bytes; expected at most {most}.")
        data = path.read_bytes()
    except DataError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # a name with a zero byte; a home folder that is unknown
        if not kept or not isinstance(error, FileNotFoundError):
            why = getattr(error, "strerror", None) or error
            raise DataError(f"{shown!r}: it cannot be read ({why}); expected a file.") from None
        data = b""
    if kept and hashlib.sha256(data).hexdigest() != name:
        raise DataError(f"{shown}: this file is not on this machine any more: upload it again.")
    return data
