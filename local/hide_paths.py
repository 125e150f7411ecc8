"""Replaces paths in log lines by stable stand-ins, for users who show their logs to others (`hide_paths`)."""

from __future__ import annotations

import hashlib
import logging
import re

# From a root to a file's ending. A name may hold blanks, so a path ends at its ending or at what ends a sentence's
# part; a URL's path is no file of the user's.
_PATH = re.compile(
    r"(?<![\w:/\\.<>])(?:[A-Za-z]:[\\/]|\\\\|/)(?:[^\n\"'<>|*?;]*?(?P<ending>\.[A-Za-z0-9]{2,4})(?![\w./\\])|[^\s\"'<>|*?;,]+)"
)


class PathHider(logging.Filter):
    """`is_on` follows the setting; off, it changes nothing. Attach it to handlers, after what formats messages."""

    def __init__(self, *, is_on: bool = False) -> None:
        super().__init__()
        self.is_on = is_on

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place."""
        if self.is_on:
            record.msg, record.args = hide_paths(record.getMessage()), ()
            if record.exc_text:
                record.exc_text = hide_paths(record.exc_text)
        return True


def hide_paths(text: str) -> str:
    """`/media/a b.mp4` becomes `<path 3f2a91>.mp4`, the same path always the same."""
    return _PATH.sub(_stand_in, text)


def _stand_in(found: re.Match[str]) -> str:
    digest = hashlib.sha256(found[0].encode("utf-8", "surrogatepass")).hexdigest()
    return f"<path {digest[:6]}>{found['ending'] or ''}"
