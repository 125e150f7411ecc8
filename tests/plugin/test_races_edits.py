"""Edits that come at the worst moment: what Stash says last is what Plex shows in the end."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import TYPE_CHECKING

from sim.faults import Fault

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

ENLARGED = 10 if os.environ.get("PLEXSYNC_TEST_LONG") else 1


def test_second_of_two_edits_100_ms_apart_is_in_plex_in_the_end(world: PluginWorld) -> None:
    scene = world.add_scene()
    for count in range(5):
        world.stash.update_scene(scene, title=f"first {count}", details="first")
        time.sleep(0.1)  # the scenario itself, not waiting for something
        world.stash.update_scene(scene, title=f"second {count}")
        world.wait_idle()
        assert world.has_titles({scene: f"second {count}"})
    assert world.problems() == []


def test_edit_between_the_batch_read_and_the_push_of_its_scene(world: PluginWorld) -> None:
    """The first scene's edit of the item takes long; the last scene of the batch was read before it."""
    waker = world.add_scene()
    titles = {scene: f"old {scene}" for scene in world.add_scenes(6)}
    first, last = min(titles), max(titles)
    with world.no_worker():
        for scene, title in titles.items():
            world.stash.update_scene(scene, title=title)
    stuck = world.plex.fault(Fault.hang(), method="PUT", rating_key=world.keys[first], times=1)
    world.fire_hook(waker)
    world.wait_until(lambda: stuck.hits == 1, "the batch to be under way")
    world.stash.update_scene(last, title="new")
    world.wait_until(lambda: f"scene-{last}" in world.inbox_names(), "the edit to lie in the inbox")
    world.plex.heal(stuck)
    world.wait_idle()
    world.wait_for_titles({**titles, last: "new"})
    sent = [each.first("title.value") for each in world.plex.requests if each.method == "PUT"]
    assert "new" in sent
    assert f"old {last}" not in sent, "a stale value was sent although the event was known"


def test_edit_while_the_put_of_the_same_scene_is_under_way(world: PluginWorld) -> None:
    scene = world.add_scene()
    stuck = world.plex.fault(Fault.hang(after=True), method="PUT", times=1)
    world.stash.update_scene(scene, title="old")
    world.wait_until(lambda: stuck.hits == 1, "the first edit to reach Plex")
    world.stash.update_scene(scene, title="new")
    world.plex.heal(stuck)
    world.wait_for_titles({scene: "new"})
    world.wait_idle()
    assert world.has_titles({scene: "new"})


def test_edits_of_a_scene_whose_batch_keeps_running(world: PluginWorld) -> None:
    """Under a slow Plex each scene is edited several times while others of its batch are pushed."""
    world.plex.latency_s = 0.01
    scenes = world.add_scenes(8)
    chance = random.Random(7)
    titles: dict[int, str] = {}
    for count in range(60 * ENLARGED):
        scene = chance.choice(scenes)
        titles[scene] = f"{scene} at {count}"
        world.stash.update_scene(scene, title=titles[scene])
    world.wait_idle()
    assert world.has_titles(titles)
    assert world.problems() == []


def test_scenes_of_one_item_in_one_batch_leave_it_to_the_scene_of_its_first_file(world: PluginWorld) -> None:
    """Both are edited before a worker looks, the other one last: what it read ahead must not overwrite."""
    first = world.add_scene()
    second = world.stash.add_scene("/media/other.mp4", 77)
    world.plex.remove_item(world.keys[first])
    key = world.plex.add_item(world.section, files=[("/media/scene 1.mp4", 1001), ("/media/other.mp4", 77)])
    world.keys = {first: key, second: key}
    world.stash.update_scene(second, title="b")
    world.wait_for_titles({second: "b"})
    world.wait_until_worker_left()
    with world.no_worker():
        world.stash.update_scene(first, title="a")
        world.stash.update_scene(second, details="more")
    world.fire_hook(second)
    world.wait_idle()
    assert (world.plex.item(key).title, world.plex.item(key).summary) == ("a", "")


def test_nothing_is_left_lying_when_hooks_meet_a_worker_that_leaves(make_world: MakeWorld) -> None:
    """An idle worker leaves at its next look at the clock here, after a second or when something comes."""
    world = make_world(time_scale=600)
    scenes = world.add_scenes(6)
    chance = random.Random(3)
    seen = WorkerWatch(world)
    titles: dict[int, str] = {}
    with seen:
        for count in range(16 * ENLARGED):
            burst = chance.sample(scenes, chance.randint(1, 4))
            titles |= {scene: f"{scene} in burst {count}" for scene in burst}
            world.edit_at_once({scene: titles[scene] for scene in burst})
            # Nothing else is fired: what a burst left lying would stay.
            world.wait_for_titles({scene: titles[scene] for scene in burst})
            if count % 6 == 0:
                world.wait_until_worker_left()
                continue
            # Most come while the worker thinks of leaving, every third when it is on its way out: a second after the
            # last push, or two where catch-up looked at it once more.
            on_its_way = chance.choice((1.05, 2.15)) + chance.uniform(-0.1, 0.1)
            time.sleep(chance.uniform(0.0, 0.25) if count % 3 else on_its_way)
    world.wait_idle()
    assert world.has_titles(titles)
    assert seen.most_at_once == 1
    assert len(seen.pids) > 1, "no worker ever left"
    assert world.problems() == []


class WorkerWatch:
    """Looks all the time at who has the queue open."""

    def __init__(self, world: PluginWorld) -> None:
        self._world = world
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.pids: set[int] = set()
        self.most_at_once = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.05):
            found = self._world.at_work()
            self.pids |= found
            if len(found) > 1:  # one may have gone and the other come while they were looked at
                found &= self._world.at_work()
            self.most_at_once = max(self.most_at_once, len(found))
