"""How a job's result, a probe or a start changes breaker, schedule and history together. Pure: values in, values out.

There is one function per kind of event; `decide_gate` and `is_probe_due` say what the drain loop may do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from outages.breaker import (
    Circuit,
    CircuitBreaker,
    CircuitChange,
    CircuitEvent,
    CircuitHalfOpened,
    CircuitOpened,
)
from outages.history import OutageHistory
from outages.scheduler import Pause, PauseReason, ProbeTimes, RecoveryScheduler


class ProbeKind(str, Enum):
    """What a probe found. AUTH and SETUP mean that Plex is up but refuses PlexSync; BUSY is inconclusive."""

    OK = "ok"
    DOWN = "down"
    AUTH = "auth"
    SETUP = "setup"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """`text` says what was found and what to do; empty if all is well. `retry_after_s` is for BUSY only."""

    kind: ProbeKind
    text: str = ""
    retry_after_s: float | None = None


class GateKind(str, Enum):
    """What the drain loop may do now."""

    DRAIN = "drain"
    TRIAL = "trial"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the drain loop may do, and why.

    `stopped_by` is `circuit` or a PauseReason's value; None for DRAIN and TRIAL. `until` is the time of the next probe
    or the end of Retry-After, in epoch seconds.
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
    """Draining may resume, unless something else stops it."""

    pause: Pause


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The new state, and the events to report."""

    state: OutageState
    events: tuple[Event, ...] = ()

    @property
    def refunded(self) -> tuple[int, ...]:
        """Ids of scenes whose jobs get their last attempt back."""
        opened = [event for event in self.events if isinstance(event, CircuitOpened)]
        return opened[0].refunded if opened else ()


def decide_gate(state: OutageState, now: float) -> Gate:
    """Decide whether jobs may go out. An open circuit is named before any pause."""
    next_check_at = state.scheduler.next_check_at
    pause = state.scheduler.pause_at(now)
    if state.breaker.state is Circuit.OPEN:
        error = state.breaker.last_error or "unknown"
        return Gate(kind=GateKind.WAIT, stopped_by="circuit", message=f"Plex is down: {error}", until=next_check_at)
    if pause is not None:
        until = next_check_at if pause.until is None else pause.until
        return Gate(kind=GateKind.WAIT, stopped_by=pause.reason.value, message=pause.message, until=until)
    return Gate(kind=GateKind.TRIAL if state.breaker.state is Circuit.HALF_OPEN else GateKind.DRAIN)


def is_probe_due(state: OutageState, now: float, times: ProbeTimes) -> bool:
    """Whether a scheduled probe is due. Never if there is nothing that a probe could end."""
    return state.needs_probe and state.scheduler.is_check_due(now, times)


def on_success(state: OutageState, now: float, times: ProbeTimes) -> Transition:
    """A job got an answer that shows a healthy server."""
    return _with_circuit_change(state, state.breaker.job_succeeded(now), now, times)


def on_own_failure(state: OutageState, scene_id: int, error: str, now: float, times: ProbeTimes) -> Transition:
    """A job failed at the server level, but the probe after it passed."""
    change = state.breaker.job_failed(scene_id, error, now, _next_outage_id(state))
    transition = _with_circuit_change(state, change, now, times)
    # The next trial goes first; the second probe is only needed if no other job may run.
    return _postpone_second_probe(transition, now, times)


def on_outage(state: OutageState, error: str, now: float, times: ProbeTimes) -> Transition:
    """A job failed at the server level, and the probe after it failed too."""
    return on_probe(state, ProbeResult(kind=ProbeKind.DOWN, text=error), None, now, times)


def on_probe(
    state: OutageState, result: ProbeResult, jobs_waiting: int | None, now: float, times: ProbeTimes
) -> Transition:
    """Apply the result of a probe, scheduled or requested by the user. `jobs_waiting` None: not known.

    Any result ends a STORAGE pause, because the disk takes writes again if the result can be stored.
    """
    known = jobs_waiting if jobs_waiting is not None else _jobs_waiting(state.breaker)
    before = state
    state = replace(state, scheduler=state.scheduler.resumed(PauseReason.STORAGE))
    if result.kind is ProbeKind.DOWN:
        transition = _probe_failed(state, result, known, now, times)
    elif result.kind is ProbeKind.BUSY:
        transition = _probe_found_busy(state, result, known, now, times)
    else:
        transition = _probe_passed(state, result, known, now, times)
    return replace(transition, events=(*transition.events, *_pause_events(before, transition.state)))


def on_pause(state: OutageState, reason: PauseReason, message: str, now: float, times: ProbeTimes) -> Transition:
    """A job failed in a way that all others would: token, set-up or disk."""
    scheduler = state.scheduler.paused(reason, message, now)
    if state.breaker.state is Circuit.HALF_OPEN:
        scheduler = scheduler.check_at(now + times.second_probe_s)
    elif not state.needs_probe:
        scheduler = scheduler.drain_stopped(now, times)
    elif scheduler.is_check_due(now, times):
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
    after = replace(state, scheduler=scheduler.check_at(now if still_stopped else None))
    return Transition(state=after, events=_pause_events(state, after))


def on_start(state: OutageState, now: float, times: ProbeTimes) -> Transition:
    """A worker starts: Plex is observed from now on. A HALF_OPEN circuit opens and is probed at once."""
    state = replace(state, history=state.history.with_observation_start(now))
    change = state.breaker.worker_started(now)
    transition = _with_circuit_change(state, change, now, times)
    if not change.events:
        return transition
    return replace(transition, state=replace(transition.state, scheduler=state.scheduler.check_at(now)))


def _probe_failed(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes
) -> Transition:
    was_open = state.breaker.state is Circuit.OPEN
    change = state.breaker.probe_failed(result.text, now, _next_outage_id(state))
    change = replace(change, breaker=change.breaker.with_probe(jobs_waiting))
    transition = _with_circuit_change(state, change, now, times)
    scheduler = transition.state.scheduler.with_check(now, passed=False)
    if was_open:
        scheduler = scheduler.back_off(now, times)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


def _probe_passed(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes
) -> Transition:
    change = state.breaker.with_probe(jobs_waiting).probe_passed(now)
    scheduler = state.scheduler.with_check(now, passed=True)
    if result.kind is ProbeKind.OK:
        scheduler = scheduler.resumed(PauseReason.AUTH, PauseReason.SETUP)
    else:
        scheduler = scheduler.paused(PauseReason(result.kind.value), result.text, now)
    transition = _with_circuit_change(replace(state, scheduler=scheduler), change, now, times)
    scheduler = transition.state.scheduler
    if transition.state.breaker.state is Circuit.CLOSED:
        scheduler = scheduler.back_off(now, times) if scheduler.needs_probe else scheduler.check_at(None)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


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


def _with_circuit_change(state: OutageState, change: CircuitChange, now: float, times: ProbeTimes) -> Transition:
    """Carry a change of the circuit over to schedule and history."""
    scheduler, history = state.scheduler, state.history
    for event in change.events:
        if isinstance(event, CircuitOpened):
            scheduler = scheduler.back_off(now, times) if event.is_reopened else scheduler.drain_stopped(now, times)
        elif isinstance(event, CircuitHalfOpened):
            scheduler = scheduler.check_at(now + times.second_probe_s)
        else:
            history = history.with_ended(event.outage, now)
            scheduler = scheduler.recovered(event.outage.id, now).check_at(None)
    return Transition(
        state=OutageState(breaker=change.breaker, scheduler=scheduler, history=history), events=change.events
    )


def _postpone_second_probe(transition: Transition, now: float, times: ProbeTimes) -> Transition:
    if transition.state.breaker.state is not Circuit.HALF_OPEN:
        return transition
    scheduler = transition.state.scheduler.check_at(now + times.second_probe_s)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


def _pause_events(before: OutageState, after: OutageState) -> tuple[Event, ...]:
    """Report pauses that ended, and those that are new or have changed. An unchanged pause is not reported again."""
    old, new = before.scheduler.pauses, after.scheduler.pauses
    ended = [PauseEnded(pause=pause) for pause in old if all(pause.reason is not other.reason for other in new)]
    began = [PauseBegan(pause=pause) for pause in new if all(not _is_same_pause(pause, other) for other in old)]
    return (*ended, *began)


def _is_same_pause(one: Pause, other: Pause) -> bool:
    if one.reason is PauseReason.STORAGE:
        # On a full disk, a different file fails each time.
        return other.reason is PauseReason.STORAGE
    return (one.reason, one.message, one.until) == (other.reason, other.message, other.until)


def _next_outage_id(state: OutageState) -> int:
    """Return an unused id. Either file may have been set aside as corrupt; the other one still prevents reuse."""
    return 1 + max(state.breaker.last_outage_id, state.history.last_id)


def _jobs_waiting(breaker: CircuitBreaker) -> int:
    return 0 if breaker.outage is None else breaker.outage.jobs_waiting
