"""While the write of one job is in flight, the next one is prepared, and whatever happens then ends well."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault, is_write
from store.job import Reason, new_job
from tests.support.world_here import WorldHere

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENES = 6


@pytest.fixture
def world() -> Iterator[WorldHere]:
    with closing(WorldHere()) as made:
        yield made


@pytest.fixture
def keys(world: WorldHere) -> dict[int, int]:
    """Rating keys of scenes that are queued in this order; the worker has begun with none."""
    keys = {}
    world.hooks.is_off = True
    for number in range(1, SCENES + 1):
        file = (f"/media/{number}.mp4", 1000 + number)
        scene = world.stash.add_scene(*file, title=f"Title {number}")
        keys[scene] = world.plex.add_item(world.sections[0], files=[file])
    world.hooks.is_off = False
    world.run(1)
    assert world.parts is not None
    world.parts.queue.add_all(new_job(scene, Reason.HOOK, world.clock.now()) for scene in keys)
    return keys


def titles(world: WorldHere, keys: dict[int, int]) -> dict[int, str]:
    return {scene: world.plex.item(key).title for scene, key in keys.items()}


def under_way(world: WorldHere) -> list[int]:
    """The scenes whose jobs are under way."""
    assert world.worker is not None
    return [each.key.job.scene_id for each in world.worker._drain._overlap._under_way]


def work_until_one_is_under_way(world: WorldHere, scene: int) -> None:
    assert world.run(50, until=lambda: under_way(world) == [scene])


def test_between_two_rounds_one_write_is_in_flight(world: WorldHere, keys: dict[int, int]) -> None:
    seen = set()
    for _ in range(3 * SCENES):
        world.run(1)
        seen.add(len(under_way(world)))
    assert seen == {0, 1}
    world.finish()
    assert titles(world, keys) == {scene: f"Title {scene}" for scene in keys}
    puts = [each for each in world.plex.requests if each.method == "PUT"]
    assert [next(iter(each.rating_keys)) for each in puts] == list(keys.values())


def test_an_edit_while_the_write_is_in_flight_is_pushed_after_it(world: WorldHere, keys: dict[int, int]) -> None:
    work_until_one_is_under_way(world, 3)
    world.stash.update_scene(3, title="Newer")
    world.finish()
    assert titles(world, keys)[3] == "Newer"


def test_a_scene_deleted_and_a_scene_added_to_its_item_meanwhile(world: WorldHere, keys: dict[int, int]) -> None:
    work_until_one_is_under_way(world, 2)
    world.stash.destroy_scene(2)
    world.stash.scan()
    world.stash.update_scene(max(world.stash.library.scenes), title="Reborn")
    world.finish()
    assert world.plex.item(keys[2]).title == "Reborn"


def test_in_an_outage_the_prepared_job_is_not_sent_and_costs_no_attempt(
    world: WorldHere, keys: dict[int, int]
) -> None:
    work_until_one_is_under_way(world, 2)
    world.plex.clear_requests()
    rule = world.plex.fault(Fault.answer(503))
    world.run(3)
    assert world.parts is not None
    assert [job.attempts for job in world.parts.queue.jobs()] == [0] * len(world.parts.queue)
    assert under_way(world) == []
    assert len([each for each in world.plex.requests if is_write(each)]) <= 1
    world.plex.heal(rule)
    world.settle(is_lost=lambda _: False)
    assert titles(world, keys) == {scene: f"Title {scene}" for scene in keys}


def test_settings_read_while_a_write_is_in_flight_apply_to_the_next_job(
    world: WorldHere, keys: dict[int, int]
) -> None:
    work_until_one_is_under_way(world, 2)
    world.configure(paused=True)
    world.clock.sleep(1)  # the settings are due
    world.run(5)
    assert under_way(world) == []
    assert [title.startswith("Title") for title in titles(world, keys).values()] == [True, True, *[False] * 4]
    world.configure()
    world.finish()
    assert titles(world, keys) == {scene: f"Title {scene}" for scene in keys}


def test_two_scenes_of_one_item_are_pushed_one_after_the_other(world: WorldHere, keys: dict[int, int]) -> None:
    world.finish()
    files = [("/media/versions 1.mp4", 9001), ("/media/versions 2.mp4", 9002)]
    world.hooks.is_off = True
    scenes = [world.stash.add_scene(*file, title=f"Version {size}") for file, size in ((f, f[1]) for f in files)]
    world.hooks.is_off = False
    item = world.plex.add_item(world.sections[0], files=files)
    assert world.parts is not None
    now = world.clock.now()
    others = [new_job(scene, Reason.SYNC, now) for scene in keys]
    world.parts.queue.add_all([*(new_job(scene, Reason.SYNC, now) for scene in reversed(scenes)), *others])
    world.finish()
    assert world.plex.item(item).title == "Version 9001"
    owners = world.ask(f"SELECT scene_id FROM owned WHERE rating_key = {item}")  # noqa: S608 - a number
    assert owners == [(scenes[0],)]


@pytest.mark.parametrize("scene", [2, 4])
def test_a_kill_with_a_write_in_flight_loses_nothing(world: WorldHere, keys: dict[int, int], scene: int) -> None:
    work_until_one_is_under_way(world, scene)
    world.kill()
    world.stash.update_scene(scene, details="After the kill")
    world.finish()
    assert titles(world, keys) == {scene: f"Title {scene}" for scene in keys}
    assert world.plex.item(keys[scene]).summary == "After the kill"


def test_after_a_kill_one_job_at_a_time_is_under_way(world: WorldHere, keys: dict[int, int]) -> None:
    """One of those that were under way may have been the cause, and must not take the others along again."""
    work_until_one_is_under_way(world, 2)
    world.kill()
    world.start()
    taken = 0
    while titles(world, keys) != {scene: f"Title {scene}" for scene in keys}:
        world.run(1)
        assert under_way(world) == []
        taken += 1
    assert taken >= SCENES - 2
