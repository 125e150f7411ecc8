"""Pushes batches through ReadAhead and Pusher into the simulated Plex: their cost, and changes in between."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import NotInPlex, PlexServerError
from plex.find import SWEEP_MIN_SCENES, Finder
from plex.index import Index
from push.pusher import Pusher
from push.read_ahead import BATCH, ReadAhead
from push.writes import Clients, carry_out
from sim.faults import Fault
from sim.plex.simulator import PlexSim
from stash.scene import Named
from stash.settings import parse_settings
from store.job import Job, Reason
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.scenes import SceneShelf, a_scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from push.verdicts import Outcome
    from stash.scene import Scene

TOKEN = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """What a bulk push needs."""

    sim: PlexSim
    pusher: Pusher
    queue: JobQueue
    read_ahead: ReadAhead
    shelf: SceneShelf

    def read(self, scenes: Sequence[Scene]) -> list[Job]:
        jobs = [Job(scene_id=scene.id, reason=Reason.SYNC, first_event_at=1, last_event_at=1) for scene in scenes]
        for job in jobs:
            self.queue.add(job)
        self.shelf.scenes |= SceneShelf(scenes).scenes
        self.read_ahead.fill(jobs, self.shelf.as_client())
        self.read_ahead.read_items(jobs, self.pusher, self.shelf.as_client())
        return jobs

    def push(self, job: Job) -> Outcome:
        scene = self.read_ahead.take(job)
        assert scene
        target, stash = self.pusher.target(scene), self.shelf.as_client()
        return carry_out(self.pusher.push(job, target, self.read_ahead.items, stash, began_at=1.0))

    def requests(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.sim.requests]


@pytest.fixture
def bulk(tmp_path: Path) -> Iterator[Bulk]:
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media"])
        plex = PlexClient(PlexConnection(url=sim.url, token=TOKEN, connect_timeout_s=2, read_timeout_s=5))
        ledger, queue = Ledger(str(tmp_path)), JobQueue(str(tmp_path / "queue"), clock=Clock())
        settings, _ = parse_settings({"plex_url": sim.url, "plex_token": TOKEN}, {})
        index, log = Index(str(tmp_path), sim.url), logging.getLogger("test")
        finder = Finder(plex, index, clock=Clock(), log=log)
        pusher = Pusher(
            clients=Clients(here=plex, beside=plex), finder=finder, ledger=ledger, server="here", settings=settings,
            clock=Clock(), log=log
        )
        yield Bulk(sim=sim, pusher=pusher, queue=queue, read_ahead=ReadAhead(queue, Clock()), shelf=SceneShelf([]))
        plex.close()
        index.close()
        queue.close()
        ledger.close()


def add_scenes(bulk: Bulk, count: int) -> list[Scene]:
    files = [(f"/media/{number}.mp4", 1000 + number) for number in range(1, count + 1)]
    for file in files:
        bulk.sim.add_item(1, files=[file])
    return [a_scene(number, file) for number, file in enumerate(files, 1)]


def test_a_first_sync_costs_one_put_per_scene_and_three_gets_per_batch(bulk: Bulk) -> None:
    scenes = add_scenes(bulk, BATCH)
    for job in bulk.read(scenes):
        assert bulk.push(job).rating_keys == (job.scene_id,)
    methods = [method for method, _ in bulk.requests()]
    assert methods.count("PUT") == BATCH
    assert methods.count("GET") == 3  # libraries, sweep, items
    assert [bulk.sim.item(scene.id).title for scene in scenes] == [scene.title for scene in scenes]


def test_an_item_replaced_after_the_sweep_is_found_under_its_new_key(bulk: Bulk) -> None:
    scenes = add_scenes(bulk, SWEEP_MIN_SCENES)
    bulk.pusher.finder.sweeper.sweep_all()
    new_key = bulk.sim.replace_file(1)
    first, *_ = bulk.read(scenes)
    assert bulk.push(first).rating_keys == (new_key,)


def test_a_scene_whose_item_was_removed_after_the_sweep_is_not_in_plex(bulk: Bulk) -> None:
    scenes = add_scenes(bulk, SWEEP_MIN_SCENES)
    bulk.pusher.finder.sweeper.sweep_all()
    bulk.sim.remove_item(1)
    first, *_ = bulk.read(scenes)
    with pytest.raises(NotInPlex):
        bulk.push(first)


def test_two_scenes_in_one_item_do_not_share_the_item_read_ahead(bulk: Bulk) -> None:
    bulk.sim.add_item(1, files=[("/media/a.mp4", 1), ("/media/b.mp4", 2)])
    bulk.pusher.finder.sweeper.sweep_all()
    first, second = bulk.read([a_scene(1, ("/media/a.mp4", 1)), a_scene(2, ("/media/b.mp4", 2))])
    bulk.push(first)
    bulk.sim.clear_requests()
    bulk.push(second)
    assert bulk.requests()[0] == ("GET", "/library/metadata/1")


def test_an_item_shared_by_two_scenes_shows_the_one_of_its_first_file(
    bulk: Bulk, caplog: pytest.LogCaptureFixture
) -> None:
    bulk.sim.add_item(1, files=[("/media/a.mp4", 1), ("/media/b.mp4", 2)])
    first = a_scene(1, ("/media/a.mp4", 1), tags=(Named(id=1, name="A"),))
    second = a_scene(2, ("/media/b.mp4", 2), tags=(Named(id=2, name="B"),))
    for scene in (second, first, second, second):
        (job,) = bulk.read([scene])
        bulk.push(job)
        bulk.queue.finish(job.scene_id)
    item = bulk.sim.item(1)
    assert item.title == "Title 1"
    assert item.genres == ("A",)  # the tag of the other scene was removed
    assert caplog.text.count("split the item") == 1


def test_a_match_by_size_never_takes_an_item_from_another_scene(bulk: Bulk) -> None:
    bulk.sim.add_item(1, files=[("/media/a/x.mp4", 1)])
    (job,) = bulk.read([a_scene(1, ("/media/a/x.mp4", 1))])
    bulk.push(job)
    (job,) = bulk.read([a_scene(2, ("/media/new/x.mp4", 1))])
    with pytest.raises(NotInPlex):
        bulk.push(job)
    assert bulk.sim.item(1).title == "Title 1"


def test_a_scene_moves_from_a_similar_item_to_the_right_one(bulk: Bulk) -> None:
    bulk.sim.add_item(1, files=[("/media/other/x.mp4", 1)])
    (job,) = bulk.read([a_scene(1, ("/media/a/x.mp4", 1))])
    assert bulk.push(job).rating_keys == (1,)
    bulk.queue.finish(1)
    key = bulk.sim.add_item(1, files=[("/media/a/x.mp4", 1)])
    bulk.pusher.finder.sweeper.sweep_all()
    assert bulk.pusher.finder.index.seen_scenes() == [1]
    (job,) = bulk.read([a_scene(1, ("/media/a/x.mp4", 1), tags=(Named(id=1, name="news"),))])
    assert bulk.push(job).rating_keys == (key,)
    assert not bulk.pusher.finder.index.awaits_any()


def test_after_a_failed_batch_each_item_is_read_on_its_own(bulk: Bulk) -> None:
    scenes = add_scenes(bulk, SWEEP_MIN_SCENES)
    bulk.sim.fault(Fault.answer(500), path="/library/metadata/", rating_key=2)
    with pytest.raises(PlexServerError):
        bulk.read(scenes)
    job = bulk.queue.job(1)
    assert job
    assert bulk.push(job).rating_keys == (1,)
