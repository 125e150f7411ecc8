"""A start that fails is tried again, and its reason is said where the user looks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from local.data_directory import STORAGE_CHECK
from tests.plugin.test_hook_trouble import fill, mounted
from tests.support.plugin_world import ENTRY_POINT, ROOMS, ROOT
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


def test_what_a_check_of_the_disk_left_behind_keeps_no_worker_away(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.directory.mkdir(mode=0o700)
    (world.directory / STORAGE_CHECK).write_bytes(b"no database" * 1000)
    world.stash.update_scene(scene, title="edited")
    world.wait_for_titles({scene: "edited"})
    assert not (world.directory / STORAGE_CHECK).exists()


def test_a_worker_that_starts_on_a_full_disk_goes_on_when_there_is_room(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    with mounted(world.directory, "size=4m,mode=700"):
        with world.no_worker():
            world.stash.update_scene(scene, title="edited")
        fill(world.directory / "filler")
        pid = start_worker(world)
        world.wait_until(lambda: "storage" in str(status_of(world)), "the reason in the status")
        assert world.worker_pid() == pid
        assert not world.has_titles({scene: "edited"})
        (world.directory / "filler").unlink()
        world.wait_for_titles({scene: "edited"})
        assert world.log_text().count("cannot use its data directory") <= 1
        world.stop_workers()


def start_worker(world: PluginWorld) -> int:
    """As a hook does that found room for its entry."""
    start = "import sys; from local import start; start.start_worker(*sys.argv[1:])"
    command = [sys.executable, "-c", start, str(world.script), str(world.directory)]
    subprocess.run(command, cwd=world.script.parent, env={**os.environ, **world.env}, check=True)
    return world.wait_for_worker()


def status_of(world: PluginWorld) -> object:
    return run_task(world, "queue_status").output["draining"]


def test_a_worker_that_cannot_be_started_is_not_a_change_that_was_not_noted(
    world: PluginWorld, tmp_path: Path
) -> None:
    (scene,) = world.add_scenes(1, title="edited")
    world.directory.mkdir(mode=0o700)
    gone = tmp_path / "python gone"
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(f"import sys; sys.executable = {str(gone)!r}")
    answer = world.run_script(world.hook_input(scene), python=(), env={"PYTHONPATH": str(site)})
    assert "has noted the change of scene-" in answer.json["error"]
    assert "could not start its worker" in answer.json["error"]
    assert world.inbox_names() == [f"scene-{scene}"]
    world.fire_hook(scene)
    world.wait_for_titles({scene: "edited"})


def test_an_update_that_takes_the_files_away_for_a_moment_strands_nothing(
    tmp_path: Path, make_world: MakeWorld
) -> None:
    plugin = tmp_path / "plugins" / "plexsync"
    for room in ROOMS:
        shutil.copytree(ROOT / room, plugin / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ENTRY_POINT:
        shutil.copy(ROOT / name, plugin / name)
    world = make_world(plugin=plugin)
    (scene,) = world.add_scenes(1)
    away = {name: plugin / f"{name} away" for name in ("worker", "plexsync.yml")}
    for name, path in away.items():
        (plugin / name).rename(path)
    world.fire_hook(scene)
    world.stash.library.scene(scene).title = "edited"
    world.wait_for_worker()
    for name, path in away.items():
        path.rename(plugin / name)
    world.wait_for_titles({scene: "edited"})
    assert not (world.directory / "packages-missing.txt").exists()
