"""Paths of the same file in Stash and in Plex, which may differ in mount point, separator and Unicode form."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEPARATORS = re.compile(r"[/\\]+")
_DRIVE = re.compile(r"[A-Za-z]:")
# Windows' prefix for paths of more than 260 characters, before a drive or in place of a share's two separators.
_EXTENDED = re.compile(r"[/\\]{2}\?[/\\](?:(?P<share>UNC)[/\\]|(?=[A-Za-z]:))", re.IGNORECASE)


def map_path(path: str, rules: Sequence[tuple[str, str]]) -> str:
    """A path of Stash as Plex sees it, by the first rule whose prefix matches in whole folders; unchanged without one.

    A rule is (Stash's prefix, Plex's prefix). The rest of the path keeps its spelling, with the separators of Plex's
    prefix.
    """
    for stash_prefix, plex_prefix in rules:
        rest = _after(path, stash_prefix)
        if rest is not None:
            return _join(plex_prefix, rest)
    return path


def respell(path: str, folder: str) -> str | None:
    """The path with its beginning and separators spelled as in `folder`; None if it does not lie below that folder."""
    rest = _after(path, folder)
    return _join(folder, rest) if rest else None


def plain_path(path: str) -> str:
    r"""The path without Windows' prefix for long ones: `\\?\C:\a` is `C:\a`, `\\?\UNC\server\a` is `\\server\a`."""
    prefix = _EXTENDED.match(path)
    if not prefix:
        return path
    return ("\\\\" if prefix["share"] else "") + path[prefix.end() :]


def normal_form(path: str) -> str:
    r"""Equal for all spellings of a path: either separator, repeated or trailing ones, NFC or NFD, "c:" or "C:".

    Also with and without the prefix `\\?\`. Case is kept: on most servers, names of different files may differ in case
    alone.
    """
    absolute = "/" if plain_path(path)[:1] in ("/", "\\") else ""
    return absolute + "/".join(split_path(path))


def is_same_path(path: str, other: str) -> bool:
    """Whether both are spellings of one path. Case is ignored if one of them is a Windows path."""
    one, two = normal_form(path), normal_form(other)
    return one == two or (is_case_insensitive(path, other) and one.casefold() == two.casefold())


def is_case_insensitive(*paths: str) -> bool:
    """Whether one of the paths has a drive letter or is a UNC path. macOS paths cannot be told from Linux paths."""
    return any(_DRIVE.match(path) or path.startswith("\\\\") for path in map(plain_path, paths))


def split_path(path: str) -> list[str]:
    """The folders and the file name, each in its normal form."""
    folders = [unicodedata.normalize("NFC", part) for part in _as_spelled(path)]
    if folders and _DRIVE.fullmatch(folders[0]):
        folders[0] = folders[0].upper()
    return folders


def is_inside(path: str, folder: str) -> bool:
    """Whether the path is the folder itself or lies below it."""
    return _after(path, folder) is not None


def shared_tail(path: str, other: str) -> int:
    """How many folders and names, counted from the end, two paths have in common."""
    one, two = split_path(path), split_path(other)
    if is_case_insensitive(path, other):
        one, two = [part.casefold() for part in one], [part.casefold() for part in two]
    pairs = zip(reversed(one), reversed(two), strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(one), len(two)))


def ancestor(path: str, count: int) -> str:
    """The folder `count` levels up, in its own spelling. The root of a relative path is "", of an absolute one "/"."""
    ends = [match.start() for match in re.finditer(r"[^/\\]+", path)]
    head = path[: ends[-count]] if 0 < count <= len(ends) else path
    return head.rstrip("/\\") or head[:1]


def base_name(path: str) -> str:
    """The file's name, with either separator."""
    return _SEPARATORS.split(path)[-1]


def file_stem(path: str) -> str:
    """The file's name without its extension: the title of a scene without one."""
    name = base_name(path)
    stem, dot, _extension = name.rpartition(".")
    return stem if dot and stem else name


def _after(path: str, prefix: str) -> list[str] | None:
    """The folders and names of `path` after `prefix`, in their own spelling; None if it does not begin with it."""
    wanted, have = split_path(prefix), split_path(path)
    if is_case_insensitive(path, prefix):
        wanted, have = [part.casefold() for part in wanted], [part.casefold() for part in have]
    if have[: len(wanted)] != wanted:
        return None
    return _as_spelled(path)[len(wanted) :]


def _as_spelled(path: str) -> list[str]:
    return [part for part in _SEPARATORS.split(plain_path(path)) if part]


def _join(folder: str, rest: Sequence[str]) -> str:
    """Names below a folder, with the separator that the folder uses."""
    separator = "\\" if "\\" in folder or _DRIVE.fullmatch(folder) else "/"
    return separator.join([folder.rstrip("/\\"), *rest])
