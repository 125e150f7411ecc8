"""Keeps the index up to date: a whole sweep where many items are wanted, else only what changed since."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.clock import Clock
    from plex.index import Index, SectionState
    from plex.model import LeanItem, Section

# Plex's times are whole seconds, and an item may be stored some time after the one that it bears.
OVERLAP_S = 10
# Where a section was never swept, only what changed lately is looked at.
_FIRST_LOOK_BACK_S = 3600
# What was deleted in Plex is noticed item by item; a whole sweep a day tidies up.
SWEEP_EVERY_S = 24 * 3600.0
# One look at the changes is shared by all that wait for it.
REFRESH_EVERY_S = 30.0
# Items in one transaction.
_CHUNK = 500


class Sweeps(Protocol):
    """What is asked of a PlexClient."""

    def sections(self) -> tuple[Section, ...]: ...  # noqa: D102 - see PlexClient

    def sweep(  # noqa: D102
        self, section: Section, *, page_size: int = ..., since: int | None = None
    ) -> Iterator[LeanItem]: ...


class Sweeper:
    """Fills the index from the configured sections."""

    def __init__(self, client: Sweeps, index: Index, clock: Clock) -> None:
        self._client = client
        self._index = index
        self._clock = clock
        self._sweep_every_s = clock.interval(SWEEP_EVERY_S)
        self._refresh_every_s = clock.interval(REFRESH_EVERY_S)

    def sweep_all(self) -> None:
        """Sweep each section that was not swept today; refresh the others when their last refresh is old."""
        now = self._clock.now()
        for section in self._client.sections():
            if now - self._index.section(section.key).swept_at >= self._sweep_every_s:
                self.sweep(section)
        self.refresh()

    def sweep(self, section: Section) -> None:
        """Read the whole section."""
        began_at = self._clock.now()
        self.note_swept(section, self.take(self._client.sweep(section)), began_at)

    def note_swept(self, section: Section, newest: int, began_at: float) -> None:
        """All items of the section were taken since `began_at`; `newest`: the last change among them, 0 for none."""
        self._index.drop_unseen(section.key, began_at)
        state = self._index.section(section.key)
        # Of a library that is suddenly empty it stays known that it held something.
        self._index.store_section(
            section.key, replace(state, newest=newest or state.newest, swept_at=began_at, refreshed_at=began_at)
        )

    def refresh(self) -> bool:
        """Read what changed since the last look, in each section whose last look is older than REFRESH_EVERY_S.

        Whether there was one.
        """
        sections = self._client.sections()
        old = [each for each in sections if self._age_s(each) >= self._refresh_every_s]
        for section in old:
            self.refresh_section(section)
        return bool(old)

    def _age_s(self, section: Section) -> float:
        return self._clock.now() - self._index.section(section.key).refreshed_at

    def refresh_section(self, section: Section) -> None:
        """Read what changed in the section since the last look, however new that is."""
        began_at = self._clock.now()
        state = self._index.section(section.key)
        is_known = state.newest or state.swept_at
        since = (state.newest if is_known else int(began_at) - _FIRST_LOOK_BACK_S) - OVERLAP_S
        # Small pages: most of the time nothing changed.
        newest = self.take(self._client.sweep(section, page_size=100, since=since))
        # Only now: the newest come first, and a refresh may break off.
        self._index.store_section(section.key, _refreshed(state, newest, began_at))

    def is_complete(self) -> bool:
        """Whether every section was swept, so that what is alone in the index is alone in Plex."""
        return all(self._index.section(section.key).swept_at for section in self._client.sections())

    def is_fresh(self, since: float) -> bool:
        """Whether a file that the index lacks is one that Plex lacked after `since` and moments ago."""
        oldest = max(since, self._clock.now() - self._refresh_every_s)
        states = [self._index.section(section.key) for section in self._client.sections()]
        return all(state.swept_at and state.refreshed_at >= oldest for state in states)

    def take(self, items: Iterable[LeanItem]) -> int:
        """Remember items that were seen; the newest change among them, 0 for none."""
        newest, items = 0, iter(items)
        while chunk := list(islice(items, _CHUNK)):
            self._index.take(chunk, now=self._clock.now())
            newest = max(newest, *(max(item.updated_at, item.added_at) for item in chunk))
        return newest


def _refreshed(state: SectionState, newest: int, began_at: float) -> SectionState:
    return replace(state, newest=max(state.newest, newest), refreshed_at=began_at)
