"""Which Plex items hold a scene's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from plex.errors import Ambiguous, NotInPlex
from plex.index import Wanted
from plex.match import Found, Grade, holds_one_of, match_scene
from plex.path_map import PathMap
from plex.paths import base_name, is_inside, normal_form
from plex.sweep import Sweeper, Sweeps

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Sequence

    from local.clock import Clock
    from plex.index import Index
    from plex.match import File, Match, PathRules
    from plex.model import LeanItem, PartFile, Section

# One look-up makes the server compare every path of the section (tens of milliseconds), one page of a sweep makes it
# write 1,000 items (about a second): from some 30 look-ups on, sweeping a library of usual size is cheaper.
SWEEP_FROM = 30


class Listings(Sweeps, Protocol):
    """What the finder asks of a PlexClient."""

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None: ...  # noqa: D102

    def find_by_path(self, section: Section, path: str) -> tuple[LeanItem, ...] | None: ...  # noqa: D102


class Finder:
    """Finds items in all configured libraries, by the grades of plex/match.py.

    What was seen is remembered in the index, what was not found never is: a miss counts only when Plex was asked
    after `since`. `rules`: (Stash's prefix, Plex's prefix), the first that fits wins; none: they are inferred.
    """

    def __init__(
        self,
        client: Listings,
        index: Index,
        *,
        clock: Clock,
        log: logging.Logger,
        rules: Sequence[tuple[str, str]] = (),
        allow_ambiguous: bool = False,
    ) -> None:
        self._client = client
        self.index = index
        self._allow_ambiguous = allow_ambiguous
        self._paths = PathMap(rules, index, log)
        self.sweeper = Sweeper(client, index, clock)

    @property
    def rules(self) -> PathRules:
        """How paths are mapped now."""
        return self._paths.rules

    def prepare(self, scenes: Sequence[Sequence[File]]) -> None:
        """Say that the items of these scenes, given by their files, are wanted next.

        From SWEEP_FROM on the libraries are read once as a whole; what is known already is only refreshed.
        """
        if len(scenes) >= SWEEP_FROM:
            self.sweeper.sweep_all()
        elif len(scenes) > 1 and self.sweeper.is_complete():
            self.sweeper.refresh()
        if len(scenes) > 1 and self.sweeper.is_complete():
            self._paths.learn(match for files in scenes for match in self._match_known(files).matches)

    def known(self, files: Sequence[File]) -> tuple[int, ...]:
        """The rating keys that the index has for these files, without asking Plex. None known says nothing."""
        return tuple(match.item.rating_key for match in self._match_known(files).matches)

    def find(self, files: Sequence[File], *, since: float) -> tuple[Match, ...]:
        """Every item that holds one of the files; Plex is asked where the index was not brought up to date after
        `since` (epoch seconds). Raises NotInPlex for none, Ambiguous when several fit equally well.
        """
        found = self._match_known(files)
        if not self._is_settled(found, files, since):
            found = self._ask(files)
        self._paths.learn(found.matches)
        if found.matches:
            return found.matches
        if found.rivals and self._allow_ambiguous:
            return found.rivals[:1]
        if found.rivals:
            raise Ambiguous([_words(match) for match in found.rivals])
        raise NotInPlex([self.rules.map(path) for path, _size in files])

    def holds_one_of(self, parts: Iterable[PartFile], files: Sequence[File]) -> bool:
        """Whether an item that was found for these files still has one of them."""
        return holds_one_of(parts, files, self.rules)

    def forget(self, rating_key: int) -> None:
        """An item is gone or has other files now: the next look-up asks Plex."""
        self.index.drop(rating_key)

    def await_files(self, scene_id: int, files: Sequence[File]) -> None:
        """Plex lacks the scene: note when one of its files is seen."""
        self.index.await_files(scene_id, self._wanted(files))

    def _wanted(self, files: Sequence[File]) -> list[Wanted]:
        paths = dict(files) | {self.rules.map(path): size for path, size in files}
        return [Wanted(path=path, size=size) for path, size in paths.items()]

    def _match_known(self, files: Sequence[File]) -> Found:
        return match_scene(files, self.index.alike(self._wanted(files)), self.rules)

    def _is_settled(self, found: Found, files: Sequence[File], since: float) -> bool:
        """Whether the index is enough. Rivals are not: one of them may be gone."""
        return self._has_every_path(found, files) or (not found.rivals and self.sweeper.is_fresh(since))

    @staticmethod
    def _has_every_path(found: Found, files: Sequence[File]) -> bool:
        by_path = {match.stash_path for match in found.matches if match.grade is Grade.PATH}
        return bool(files) and by_path == {path for path, _size in files}

    def _ask(self, files: Sequence[File]) -> Found:
        """Ask the sections below whose folders the files would lie first; the others when it is not settled then."""
        mapped = [self.rules.map(path) for path, _size in files]
        near: list[Section] = []
        far: list[Section] = []
        for section in self._client.sections():
            holds = all(any(is_inside(path, folder) for folder in section.locations) for path in mapped)
            (near if holds else far).append(section)
        items: list[LeanItem] = []
        found = Found()
        for sections in (near, far):
            items += [item for section in sections for item in self._ask_section(section, files)]
            found = match_scene(files, items, self.rules)
            if self._has_every_path(found, files):
                break
        return found

    def _ask_section(self, section: Section, files: Sequence[File]) -> list[LeanItem]:
        items: dict[int, LeanItem] = {}
        for name in dict.fromkeys(normal_form(base_name(path)) for path, _size in files):
            candidates = self._client.find_by_name(section, name)
            if candidates is None:
                return self._ask_by_path(section, files) or self._ask_all_of(section, files)
            items |= {item.rating_key: item for item in candidates}
        self.sweeper.take(items.values())
        for item in self.index.alike(self._wanted(files)):
            if item.section_key == section.key and item.rating_key not in items:
                self.index.drop(item.rating_key)
        return list(items.values())

    def _ask_by_path(self, section: Section, files: Sequence[File]) -> list[LeanItem]:
        """Where too many files share a name: the items with the full paths, nothing unless all files have theirs."""
        items: dict[int, LeanItem] = {}
        for path, _size in files:
            candidates = self._client.find_by_path(section, self.rules.map(path)) or ()
            items |= {item.rating_key: item for item in candidates}
        self.sweeper.take(items.values())
        is_settled = self._has_every_path(match_scene(files, list(items.values()), self.rules), files)
        return list(items.values()) if is_settled else []

    def _ask_all_of(self, section: Section, files: Sequence[File]) -> list[LeanItem]:
        """On a server without a filter: all of it the first time, then what changed since."""
        if self.index.section(section.key).swept_at:
            self.sweeper.refresh_section(section)
        else:
            self.sweeper.sweep(section)
        return [item for item in self.index.alike(self._wanted(files)) if item.section_key == section.key]


def _words(match: Match) -> str:
    return f"{match.item.rating_key}: {match.item.title} ({match.plex_path})"
