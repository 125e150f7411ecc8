"""Finds the Plex items that have the files of a scene."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from local.hide_paths import as_path
from plex.errors import Ambiguous, LibraryGone, NotInPlex, PathsHidden
from plex.index import ExpectedFile
from plex.look_up import LookUp, expected_files
from plex.match import Grade, holds_one_of, is_full_path, match_scene, nobody_owns, without
from plex.path_map import PathMap
from plex.paths import base_name, is_inside, is_same_path
from plex.sweep import Sweeper

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from local.clock import Clock
    from plex.index import Index
    from plex.look_up import SearchClient
    from plex.match import File, FindOwners, Match, MatchResult, PathRules
    from plex.model import LeanItem, PartFile, PlexItem, Section

# Per look-up, the server compares every path of the section (tens of milliseconds); per page of a sweep, it writes
# 1,000 items (about a second). From about 30 look-ups on, sweeping a library of usual size is cheaper.
SWEEP_MIN_SCENES = 30
_SHOWN_TITLE = 200


class Finder:
    """Finds items in all configured libraries, by the grades of plex/match.py.

    The index remembers the items seen, but never that a file was not found. `rules`: pairs (Stash's prefix, Plex's
    prefix), the first that fits applies; if empty, rules are inferred from matches. `allow_ambiguous`: take the first
    of several items that match equally well. `is_wanted_elsewhere`: whether to leave a long sweep off for now.
    """

    def __init__(
        self,
        client: SearchClient,
        index: Index,
        *,
        clock: Clock,
        log: logging.Logger,
        rules: Sequence[tuple[str, str]] = (),
        allow_ambiguous: bool = False,
        is_wanted_elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._log = log
        self._noted: tuple[Section, ...] | None = None  # the list of libraries that the index knows
        self.index = index
        self._allow_ambiguous = allow_ambiguous
        self._paths = PathMap(rules, index, log)
        self.sweeper = Sweeper(client, index, clock, is_wanted_elsewhere=is_wanted_elsewhere)
        self._look_up = LookUp(client, index, self.sweeper)

    @property
    def rules(self) -> PathRules:
        """The path rules in use; inferred ones change as files are matched."""
        return self._paths.rules

    def prepare(self, scenes: Sequence[Sequence[File]], find_owners: FindOwners = nobody_owns) -> None:
        """Announce which scenes, given by their files, will be looked up next.

        For at least SWEEP_MIN_SCENES of them, libraries that were not swept within a day are swept. Swept libraries
        are refreshed if that is due. `find_owners`: as for `find`.
        """
        try:
            self._prepare(len(scenes))
        except LibraryGone:
            self._prepare(len(scenes))
        self.note_libraries()
        if len(scenes) > 1 and self.sweeper.is_complete():
            self._learn([match for files in scenes for match in self._match_known(files).matches], find_owners)

    def _prepare(self, count: int) -> None:
        if count >= SWEEP_MIN_SCENES:
            self.sweeper.sweep_all()
        elif count > 1 and self.sweeper.is_complete():
            self.sweeper.refresh()

    def _learn(self, matches: Sequence[Match], find_owners: FindOwners) -> None:
        """Take matches as evidence for a path map, unless the file is another scene's."""
        if new := self._paths.news(matches):
            owners = find_owners(new, self.rules)
            self._paths.learn(match for match in new if match not in owners)

    def known_keys(self, files: Sequence[File]) -> tuple[int, ...]:
        """The rating keys that the index has for these files, without a request. None does not mean none in Plex."""
        return tuple(match.item.rating_key for match in self.known_matches(files))

    def known_matches(self, files: Sequence[File]) -> tuple[Match, ...]:
        """The matches for these files in the index, without a request. A weak one may be another scene's."""
        return self._accepted(self._match_known(files))

    def find(
        self, files: Sequence[File], *, since: float, find_owners: FindOwners = nobody_owns
    ) -> tuple[Match, ...]:
        """Every item that has one of the files. Raises NotInPlex for none, Ambiguous if several match equally well.

        `find_owners`: asked about matches by name and size. One of a file that is another scene's is none: a file that
        is certainly not in Plex is missing there, whatever else looks like it.

        Raises PathsHidden where nothing can be found, since the token may not see the path of any file.

        Plex is asked unless the index has every file by its full path, or was brought up to date after `since` (epoch
        seconds) and within the last REFRESH_EVERY_S.
        """
        try:
            found, owners = self._search(files, since, find_owners)
            if not self._accepted(found) and self._have_libraries_changed(since):
                found, owners = self._search(files, math.inf, find_owners)
        except LibraryGone:
            found, owners = self._search(files, math.inf, find_owners)
        self.note_libraries()
        self._paths.learn(found.matches)
        if accepted := self._accepted(found):
            return accepted
        if found.rivals:
            raise Ambiguous([_describe(match) for match in found.rivals])
        if not owners and self._client.hides_paths():
            raise PathsHidden
        near = [f"{_describe(match)} of scene {scene_id}" for match, scene_id in owners.items()]
        raise NotInPlex([self.rules.map(path) for path, _size in files], near)

    def _search(
        self, files: Sequence[File], since: float, find_owners: FindOwners
    ) -> tuple[MatchResult, Mapping[Match, int]]:
        """What Plex has for the files, without the items of other scenes, and those with their owners."""
        items = self._candidates(files)
        found = match_scene(files, items, self.rules)
        if not self._is_certain(files, items, found, since):
            found = self._look_up.search(files, self.rules)
        weak = [match for match in (*found.matches, *found.rivals) if match.grade is not Grade.PATH]
        owners = find_owners(weak, self.rules) if weak else {}
        return without(found, owners), owners

    # Libraries

    def _have_libraries_changed(self, since: float) -> bool:
        """Whether a list of the libraries that was read after `since` differs from the one that was believed."""
        if self._client.libraries.is_newer_than(since) or not self._client.libraries.reread():
            return False
        self.note_libraries()
        return True

    def forget_libraries(self) -> None:
        """Something speaks against the list of libraries: read it again when it is needed next."""
        self._client.libraries.forget()

    def note_libraries(self) -> None:
        """Take in which libraries there are: what was known of those that are gone, or of other folders, is void.

        Asks Plex nothing: it is about the list that is believed.
        """
        sections = self._client.libraries.believed
        if sections is None or sections is self._noted:
            return
        new, gone = self.index.note_libraries(sections)
        self._noted = sections
        if not new and not gone:
            return
        titles = ", ".join(section.title for section in sections if section.key in new)
        self._log.info(
            "the libraries of Plex have changed: %s", f"{titles} will be looked through" if new else "one is gone"
        )
        self._paths.keep_within([folder for section in sections for folder in section.locations])

    def _accepted(self, found: MatchResult) -> tuple[Match, ...]:
        return found.matches or (found.rivals[:1] if self._allow_ambiguous else ())

    def holds_one_of(self, parts: Iterable[PartFile], files: Sequence[File]) -> bool:
        """Whether an item with these parts still has one of the files that it was found by."""
        return holds_one_of(parts, files, self.rules)

    def has_full_path(self, parts: Iterable[PartFile], files: Sequence[File]) -> bool:
        """Whether an item with these parts certainly has one of the files: the full path agrees."""
        return any(is_full_path(file, part, self.rules) for part in parts for file in files)

    def forget(self, rating_key: int) -> None:
        """Drop an item that is gone or has other files now, so that the next look-up asks Plex."""
        self.index.drop(rating_key)

    def await_files(self, scene_id: int, files: Sequence[File]) -> None:
        """Plex lacks the scene: have the index note when one of its files is seen."""
        self.index.await_files(scene_id, expected_files(files, self.rules))

    def await_paths(self, scene_id: int, files: Sequence[File]) -> None:
        """The scene was matched without a full path: have the index note when one of its files is seen at its own path.

        Only files whose path lies in a folder of a library are awaited.
        """
        folders = [folder for section in self._client.sections() for folder in section.locations]
        paths = [self.rules.map(path) for path, _size in files]
        expected = [path for path in paths if any(is_inside(path, folder) for folder in folders)]
        # No file has 0 bytes, so only the path can match.
        self.index.await_files(scene_id, [ExpectedFile(path=path, size=0) for path in expected])

    def await_exactly(self, scene_id: int, files: Sequence[File]) -> None:
        """Plex lacks the scene, and what looks like its files is another's: have the index note its own paths only."""
        paths = [self.rules.map(path) for path, _size in files]
        self.index.await_files(scene_id, [ExpectedFile(path=path, size=0) for path in paths])

    def stop_awaiting(self, scene_id: int) -> None:
        """The scene was found by its full path: stop awaiting its files."""
        if self.index.awaits_any():
            self.index.stop_awaiting([scene_id])

    def await_elsewhere(
        self, scene_id: int, files: Sequence[File], items: Sequence[LeanItem] | Sequence[PlexItem]
    ) -> None:
        """The scene was found by its full path in these items: await its files only in libraries that lack them.

        Such a library has the file's folder and may not have scanned it yet.
        """
        self.stop_awaiting(scene_id)
        paths = [self.rules.map(path) for path, _size in files]
        expected = [
            (section.key, path)
            for section in self._client.sections()
            for path in paths
            if any(is_inside(path, folder) for folder in section.locations)
            and not any(
                item.section_key == section.key and any(is_same_path(path, part.path) for part in item.parts)
                for item in items
            )
        ]
        if expected:
            self.index.expect_files(scene_id, expected)

    def _candidates(self, files: Sequence[File]) -> tuple[LeanItem, ...]:
        return self.index.candidates(expected_files(files, self.rules))

    def _match_known(self, files: Sequence[File]) -> MatchResult:
        return match_scene(files, self._candidates(files), self.rules)

    def _is_certain(self, files: Sequence[File], items: Sequence[LeanItem], found: MatchResult, since: float) -> bool:
        """Whether the match in the index needs no look-up. Rivals always do: one of them may be gone."""
        if self._look_up.is_all_known(files, items, self.rules):
            return True
        return not found.rivals and self.sweeper.is_fresh(since)


def _describe(match: Match) -> str:
    """An item that nobody has named bears the name of its file."""
    title, path = match.item.title[:_SHOWN_TITLE], match.plex_path
    is_name = bool(title) and title.casefold() in base_name(path).casefold()
    return f"{match.item.rating_key}: {as_path(title) if is_name else title} ({as_path(path)})"
