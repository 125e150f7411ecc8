"""Lists scenes, and whatever else changed in Stash, page by page. A page that failed can be requested again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from stash.changes import Changed, Position
from stash.errors import StashUnavailable
from stash.times import epoch_of, text_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stash.changes import Change
    from stash.client import StashClient


class Listing(Protocol):
    """A source of scene ids in pages."""

    remaining: int  # scenes after the last page, as far as known

    def next_page(self, stash: StashClient) -> list[int] | None:
        """The next ids, possibly an empty list; None at the end. Raises StashUnavailable and StashRefused."""


class AllScenes:
    """Every scene, in order of id, so that a deletion in between does not shift the pages."""

    def __init__(self, page: int) -> None:
        self._page = page
        self._after = 0
        self.remaining = 0

    def next_page(self, stash: StashClient) -> list[int] | None:
        """See Listing."""
        ids, count = stash.list_ids(after=self._after, limit=self._page)
        if not ids and count:
            raise StashUnavailable(f"Stash lists none of {count} scenes after scene {self._after}")
        self._after = max(ids, default=self._after)
        self.remaining = count - len(ids)
        return ids or None


class Changes:
    """What changed in Stash at or after `since` (epoch seconds, by kind), in pages of several lists at once.

    Also lists some of what changed up to two days earlier. Whatever is deleted or changed meanwhile, nothing else is
    skipped.
    """

    def __init__(self, since: Mapping[Changed, float], page: int) -> None:
        self._left = {kind: Position(after_time=text_before(at), limit=page) for kind, at in since.items()}

    @property
    def is_over(self) -> bool:
        """Whether no list has another page."""
        return not self._left

    def next_page(self, stash: StashClient) -> dict[Changed, list[Change]]:
        """The next page of each list that has one. Raises StashUnavailable and StashRefused."""
        listed = stash.list_changes(self._left)
        for kind, rows in listed.items():
            position = self._left.pop(kind)
            if len(rows) >= position.limit:
                self._left[kind] = replace(position, after_id=max(row.id for row in rows))
        return listed


class RecentScenes:
    """Scenes that changed in Stash at or after `since` (epoch seconds), in order of id."""

    def __init__(self, since: float, page: int) -> None:
        self._since = since
        self._size = page
        self._changes = Changes({Changed.SCENE: since}, page)
        self.remaining = 0

    def next_page(self, stash: StashClient) -> list[int] | None:
        """See Listing."""
        if self._changes.is_over:
            return None
        rows = self._changes.next_page(stash)[Changed.SCENE]
        self.remaining = 0 if self._changes.is_over else self._size
        times = [(row.id, epoch_of(row.updated_at)) for row in rows]
        # A scene whose time cannot be parsed is included, which costs little.
        return [scene_id for scene_id, at in times if at is None or at >= self._since]
