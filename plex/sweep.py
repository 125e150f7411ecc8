"""Keeps the index up to date, by a sweep (read a whole section) or a refresh (read only what changed).

What the index shows is believed for as long as its last sweep and refresh are recent. Their age is measured within
this process; a refresh of an earlier process never counts as recent, a sweep only if its time can be true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from local.clock import Stopwatch
from plex.errors import LeftOff

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from local.clock import Clock, Moment
    from plex.index import Index, SectionState
    from plex.model import LeanItem, Section

# A refresh starts this much before the newest change seen: Plex's times are whole seconds, and an item may be stored
# some time after its own timestamp.
OVERLAP_S = 10
# How far back a refresh goes if nothing tells how long ago the last one was.
UNKNOWN_AGE_S = 3600.0
# A refresh does not show deletions, which are otherwise noticed item by item; a daily sweep removes all of them.
SWEEP_EVERY_S = 24 * 3600.0
# Everything that needs fresh data within this time shares one refresh.
REFRESH_EVERY_S = 30.0
# The same while somebody waits for Plex to scan a new file, and how many items one page of such a look has.
REFRESH_SOON_S, SOON_PAGE_ITEMS = 5.0, 20
# A sweep that was left off longer ago starts over, since the library has changed meanwhile.
LEFT_OFF_S = 600.0
# Items per transaction, and in one page of PlexClient.sweep and of PlexClient.changes.
_CHUNK, _PAGE, _CHANGES_PAGE = 500, 1000, 100


class SweepClient(Protocol):
    """The methods of PlexClient that are used here."""

    @property
    def answered_at(self) -> int | None: ...  # noqa: D102 - see PlexClient

    def sections(self) -> tuple[Section, ...]: ...  # noqa: D102

    def sweep(self, section: Section, *, page_size: int = ...) -> Iterator[LeanItem]: ...  # noqa: D102

    def changes(  # noqa: D102
        self, section: Section, *, since: int | None = ..., page_size: int = ...
    ) -> Iterator[LeanItem]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """When a sweep began. `stamp`: of the index; everything that the sweep stores has a greater one."""

    moment: Moment
    stamp: float


class Sweeper:
    """Fills the index with the items of the configured sections."""

    def __init__(
        self,
        client: SweepClient,
        index: Index,
        clock: Clock,
        *,
        is_wanted_elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_wanted_elsewhere`: asked between two pages; if so, the reading of a section is left off for now."""
        self._client = client
        self._is_wanted_elsewhere = is_wanted_elsewhere
        self._left_off: dict[tuple[int, bool], tuple[Iterator[int], Stopwatch]] = {}  # by section, and whether a sweep
        self._index = index
        self._clock = clock
        self._sweep_every_s = clock.interval(SWEEP_EVERY_S)
        self._refresh_every_s = clock.interval(REFRESH_EVERY_S)
        self._refresh_soon_s = clock.interval(REFRESH_SOON_S)
        # When the last sweep, and the last sweep or refresh, of each section began in this process.
        self._swept: dict[int, Moment] = {}
        self._refreshed: dict[int, Moment] = {}

    def sweep_all(self) -> None:
        """Sweep each section whose last sweep is at least SWEEP_EVERY_S old; refresh the others if that is due.

        Reads one page at least. What is left when the worker is wanted elsewhere is read by the next call.
        """
        for section in self._client.sections():
            if self._is_sweep_due(section) and not self._go_on(section, is_sweep=True):
                return
        self.refresh()

    def read_whole(self, section: Section) -> None:
        """Sweep the section unless it was swept before; refresh it if it was, however recently.

        Reads one page at least. Raises LeftOff when the worker is wanted elsewhere; the next call goes on.
        """
        is_sweep = not self._index.section(section.key).swept_at
        was_left_off = (section.key, is_sweep) in self._left_off
        if not self._go_on(section, is_sweep=is_sweep):
            raise LeftOff(section.title)
        if was_left_off:  # something may have been added to the pages that were read before
            for _ in self._refresh_in_steps(section, _CHANGES_PAGE):
                pass

    def _go_on(self, section: Section, *, is_sweep: bool, page_size: int = _CHANGES_PAGE) -> bool:
        """Sweep or refresh the section, from where that was left off. False if it was left off again."""
        # Removed first: should it fail, the next one starts over.
        steps, took = self._left_off.pop((section.key, is_sweep), (None, Stopwatch(self._clock)))
        if steps is None or took.passed_s > LEFT_OFF_S:
            steps = self.sweep_in_steps(section) if is_sweep else self._refresh_in_steps(section, page_size)
            took.restart()
        for _ in steps:
            if self._is_wanted_elsewhere():
                self._left_off[section.key, is_sweep] = steps, took
                return False
        return True

    def _is_sweep_due(self, section: Section) -> bool:
        if swept := self._swept.get(section.key):
            return swept.age_s(self._clock) >= self._sweep_every_s
        age_s = self._clock.now() - self._index.section(section.key).swept_at
        return not 0.0 <= age_s < self._sweep_every_s

    def sweep_in_steps(self, section: Section) -> Iterator[int]:
        """Read the whole section into the index, and drop items that it no longer shows.

        Stops after each page that was read; each time tells its number of items.
        """
        beginning, newest = self.begin(), 0
        items = self._client.sweep(section)
        while page := list(islice(items, _PAGE)):
            newest = max(newest, self.store_items(page))
            yield len(page)
        self.record_sweep(section, newest, beginning)

    def begin(self) -> Beginning:
        """A sweep begins: call it before the first page is read."""
        return Beginning(moment=self._clock.moment(), stamp=self._index.next_stamp(self._clock.now()))

    def record_sweep(self, section: Section, newest: int, beginning: Beginning) -> None:
        """Note that all items of the section were stored since the beginning, and drop those that were not.

        `newest`: the time of the last change among them, 0 if there were none.
        """
        self._index.drop_unseen(section.key, beginning.stamp)
        state, at = self._index.section(section.key), beginning.moment.at
        # A library that is suddenly empty keeps its `newest`: it is still known to have had items.
        self._index.store_section(
            section.key, replace(state, newest=newest or state.newest, swept_at=at, refreshed_at=at)
        )
        self._swept[section.key] = self._refreshed[section.key] = beginning.moment
        self._left_off.pop((section.key, False), None)  # what it knew of the section is old now

    def refresh(self, *, is_soon: bool = False) -> bool:
        """Refresh each section whose last sweep or refresh is at least REFRESH_EVERY_S old; whether there was one.

        `is_soon`: at least REFRESH_SOON_S, and in small pages.
        """
        age_s = self._refresh_soon_s if is_soon else self._refresh_every_s
        due = [each for each in self._client.sections() if not self._is_younger(each, age_s)]
        for section in due:
            self._go_on(section, is_sweep=False, page_size=SOON_PAGE_ITEMS if is_soon else _CHANGES_PAGE)
        return bool(due)

    def _is_younger(self, section: Section, age_s: float) -> bool:
        refreshed = self._refreshed.get(section.key)
        return refreshed is not None and refreshed.age_s(self._clock) < age_s

    def _refresh_in_steps(self, section: Section, page_size: int) -> Iterator[int]:
        """Read what changed in the section since its last sweep or refresh. Stops between pages as `sweep_in_steps`."""
        began = self._clock.moment()
        state = self._index.section(section.key)
        since = self._since(section, state) if state.newest or state.swept_at else None
        newest = yield from self._store_changes(section, since, page_size)
        if since is not None and (earlier := self._since(section, state)) < since:
            # The answer shows that Plex's clock was set back.
            newest = max(newest, (yield from self._store_changes(section, earlier, page_size)))
        # Stored last: the newest items come first, so a refresh that fails halfway must start over.
        self._index.store_section(
            section.key, replace(state, newest=max(state.newest, newest), refreshed_at=began.at)
        )
        self._refreshed[section.key] = began

    def _since(self, section: Section, state: SectionState) -> int:
        """From which time of Plex's on the section may have changed: after the newest change seen.

        By Plex's clock alone, and no later than it showed at the last refresh: it may have been set back since, and
        items may be dated in the future.
        """
        plex_now = self._client.answered_at
        if plex_now is None:
            return state.newest - OVERLAP_S
        return int(min(state.newest, plex_now - self._seconds_since_refresh(section, state))) - OVERLAP_S

    def _seconds_since_refresh(self, section: Section, state: SectionState) -> float:
        if refreshed := self._refreshed.get(section.key):
            return refreshed.age_s(self._clock)
        age_s = self._clock.now() - state.refreshed_at
        return age_s if state.refreshed_at and age_s >= 0 else UNKNOWN_AGE_S

    def _store_changes(self, section: Section, since: int | None, page_size: int) -> Generator[int, None, int]:
        """Store what changed since then, in steps; return the time of the newest change.

        Items that the index has exactly so are not stored again, lest an awaited file seem to appear once more.
        """
        newest, items = 0, self._client.changes(section, since=since, page_size=page_size)
        while chunk := list(islice(items, _CHUNK)):
            newest = max(newest, self._store(self._index.changed(chunk), chunk))
            if len(chunk) == _CHUNK:  # what has one page is not worth a stop
                yield len(chunk)
        return newest

    def is_complete(self) -> bool:
        """Whether every section has been swept, so that a file that is unique in the index is unique in Plex."""
        return all(self._index.section(section.key).swept_at for section in self._client.sections())

    def is_fresh(self, since: float) -> bool:
        """Whether a file missing from the index was also missing from Plex, both after `since` and a moment ago.

        `since`: epoch seconds. Not if the clock was set meanwhile, since it cannot be compared then.
        """
        return all(self._is_fresh(section, since) for section in self._client.sections())

    def _is_fresh(self, section: Section, since: float) -> bool:
        refreshed = self._refreshed.get(section.key)
        if refreshed is None or not self._index.section(section.key).swept_at:
            return False
        if refreshed.age_s(self._clock) > self._refresh_every_s or refreshed.was_clock_set(self._clock):
            return False
        return refreshed.at >= since

    def store_items(self, items: Iterable[LeanItem]) -> int:
        """Store the items; return the time of the last change among them, 0 if there are none."""
        newest, items = 0, iter(items)
        while chunk := list(islice(items, _CHUNK)):
            newest = max(newest, self._store(chunk, chunk))
        return newest

    def _store(self, items: list[LeanItem], seen: list[LeanItem]) -> int:
        """Store `items`, some of those just `seen`; return the time of the last change among all of these."""
        self._index.store_items(items, now=self._clock.now())
        return max(max(item.updated_at, item.added_at) for item in seen)
