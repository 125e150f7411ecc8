"""Scenes that Plex lacked are retried once the index sees their files."""

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
class FixedSettings:
    """A link to Stash that knows the settings and nothing else."""

    settings: Settings | None

    def last_settings(self) -> Settings:
        assert self.settings
        return self.settings


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A MissingScenes and what it works with."""

    sim: PlexSim
    queue: JobQueue
    ledger: Ledger
    plex: PlexLink
    stash: FixedSettings
    missing: MissingScenes
    clock: SetClock

    def step(self, after_s: float, obstacle: str | None = None) -> None:
        self.clock.set(NOW + after_s)
        assert self.missing.due_at(self.clock.now()) is not None
        self.missing.step(self.clock.now(), obstacle)

    def await_file(self, scene_id: int) -> None:
        self.plex.pusher(self.stash.last_settings()).finder.await_files(scene_id, FILES)
        self.sim.clear_requests()  # which server it is

    def add_file(self) -> None:
        self.sim.add_item(1, files=FILES, added_at=int(self.clock.now()))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with PlexSim() as sim:
        sim.add_section("Movies", locations=["/media"])
        settings, _ = parse_settings({"plex_url": sim.url, "plex_token": sim.token}, {})
        clock = SetClock()
        ledger, queue = Ledger(str(tmp_path)), JobQueue(str(tmp_path / "queue"), clock=clock)
        plex, stash = PlexLink(directory=str(tmp_path), ledger=ledger, clock=clock, log=LOG), FixedSettings(settings)
        missing = MissingScenes(queue=queue, ledger=ledger, stash=stash, plex=plex, clock=clock, log=LOG)  # type: ignore[arg-type]
        yield World(sim=sim, queue=queue, ledger=ledger, plex=plex, stash=stash, missing=missing, clock=clock)
        plex.close()
        queue.close()
        ledger.close()


def test_a_waiting_job_is_due_as_soon_as_its_file_is_seen(world: World) -> None:
    world.queue.add(WAITING)
    world.await_file(7)
    world.step(REFRESH_EVERY_S)
    assert world.queue.peek_due(1) == []
    world.add_file()
    world.step(2 * REFRESH_EVERY_S)
    (job,) = world.queue.peek_due(1)
    assert (job.scene_id, job.missing_since) == (7, NOW)


def test_a_missing_scene_and_a_dead_letter_are_queued_again(world: World) -> None:
    world.ledger.store_judgement(a_scene(7, *FILES), Judgement.MISSING, now=NOW)
    DeadLetters(world.ledger).bury(replace(WAITING, scene_id=8), a_scene(8, *FILES), now=NOW)
    DeadLetters(world.ledger).bury(replace(WAITING, scene_id=9, error_class="Bug"), a_scene(9, *FILES), now=NOW)
    for scene_id in (7, 8, 9):
        world.await_file(scene_id)
    world.add_file()
    world.step(REFRESH_EVERY_S)
    assert sorted(job.scene_id for job in world.queue.jobs()) == [7, 8]


def test_a_scene_pushed_to_a_similar_item_is_queued_when_its_own_item_appears(world: World) -> None:
    world.ledger.store_judgement(a_scene(7, *FILES), Judgement.PUSHED, fingerprint="x", now=NOW)
    world.plex.pusher(world.stash.last_settings()).finder.await_paths(7, FILES)
    world.sim.add_item(1, files=[("/media/other/late.mp4", 5)], added_at=int(NOW))
    world.step(REFRESH_EVERY_S)
    assert list(world.queue.jobs()) == []
    world.add_file()
    world.step(REFRESH_EVERY_S + MISSING_EVERY_S)
    (job,) = world.queue.jobs()
    assert job.reason.always_reads_item


def test_scenes_that_were_not_found_are_retried_with_a_new_path_map(world: World) -> None:
    world.queue.add(WAITING)
    DeadLetters(world.ledger).bury(replace(WAITING, scene_id=8, error_class="Ambiguous"), a_scene(8, *FILES), now=NOW)
    DeadLetters(world.ledger).bury(replace(WAITING, scene_id=9, error_class="Rejected"), a_scene(9, *FILES), now=NOW)
    world.step(30)
    assert world.queue.peek_due(3) == []
    assert world.stash.settings
    rules = (PathRule(stash="/data", plex="/media"),)
    world.stash.settings = replace(world.stash.settings, path_map=rules)
    world.step(60)
    assert sorted(job.scene_id for job in world.queue.peek_due(3)) == [7, 8]
    for scene_id in (7, 8):
        world.queue.finish(scene_id)
    world.step(90)
    assert list(world.queue.jobs()) == []


def test_a_path_map_changed_while_no_worker_ran_is_noticed(world: World) -> None:
    world.step(0)
    DeadLetters(world.ledger).bury(WAITING, a_scene(7, *FILES), now=NOW)
    assert world.stash.settings
    world.stash.settings = replace(world.stash.settings, path_map=(PathRule(stash="/data", plex="/media"),))
    next_one = MissingScenes(
        queue=world.queue, ledger=world.ledger, stash=world.stash, plex=world.plex, clock=world.clock, log=LOG  # type: ignore[arg-type]
    )  # fmt: skip
    next_one.step(NOW + 30, None)
    assert [job.scene_id for job in world.queue.jobs()] == [7]


def test_a_refresh_just_before_the_worker_started_does_not_replace_its_first_one(world: World) -> None:
    world.ledger.store_judgement(a_scene(7, *FILES), Judgement.MISSING, now=NOW)
    world.await_file(7)
    world.plex.pusher(world.stash.last_settings()).finder.sweeper.refresh()
    world.clock.set(NOW + 1)
    world.add_file()
    world.step(1)
    assert list(world.queue.jobs()) == []
    world.step(1 + REFRESH_EVERY_S)
    assert [job.scene_id for job in world.queue.jobs()] == [7]


def test_plex_is_asked_only_for_missing_scenes_and_rarely_if_no_job_waits(world: World) -> None:
    world.step(0)
    assert {request.path for request in world.sim.requests} <= {"/identity"}
    world.await_file(7)
    asked = []
    for after_s in (30, 60, 30 + MISSING_EVERY_S - 1, 30 + MISSING_EVERY_S):
        world.sim.clear_requests()
        world.step(after_s)
        asked.append(bool(world.sim.requests))
    assert asked == [True, False, False, True]


@pytest.mark.parametrize("paused", [True, False])
def test_plex_is_not_asked_while_paused_or_while_there_is_an_obstacle(world: World, *, paused: bool) -> None:
    world.queue.add(WAITING)
    world.await_file(7)
    assert world.stash.settings
    if paused:
        world.stash.settings = replace(world.stash.settings, paused=True)
    world.step(60, None if paused else "the circuit is open")
    assert world.sim.requests == []
