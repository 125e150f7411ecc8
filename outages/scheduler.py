"""When Plex is probed next, which pauses stop the drain, and the recovery period. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from outages import limiter, stops
from outages.limiter import RecoveryPeriod
from store.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

# Short at first, because most outages are restarts. A recovered Plex goes unnoticed for a minute at most.
PROBE_DELAYS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
SECOND_PROBE_S = 1.0
# While somebody is looking at the page.
WATCHED_PROBE_S = 3.0
BUSY_DEFAULT_S = 30.0
BUSY_MAX_S = 600.0
BUSY_MIN_S = 1.0
_MAX_MESSAGE_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTimes:
    """All delays, in real seconds. `scale`: how many times faster than designed the clock runs (`Clock.scale`)."""

    scale: float = 1.0

    def delay_s(self, step: int) -> float:
        """Delay before the next probe, after `step` probes."""
        return PROBE_DELAYS_S[min(step, len(PROBE_DELAYS_S) - 1)] / self.scale

    @property
    def second_probe_s(self) -> float:
        """Delay before the second probe, which confirms one that passed."""
        return SECOND_PROBE_S / self.scale

    @property
    def watched_s(self) -> float:
        """Delay between two probes while somebody is looking."""
        return WATCHED_PROBE_S / self.scale

    @property
    def same_stop_s(self) -> float:
        """If the drain stops again this soon after the last check, the back-off continues instead of starting over."""
        return 2 * PROBE_DELAYS_S[-1] / self.scale

    @property
    def longest_delay_s(self) -> float:
        """The longest delay before a probe."""
        return PROBE_DELAYS_S[-1] / self.scale

    def busy_s(self, retry_after_s: float | None) -> float:
        """How long to leave a busy Plex alone: as long as it asks, but 1 to 600 s; 30 s if it does not say."""
        if retry_after_s is None or not math.isfinite(retry_after_s):
            retry_after_s = BUSY_DEFAULT_S
        return min(max(retry_after_s, BUSY_MIN_S), BUSY_MAX_S) / self.scale


class PauseReason(str, Enum):
    """Why draining is paused although the circuit is closed. Of several reasons, users see the first in this order."""

    STORAGE = "storage"
    STASH = "stash"
    AUTH = "auth"
    SETUP = "setup"
    BUSY = "busy"


_BY_SETTINGS = (PauseReason.AUTH, PauseReason.SETUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One pause. Only BUSY has an `until` and ends by itself; a probe or new settings end the others.

    `evidence`: the kind of request that ends it. If that is not a probe, a passed probe lets one job try
    (`is_on_trial`).
    """

    reason: PauseReason
    since: float
    message: str
    until: float | None = None
    evidence: Evidence = Evidence.PROBE
    is_on_trial: bool = False

    def says_the_same_as(self, other: Pause) -> bool:
        """Whether users know of this pause from the other one.

        On a full disk, a different file fails each time, and each trial fails with another scene. A busy Plex may ask
        for one pause after another.
        """
        if self.reason is not other.reason:
            return False
        is_repeated = self.evidence is other.evidence is not Evidence.PROBE
        return is_repeated or self.reason in (PauseReason.STORAGE, PauseReason.BUSY) or self.message == other.message


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryScheduler:
    """The content of `recovery_state.json`. Times are epoch seconds.

    `consecutive_successes` and `consecutive_failures` count checks (probes). `step` counts the back-off delays used
    since draining stopped. `recovered_outage` is the id of the last outage counted in `recovery_count`.
    `known_address` is a digest of the last address at which Plex was well.
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
    known_address: str = ""

    @property
    def needs_probe(self) -> bool:
        """Whether there is a pause that only a probe or new settings can end."""
        return stops.need_probe(self.pauses)

    @property
    def is_on_trial(self) -> bool:
        """Whether one job may try if a pause is over."""
        return any(pause.is_on_trial for pause in self.pauses)

    @property
    def awaits_right_to_edit(self) -> bool:
        """Whether the drain waits for a token that may edit."""
        return any(pause.reason is PauseReason.AUTH and pause.evidence is Evidence.WRITE for pause in self.pauses)

    def is_new_address(self, address: str) -> bool:
        """Whether Plex was well, but never at this address."""
        return bool(self.known_address and address) and self.known_address != address

    def well_at(self, address: str) -> RecoveryScheduler:
        """Plex is well at this address; empty: not known."""
        return replace(self, known_address=address or self.known_address)

    def pause_at(self, now: float) -> Pause | None:
        """Return the pause that stops the drain."""
        return stops.active_pause(self.pauses, now)

    def is_check_due(self, now: float, times: ProbeTimes) -> bool:
        """Whether a check is due, if draining is stopped. One further ahead than any delay is: the clock was set."""
        if self.next_check_at is None:
            return True
        busy_s = [each.until - each.since for each in self.pauses if each.until and each.until == self.next_check_at]
        return not stops.is_ahead(self.next_check_at, now, max([times.longest_delay_s, *busy_s]))

    def with_check(self, now: float, *, passed: bool | None) -> RecoveryScheduler:
        """Record a probe's result; `passed` None: inconclusive."""
        if passed is None:
            return replace(self, last_check_at=now)
        return replace(
            self,
            last_check_at=now,
            consecutive_successes=self.consecutive_successes + 1 if passed else 0,
            consecutive_failures=0 if passed else self.consecutive_failures + 1,
        )

    def back_off(self, now: float, times: ProbeTimes) -> RecoveryScheduler:
        """Schedule the next check after the next, longer delay."""
        return replace(self, next_check_at=now + times.delay_s(self.step), step=self.step + 1)

    def check_at(self, at: float | None) -> RecoveryScheduler:
        """Schedule a check exactly at `at` (None: cancel); the back-off is unchanged."""
        return replace(self, next_check_at=at)

    def drain_stopped(self, now: float, times: ProbeTimes) -> RecoveryScheduler:
        """Draining ran until now: schedule the first check after it stopped."""
        recently = self.last_check_at is not None and 0 <= now - self.last_check_at <= times.same_stop_s
        return (self if recently else replace(self, step=0)).back_off(now, times)

    def paused(
        self, reason: PauseReason, message: str, now: float, evidence: Evidence = Evidence.PROBE
    ) -> RecoveryScheduler:
        """Pause until `evidence` or new settings end it.

        AUTH and SETUP replace each other, because a probe finds one or the other.
        """
        replaced = _BY_SETTINGS if reason in _BY_SETTINGS else (reason,)
        since = next((pause.since for pause in self.pauses if pause.reason is reason), now)
        pause = Pause(reason=reason, since=since, message=message[:_MAX_MESSAGE_LENGTH], evidence=evidence)
        return _with_pause(self.resumed(*replaced), pause)

    def resumed_by_job(self, proven: Collection[Evidence], now: float) -> RecoveryScheduler:
        """End the pauses that a job has shown to be over, and forget BUSY ones that have ended by themselves."""
        return self._keep(lambda pause: pause.until > now if pause.until else pause.evidence not in _of_jobs(proven))

    def resumed_by_probe(self, *, may_try: bool) -> RecoveryScheduler:
        """A probe found nothing wrong: end the pauses that probes end, and let one job try for the others.

        `may_try`: a job can go out on trial. Without one, a second probe ends those as well, though that shows nothing.
        """
        kept = self._keep(lambda pause: not ((pause.is_on_trial and not may_try) or _is_of_probe(pause)))
        return replace(kept, pauses=tuple(_on_trial(pause) for pause in kept.pauses))

    def without_trials(self) -> RecoveryScheduler:
        """Have the pauses on trial wait for the next probe."""
        return replace(self, pauses=tuple(replace(pause, is_on_trial=False) for pause in self.pauses))

    def _keep(self, is_kept: Callable[[Pause], bool]) -> RecoveryScheduler:
        return replace(self, pauses=tuple(pause for pause in self.pauses if is_kept(pause)))

    def paused_while_busy(
        self, retry_after_s: float | None, message: str, now: float, times: ProbeTimes
    ) -> RecoveryScheduler:
        """Pause for as long as a busy Plex asks (see `ProbeTimes.busy_s`)."""
        until = now + times.busy_s(retry_after_s)
        pause = Pause(reason=PauseReason.BUSY, since=now, message=message[:_MAX_MESSAGE_LENGTH], until=until)
        return _with_pause(self.resumed(PauseReason.BUSY), pause)

    def resumed(self, *reasons: PauseReason) -> RecoveryScheduler:
        """End the pauses with these reasons, if there are any."""
        return self._keep(lambda pause: pause.reason not in reasons)

    def recovered(self, outage_id: int, now: float) -> RecoveryScheduler:
        """The circuit closed: start the recovery period. Counted once per outage, even if a crash makes it repeat."""
        is_new = outage_id != self.recovered_outage
        return replace(
            self,
            recovery_count=self.recovery_count + (1 if is_new else 0),
            recovered_outage=outage_id,
            last_recovery_at=now,
            period=RecoveryPeriod(outage_id=outage_id, started_at=now),
            step=0,
        )


def _of_jobs(proven: Collection[Evidence]) -> Collection[Evidence]:
    """Without what jobs cannot prove alone: a probe also looks at token and libraries."""
    return [each for each in proven if each is not Evidence.PROBE]


def _is_of_probe(pause: Pause) -> bool:
    return pause.reason in _BY_SETTINGS and pause.evidence is Evidence.PROBE


def _on_trial(pause: Pause) -> Pause:
    return pause if pause.evidence is Evidence.PROBE else replace(pause, is_on_trial=True)


def validated(scheduler: RecoveryScheduler) -> RecoveryScheduler:
    """Check a state read from a file; ValueError if its fields contradict each other."""
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
    pauses = sorted((*scheduler.pauses, pause), key=lambda each: order.index(each.reason))
    return replace(scheduler, pauses=tuple(pauses))
