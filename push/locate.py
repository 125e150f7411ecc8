"""The Plex items of a scene as they are now: those of the last push, or else those that the finder finds.

No item is trusted unread: it may be gone, or hold other files than when it was found. Reads Plex and changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plex.errors import NotInPlex
from push.read_ahead import ItemsAhead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.client import PlexClient
    from plex.find import Finder
    from plex.match import File
    from plex.model import PlexItem
    from plex.plan import Wanted
    from stash.scene import Scene
    from store.ledger import SceneRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a scene is to look like in Plex, and where: all that is known without asking Plex."""

    scene: Scene
    wanted: Wanted
    files: tuple[File, ...]  # as Stash sees them
    fingerprint: str
    files_digest: str
    record: SceneRecord | None

    @property
    def known_keys(self) -> tuple[int, ...]:
        """The items of the last push, while the scene has the files that they were found by."""
        if self.record is None or self.record.files != self.files_digest:
            return ()
        return tuple(self.record.items)

    @property
    def is_in_plex(self) -> bool:
        """Whether Plex has all of it already, as far as PlexSync knows."""
        return self.record is not None and self.record.fingerprint == self.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The items that hold a file of the scene.

    `is_new`: they were looked up, so an item of the last push that is not among them no longer holds the scene.
    `is_by_path`: at least one was found by a file's full path, not by name and size alone.
    """

    items: tuple[PlexItem, ...]
    is_new: bool
    is_by_path: bool


class Locator:
    """Locates scenes under one set of settings."""

    def __init__(self, *, plex: PlexClient, finder: Finder) -> None:
        self._plex = plex
        self._finder = finder

    def locate(self, target: Target, ahead: ItemsAhead, *, since: float) -> Located:
        """The items of the last push if they are still right, or else those that the finder finds.

        `since` (epoch seconds): an answer of Plex from before this time does not prove that a file is missing. Raises
        NotInPlex, Ambiguous and other PlexErrors.
        """
        keys = (*target.known_keys, *(self._finder.known_keys(target.files) if target.known_keys else ()))
        keys = tuple(dict.fromkeys(keys))
        current = self._read(target, keys, ahead, {})
        is_right = len(current) == len(keys)
        if keys and is_right and all(self._finder.has_full_path(item.parts, target.files) for item in current):
            return Located(items=current, is_new=False, is_by_path=True)
        # The right item may have been added since another was taken for it. Where what was known is wrong, only what
        # Plex says from now on counts.
        in_hand = {item.rating_key: item for item in current}
        return self._look_up(target, ahead, in_hand, since=since if is_right else math.inf)

    def locate_anew(self, target: Target) -> Located:
        """The same once more, after Plex rejected an edit of one of the items: it may have been replaced."""
        for key in (*target.known_keys, *self._finder.known_keys(target.files)):
            self._finder.forget(key)
        return self._look_up(target, ItemsAhead(), {}, since=math.inf)

    def _look_up(
        self, target: Target, ahead: ItemsAhead, in_hand: Mapping[int, PlexItem], *, since: float
    ) -> Located:
        """What the finder remembers may be outdated: where an item shows that, the finder is asked once more."""
        current: tuple[PlexItem, ...] = ()
        for after, read in ((since, in_hand), (math.inf, {})):
            found = [match.item.rating_key for match in self._finder.find(target.files, since=after)]
            current = self._read(target, found, ahead, read)
            if len(current) == len(found):
                break
            for key in set(found) - {item.rating_key for item in current}:
                self._finder.forget(key)
        if not current:
            raise NotInPlex([path for path, _size in target.files])
        is_by_path = any(self._finder.has_full_path(item.parts, target.files) for item in current)
        return Located(items=current, is_new=True, is_by_path=is_by_path)

    def _read(
        self, target: Target, keys: Sequence[int], ahead: ItemsAhead, in_hand: Mapping[int, PlexItem]
    ) -> tuple[PlexItem, ...]:
        """Those of these items that hold a file of the scene. `in_hand`: read a moment ago."""
        items = {key: in_hand[key] for key in keys if key in in_hand}
        items |= ahead.take(_without(keys, items))
        if unread := _without(keys, items):
            items |= self._plex.read_items(unread)
        read = [items[key] for key in keys if key in items]
        return tuple(item for item in read if self._finder.holds_one_of(item.parts, target.files))


def _without(keys: Iterable[int], known: Mapping[int, PlexItem]) -> list[int]:
    return [key for key in keys if key not in known]
