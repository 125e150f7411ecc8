"""Scenes that Plex lacked, woken by what the index sees."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from plex.errors import NotInPlex
from plex.sweep import REFRESH_EVERY_S
from push.plex_link import PlexLink
from sim.plex.simulator import PlexSim
from stash.setting_values import PathRule
from stash.settings import parse_settings
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.judgement import Judgement
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.clocks import SetClock
from tests.support.scenes import a_scene
from worker.missing import MISSING_EVERY_S, MissingScenes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stash.settings import Settings

LOG = logging.getLogger("test")
NOW = SetClock().now()
FILES = [("/media/late.mp4", 5)]
JOB = Job(scene_id=7, reason=Reason.HOOK, first_event_at=NOW, last_event_at=NOW)
WAITING = replace(JOB, error_class=NotInPlex.__name__, not_before=NOW + 9_000, missing_since=NOW)


@dataclass
class Settled:
    """What the worker knows of Stash: the settings."""

    settings: Settings | None

    def last_settings(self) -> Settings:
        assert self.settings
        return self.settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """A MissingScenes and what it works with."""

    sim: PlexSim
    queue: JobQueue
    ledger: Ledger
    plex: PlexLink
    stash: Settled
    wake: MissingScenes
    clock: SetClock

    def step(self, after_s: float, obstacle: str | None = None) -> None:
        self.clock.set(NOW + after_s)
        assert self.wake.due_at(self.clock.now()) is not None
        self.wake.step(self.clock.now(), obstacle)

    def lack(self, scene_id: int) -> None:
        self.plex.pusher(self.stash.last_settings()).finder.await_files(scene_id, FILES)

    def file_comes(self) -> None:
        self.sim.add_item(1, files=FILES, added_at=int(self.clock.now()))


@pytest.fixture
def woken(tmp_path: Path) -> Iterator[Woken]:
    with PlexSim() as sim:
        sim.add_section("Movies", locations=["/media"])
        settings, _ = parse_settings({"plex_url": sim.url, "plex_token": sim.token}, {})
        ledger, queue, clock = Ledger(str(tmp_path)), JobQueue(str(tmp_path / "queue")), SetClock()
        plex, stash = PlexLink(directory=str(tmp_path), ledger=ledger, clock=clock, log=LOG), Settled(settings)
        wake = MissingScenes(queue=queue, ledger=ledger, stash=stash, plex=plex, clock=clock, log=LOG)  # type: ignore[arg-type]
        yield Woken(sim=sim, queue=queue, ledger=ledger, plex=plex, stash=stash, wake=wake, clock=clock)
        plex.close()
        queue.close()
        ledger.close()


def test_a_waiting_job_is_due_as_soon_as_its_file_is_seen(woken: Woken) -> None:
    woken.queue.add(WAITING)
    woken.lack(7)
    woken.step(REFRESH_EVERY_S)
    assert woken.queue.peek_due(woken.clock.now(), 1) == []
    woken.file_comes()
    woken.step(2 * REFRESH_EVERY_S)
    (job,) = woken.queue.peek_due(woken.clock.now(), 1)
    assert (job.scene_id, job.missing_since) == (7, NOW)


def test_a_scene_found_missing_and_a_dead_letter_are_queued_again(woken: Woken) -> None:
    woken.ledger.store_judgement(a_scene(7, *FILES), Judgement.MISSING, now=NOW)
    DeadLetters(woken.ledger).bury(replace(WAITING, scene_id=8), a_scene(8, *FILES), now=NOW)
    DeadLetters(woken.ledger).bury(replace(WAITING, scene_id=9, error_class="Bug"), a_scene(9, *FILES), now=NOW)
    for scene_id in (7, 8, 9):
        woken.lack(scene_id)
    woken.file_comes()
    woken.step(REFRESH_EVERY_S)
    assert sorted(job.scene_id for job in woken.queue.jobs()) == [7, 8]


def test_what_went_to_an_item_that_only_looked_alike_is_read_again_when_its_own_comes(woken: Woken) -> None:
    woken.ledger.store_judgement(a_scene(7, *FILES), Judgement.PUSHED, fingerprint="x", now=NOW)
    woken.plex.pusher(woken.stash.last_settings()).finder.await_paths(7, FILES)
    woken.sim.add_item(1, files=[("/media/other/late.mp4", 5)], added_at=int(NOW))
    woken.step(REFRESH_EVERY_S)
    assert list(woken.queue.jobs()) == []
    woken.file_comes()
    woken.step(REFRESH_EVERY_S + MISSING_EVERY_S)
    (job,) = woken.queue.jobs()
    assert job.reason.always_reads_item


def test_what_was_not_found_is_looked_for_again_by_another_path_map(woken: Woken) -> None:
    woken.queue.add(WAITING)
    DeadLetters(woken.ledger).bury(replace(WAITING, scene_id=8, error_class="Ambiguous"), a_scene(8, *FILES), now=NOW)
    DeadLetters(woken.ledger).bury(replace(WAITING, scene_id=9, error_class="Rejected"), a_scene(9, *FILES), now=NOW)
    woken.step(30)
    assert woken.queue.peek_due(woken.clock.now(), 3) == []
    assert woken.stash.settings
    rules = (PathRule(stash="/data", plex="/media"),)
    woken.stash.settings = replace(woken.stash.settings, path_map=rules)
    woken.step(60)
    assert sorted(job.scene_id for job in woken.queue.peek_due(woken.clock.now(), 3)) == [7, 8]
    for scene_id in (7, 8):
        woken.queue.finish(scene_id)
    woken.step(90)
    assert list(woken.queue.jobs()) == []


def test_a_path_map_that_changed_while_no_worker_lived_counts_too(woken: Woken) -> None:
    woken.step(0)
    DeadLetters(woken.ledger).bury(WAITING, a_scene(7, *FILES), now=NOW)
    assert woken.stash.settings
    woken.stash.settings = replace(woken.stash.settings, path_map=(PathRule(stash="/data", plex="/media"),))
    next_one = MissingScenes(
        queue=woken.queue, ledger=woken.ledger, stash=woken.stash, plex=woken.plex, clock=woken.clock, log=LOG  # type: ignore[arg-type]
    )  # fmt: skip
    next_one.step(NOW + 30, None)
    assert [job.scene_id for job in woken.queue.jobs()] == [7]


def test_a_look_just_before_the_worker_started_does_not_stand_for_its_first_one(woken: Woken) -> None:
    woken.ledger.store_judgement(a_scene(7, *FILES), Judgement.MISSING, now=NOW)
    woken.lack(7)
    woken.plex.pusher(woken.stash.last_settings()).finder.sweeper.refresh()
    woken.clock.set(NOW + 1)
    woken.file_comes()
    woken.step(1)
    assert list(woken.queue.jobs()) == []
    woken.step(1 + REFRESH_EVERY_S)
    assert [job.scene_id for job in woken.queue.jobs()] == [7]


def test_plex_is_asked_only_where_something_waits_and_rarely_where_nobody_does(woken: Woken) -> None:
    woken.step(0)
    assert woken.sim.requests == []
    woken.lack(7)
    asked = []
    for after_s in (30, 60, 30 + MISSING_EVERY_S - 1, 30 + MISSING_EVERY_S):
        woken.sim.clear_requests()
        woken.step(after_s)
        asked.append(bool(woken.sim.requests))
    assert asked == [True, False, False, True]


@pytest.mark.parametrize("paused", [True, False])
def test_plex_is_not_asked_while_it_must_not_be(woken: Woken, *, paused: bool) -> None:
    woken.queue.add(WAITING)
    woken.lack(7)
    assert woken.stash.settings
    if paused:
        woken.stash.settings = replace(woken.stash.settings, paused=True)
    woken.step(60, None if paused else "the circuit is open")
    assert woken.sim.requests == []
