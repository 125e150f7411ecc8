"""Turns whatever a message contains into one line of a log, so that no input can forge a record or steer a terminal."""

from __future__ import annotations

import logging
import re

LONGEST_MESSAGE = 8_000
CUT = " … (cut)"
_TRACEBACK_INDENT = "    "
# What any reader of lines may take for their end, and tabs.
_LINE_ENDS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# Control characters, those that change the direction of text, and halves of characters from odd file names. Emoji
# joiners are not among them.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def one_line(text: str) -> str:
    """`text` with a blank for line ends, and visible escapes for characters that cannot be seen."""
    return _INVISIBLE.sub(_escaped, _LINE_ENDS.sub(" ", text))


def quieten_libraries() -> None:
    """Their warnings quote addresses, with the names of files in them; what matters arrives as an error."""
    for name in ("urllib3", "requests", "plexapi"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"  # noqa: PLR2004 - two digits suffice


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
