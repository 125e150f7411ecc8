"""From a copy made by hand to the package: the data moves, and the old copy is retired."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local import inbox
from tests.support.plugin_world import ENTRY_POINT, ROOMS, ROOT

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

MEMORY = "/dev/shm"  # noqa: S108 - a private folder is made in it


def copy_plugin(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ENTRY_POINT:
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return copy_plugin(tmp_path / "plugins" / "by hand")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return copy_plugin(tmp_path / "plugins" / "stable" / "plexsync")


def world_of(make_world: MakeWorld, plugin: Path, **how: object) -> PluginWorld:
    return make_world(plugin=plugin, directory=plugin / "data", **how)  # type: ignore[arg-type]


def take_over(old: Path, new: Path, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if name != "PLEXSYNC_DATA_DIR"}
    env = {"PLEXSYNC_TIME_SCALE": "10", "PLEXSYNC_NO_INSTALL": "1", **env}
    command = [sys.executable, str(new / "plexsync.py"), "take-over", str(old)]
    return subprocess.run(command, env={**kept, **env}, capture_output=True, text=True, check=False)


def test_queue_and_ledger_go_on_in_the_new_place_without_an_event(
    make_world: MakeWorld, old: Path, new: Path
) -> None:
    world = world_of(make_world, old)
    pushed, waiting = world.add_scene(), world.add_scene()
    world.stash.update_scene(pushed, title="pushed")
    world.wait_for_titles({pushed: "pushed"})
    world.configure(paused=True)
    world.stash.update_scene(waiting, title="waiting")
    world.wait_for_worker()
    done = take_over(old, new)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"PlexSync in {new} continues with the data of {old}." in done.stdout
    assert "press Reload plugins in Stash" in done.stdout
    assert sorted(path.name for path in old.iterdir() if path.suffix != ".py" and path.is_file()) == [
        "plexsync.yml.retired", "requirements.txt",
    ]  # fmt: skip
    assert not (old / "data").exists()
    world.directory = new / "data"
    world.configure()
    world.wait_for_titles({waiting: "waiting"})
    world.wait_idle()
    assert len(world.plex_requests(pushed)) > 0
    world.stop_workers()


def test_what_the_new_place_had_is_set_aside_and_its_events_go_along(
    make_world: MakeWorld, old: Path, new: Path
) -> None:
    world = world_of(make_world, old)
    scene, other = world.add_scene(), world.add_scene()
    world.stash.update_scene(scene, title="pushed")
    world.wait_for_titles({scene: "pushed"})
    world.stop_workers()
    inbox.publish(str(new / "data"), f"scene-{other}", world.hook_input(other))
    (new / "data" / "packages").mkdir()
    world.stash.library.scene(other).title = "by an event of the new place"
    done = take_over(old, new)
    assert (done.returncode, done.stderr) == (0, "")
    (aside,) = [path for path in new.iterdir() if path.name.startswith("data.replaced-")]
    assert f"Its own data are in {aside}." in done.stdout
    world.directory = new / "data"
    world.wait_for_titles({other: "by an event of the new place"})
    assert (new / "data" / "packages").exists()
    world.stop_workers()


@pytest.mark.parametrize("busy", ["old", "new"])
def test_a_worker_that_stays_is_left_alone_and_nothing_is_changed(
    make_world: MakeWorld, old: Path, new: Path, busy: str
) -> None:
    world = world_of(make_world, {"old": old, "new": new}[busy])
    inbox.prepare(str(old / "data"))
    with world.no_worker():
        done = take_over(old, new, PLEXSYNC_TIME_SCALE="900")
    assert done.returncode == 1
    assert f"A worker of PlexSync still uses {world.directory}. Disable PlexSync in Stash" in done.stderr
    assert (old / "plexsync.yml").exists()
    assert (old / "data").exists()


def test_copies_that_share_their_data_only_retire_the_old_one(old: Path, new: Path, tmp_path: Path) -> None:
    inbox.prepare(str(old / "data"))
    done = take_over(old, new, PLEXSYNC_DATA_DIR=str(tmp_path / "shared"))
    assert done.returncode == 0
    assert f"All copies have their data in {tmp_path / 'shared'}, which PLEXSYNC_DATA_DIR names" in done.stdout
    assert (old / "data").exists()
    assert not (old / "plexsync.yml").exists()


def test_an_interrupted_run_is_completed_by_the_next(old: Path, new: Path) -> None:
    inbox.prepare(str(old / "data"))
    (old / "data" / "sync_state.db").touch()
    (old / "plexsync.yml").rename(old / "plexsync.yml.retired")
    assert take_over(old, new).returncode == 0
    assert (new / "data" / "sync_state.db").exists()
    done = take_over(old, new)
    assert done.returncode == 0
    assert f"{old} has no data: nothing had to be moved." in done.stdout


def test_a_folder_that_is_no_other_copy_is_refused(new: Path, tmp_path: Path) -> None:
    assert f"{new} is the copy that was started." in take_over(new, new).stderr
    assert f"{tmp_path} is not the folder of a copy of PlexSync" in take_over(tmp_path, new).stderr


@pytest.mark.skipif(not os.path.isdir(MEMORY), reason="needs a second file system")
def test_data_moves_to_another_disk(old: Path) -> None:
    inbox.prepare(str(old / "data"))
    (old / "data" / "sync_state.db").touch()
    with tempfile.TemporaryDirectory(dir=MEMORY, ignore_cleanup_errors=True) as disk:
        new = copy_plugin(Path(disk) / "plexsync")
        done = take_over(old, new)
        assert (done.returncode, done.stderr) == (0, "")
        assert (new / "data" / "sync_state.db").exists()
        assert not (old / "data").exists()
