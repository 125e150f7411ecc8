"""The locks of pictures that were sent, with the simulated server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexServerError, Rejected
from push.picture_locks import ITEMS_PER_BATCH, WAIT_S, PictureLocking, PictureLocks
from sim.faults import Fault
from sim.plex.simulator import PlexSim
from stash.settings import Settings
from store.ledger import Ledger
from tests.support.clocks import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "right"
SERVER = "server-1"


@pytest.fixture
def sim() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as server:
        for title in ("Movies", "More"):
            server.add_section(title, locations=[f"/{title}"])
        yield server


@pytest.fixture
def client(sim: PlexSim) -> Iterator[PlexClient]:
    made = PlexClient(PlexConnection(url=sim.url, token=TOKEN, connect_timeout_s=2, read_timeout_s=2))
    yield made
    made.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(str(tmp_path))
    yield opened
    opened.close()


def add_items(sim: PlexSim, count: int, section: int = 1) -> list[int]:
    return [sim.add_item(section, files=[(f"/{section}/{number}.mp4", number + 1)]) for number in range(count)]


def requests(sim: PlexSim) -> list[tuple[str, int]]:
    """The method of each request, and how many items it is about."""
    return [(request.method, len(request.rating_keys)) for request in sim.requests]


def test_a_batch_costs_one_get_and_one_put_for_each_section_and_set_of_fields(
    sim: PlexSim, client: PlexClient, ledger: Ledger
) -> None:
    locks = PictureLocks(ledger, Clock(), SERVER)
    both, elsewhere, poster = add_items(sim, 40), add_items(sim, 30, section=2), add_items(sim, 20)
    for key in (*both, *elsewhere, *poster):
        locks.add(key, "posters")
        if key not in poster:
            locks.add(key, "arts")
    assert locks.set_missing(client) is None
    assert requests(sim)[0] == ("GET", 90)
    assert sorted(requests(sim)[1:]) == [("PUT", 20), ("PUT", 30), ("PUT", 40)]
    assert {sim.item(key).locked for key in (*both, *elsewhere)} == {frozenset({"thumb", "art"})}
    assert {sim.item(key).locked for key in poster} == {frozenset({"thumb"})}
    assert len(locks) == 0


def test_what_is_locked_already_costs_one_get(sim: PlexSim, client: PlexClient, ledger: Ledger) -> None:
    locks = PictureLocks(ledger, Clock(), SERVER)
    for key in add_items(sim, 3):
        client.upload_picture(key, "posters", b"picture")
        locks.add(key, "posters")
    sim.clear_requests()
    locks.set_missing(client)
    assert requests(sim) == [("GET", 3)]


def test_more_than_a_batch_takes_several_steps(sim: PlexSim, client: PlexClient, ledger: Ledger) -> None:
    locks = PictureLocks(ledger, Clock(), SERVER)
    for key in add_items(sim, ITEMS_PER_BATCH + 1):
        locks.add(key, "posters")
    locks.set_missing(client)
    assert len(locks) == 1
    locks.set_missing(client)
    assert requests(sim) == [("GET", 100), ("PUT", 100), ("GET", 1), ("PUT", 1)]


def test_what_was_not_checked_is_known_to_the_next_worker(sim: PlexSim, client: PlexClient, ledger: Ledger) -> None:
    first, second = add_items(sim, 2)
    locks = PictureLocks(ledger, Clock(), SERVER)
    locks.add(first, "posters")
    locks.add(second, "arts")
    sim.fault(Fault.answer(500), method="PUT", times=1)
    with pytest.raises(PlexServerError):
        locks.set_missing(client)
    again = PictureLocks(ledger, Clock(), SERVER)
    assert len(locks) == len(again) == 2
    again.set_missing(client)
    assert [*sim.item(first).locked, *sim.item(second).locked] == ["thumb", "art"]
    assert len(PictureLocks(ledger, Clock(), SERVER)) == 0


def test_another_server_gets_no_locks_of_this_one(sim: PlexSim, client: PlexClient, ledger: Ledger) -> None:
    (key,) = add_items(sim, 1)
    PictureLocks(ledger, Clock(), SERVER).add(key, "posters")
    other = PictureLocks(ledger, Clock(), "server-2")
    assert len(other) == 0
    other.set_missing(client)
    assert requests(sim) == []
    assert len(PictureLocks(ledger, Clock(), SERVER)) == 1


def test_items_that_are_gone_are_forgotten_unless_a_proxy_says_so(
    sim: PlexSim, client: PlexClient, ledger: Ledger
) -> None:
    locks = PictureLocks(ledger, Clock(), SERVER)
    (key,) = add_items(sim, 1)
    locks.add(key, "posters")
    rule = sim.fault(Fault.answer(404))
    with pytest.raises(Rejected):
        locks.set_missing(client)
    assert len(locks) == 1
    sim.heal(rule)
    sim.remove_item(key)
    assert locks.set_missing(client) is None
    assert len(locks) == 0


def test_a_refused_lock_is_returned_and_not_tried_again(sim: PlexSim, client: PlexClient, ledger: Ledger) -> None:
    locks = PictureLocks(ledger, Clock(), SERVER)
    for key in add_items(sim, 2):
        locks.add(key, "posters")
    sim.fault(Fault.answer(400), method="PUT")
    refused = locks.set_missing(client)
    assert (refused.status if refused else None, len(locks)) == (400, 0)


def test_locks_wait_for_a_full_batch_or_until_no_job_is_due(sim: PlexSim, client: PlexClient, ledger: Ledger) -> None:
    clock, busy, settings = SetClock(), [True], [Settings()]
    locks = PictureLocks(ledger, clock, SERVER)
    work = PictureLocking(
        lambda: locks, has_due_job=lambda: busy[0], settings=lambda: settings[0], client=lambda _: client,
        clock=clock, log=logging.getLogger("test"),
    )  # fmt: skip
    began = clock.now()
    assert work.due_at(began) is None
    for key in add_items(sim, ITEMS_PER_BATCH):
        locks.add(key, "posters")
        if len(locks) < ITEMS_PER_BATCH:
            assert work.due_at(began) == began + WAIT_S
    assert work.due_at(began) == began
    work.step(began, None)
    assert work.due_at(began) is None
    locks.add(1, "arts")
    busy[0] = False
    assert work.due_at(began) == began
    for obstacle, has_pause in (("Plex is away", False), (None, True)):
        settings[0] = Settings(paused=has_pause)
        work.step(began, obstacle)
        assert work.due_at(began) == began + WAIT_S
    assert len(locks) == 1
    assert work.due_at(began - 3600) == began - 3600  # the clock was set back
