"""Matches the files of a scene with Plex items: which items have them, how sure that is, and why. Pure.

The same name alone is never enough: one wrong match costs more trust than ten missing ones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from local.hide_paths import as_path
from plex.paths import base_name, is_case_insensitive, is_same_path, map_path, shared_tail, split_path

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from plex.model import LeanItem, PartFile

# (path as Stash sees it, size in bytes)
File = tuple[str, int]


class Grade(IntEnum):
    """How a file was recognized, the surest way first."""

    PATH = 1  # the same full path, as it is or mapped
    TAIL = 2  # the same size and name, and at least one folder above it
    NAME = 3  # the same size and name


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRules:
    """Pairs (Stash's prefix, Plex's prefix), the first that fits applies.

    A path mapped by inferred rules counts as the same only if the size of the file agrees, or Plex does not show it.
    """

    rules: tuple[tuple[str, str], ...] = ()
    are_inferred: bool = False

    def map(self, path: str) -> str:
        """The path of Stash as Plex sees it."""
        return map_path(path, self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An item that has a file of the scene, and how it was recognized.

    `is_unique`: Plex has no other file with this name and size; False if that is not known.
    """

    item: LeanItem
    grade: Grade
    reason: str
    stash_path: str
    plex_path: str
    is_unique: bool = False


# Which of these matches by name and size are of a file that is another scene's by its full path, with that scene's id.
# Only whoever knows all scenes can tell.
FindOwners = Callable[[Sequence[Match], PathRules], Mapping[Match, int]]


def nobody_owns(_matches: Sequence[Match], _rules: PathRules) -> Mapping[Match, int]:
    """A FindOwners that knows no other scene."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchResult:
    """The items that match a scene or file, each once.

    `rivals`: items with different files that match equally well, so that none of them can be chosen.
    """

    matches: tuple[Match, ...] = ()
    rivals: tuple[Match, ...] = ()


def without(found: MatchResult, refused: Container[Match]) -> MatchResult:
    """The result without these matches. A rival that is left alone, or only with others of the same file, matches."""
    matches = tuple(match for match in found.matches if match not in refused)
    rivals = tuple(match for match in found.rivals if match not in refused)
    if not matches and len(rivals) < len(found.rivals) and rivals and _is_one_path(match.plex_path for match in rivals):
        return MatchResult(matches=rivals)
    return MatchResult(matches=matches, rivals=rivals)


def match_scene(
    files: Sequence[File], items: Sequence[LeanItem], rules: PathRules, *, is_complete: bool = True
) -> MatchResult:
    """The items for all files of a scene. Rivals for one file are ignored if another file has a match.

    `is_complete`: `items` includes every item of Plex with files of these names. Without that, no match is marked as
    unique.
    """
    found = [match_file(file, items, rules, is_complete=is_complete) for file in files]
    matches: dict[int, Match] = {}
    for match in (match for each in found for match in each.matches):
        known = matches.get(match.item.rating_key)
        if known is None or match.grade < known.grade:
            matches[match.item.rating_key] = match
    rivals = {match.item.rating_key: match for each in found for match in each.rivals}
    return MatchResult(matches=tuple(matches.values()), rivals=() if matches else tuple(rivals.values()))


def all_found_by_path(files: Sequence[File], items: Iterable[LeanItem], rules: PathRules) -> bool:
    """Whether each of the files has a part with its full path."""
    parts = [part for item in items for part in item.parts]
    return bool(files) and all(any(is_full_path(file, part, rules) for part in parts) for file in files)


def match_file(file: File, items: Sequence[LeanItem], rules: PathRules, *, is_complete: bool = True) -> MatchResult:
    """Every item with the file's full path, else the one with a twin of the file.

    A twin has the same name and size; of several twins, the one with the longest shared end of the path counts.
    """
    by_path = tuple(
        Match(item=item, grade=Grade.PATH, reason=_path_reason(file, part, rules), stash_path=file[0],
              plex_path=part.path, is_unique=False)
        for item, part in _first_parts(items, lambda part: is_full_path(file, part, rules))
    )  # fmt: skip
    return MatchResult(matches=by_path) if by_path else _match_twins(file, items, is_complete=is_complete)


def is_full_path(file: File, part: PartFile, rules: PathRules) -> bool:
    """Whether the part has the file's full path, as it is or mapped by the rules."""
    path, size = file
    mapped = rules.map(path)
    if rules.are_inferred and mapped != path:
        return is_same_path(path, part.path) or (is_same_path(mapped, part.path) and part.size in (size, None))
    return is_same_path(mapped, part.path)


def is_twin(file: File, part: PartFile) -> bool:
    """Whether the part has the file's name and (known) size."""
    path, size = file
    return size > 0 and size == part.size and _name(path, path, part.path) == _name(part.path, path, part.path)


def holds_one_of(parts: Iterable[PartFile], files: Sequence[File], rules: PathRules) -> bool:
    """Whether one of the parts is one of the files, by full path or as a twin."""
    return any(is_full_path(file, part, rules) or is_twin(file, part) for part in parts for file in files)


def _match_twins(file: File, items: Sequence[LeanItem], *, is_complete: bool) -> MatchResult:
    """Match by name and size. Two items with one path are no rivals: two libraries may contain the same folder."""
    path, _size = file
    twins = [(shared_tail(path, part.path), item, part) for item in items for part in item.parts if is_twin(file, part)]
    if not twins:
        return MatchResult()
    longest = max(tail for tail, _, _ in twins)
    best = [(item, part) for tail, item, part in twins if tail == longest]
    is_unique = is_complete and _are_one_file(part for _, _, part in twins)
    is_decided = _are_one_file(part for _, part in best)
    grade = Grade.TAIL if longest > 1 else Grade.NAME
    matches = tuple(
        Match(item=item, grade=grade, reason=_twin_reason(path, longest, is_unique=is_unique), stash_path=path,
              plex_path=part.path, is_unique=is_unique)
        for item, part in best
    )  # fmt: skip
    return MatchResult(matches=matches) if is_decided else MatchResult(rivals=matches)


def _first_parts(items: Iterable[LeanItem], fits: Callable[[PartFile], bool]) -> Iterable[tuple[LeanItem, PartFile]]:
    for item in items:
        part = next((part for part in item.parts if fits(part)), None)
        if part:
            yield item, part


def _name(path: str, *both: str) -> str:
    name = unicodedata.normalize("NFC", base_name(path))
    return name.casefold() if is_case_insensitive(*both) else name


def _are_one_file(parts: Iterable[PartFile]) -> bool:
    return _is_one_path(part.path for part in parts)


def _is_one_path(paths: Iterable[str]) -> bool:
    first, *others = paths
    return all(is_same_path(first, other) for other in others)


def _path_reason(file: File, part: PartFile, rules: PathRules) -> str:
    if is_same_path(file[0], part.path):
        return "the same full path"
    name = "the inferred path map" if rules.are_inferred else '"Path map"'
    return f"the same full path after {name}"


def _twin_reason(path: str, tail: int, *, is_unique: bool) -> str:
    if tail > 1:
        end = "/".join(split_path(path)[-tail:])
        more = "" if is_unique else ", longer than any other's"
        return f"the same size and the same end of the path, {as_path(end)}{more}"
    return "the same name and size as no other file in Plex"
