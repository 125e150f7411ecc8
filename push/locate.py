"""The Plex items of a scene as they are now: those of the last push, else those that the finder finds.

No item is believed in without having been read: it may be gone, or have other files than when it was found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plex.errors import NotInPlex
from push.shared_items import Sharing

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from plex.client import PlexClient
    from plex.find import Finder
    from plex.model import PlexItem
    from plex.plan import Wanted
    from plex.scan import Scans
    from stash.scene import Scene
    from store.job import Job
    from store.ledger import Ledger, SceneRecord

Files = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a scene shall look like, and where: everything known without asking Plex."""

    scene: Scene
    wanted: Wanted
    files: Files  # as Stash sees them
    fingerprint: str
    files_digest: str
    record: SceneRecord | None

    @property
    def known_keys(self) -> tuple[int, ...]:
        """The items of the last push, while the scene's files are those it was found by."""
        if self.record is None or self.record.files != self.files_digest:
            return ()
        return tuple(self.record.items)

    @property
    def is_in_plex(self) -> bool:
        """Whether Plex has all of it already, as far as PlexSync knows."""
        return self.record is not None and self.record.fingerprint == self.fingerprint


class Locator:
    """Locates scenes under one set of settings.

    `scans`: None where Plex is not to be asked to scan. `on_lost`: told of items that lost their file.
    """

    def __init__(
        self,
        *,
        plex: PlexClient,
        finder: Finder,
        ledger: Ledger,
        scans: Scans | None,
        log: logging.Logger,
        on_lost: Callable[[set[int]], None] = lambda _keys: None,
    ) -> None:
        self._plex = plex
        self._finder = finder
        self._ledger = ledger
        self._scans = scans
        self._sharing = Sharing(ledger, log)
        self._on_lost = on_lost

    def locate(self, job: Job, target: Target, ahead: dict[int, PlexItem]) -> list[PlexItem]:
        """The items that hold a file of the scene and are not another scene's; one read `ahead` is used once.

        Raises NotInPlex, after which Plex may be asked to scan, and Ambiguous.
        """
        known = self._finder.known_keys(target.files) if target.known_keys else ()
        keys = dict.fromkeys((*target.known_keys, *known))
        current = self._read(target, tuple(keys), ahead)
        is_right = len(current) == len(keys)
        if keys and is_right and all(self._finder.has_full_path(item.parts, target.files) for item in current):
            return self._own_ones(target, current)
        # The right item may have come since another was taken for it: they are read already.
        ahead |= {item.rating_key: item for item in current}
        try:
            # Where what was known is wrong, only what Plex says from now on counts.
            return self._look_up(target, ahead, since=job.last_event_at if is_right else math.inf)
        except NotInPlex:
            self._note_missing(job, target)
            raise

    def locate_anew(self, target: Target) -> list[PlexItem]:
        """The same once more, after Plex has refused one of the items: it may have been replaced."""
        for key in (*target.known_keys, *self._finder.known_keys(target.files)):
            self._finder.forget(key)
        return self._look_up(target, {}, since=math.inf)

    def _look_up(self, target: Target, ahead: dict[int, PlexItem], *, since: float) -> list[PlexItem]:
        current = self._read_found(target, ahead, since)
        if target.record:
            lost = set(target.record.items) - {item.rating_key for item in current}
            self._ledger.forget_items(target.scene.id, lost)
            self._on_lost(lost)
        own = self._own_ones(target, current)
        if any(self._finder.has_full_path(item.parts, target.files) for item in current):
            self._finder.stop_awaiting(target.scene.id)
        elif own:
            self._finder.await_paths(target.scene.id, target.files)
        else:  # what only looks alike is another scene's
            raise NotInPlex([self._finder.rules.map(path) for path, _size in target.files])
        return own

    def _own_ones(self, target: Target, items: Sequence[PlexItem]) -> list[PlexItem]:
        return self._sharing.own_ones(target.scene.id, target.files, items, self._finder.rules)

    def _read_found(self, target: Target, ahead: dict[int, PlexItem], since: float) -> list[PlexItem]:
        """What the finder remembers may be of yesterday; it is asked once more after a look at the items themselves."""
        current: list[PlexItem] = []
        for after in (since, math.inf):
            matches = self._finder.find(target.files, since=after)
            found = [match.item.rating_key for match in matches]
            current = self._read(target, found, ahead)
            if len(current) == len(found):
                return current
            for key in set(found) - {item.rating_key for item in current}:
                self._finder.forget(key)
        if not current:
            raise NotInPlex([path for path, _size in target.files])
        return current

    def _read(self, target: Target, keys: Sequence[int], ahead: dict[int, PlexItem]) -> list[PlexItem]:
        """The items of these keys that hold a file of the scene: as read ahead, those that were not read now."""
        items = {key: ahead.pop(key) for key in keys if key in ahead}
        if unread := [key for key in keys if key not in items]:
            items |= self._plex.read_items(unread)
        read = [items[key] for key in keys if key in items]
        return [item for item in read if self._finder.holds_one_of(item.parts, target.files)]

    def _note_missing(self, job: Job, target: Target) -> None:
        self._finder.await_files(target.scene.id, target.files)
        if self._scans:  # one of moments ago may have come before the file: a later try makes up for it
            paths = [self._finder.rules.map(path) for path, _size in target.files]
            self._scans.request(paths, since=job.first_event_at)
