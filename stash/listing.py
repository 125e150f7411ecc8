"""The ids of the scenes that a run or a sync looks at, page by page; a page that failed is asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stash.errors import StashUnavailable
from stash.times import SORT_MARGIN_S, epoch_of

if TYPE_CHECKING:
    from stash.client import StashClient


class Listing(Protocol):
    """A scope's scenes."""

    rest: int  # how many come after the last page, as far as it is known

    def next_page(self, stash: StashClient) -> list[int] | None:
        """More ids, perhaps none; None at the end. Raises StashUnavailable and StashRefused."""


class AllScenes:
    """Every scene, by id: what is deleted meanwhile shifts nothing."""

    def __init__(self, page: int) -> None:
        self._page = page
        self._after = 0
        self.rest = 0

    def next_page(self, stash: StashClient) -> list[int] | None:
        """See Listing."""
        ids, count = stash.list_ids(after=self._after, limit=self._page)
        if not ids and count:
            raise StashUnavailable(f"Stash lists none of {count} scenes after scene {self._after}")
        self._after = max(ids, default=self._after)
        self.rest = count - len(ids)
        return ids or None


class RecentScenes:
    """The scenes that changed in Stash at `since` (epoch seconds) or later, the newest first."""

    def __init__(self, since: float, page: int) -> None:
        self._since = since
        self._size = page
        self._page: int | None = 1
        self.rest = 0
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
        self.rest = 0 if is_over else self._size
        # A change meanwhile moves the end of a page to the next one.
        again, self._last = self._last, frozenset(scene_id for scene_id, _ in times)
        # One whose time cannot be read is looked at: it costs little.
        return [scene_id for scene_id, at in times if scene_id not in again and (at is None or at >= self._since)]
