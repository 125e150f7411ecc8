"""Asks Plex for the items of a few files, with as few requests as it takes to be certain."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from plex.index import AwaitedFile
from plex.match import Grade, are_found_by_path, match_file, match_scene
from plex.paths import base_name, is_inside, normal_form, shared_tail, split_path
from plex.sweep import Sweeps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plex.index import Index
    from plex.match import File, Found, PathRules
    from plex.model import LeanItem, Section
    from plex.sweep import Sweeper

# Of the numbers that `complete_from` may be: every item with a file of the name, in whatever spelling; and none.
_ALL, _NOTHING = 0, sys.maxsize
# How much of the end of a path is asked for where its beginning is not known to Plex: enough to tell most files of
# one name apart, and rarely more than what both sides have in common.
_TAIL, _LONGER_TAIL, _JUST_THE_NAME = 2, 3, 1


class Listings(Sweeps, Protocol):
    """What is asked of a PlexClient."""

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None: ...  # noqa: D102

    def find_by_path(self, section: Section, text: str) -> tuple[LeanItem, ...] | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a section has. `complete_from`, by Stash's path: all items are there whose path ends in so many of the same
    folders and names.
    """

    items: Sequence[LeanItem]
    complete_from: Mapping[str, int]

    @property
    def is_complete(self) -> bool:
        return all(count == _ALL for count in self.complete_from.values())


class LookUp:
    """Looks files up in the configured sections; what it sees goes into the index."""

    def __init__(self, client: Listings, index: Index, sweeper: Sweeper) -> None:
        self._client = client
        self._index = index
        self._sweeper = sweeper

    def ask(self, files: Sequence[File], rules: PathRules) -> Found:
        """Ask the sections below whose folders the files would lie first, the others when it is not settled then.

        A section is swept only where a name is too common and the folders do not settle it either.
        """
        mapped = [rules.map(path) for path, _size in files]
        sections = self._client.sections()
        near = [section for section in sections if all(_is_below(section, path) for path in mapped)]
        answers: dict[int, _Answer] = {}
        for group in (near, [section for section in sections if section not in near]):
            answers |= {section.key: self._ask_section(section, files, rules) for section in group}
            if are_found_by_path(files, _items_of(answers), rules):
                return _match(files, answers, rules)
        if not _is_decided(files, answers, rules):
            for section in sections:
                if not answers[section.key].is_complete:
                    answers[section.key] = self._ask_all_of(section, files, rules)
        return _match(files, answers, rules)

    def is_all_known(self, files: Sequence[File], items: Sequence[LeanItem], rules: PathRules) -> bool:
        """Whether these items of the index are all that have one of the files by its full path.

        The index may have seen one by the way, when something else was looked up, and not its double in a library
        that was not asked then.
        """
        return are_found_by_path(files, items, rules) and all(
            self._index.section(section.key).swept_at
            or are_found_by_path([file], [item for item in items if item.section_key == section.key], rules)
            for file in files
            for section in self._sections_for(rules.map(file[0]))
        )

    def _sections_for(self, path: str) -> Sequence[Section]:
        """Those below whose folders it lies; all of them when there are none."""
        sections = self._client.sections()
        return [section for section in sections if _is_below(section, path)] or sections

    def _ask_section(self, section: Section, files: Sequence[File], rules: PathRules) -> _Answer:
        items: dict[int, LeanItem] = {}
        complete_from: dict[str, int] = {}
        by_name: dict[str, tuple[LeanItem, ...] | None] = {}
        for path, _size in files:
            name = normal_form(base_name(path))
            if name not in by_name:
                by_name[name] = self._client.find_by_name(section, name)
            candidates, complete_from[path] = by_name[name], _ALL
            if candidates is None:
                candidates, complete_from[path] = self._ask_closer(section, rules.map(path))
            items |= {item.rating_key: item for item in candidates}
        answer = _Answer(items=list(items.values()), complete_from=complete_from)
        self._sweeper.take(answer.items)
        if answer.is_complete:
            for item in self._known(section, files, rules):
                if item.rating_key not in items:
                    self._index.drop(item.rating_key)
        return answer

    def _ask_closer(self, section: Section, path: str) -> tuple[tuple[LeanItem, ...], int]:
        """Where too many files share a name, the items and from where on they are complete.

        By the whole path where the section would have it. What is not found proves little: Plex may spell it otherwise.
        """
        if _is_below(section, path):
            found = self._ask_end(section, path)
            return (found or ()), (_NOTHING if found is None else len(split_path(path)))
        found = self._ask_end(section, _end_of(path, _TAIL, section))
        if found:
            return found, _TAIL
        count = _LONGER_TAIL if found is None else _JUST_THE_NAME
        other = self._ask_end(section, _end_of(path, count, section))
        if other is not None:
            return other, count
        return (), (_NOTHING if found is None else _TAIL)

    def _ask_end(self, section: Section, text: str) -> tuple[LeanItem, ...] | None:
        """None: too many, still. Asked for as Stash spells it, then in the other Unicode form."""
        found: tuple[LeanItem, ...] | None = ()
        for spelling in dict.fromkeys([text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]):
            found = self._client.find_by_path(section, spelling)
            if found != ():
                break
        return found

    def _ask_all_of(self, section: Section, files: Sequence[File], rules: PathRules) -> _Answer:
        """All of the section the first time, then what changed since."""
        if self._index.section(section.key).swept_at:
            self._sweeper.refresh_section(section)
        else:
            self._sweeper.sweep(section)
        complete_from = {path: _ALL for path, _size in files}
        return _Answer(items=self._known(section, files, rules), complete_from=complete_from)

    def _known(self, section: Section, files: Sequence[File], rules: PathRules) -> list[LeanItem]:
        return [item for item in self._index.alike(wanted_files(files, rules)) if item.section_key == section.key]


def wanted_files(files: Sequence[File], rules: PathRules) -> list[AwaitedFile]:
    """What the index is asked for: each file by its path in Stash and as Plex would have it."""
    paths = dict(files) | {rules.map(path): size for path, size in files}
    return [AwaitedFile(path=path, size=size) for path, size in paths.items()]


def _match(files: Sequence[File], answers: Mapping[int, _Answer], rules: PathRules) -> Found:
    are_all = all(answer.is_complete for answer in answers.values())
    return match_scene(files, _items_of(answers), rules, are_all=are_all)


def _is_decided(files: Sequence[File], answers: Mapping[int, _Answer], rules: PathRules) -> bool:
    """Whether nothing that was not asked for could fit better than what was found, or be its rival."""
    for file in files:
        complete_from = max(answer.complete_from[file[0]] for answer in answers.values())
        found = match_file(file, _items_of(answers), rules)
        if complete_from > _ALL and not any(
            match.grade is Grade.PATH or shared_tail(match.stash_path, match.plex_path) >= complete_from
            for match in (*found.matches, *found.rivals)
        ):
            return False
    return True


def _items_of(answers: Mapping[int, _Answer]) -> list[LeanItem]:
    return [item for answer in answers.values() for item in answer.items]


def _is_below(section: Section, path: str) -> bool:
    return any(is_inside(path, folder) for folder in section.locations)


def _end_of(path: str, count: int, section: Section) -> str:
    """Its last folders and names, with the separators of the section."""
    separator = "\\" if any("\\" in folder for folder in section.locations) else "/"
    names = re.split(r"[/\\]+", path)[-count:]
    return separator.join(["", *(name for name in names if name)])
