"""A running worker notices changed settings, and that the plugin was updated or removed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_world import ENTRY_POINT, ROOMS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


def test_a_changed_path_map_needs_no_restart(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    before = world.add_scene()
    world.stash.update_scene(before, title="seen")
    world.wait_for_titles({before: "seen"})
    pid = world.wait_for_worker()
    scene = world.stash.add_scene("/data/a.mp4", 7)
    world.keys[scene] = world.plex.add_item(world.section, files=[("/films/a.mp4", 70)], title="a")
    world.configure(path_map="/data => /films")
    world.stash.update_scene(scene, title="mapped")
    world.wait_for_titles({scene: "mapped"})
    assert world.worker_pids() == [pid]


def test_a_corrected_token_is_noticed_without_another_event(world: PluginWorld) -> None:
    scene = world.add_scene()
    world.plex.token = "another"
    world.stash.update_scene(scene, title="t")
    world.wait_until(lambda: "token" in "".join(world.problems()), "a message about the token")
    assert [job["attempts"] for job in world.jobs()] == [0]
    world.configure(plex_token="another")
    world.wait_for_titles({scene: "t"})


def test_scenes_wait_while_plex_url_is_missing(world: PluginWorld) -> None:
    titles = {scene: f"title {scene}" for scene in world.add_scenes(3)}
    world.configure(plex_url=None)
    world.edit_at_once(titles)
    world.wait_until(lambda: '"Plex address" is not set' in world.log_text(), "a message about it")
    world.wait_until(lambda: len(world.jobs()) == 3, "the jobs")
    assert world.log_text().count('"Plex address" is not set') <= 2, "the message is repeated"
    world.configure()
    world.wait_for_titles(titles)
    world.wait_idle()


def test_plex_url_and_token_may_come_from_the_environment(make_world: MakeWorld) -> None:
    other = make_world()
    world = make_world(env={"PLEX_URL": other.plex.url, "PLEX_TOKEN": other.plex.token})
    world.configure(plex_url=None, plex_token=None)
    scene = world.add_scene()
    other.add_scene()
    world.stash.update_scene(scene, title="t")
    other.wait_for_titles({scene: "t"})


def test_while_paused_events_are_queued_and_nothing_is_pushed(world: PluginWorld) -> None:
    titles = {scene: f"title {scene}" for scene in world.add_scenes(3)}
    world.configure(paused=True)
    world.edit_at_once(titles)
    world.wait_until(lambda: len(world.jobs()) == 3 and not world.inbox_names(), "the jobs")
    world.stash.update_scene(1, title="title 1")
    world.wait_until(lambda: not world.inbox_names(), "one more event to be queued")
    assert [each for each in world.plex.requests if each.method == "PUT"] == []
    world.configure()
    world.wait_for_titles(titles)
    world.wait_idle()


def test_a_bad_value_is_reported_once_and_the_default_is_used(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)  # with a faster clock a second worker may report it, too
    scenes = world.add_scenes(3)
    world.configure(tls="maybe/not", max_retries=-5)
    for scene in scenes:
        world.stash.update_scene(scene, title="t")
        world.wait_idle()
    text = world.log_text()
    assert text.count('"Attempts"') == 1
    assert world.has_titles(dict.fromkeys(scenes, "t")) or "Plex certificate" in text


@pytest.fixture
def own_plugin(make_world: MakeWorld, tmp_path: Path) -> PluginWorld:
    """A world with a copy of the plugin that a test may change."""
    plugin = tmp_path / "plugins" / "plexsync"
    plugin.mkdir(parents=True)
    for room in ROOMS:
        if (ROOT / room).is_dir():
            shutil.copytree(ROOT / room, plugin / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ENTRY_POINT:
        shutil.copy2(ROOT / name, plugin / name)
    return make_world(plugin=plugin, time_scale=1)


def test_an_update_of_the_plugin_replaces_the_worker_without_an_event(own_plugin: PluginWorld) -> None:
    world, scene = own_plugin, own_plugin.add_scene()
    world.stash.update_scene(scene, title="old version")
    world.wait_for_titles({scene: "old version"})
    before = world.wait_for_worker()
    touch(world.script.with_suffix(".yml"))
    world.wait_until(lambda: world.worker_pid() not in (None, before), "the new worker")
    world.stash.update_scene(scene, title="new version")
    world.wait_for_titles({scene: "new version"})
    world.wait_until(lambda: before not in world.worker_pids(), "the old worker to end")


def test_an_update_loses_no_waiting_job(own_plugin: PluginWorld) -> None:
    world = own_plugin
    titles = {scene: f"title {scene}" for scene in world.add_scenes(4)}
    world.configure(paused=True)
    world.edit_at_once(titles)
    world.wait_until(lambda: len(world.jobs()) == 4 and not world.inbox_names(), "the jobs")
    before = world.wait_for_worker()
    touch(world.script.with_suffix(".yml"))
    world.wait_until(lambda: world.worker_pid() not in (None, before), "the new worker")
    world.configure()
    world.fire_hook(1)
    world.wait_for_titles(titles)


def test_the_worker_of_a_removed_plugin_exits(own_plugin: PluginWorld) -> None:
    world, scene = own_plugin, own_plugin.add_scene()
    world.stash.update_scene(scene, title="t")
    world.wait_for_titles({scene: "t"})
    world.wait_for_worker()
    shutil.rmtree(world.script.parent)
    world.wait_until_worker_left()


def touch(path: Path) -> None:
    """Change the modification time, as a package update does."""
    status = os.stat(path)
    os.utime(path, (status.st_atime, status.st_mtime + 10))
