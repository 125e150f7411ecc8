"""Edits at the worst moments: in the end Plex shows what Stash said last."""

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


def test_the_second_of_two_edits_100_ms_apart_wins(world: PluginWorld) -> None:
    scene = world.add_scene()
    for count in range(5):
        world.stash.update_scene(scene, title=f"first {count}", details="first")
        time.sleep(0.1)  # the scenario itself, not a wait
        world.stash.update_scene(scene, title=f"second {count}")
        world.wait_idle()
        assert world.has_titles({scene: f"second {count}"})
    assert world.problems() == []


def test_an_edit_between_the_read_of_a_batch_and_the_push_wins(world: PluginWorld) -> None:
    """The push of the first scene takes long; the last scene of the batch was read before it."""
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
    world.wait_until(lambda: f"scene-{last}" in world.inbox_names(), "the edit to be in the inbox")
    world.plex.heal(stuck)
    world.wait_idle()
    world.wait_for_titles({**titles, last: "new"})
    sent = [each.first("title.value") for each in world.plex.requests if each.method == "PUT"]
    assert "new" in sent
    assert f"old {last}" not in sent, "a stale value was sent although the event was known"


def test_an_edit_during_the_put_of_the_same_scene_wins(world: PluginWorld) -> None:
    scene = world.add_scene()
    stuck = world.plex.fault(Fault.hang(after=True), method="PUT", times=1)
    world.stash.update_scene(scene, title="old")
    world.wait_until(lambda: stuck.hits == 1, "the first edit to reach Plex")
    world.stash.update_scene(scene, title="new")
    world.plex.heal(stuck)
    world.wait_for_titles({scene: "new"})
    world.wait_idle()
    assert world.has_titles({scene: "new"})


def test_edits_of_scenes_of_the_current_batch_win(world: PluginWorld) -> None:
    """With a slow Plex, each scene is edited several times while others of its batch are pushed."""
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


def test_of_two_scenes_that_share_an_item_the_one_with_its_first_file_wins(world: PluginWorld) -> None:
    """Both are in one batch, the other one edited last: what was read ahead must not overwrite the item."""
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


def test_no_event_is_left_behind_when_the_worker_is_about_to_exit(make_world: MakeWorld) -> None:
    """Time runs so fast that an idle worker exits when it next looks at the clock: after a second, or on an event."""
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
            # No other hook runs: what a burst left behind would stay.
            world.wait_for_titles({scene: titles[scene] for scene in burst})
            if count % 6 == 0:
                world.wait_until_worker_left()
                continue
            # Most bursts come shortly before the worker exits, every third while it exits: a second after the last
            # push, or two if catch-up checked once more.
            as_it_exits = chance.choice((1.05, 2.15)) + chance.uniform(-0.1, 0.1)
            time.sleep(chance.uniform(0.0, 0.25) if count % 3 else as_it_exits)
    world.wait_idle()
    assert world.has_titles(titles)
    assert seen.most_at_once == 1
    assert len(seen.pids) > 1, "no worker ever exited"
    assert world.problems() == []


class WorkerWatch:
    """Watches who has the queue open."""

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
            if len(found) > 1:  # one may have exited and the other started during the check
                found &= self._world.at_work()
            self.most_at_once = max(self.most_at_once, len(found))
