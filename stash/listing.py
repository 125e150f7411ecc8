"""Lists the scene ids of a reconciliation or a sync page by page. A page that failed can be requested again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stash.errors import StashUnavailable
from stash.times import SORT_MARGIN_S, epoch_of

if TYPE_CHECKING:
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


class RecentScenes:
    """Scenes that changed in Stash at or after `since` (epoch seconds), newest first."""

    def __init__(self, since: float, page: int) -> None:
        self._since = since
        self._size = page
        self._page: int | None = 1
        self.remaining = 0
        self._last: frozenset[int] = frozenset()

    def next_page(self, stash: StashClient) -> list[int] | None:
        """See Listing."""
        if self._page is None:
            return None
        listed = stash.list_updates(page=self._page, per_page=self._size)
        times = [(scene_id, epoch_of(text)) for scene_id, text in listed]
        known = [at for _, at in times if at is not None]
        is_over = len(listed) < self._size or (bool(known) and known[-1] < self._since - SORT_MARGIN_S)
        self._page = None if is_over else self._page + 1
        self.remaining = 0 if is_over else self._size
        # If a scene changes meanwhile, the end of one page moves to the next.
        again, self._last = self._last, frozenset(scene_id for scene_id, _ in times)
        # A scene whose time cannot be parsed is included, which costs little.
        return [scene_id for scene_id, at in times if scene_id not in again and (at is None or at >= self._since)]
