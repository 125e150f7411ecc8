"""How a job's result, a probe or a start changes breaker, schedule and history together. Pure: values in, values out.

There is one function per kind of event; `decide_gate` and `is_probe_due` say what the drain loop may do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from local.words import sentence
from outages import suspects
from outages.breaker import (
    Circuit,
    CircuitBreaker,
    CircuitChange,
    CircuitEvent,
    CircuitHalfOpened,
    CircuitOpened,
    OutageWithdrawn,
)
from outages.history import OutageHistory
from outages.scheduler import Pause, PauseReason, ProbeTimes, RecoveryScheduler
from outages.stops import stop_of, trial_of
from store.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Collection


class ProbeKind(str, Enum):
    """What a probe found. AUTH and SETUP mean that Plex is up but refuses PlexSync; BUSY is inconclusive."""

    OK = "ok"
    DOWN = "down"
    AUTH = "auth"
    SETUP = "setup"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """`text` says what was found and what to do; empty if all is well. `retry_after_s` is for BUSY only.

    `evidence`: the kind of request that has to succeed before it is over. With AUTH, WRITE means that the token may
    read but not edit. `address`: a digest of the address that was probed.
    """

    kind: ProbeKind
    text: str = ""
    retry_after_s: float | None = None
    evidence: Evidence = Evidence.PROBE
    address: str = ""


class Probe(Protocol):
    """Probes Plex."""

    def __call__(self, *, asks_owner: bool = False) -> ProbeResult:
        """Probe Plex now. `asks_owner`: also find out whether the token may edit."""


class GateKind(str, Enum):
    """What the drain loop may do now."""

    DRAIN = "drain"
    TRIAL = "trial"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the drain loop may do, and why.

    `stopped_by` is `circuit` or a PauseReason's value; None for DRAIN; for TRIAL, what the trial is about. `until` is
    the time of the next probe or the end of Retry-After, in epoch seconds.
    """

    kind: GateKind
    stopped_by: str | None = None
    message: str | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBegan:
    """Draining stops for a reason other than the circuit."""

    pause: Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseEnded:
    """Draining may resume, unless something else stops it. `is_confirmed`: what failed has worked since."""

    pause: Pause
    is_confirmed: bool = True


Event = CircuitEvent | PauseBegan | PauseEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageState:
    """The contents of the three state files, read under one lock."""

    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    scheduler: RecoveryScheduler = field(default_factory=RecoveryScheduler)
    history: OutageHistory = field(default_factory=OutageHistory)

    @property
    def needs_probe(self) -> bool:
        """Whether the circuit is not closed or there is a pause other than BUSY."""
        return self.breaker.state is not Circuit.CLOSED or self.scheduler.needs_probe

    @property
    def awaited(self) -> tuple[Evidence, ...]:
        """The kinds of request that have to succeed before jobs may go out again."""
        of_circuit = () if self.breaker.state is Circuit.CLOSED else (self.breaker.evidence,)
        return (*of_circuit, *(pause.evidence for pause in self.scheduler.pauses))

    @property
    def is_on_trial(self) -> bool:
        """Whether one job may try if what stopped the drain is over."""
        return self.breaker.state is Circuit.HALF_OPEN or self.scheduler.is_on_trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The new state, and the events to report.

    `is_excused`: the job that failed is not to blame. `refunded`: the scenes that failed like it before, whose jobs and
    dead letters get their attempts back.
    """

    state: OutageState
    events: tuple[Event, ...] = ()
    is_excused: bool = False
    refunded: tuple[int, ...] = ()


def decide_gate(state: OutageState, now: float) -> Gate:
    """Decide whether jobs may go out. An open circuit is named before any pause."""
    scheduler = state.scheduler
    stop = stop_of(state.breaker, scheduler.pauses, scheduler.next_check_at, now)
    if stop is not None:
        return Gate(kind=GateKind.WAIT, stopped_by=stop[0], message=stop[1], until=stop[2])
    trial = trial_of(state.breaker, scheduler.pauses)
    if trial is not None:
        return Gate(kind=GateKind.TRIAL, stopped_by=trial[0], message=trial[1])
    return Gate(kind=GateKind.DRAIN)


def is_probe_due(state: OutageState, now: float, times: ProbeTimes) -> bool:
    """Whether a scheduled probe is due. Never if there is nothing that a probe could end."""
    return state.needs_probe and state.scheduler.is_check_due(now, times)


def is_watched_probe_due(state: OutageState, now: float, times: ProbeTimes) -> bool:
    """Whether somebody who is looking should have a probe now. A Plex that asked to be left alone is."""
    last_at = state.scheduler.last_check_at
    is_recent = last_at is not None and 0 <= now - last_at < times.watched_s
    is_busy = any(pause.reason is PauseReason.BUSY for pause in state.scheduler.pauses)
    return not is_recent and not is_busy


def has_news(state: OutageState, proven: Collection[Evidence], now: float, address: str) -> bool:
    """Whether a job's success changes anything."""
    if Evidence.PROBE in proven and state.scheduler.well_at(address) != state.scheduler:
        return True
    if state.is_on_trial or state.scheduler.resumed_by_job(proven, now) != state.scheduler:
        return True
    return state.breaker.job_succeeded(proven, now).breaker != state.breaker


def on_success(
    state: OutageState, proven: Collection[Evidence], now: float, times: ProbeTimes, address: str = ""
) -> Transition:
    """A job got answers that show that these kinds of request work. `address`: as in ProbeResult."""
    before, scheduler = state, state.scheduler.resumed_by_job(proven, now)
    state = replace(state, scheduler=scheduler.well_at(address) if Evidence.PROBE in proven else scheduler)
    transition = with_circuit_change(state, state.breaker.job_succeeded(proven, now), now, times)
    after = transition.state
    if after.is_on_trial:
        # It was not what the trial is about: the next job goes first.
        after = replace(after, scheduler=after.scheduler.check_at(now + times.second_probe_s))
    elif before.needs_probe and not after.needs_probe:
        after = replace(after, scheduler=after.scheduler.check_at(None))
    return replace(transition, state=after, events=(*transition.events, *_pause_events(before, after)))


def on_inconclusive(state: OutageState, now: float, times: ProbeTimes) -> Transition:
    """A job ended without showing what the trial is about: the next one goes before a second probe."""
    if not state.is_on_trial:
        return Transition(state=state)
    return Transition(state=replace(state, scheduler=state.scheduler.check_at(now + times.second_probe_s)))


def on_outage(state: OutageState, error: str, now: float, times: ProbeTimes, address: str = "") -> Transition:
    """A job failed at the server level, and the probe after it failed too."""
    return on_probe(state, ProbeResult(kind=ProbeKind.DOWN, text=error, address=address), None, now, times)


def on_address(state: OutageState, address: str, now: float, times: ProbeTimes) -> Transition:
    """Plex is looked for at this address from now on."""
    return with_circuit_change(state, state.breaker.set_up_wrongly(address), now, times)


def on_probe(
    state: OutageState,
    result: ProbeResult,
    jobs_waiting: int | None,
    now: float,
    times: ProbeTimes,
    *,
    may_try: bool = False,
) -> Transition:
    """Apply the result of a probe, scheduled or requested by the user. `jobs_waiting` None: not known.

    `may_try`: a job can go out on trial, and shows more than a second probe could.

    Any result ends a STORAGE pause, because the disk takes writes again if the result can be stored.
    """
    known = jobs_waiting if jobs_waiting is not None else _jobs_waiting(state.breaker)
    before = state
    is_new = state.breaker.state is Circuit.CLOSED and state.scheduler.is_new_address(result.address)
    if result.kind is ProbeKind.DOWN and is_new:
        text = f'Plex has never answered at this address: {sentence(result.text)} Check "Plex address".'
        result = replace(result, kind=ProbeKind.SETUP, text=text)
    state = replace(state, scheduler=state.scheduler.resumed(PauseReason.STORAGE))
    if result.kind is ProbeKind.DOWN:
        transition = _probe_failed(state, result, known, now, times)
    elif result.kind is ProbeKind.BUSY:
        transition = _probe_found_busy(state, result, known, now, times)
    else:
        transition = _probe_passed(state, result, known, now, times, may_try=may_try)
    return replace(transition, events=(*transition.events, *_pause_events(before, transition.state)))


def on_pause(
    state: OutageState,
    reason: PauseReason,
    message: str,
    now: float,
    times: ProbeTimes,
    *,
    evidence: Evidence = Evidence.PROBE,
) -> Transition:
    """A job failed in a way that all others would: token, set-up, disk, or Stash. `evidence`: what ends the pause."""
    was_on_trial = any(pause.reason is reason and pause.is_on_trial for pause in state.scheduler.pauses)
    scheduler = state.scheduler.paused(reason, message, now, evidence)
    if state.breaker.state is Circuit.HALF_OPEN:
        scheduler = scheduler.check_at(now + times.second_probe_s)
    elif not state.needs_probe:
        scheduler = scheduler.drain_stopped(now, times)
    elif was_on_trial or scheduler.is_check_due(now, times):
        # Not even the last probe's result could be stored.
        scheduler = scheduler.back_off(now, times)
    after = replace(state, scheduler=scheduler)
    return Transition(state=after, events=_pause_events(state, after))


def on_busy(
    state: OutageState, retry_after_s: float | None, message: str, now: float, times: ProbeTimes
) -> Transition:
    """Plex asked a job to come back later. Probes wait as well."""
    after = replace(state, scheduler=_busy_schedule(state, retry_after_s, message, now, times))
    return Transition(state=after, events=_pause_events(state, after))


def on_new_settings(state: OutageState, now: float) -> Transition:
    """Token, address and libraries may be correct now: end the pauses that they caused, and probe at once if needed."""
    scheduler = state.scheduler.resumed(PauseReason.AUTH, PauseReason.SETUP)
    still_stopped = replace(state, scheduler=scheduler).needs_probe
    others = tuple(each for each in state.breaker.suspects if not each.is_about_token)
    after = replace(
        state,
        breaker=replace(state.breaker, suspects=others),
        scheduler=scheduler.check_at(now if still_stopped else None),
    )
    return Transition(state=after, events=_pause_events(state, after))


def on_start(state: OutageState, now: float, times: ProbeTimes) -> Transition:
    """A worker starts: Plex is observed from now on. A trial that was cut short is over, and Plex is probed at once."""
    state = replace(state, history=state.history.with_observation_start(now))
    change = state.breaker.worker_started(now)
    transition = with_circuit_change(state, change, now, times)
    if not state.is_on_trial:
        return transition
    scheduler = state.scheduler.without_trials().check_at(now)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


def _probe_failed(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes
) -> Transition:
    was_open = state.breaker.state is Circuit.OPEN
    never_well = "" if state.scheduler.known_address else result.address
    change = state.breaker.probe_failed(result.text, now, next_outage_id(state), never_well)
    change = replace(change, breaker=change.breaker.with_probe(jobs_waiting))
    transition = with_circuit_change(state, change, now, times)
    scheduler = transition.state.scheduler.without_trials().with_check(now, passed=False)
    if was_open:
        scheduler = scheduler.back_off(now, times)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


def _probe_passed(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes, *, may_try: bool
) -> Transition:
    scheduler = state.scheduler.with_check(now, passed=True)
    if result.kind is ProbeKind.OK:
        scheduler = scheduler.well_at(result.address).resumed_by_probe(may_try=may_try)
    elif result.evidence is Evidence.PROBE or not _gets_a_trial(state, result, may_try=may_try):
        scheduler = scheduler.paused(PauseReason(result.kind.value), result.text, now, result.evidence)
    else:
        scheduler = scheduler.resumed_by_probe(may_try=True)
    may_try = may_try and scheduler.pause_at(now) is None
    breaker = state.breaker.with_probe(jobs_waiting)
    wrong = breaker.set_up_wrongly() if result.kind is not ProbeKind.OK else CircuitChange(breaker=breaker)
    change = wrong if wrong.events else breaker.probe_passed(now, may_try=may_try)
    transition = with_circuit_change(replace(state, scheduler=scheduler), change, now, times)
    after = transition.state
    if after.is_on_trial:
        scheduler = after.scheduler.check_at(now + times.second_probe_s)
    elif after.breaker.state is Circuit.CLOSED and after.scheduler.needs_probe:
        scheduler = after.scheduler.back_off(now, times)
    elif after.breaker.state is Circuit.CLOSED:
        scheduler = after.scheduler.check_at(None)
    return replace(transition, state=replace(after, scheduler=scheduler))


def _gets_a_trial(state: OutageState, result: ProbeResult, *, may_try: bool) -> bool:
    """Whether one job may try although Plex repeats that it would refuse it: no probe is as certain as a trial."""
    known = [pause for pause in state.scheduler.pauses if pause.evidence is result.evidence]
    return bool(known) and may_try


def _probe_found_busy(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes
) -> Transition:
    state = replace(
        state, breaker=state.breaker.with_probe(jobs_waiting), scheduler=state.scheduler.with_check(now, passed=None)
    )
    scheduler = _busy_schedule(state, result.retry_after_s, result.text, now, times)
    return Transition(state=replace(state, scheduler=scheduler))


def _busy_schedule(
    state: OutageState, retry_after_s: float | None, message: str, now: float, times: ProbeTimes
) -> RecoveryScheduler:
    scheduler = state.scheduler.paused_while_busy(retry_after_s, message, now, times)
    until = next(pause.until for pause in scheduler.pauses if pause.reason is PauseReason.BUSY)
    return scheduler.check_at(until if state.needs_probe else None)


def with_circuit_change(state: OutageState, change: CircuitChange, now: float, times: ProbeTimes) -> Transition:
    """Carry a change of the circuit over to schedule and history."""
    scheduler, history = state.scheduler, state.history
    for event in change.events:
        if isinstance(event, CircuitOpened):
            scheduler = scheduler.back_off(now, times) if event.is_reopened else scheduler.drain_stopped(now, times)
        elif isinstance(event, CircuitHalfOpened):
            scheduler = scheduler.check_at(now + times.second_probe_s)
        elif isinstance(event, OutageWithdrawn):
            scheduler = scheduler.check_at(None)
        else:
            history = history.with_ended(event.outage, now)
            scheduler = scheduler.recovered(event.outage.id, now).check_at(None)
    return Transition(
        state=OutageState(breaker=change.breaker, scheduler=scheduler, history=history), events=change.events
    )


def _pause_events(before: OutageState, after: OutageState) -> tuple[Event, ...]:
    """Report pauses that ended, and those that are new or have changed. An unchanged pause is not reported again."""
    old, new = before.scheduler.pauses, after.scheduler.pauses
    ended = [
        PauseEnded(pause=pause, is_confirmed=not suspects.of(after.breaker.suspects, (pause.evidence,)))
        for pause in old
        if all(pause.reason is not other.reason for other in new)
    ]
    began = [PauseBegan(pause=pause) for pause in new if not any(pause.says_the_same_as(other) for other in old)]
    return (*ended, *began)


def next_outage_id(state: OutageState) -> int:
    """Return an unused id. Either file may have been set aside as corrupt; the other one still prevents reuse."""
    return 1 + max(state.breaker.last_outage_id, state.history.last_id)


def _jobs_waiting(breaker: CircuitBreaker) -> int:
    return 0 if breaker.outage is None else breaker.outage.jobs_waiting
