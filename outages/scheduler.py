"""When Plex is probed next, what stops the drain besides the circuit, and the recovery period. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from outages import limiter
from outages.limiter import RecoveryPeriod

# Soon at first, since most outages are restarts; a minute is the longest that a recovered Plex stays unnoticed.
PROBE_DELAYS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
SECOND_PROBE_S = 1.0
BUSY_DEFAULT_S = 30.0
BUSY_LONGEST_S = 600.0
_BUSY_SHORTEST_S = 1.0
_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTimes:
    """How long everything lasts, in real seconds. `scale`: how much faster than designed, as of `Clock`."""

    scale: float = 1.0

    def delay_s(self, step: int) -> float:
        """Until the next probe, after `step` of them."""
        return PROBE_DELAYS_S[min(step, len(PROBE_DELAYS_S) - 1)] / self.scale

    @property
    def second_probe_s(self) -> float:
        """Until the probe that confirms the one that passed."""
        return SECOND_PROBE_S / self.scale

    @property
    def same_trouble_s(self) -> float:
        """A stop that comes this soon after the last check goes on with its delays instead of starting over."""
        return 2 * PROBE_DELAYS_S[-1] / self.scale

    @property
    def farthest_s(self) -> float:
        """No stored time is further ahead: the longest Retry-After, and leeway for rounding and clock corrections."""
        return 1.1 * BUSY_LONGEST_S / self.scale

    def busy_s(self, retry_after_s: float | None) -> float:
        """How long to leave a busy Plex alone: what it asks for, within 1 to 600 s; 30 s when it does not say."""
        if retry_after_s is None or not math.isfinite(retry_after_s):
            retry_after_s = BUSY_DEFAULT_S
        return min(max(retry_after_s, _BUSY_SHORTEST_S), BUSY_LONGEST_S) / self.scale


class PauseReason(str, Enum):
    """Why draining is stopped although the circuit is closed, in the order in which they are named to the user."""

    STORAGE = "storage"
    AUTH = "auth"
    SETUP = "setup"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One such stop. Only BUSY has an `until` and ends by itself; the others end by a probe or by new settings."""

    reason: PauseReason
    since: float
    message: str
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryScheduler:
    """The whole of `recovery_state.json`.

    Successes and failures are those of checks (probes), in a row. `step` counts the probe intervals used up since
    draining stopped. `recovered_outage` is the last outage counted in `recovery_count`.
    """

    last_check_at: float | None = None
    next_check_at: float | None = None
    consecutive_successes: int = 0
    consecutive_failures: int = 0
    recovery_count: int = 0
    last_recovery_at: float | None = None
    recovered_outage: int | None = None
    step: int = 0
    pauses: tuple[Pause, ...] = ()
    period: RecoveryPeriod | None = None

    @property
    def is_checking(self) -> bool:
        """Is there a pause that only a probe or new settings end?"""
        return any(pause.reason is not PauseReason.BUSY for pause in self.pauses)

    def pause_at(self, now: float, times: ProbeTimes) -> Pause | None:
        """The pause that counts now: the first by reason. A BUSY one further ahead than any may be is void."""
        for pause in self.pauses:
            if pause.until is None or 0 < pause.until - now <= times.farthest_s:
                return pause
        return None

    def is_check_due(self, now: float, times: ProbeTimes) -> bool:
        """For a drain that is stopped. A time further ahead than any may be comes from a clock that was set back."""
        return self.next_check_at is None or not 0 < self.next_check_at - now <= times.farthest_s

    def checked(self, now: float, *, passed: bool | None) -> RecoveryScheduler:
        """A probe's result; None tells neither way."""
        if passed is None:
            return replace(self, last_check_at=now)
        return replace(
            self,
            last_check_at=now,
            consecutive_successes=self.consecutive_successes + 1 if passed else 0,
            consecutive_failures=0 if passed else self.consecutive_failures + 1,
        )

    def check_later(self, now: float, times: ProbeTimes) -> RecoveryScheduler:
        """After the next of the growing delays."""
        return replace(self, next_check_at=now + times.delay_s(self.step), step=self.step + 1)

    def check_at(self, at: float | None) -> RecoveryScheduler:
        """Check exactly at `at` (None: cancel); the delays do not grow by it."""
        return replace(self, next_check_at=at)

    def stopped(self, now: float, times: ProbeTimes) -> RecoveryScheduler:
        """Draining stops that ran until now."""
        recently = self.last_check_at is not None and 0 <= now - self.last_check_at <= times.same_trouble_s
        return (self if recently else replace(self, step=0)).check_later(now, times)

    def paused(self, reason: PauseReason, message: str, now: float) -> RecoveryScheduler:
        """Stop draining until a probe or new settings end it.

        What is said about the token replaces what was said about the set-up, and the other way round: a probe finds one
        or the other.
        """
        rivals = {PauseReason.AUTH, PauseReason.SETUP} if reason is not PauseReason.STORAGE else {reason}
        since = next((pause.since for pause in self.pauses if pause.reason is reason), now)
        pause = Pause(reason=reason, since=since, message=message[:_LONGEST_MESSAGE])
        return _with_pause(self.resumed(*rivals), pause)

    def told_to_wait(
        self, retry_after_s: float | None, message: str, now: float, times: ProbeTimes
    ) -> RecoveryScheduler:
        """Plex is busy: nothing goes out for as long as it asks (see `ProbeTimes.busy_s`)."""
        until = now + times.busy_s(retry_after_s)
        pause = Pause(reason=PauseReason.BUSY, since=now, message=message[:_LONGEST_MESSAGE], until=until)
        return _with_pause(self.resumed(PauseReason.BUSY), pause)

    def resumed(self, *reasons: PauseReason) -> RecoveryScheduler:
        """These pauses are over, if there were any."""
        return replace(self, pauses=tuple(pause for pause in self.pauses if pause.reason not in reasons))

    def recovered(self, outage_id: int, now: float) -> RecoveryScheduler:
        """The circuit closed. Counted once for each outage, however often a crash has it repeated."""
        is_new = outage_id != self.recovered_outage
        return replace(
            self,
            recovery_count=self.recovery_count + (1 if is_new else 0),
            recovered_outage=outage_id,
            last_recovery_at=now,
            period=RecoveryPeriod(outage_id=outage_id, started_at=now),
            step=0,
        )


def validated(scheduler: RecoveryScheduler) -> RecoveryScheduler:
    """A state read from a file; ValueError when its fields contradict each other."""
    counts = (scheduler.consecutive_successes, scheduler.consecutive_failures, scheduler.recovery_count, scheduler.step)
    if min(counts) < 0:
        raise ValueError("a count is below zero")
    if any((pause.until is None) is (pause.reason is PauseReason.BUSY) for pause in scheduler.pauses):
        raise ValueError("a pause has an end that does not go with its reason")
    if scheduler.period is None:
        return scheduler
    return replace(scheduler, period=limiter.validated(scheduler.period))


def _with_pause(scheduler: RecoveryScheduler, pause: Pause) -> RecoveryScheduler:
    order = list(PauseReason)
    pauses = sorted((*scheduler.pauses, pause), key=lambda one: order.index(one.reason))
    return replace(scheduler, pauses=tuple(pauses))
