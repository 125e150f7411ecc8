"""Shows the worker's new warnings and errors in Stash's log, each once."""

from __future__ import annotations

import json
import logging
import os
import re
from typing import TYPE_CHECKING, Final

from local.data_directory import RELAYED, WORKER_LOG
from local.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LINES = 50
# A whole log file at most.
MOST_BYTES = 1_100_000
_RECORD = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} (WARNING|ERROR|CRITICAL) (.*)$")
_LEVELS: Final[Mapping[str, int]] = {"WARNING": logging.WARNING, "ERROR": logging.ERROR, "CRITICAL": logging.ERROR}


def relay_worker_log(directory: str, log: logging.Logger) -> None:
    """Show what came since the last time. Where that was is stored before it is shown: never twice. Raises OSError."""
    text, place = _read_new(os.path.join(directory, WORKER_LOG), _stored_place(directory))
    if place is None:
        return
    found = [match for match in map(_RECORD.match, text.splitlines()) if match]
    if text:
        write_atomically(os.path.join(directory, RELAYED), json.dumps(place).encode(), sync=False)
    if len(found) > MOST_LINES:
        log.warning("the worker's log has %d older warnings and errors: see %s", len(found) - MOST_LINES, WORKER_LOG)
    for match in found[-MOST_LINES:]:
        log.log(_LEVELS[match[2]], "worker, %s: %s", match[1], match[3])


def _stored_place(directory: str) -> Mapping[str, int]:
    try:
        with open(os.path.join(directory, RELAYED), encoding="utf-8") as file:
            place = json.load(file)
        return {"file": int(place["file"]), "offset": int(place["offset"])}
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {"file": 0, "offset": 0}


def _read_new(path: str, place: Mapping[str, int]) -> tuple[str, Mapping[str, int] | None]:
    """The whole lines after `place`, also of the file that was rotated away since, and the place after them."""
    try:
        number = os.stat(path).st_ino
    except FileNotFoundError:
        return "", None
    older = b""
    if number != place["file"] and _inode(path + ".1") == place["file"]:
        older = _read_from(path + ".1", place["offset"])
    offset = place["offset"] if number == place["file"] and place["offset"] <= os.path.getsize(path) else 0
    data = _read_from(path, offset)
    whole = data[: data.rfind(b"\n") + 1]
    return (older + whole).decode("utf-8", "replace"), {"file": number, "offset": offset + len(whole)}


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def _read_from(path: str, offset: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(MOST_BYTES)
