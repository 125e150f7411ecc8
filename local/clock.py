"""The only source of time, and the scale that shortens PlexSync's own intervals.

The system's clock may be set at any moment, and may have been wrong when a time was stored. Two rules keep that
harmless: a wait within this process runs on the monotonic clock (`Countdown`), and a stored time is never trusted
further than the longest wait that it can mean. One that lies in the future was stored under another clock
(`is_plausible`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from local.scale import scale_from_environment

# Clocks are routinely corrected by seconds, and a file server's differs from this machine's. Further in the future lies
# only what was stored while the clock was wrong.
CORRECTION_S = 60.0


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

    def utc_offset_s(self, at: float) -> float:
        """Seconds by which this machine's local time is ahead of UTC, at an epoch time."""
        return float(time.localtime(at).tm_gmtoff)

    def sleep(self, seconds: float) -> None:
        """Sleep for real seconds; pass an `interval` to apply the scale."""
        time.sleep(seconds)

    def moment(self) -> Moment:
        """This moment."""
        return Moment(at=self.now(), monotonic=self.monotonic())

    def interval(self, seconds: float) -> float:
        """Real seconds for a back-off, probe delay, period or time limit.

        HTTP timeouts, rates per second and the age of temporary files are never scaled.
        """
        return seconds / self.scale


# For whoever is given no other.
SYSTEM: Final = Clock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment within this process, by both clocks: epoch seconds and monotonic seconds."""

    at: float
    monotonic: float

    def age_s(self, clock: Clock) -> float:
        """The real seconds since then."""
        return clock.monotonic() - self.monotonic

    def was_clock_set(self, clock: Clock) -> bool:
        """Whether the system's clock was set since then, by a second or more: then no other time compares with it."""
        return abs(clock.now() - self.at - self.age_s(clock)) >= 1.0


class Countdown:
    """A wait within this process, over at first. Setting the system's clock changes nothing about it."""

    __slots__ = ("_clock", "_ends_at")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends_at = float("-inf")

    def start(self, seconds: float) -> None:
        """Wait for this many real seconds from now on, whatever was left."""
        self._ends_at = self._clock.monotonic() + seconds

    def stop(self) -> None:
        """Make it over now."""
        self._ends_at = float("-inf")

    @property
    def left_s(self) -> float:
        """The real seconds that are left; 0 if it is over."""
        return max(0.0, self._ends_at - self._clock.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.left_s == 0.0


class Stopwatch:
    """Measures how long something has lasted within this process, whatever is done to the system's clock."""

    __slots__ = ("_began_at", "_clock")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at: float | None = None

    def start(self) -> None:
        """Measure from now on, unless it runs already."""
        if self._began_at is None:
            self._began_at = self._clock.monotonic()

    def restart(self) -> None:
        """Measure from now on."""
        self._began_at = self._clock.monotonic()

    def stop(self) -> None:
        """Forget the beginning."""
        self._began_at = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._began_at is not None

    @property
    def passed_s(self) -> float:
        """The real seconds since the start; 0 if it does not run."""
        return 0.0 if self._began_at is None else self._clock.monotonic() - self._began_at


def is_plausible(at: float, now: float) -> bool:
    """Whether a stored time (epoch seconds) can be true: it does not lie in the future."""
    return at <= now + CORRECTION_S


def clock_from_environment() -> Clock:
    """A clock with the scale of the environment."""
    return Clock(scale=scale_from_environment())
