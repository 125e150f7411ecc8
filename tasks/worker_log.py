"""Copies the worker's new warnings and errors to Stash's log, each of them once."""

from __future__ import annotations

import json
import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from local.data_directory import RELAYED, WORKER_LOG
from local.files import write_atomically
from store.state_file import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LINES = 50
# Enough for one whole log file (1 MB).
MAX_BYTES = 1_100_000
_RECORD = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} (WARNING|ERROR|CRITICAL) (.*)$")
_LEVELS: Final[Mapping[str, int]] = {"WARNING": logging.WARNING, "ERROR": logging.ERROR, "CRITICAL": logging.ERROR}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """The content of `relayed.json`: up to which byte of which file (its inode) the log was shown."""

    file: int = 0
    offset: int = 0


def relay_worker_log(directory: str, log: logging.Logger) -> None:
    """Show what was logged since the last time. Raises OSError.

    The new position is stored first, so that a kill in between shows nothing twice.
    """
    text, position = _read_new(os.path.join(directory, WORKER_LOG), _stored_position(directory))
    if position is None:
        return
    found = [match for match in map(_RECORD.match, text.splitlines()) if match]
    if text:
        write_atomically(os.path.join(directory, RELAYED), json.dumps(to_json(position)).encode(), sync=False)
    if len(found) > MAX_LINES:
        log.warning("the worker's log has %d older warnings and errors: see %s", len(found) - MAX_LINES, WORKER_LOG)
    for match in found[-MAX_LINES:]:
        log.log(_LEVELS[match[2]], "worker, %s: %s", match[1], match[3])


def _stored_position(directory: str) -> LogPosition:
    try:
        with open(os.path.join(directory, RELAYED), encoding="utf-8") as file:
            return from_json(LogPosition, json.load(file))
    except (OSError, ValueError, RecursionError):
        return LogPosition()


def _read_new(path: str, position: LogPosition) -> tuple[str, LogPosition | None]:
    """The complete lines after `position`, also those in a file rotated since, and the position after them."""
    try:
        number = os.stat(path).st_ino
    except FileNotFoundError:
        return "", None
    older = b""
    if number != position.file and _inode(path + ".1") == position.file:
        older = _read_from(path + ".1", position.offset)
    offset = position.offset if number == position.file and position.offset <= os.path.getsize(path) else 0
    data = _read_from(path, offset)
    whole = data[: data.rfind(b"\n") + 1]
    return (older + whole).decode("utf-8", "replace"), LogPosition(file=number, offset=offset + len(whole))


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def _read_from(path: str, offset: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(MAX_BYTES)
