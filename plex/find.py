"""Which Plex items hold a scene's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plex.errors import Ambiguous, NotInPlex
from plex.index import AwaitedFile
from plex.look_up import LookUp, wanted_files
from plex.match import holds_one_of, is_full_path, match_scene
from plex.path_map import PathMap
from plex.paths import is_inside
from plex.sweep import Sweeper

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Sequence

    from local.clock import Clock
    from plex.index import Index
    from plex.look_up import Listings
    from plex.match import File, Found, Match, PathRules
    from plex.model import LeanItem, PartFile

# One look-up makes the server compare every path of the section (tens of milliseconds), one page of a sweep makes it
# write 1,000 items (about a second): from some 30 look-ups on, sweeping a library of usual size is cheaper.
SWEEP_FROM = 30


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
        self._look_up = LookUp(client, index, self.sweeper)

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
        return tuple(match.item.rating_key for match in self._taken(self._match_known(files)))

    def find(self, files: Sequence[File], *, since: float) -> tuple[Match, ...]:
        """Every item that holds one of the files; Plex is asked where the index was not brought up to date after
        `since` (epoch seconds). Raises NotInPlex for none, Ambiguous when several fit equally well.
        """
        items = self._alike(files)
        found = match_scene(files, items, self.rules)
        if not self._is_certain(files, items, found, since):
            found = self._look_up.ask(files, self.rules)
        self._paths.learn(found.matches)
        if taken := self._taken(found):
            return taken
        if found.rivals:
            raise Ambiguous([_words(match) for match in found.rivals])
        raise NotInPlex([self.rules.map(path) for path, _size in files])

    def _taken(self, found: Found) -> tuple[Match, ...]:
        return found.matches or (found.rivals[:1] if self._allow_ambiguous else ())

    def holds_one_of(self, parts: Iterable[PartFile], files: Sequence[File]) -> bool:
        """Whether an item that was found for these files still has one of them."""
        return holds_one_of(parts, files, self.rules)

    def is_by_path(self, parts: Iterable[PartFile], files: Sequence[File]) -> bool:
        """Whether an item has one of the files for certain, by its full path."""
        return any(is_full_path(file, part, self.rules) for part in parts for file in files)

    def forget(self, rating_key: int) -> None:
        """An item is gone or has other files now: the next look-up asks Plex."""
        self.index.drop(rating_key)

    def await_files(self, scene_id: int, files: Sequence[File]) -> None:
        """Plex lacks the scene: note when one of its files is seen."""
        self.index.await_files(scene_id, wanted_files(files, self.rules))

    def await_paths(self, scene_id: int, files: Sequence[File]) -> None:
        """Something alike was taken for the scene: note when a library has one of its files where it should be."""
        folders = [folder for section in self._client.sections() for folder in section.locations]
        paths = [self.rules.map(path) for path, _size in files]
        expected = [path for path in paths if any(is_inside(path, folder) for folder in folders)]
        # No file has 0 bytes: only its path will do.
        self.index.await_files(scene_id, [AwaitedFile(path=path, size=0) for path in expected])

    def await_no_more(self, scene_id: int) -> None:
        """All of the scene's files that Plex has are where they should be."""
        if self.index.awaits_any():
            self.index.await_no_more([scene_id])

    def _alike(self, files: Sequence[File]) -> tuple[LeanItem, ...]:
        return self.index.alike(wanted_files(files, self.rules))

    def _match_known(self, files: Sequence[File]) -> Found:
        return match_scene(files, self._alike(files), self.rules)

    def _is_certain(self, files: Sequence[File], items: Sequence[LeanItem], found: Found, since: float) -> bool:
        """Whether the index is enough. Rivals are not: one of them may be gone."""
        if self._look_up.is_all_known(files, items, self.rules):
            return True
        return not found.rivals and self.sweeper.is_fresh(since)


def _words(match: Match) -> str:
    return f"{match.item.rating_key}: {match.item.title} ({match.plex_path})"
