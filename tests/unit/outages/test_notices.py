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
        "an outage begins: connection refused. Changes wait. Next check in 5 s.",
    ),
    (
        CircuitOpened(outage=outage(), why="no answer within 30 s", is_reopened=True),
        10,
        logging.WARNING,
        "the outage goes on: no answer within 30 s. It began 3 min 20 s ago. Next check in 10 s.",
    ),
    (
        CircuitOpened(outage=outage(), why="5 different scenes in a row failed", evidence=Evidence.WRITE),
        5,
        logging.WARNING,
        (
            "an outage begins: 5 different scenes in a row failed. Changes wait, and these attempts do not count. "
            "Next check in 5 s."
        ),
    ),
    (
        CircuitOpened(outage=outage(), why="500", evidence=Evidence.WRITE, is_reopened=True),
        60,
        logging.DEBUG,
        "the outage goes on: 500. It began 3 min 20 s ago. Next check in 1 min.",
    ),
    (
        CircuitHalfOpened(outage=outage(), evidence=Evidence.WRITE),
        1,
        logging.DEBUG,
        (
            "Plex answers again, 3 min 20 s after the outage began. One scene is pushed first, to test it; if none is "
            "due, a second check decides."
        ),
    ),
    (
        CircuitClosed(outage=outage(cause="500"), at=NOW, evidence=Evidence.WRITE, is_confirmed=False),
        None,
        logging.INFO,
        (
            "the outage is over: Plex answers again; nothing is due, so the next change shows whether it works. "
            "Outage 3 lasted 3 min 20 s (500). Nothing is pending."
        ),
    ),
    (
        CircuitOpened(outage=outage(), why="connection refused"),
        None,
        logging.WARNING,
        "an outage begins: connection refused. Changes wait. Next check at once.",
    ),
    (
        CircuitOpened(outage=outage(), why="connection refused"),
        -1,
        logging.WARNING,
        "an outage begins: connection refused. Changes wait. Next check at once.",
    ),
    (
        CircuitHalfOpened(outage=outage()),
        1,
        logging.INFO,
        (
            "Plex answers again, 3 min 20 s after the outage began. One scene is pushed first, to test it; if none is "
            "due, a second check decides."
        ),
    ),
    (
        CircuitClosed(outage=outage(cause="connection refused."), at=NOW),
        None,
        logging.INFO,
        "the outage is over: Plex is back. Outage 3 lasted 3 min 20 s (connection refused). Nothing is pending.",
    ),
    (
        CircuitClosed(outage=outage(jobs_waiting=1), at=NOW),
        None,
        logging.INFO,
        (
            "the outage is over: Plex is back. Outage 3 lasted 3 min 20 s (connection refused). "
            "1 job pending; at first at most 2.5 a second are pushed."
        ),
    ),
    (
        CircuitClosed(outage=outage(jobs_waiting=120), at=NOW),
        None,
        logging.INFO,
        (
            "the outage is over: Plex is back. Outage 3 lasted 3 min 20 s (connection refused). "
            "120 jobs pending; at first at most 2.5 a second are pushed."
        ),
    ),
    (
        OutageWithdrawn(outage=outage()),
        None,
        logging.INFO,
        "That was no outage: Plex has never worked at the address that was set.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.STORAGE, "the disk is full")),
        5,
        logging.ERROR,
        "pushing is stopped: the disk is full. Next check in 5 s.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.AUTH, "Plex rejects the token: set plex_token")),
        20,
        logging.ERROR,
        "pushing is stopped: Plex rejects the token: set plex_token. Next check in 20 s.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.SETUP, "there is no library Films.")),
        None,
        logging.ERROR,
        "pushing is stopped: there is no library Films. Next check at once.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.BUSY, "Plex is busy.", until=NOW + 45)),
        5,
        logging.WARNING,
        "pushing is stopped: Plex is busy. It continues in 45 s.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.STORAGE)),
        None,
        logging.INFO,
        "pushing continues: the disk takes writes again.",
    ),
    (
        PauseBegan(pause=pause(PauseReason.STASH, "Stash answers, but not about scenes.")),
        5,
        logging.ERROR,
        "pushing is stopped: Stash answers, but not about scenes. Next check in 5 s.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.STASH)),
        None,
        logging.INFO,
        "pushing continues: Stash answers about scenes again.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.STASH), is_confirmed=False),
        None,
        logging.INFO,
        "pushing continues: nothing is due, so the next change shows whether it works.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.AUTH)),
        None,
        logging.INFO,
        "pushing continues: the token is tried again.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.SETUP)),
        None,
        logging.INFO,
        "pushing continues: the settings are tried again.",
    ),
    (
        PauseEnded(pause=pause(PauseReason.BUSY, until=NOW)),
        None,
        logging.INFO,
        "pushing continues: Plex is no longer busy.",
    ),
]

# Each case: what stops the drain, its message, the seconds from now until it is looked at again, and the text.
STOPS: list[tuple[str, str, float | None, str]] = [
    ("circuit", "Plex is down: refused", 3, "the outage goes on: Plex is down: refused. Next check in 3 s."),
    ("circuit", "Plex is down: refused", -3, "the outage goes on: Plex is down: refused. Next check at once."),
    ("stash", "Stash is ill", 40, "pushing is still stopped: Stash is ill. Next check in 40 s."),
    ("storage", "the disk is full", 40, "pushing is still stopped: the disk is full. Next check in 40 s."),
    ("auth", "Plex rejects the token", 60, "pushing is still stopped: Plex rejects the token. Next check in 1 min."),
    ("setup", "there is no library", None, "pushing is still stopped: there is no library. Next check at once."),
    ("busy", "Plex is busy.", 45, "pushing is still stopped: Plex is busy. It continues in 45 s."),
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
