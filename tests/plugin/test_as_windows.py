"""The core promises with those branches in force that are Windows', and without fcntl: see as_windows.py.

PLEXSYNC_TEST_WINDOWS=1 runs every other test that starts the script in the same way.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.support.plugin_world import read_proc
from tests.support.pythons import windows_python
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

pytestmark = pytest.mark.skipif(os.name != "posix", reason="it is Windows")


@pytest.fixture
def world(make_world: MakeWorld, tmp_path: Path) -> PluginWorld:
    return make_world(python=windows_python(tmp_path))


def test_the_branch_is_in_force_for_the_files_beside_the_script_alone(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(
        "import os, sys, msvcrt\ntry:\n    import fcntl\nexcept ImportError:\n    fcntl = None\n"
        "words = (os.name, sys.platform, hasattr(os, 'posix_spawn'), fcntl, os.path.basename(sys.executable))\n"
    )
    script = tmp_path / "script.py"
    script.write_text("import fcntl, os, ours; print(*ours.words, os.name)")
    done = subprocess.run([windows_python(tmp_path), "-S", script], capture_output=True, text=True, check=True)
    assert done.stdout == "nt win32 False None python as on Windows posix\n"


def test_an_edit_arrives_by_a_detached_worker(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.stash.update_scene(scene, title="edited")
    worker = world.wait_for_worker()
    assert b"as_windows.py" in read_proc(worker, "cmdline")
    assert os.getsid(worker) == worker
    world.wait_for_titles({scene: "edited"})
    world.wait_until_worker_left()


def test_edits_at_once_make_one_worker_and_a_killed_one_has_a_successor(world: PluginWorld) -> None:
    titles = {scene: f"title {scene}" for scene in world.add_scenes(6)}
    world.plex.latency_s = 0.1
    world.edit_at_once(titles)
    world.wait_for_worker()
    assert len(world.at_work()) <= 1
    world.kill_worker()
    world.plex.latency_s = 0.0
    world.fire_hook(next(iter(titles)))
    world.wait_for_titles(titles)
    world.wait_idle()
    assert len(world.lock_holders()) <= 1


def test_what_waits_for_an_outage_arrives_when_it_is_over(world: PluginWorld) -> None:
    titles = {scene: f"title {scene}" for scene in world.add_scenes(3)}
    off = world.plex.fault(Fault.refused())
    world.edit_at_once(titles)
    world.wait_until(lambda: run_task(world, "queue_status").output["circuit"]["state"] == "open", "the outage")
    world.plex.heal(off)
    world.wait_for_titles(titles)
    world.wait_idle()


def test_the_tasks_answer(world: PluginWorld) -> None:
    world.add_scenes(2, title="synchronized")
    assert run_task(world, "sync_all").output["pushed"] == 2
    health = run_task(world, "health_check").output
    assert [step["name"] for step in health["steps"] if step["ok"] is not True] == []
    assert run_task(world, "clear_queue").output["cleared"] == 0
    assert run_task(world, "undo_all", preview="true").output["items"] == 2
