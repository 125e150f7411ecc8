"""Replaces paths in log lines by stable placeholders, for users who share their logs (setting `hide_paths`)."""

from __future__ import annotations

import hashlib
import logging
import re

# From a root to a file name extension. Names may contain spaces, so a path without an extension ends at the first space
# or punctuation mark. The path of a URL is not a file of the user.
_PATH = re.compile(
    r"(?<![\w:/\\.<>])(?:[A-Za-z]:[\\/]|\\\\|/)(?:[^\n\"'<>|*?;]*?(?P<ending>\.[A-Za-z0-9]{2,4})(?![\w./\\])|[^\s\"'<>|*?;,]+)"
)


class PathHider(logging.Filter):
    """Changes records only while `is_on`. Attach it to handlers, after any filter that formats messages."""

    def __init__(self, *, is_on: bool = False) -> None:
        super().__init__()
        self.is_on = is_on

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the paths in the record itself; let every record pass."""
        if self.is_on:
            record.msg, record.args = hide_paths(record.getMessage()), ()
            if record.exc_text:
                record.exc_text = hide_paths(record.exc_text)
        return True


def hide_paths(text: str) -> str:
    """`/media/a b.mp4` becomes `<path 3f2a91>.mp4`; the same path always gets the same placeholder."""
    return _PATH.sub(_placeholder, text)


def _placeholder(found: re.Match[str]) -> str:
    digest = hashlib.sha256(found[0].encode("utf-8", "surrogatepass")).hexdigest()
    return f"<path {digest[:6]}>{found['ending'] or ''}"
