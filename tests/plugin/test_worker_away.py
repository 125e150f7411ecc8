"""Stash goes away, comes back, has a password, ends its sessions: what is pending waits and is pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


def edit_and_lose_stash(world: PluginWorld) -> dict[int, str]:
    """Three edits lie in the inbox, and Stash is gone before a worker reads them."""
    titles = {scene: f"title {scene}" for scene in world.add_scenes(3)}
    with world.no_worker():
        for scene, title in titles.items():
            world.stash.update_scene(scene, title=title)
    unrelated = world.hook_input(world.add_scene())
    world.stash.stop()
    world.run_script(unrelated)
    world.wait_until(lambda: "Stash does not answer" in world.log_text(), "a message about Stash")
    return titles


def test_worker_pushes_what_waited_when_stash_comes_back(make_world: MakeWorld) -> None:
    world = make_world(time_scale=20)
    titles = edit_and_lose_stash(world)
    assert len(world.jobs()) == 4
    world.stash.start()
    world.wait_for_titles(titles)
    world.wait_idle()


def test_worker_leaves_after_ten_minutes_and_the_next_hook_drains(make_world: MakeWorld) -> None:
    world = make_world(time_scale=600)
    titles = edit_and_lose_stash(world)
    world.wait_until_worker_left()
    assert {job["scene_id"] for job in world.jobs()} == {1, 2, 3, 4}
    assert [job["attempts"] for job in world.jobs()] == [0, 0, 0, 0]
    world.stash.start()
    world.fire_hook(4)
    world.wait_for_titles(titles)
    world.wait_idle()


def test_event_that_comes_when_the_worker_gives_stash_up_is_not_stranded(make_world: MakeWorld) -> None:
    """Hooks that run while a Stash shuts down, or one that hangs: each leaves a job, none is lost."""
    world = make_world(time_scale=600)
    titles = edit_and_lose_stash(world)
    for _ in range(10):
        world.run_script(world.hook_input(1))
    world.wait_until_worker_left()
    assert {job["scene_id"] for job in world.jobs()} | {1} == {1, 2, 3, 4}
    world.stash.start()
    world.fire_hook(4)
    world.wait_for_titles(titles)


def test_api_key_carries_on_when_every_session_has_expired(world: PluginWorld) -> None:
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
    assert world.worker_pids() == [pid]
    assert {each.status for each in world.stash.requests} == {200}


def test_expired_session_without_an_api_key_waits_for_the_next_event(world: PluginWorld) -> None:
    first, second = world.add_scenes(2)
    world.stash.protect("admin", "p4ssw0rd")
    world.stash.clear_api_key()
    world.stash.library.scene(first).title = "a"
    world.run_script(world.hook_input(first, cookie_value="worth-nothing"))  # with a cookie that is worth nothing
    world.wait_until(lambda: "Stash does not answer" in world.log_text(), "a message about Stash")
    world.stash.update_scene(second, title="b")
    world.wait_for_titles({first: "a", second: "b"})
    world.wait_idle()
