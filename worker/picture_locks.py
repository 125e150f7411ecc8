"""Sets the missing locks of pictures that were sent: soon after an edit, in batches during bulk work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from push.picture_locks import ITEMS_PER_BATCH
from worker.parts import due_time

if TYPE_CHECKING:
    import logging

    from local.clock import Clock
    from push.plex_link import PlexLink
    from store.queue import JobQueue
    from worker.stash_link import StashLink

# The longest wait for a full batch while jobs are due, and for the next try after one that was hindered.
WAIT_S = 5.0


class PictureLocking:
    """Background work: a step for each batch of items, at once when no job is due."""

    def __init__(
        self, *, queue: JobQueue, stash: StashLink, plex: PlexLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._queue = queue
        self._stash = stash
        self._plex = plex
        self._clock = clock
        self._log = log
        self._wait_s = clock.interval(WAIT_S)
        self._hindered_until = 0.0

    def due_at(self, now: float) -> float | None:
        """At once for a full batch, or when no job is due; None until the settings are known."""
        locks = self._plex.picture_locks
        if not len(locks) or self._stash.settings is None:
            return None
        waits = len(locks) < ITEMS_PER_BATCH and self._queue.peek_due(now, 1)
        at = due_time(locks.oldest_at + self._wait_s, now, self._wait_s) if waits else now
        return max(at, due_time(self._hindered_until, now, self._wait_s))

    def step(self, now: float, obstacle: str | None) -> None:
        """Check one batch. Raises PlexError, after which it is tried again, and LocalStorage."""
        settings = self._stash.last_settings()
        if obstacle or settings.paused:
            self._hindered_until = now + self._wait_s
            return
        refused = self._plex.picture_locks.set_missing(self._plex.pusher(settings).plex)
        if refused:
            self._log.warning(
                "the pictures that were sent stay unlocked, so Plex may replace them at its next refresh: %s", refused
            )

    def abort(self, reason: str, *, is_transient: bool = False) -> None:  # noqa: ARG002 - either way
        """Log the reason and try again a little later."""
        self._hindered_until = self._clock.now() + self._wait_s
        self._log.debug("locking the pictures that were sent failed: %s", reason)
