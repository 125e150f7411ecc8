"""The worker that a hook starts is independent of the hook, of Stash, and of the files they have open."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_world import descriptors_of, read_proc, shell

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

BLOCKING = (
    sys.executable,
    "-c",
    """import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execvp(sys.argv[1], sys.argv[1:])""",
)


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    """Its worker stays, so that it can be inspected."""
    return make_world(time_scale=1)


def status_of(pid: int, name: str) -> int:
    """A signal mask of /proc/<pid>/status."""
    lines = read_proc(pid, "status").decode().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name + ":")), 16)


def bit(number: signal.Signals) -> int:
    return 1 << (number - 1)


def test_worker_runs_in_its_own_session_in_the_data_directory(world: PluginWorld) -> None:
    world.fire_hook(world.add_scene(title="t"))
    pid = world.wait_for_worker()
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/cwd") == str(world.directory)
    opened = descriptors_of(pid)
    assert [opened[number] for number in (0, 1, 2)] == [os.devnull] * 3


def test_save_does_not_wait_for_the_worker(world: PluginWorld) -> None:
    """Stash reads the hook's output to its end, so a process that keeps it open blocks the save."""
    scene = world.add_scene()
    world.stash.update_scene(scene, title="t")
    world.wait_for_titles({scene: "t"})
    pid = world.wait_for_worker()
    opened = [target for number, target in descriptors_of(pid).items() if number > 2]
    assert not [target for target in opened if target.startswith("pipe:")]


def test_worker_does_not_inherit_descriptors(world: PluginWorld) -> None:
    end, other = os.pipe()
    os.set_inheritable(other, True)
    try:
        world.run_script(world.hook_input(world.add_scene(title="t")), pass_fds=(other,))
    finally:
        os.close(other)
    world.wait_for_worker()
    readable, _, _ = select.select([end], [], [], 10)
    assert readable, "some process keeps the other end open"
    os.close(end)
    assert world.worker_pid() is not None


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_worker_starts_if_the_caller_closed_the_outputs(world: PluginWorld, closed: str) -> None:
    scene = world.add_scene(title="t")
    answer = world.run_script(world.hook_input(scene), launcher=shell(f'exec "$@" {closed}'))
    assert answer.exit_code == 0
    assert answer.stderr == b""
    world.wait_for_titles({scene: "t"})
    descriptors = descriptors_of(world.wait_for_worker())
    assert {descriptors[number] for number in (0, 1, 2)} == {os.devnull}


def test_script_ends_cleanly_if_all_standard_descriptors_are_closed(world: PluginWorld) -> None:
    answer = world.run_script(None, launcher=shell('exec "$@" <&- >&- 2>&-'))
    assert answer.exit_code == 0
    assert world.worker_pids() == []


def test_worker_starts_from_a_deleted_working_directory(world: PluginWorld) -> None:
    scene = world.add_scene(title="t")
    gone = world.folder / "gone"
    gone.mkdir()
    launcher = shell(f"cd '{gone}' && rmdir '{gone}' && exec \"$@\"")
    answer = world.run_script(world.hook_input(scene), launcher=launcher)
    assert answer.json == {"output": "queued"}
    world.wait_for_titles({scene: "t"})


def test_worker_starts_with_a_relative_python_path(world: PluginWorld) -> None:
    """As from a Stash whose plugins folder is configured as a relative path."""
    scene = world.add_scene(title="t")
    answer = world.run_script(world.hook_input(scene), env={"PYTHONPATH": "plugins:."})
    assert answer.json == {"output": "queued"}
    world.wait_for_titles({scene: "t"})


def test_worker_resets_blocked_and_ignored_signals(world: PluginWorld) -> None:
    scene = world.add_scene(title="t")
    launcher = (*shell("trap '' CHLD PIPE; exec \"$@\""), *BLOCKING)
    assert world.run_script(world.hook_input(scene), launcher=launcher).json == {"output": "queued"}
    world.wait_for_titles({scene: "t"})
    pid = world.wait_for_worker()
    assert status_of(pid, "SigBlk") == 0
    assert not status_of(pid, "SigIgn") & bit(signal.SIGCHLD)


def test_command_line_shows_only_the_script_and_the_directory(world: PluginWorld) -> None:
    world.fire_hook(world.add_scene(title="t"))
    arguments = read_proc(world.wait_for_worker(), "cmdline").decode().split("\0")[:-1]
    assert arguments[1:] == [str(world.script), "worker", str(world.directory)]
    assert Path(arguments[0]).is_absolute()


def test_all_files_and_folders_are_private(world: PluginWorld) -> None:
    """Whatever the umask of Stash."""
    scene = world.add_scene()
    answer = world.run_script(world.hook_input(scene), launcher=shell('umask 000; exec "$@"'))
    assert answer.json == {"output": "queued"}
    world.stash.update_scene(scene, title="t")
    world.wait_for_titles({scene: "t"})
    for folder, _, names in os.walk(world.directory):
        assert os.stat(folder).st_mode & 0o777 == 0o700, folder
        for name in names:
            assert os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o600, name
