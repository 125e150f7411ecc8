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
    return absolute + "/".join(split_path(path))


def is_same_path(path: str, other: str) -> bool:
    """Whether both are spellings of one path. Case does not count where one of them is of a Windows machine."""
    one, two = normal_form(path), normal_form(other)
    return one == two or (is_case_blind(path, other) and one.casefold() == two.casefold())


def is_case_blind(*paths: str) -> bool:
    """Whether one of them has a drive letter or is a share in Windows' spelling. macOS cannot be told from Linux."""
    return any(_DRIVE.match(path) or path.startswith("\\\\") for path in paths)


def split_path(path: str) -> list[str]:
    """The folders and the name, in the spelling of `normal_form`."""
    folders = [unicodedata.normalize("NFC", part) for part in _SEPARATORS.split(path) if part]
    if folders and _DRIVE.fullmatch(folders[0]):
        folders[0] = folders[0].upper()
    return folders


def is_inside(path: str, folder: str) -> bool:
    """Whether the path lies in the folder or below."""
    return _after(path, folder) is not None


def shared_tail(path: str, other: str) -> int:
    """How many folders and names two paths have in common, counted from the end."""
    one, two = split_path(path), split_path(other)
    if is_case_blind(path, other):
        one, two = [part.casefold() for part in one], [part.casefold() for part in two]
    pairs = zip(reversed(one), reversed(two), strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(one), len(two)))


def without_tail(path: str, count: int) -> str:
    """The folder `count` levels up, spelled as it is: "" is the root of a relative path, "/" of an absolute one."""
    ends = [match.start() for match in re.finditer(r"[^/\\]+", path)]
    head = path[: ends[-count]] if 0 < count <= len(ends) else path
    return head.rstrip("/\\") or head[:1]


def base_name(path: str) -> str:
    """The file's name, whichever system the path is from."""
    return _SEPARATORS.split(path)[-1]


def file_stem(path: str) -> str:
    """The file's name without its extension, which is what a scene without a title is called."""
    name = base_name(path)
    stem, dot, _extension = name.rpartition(".")
    return stem if dot and stem else name


def _after(path: str, prefix: str) -> list[str] | None:
    """The parts of `path` below `prefix`, spelled as they are; None when it is not below it."""
    wanted, have = split_path(prefix), split_path(path)
    if is_case_blind(path):
        wanted, have = [part.casefold() for part in wanted], [part.casefold() for part in have]
    if have[: len(wanted)] != wanted:
        return None
    return [part for part in _SEPARATORS.split(path) if part][len(wanted) :]
