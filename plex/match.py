"""Which items hold a scene's files, with how sure that is and why. Pure.

A name alone is never enough: one wrong match costs more trust than ten missing ones.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from plex.paths import base_name, is_case_blind, is_same_path, map_path, normal_form, shared_tail, split_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plex.model import LeanItem, PartFile

# (path as Stash sees it, size in bytes)
File = tuple[str, int]


class Grade(IntEnum):
    """How a file was recognized, the surest first."""

    PATH = 1
    TAIL = 2
    NAME = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRules:
    """Ordered (Stash's prefix, Plex's prefix). Inferred ones are believed only where the file's size agrees."""

    rules: tuple[tuple[str, str], ...] = ()
    are_inferred: bool = False

    def map(self, path: str) -> str:
        """The path as Plex sees it."""
        return map_path(path, self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An item that holds a file of the scene. `is_sole`: no other file of Plex has this name and size."""

    item: LeanItem
    grade: Grade
    reason: str
    stash_path: str
    plex_path: str
    is_sole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The items of a scene or file, each once; `rivals` fit equally well, so that none of them is taken."""

    matches: tuple[Match, ...] = ()
    rivals: tuple[Match, ...] = ()


def match_scene(
    files: Sequence[File], items: Sequence[LeanItem], rules: PathRules, *, are_all: bool = True
) -> Found:
    """The items for all files of a scene. Rivals of one file do not matter when another file has its item.

    `are_all`: no other item of Plex has files of these names; else no match is called the sole one.
    """
    found = [match_file(file, items, rules, are_all=are_all) for file in files]
    matches: dict[int, Match] = {}
    for match in (match for each in found for match in each.matches):
        known = matches.get(match.item.rating_key)
        if known is None or match.grade < known.grade:
            matches[match.item.rating_key] = match
    rivals = {match.item.rating_key: match for each in found for match in each.rivals}
    return Found(matches=tuple(matches.values()), rivals=() if matches else tuple(rivals.values()))


def are_found_by_path(files: Sequence[File], items: Iterable[LeanItem], rules: PathRules) -> bool:
    """Whether each of the files is there by its full path."""
    parts = [part for item in items for part in item.parts]
    return bool(files) and all(any(is_full_path(file, part, rules) for part in parts) for file in files)


def match_file(file: File, items: Sequence[LeanItem], rules: PathRules, *, are_all: bool = True) -> Found:
    """Every item with the file's full path, else the one whose file has its name, size and longest shared tail."""
    by_path = tuple(
        Match(item=item, grade=Grade.PATH, reason=_path_reason(file, part, rules), stash_path=file[0],
              plex_path=part.path, is_sole=False)
        for item, part in _first_parts(items, lambda part: is_full_path(file, part, rules))
    )  # fmt: skip
    return Found(matches=by_path) if by_path else _match_twins(file, items, are_all=are_all)


def is_full_path(file: File, part: PartFile, rules: PathRules) -> bool:
    """Whether the part is the file by its full path."""
    path, size = file
    mapped = rules.map(path)
    if rules.are_inferred and mapped != path:
        return is_same_path(path, part.path) or (is_same_path(mapped, part.path) and part.size in (size, None))
    return is_same_path(mapped, part.path)


def is_twin(file: File, part: PartFile) -> bool:
    """Whether the part has the file's name and size."""
    path, size = file
    return size > 0 and size == part.size and _name(path, path, part.path) == _name(part.path, path, part.path)


def holds_one_of(parts: Iterable[PartFile], files: Sequence[File], rules: PathRules) -> bool:
    """Whether an item that was matched before still holds what it was matched for."""
    return any(is_full_path(file, part, rules) or is_twin(file, part) for part in parts for file in files)


def _match_twins(file: File, items: Sequence[LeanItem], *, are_all: bool) -> Found:
    """Several items may hold one path, as two libraries over one folder do: rivals differ in their path."""
    path, _size = file
    twins = [(shared_tail(path, part.path), item, part) for item in items for part in item.parts if is_twin(file, part)]
    if not twins:
        return Found()
    longest = max(tail for tail, _, _ in twins)
    best = [(item, part) for tail, item, part in twins if tail == longest]
    is_sole = are_all and len({_identity(part.path) for _, _, part in twins}) == 1
    is_decided = len({_identity(part.path) for _, part in best}) == 1
    grade = Grade.TAIL if longest > 1 else Grade.NAME
    matches = tuple(
        Match(item=item, grade=grade, reason=_twin_reason(path, longest, is_sole=is_sole), stash_path=path,
              plex_path=part.path, is_sole=is_sole)
        for item, part in best
    )  # fmt: skip
    return Found(matches=matches) if is_decided else Found(rivals=matches)


def _first_parts(items: Iterable[LeanItem], fits: Callable[[PartFile], bool]) -> Iterable[tuple[LeanItem, PartFile]]:
    for item in items:
        part = next((part for part in item.parts if fits(part)), None)
        if part:
            yield item, part


def _name(path: str, *both: str) -> str:
    name = unicodedata.normalize("NFC", base_name(path))
    return name.casefold() if is_case_blind(*both) else name


def _identity(path: str) -> str:
    return normal_form(path).casefold() if is_case_blind(path) else normal_form(path)


def _path_reason(file: File, part: PartFile, rules: PathRules) -> str:
    if is_same_path(file[0], part.path):
        return "the same full path"
    name = "the inferred path map" if rules.are_inferred else "path_map"
    return f"the same full path after {name}"


def _twin_reason(path: str, tail: int, *, is_sole: bool) -> str:
    if tail > 1:
        end = "/".join(split_path(path)[-tail:])
        return f"the same size and the same end of the path, {end}" + ("" if is_sole else ", longer than any other's")
    return "the same name and size as no other file in Plex"
