from __future__ import annotations

import logging
from typing import get_args

import pytest

from outages.breaker import CircuitClosed, CircuitHalfOpened, CircuitOpened, OpenOutage, OutageWithdrawn
from outages.notices import Notice, notice_at_start, notice_of
from outages.scheduler import Pause, PauseReason, RecoveryScheduler
from outages.transitions import Event, Gate, GateKind, OutageState, PauseBegan, PauseEnded
from store.evidence import Evidence

NOW = 1_700_000_000.0


def outage(*, lasted_s: float = 200.0, cause: str = "connection refused", jobs_waiting: int = 0) -> OpenOutage:
    return OpenOutage(id=3, started_at=NOW - lasted_s, cause=cause, jobs_waiting=jobs_waiting)


def pause(reason: PauseReason, message: str = "", *, until: float | None = None) -> Pause:
    return Pause(reason=reason, since=NOW - 60, message=message, until=until)


# Each case: the event, the seconds from now to the next check (None: none is planned), level and text.
EVENTS: list[tuple[Event, float | None, int, str]] = [
    (
        CircuitOpened(outage=outage(lasted_s=0), why="connection refused"),
        5,
        logging.WARNING,
        "circuit OPEN: connection refused. All jobs wait, none is charged. Next check in 5 s.",
    ),
    (
        CircuitOpened(outage=outage(), why="no answer within 30 s", is_reopened=True),
        10,
        logging.WARNING,
        "circuit OPEN again: no answer within 30 s. The outage began 3 min 20 s ago. Next check in 10 s.",
    ),
    (
        CircuitOpened(outage=outage(), why="5 different scenes in a row failed", evidence=Evidence.WRITE),
        5,
        logging.WARNING,
        (
            "circuit OPEN: 5 different scenes in a row failed. Their jobs get their attempts back and wait. "
            "Next check in 5 s."
        ),
    ),
    (
        CircuitOpened(outage=outage(), why="500", evidence=Evidence.WRITE, is_reopened=True),
        60,
        logging.DEBUG,
        "circuit OPEN again: 500. The outage began 3 min 20 s ago. Next check in 1 min.",
    ),
    (
        CircuitHalfOpened(outage=outage(), evidence=Evidence.WRITE),
        1,
        logging.DEBUG,
        (
            "circuit HALF_OPEN: Plex answers a probe, 3 min 20 s after the outage began. One job may try now; "
            "without one a second probe decides."
        ),
    ),
    (
        CircuitClosed(outage=outage(cause="500"), at=NOW, evidence=Evidence.WRITE, is_confirmed=False),
        None,
        logging.INFO,
        (
            "circuit CLOSED: Plex answers, but nothing is left to try what failed with: if it fails again, the outage "
            "goes on. Outage 3 lasted 3 min 20 s (500). No job is waiting."
        ),
    ),
    (
        CircuitOpened(outage=outage(), why="connection refused"),
        None,
        logging.WARNING,
        "circuit OPEN: connection refused. All jobs wait, none is charged. Next check at once.",
    ),
    (
        CircuitOpened(outage=outage(), why="connection refused"),
        -1,
        logging.WARNING,
        "circuit OPEN: connection refused. All jobs wait, none is charged. Next check at once.",
    ),
    (
        CircuitHalfOpened(outage=outage()),
        1,
        logging.INFO,
        (
            "circuit HALF_OPEN: Plex answers a probe, 3 min 20 s after the outage began. One job may try now; "
            "without one a second probe decides."
        ),
    ),
    (
        CircuitClosed(outage=outage(cause="connection refused."), at=NOW),
        None,
        logging.INFO,
        "circuit CLOSED: Plex is back. Outage 3 lasted 3 min 20 s (connection refused). No job is waiting.",
    ),
    (
        CircuitClosed(outage=outage(jobs_waiting=1), at=NOW),
        None,
        logging.INFO,
        (
            "circuit CLOSED: Plex is back. Outage 3 lasted 3 min 20 s (connection refused). "
            "1 job is waiting; the drain starts by itself, at 2.5 jobs a second at first."
        ),
    ),
    (
        CircuitClosed(outage=outage(jobs_waiting=120), at=NOW),
        None,
        logging.INFO,
        (
            "circuit CLOSED: Plex is back. Outage 3 lasted 3 min 20 s (connection refused). "
            "120 jobs are waiting; the drain starts by itself, at 2.5 jobs a second at first."
        ),
    ),
    (
        OutageWithdrawn(outage=outage()),
        None,
        logging.INFO,
        "circuit CLOSED: Plex has never been well at the address that was set, so this was no outage.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.STORAGE, "the disk is full")),
        5,
        logging.ERROR,
        "draining PAUSED: the disk is full. Next check in 5 s. No job is charged.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.AUTH, "Plex rejects the token: set plex_token")),
        20,
        logging.ERROR,
        "draining PAUSED: Plex rejects the token: set plex_token. Next check in 20 s. No job is charged.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.SETUP, "there is no library Films.")),
        None,
        logging.ERROR,
        "draining PAUSED: there is no library Films. Next check at once. No job is charged.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.BUSY, "Plex is busy.", until=NOW + 45)),
        5,
        logging.WARNING,
        "draining PAUSED: Plex is busy. It goes on in 45 s. No job is charged.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.STORAGE)),
        None,
        logging.INFO,
        "draining goes on: the disk takes writes again.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.STASH, "Stash answers, but not about scenes.")),
        5,
        logging.ERROR,
        "draining PAUSED: Stash answers, but not about scenes. Next check in 5 s. No job is charged.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.STASH)),
        None,
        logging.INFO,
        "draining goes on: Stash answers about scenes again.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.STASH), is_confirmed=False),
        None,
        logging.INFO,
        "draining goes on: nothing is left to try it with.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.AUTH)),
        None,
        logging.INFO,
        "draining goes on: the reason was the token, and it is tried again.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.SETUP)),
        None,
        logging.INFO,
        "draining goes on: the reason was the set-up, and it is tried again.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.BUSY, until=NOW)),
        None,
        logging.INFO,
        "draining goes on: Plex is no longer busy.",
    ),
]

# Each case: what stops the drain, its message, the seconds from now until it is looked at again, and the text.
STOPS: list[tuple[str, str, float | None, str]] = [
    ("circuit", "Plex is down: refused", 3, "the circuit is still OPEN: Plex is down: refused. Next check in 3 s."),
    ("circuit", "Plex is down: refused", -3, "the circuit is still OPEN: Plex is down: refused. Next check at once."),
    ("stash", "Stash is ill", 40, "draining is still PAUSED: Stash is ill. Next check in 40 s."),
    ("storage", "the disk is full", 40, "draining is still PAUSED: the disk is full. Next check in 40 s."),
    ("auth", "Plex rejects the token", 60, "draining is still PAUSED: Plex rejects the token. Next check in 1 min."),
    ("setup", "there is no library", None, "draining is still PAUSED: there is no library. Next check at once."),
    ("busy", "Plex is busy.", 45, "draining is still PAUSED: Plex is busy. It goes on in 45 s."),
]


@pytest.mark.parametrize(("event", "next_check_s", "level", "text"), EVENTS)
def test_every_event_is_logged_with_its_reason_and_what_comes_next(
    event: Event, next_check_s: float | None, level: int, text: str
) -> None:
    next_check_at = None if next_check_s is None else NOW + next_check_s
    state = OutageState(scheduler=RecoveryScheduler(next_check_at=next_check_at))
    assert notice_of(event, state, now=NOW, rate_per_s=2.5) == Notice(level=level, text=text)


@pytest.mark.parametrize(("stopped_by", "message", "until_s", "text"), STOPS)
def test_a_starting_worker_warns_of_what_stops_the_drain(
    stopped_by: str, message: str, until_s: float | None, text: str
) -> None:
    until = None if until_s is None else NOW + until_s
    gate = Gate(kind=GateKind.WAIT, stopped_by=stopped_by, message=message, until=until)
    assert notice_at_start(gate, NOW) == Notice(level=logging.WARNING, text=text)


@pytest.mark.parametrize("kind", [GateKind.DRAIN, GateKind.TRIAL])
def test_a_starting_worker_says_nothing_when_jobs_may_go_out(kind: GateKind) -> None:
    assert notice_at_start(Gate(kind=kind), NOW) is None


def test_the_tables_cover_every_event_type_and_pause_reason() -> None:
    events = [event for event, *_ in EVENTS]
    assert {type(event) for event in events} == set(get_args(Event))
    for kind in (PauseBegan, PauseEnded):
        assert {event.pause.reason for event in events if isinstance(event, kind)} == set(PauseReason)
    assert {stopped_by for stopped_by, *_ in STOPS} == {"circuit", *(reason.value for reason in PauseReason)}
