"""Ends the wait of a task in which nothing moves any more, whatever the reason: Stash runs one job after the other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from local.clock import Countdown
from local.data_directory import PLEX_INDEX

if TYPE_CHECKING:
    from tasks.context import Context

# Longer than any single request of a worker lasts with the default settings.
PATIENCE_S = 100.0
# However fast the clock runs, a worker takes seconds to start, and requests their time.
LEAST_S = 40.0


class Patience:
    """Measures how long nothing has moved, from the first look on."""

    def __init__(self, context: Context) -> None:
        self._index = os.path.join(context.directory, PLEX_INDEX)
        self._limit_s = max(context.clock.interval(PATIENCE_S), LEAST_S)
        self._countdown = Countdown(context.clock)
        self._seen: object = None

    def is_over(self, progress: object) -> bool:
        """Whether this value has stayed the same too long, and the worker has read no page of Plex's items either."""
        seen = (progress, [_modified_ns(self._index + ending) for ending in ("", "-wal")])
        if seen != self._seen:
            self._seen = seen
            self._countdown.start(self._limit_s)
        return self._countdown.is_over


def _modified_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
