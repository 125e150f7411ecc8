"""Text on one line of a log, so that no input can forge a record or steer a terminal; and lines of Stash's log.

Standard library only, and without `logging`: the operation that writes the worker's lines starts anew for each.
"""

from __future__ import annotations

import re

# Stash stops reading standard error at a line of 64 KiB (bufio.Scanner), and the writer then gets EPIPE.
LINE_LIMIT_BYTES = 60_000
CUT = " … (cut)"
# The numbers of `logging`: below DEBUG, INFO, WARNING and ERROR.
_LEVELS = ((10, "t"), (20, "d"), (30, "i"), (40, "w"))
# What any reader of lines may take for their end, and tabs.
_LINE_ENDS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# Control characters, those that change the direction of text, and halves of characters from odd file names. Emoji
# joiners are not among them.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def one_line(text: str) -> str:
    """`text` with a blank for line ends, and visible escapes for characters that cannot be seen."""
    return _INVISIBLE.sub(_escaped, _LINE_ENDS.sub(" ", text))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"  # noqa: PLR2004 - two digits suffice


def log_lines(level: int, text: str) -> bytes:
    """The text as lines for Stash's log; any characters are allowed."""
    prefix = f"\x01{_letter(level)}\x02".encode("ascii")
    lines = [one_line(line).encode() for line in text.splitlines() or [""]]
    return b"".join(prefix + _cut(line, LINE_LIMIT_BYTES - len(prefix) - 1) + b"\n" for line in lines)


def _letter(level: int) -> str:
    return next((letter for limit, letter in _LEVELS if level < limit), "e")


def _cut(line: bytes, limit_bytes: int) -> bytes:
    if len(line) <= limit_bytes:
        return line
    mark = CUT.encode()
    return line[: limit_bytes - len(mark)].decode("utf-8", "ignore").encode() + mark
