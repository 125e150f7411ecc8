"""The one door to breaker, probe schedule, recovery rate and outage history: what the drain loop asks and tells.

Every change reads the three files under one lock, decides (outages/transitions.py) and writes what is different, so a
Health Check in another process loses nothing and is lost by nothing. The order is history, schedule, breaker: a kill
in between leaves the circuit not closed, or a probe planned that is not needed, never an outage that has no end.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from local import data_directory
from local.storage import LocalStorage
from outages import breaker, history, scheduler, transitions
from outages.breaker import Circuit, CircuitBreaker
from outages.history import Outage, OutageFigures, OutageHistory
from outages.limiter import Pace, RecoveryPeriod, RecoveryRateLimiter
from outages.notices import Notice, notice_at_start, notice_of
from outages.scheduler import PauseReason, ProbeTimes, RecoveryScheduler
from outages.transitions import Event, Gate, OutageState, ProbeResult, Transition
from store.state_file import StateFile

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from local.clock import Clock

_REREAD_S = 1.0
# What is counted during a recovery (results watched, jobs pushed) is stored this often, not with every job.
_FLUSH_S = 5.0
_DEFAULT_RATE_PER_S = 5.0
_DEFAULT_MINUTES = 5.0


class Resilience:
    """See the module. `now` is epoch seconds throughout.

    When the disk refuses a change, draining pauses for that reason (kept in mind if it cannot be stored either) until a
    probe's result can be stored; only `outages` and `figures` raise LocalStorage.
    """

    def __init__(self, directory: str, *, clock: Clock, log: logging.Logger) -> None:
        self._clock = clock
        self._times = ProbeTimes(scale=clock.scale)
        self._reread_s = clock.interval(_REREAD_S)
        self._log = log
        self._circuit = StateFile(
            os.path.join(directory, data_directory.CIRCUIT_BREAKER),
            CircuitBreaker(),
            clock=clock,
            log=log,
            validate=breaker.validated,
        )
        self._schedule = StateFile(
            os.path.join(directory, data_directory.RECOVERY_STATE),
            RecoveryScheduler(),
            clock=clock,
            log=log,
            validate=scheduler.validated,
        )
        self._history = StateFile(
            os.path.join(directory, data_directory.OUTAGE_HISTORY),
            OutageHistory(),
            clock=clock,
            log=log,
            validate=history.validated,
        )
        self._pace = Pace(rate_per_s=_DEFAULT_RATE_PER_S, period_s=clock.interval(_DEFAULT_MINUTES * 60))
        self._seen = OutageState()
        self._read_at: float | None = None
        # The schedule that the disk did not take; it holds until one is stored again.
        self._unsaved: RecoveryScheduler | None = None
        self._limiter: RecoveryRateLimiter | None = None
        self._rate_told: float | None = None
        self._watched: RecoveryPeriod | None = None
        self._pushed = 0
        self._flushed_at = 0.0

    # What is the case

    def refresh(self, now: float, *, at_once: bool = False) -> None:
        """Look at the files again when a second has passed since the last look, or at once. Call it when you loop."""
        if not at_once and self._read_at is not None and 0 <= now - self._read_at < self._reread_s:
            return
        try:
            seen = replace(self._seen, breaker=self._circuit.read(), scheduler=self._read_schedule())
        except LocalStorage as error:
            self._keep_in_mind(error, now)
            return
        self._see(seen, now)
        self._flush(now)

    def gate(self, now: float) -> Gate:
        """May jobs go out? After TRIAL run one job, record its result, and ask again."""
        return transitions.decide_gate(self._seen, now, self._times)

    def ticket(self) -> int:
        """Take one before a job or a probe begins and give it back with the result.

        A result that the circuit has outrun is ignored.
        """
        return self._seen.breaker.transitions

    def probe_due(self, now: float) -> bool:
        """Shall Plex be probed now? Never while jobs may go out, except HALF_OPEN when no job took its chance."""
        return transitions.is_probe_due(self._seen, now, self._times)

    def next_check_at(self) -> float | None:
        """Epoch seconds of the next probe; None when none is planned, or at once if `probe_due`."""
        return self._seen.scheduler.next_check_at if self._seen.is_stopped else None

    def take_token(self, now: float) -> float:
        """Before each job: 0 to go, else the seconds to wait before asking again."""
        period = self._period()
        rate = period.rate_at(now, self._pace) if period is not None else None
        if self._seen.breaker.state is Circuit.CLOSED:
            self._tell_rate(rate)
        limiter = self._limiter or RecoveryRateLimiter(filled_at=now)
        self._limiter, wait_s = limiter.take(now, rate)
        return wait_s

    @property
    def breaker(self) -> CircuitBreaker:
        """The circuit as last seen."""
        return self._seen.breaker

    @property
    def scheduler(self) -> RecoveryScheduler:
        """Checks, pauses and recovery as last seen."""
        return self._seen.scheduler

    def rate_per_s(self, now: float) -> float | None:
        """The present limit; None when there is none."""
        period = self._period()
        return None if period is None else period.rate_at(now, self._pace)

    def recovery_until(self, now: float) -> float | None:
        """The end of the recovery period under way, epoch seconds; None outside of one."""
        period = self._period()
        return None if period is None or self.rate_per_s(now) is None else period.ends_at(self._pace)

    def outages(self) -> tuple[Outage, ...]:
        """The last 30, oldest first, one under way last. Reads the history."""
        return self._history.read().listed(self._seen.breaker.outage)

    def figures(self, now: float) -> OutageFigures:
        """What the outage report sums up. Reads the history."""
        return self._history.read().figures(self._seen.breaker.outage, now)

    # What happened

    def start(self, now: float) -> None:
        """A worker starts (it holds `worker.lock`): Plex is being watched from now on."""
        self._change(lambda state: transitions.on_start(state, now, self._times), now)
        for file in (self._circuit, self._schedule):
            with suppress(LocalStorage):  # the first change will say so
                file.create()
        notice = notice_at_start(self.gate(now), now)
        if notice is not None:
            self._tell(notice)

    def set_pace(self, *, rate_per_s: float, minutes: float) -> None:
        """The settings `recovery_rate` and `recovery_minutes`, both above 0. Counts at once, also within a period."""
        self._pace = Pace(rate_per_s=rate_per_s, period_s=self._clock.interval(minutes * 60))

    def settings_changed(self, now: float) -> None:
        """Ends the pauses that settings can end; an open circuit is probed at once."""
        self._change(lambda state: transitions.on_new_settings(state, now), now)

    def record_success(self, ticket: int, now: float, *, pushed: bool = True) -> None:
        """A job ended in a way that tells of a healthy server. Costs no file access unless it changes something.

        `pushed`: something was written to Plex; counted for the outage whose recovery it is.
        """
        if self._seen.breaker.succeeded(now).breaker != self._seen.breaker:
            self._change_with(ticket, lambda state: transitions.on_success(state, now, self._times), now)
        self._watch(now, good=True, pushed=pushed)

    def record_own_failure(
        self, ticket: int, scene_id: int, error_class: str, text: str, now: float
    ) -> tuple[int, ...]:
        """A server-level failure of a job after which the probe passed.

        Returns the scenes whose jobs get the attempt back that their last failure cost, because the circuit opened by
        it; this scene is one of them then. Mostly empty.
        """
        self._watch(now, good=False)
        error = f"{error_class}: {text}"
        return self._change_with(
            ticket, lambda state: transitions.on_own_failure(state, scene_id, error, now, self._times), now
        ).refunded

    def record_outage(self, ticket: int, error: str, now: float) -> None:
        """A server-level failure after which the probe failed too: the circuit opens, nothing is charged."""
        self._change_with(ticket, lambda state: transitions.on_outage(state, error, now, self._times), now)

    def record_busy(self, retry_after_s: float | None, message: str, now: float) -> None:
        """Plex answered 429."""
        self._change(lambda state: transitions.on_busy(state, retry_after_s, message, now, self._times), now)

    def record_pause(self, reason: PauseReason, message: str, now: float) -> None:
        """A job met what all others would meet: token, set-up or disk. Only probes and new settings end it."""
        self._change(lambda state: transitions.on_pause(state, reason, message, now, self._times), now)

    def record_probe(self, ticket: int, result: ProbeResult, now: float, *, jobs_waiting: int | None = None) -> None:
        """A probe that was due, or one that the user asked for. `jobs_waiting` None: not known."""
        times = self._times
        self._change_with(ticket, lambda state: transitions.on_probe(state, result, jobs_waiting, now, times), now)

    def maybe_check_recovery(self, probe: Callable[[], ProbeResult], jobs_waiting: int) -> ProbeResult | None:
        """Probe Plex if a probe is due, and draw the consequences."""
        if not self.probe_due(self._clock.now()):
            return None
        ticket = self.ticket()
        result = probe()
        self.record_probe(ticket, result, self._clock.now(), jobs_waiting=jobs_waiting)
        return result

    def store_counts(self, now: float) -> None:
        """All is done, or the worker ends: store what is counted and not yet stored."""
        self._flush(now, at_once=True)

    # How it is stored

    def _change(self, decide: Callable[[OutageState], Transition], now: float) -> Transition:
        try:
            with self._circuit.locked():
                before = OutageState(
                    breaker=self._circuit.read(), scheduler=self._read_schedule(), history=self._history.read()
                )
                transition = decide(before)
                self._store(before, transition.state)
        except LocalStorage as error:
            return self._keep_in_mind(error, now)
        self._take_over(transition, now)
        return transition

    def _keep_in_mind(self, error: LocalStorage, now: float) -> Transition:
        """The disk refused: pause in memory, until a change can be stored."""
        transition = transitions.on_pause(self._seen, PauseReason.STORAGE, str(error), now, self._times)
        self._unsaved = transition.state.scheduler
        self._take_over(transition, now)
        return transition

    def _change_with(self, ticket: int, decide: Callable[[OutageState], Transition], now: float) -> Transition:
        return self._change(
            lambda state: decide(state) if ticket == state.breaker.transitions else Transition(state=state), now
        )

    def _store(self, before: OutageState, after: OutageState) -> None:
        """Only under the lock. See the module for the order."""
        if after.history != before.history:
            self._history.update(lambda _: after.history)
        self._schedule.update(lambda _: after.scheduler)
        self._unsaved = None
        if after.breaker != before.breaker:
            self._circuit.update(lambda _: after.breaker)

    def _read_schedule(self) -> RecoveryScheduler:
        return self._unsaved or self._schedule.read()

    def _take_over(self, transition: Transition, now: float) -> None:
        self._see(transition.state, now)
        for event in transition.events:
            self._tell_event(event, transition.state, now)

    def _see(self, state: OutageState, now: float) -> None:
        self._seen = state
        self._read_at = now

    # The recovery period

    def _period(self) -> RecoveryPeriod | None:
        """The stored one, with what this process has watched since."""
        stored, watched = self._seen.scheduler.period, self._watched
        if stored is not None and watched is not None and _is_same_period(stored, watched):
            return watched
        return stored

    def _watch(self, now: float, *, good: bool, pushed: bool = False) -> None:
        period = self._period()
        if period is None or period.rate_at(now, self._pace) is None:
            return
        self._watched = period.watched(good=good, now=now, pace=self._pace)
        self._pushed += 1 if pushed else 0
        if self._watched.rate_scale != period.rate_scale:
            # With the next look at the files: a job's result is no place for a disk's error.
            self._flushed_at = 0.0

    def _flush(self, now: float, *, at_once: bool = False) -> None:
        """Store what was watched and counted, if anything was."""
        if self._watched is None or not (at_once or abs(now - self._flushed_at) >= _FLUSH_S):
            return
        watched, pushed = self._watched, self._pushed
        self._change(lambda state: Transition(state=_with_watched(state, watched, pushed)), now)
        self._watched, self._pushed, self._flushed_at = None, 0, now

    # Words

    def _tell_rate(self, rate_per_s: float | None) -> None:
        if rate_per_s == self._rate_told:
            return
        self._rate_told = rate_per_s
        if rate_per_s is None:
            self._log.info("the recovery period is over: jobs go out as fast as Plex takes them.")
        else:
            self._log.info("recovering gently: at most %g jobs a second for now.", rate_per_s)

    def _tell_event(self, event: Event, state: OutageState, now: float) -> None:
        self._tell(notice_of(event, state, now=now, rate_per_s=self._pace.rate_per_s))

    def _tell(self, notice: Notice) -> None:
        self._log.log(notice.level, "%s", notice.text)


def _is_same_period(one: RecoveryPeriod, other: RecoveryPeriod) -> bool:
    return (one.outage_id, one.started_at) == (other.outage_id, other.started_at)


def _with_watched(state: OutageState, watched: RecoveryPeriod, pushed: int) -> OutageState:
    """Counted jobs go to their outage; what was watched counts only while its period is the present one."""
    history = state.history.pushed(watched.outage_id, pushed)
    period = state.scheduler.period
    if period is None or not _is_same_period(period, watched):
        return replace(state, history=history)
    return replace(state, history=history, scheduler=replace(state.scheduler, period=watched))
