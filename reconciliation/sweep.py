"""The sweep of Plex that a run begins with: one page a step, into the index and into the run's memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.clock import Clock
    from plex.model import LeanItem, Section
    from plex.sweep import Sweeper, Sweeps
    from reconciliation.memory import Memory

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
        self._items: Iterator[LeanItem] | None = None
        self._began_at = 0.0
        self._newest = 0

    def step(self) -> bool:
        """Read one page; whether it was the last. Raises PlexError, after which `rewind` comes first."""
        if not self._left:
            return True
        section = self._left[0]
        if self._items is None:
            self._began_at, self._newest = self._clock.now(), 0
            self._items = iter(self._plex.sweep(section, page_size=PAGE))
        items = list(islice(self._items, PAGE))
        self._newest = max(self._newest, self._sweeper.take(items))
        self._memory.see(items)
        if len(items) < PAGE:
            self._end(section)
        return not self._left

    def rewind(self) -> None:
        """A page failed, and what follows it with it: begin the section anew."""
        self._items = None

    def _end(self, section: Section) -> None:
        # A section that shows nothing at all may be one whose disk is away: what is known of it is not forgotten.
        if self._newest:
            self._sweeper.note_swept(section, self._newest, self._began_at)
        self._items = None
        self._left.pop(0)
