"""The libraries that PlexSync may use: a list that is believed until it is too old or something speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plex.errors import PlexSetup
from plex.sections import choose_sections, describe_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.clock import Clock, Moment
    from plex.model import Section

# Libraries are rarely added, removed, made anew or given other folders, but nothing tells of it. So the list is read
# again when a library answers with 404; when a file is not found, once for all that miss theirs within this time;
# and by the worker, which looks as often as at Stash, or every minute while a job waits.
SHARED_BY_MISSES_S = 30.0
LOOK_EVERY_S = 600.0
LOOK_WHILE_WAITING_S = 60.0


class Libraries:
    """The configured movie libraries. `read_all`: asks Plex for the libraries of all types. `names`: empty for all."""

    def __init__(self, read_all: Callable[[], tuple[Section, ...]], names: Sequence[str], clock: Clock) -> None:
        self._read_all = read_all
        self._names = names
        self._clock = clock
        self._believed: tuple[Section, ...] | None = None
        self._read_at: Moment | None = None

    def current(self) -> tuple[Section, ...]:
        """The list; read only if none is believed. Raises PlexSetup if a configured library does not exist."""
        return self._read() if self._believed is None else self._believed

    def reread(self) -> bool:
        """Read the list again; whether it differs from the one that was believed. Raises PlexSetup."""
        before = self._believed
        return self._read() != before

    def forget(self) -> None:
        """Believe the list no longer."""
        self._believed = self._read_at = None

    @property
    def believed(self) -> tuple[Section, ...] | None:
        """The list that is believed; None if none is, so that it would have to be read."""
        return self._believed

    @property
    def age_s(self) -> float | None:
        """How old the list is, in real seconds; None if there is none."""
        return None if self._read_at is None else self._read_at.age_s(self._clock)

    def is_newer_than(self, since: float) -> bool:
        """Whether the list was read after `since` (epoch seconds), and a moment ago."""
        read_at, shared_s = self._read_at, self._clock.interval(SHARED_BY_MISSES_S)
        if read_at is None or read_at.was_clock_set(self._clock):
            return False
        return read_at.age_s(self._clock) <= shared_s and read_at.at >= since

    def _read(self) -> tuple[Section, ...]:
        read_at = self._clock.moment()
        self.forget()
        found = self._read_all()
        chosen, missing = choose_sections(found, self._names)
        if missing or not chosen:
            raise PlexSetup(describe_missing(found, missing), setting="plex_library")
        self._believed, self._read_at = chosen, read_at
        return chosen
