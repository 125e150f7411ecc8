"""Stash's raw plugin protocol: one JSON object in, one JSON object out, log lines with a prefix on standard error."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.log_lines import log_lines
from stash.connection import StashConnection, parse_connection

if TYPE_CHECKING:
    from typing import BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """The input of a task or an operation. `args`: what the caller passed, including the mode."""

    connection: StashConnection
    mode: str
    args: Mapping[str, object] = field(default_factory=dict)


def parse_task_input(data: bytes) -> TaskInput:
    """Parse a task's standard input. Raises ValueError with a one-line message that never contains the cookie."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        # `from None`, because the JSON error contains the whole text, including the cookie.
        raise ValueError(f"Stash's input is not JSON ({len(data)} bytes)") from None
    if not isinstance(given, Mapping):
        raise ValueError(f"Stash's input is {type(given).__name__}; a JSON object is expected")  # noqa: TRY004 - callers catch one type
    args = given.get("args") or {}
    if not isinstance(args, Mapping):
        raise ValueError(f"args is {type(args).__name__}; a JSON object is expected")  # noqa: TRY004 - as above
    mode = args.get("mode")
    if not isinstance(mode, str) or not mode.strip():
        raise ValueError("args.mode is missing: it names what to do, for example queue_status")
    return TaskInput(connection=parse_connection(given.get("server_connection")), mode=mode.strip(), args=args)


def answer_output(output: object) -> bytes:
    """The object for standard output. Raises ValueError for NaN and infinity, which JSON does not have."""
    return _line({"output": output})


def answer_error(text: str) -> bytes:
    """The answer that Stash reports as an error: to the caller of an operation; for a task, in the log."""
    return _line({"error": text})


def _line(answer: Mapping[str, object]) -> bytes:
    return json.dumps(answer, allow_nan=False).encode("ascii") + b"\n"


def progress_line(fraction: float) -> str:
    """A log line that sets the job's progress bar. `fraction` is clamped to 0..1; NaN counts as 0."""
    return f"\x01p\x02{min(1.0, fraction) if fraction > 0 else 0.0:.4f}\n"


class StashLogHandler(logging.Handler):
    """Writes records to Stash's log: one prefixed line for each line of the message.

    `stream` takes bytes (`sys.stderr.buffer`), so that no locale can garble or reject a message. Records below DEBUG
    become trace lines, then debug, info and warning; ERROR and above become error lines.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; ignore that Stash has closed its end of the pipe."""
        try:
            text = self.format(record)
        except (TypeError, ValueError, KeyError):
            text = f"{record.msg} (the arguments of this message do not fit)"
        try:
            self.stream.write(log_lines(record.levelno, text))
            self.stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads any longer, or the stream is closed: the work goes on
