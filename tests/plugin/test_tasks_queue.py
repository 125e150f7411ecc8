"""The tasks that work on the queue: clear, restore, sync, process; and what they report."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from sim.plex.simulator import Fault
from tests.support.task_runs import run_task, start_task

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


def pending_scenes(world: PluginWorld) -> set[int]:
    return {int(job["scene_id"]) for job in world.jobs()}


def paused_with_edits(world: PluginWorld, count: int) -> list[int]:
    scenes = world.add_scenes(count)
    world.configure(paused=True)
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_until(lambda: pending_scenes(world) == set(scenes), "the jobs")
    return scenes


def test_clear_then_restore_brings_back_the_same_jobs(world: PluginWorld) -> None:
    scenes = paused_with_edits(world, 4)
    before = sorted(json.dumps(job, sort_keys=True) for job in world.jobs())
    cleared = run_task(world, "clear_queue")
    assert cleared.output["cleared"] == 4
    assert "Restore Cleared Jobs" in cleared.said
    assert os.stat(cleared.output["backup"]).st_mode & 0o777 == 0o600
    assert not world.jobs()
    assert run_task(world, "clear_queue").output == {"cleared": 0, "backup": None}
    restored = run_task(world, "restore_cleared")
    assert restored.output == {"restored": 4, "backup": cleared.output["backup"]}
    assert sorted(json.dumps(job, sort_keys=True) for job in world.jobs()) == before
    assert os.path.exists(cleared.output["backup"] + ".restored")
    assert run_task(world, "restore_cleared").output == {"restored": 0, "backup": None}
    world.configure()
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))


def test_backups_are_restored_newest_first(world: PluginWorld) -> None:
    first = paused_with_edits(world, 2)
    run_task(world, "clear_queue")
    second = paused_with_edits(world, 3)
    run_task(world, "clear_queue")
    assert run_task(world, "restore_cleared").output["restored"] == 3
    assert pending_scenes(world) == set(second)
    assert run_task(world, "restore_cleared").output["restored"] == 2
    assert pending_scenes(world) == {*first, *second}


def test_clear_includes_the_inbox_and_leaves_later_edits(world: PluginWorld) -> None:
    scenes = world.add_scenes(3)
    tag = world.stash.add_entity("tag", "renamed")
    world.configure(paused=True)
    with world.no_worker():
        world.edit_at_once({scenes[0]: "a", scenes[1]: "b"})
        world.stash.update("tag", tag, name="other name")
    cleared = run_task(world, "clear_queue")
    assert cleared.output["cleared"] in {2, 3}  # the tag's scenes may have been looked up before
    world.edit_at_once({scenes[2]: "c"})
    world.wait_until(lambda: pending_scenes(world) == {scenes[2]}, "the later edit alone")


def test_a_worker_killed_during_a_clear_neither_loses_nor_duplicates_jobs(world: PluginWorld) -> None:
    scenes = paused_with_edits(world, 6)
    for _ in range(3):
        task = start_task(world, "clear_queue")
        time.sleep(0.1)
        world.kill_worker()
        out, _ = task.communicate(timeout=120)
        cleared = json.loads(out)["output"]
        assert cleared["cleared"] == len(scenes)
        assert not world.jobs()
        restored = run_task(world, "restore_cleared").output
        assert (restored["restored"], pending_scenes(world)) == (len(scenes), set(scenes))


def test_a_killed_clear_can_be_run_again(world: PluginWorld) -> None:
    scenes = paused_with_edits(world, 5)
    for pause_s in (0.05, 0.1, 0.2):
        task = start_task(world, "clear_queue")
        time.sleep(pause_s)
        task.kill()
        task.communicate()
    run_task(world, "clear_queue")
    world.wait_until(lambda: not world.jobs(), "an empty queue")
    while run_task(world, "restore_cleared").output["backup"]:
        pass
    assert pending_scenes(world) == set(scenes)


def test_first_sync_queues_all_and_the_second_nothing(world: PluginWorld) -> None:
    scenes = world.add_scenes(25, title="synced")
    bare = world.add_scene()
    first = run_task(world, "sync_all")
    assert {key: first.output[key] for key in ("checked", "queued", "unchanged", "skipped", "pushed", "dead")} == {
        "checked": 26, "queued": 25, "unchanged": 0, "skipped": 1, "pushed": 25, "dead": 0,
    }  # fmt: skip
    assert world.has_titles(dict.fromkeys(scenes, "synced"))
    world.plex.clear_requests()
    second = run_task(world, "sync_all")
    assert (second.output["queued"], second.output["unchanged"], second.output["skipped"]) == (0, 25, 1)
    assert not world.plex_requests(scenes[0])
    assert bare


def test_sync_recent_leaves_older_scenes_alone(world: PluginWorld) -> None:
    old = world.add_scene(title="old", updated_at="2020-01-01T00:00:00Z")
    new = world.add_scene(title="new")
    assert run_task(world, "sync_recent").output["checked"] == 1
    assert world.has_titles({new: "new"})
    assert world.item(old).title != "old"


def test_a_killed_sync_resumes_where_it_was(world: PluginWorld) -> None:
    scenes = world.add_scenes(40, title="synced")
    world.plex.latency_s = 0.02
    task = start_task(world, "sync_all")
    world.wait_until(lambda: any(world.has_titles({scene: "synced"}) for scene in scenes), "the first push")
    task.kill()
    task.communicate()
    world.kill_worker()
    again = run_task(world, "sync_all").output
    assert again["checked"] == 40
    assert again["unchanged"] + again["queued"] >= 40  # pushed while it compared
    world.wait_for_titles(dict.fromkeys(scenes, "synced"))
    puts = [request for request in world.plex.requests if request.method == "PUT"]
    assert len(puts) <= 41  # one that was in flight at the kill may come twice


def test_process_queue_replaces_a_worker_that_dies(world: PluginWorld) -> None:
    scenes = paused_with_edits(world, 12)
    world.plex.latency_s = 0.05
    world.kill_worker()  # it would push the first scene before the task counts them
    world.configure()
    task = start_task(world, "process_queue")
    for _ in range(3):
        time.sleep(0.4)
        world.kill_worker()
    out, _ = task.communicate(timeout=120)
    output = json.loads(out)["output"]
    assert output["pushed"] + output["unchanged"] == 12, output
    assert world.has_titles(dict.fromkeys(scenes, "edited"))


def test_process_queue_does_not_wait_for_a_back_off(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = world.add_scene()
    world.plex.fault(Fault.answer(500), rating_key=world.keys[scene], method="PUT")
    world.edit_at_once({scene: "never arrives"})
    world.wait_until(lambda: any(job["attempts"] for job in world.jobs()), "the first failure")
    run = run_task(world, "process_queue")
    assert run.took_s < 30
    assert run.output["waiting"] + run.output["dead"] == 1


def test_process_queue_reports_a_pause(world: PluginWorld) -> None:
    paused_with_edits(world, 2)
    run = run_task(world, "process_queue")
    assert (run.output["stopped_by"], run.output["waiting"]) == ("paused", 2)
    assert "paused" in run.said


def test_sync_scene_pushes_now_and_waits_where_draining_is_stopped(world: PluginWorld) -> None:
    scene = world.add_scene(title="now")
    run = run_task(world, "sync_scene", scene_id=str(scene))
    assert (run.output["verdict"], run.output["items"]) == ("pushed", [world.keys[scene]])
    assert world.has_titles({scene: "now"})
    assert run_task(world, "sync_scene", scene_id=scene).output["verdict"] == "unchanged"
    assert run_task(world, "sync_scene", scene_id=999).output["verdict"] == "gone"
    world.configure(paused=True)
    assert run_task(world, "sync_scene", scene_id=scene).output["verdict"] == "waiting"
    assert "scene_id" in str(run_task(world, "sync_scene", scene_id="many").error)
