"""Looks up the Plex items of a few files with as few requests as a reliable answer takes.

The server can filter a section by text in a file's path. The name of the file is tried first. If too many files share
it, the end of the path is tried; if that does not settle it, the whole section is read.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from plex.index import ExpectedFile
from plex.match import Grade, all_found_by_path, match_file, match_scene
from plex.paths import base_name, is_inside, normal_form, shared_tail, split_path
from plex.search_text import spellings_below, spellings_of_end
from plex.sweep import SweepClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plex.index import Index
    from plex.libraries import Libraries
    from plex.match import File, MatchResult, PathRules
    from plex.model import LeanItem, Section
    from plex.sweep import Sweeper

# Values of `complete_from`: every item with a file of this name is included, in any spelling; or possibly none is.
_ALL, _NOTHING = 0, sys.maxsize
# How many folders and names from the end of a path are searched for if Plex has other folders at its beginning: enough
# to tell most files with the same name apart, and rarely more than Stash's and Plex's path have in common.
_TAIL, _LONGER_TAIL, _JUST_THE_NAME = 2, 3, 1


class SearchClient(SweepClient, Protocol):
    """The methods of PlexClient that are used here."""

    @property
    def libraries(self) -> Libraries: ...  # noqa: D102

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None: ...  # noqa: D102

    def find_by_path(self, section: Section, text: str) -> tuple[LeanItem, ...] | None: ...  # noqa: D102

    def hides_paths(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The items that a section answered with.

    `complete_from`: for each path in Stash a number n: `items` includes every item of the section whose path has at
    least its last n folders and names in common with that path.
    """

    items: Sequence[LeanItem]
    complete_from: Mapping[str, int]

    @property
    def is_complete(self) -> bool:
        return all(count == _ALL for count in self.complete_from.values())


class LookUp:
    """Looks files up in the configured sections, and stores the items that it sees in the index."""

    def __init__(self, client: SearchClient, index: Index, sweeper: Sweeper) -> None:
        self._client = client
        self._index = index
        self._sweeper = sweeper

    def search(self, files: Sequence[File], rules: PathRules) -> MatchResult:
        """Match the files with the items that the sections have for them.

        Sections whose folders would contain all of the files come first; the others are skipped if those have every
        file by its full path. A section is swept only if a name is too common and the folders do not settle it either.
        """
        mapped = [rules.map(path) for path, _size in files]
        sections = self._client.sections()
        near = [section for section in sections if all(_contains(section, path) for path in mapped)]
        answers: dict[int, _Answer] = {}
        for group in (near, [section for section in sections if section not in near]):
            answers |= {section.key: self._search_section(section, files, rules) for section in group}
            if all_found_by_path(files, _items_of(answers), rules):
                # The same file may be in another library, too. One that did not answer does not say that it lacks it.
                silent = [section for section in group if _is_silent(section, answers[section.key], rules)]
                answers |= {section.key: self._read_whole_section(section, files, rules) for section in silent}
                return _match(files, answers, rules)
        if not _is_decided(files, answers, rules):
            for section in sections:
                if not answers[section.key].is_complete:
                    answers[section.key] = self._read_whole_section(section, files, rules)
        return _match(files, answers, rules)

    def is_all_known(self, files: Sequence[File], items: Sequence[LeanItem], rules: PathRules) -> bool:
        """Whether `items`, from the index, have every file by its full path in every section that should have it.

        The index may have stored an item while something else was looked up, but not its duplicate in a library that
        was not searched then. So each section that was never swept must show the file itself.
        """
        return all_found_by_path(files, items, rules) and all(
            self._index.section(section.key).swept_at
            or all_found_by_path([file], [item for item in items if item.section_key == section.key], rules)
            for file in files
            for section in self._sections_for(rules.map(file[0]))
        )

    def _sections_for(self, path: str) -> Sequence[Section]:
        """The sections whose folders contain the path; all sections if none do."""
        sections = self._client.sections()
        return [section for section in sections if _contains(section, path)] or sections

    def _search_section(self, section: Section, files: Sequence[File], rules: PathRules) -> _Answer:
        items: dict[int, LeanItem] = {}
        complete_from: dict[str, int] = {}
        by_name: dict[str, tuple[LeanItem, ...] | None] = {}
        for path, _size in files:
            name = normal_form(base_name(path))
            if name not in by_name:
                by_name[name] = self._client.find_by_name(section, name)
            candidates, complete_from[path] = by_name[name], _ALL
            if candidates is None:
                candidates, complete_from[path] = self._search_by_folders(section, rules.map(path))
            items |= {item.rating_key: item for item in candidates}
        answer = _Answer(items=list(items.values()), complete_from=complete_from)
        self._sweeper.store_items(answer.items)
        if answer.is_complete:
            for item in self._known(section, files, rules):
                if item.rating_key not in items:
                    self._index.drop(item.rating_key)
        return answer

    def _search_by_folders(self, section: Section, path: str) -> tuple[tuple[LeanItem, ...], int]:
        """Where too many files share the name: candidates, and the number from which they are complete.

        Searches for the whole path if the section's folders contain it, else for the end of the path. Finding nothing
        proves little: Plex may spell the path differently.
        """
        folder = next((folder for folder in section.locations if is_inside(path, folder)), None)
        if folder is not None:
            found = self._search_paths(section, spellings_below(folder, path))
            return (found or ()), (_NOTHING if found is None else len(split_path(path)))
        found = self._search_paths(section, spellings_of_end(path, _TAIL, section.locations))
        if found:
            return found, _TAIL
        count = _LONGER_TAIL if found is None else _JUST_THE_NAME
        other = self._search_paths(section, spellings_of_end(path, count, section.locations))
        if other is not None:
            return other, count
        return (), (_NOTHING if found is None else _TAIL)

    def _search_paths(self, section: Section, texts: Sequence[str]) -> tuple[LeanItem, ...] | None:
        """Items with one of these texts in a path. None: too many of them."""
        items: dict[int, LeanItem] = {}
        for text in texts:
            found = self._search_path(section, text)
            if found is None:
                return None
            items |= {item.rating_key: item for item in found}
        return tuple(items.values())

    def _search_path(self, section: Section, text: str) -> tuple[LeanItem, ...] | None:
        """Items with this text in a path, in Stash's spelling, else in another Unicode form. None: too many of them."""
        found: tuple[LeanItem, ...] | None = ()
        for spelling in dict.fromkeys([text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]):
            found = self._client.find_by_path(section, spelling)
            if found != ():
                break
        return found

    def _read_whole_section(self, section: Section, files: Sequence[File], rules: PathRules) -> _Answer:
        """Sweep the section the first time, later refresh it; then take all candidates from the index.

        Raises LeftOff if this has to wait for other work.
        """
        self._sweeper.read_whole(section)
        complete_from = {path: _ALL for path, _size in files}
        return _Answer(items=self._known(section, files, rules), complete_from=complete_from)

    def _known(self, section: Section, files: Sequence[File], rules: PathRules) -> list[LeanItem]:
        candidates = self._index.candidates(expected_files(files, rules))
        return [item for item in candidates if item.section_key == section.key]


def expected_files(files: Sequence[File], rules: PathRules) -> list[ExpectedFile]:
    """What to look for in the index: each file under its path in Stash and under its path as mapped to Plex."""
    paths = dict(files) | {rules.map(path): size for path, size in files}
    return [ExpectedFile(path=path, size=size) for path, size in paths.items()]


def _match(files: Sequence[File], answers: Mapping[int, _Answer], rules: PathRules) -> MatchResult:
    is_complete = all(answer.is_complete for answer in answers.values())
    return match_scene(files, _items_of(answers), rules, is_complete=is_complete)


def _is_decided(files: Sequence[File], answers: Mapping[int, _Answer], rules: PathRules) -> bool:
    """Whether no item outside of the answers could be a better match or a rival, for any of the files."""
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


def _is_silent(section: Section, answer: _Answer, rules: PathRules) -> bool:
    """Whether the section did not answer about a file that its folders contain."""
    unknown = [path for path, complete_from in answer.complete_from.items() if complete_from == _NOTHING]
    return any(_contains(section, rules.map(path)) for path in unknown)


def _contains(section: Section, path: str) -> bool:
    return any(is_inside(path, folder) for folder in section.locations)
