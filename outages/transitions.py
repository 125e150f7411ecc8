"""What a job's result, a probe or a start does to breaker, schedule and history together. Pure: values in, values out.

One function for each thing that can happen; `decide_gate` and `is_probe_due` say what the drain loop may do.
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
    """What a probe found. AUTH and SETUP mean that the server is up but refuses us, BUSY tells neither way."""

    OK = "ok"
    DOWN = "down"
    AUTH = "auth"
    SETUP = "setup"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """`text` says what was found and what to do; empty when all is well. `retry_after_s` goes with BUSY."""

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
    """`stopped_by`: `circuit` or a PauseReason's value, None with DRAIN and TRIAL.

    `until`: epoch seconds of the next probe or of the end of Retry-After.
    """

    kind: GateKind
    stopped_by: str | None = None
    message: str | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBegan:
    """Draining stops for another reason than the circuit."""

    pause: Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseEnded:
    """It may go on, as far as this reason is concerned."""

    pause: Pause


Event = CircuitEvent | PauseBegan | PauseEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageState:
    """The three state files, read under one lock."""

    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    scheduler: RecoveryScheduler = field(default_factory=RecoveryScheduler)
    history: OutageHistory = field(default_factory=OutageHistory)

    @property
    def is_stopped(self) -> bool:
        """Is something in the way that only probes end?"""
        return self.breaker.state is not Circuit.CLOSED or self.scheduler.is_checking


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The state after something happened, and what to tell."""

    state: OutageState
    events: tuple[Event, ...] = ()

    @property
    def refunded(self) -> tuple[int, ...]:
        """Scenes whose jobs get their last attempt back."""
        opened = [event for event in self.events if isinstance(event, CircuitOpened)]
        return opened[0].refunded if opened else ()


def decide_gate(state: OutageState, now: float, times: ProbeTimes) -> Gate:
    """May jobs go out? The circuit is named before any pause."""
    next_check_at = state.scheduler.next_check_at
    pause = state.scheduler.pause_at(now, times)
    if state.breaker.state is Circuit.OPEN:
        error = state.breaker.last_error or "unknown"
        return Gate(kind=GateKind.WAIT, stopped_by="circuit", message=f"Plex is down: {error}", until=next_check_at)
    if pause is not None:
        until = next_check_at if pause.until is None else pause.until
        return Gate(kind=GateKind.WAIT, stopped_by=pause.reason.value, message=pause.message, until=until)
    return Gate(kind=GateKind.TRIAL if state.breaker.state is Circuit.HALF_OPEN else GateKind.DRAIN)


def is_probe_due(state: OutageState, now: float, times: ProbeTimes) -> bool:
    """Only while draining is stopped by what a probe can end, on schedule."""
    return state.is_stopped and state.scheduler.is_check_due(now, times)


def on_success(state: OutageState, now: float, times: ProbeTimes) -> Transition:
    """A job's answer told of a healthy server."""
    return _after(state, state.breaker.succeeded(now), now, times)


def on_own_failure(state: OutageState, scene_id: int, error: str, now: float, times: ProbeTimes) -> Transition:
    """A job failed at the server level, the probe after it passed."""
    change = state.breaker.failed_alone(scene_id, error, now, _next_outage_id(state))
    transition = _after(state, change, now, times)
    # The next trial goes first; the second probe waits for the case that no other job may run.
    return _second_probe_later(transition, now, times)


def on_outage(state: OutageState, error: str, now: float, times: ProbeTimes) -> Transition:
    """A job failed at the server level, and so did the probe after it."""
    return on_probe(state, ProbeResult(kind=ProbeKind.DOWN, text=error), None, now, times)


def on_probe(
    state: OutageState, result: ProbeResult, jobs_waiting: int | None, now: float, times: ProbeTimes
) -> Transition:
    """A probe's result, scheduled or made by hand. `jobs_waiting` None: not known.

    That its result can be stored at all is what ends a pause for storage.
    """
    known = jobs_waiting if jobs_waiting is not None else _jobs_waiting(state.breaker)
    before = state
    state = replace(state, scheduler=state.scheduler.resumed(PauseReason.STORAGE))
    if result.kind is ProbeKind.DOWN:
        transition = _probe_failed(state, result, known, now, times)
    elif result.kind is ProbeKind.BUSY:
        transition = _probe_put_off(state, result, known, now, times)
    else:
        transition = _probe_passed(state, result, known, now, times)
    return replace(transition, events=(*transition.events, *_pause_events(before, transition.state)))


def on_pause(state: OutageState, reason: PauseReason, message: str, now: float, times: ProbeTimes) -> Transition:
    """A job met what will meet all others too: token, set-up or the disk."""
    scheduler = state.scheduler.paused(reason, message, now)
    if state.breaker.state is Circuit.HALF_OPEN:
        scheduler = scheduler.check_at(now + times.second_probe_s)
    elif not state.is_stopped:
        scheduler = scheduler.stopped(now, times)
    elif scheduler.is_check_due(now, times):
        # The disk took not even the last probe's result.
        scheduler = scheduler.check_later(now, times)
    after = replace(state, scheduler=scheduler)
    return Transition(state=after, events=_pause_events(state, after))


def on_busy(
    state: OutageState, retry_after_s: float | None, message: str, now: float, times: ProbeTimes
) -> Transition:
    """Plex asked a job to come back later. Probes heed that too."""
    after = replace(state, scheduler=_waiting(state, retry_after_s, message, now, times))
    return Transition(state=after, events=_pause_events(state, after))


def on_new_settings(state: OutageState, now: float) -> Transition:
    """Token, address and libraries may be right now: try at once what they had stopped."""
    scheduler = state.scheduler.resumed(PauseReason.AUTH, PauseReason.SETUP)
    still_stopped = replace(state, scheduler=scheduler).is_stopped
    after = replace(state, scheduler=scheduler.check_at(now if still_stopped else None))
    return Transition(state=after, events=_pause_events(state, after))


def on_start(state: OutageState, now: float, times: ProbeTimes) -> Transition:
    """A worker starts."""
    state = replace(state, history=state.history.observed(now))
    change = state.breaker.found_at_start(now)
    transition = _after(state, change, now, times)
    if not change.events:
        return transition
    return replace(transition, state=replace(transition.state, scheduler=state.scheduler.check_at(now)))


def _probe_failed(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes
) -> Transition:
    was_open = state.breaker.state is Circuit.OPEN
    change = state.breaker.went_down(result.text, now, _next_outage_id(state))
    change = replace(change, breaker=change.breaker.with_probe(jobs_waiting))
    transition = _after(state, change, now, times)
    scheduler = transition.state.scheduler.checked(now, passed=False)
    if was_open:
        scheduler = scheduler.check_later(now, times)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


def _probe_passed(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes
) -> Transition:
    change = state.breaker.with_probe(jobs_waiting).probe_passed(now)
    scheduler = state.scheduler.checked(now, passed=True)
    if result.kind is ProbeKind.OK:
        scheduler = scheduler.resumed(PauseReason.AUTH, PauseReason.SETUP)
    else:
        scheduler = scheduler.paused(PauseReason(result.kind.value), result.text, now)
    transition = _after(replace(state, scheduler=scheduler), change, now, times)
    scheduler = transition.state.scheduler
    if transition.state.breaker.state is Circuit.CLOSED:
        scheduler = scheduler.check_later(now, times) if scheduler.is_checking else scheduler.check_at(None)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


def _probe_put_off(
    state: OutageState, result: ProbeResult, jobs_waiting: int, now: float, times: ProbeTimes
) -> Transition:
    state = replace(
        state, breaker=state.breaker.with_probe(jobs_waiting), scheduler=state.scheduler.checked(now, passed=None)
    )
    return Transition(state=replace(state, scheduler=_waiting(state, result.retry_after_s, result.text, now, times)))


def _waiting(
    state: OutageState, retry_after_s: float | None, message: str, now: float, times: ProbeTimes
) -> RecoveryScheduler:
    scheduler = state.scheduler.told_to_wait(retry_after_s, message, now, times)
    until = next(pause.until for pause in scheduler.pauses if pause.reason is PauseReason.BUSY)
    return scheduler.check_at(until if state.is_stopped else None)


def _after(state: OutageState, change: CircuitChange, now: float, times: ProbeTimes) -> Transition:
    """What a change of the circuit means for schedule and history."""
    scheduler, history = state.scheduler, state.history
    for event in change.events:
        if isinstance(event, CircuitOpened):
            scheduler = scheduler.check_later(now, times) if event.again else scheduler.stopped(now, times)
        elif isinstance(event, CircuitHalfOpened):
            scheduler = scheduler.check_at(now + times.second_probe_s)
        else:
            history = history.closed(event.outage, now)
            scheduler = scheduler.recovered(event.outage.id, now).check_at(None)
    return Transition(
        state=OutageState(breaker=change.breaker, scheduler=scheduler, history=history), events=change.events
    )


def _second_probe_later(transition: Transition, now: float, times: ProbeTimes) -> Transition:
    if transition.state.breaker.state is not Circuit.HALF_OPEN:
        return transition
    scheduler = transition.state.scheduler.check_at(now + times.second_probe_s)
    return replace(transition, state=replace(transition.state, scheduler=scheduler))


def _pause_events(before: OutageState, after: OutageState) -> tuple[Event, ...]:
    """A pause goes on unless its reason is gone; the same stop is told once."""
    old, new = before.scheduler.pauses, after.scheduler.pauses
    ended = [PauseEnded(pause=pause) for pause in old if all(pause.reason is not other.reason for other in new)]
    began = [PauseBegan(pause=pause) for pause in new if all(not _is_same(pause, other) for other in old)]
    return (*ended, *began)


def _is_same(one: Pause, other: Pause) -> bool:
    if one.reason is PauseReason.STORAGE:
        # A full disk refuses now this file, now that one.
        return other.reason is PauseReason.STORAGE
    return (one.reason, one.message, one.until) == (other.reason, other.message, other.until)


def _next_outage_id(state: OutageState) -> int:
    """Either file may have been set aside as corrupt; an id is never used twice as long as one of them lives."""
    return 1 + max(state.breaker.last_outage_id, state.history.last_id)


def _jobs_waiting(breaker: CircuitBreaker) -> int:
    return 0 if breaker.outage is None else breaker.outage.jobs_waiting
