"""Stash goes away, comes back, has a password, ends sessions: pending jobs wait and are pushed in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


def edit_and_lose_stash(world: PluginWorld) -> dict[int, str]:
    """Leave three edits in the inbox and stop Stash before a worker reads them."""
    titles = {scene: f"title {scene}" for scene in world.add_scenes(3)}
    with world.no_worker():
        for scene, title in titles.items():
            world.stash.update_scene(scene, title=title)
    unrelated = world.hook_input(world.add_scene())
    world.stash.stop()
    world.run_script(unrelated)
    world.wait_until(lambda: "Stash does not answer" in world.log_text(), "a message about Stash")
    return titles


def test_the_worker_pushes_waiting_jobs_when_stash_comes_back(make_world: MakeWorld) -> None:
    world = make_world(time_scale=20)
    titles = edit_and_lose_stash(world)
    assert len(world.jobs()) == 4
    world.stash.start()
    world.wait_for_titles(titles)
    world.wait_idle()


def test_the_worker_exits_after_ten_minutes_and_the_next_hook_drains_the_queue(make_world: MakeWorld) -> None:
    world = make_world(time_scale=600)
    titles = edit_and_lose_stash(world)
    world.wait_until_worker_left()
    assert {job["scene_id"] for job in world.jobs()} == {1, 2, 3, 4}
    assert [job["attempts"] for job in world.jobs()] == [0, 0, 0, 0]
    world.stash.start()
    world.fire_hook(4)
    world.wait_for_titles(titles)
    world.wait_idle()


def test_an_event_that_arrives_as_the_worker_gives_up_on_stash_is_kept(make_world: MakeWorld) -> None:
    """Hooks still run while Stash shuts down or hangs. Each leaves a job, and none is lost."""
    world = make_world(time_scale=600)
    titles = edit_and_lose_stash(world)
    for _ in range(10):
        world.run_script(world.hook_input(1))
    world.wait_until_worker_left()
    assert {job["scene_id"] for job in world.jobs()} | {1} == {1, 2, 3, 4}
    world.stash.start()
    world.fire_hook(4)
    world.wait_for_titles(titles)


def test_the_api_key_still_works_when_every_session_has_expired(world: PluginWorld) -> None:
    scenes = world.add_scenes(3)
    world.stash.protect("admin", "p4ssw0rd")
    world.configure(paused=True)
    for scene in scenes:
        world.stash.update_scene(scene, title="t")
    world.wait_until(lambda: len(world.jobs()) == 3 and not world.inbox_names(), "the jobs")
    world.wait_until(lambda: [each.by for each in world.stash.requests][-1:] == ["key"], "the API key")
    pid = world.wait_for_worker()
    world.stash.expire_sessions()
    world.configure()
    world.wait_for_titles(dict.fromkeys(scenes, "t"))
    # Each of the three events may have started a worker; only one gets the lock.
    world.wait_until(lambda: world.worker_pids() == [pid], "the other workers to leave")
    world.wait_until(lambda: all(each.status for each in world.stash.requests), "the last answer")
    assert {each.status for each in world.stash.requests} == {200}


def test_without_an_api_key_an_expired_session_waits_for_the_next_event(world: PluginWorld) -> None:
    first, second = world.add_scenes(2)
    world.stash.protect("admin", "p4ssw0rd")
    world.stash.clear_api_key()
    world.stash.library.scene(first).title = "a"
    world.run_script(world.hook_input(first, cookie_value="invalid"))
    world.wait_until(lambda: "Stash does not answer" in world.log_text(), "a message about Stash")
    world.stash.update_scene(second, title="b")
    world.wait_for_titles({first: "a", second: "b"})
    world.wait_idle()
