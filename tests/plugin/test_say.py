"""The operation `say` of the real script, in a simulated Stash."""

from __future__ import annotations

import venv
from typing import TYPE_CHECKING

import pytest

from sim.plex.simulator import Fault
from sim.stash.simulator import GraphQLRefusedError
from tests.support.plugin_world import TOKEN
from tests.support.task_runs import task_input

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.plugin_world import PluginWorld

LINES = [{"level": "warning", "text": "Plex is away: \N{SNOWMAN}"}, {"level": "info", "text": "Plex is back."}]


def test_say_writes_to_the_log_and_touches_nothing_else(world: PluginWorld) -> None:
    assert world.stash.operation(mode="say", lines=LINES) == {"lines": 2}
    assert [(line.level, line.text) for line in world.stash.log if line.plugin == "PlexSync"] == [
        ("warning", "Plex is away: \N{SNOWMAN}"),
        ("info", "Plex is back."),
    ]
    assert not world.directory.exists()
    assert world.worker_pids() == []


def test_say_loads_no_package(world: PluginWorld) -> None:
    """It answers also where only the standard library is, and sooner than a task."""
    answer = world.run_script(task_input(world, "say", lines=["x"]), python=("-S", "-X", "importtime"))
    assert answer.json == {"output": {"lines": 1}}
    loaded = {line.rpartition(b"|")[2].strip().split(b".")[0].decode() for line in answer.stderr.splitlines()}
    assert not loaded & {"requests", "filelock", "stashapi", "plexapi", "site", "logging", "stash", "tasks"}


def test_say_refuses_what_is_no_line(world: PluginWorld) -> None:
    with pytest.raises(GraphQLRefusedError, match="it must be"):
        world.stash.operation(mode="say", lines=[{"level": "loud", "text": "x"}])


def said(world: PluginWorld) -> list[tuple[str, str]]:
    """Level and text of the plugin's lines in Stash's log, oldest first."""
    return [(line.level, line.text) for line in world.stash.log if line.plugin == "PlexSync"]


def wait_until_said(world: PluginWorld, words: str) -> None:
    world.wait_until(lambda: any(words in text for _, text in said(world)), f"{words!r} in {said(world)}")


def test_an_outage_is_in_the_log_of_stash_without_a_task(world: PluginWorld) -> None:
    scenes = world.add_scenes(3)
    world.stash.update_scene(scenes[0], title="first")
    wait_until_said(world, "PlexSync works")
    world.plex.fault(Fault.refused())
    world.edit_at_once(dict.fromkeys(scenes, "waiting"))
    wait_until_said(world, "Outage of Plex")
    world.plex.heal()
    world.wait_for_titles(dict.fromkeys(scenes, "waiting"))
    wait_until_said(world, "3 scenes were pushed")
    levels = [level for level, _ in said(world)]
    assert levels in (["info", "warning", "info"], ["info", "warning", "info", "info"])
    assert "connection refused" in said(world)[1][1]
    assert "Plex is back after an outage of" in said(world)[2][1]


def test_what_was_said_survives_the_death_of_the_worker(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.stash.update_scene(scene, title="first")
    wait_until_said(world, "PlexSync works")
    world.plex.fault(Fault.refused())
    world.stash.update_scene(scene, title="waiting")
    wait_until_said(world, "Outage of Plex")
    world.wait_until(lambda: b'"outage": {' in (world.directory / "said.json").read_bytes(), "the memory of it")
    world.kill_worker()
    world.stash.update_scene(scene, title="arrives")
    world.wait_for_worker()
    world.plex.heal()
    wait_until_said(world, "Plex is back after an outage")
    assert [text.split()[0] for _, text in said(world)][:3] == ["PlexSync", "Outage", "Plex"]


def test_no_secret_and_no_hidden_path_is_said(world: PluginWorld) -> None:
    world.configure(hide_paths=True, read_timeout="soon", path_map=f"{TOKEN} no rule")
    world.stash.update_scene(world.add_scene(), title="known")
    wait_until_said(world, "PlexSync works")
    missing = world.stash.add_scene("/media/private name.mp4", 5)
    world.stash.update_scene(missing, title="new")
    wait_until_said(world, "waits: Plex has no item")
    lines = " ".join(text for _, text in said(world))
    assert "<path " in lines
    assert "private name" not in lines
    assert TOKEN not in lines
    assert "soon" in lines
    world.configure(path_map=f"{TOKEN} no rule")
    shown = world.stash.add_scene("/media/shown name.mp4", 5)
    world.stash.update_scene(shown, title="new, too")
    wait_until_said(world, "waits: Plex has no item with the file /media/shown name.mp4;")


def test_a_worker_without_packages_says_what_to_install(world: PluginWorld, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    (scene,) = world.add_scenes(1)
    launcher = ("sh", "-c", f'shift; exec {tmp_path}/bare/bin/python "$@"', "sh")
    for _ in range(2):
        assert world.run_script(world.hook_input(scene), launcher=launcher).json == {"output": "queued"}
        world.wait_until((world.directory / "packages-missing.txt").exists, "the note")
        world.wait_until_worker_left()
    wait_until_said(world, "pip install")
    assert len(said(world)) == 1
    assert said(world)[0][0] == "error"


def test_a_worker_that_cannot_begin_says_why_once(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    (world.directory / "sync_state.db").mkdir(parents=True)  # no file can take its place
    reason = "the worker cannot use its data directory"

    def start_and_kill_a_worker() -> None:
        before = world.log_text().count(reason)
        world.fire_hook(scene)
        world.wait_until(lambda: world.log_text().count(reason) > before, "the reason")
        wait_until_said(world, reason)
        world.kill_worker()

    for _ in range(3):
        start_and_kill_a_worker()
    assert len(said(world)) == 1
