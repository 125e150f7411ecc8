"""The only source of time, and the scale that shortens PlexSync's own intervals."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Real time. Intervals are divided by `scale`, which is 1 except in the demonstration and in tests."""

    scale: float = 1.0

    def now(self) -> float:
        """Epoch seconds, for times that are stored."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from a clock that is never adjusted, for measuring waits."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for real seconds; pass an `interval` to apply the scale."""
        time.sleep(seconds)

    def interval(self, seconds: float) -> float:
        """Real seconds for a back-off, probe delay, period or time limit.

        HTTP timeouts, rates per second and the age of temporary files are never scaled.
        """
        return seconds / self.scale


def clock_from_environment() -> Clock:
    """A clock with the scale in PLEXSYNC_TIME_SCALE; 1 if that is not a positive number."""
    try:
        scale = float(os.environ.get("PLEXSYNC_TIME_SCALE", "1"))
    except ValueError:
        scale = 1.0
    return Clock(scale=scale if 0 < scale < float("inf") else 1.0)
