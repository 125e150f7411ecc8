"""The only interface to breaker, probe schedule, recovery rate and outage history, for drain loop and tasks.

Every change reads the three files under one lock, decides (outages/transitions.py), and writes what has changed, so no
change is lost when a Health Check runs in another process. Files are written in the order history, schedule, breaker:
a kill in between may leave the circuit not closed or an unnecessary probe scheduled, but no outage without an end.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from local import data_directory
from local.log_marks import SAID_OTHERWISE
from local.storage import LocalStorage
from outages import breaker, failures, history, scheduler, transitions
from outages.breaker import Circuit, CircuitBreaker
from outages.history import Outage, OutageHistory
from outages.limiter import Pace, RecoveryPeriod, RecoveryRateLimiter
from outages.notices import Notice, notice_at_start, notice_of
from outages.scheduler import PauseReason, ProbeTimes, RecoveryScheduler
from outages.transitions import Event, Gate, GateKind, OutageState, Probe, ProbeResult, Transition
from outages.watched import is_watched
from store.evidence import Evidence
from store.state_file import StateFile

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Collection

    from local.clock import Clock
    from outages.suspects import Suspect

_REREAD_S = 1.0
# Results and pushed jobs of a recovery period are stored this often, not with every job.
_FLUSH_S = 5.0
_DEFAULT_RATE_PER_S = 5.0
_DEFAULT_MINUTES = 5.0


class Resilience:
    """See the module. `now` is always epoch seconds.

    If a change cannot be stored, draining pauses until a probe's result can be; if the pause cannot be stored either,
    it is kept in memory. Only `outages` raises LocalStorage.
    """

    def __init__(self, directory: str, *, clock: Clock, log: logging.Logger) -> None:
        self._directory = directory
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
        self._address = ""
        self._pace = Pace(rate_per_s=_DEFAULT_RATE_PER_S, period_s=clock.interval(_DEFAULT_MINUTES * 60))
        self._state = OutageState()
        self._read_at: float | None = None
        # A schedule that could not be stored; it applies until one can be.
        self._unsaved_schedule: RecoveryScheduler | None = None
        self._limiter: RecoveryRateLimiter | None = None
        self._logged_rate: float | None = None
        self._unsaved_period: RecoveryPeriod | None = None
        self._unsaved_pushes = 0
        self._flushed_at = 0.0

    # The current state

    def refresh(self, now: float, *, at_once: bool = False) -> None:
        """Read the files again if a second has passed since the last time, or `at_once`. Call it in every loop."""
        if not at_once and self._read_at is not None and 0 <= now - self._read_at < self._reread_s:
            return
        try:
            state = replace(self._state, breaker=self._circuit.read(), scheduler=self._read_schedule())
        except LocalStorage as error:
            self._pause_in_memory(error, now)
            return
        self._set_state(state, now)
        self._flush(now)

    def gate(self, now: float) -> Gate:
        """Decide whether jobs may go out. After TRIAL, run one job, record its result, and ask again."""
        return transitions.decide_gate(self._state, now)

    def ticket(self) -> int:
        """Return a ticket. Get one before a job or probe begins, and pass it with the result.

        The result is ignored if the circuit has changed in between.
        """
        return self._state.breaker.transitions

    def is_probe_due(self, now: float) -> bool:
        """Whether a probe is due. Never while jobs may go out, except in HALF_OPEN if no job was tried."""
        return transitions.is_probe_due(self._state, now, self._times)

    def is_watched_probe_due(self, now: float) -> bool:
        """Whether somebody is looking at the page, and Plex was not probed for some seconds."""
        is_due = transitions.is_watched_probe_due(self._state, now, self._times)
        return is_due and bool(self._address) and is_watched(self._directory, now)

    def next_check_at(self) -> float | None:
        """Return when the next probe is due, in epoch seconds; None: at once if `is_probe_due`, otherwise never."""
        return self._state.scheduler.next_check_at if self._state.needs_probe else None

    def take_token(self, now: float) -> float:
        """Call before each job. Return 0 if the job may go out, otherwise the seconds to wait before asking again."""
        period = self._period()
        rate = period.rate_at(now, self._pace) if period is not None else None
        if self._state.breaker.state is Circuit.CLOSED:
            self._log_rate(rate)
        limiter = self._limiter or RecoveryRateLimiter(filled_at=now)
        self._limiter, wait_s = limiter.take(now, rate)
        return wait_s

    @property
    def breaker(self) -> CircuitBreaker:
        """The circuit as last read."""
        return self._state.breaker

    @property
    def scheduler(self) -> RecoveryScheduler:
        """Checks, pauses and recovery period as last read."""
        return self._state.scheduler

    @property
    def awaits_job(self) -> bool:
        """Whether what stops the drain is something that no probe sees."""
        return any(each is not Evidence.PROBE for each in self._state.awaited)

    def rate_per_s(self, now: float) -> float | None:
        """Return the current limit in jobs per second; None if there is none, or no job goes out."""
        period = self._period()
        if period is None or self.gate(now).kind is not GateKind.DRAIN:
            return None
        return period.rate_at(now, self._pace)

    def recovery_until(self, now: float) -> float | None:
        """Return when the current recovery period ends, in epoch seconds; None outside one, or if no job goes out."""
        period = self._period()
        return None if period is None or self.rate_per_s(now) is None else period.ends_at(self._pace)

    def outages(self) -> tuple[Outage, ...]:
        """Return the last 30 outages, oldest first, an ongoing one last. Reads the history file."""
        return self._history.read().listed(self._state.breaker.outage)

    # Events

    def start(self, now: float) -> None:
        """A worker starts (it holds `worker.lock`): Plex is observed from now on."""
        self._change(lambda state: transitions.on_start(state, now, self._times), now)
        for file in (self._circuit, self._schedule):
            with suppress(LocalStorage):  # the first change reports it
                file.create()
        notice = notice_at_start(self.gate(now), now)
        if notice is not None:
            self._log_notice(notice)

    def set_pace(self, *, rate_per_s: float, minutes: float) -> None:
        """Apply the settings `recovery_rate` and `recovery_minutes`, both above 0, also to the current period."""
        self._pace = Pace(rate_per_s=rate_per_s, period_s=self._clock.interval(minutes * 60))

    def use_address(self, address: str, now: float) -> None:
        """Plex is looked for at the address with this digest."""
        self._address = address
        if self._state.breaker.set_up_wrongly(address).events:
            self._change(lambda state: transitions.on_address(state, address, now, self._times), now)

    def settings_changed(self, now: float) -> None:
        """End the pauses that new settings can end; an open circuit is probed at once."""
        self._change(lambda state: transitions.on_new_settings(state, now), now)

    def record_success(
        self, ticket: int, proven: Collection[Evidence], now: float, *, pushed: bool = False
    ) -> None:
        """A job got answers that show that these kinds of request work. Accesses files only if that changes something.

        `pushed`: something was written to Plex. It is counted for the outage that Plex is recovering from, if any.
        """
        times, address = self._times, self._address
        if transitions.has_news(self._state, proven, now, address):
            self._change_for(
                ticket, lambda state: transitions.on_success(state, proven, now, times, address), now
            )
        self._count_result(now, good=True, pushed=pushed)

    def record_failure(
        self, ticket: int, suspect: Suspect, error: str, now: float, *, is_refusal: bool = False
    ) -> Transition:
        """A job failed, but the server at which it failed answers otherwise.

        `is_refusal`: the server took the request and refused it, so it is not overloaded.
        """
        self._count_result(now, good=is_refusal)
        return self._change_for(
            ticket, lambda state: failures.on_failure(state, suspect, error, now, self._times), now
        )

    def record_inconclusive(self, ticket: int, now: float) -> None:
        """A job ended without an answer that says anything. Accesses files only during a trial."""
        if self._state.is_on_trial:
            self._change_for(ticket, lambda state: transitions.on_inconclusive(state, now, self._times), now)

    def record_outage(self, ticket: int, error: str, now: float) -> None:
        """A job failed at the server level, and the probe after it failed too: the circuit opens, no job is charged."""
        address = self._address
        self._change_for(ticket, lambda state: transitions.on_outage(state, error, now, self._times, address), now)

    def record_busy(self, retry_after_s: float | None, message: str, now: float) -> None:
        """Plex answered 429."""
        self._change(lambda state: transitions.on_busy(state, retry_after_s, message, now, self._times), now)

    def record_pause(
        self, reason: PauseReason, message: str, now: float, *, evidence: Evidence = Evidence.PROBE
    ) -> None:
        """A job failed as all others would: token, set-up or disk. Pause until `evidence` or new settings end it."""
        times = self._times
        self._change(
            lambda state: transitions.on_pause(state, reason, message, now, times, evidence=evidence), now
        )

    def record_probe(
        self,
        ticket: int,
        result: ProbeResult,
        now: float,
        *,
        jobs_waiting: int | None = None,
        may_try: bool = False,
    ) -> None:
        """Record the result of a probe, due or requested by the user. `jobs_waiting` None: not known.

        `may_try`: a job can go out now, and shows more than a second probe could.
        """
        times, result = self._times, replace(result, address=self._address)
        self._change_for(
            ticket,
            lambda state: transitions.on_probe(state, result, jobs_waiting, now, times, may_try=may_try),
            now,
        )

    def probe_if_due(self, probe: Probe, jobs_waiting: int, *, may_try: bool) -> ProbeResult | None:
        """Probe Plex if that is due, or somebody is looking; record the result. `may_try`: as for `record_probe`."""
        now = self._clock.now()
        if not self.is_probe_due(now) and not self.is_watched_probe_due(now):
            return None
        ticket = self.ticket()
        result = probe(asks_owner=self._state.scheduler.awaits_right_to_edit)
        self.record_probe(ticket, result, self._clock.now(), jobs_waiting=jobs_waiting, may_try=may_try)
        return result

    def store_counts(self, now: float) -> None:
        """Store all counts that are not stored yet. Call it when all work is done and when the worker ends."""
        self._flush(now, at_once=True)

    # Storage

    def _change(self, decide: Callable[[OutageState], Transition], now: float) -> Transition:
        try:
            with self._circuit.locked():
                before = OutageState(
                    breaker=self._circuit.read(), scheduler=self._read_schedule(), history=self._history.read()
                )
                transition = decide(before)
                self._store(before, transition.state)
        except LocalStorage as error:
            return self._pause_in_memory(error, now)
        self._apply(transition, now)
        return transition

    def _pause_in_memory(self, error: LocalStorage, now: float) -> Transition:
        """A change could not be stored: pause in memory until one can be."""
        transition = transitions.on_pause(self._state, PauseReason.STORAGE, str(error), now, self._times)
        self._unsaved_schedule = transition.state.scheduler
        self._apply(transition, now)
        return transition

    def _change_for(self, ticket: int, decide: Callable[[OutageState], Transition], now: float) -> Transition:
        return self._change(
            lambda state: decide(state) if ticket == state.breaker.transitions else Transition(state=state), now
        )

    def _store(self, before: OutageState, after: OutageState) -> None:
        """Write what has changed. Call it only under the lock; the module explains the order."""
        if after.history != before.history:
            self._history.update(lambda _: after.history)
        self._schedule.update(lambda _: after.scheduler)
        self._unsaved_schedule = None
        if after.breaker != before.breaker:
            self._circuit.update(lambda _: after.breaker)

    def _read_schedule(self) -> RecoveryScheduler:
        return self._unsaved_schedule or self._schedule.read()

    def _apply(self, transition: Transition, now: float) -> None:
        self._set_state(transition.state, now)
        for event in transition.events:
            self._log_event(event, transition.state, now)

    def _set_state(self, state: OutageState, now: float) -> None:
        self._state = state
        self._read_at = now

    # The recovery period

    def _period(self) -> RecoveryPeriod | None:
        """Return the stored recovery period with the results that this process has added since."""
        stored, unsaved = self._state.scheduler.period, self._unsaved_period
        if stored is not None and unsaved is not None and _is_same_period(stored, unsaved):
            return unsaved
        return stored

    def _count_result(self, now: float, *, good: bool, pushed: bool = False) -> None:
        period = self._period()
        if period is None or period.rate_at(now, self._pace) is None:
            return
        self._unsaved_period = period.with_result(good=good, now=now, pace=self._pace)
        self._unsaved_pushes += 1 if pushed else 0
        if self._unsaved_period.rate_scale != period.rate_scale:
            # Store it with the next refresh, because recording a job's result must not run into disk errors.
            self._flushed_at = 0.0

    def _flush(self, now: float, *, at_once: bool = False) -> None:
        """Store the results and pushes counted since the last time, if there are any."""
        if self._unsaved_period is None or not (at_once or abs(now - self._flushed_at) >= _FLUSH_S):
            return
        period, pushes = self._unsaved_period, self._unsaved_pushes
        self._change(lambda state: Transition(state=_with_counts(state, period, pushes)), now)
        self._unsaved_period, self._unsaved_pushes, self._flushed_at = None, 0, now

    # Logging

    def _log_rate(self, rate_per_s: float | None) -> None:
        if rate_per_s == self._logged_rate:
            return
        self._logged_rate = rate_per_s
        if rate_per_s is None:
            self._log.info("the recovery period is over: the rate is no longer limited.")
        else:
            self._log.info("recovery period: at most %g jobs a second for now.", rate_per_s)

    def _log_event(self, event: Event, state: OutageState, now: float) -> None:
        self._log_notice(notice_of(event, state, now=now, rate_per_s=self._pace.rate_per_s))

    def _log_notice(self, notice: Notice) -> None:
        self._log.log(notice.level, "%s", notice.text, extra=SAID_OTHERWISE)


def _is_same_period(one: RecoveryPeriod, other: RecoveryPeriod) -> bool:
    return (one.outage_id, one.started_at) == (other.outage_id, other.started_at)


def _with_counts(state: OutageState, counted: RecoveryPeriod, pushes: int) -> OutageState:
    """Add pushes to the period's outage. The counted period replaces the stored one, but only if it is the same one."""
    history = state.history.with_jobs_pushed(counted.outage_id, pushes)
    period = state.scheduler.period
    if period is None or not _is_same_period(period, counted):
        return replace(state, history=history)
    return replace(state, history=history, scheduler=replace(state.scheduler, period=counted))
