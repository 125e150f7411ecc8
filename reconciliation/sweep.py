"""The sweep of Plex that a run begins with: one page a step, into the index and into the run's memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.clock import Clock
    from plex.model import LeanItem, Section
    from plex.sweep import Sweeper, Sweeps
    from reconciliation.cache import Memory

# A page of PlexClient.sweep.
PAGE = 1000


class Sweep:
    """Reads these sections as a whole."""

    def __init__(
        self, sections: Sequence[Section], *, plex: Sweeps, sweeper: Sweeper, memory: Memory, clock: Clock
    ) -> None:
        self._left = list(sections)
        self._plex = plex
        self._sweeper = sweeper
        self._memory = memory
        self._clock = clock
        self._pages: Iterator[LeanItem] | None = None
        self._began_at = 0.0
        self._newest = 0
        self._count = 0
        self.empty: list[Section] = []  # those that showed nothing

    def step(self) -> bool:
        """Read one page; whether it was the last. After an error of Plex or the disk the section is begun anew."""
        if not self._left:
            return True
        section = self._left[0]
        # Put back once the page is taken in: what follows a page that failed has lost its place.
        pages, self._pages = self._pages or self._begin(section), None
        items = list(islice(pages, PAGE))
        # Items seen before the sweep began are forgotten after it, and the clock may be put back meanwhile.
        self._began_at = min(self._began_at, self._clock.now())
        self._newest = max(self._newest, self._sweeper.take(items))
        self._memory.see(items)
        self._count += len(items)
        if len(items) < PAGE:
            self._end(section)
        else:
            self._pages = pages
        return not self._left

    def _begin(self, section: Section) -> Iterator[LeanItem]:
        self._began_at, self._newest, self._count = self._clock.now(), 0, 0
        return iter(self._plex.sweep(section, page_size=PAGE))

    def _end(self, section: Section) -> None:
        if self._count:
            self._sweeper.note_swept(section, self._newest, self._began_at)
        else:  # its disk may be away: what is known of it is not forgotten
            self.empty.append(section)
        self._left.pop(0)
