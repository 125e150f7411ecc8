"""Log lines for changes: what happened, why, and what comes next. Pure."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from local.words import counted, duration_in_words, sentence
from outages.breaker import CircuitClosed, CircuitHalfOpened, CircuitOpened, OutageWithdrawn
from outages.scheduler import PauseReason
from outages.transitions import Event, Gate, GateKind, OutageState, PauseEnded
from store.evidence import Evidence

NO_OUTAGE: Final = "That was no outage: Plex has never worked at the address that was set."
# Why the end of an outage or a pause is not certain.
NOTHING_DUE: Final = "nothing is due, so the next change shows whether it works"
_RESUMED: Final = {
    PauseReason.STORAGE: "the disk takes writes again",
    PauseReason.STASH: "Stash answers about scenes again",
    PauseReason.AUTH: "the token is tried again",
    PauseReason.SETUP: "the settings are tried again",
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
        return Notice(level=logging.INFO, text=NO_OUTAGE)
    if isinstance(event, PauseEnded):
        why = _RESUMED[event.pause.reason] if event.is_confirmed else NOTHING_DUE
        return Notice(level=logging.INFO, text=f"pushing continues: {why}.")
    is_busy = event.pause.until is not None
    next_at = event.pause.until if is_busy else state.scheduler.next_check_at
    when = _when_next(next_at, now, busy=is_busy)
    text = f"pushing is stopped: {sentence(event.pause.message)} {when}"
    return Notice(level=logging.WARNING if is_busy else logging.ERROR, text=text)


def notice_at_start(gate: Gate, now: float) -> Notice | None:
    """Describe what stops the drain when a worker starts; None if nothing does."""
    if gate.kind is not GateKind.WAIT or gate.message is None:
        return None
    what = "the outage goes on" if gate.stopped_by == "circuit" else "pushing is still stopped"
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
            level=level, text=f"the outage goes on: {sentence(event.why)} It began {lasted} ago. {after}"
        )
    waiting = "Changes wait."
    if event.evidence is not Evidence.PROBE:
        waiting = "Changes wait, and these attempts do not count."
    return Notice(level=logging.WARNING, text=f"an outage begins: {sentence(event.why)} {waiting} {after}")


def _half_opened(event: CircuitHalfOpened, now: float) -> Notice:
    lasted = duration_in_words(now - event.outage.started_at)
    text = (
        f"Plex answers again, {lasted} after the outage began. One scene is pushed first, to test it; if none is due, "
        "a second check decides."
    )
    return Notice(level=logging.INFO if event.evidence is Evidence.PROBE else logging.DEBUG, text=text)


def _closed(event: CircuitClosed, rate_per_s: float) -> str:
    outage = event.outage
    lasted = duration_in_words(event.at - outage.started_at)
    waiting = "Nothing is pending."
    if outage.jobs_waiting:
        waiting = f"{counted(outage.jobs_waiting, 'job')} pending; at first at most {rate_per_s:g} a second are pushed."
    what = "Plex is back." if event.is_confirmed else f"Plex answers again; {NOTHING_DUE}."
    return f"the outage is over: {what} Outage {outage.id} lasted {lasted} ({outage.cause.rstrip('.')}). {waiting}"


def _when_next(at: float | None, now: float, *, busy: bool = False) -> str:
    when = "at once" if at is None or at <= now else f"in {duration_in_words(at - now)}"
    return f"It continues {when}." if busy else f"Next check {when}."
