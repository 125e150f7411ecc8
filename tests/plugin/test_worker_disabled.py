"""Disabled is off: the worker ends when the plugin is disabled in Stash, and nothing is pushed until it is enabled."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from local import inbox, lock, start
from sim.plex.simulator import Fault
from store.worker_file import read_worker_report
from tests.support.task_runs import run_task, start_task

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

REASON = "the worker ends: PlexSync is disabled in Stash"


def disable(world: PluginWorld) -> float:
    """Disable the plugin; returns when that was done, in epoch seconds."""
    world.stash.switch_plugin("plexsync", on=False)
    return time.time()


def enable(world: PluginWorld) -> None:
    world.stash.switch_plugin("plexsync", on=True)


def writes_after(world: PluginWorld, at: float) -> list[str]:
    return [f"{each.method} {each.path}" for each in world.plex.requests if each.method != "GET" and each.at > at]


def noticed_at(world: PluginWorld) -> float:
    """When Stash first told the worker that the plugin is disabled: the last time that it was asked."""
    return float(max(each.at for each in world.stash.requests if "enabled" in each.query))


def make_work(world: PluginWorld, count: int) -> dict[int, str]:
    """Pending edits, which take Plex a while."""
    titles = {scene: f"title {scene}" for scene in world.add_scenes(count)}
    world.plex.latency_s = 0.05
    world.edit_at_once(titles)
    return titles


def test_a_worker_that_pushes_ends_within_ten_seconds_and_the_rest_waits(make_world: MakeWorld) -> None:
    world = make_world(time_scale=10)  # the settings are read every second; 120 jobs take longer
    titles = make_work(world, 120)
    world.wait_until(lambda: world.has_titles(dict(list(titles.items())[:3])), "the first titles")
    disabled_at = disable(world)
    world.wait_until_worker_left()
    assert time.time() - disabled_at < 10  # unscaled: the limit of a machine at its leisure is 1 s
    assert REASON in world.log_text()
    assert len(writes_after(world, noticed_at(world))) <= 1  # prepared, and begun while Stash answered
    left = {scene for scene, title in titles.items() if world.item(scene).title != title}
    assert left
    # Covers come later: the jobs of scenes whose fields are in Plex may be there for them.
    assert {job["scene_id"] for job in world.jobs() if not job["is_cover_left"]} == left
    time.sleep(1)
    assert world.worker_pids() == []
    world.plex.latency_s = 0
    done, *_ = titles.keys() - left
    world.stash.update_scene(done, title="edited meanwhile")  # though this worker, the first one, never caught up
    time.sleep(1)
    enable(world)
    event = min(left)
    world.stash.update_scene(event, title="an event")
    world.wait_for_titles({**titles, done: "edited meanwhile", event: "an event"})


def test_what_was_edited_while_it_was_off_comes_with_the_first_event(world: PluginWorld) -> None:
    first, edited, renamed = world.add_scenes(3, tags=("tag",))
    world.edit_at_once({first: "first", edited: "edited", renamed: "renamed"})
    world.wait_for_titles({first: "first", edited: "edited", renamed: "renamed"})
    disable(world)
    world.wait_until_worker_left()
    world.stash.update_scene(edited, details="while it was off")
    world.stash.update("tag", world.stash.add_entity("tag", "tag"), name="renamed tag")
    assert world.worker_pids() == []
    enable(world)
    world.stash.update_scene(first, title="an event")
    world.wait_until(lambda: world.item(edited).summary == "while it was off", "the edit in Plex")
    world.wait_until(lambda: "renamed tag" in world.item(renamed).genres, "the new name in Plex")


def test_the_first_task_after_enabling_brings_everything(world: PluginWorld) -> None:
    titles = make_work(world, 30)
    disable(world)
    world.wait_until_worker_left()
    world.plex.latency_s = 0
    enable(world)
    run_task(world, "process_queue")
    world.wait_for_titles(titles)


def test_an_idle_worker_ends_within_seventy_seconds(make_world: MakeWorld) -> None:
    world = make_world(time_scale=20)  # without a reason to end, it stays for 3 s
    (scene,) = world.add_scenes(1)
    world.stash.update_scene(scene, title="title")
    world.wait_for_titles({scene: "title"})
    world.wait_idle()
    disable(world)
    world.wait_until_worker_left()
    assert REASON in world.log_text()


def test_a_worker_started_while_disabled_leaves_at_once_without_a_request_to_plex(world: PluginWorld) -> None:
    """As when the plugin is disabled between an event's hook and the start of its worker."""
    (scene,) = world.add_scenes(1)
    with world.no_worker():
        world.stash.update_scene(scene, title="title")
        disable(world)
    start.start_worker(str(world.script), str(world.directory))
    world.wait_until(lambda: REASON in world.log_text(), "the reason")
    world.wait_until_worker_left()
    assert world.plex.requests == []
    assert [job["scene_id"] for job in world.jobs()] == [scene]
    enable(world)
    world.fire_hook(424242)  # no such scene: this only starts a worker
    world.wait_for_titles({scene: "title"})


def test_a_worker_that_waits_for_plex_ends_and_keeps_what_is_pending(make_world: MakeWorld) -> None:
    world = make_world(time_scale=20)
    (scene,) = world.add_scenes(1)
    world.plex.fault(Fault.refused())
    world.stash.update_scene(scene, title="title")
    world.wait_until(lambda: "waiting" in str(read_worker_report(str(world.directory)).doing), "a worker that waits")
    disable(world)
    world.wait_until(lambda: REASON in world.log_text(), "the reason")
    world.wait_until_worker_left()
    assert [job["scene_id"] for job in world.jobs()] == [scene]
    enable(world)
    world.plex.heal()
    world.fire_hook(424242)
    world.wait_for_titles({scene: "title"})


def test_disabling_for_a_moment_strands_no_event(make_world: MakeWorld) -> None:
    """An event whose hook finds the lock held by a worker that is about to leave starts no other worker."""
    world = make_world(time_scale=200)
    scenes = world.add_scenes(10)
    for number, scene in enumerate(scenes):
        world.stash.update_scene(scene, title=f"before {number}")
        disable(world)
        time.sleep(0.02 * number)
        enable(world)
        world.stash.update_scene(scene, title=f"after {number}")
        world.wait_for_titles({scene: f"after {number}"})


def test_an_event_left_behind_by_a_disabled_worker_is_taken_in(world: PluginWorld) -> None:
    """Enabled again before the worker has gone: it looks into the inbox once more after it has released its lock."""
    (scene,) = world.add_scenes(1)
    disable(world)
    with world.no_worker():
        inbox.publish(str(world.directory), f"scene-{scene}", world.hook_input(scene))
        start.start_worker(str(world.script), str(world.directory))  # waits up to 2 s for the lock
        time.sleep(0.1)
    world.wait_until_worker_left()
    assert lock.is_free(str(world.directory))
    assert [job["scene_id"] for job in world.jobs()] == [scene]
    assert inbox.has_news(str(world.directory)) is False


def test_process_queue_ends_and_says_why(make_world: MakeWorld) -> None:
    world = make_world(time_scale=10)
    make_work(world, 120)
    task = start_task(world, "process_queue")
    world.wait_until(lambda: bool(writes_after(world, 0)), "the first push")
    disable(world)
    answer = json.loads(task.communicate(timeout=60)[0])["output"]
    assert answer["stopped_by"] == "disabled"
    assert answer["waiting"] > 0
    world.wait_until_worker_left()
    enable(world)
    assert run_task(world, "queue_status").output["draining"]["stopped_by"] is None


def test_a_reconciliation_ends_its_task_and_goes_on_once_enabled(make_world: MakeWorld) -> None:
    world = make_world(time_scale=20)  # the settings are read twice a second
    titles = {scene: f"title {scene}" for scene in world.add_scenes(30)}
    for scene, title in titles.items():
        world.stash.library.scene(scene).title = title
    world.plex.latency_s = 1
    task = start_task(world, "reconcile_all")
    world.wait_until(lambda: len(world.plex.requests) > 1, "a run")
    disable(world)
    assert "PlexSync is disabled in Stash" in json.loads(task.communicate(timeout=60)[0])["error"]
    world.wait_until_worker_left()
    assert world.jobs() == []
    world.plex.latency_s = 0
    enable(world)
    world.fire_hook(424242)
    world.wait_for_titles(titles)


def test_a_plugin_under_another_id_is_not_taken_for_this_one(world: PluginWorld) -> None:
    world.stash.switch_plugin("another", on=False)
    (scene,) = world.add_scenes(1)
    world.stash.update_scene(scene, title="title")
    world.wait_for_titles({scene: "title"})
