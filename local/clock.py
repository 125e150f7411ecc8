"""The one place that tells the time, and how fast PlexSync's own intervals run."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Real time, with intervals shortened by `scale` (1 outside the demonstration and the tests)."""

    scale: float = 1.0

    def now(self) -> float:
        """Epoch seconds, for what is stored."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never jump, for what is waited."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep really this long; pass an `interval` where it shall be scaled."""
        time.sleep(seconds)

    def interval(self, seconds: float) -> float:
        """A back-off, probe delay, period or horizon, in real seconds.

        HTTP timeouts, rates per second and the age of temporary files are never scaled.
        """
        return seconds / self.scale


def clock_from_environment() -> Clock:
    """The clock that PLEXSYNC_TIME_SCALE asks for; anything but a positive number means 1."""
    try:
        scale = float(os.environ.get("PLEXSYNC_TIME_SCALE", "1"))
    except ValueError:
        scale = 1.0
    return Clock(scale=scale if 0 < scale < float("inf") else 1.0)
