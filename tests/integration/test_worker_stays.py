"""An idle worker stays: it watches Stash and the schedule with little effort, and leaves only for a reason."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from outages.watched import WATCHED_FOR_S, note_watched
from stash.changes import Change, Changed
from stash.times import text_at
from store.job import Reason
from tests.support.worker_here import WorkerHere, worker_here
from tests.support.world_here import WorldHere
from worker.missing import SOON_FOR_S
from worker.parts import LeaveReason
from worker.serve import LINGER_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR_S = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkerHere]:
    with worker_here(tmp_path, linger_s=LINGER_S) as world:
        yield world


def rest(world: WorkerHere) -> None:
    """Have the worker do something, then rest."""
    world.edit(world.add_scene(), "pushed")
    world.run(3 * LINGER_S)
    world.plex.clear_requests()
    world.stash.looks.clear()


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def changed_now(world: WorkerHere, number: int) -> Change:
    return Change(id=number, updated_at=f"{text_at(world.clock.now(), 0.0)}Z")


def test_an_idle_worker_asks_stash_once_a_minute_plex_nothing_and_writes_nothing(
    world: WorkerHere, tmp_path: Path
) -> None:
    rest(world)
    seen: list[tuple[dict[str, tuple[int, int]], int, int]] = []
    for after_s in (LINGER_S + 1, LINGER_S + 1 + HOUR_S):
        world.after(after_s, lambda: seen.append((files_of(tmp_path), world.stash.listings, len(world.plex.requests))))
    world.run(LINGER_S + HOUR_S + 2)
    before, after = seen
    assert after == before
    assert 50 <= len(world.stash.looks) <= 62
    assert not any(name.endswith(("-wal", "-shm")) for name in before[0])


def test_a_resting_worker_pushes_the_next_edit_at_once(world: WorkerHere) -> None:
    rest(world)
    world.run(HOUR_S)
    world.edit(1, "after an hour")
    world.run_until(lambda: world.title(1) == "after an hour", within_s=1)


@pytest.mark.parametrize("kind", [*Changed])
def test_scenes_whose_change_came_without_an_event_have_their_job_within_two_minutes(
    world: WorkerHere, kind: Changed
) -> None:
    rest(world)
    world.run(HOUR_S)
    listings, taken = world.stash.listings, world.parts.queue.taken
    world.stash.changes[kind] = [changed_now(world, 7)]
    world.run_until(lambda: world.parts.queue.taken > taken, within_s=75)
    world.run(HOUR_S)
    assert world.stash.listings <= listings + 3, "seen once, and once more if it was fresh"


def test_what_follows_within_the_second_of_a_change_is_listed_too(world: WorkerHere) -> None:
    rest(world)

    def change() -> None:
        world.stash.changes[Changed.SCENE] = [changed_now(world, 7)]
        world.stash.on_look = lambda: None

    world.stash.on_look = change
    listings = world.stash.listings
    world.run_until(lambda: world.stash.listings == listings + 1, within_s=75)
    world.run_until(lambda: world.stash.listings == listings + 2, within_s=75)
    world.run(HOUR_S)
    assert world.stash.listings == listings + 2


def test_a_worker_told_to_leave_when_idle_does_so_after_a_minute(tmp_path: Path) -> None:
    with worker_here(tmp_path, linger_s=LINGER_S, leave_when_idle=True) as world:
        scene = world.add_scene()
        world.edit(scene, "pushed")
        assert world.run_until_it_leaves(within_s=LINGER_S + 40) is LeaveReason.IDLE
        assert world.title(scene) == "pushed"


def test_while_somebody_looks_at_the_page_an_idle_worker_probes_plex_and_does_not_leave(tmp_path: Path) -> None:
    looks_for_s = int(3 * LINGER_S)
    with worker_here(tmp_path, linger_s=LINGER_S, leave_when_idle=True) as world:
        world.edit(world.add_scene(), "pushed")
        for at in range(0, looks_for_s, 4):
            world.after(at, lambda: note_watched(world.directory, world.clock.now()))
        world.run(looks_for_s)
        probes = sum(request.path == "/identity" for request in world.plex.requests)
        assert looks_for_s / 4 < probes <= looks_for_s / 3 + 2
        assert world.run_until_it_leaves(within_s=WATCHED_FOR_S + 5) is LeaveReason.IDLE


def test_a_worker_that_does_not_know_where_stash_is_leaves(world: WorkerHere) -> None:
    world.stash.is_known = False
    assert world.run_until_it_leaves(within_s=LINGER_S + 10) is LeaveReason.IDLE


def test_a_resting_worker_leaves_when_the_plugin_is_disabled(world: WorkerHere) -> None:
    rest(world)
    world.stash.is_enabled = False
    assert world.run_until_it_leaves(within_s=75) is LeaveReason.DISABLED


def test_a_resting_worker_leaves_when_stash_has_been_away_for_ten_minutes(world: WorkerHere) -> None:
    rest(world)
    world.stash.is_away = True
    assert world.run_until_it_leaves(within_s=700) is LeaveReason.STASH_AWAY


def test_a_resting_worker_goes_on_when_stash_is_back(world: WorkerHere) -> None:
    rest(world)
    world.stash.is_away = True
    world.run(300)
    world.stash.is_away = False
    world.run(HOUR_S)
    world.edit(1, "after its return")
    world.run_until(lambda: world.title(1) == "after its return", within_s=1)


def test_a_missing_scene_is_looked_for_every_ten_minutes_by_a_resting_worker(world: WorkerHere) -> None:
    scene = world.add_scene(is_in_plex=False)
    world.edit(scene, "late", Reason.SYNC)
    rest(world)
    world.run(HOUR_S)
    assert 0 < len(world.plex.requests) <= 6 * 6
    world.add_item(scene)
    world.run_until(lambda: world.title(scene) == "late", within_s=650)


def test_scenes_that_wait_for_a_scan_are_looked_for_every_five_seconds_with_one_look(world: WorkerHere) -> None:
    scenes = [world.add_scene(is_in_plex=False) for _ in range(3)]
    for scene in scenes:
        world.edit(scene, "late")
    world.run(100)
    world.plex.clear_requests()
    world.run(50)
    listings = [each for each in world.plex.requests if each.first("sort")]
    assert len(listings) <= 2 * 11, "two short listings for all of them"
    for scene in scenes:
        world.add_item(scene)
    world.run_until(lambda: all(world.title(scene) == "late" for scene in scenes), within_s=7)


def test_ten_minutes_after_its_edit_a_waiting_scene_is_looked_for_every_half_minute(world: WorkerHere) -> None:
    scene = world.add_scene(is_in_plex=False)
    world.edit(scene, "late")
    world.run(SOON_FOR_S + 60)
    world.plex.clear_requests()
    world.run(300)
    assert len([each for each in world.plex.requests if each.first("sort")]) <= 2 * 11
    world.add_item(scene)
    world.run_until(lambda: world.title(scene) == "late", within_s=35)


def test_a_reconciliation_runs_whenever_its_time_has_come() -> None:
    with closing(WorldHere(reconcile_interval="hourly", reconcile_scope="all")) as world:
        scene, file = 1, ("/media/1.mp4", 1001)
        assert world.stash.add_scene(*file, title="wanted") == scene
        key = world.plex.add_item(world.sections[0], files=[file])
        world.stash.update_scene(scene, details="an event")
        world.finish()
        ends: list[float] = []
        for number in range(3):
            world.plex.edit_by_hand(key, title=f"by hand {number}")
            assert world.run(400, until=lambda: world.plex.item(key).title == "wanted")
            ends.append(world.clock.now())
        hour_s = world.clock.interval(HOUR_S)
        assert all(hour_s - 2 <= later - earlier <= hour_s + 5 for earlier, later in pairwise(ends)), ends
