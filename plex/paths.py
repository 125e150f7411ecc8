"""The same file seen from Stash and from Plex: other mount points, other separators, other Unicode forms."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEPARATORS = re.compile(r"[/\\]+")
_DRIVE = re.compile(r"[A-Za-z]:")


def map_path(path: str, rules: Sequence[tuple[str, str]]) -> str:
    """`path` of Stash as Plex sees it: the first rule that fits in whole folders applies, else it is `path` itself.

    A rule is (Stash's prefix, Plex's prefix). What follows the prefix keeps its spelling; its separators become those
    of Plex's prefix.
    """
    for stash_prefix, plex_prefix in rules:
        rest = _after(path, stash_prefix)
        if rest is not None:
            separator = "\\" if "\\" in plex_prefix or _DRIVE.fullmatch(plex_prefix) else "/"
            return separator.join([plex_prefix.rstrip("/\\"), *rest])
    return path


def normal_form(path: str) -> str:
    """Equal for the spellings of one path: either separator, also repeated or trailing, NFC or NFD, "c:" or "C:".

    The case of names is kept: most servers have files whose names differ by nothing else.
    """
    absolute = "/" if path[:1] in ("/", "\\") else ""
    return absolute + "/".join(_folders(path))


def is_same_path(path: str, other: str) -> bool:
    """Whether both are spellings of one path."""
    return normal_form(path) == normal_form(other)


def base_name(path: str) -> str:
    """The file's name, whichever system the path is from."""
    return _SEPARATORS.split(path)[-1]


def file_stem(path: str) -> str:
    """The file's name without its extension, which is what a scene without a title is called."""
    name = base_name(path)
    stem, dot, _extension = name.rpartition(".")
    return stem if dot and stem else name


def _folders(path: str) -> list[str]:
    folders = [unicodedata.normalize("NFC", part) for part in _SEPARATORS.split(path) if part]
    if folders and _DRIVE.fullmatch(folders[0]):
        folders[0] = folders[0].upper()
    return folders


def _after(path: str, prefix: str) -> list[str] | None:
    """The parts of `path` below `prefix`, spelled as they are; None when it is not below it."""
    wanted = _folders(prefix)
    if _folders(path)[: len(wanted)] != wanted:
        return None
    return [part for part in _SEPARATORS.split(path) if part][len(wanted) :]
