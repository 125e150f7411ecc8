"""Locates the Plex items of a scene: those of the last push, or else those that the finder finds.

Every item is read before it is trusted: it may be gone, or hold other files by now. Never changes anything in Plex.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plex.errors import NotInPlex
from push.other_scenes import owners_in_stash
from store.judgement import Judgement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.client import PlexClient
    from plex.find import Finder
    from plex.match import File
    from plex.model import PlexItem
    from plex.plan import Wanted
    from push.outline import Outline
    from stash.client import StashClient
    from stash.scene import Scene
    from store.ledger import SceneRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a scene should look like in Plex, and in which items: everything known without asking Plex."""

    outline: Outline
    wanted: Wanted
    files: tuple[File, ...]  # as Stash sees them
    record: SceneRecord | None

    @property
    def scene(self) -> Scene:
        """The scene as it was read from Stash."""
        return self.outline.scene

    @property
    def fingerprint(self) -> str:
        """See push/fields.py."""
        return self.outline.fingerprint

    @property
    def files_digest(self) -> str:
        """Of the files and the libraries in which they are looked for."""
        return self.outline.files_digest

    @property
    def known_keys(self) -> tuple[int, ...]:
        """The rating keys of the last push; none if the scene's files have changed since."""
        if self.record is None:
            return ()
        files = self.record.files
        is_same = files == self.files_digest or files == self.outline.of_version_2[1]
        return self.record.items if is_same else ()

    @property
    def is_ignored(self) -> bool:
        """Whether a person has PlexSync ignore the scene."""
        return self.record is not None and self.record.judgement is Judgement.IGNORED

    @property
    def is_up_to_date(self) -> bool:
        """Whether the last push already sent all of this, as far as PlexSync knows."""
        if self.record is None:
            return False
        fingerprint = self.record.fingerprint
        return fingerprint == self.fingerprint or fingerprint == self.outline.of_version_2[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The items that hold a file of the scene.

    `were_looked_up`: the finder found them, so any other item of the last push no longer holds the scene.
    `has_full_path`: at least one was matched by a file's full path, not only by name and size.
    """

    items: tuple[PlexItem, ...]
    were_looked_up: bool
    has_full_path: bool


class ReadAheadItems:
    """Plex items that were read ahead. Each is handed out once, since the push that takes it may change it."""

    def __init__(self) -> None:
        self._items: dict[int, PlexItem] = {}  # by rating key

    def fill(self, items: Mapping[int, PlexItem]) -> None:
        """Hold these items, by rating key, instead of those before."""
        self._items = dict(items)

    def take(self, rating_keys: Iterable[int]) -> dict[int, PlexItem]:
        """Hand out those of these items that were read ahead, by rating key."""
        return {key: self._items.pop(key) for key in rating_keys if key in self._items}


class Locator:
    """Locates scenes with one set of settings."""

    def __init__(self, *, plex: PlexClient, finder: Finder) -> None:
        self._plex = plex
        self._finder = finder

    def locate(self, target: Target, ahead: ReadAheadItems, stash: StashClient, *, since: float) -> Located:
        """The items of the last push if they are still right, else those that the finder finds.

        `stash`: asked whose files they are that only look like the scene's. `since` (epoch seconds): what Plex answered
        before this time does not prove that a file is missing. Raises NotInPlex, Ambiguous and other PlexErrors, and
        StashUnavailable.
        """
        keys = (*target.known_keys, *(self._finder.known_keys(target.files) if target.known_keys else ()))
        keys = tuple(dict.fromkeys(keys))
        current = self._read(target, keys, ahead, {})
        is_right = len(current) == len(keys)
        if keys and is_right and all(self._finder.has_full_path(item.parts, target.files) for item in current):
            return Located(items=current, were_looked_up=False, has_full_path=True)
        # The right item may have been added after another one was mistaken for it. If the known items are wrong, only
        # a new answer of Plex counts.
        already_read = {item.rating_key: item for item in current}
        return self._look_up(target, ahead, stash, already_read, since=since if is_right else math.inf)

    def relocate(self, target: Target, stash: StashClient) -> Located:
        """Locate the scene again after Plex rejected an edit: the item may have been replaced."""
        for key in (*target.known_keys, *self._finder.known_keys(target.files)):
            self._finder.forget(key)
        self._finder.forget_libraries()  # its library may have been made anew
        return self._look_up(target, ReadAheadItems(), stash, {}, since=math.inf)

    def _look_up(
        self,
        target: Target,
        ahead: ReadAheadItems,
        stash: StashClient,
        already_read: Mapping[int, PlexItem],
        *,
        since: float,
    ) -> Located:
        """Find the items and read them. If an item shows that the finder's index is stale, ask the finder once more."""
        current: tuple[PlexItem, ...] = ()
        find_owners = owners_in_stash([target.scene], stash)
        for after, read in ((since, already_read), (math.inf, {})):
            matches = self._finder.find(target.files, since=after, find_owners=find_owners)
            found = [match.item.rating_key for match in matches]
            current = self._read(target, found, ahead, read)
            if len(current) == len(found):
                break
            for key in set(found) - {item.rating_key for item in current}:
                self._finder.forget(key)
        if not current:
            raise NotInPlex([path for path, _size in target.files])
        has_full_path = any(self._finder.has_full_path(item.parts, target.files) for item in current)
        return Located(items=current, were_looked_up=True, has_full_path=has_full_path)

    def _read(
        self, target: Target, keys: Sequence[int], ahead: ReadAheadItems, already_read: Mapping[int, PlexItem]
    ) -> tuple[PlexItem, ...]:
        """Those of these items that hold a file of the scene. `already_read`: items that need not be read again."""
        items = {key: already_read[key] for key in keys if key in already_read}
        items |= ahead.take(_without(keys, items))
        if unread := _without(keys, items):
            items |= self._plex.read_items(unread)
        read = [items[key] for key in keys if key in items]
        return tuple(item for item in read if self._finder.holds_one_of(item.parts, target.files))


def _without(keys: Iterable[int], known: Mapping[int, PlexItem]) -> list[int]:
    return [key for key in keys if key not in known]
