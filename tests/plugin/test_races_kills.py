"""SIGKILL at any moment: work may be repeated but is not lost, and the next worker knows what was sent."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from local import inbox
from local.start import start_worker
from sim.faults import Fault

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

ENLARGED = 5 if os.environ.get("PLEXSYNC_TEST_LONG") else 1
IN_FLIGHT = 2  # persist-queue's status of a job that was taken but not acknowledged


@pytest.mark.parametrize("seed", range(5 * ENLARGED))
def test_one_unrelated_hook_makes_up_for_a_worker_killed_at_any_moment(world: PluginWorld, seed: int) -> None:
    chance = random.Random(seed)
    unrelated, *scenes = world.add_scenes(7)
    titles = {scene: f"edited {scene}" for scene in scenes}
    world.edit_at_once(titles)
    time.sleep(chance.uniform(0.0, 0.5))
    world.kill_worker()
    world.fire_hook(unrelated)
    world.wait_for_titles(titles)
    world.wait_idle()


@pytest.mark.parametrize("seed", range(1, 1 + ENLARGED))
def test_kills_between_claim_and_acknowledge_lose_nothing(world: PluginWorld, seed: int) -> None:
    chance = random.Random(seed)
    scenes = world.add_scenes(10)
    titles: dict[int, str] = {}
    were_in_flight = 0
    world.plex.latency_s = 0.003
    for count in range(15 * ENLARGED):
        for scene in chance.sample(scenes, 2):
            titles[scene] = f"{scene} at {count}"
            world.stash.update_scene(scene, title=titles[scene])
        seen = len(world.plex.requests)
        world.wait_until(lambda seen=seen: len(world.plex.requests) > seen or world.is_idle(), "the drain")  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 0.03))
        world.kill_worker()
        were_in_flight += bool(jobs_in_flight(world))
        assert_one_job_for_each_scene(world)
    world.fire_hook(scenes[0])
    world.wait_idle()
    assert world.has_titles(titles)
    assert jobs_in_flight(world) == []
    assert were_in_flight > 3, "the kills missed the moment they aim at"


def test_a_worker_that_replaces_a_killed_one_knows_where_stash_is(world: PluginWorld) -> None:
    """Two workers may start for one event; the first claims the entry with the connection in it."""
    scene = world.add_scene(title="old")
    world.configure(paused=True)
    world.stash.update_scene(scene, title="new")
    world.wait_until(lambda: len(world.jobs()) == 1 and not world.inbox_names(), "the job")
    world.kill_worker()
    world.configure(paused=False)
    start_worker(str(world.script), str(world.directory))
    world.wait_for_titles({scene: "new"})


def test_a_tag_sent_just_before_a_kill_is_removed_when_stash_removes_it(world: PluginWorld) -> None:
    scene = world.add_scene(title="t", tags=("kept",))
    tag = world.stash.add_entity("tag", "sent")
    kill_after_put(world, lambda: world.stash.update_scene(scene, tag_ids=["1", str(tag)]))
    assert world.item(scene).genres == ("kept", "sent")
    world.stash.update_scene(scene, tag_ids=["1"])
    world.wait_until(lambda: world.item(scene).genres == ("kept",), "the tag to be removed")


def test_tags_sent_before_several_kills_in_a_row_are_all_removed(world: PluginWorld) -> None:
    scene = world.add_scene(title="t")
    for name in ("first", "second", "third"):
        tag = world.stash.add_entity("tag", name)
        kill_after_put(world, lambda tag=tag: world.stash.update_scene(scene, tag_ids=[str(tag)]))
        assert name in world.item(scene).genres
    world.stash.update_scene(scene, tag_ids=[])
    world.wait_until(lambda: world.item(scene).genres == (), "the tags to be removed")


def test_a_tag_added_by_hand_survives_a_kill(world: PluginWorld) -> None:
    scene = world.add_scene(title="t")
    world.plex.edit_by_hand(world.keys[scene], genres=("by hand",))
    tag = world.stash.add_entity("tag", "sent")
    kill_after_put(world, lambda: world.stash.update_scene(scene, tag_ids=[str(tag)]))
    assert set(world.item(scene).genres) == {"by hand", "sent"}
    world.stash.update_scene(scene, tag_ids=[])
    world.wait_until(lambda: world.item(scene).genres == ("by hand",), "the tag to be removed")


def test_a_title_sent_just_before_a_kill_is_not_taken_for_a_persons_edit(world: PluginWorld) -> None:
    world.configure(keep_plex_edits=True)
    scene = world.add_scene()
    kill_after_put(world, lambda: world.stash.update_scene(scene, title="one"))
    assert world.item(scene).title == "one"
    world.stash.update_scene(scene, title="two")
    world.wait_for_titles({scene: "two"})


def test_an_edit_whose_hook_was_killed_is_pushed_after_a_minute(world: PluginWorld) -> None:
    """The hook leaves a temporary file, which may be empty. It counts once it is a minute old."""
    scene, young, unrelated = world.add_scenes(3, title="t")
    inbox.prepare(str(world.directory))
    for each, age_s in ((scene, 61.0), (young, 0.0)):
        path = os.path.join(inbox.folder(str(world.directory)), f".tmp-scene-{each}-4711-1700000000000000000")
        with open(path, "wb"):
            pass
        os.utime(path, (time.time() - age_s,) * 2)
    world.fire_hook(unrelated)
    world.wait_for_titles({scene: "t", unrelated: "t"})
    assert [name for name in world.inbox_names() if f"scene-{young}-" in name], "a hook may still be writing it"


def kill_after_put(world: PluginWorld, edit: object) -> None:
    """Edit; kill the worker once Plex has made the change but has not answered yet."""
    assert callable(edit)
    stuck = world.plex.fault(Fault.hang(after=True), method="PUT", times=1)
    edit()
    world.wait_until(lambda: stuck.hits == 1, "the edit to reach Plex")
    assert world.kill_worker()
    world.plex.heal(stuck)


def jobs_in_flight(world: PluginWorld) -> list[int]:
    """Ids of the queue rows that a worker had taken."""
    path = world.directory / "queue" / "data.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [row for (row,) in database.execute("SELECT _id FROM ack_queue_default WHERE status = ?", (IN_FLIGHT,))]


def assert_one_job_for_each_scene(world: PluginWorld) -> None:
    scenes = [job["scene_id"] for job in world.jobs()]
    assert len(scenes) == len(set(scenes))
