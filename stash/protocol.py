"""Stash's raw plugin protocol: one JSON object in, one JSON object out, prefixed lines on standard error."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stash.connection import StashConnection, parse_connection

if TYPE_CHECKING:
    from typing import BinaryIO

# Stash stops reading standard error at a line of 64 KiB (bufio.Scanner), and the writer then gets EPIPE.
LINE_LIMIT_BYTES = 60_000
CUT = " … (cut)"
_LEVELS = ((logging.DEBUG, "t"), (logging.INFO, "d"), (logging.WARNING, "i"), (logging.ERROR, "w"))
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a tab may stay; line ends are gone by then


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """What Stash tells a task or an operation. `args` includes the mode, and holds what the caller passed."""

    connection: StashConnection
    mode: str
    args: Mapping[str, object] = field(default_factory=dict)


def parse_task_input(data: bytes) -> TaskInput:
    """Standard input of a task. Raises ValueError with one clear line, which holds no cookie."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        # `from None`, because the JSON error keeps the whole text, cookie included.
        raise ValueError(f"Stash's input is not JSON ({len(data)} bytes)") from None
    if not isinstance(given, Mapping):
        raise ValueError(f"Stash's input is {type(given).__name__}; a JSON object is expected")  # noqa: TRY004 - one kind to catch
    args = given.get("args") or {}
    if not isinstance(args, Mapping):
        raise ValueError(f"args is {type(args).__name__}; a JSON object is expected")  # noqa: TRY004 - as above
    mode = args.get("mode")
    if not isinstance(mode, str) or not mode.strip():
        raise ValueError("args.mode is missing: it names what to do, for example queue_status")
    return TaskInput(connection=parse_connection(given.get("server_connection")), mode=mode.strip(), args=args)


def answer_output(output: object) -> bytes:
    """The one object on standard output; ValueError for NaN and infinity, which are no JSON."""
    return _line({"output": output})


def answer_error(text: str) -> bytes:
    """The answer that Stash shows as an error: of the operation to its caller, of a task in the log."""
    return _line({"error": text})


def _line(answer: Mapping[str, object]) -> bytes:
    return json.dumps(answer, allow_nan=False).encode("ascii") + b"\n"


def progress_line(fraction: float) -> str:
    """What moves the job's progress bar, 0..1; anything outside is brought to the nearer end, NaN to 0."""
    return f"\x01p\x02{min(1.0, fraction) if fraction > 0 else 0.0:.4f}\n"


class StashLogHandler(logging.Handler):
    """Writes records to Stash's log: one prefixed line for each line of the message.

    `stream` takes bytes (`sys.stderr.buffer`), so that no locale can spoil or refuse a message. Levels: below
    DEBUG trace, then debug, info, warning, and ERROR and above error.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; quietly give up when Stash has closed its end."""
        try:
            text = self.format(record)
        except (TypeError, ValueError, KeyError):
            text = f"{record.msg} (the arguments of this message do not fit)"
        try:
            self.stream.write(log_lines(record.levelno, text))
            self.stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads any more, or the stream is closed: the work goes on


def log_lines(level: int, text: str) -> bytes:
    """The text as Stash's log takes it, whatever characters it holds."""
    prefix = f"\x01{_letter(level)}\x02".encode("ascii")
    lines = text.splitlines() or [""]
    return b"".join(prefix + _cut(_clean(line), LINE_LIMIT_BYTES - len(prefix) - 1) + b"\n" for line in lines)


def _letter(level: int) -> str:
    return next((letter for limit, letter in _LEVELS if level < limit), "e")


def _clean(line: str) -> bytes:
    """Control characters and halves of surrogate pairs (odd file names) become visible escapes."""
    visible = _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", line)
    return visible.encode("utf-8", "backslashreplace")


def _cut(line: bytes, limit_bytes: int) -> bytes:
    if len(line) <= limit_bytes:
        return line
    mark = CUT.encode()
    return line[: limit_bytes - len(mark)].decode("utf-8", "ignore").encode() + mark
