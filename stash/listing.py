"""Lists scenes, and whatever else changed in Stash, page by page. A page that failed can be requested again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from stash.changes import Changed, Position
from stash.errors import StashLacks, StashRefused, StashUnavailable
from stash.times import epoch_of, text_before

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """What changed in Stash after a time (by kind, as a text in Stash's order), in pages of several lists at once.

    Some rows are listed twice. Whatever is deleted or changed meanwhile, nothing else is skipped.
    """

    def __init__(self, after: Mapping[Changed, str], page: int) -> None:
        self._left = {kind: Position(after_time=text, limit=page) for kind, text in after.items()}
        self.refused: dict[Changed, str] = {}  # lists that Stash fails to read, with its reason; never that of scenes

    @property
    def is_over(self) -> bool:
        """Whether no list has another page."""
        return not self._left

    def next_page(self, stash: StashClient) -> dict[Changed, list[Change]]:
        """The next page of each list that has one. Raises StashUnavailable, and StashRefused for the list of scenes."""
        try:
            listed = stash.list_changes(self._left)
        except (StashLacks, StashRefused):
            listed = self._list_one_by_one(stash)
        for kind, rows in listed.items():
            position = self._left.pop(kind)
            if len(rows) >= position.limit:
                self._left[kind] = _next_position(kind, position, rows)
        return listed

    def _list_one_by_one(self, stash: StashClient) -> dict[Changed, list[Change]]:
        listed: dict[Changed, list[Change]] = {}
        for kind, position in self._left.items():
            try:
                listed |= stash.list_changes({kind: position})
            except (StashLacks, StashRefused) as error:  # noqa: PERF203 - each list fails by itself
                if kind is Changed.SCENE:
                    raise
                if not isinstance(error, StashLacks):  # this version of Stash has no such list
                    self.refused[kind] = str(error)
        self._left = {kind: position for kind, position in self._left.items() if kind in listed}
        return listed


class RecentScenes:
    """Scenes that changed in Stash at or after `since` (epoch seconds), in order of id."""

    def __init__(self, since: float, page: int) -> None:
        self._since = since
        self._size = page
        self._changes = Changes({Changed.SCENE: text_before(since)}, page)
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


def _next_position(kind: Changed, position: Position, rows: Sequence[Change]) -> Position:
    if kind is Changed.SCENE:
        return replace(position, after_id=max(row.id for row in rows))
    # Many rows may share the last time, and the page may have ended among them. Each text is greater than its own
    # beginning, so the next page repeats those.
    after = rows[-1].updated_at[:-1]
    if after > position.after_time:
        return replace(position, after_time=after)
    return replace(position, limit=2 * position.limit)  # all rows share one time
