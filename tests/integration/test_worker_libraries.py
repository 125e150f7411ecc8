"""The worker's loop while Plex's libraries change: how soon it notices, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plex.libraries import LOOK_EVERY_S, LOOK_WHILE_WAITING_S
from store.dead_letters import DeadLetters
from store.job import Reason, new_job
from tests.support.worker_here import WorkerHere, worker_here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkerHere]:
    with worker_here(tmp_path) as world:
        yield world


def lists_read(world: WorkerHere) -> int:
    return sum(request.path == "/library/sections" for request in world.plex.requests)


def push(world: WorkerHere, count: int) -> list[int]:
    scenes = [world.add_scene() for _ in range(count)]
    for scene in scenes:
        world.edit(scene, "known")
    world.run_until(lambda: all(world.title(scene) == "known" for scene in scenes), within_s=5)
    return scenes


def test_an_idle_worker_looks_once_and_then_asks_nothing(world: WorkerHere) -> None:
    push(world, 3)
    world.plex.clear_requests()
    world.run(LOOK_WHILE_WAITING_S + 30)
    assert [request.path for request in world.plex.requests] == ["/library/sections"]
    world.plex.clear_requests()
    world.run(3 * LOOK_EVERY_S)
    assert world.plex.requests == []


def test_edits_cost_no_reading_but_one_in_ten_minutes(world: WorkerHere) -> None:
    """One edit every 5 s, so that the queue is rarely empty when the worker looks."""
    (scene,) = push(world, 1)
    world.plex.clear_requests()
    for number in range(int(2 * LOOK_EVERY_S / 5)):
        world.edit(scene, f"edit {number}")
        world.run(5)
    writes = sum(request.method == "PUT" for request in world.plex.requests)
    assert writes == 2 * LOOK_EVERY_S / 5
    assert lists_read(world) <= 2 * LOOK_EVERY_S / LOOK_WHILE_WAITING_S


def test_while_a_job_waits_the_list_is_read_every_minute(world: WorkerHere) -> None:
    scene = world.add_scene(is_in_plex=False)
    world.edit(scene, "waits")
    world.run(900)
    world.plex.clear_requests()
    world.run(900)
    assert 10 <= lists_read(world) <= 20


def test_a_known_scene_is_found_in_a_new_library_within_a_minute_of_work(world: WorkerHere) -> None:
    first, second = push(world, 2)
    new = world.plex.add_section("New", locations=["/media"])
    key = world.plex.add_item(new, files=[("/media/1.mp4", 1001)])
    world.edit(second, "another edit")
    world.run_until(lambda: world.plex.item(key).title == "known", within_s=LOOK_WHILE_WAITING_S + 35)
    assert world.title(first) == "known"


def test_what_plex_scans_later_is_found_at_the_next_refresh(world: WorkerHere) -> None:
    push(world, 40)
    new = world.plex.add_section("New", locations=["/media"])
    world.edit(1, "wakes the worker")
    world.run(LOOK_WHILE_WAITING_S + 35)
    keys = [world.plex.add_item(new, files=[(f"/media/{number}.mp4", 1000 + number)]) for number in range(2, 41)]
    world.run_until(lambda: all(world.plex.item(key).title == "known" for key in keys), within_s=640)


def test_what_is_seen_while_the_scene_has_another_job_is_found_after_that(world: WorkerHere) -> None:
    """A job that finds nothing changed in Stash looks for no file."""
    push(world, 2)
    new = world.plex.add_section("New", locations=["/media"])
    world.edit(1, "wakes the worker")
    world.run(LOOK_WHILE_WAITING_S + 35)
    now = world.clock.now()
    world.parts.queue.add(replace(new_job(2, Reason.SYNC, now), not_before=now + LOOK_EVERY_S + 60))
    key = world.plex.add_item(new, files=[("/media/2.mp4", 1002)])
    world.run_until(lambda: world.plex.item(key).title == "known", within_s=LOOK_EVERY_S + 120)


@pytest.mark.parametrize("reason", [Reason.SYNC, Reason.CATCH_UP, Reason.HOOK])
def test_what_a_new_library_holds_is_found_although_the_scene_has_another_job(
    world: WorkerHere, reason: Reason
) -> None:
    """That job finds nothing changed in Stash, and would ask Plex nothing."""
    push(world, 2)
    new = world.plex.add_section("New", locations=["/media"])
    key = world.plex.add_item(new, files=[("/media/2.mp4", 1002)])
    now = world.clock.now()
    world.parts.queue.add(replace(new_job(2, reason, now), not_before=now + LOOK_WHILE_WAITING_S + 60))
    world.edit(1, "wakes the worker")
    world.run_until(lambda: world.plex.item(key).title == "known", within_s=LOOK_WHILE_WAITING_S + 120)


def test_a_library_made_anew_gets_all_scenes_again(world: WorkerHere) -> None:
    scenes = push(world, 40)
    new = world.plex.remake_section(world.section)
    world.edit(scenes[0], "one edit")
    world.run_until(
        lambda: {item.title for item in world.plex.items(new)} == {"known", "one edit"},
        within_s=LOOK_WHILE_WAITING_S + 60,
    )
    assert list(DeadLetters(world.parts.ledger).all()) == []


def test_a_kill_during_the_look_loses_nothing(world: WorkerHere) -> None:
    """The new library stays noted as new until all scenes were compared."""
    push(world, 3)
    new = world.plex.add_section("New", locations=["/media"])
    key = world.plex.add_item(new, files=[("/media/1.mp4", 1001)])
    finder = world.parts.plex.pusher(world.stash.last_settings()).finder
    finder.forget_libraries()
    assert finder.index.note_libraries(world.plex_sections()) == ([new], [])  # as a worker did that was killed then
    world.run_until(lambda: world.plex.item(key).title == "known", within_s=35)


def test_a_path_map_inferred_for_folders_that_are_gone_is_learned_anew(tmp_path: Path) -> None:
    with worker_here(tmp_path) as world:
        for _ in range(40):
            scene = world.add_scene(is_in_plex=False)
            file = world.stash.scenes[scene].files[0]
            world.stash.scenes[scene] = replace(
                world.stash.scenes[scene], files=(replace(file, path=f"/data/{scene}.mp4"),)
            )
            world.keys[scene] = world.plex.add_item(world.section, files=[(f"/media/{scene}.mp4", file.size)])
            world.edit(scene, "mapped")
        world.run_until(lambda: all(world.title(scene) == "mapped" for scene in world.keys), within_s=20)
        rules = world.parts.plex.pusher(world.stash.last_settings()).finder
        assert list(rules.rules.rules) == [("/data", "/media")]
        world.plex.set_locations(world.section, ["/films"])
        for scene, key in world.keys.items():
            size = world.stash.scenes[scene].files[0].size
            world.keys[scene] = world.plex.replace_file(key, files=[(f"/films/{scene}.mp4", size)])
        world.edit(1, "moved")
        world.run_until(lambda: {world.title(scene) for scene in world.keys} == {"mapped", "moved"}, within_s=300)
        assert list(rules.rules.rules) == [("/data", "/films")]
