"""The sweep of Plex that starts a run: each step reads one page into the index and into the run's cache."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plex.model import LeanItem, Section
    from plex.sweep import Beginning, SweepClient, Sweeper
    from reconciliation.cache import ReconciliationCache

# Items in one page of PlexClient.sweep.
PAGE_SIZE = 1000


class Sweep:
    """Reads the given sections completely."""

    def __init__(
        self,
        sections: Sequence[Section],
        *,
        plex: SweepClient,
        sweeper: Sweeper,
        cache: ReconciliationCache,
    ) -> None:
        self._left = list(sections)
        self._plex = plex
        self._sweeper = sweeper
        self._cache = cache
        self._pages: Iterator[LeanItem] | None = None
        self._beginning: Beginning | None = None
        self._newest = 0
        self._count = 0
        self.empty_sections: list[Section] = []

    def step(self) -> bool:
        """Read one page; return whether it was the last.

        After an error of Plex or the disk, the next step starts the section over.
        """
        if not self._left:
            return True
        section = self._left[0]
        # Restored only when the page is stored: after a failed page the iterator has lost its place.
        pages, self._pages = self._pages or self._begin(section), None
        items = list(islice(pages, PAGE_SIZE))
        self._newest = max(self._newest, self._sweeper.store_items(items))
        self._cache.add_swept(items)
        self._count += len(items)
        if len(items) < PAGE_SIZE:
            self._end(section)
        else:
            self._pages = pages
        return not self._left

    def _begin(self, section: Section) -> Iterator[LeanItem]:
        self._beginning, self._newest, self._count = self._sweeper.begin(), 0, 0
        return iter(self._plex.sweep(section, page_size=PAGE_SIZE))

    def _end(self, section: Section) -> None:
        if self._count and self._beginning:
            self._sweeper.record_sweep(section, self._newest, self._beginning)
        else:  # its disk may be unmounted: the index keeps what it knows of the section
            self.empty_sections.append(section)
        self._left.pop(0)
