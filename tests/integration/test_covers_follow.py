"""Covers follow the fields: in the same attempt where nothing else waits, else after all fields of their kind."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from store.job import Reason, new_job
from tests.support.world_here import WorldHere

COVER = b"\xff\xd8\xff" + b"cover" * 20
MOST_KILLS = 60

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[WorldHere]:
    with closing(WorldHere()) as made:
        yield made


def add_scenes(world: WorldHere, count: int) -> dict[int, int]:
    """Scenes with covers that nobody has told PlexSync of; rating keys by scene."""
    world.hooks.is_off = True
    keys = {}
    for number in range(1, count + 1):
        file = (f"/media/{number}.mp4", 1000 + number)
        scene = world.stash.add_scene(*file, title=f"Title {number}", cover=COVER)
        keys[scene] = world.plex.add_item(world.sections[0], files=[file])
    world.hooks.is_off = False
    return keys


def queue(world: WorldHere, scenes: list[int], reason: Reason = Reason.SYNC) -> None:
    world.run(1)
    assert world.parts is not None
    world.parts.queue.add_all(new_job(scene, reason, world.clock.now()) for scene in scenes)


def writes(world: WorldHere) -> list[tuple[str, int]]:
    """(method, rating key) of each edit of a title and of each upload."""
    return [
        (each.method, key)
        for each in world.plex.requests
        for key in each.rating_keys
        if each.method == "POST" or each.first("title.value")
    ]


def counts(world: WorldHere) -> tuple[int, int]:
    """How many scenes were counted as pushed and as unchanged."""
    pushed, unchanged = world.ask("SELECT SUM(pushed), SUM(unchanged) FROM statistic")[0]
    return pushed, unchanged


def test_a_sync_sends_all_fields_before_the_first_cover(world: WorldHere) -> None:
    keys = add_scenes(world, 8)
    queue(world, list(keys))
    world.finish()
    sent = writes(world)
    assert [method for method, _ in sent] == ["PUT"] * 8 + ["POST"] * 16
    assert [key for _, key in sent[:8]] == list(keys.values())
    assert all(world.plex.item(key).selected_poster for key in keys.values())
    assert counts(world) == (8, 0)
    # Whether somebody chose their pictures is read in one request, but for those just pushed.
    assert max(len(each.rating_keys) for each in world.plex.requests if each.method == "GET") >= 6


def test_a_single_edit_has_its_cover_in_the_same_attempt(world: WorldHere) -> None:
    keys = add_scenes(world, 1)
    world.stash.update_scene(1, title="New")
    assert world.run(5, until=lambda: bool(world.plex.item(keys[1]).selected_poster))
    assert world.parts is not None
    assert world.parts.queue.taken == 1


def test_an_edit_and_its_cover_go_before_the_fields_and_covers_of_a_sync(world: WorldHere) -> None:
    keys = add_scenes(world, 4)
    queue(world, [1, 2, 3])
    world.stash.update_scene(4, title="New")
    world.finish()
    edited = keys[4]
    assert writes(world)[:3] == [("PUT", edited), ("POST", edited), ("POST", edited)]


def test_an_edit_comes_between_two_covers_of_a_sync(world: WorldHere) -> None:
    keys = add_scenes(world, 6)
    queue(world, [1, 2, 3, 4, 5])
    assert world.run(50, until=lambda: ("POST", keys[1]) in writes(world))
    world.stash.update_scene(6, title="New")
    before = len(writes(world))
    world.finish()
    assert ("PUT", keys[6]) in writes(world)[before : before + 2]
    assert all(world.plex.item(key).selected_poster for key in keys.values())


def test_the_fields_of_a_scene_are_due_again_after_an_event_while_its_cover_waits(world: WorldHere) -> None:
    keys = add_scenes(world, 3)
    queue(world, list(keys))
    assert world.run(50, until=lambda: len(writes(world)) >= 3)
    world.stash.update_scene(2, title="New")
    world.finish()
    assert world.plex.item(keys[2]).title == "New"
    assert world.plex.item(keys[2]).selected_poster


def test_a_change_without_an_event_does_not_wait_for_the_cover(world: WorldHere) -> None:
    keys = add_scenes(world, 1)
    world.plex.fault(Fault.answer(500), method="POST")
    queue(world, list(keys))
    assert world.parts is not None
    jobs = world.parts.queue
    assert world.run(50, until=lambda: any(job.is_cover_left and job.attempts for job in jobs.jobs()))
    now = world.clock.now()
    jobs.change(replace(next(jobs.jobs()), failed_at=now, not_before=now + 1e6))
    world.hooks.is_off = True
    world.clock.sleep(2)
    world.stash.update_scene(1, title="New")
    world.clock.sleep(3)  # catch-up is due
    assert world.run(50, until=lambda: world.plex.item(keys[1]).title == "New")


def test_a_kill_between_fields_and_covers_loses_no_cover(world: WorldHere) -> None:
    keys = add_scenes(world, 4)
    queue(world, list(keys))
    for points in range(MOST_KILLS):
        world.kill_after(points)
        if not world.wait_for_death():
            break
    world.finish()
    for scene, key in keys.items():
        view = world.plex.item(key)
        assert view.title == f"Title {scene}"
        assert [picture.data for picture in view.posters] == [COVER]
        assert view.selected_poster
    assert sum(counts(world)) == 4
