"""Writes zip files that are the same to the last byte wherever they are made."""

from __future__ import annotations

import io
import stat
import time
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNIX = 3
_MODE = stat.S_IFREG | 0o644


def zip_bytes(files: Mapping[str, bytes], *, date: int, last: str) -> bytes:
    """The zip file of these files, by name, all of the date (epoch seconds, UTC) and readable for everybody.

    Stash unpacks in the order of the zip file: by name, then `last`, so that a worker which sees that file sees all.
    Nothing is compressed: what compression makes of a file differs with the version of zlib.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name in sorted(files, key=lambda name: (name == last, name)):
            entry = zipfile.ZipInfo(name, time.gmtime(date)[:6])
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, files[name])
    return written.getvalue()
