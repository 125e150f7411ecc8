"""Keeps the index up to date, by a sweep (read a whole section) or a refresh (read only what changed)."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.clock import Clock
    from plex.index import Index, SectionState
    from plex.model import LeanItem, Section

# A refresh starts this much before the newest change seen: Plex's times are whole seconds, and an item may be stored
# some time after its own timestamp.
OVERLAP_S = 10
# A refresh of a section that was never swept reads only the changes of the last hour.
_FIRST_REFRESH_S = 3600
# A refresh does not show deletions, which are otherwise noticed item by item; a daily sweep removes all of them.
SWEEP_EVERY_S = 24 * 3600.0
# Everything that needs fresh data within this time shares one refresh.
REFRESH_EVERY_S = 30.0
# Items per transaction.
_CHUNK = 500


class SweepClient(Protocol):
    """The methods of PlexClient that are used here."""

    def sections(self) -> tuple[Section, ...]: ...  # noqa: D102 - see PlexClient

    def sweep(  # noqa: D102
        self, section: Section, *, page_size: int = ..., since: int | None = None
    ) -> Iterator[LeanItem]: ...


class Sweeper:
    """Fills the index with the items of the configured sections."""

    def __init__(self, client: SweepClient, index: Index, clock: Clock) -> None:
        self._client = client
        self._index = index
        self._clock = clock
        self._sweep_every_s = clock.interval(SWEEP_EVERY_S)
        self._refresh_every_s = clock.interval(REFRESH_EVERY_S)

    def sweep_all(self) -> None:
        """Sweep each section whose last sweep is at least SWEEP_EVERY_S old; refresh the others if that is due."""
        now = self._clock.now()
        for section in self._client.sections():
            if now - self._index.section(section.key).swept_at >= self._sweep_every_s:
                self.sweep(section)
        self.refresh()

    def sweep(self, section: Section) -> None:
        """Read the whole section into the index, and drop items that it no longer shows."""
        began_at = self._clock.now()
        self.record_sweep(section, self.store_items(self._client.sweep(section)), began_at)

    def record_sweep(self, section: Section, newest: int, began_at: float) -> None:
        """Note that all items of the section were stored since `began_at`, and drop those that were not.

        `newest`: the time of the last change among them, 0 if there were none.
        """
        self._index.drop_unseen(section.key, began_at)
        state = self._index.section(section.key)
        # A library that is suddenly empty keeps its `newest`: it is still known to have had items.
        self._index.store_section(
            section.key, replace(state, newest=newest or state.newest, swept_at=began_at, refreshed_at=began_at)
        )

    def refresh(self) -> bool:
        """Refresh each section whose last sweep or refresh is at least REFRESH_EVERY_S old; whether there was one."""
        sections = self._client.sections()
        due = [each for each in sections if self._age_s(each) >= self._refresh_every_s]
        for section in due:
            self.refresh_section(section)
        return bool(due)

    def _age_s(self, section: Section) -> float:
        return self._clock.now() - self._index.section(section.key).refreshed_at

    def refresh_section(self, section: Section) -> None:
        """Read what changed in the section since its last sweep or refresh, however recent that was."""
        began_at = self._clock.now()
        state = self._index.section(section.key)
        is_known = state.newest or state.swept_at
        since = (state.newest if is_known else int(began_at) - _FIRST_REFRESH_S) - OVERLAP_S
        # Small pages: usually nothing has changed.
        newest = self.store_items(self._client.sweep(section, page_size=100, since=since))
        # Stored last: the newest items come first, so a refresh that fails halfway must start over.
        self._index.store_section(section.key, _refreshed(state, newest, began_at))

    def is_complete(self) -> bool:
        """Whether every section has been swept, so that a file that is unique in the index is unique in Plex."""
        return all(self._index.section(section.key).swept_at for section in self._client.sections())

    def is_fresh(self, since: float) -> bool:
        """Whether a file missing from the index was also missing from Plex, both after `since` and a moment ago."""
        oldest = max(since, self._clock.now() - self._refresh_every_s)
        states = [self._index.section(section.key) for section in self._client.sections()]
        return all(state.swept_at and state.refreshed_at >= oldest for state in states)

    def store_items(self, items: Iterable[LeanItem]) -> int:
        """Store the items; return the time of the last change among them, 0 if there are none."""
        newest, items = 0, iter(items)
        while chunk := list(islice(items, _CHUNK)):
            self._index.store_items(chunk, now=self._clock.now())
            newest = max(newest, *(max(item.updated_at, item.added_at) for item in chunk))
        return newest


def _refreshed(state: SectionState, newest: int, began_at: float) -> SectionState:
    return replace(state, newest=max(state.newest, newest), refreshed_at=began_at)
