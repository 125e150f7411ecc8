"""Log lines for changes: what happened, why, and what comes next. Pure."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from local.words import duration_in_words, sentence
from outages.breaker import CircuitClosed, CircuitHalfOpened, CircuitOpened, OutageWithdrawn
from outages.scheduler import PauseReason
from outages.transitions import Event, Gate, GateKind, OutageState, PauseEnded
from store.evidence import Evidence

_RESUMED: Final = {
    PauseReason.STORAGE: "the disk takes writes again",
    PauseReason.STASH: "Stash answers about scenes again",
    PauseReason.AUTH: "the reason was the token, and it is tried again",
    PauseReason.SETUP: "the reason was the set-up, and it is tried again",
    PauseReason.BUSY: "Plex is no longer busy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A log line. `level` is one of the levels of `logging`."""

    level: int
    text: str


def notice_of(event: Event, state: OutageState, *, now: float, rate_per_s: float) -> Notice:
    """Describe an event. `state`: after the event; `rate_per_s`: of the recovery period's first step."""
    if isinstance(event, CircuitOpened):
        return _opened(event, state, now)
    if isinstance(event, CircuitHalfOpened):
        return _half_opened(event, now)
    if isinstance(event, CircuitClosed):
        return Notice(level=logging.INFO, text=_closed(event, rate_per_s))
    if isinstance(event, OutageWithdrawn):
        text = "circuit CLOSED: Plex has never been well at the address that was set, so this was no outage."
        return Notice(level=logging.INFO, text=text)
    if isinstance(event, PauseEnded):
        why = _RESUMED[event.pause.reason] if event.is_confirmed else "nothing is left to try it with"
        return Notice(level=logging.INFO, text=f"draining goes on: {why}.")
    is_busy = event.pause.until is not None
    next_at = event.pause.until if is_busy else state.scheduler.next_check_at
    when = _when_next(next_at, now, busy=is_busy)
    text = f"draining PAUSED: {sentence(event.pause.message)} {when} No job is charged."
    return Notice(level=logging.WARNING if is_busy else logging.ERROR, text=text)


def notice_at_start(gate: Gate, now: float) -> Notice | None:
    """Describe what stops the drain when a worker starts; None if nothing does."""
    if gate.kind is not GateKind.WAIT or gate.message is None:
        return None
    what = "the circuit is still OPEN" if gate.stopped_by == "circuit" else "draining is still PAUSED"
    busy = gate.stopped_by == PauseReason.BUSY.value
    text = f"{what}: {sentence(gate.message)} {_when_next(gate.until, now, busy=busy)}"
    return Notice(level=logging.WARNING, text=text)


def _opened(event: CircuitOpened, state: OutageState, now: float) -> Notice:
    after = _when_next(state.scheduler.next_check_at, now)
    if event.is_reopened:
        # A trial fails every minute as long as nothing can be written; once is enough to tell.
        level = logging.WARNING if event.evidence is Evidence.PROBE else logging.DEBUG
        lasted = duration_in_words(now - event.outage.started_at)
        return Notice(
            level=level, text=f"circuit OPEN again: {sentence(event.why)} The outage began {lasted} ago. {after}"
        )
    charged = "All jobs wait, none is charged."
    if event.evidence is not Evidence.PROBE:
        charged = "Their jobs get their attempts back and wait."
    return Notice(level=logging.WARNING, text=f"circuit OPEN: {sentence(event.why)} {charged} {after}")


def _half_opened(event: CircuitHalfOpened, now: float) -> Notice:
    lasted = duration_in_words(now - event.outage.started_at)
    text = (
        f"circuit HALF_OPEN: Plex answers a probe, {lasted} after the outage began. One job may try now; "
        "without one a second probe decides."
    )
    return Notice(level=logging.INFO if event.evidence is Evidence.PROBE else logging.DEBUG, text=text)


def _closed(event: CircuitClosed, rate_per_s: float) -> str:
    outage = event.outage
    lasted = duration_in_words(event.at - outage.started_at)
    waiting = "No job is waiting."
    if outage.jobs_waiting:
        count = "1 job is" if outage.jobs_waiting == 1 else f"{outage.jobs_waiting} jobs are"
        waiting = f"{count} waiting; the drain starts by itself, at {rate_per_s:g} jobs a second at first."
    what = "Plex is back."
    if not event.is_confirmed:
        what = "Plex answers, but nothing is left to try what failed with: if it fails again, the outage goes on."
    return f"circuit CLOSED: {what} Outage {outage.id} lasted {lasted} ({outage.cause.rstrip('.')}). {waiting}"


def _when_next(at: float | None, now: float, *, busy: bool = False) -> str:
    when = "at once" if at is None or at <= now else f"in {duration_in_words(at - now)}"
    return f"It goes on {when}." if busy else f"Next check {when}."
