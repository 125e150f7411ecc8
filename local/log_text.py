"""Writes the worker's log one line a record, whatever a message contains."""

from __future__ import annotations

import logging

from local.log_lines import CUT, one_line

LONGEST_MESSAGE = 8_000
_TRACEBACK_INDENT = "    "


def quieten_libraries() -> None:
    """Their warnings quote addresses, with the names of files in them; what matters arrives as an error."""
    for name in ("urllib3", "requests", "plexapi"):
        logging.getLogger(name).setLevel(logging.ERROR)


class OneLineFormatter(logging.Formatter):
    """The message on one line; the lines of a traceback follow, each of them indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The record's first line."""
        message = one_line(record.message)
        record.message = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + CUT
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        first, *others = super().format(record).split("\n")
        return "\n".join([first, *(_TRACEBACK_INDENT + one_line(line) for line in others)])
