"""Replaces paths in log lines by stable stand-ins, for users who share their logs (setting `hide_paths`).

A path may hold any character, so it cannot be told from the sentence around it. Whatever puts one into a sentence
calls `as_path`, which marks its ends; the marks stay until the sentence is shown, also in what is stored meanwhile.
Texts of others, such as errors of the system, are searched for what looks like a path.
"""

from __future__ import annotations

import hashlib
import logging
import re
from typing import TYPE_CHECKING

from local.path_marks import BEGIN, END, without_marks

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARKED = re.compile(f"{BEGIN}([^{BEGIN}{END}]*){END}?")  # a text that was cut may lack the end
_ENDING = re.compile(r"\.[A-Za-z0-9]{2,4}$")
# From a root to the ending of a video, whatever lies between; else to an ending, or the first blank or punctuation
# mark. The path of a URL is not a file of the user.
_ROOT = r"(?<![\w:/\\.<>])(?:[A-Za-z]:[\\/]|\\\\|/)"
_VIDEO = r"[^\n]{1,400}?\.(?:mp4|mkv|avi|wmv|mov|m4v|webm|flv|mpe?g|m2ts|ts|vob|iso|divx|3gp|asf|rmvb)\b"
_UNMARKED = re.compile(
    rf"{_ROOT}(?:{_VIDEO}|[^\n\"'<>|*?;]*?\.[A-Za-z0-9]{{2,4}}(?![\w./\\])|[^\s\"'<>|*?;,]+)", re.IGNORECASE
)
_PLAIN = re.compile(r"[^\s\"'<>|*?;,]*")


def as_path(path: str) -> str:
    """The path as it must be put into a sentence that may be logged."""
    return f"{BEGIN}{without_marks(path)}{END}"


def mark_paths(text: str, paths: Iterable[str]) -> str:
    """A sentence of somebody else, with these paths marked where it names them."""
    known = "|".join(map(re.escape, sorted(filter(None, paths), key=len, reverse=True)))
    if not known:
        return text
    return re.sub(f"({_MARKED.pattern})|{known}", lambda found: found[0] if found[1] else as_path(found[0]), text)


def hide_paths(text: str) -> str:
    """`/media/a b.mp4` becomes `<path 3f2a91>.mp4`; the same path always gets the same stand-in."""
    marked = _MARKED.sub(lambda found: _stand_in(found[1]), text)
    return _UNMARKED.sub(lambda found: _stand_in(found[0]), without_marks(marked))


def _stand_in(path: str) -> str:
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()
    ending = _ENDING.search(path)
    return f"<path {digest[:6]}>{ending[0] if ending else ''}"


class PathHider(logging.Filter):
    """Changes records only while `is_on`. Attach it to handlers, after any filter that formats messages.

    `folders`: PlexSync's own, which errors of the system name. The search finds them, unless they have odd names.
    """

    def __init__(self, *folders: str, is_on: bool = False) -> None:
        super().__init__()
        self.is_on = is_on
        self._folders = [each for each in folders if not _PLAIN.fullmatch(each)]

    def show(self, text: str) -> str:
        """The text as it may be shown: without marks, and without paths while it is on."""
        return hide_paths(mark_paths(text, self._folders)) if self.is_on else without_marks(text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the paths in the record itself; let every record pass."""
        record.msg, record.args = self.show(record.getMessage()), ()
        if record.exc_text:
            record.exc_text = self.show(record.exc_text)
        return True
