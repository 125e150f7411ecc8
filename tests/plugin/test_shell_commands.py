"""The commands for people with a shell: the words of the tasks in Stash, plain lines, an exit code."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shell.commands import HELP
from sim.faults import Fault
from tests.support.plugin_world import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.plugin_world import PluginWorld

STATUS, HEALTH = "View Queue Status", "Health Check"
NOBODY = 65534


def run(
    world: PluginWorld, *words: str, launcher: tuple[str, ...] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    command = [*launcher, sys.executable, str(world.script), *words]
    return subprocess.run(
        command, env={**os.environ, **world.env, **env}, capture_output=True, text=True, encoding="utf-8", check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def in_stash(world: PluginWorld, task: str) -> list[str]:
    """The lines that the task of this name writes to Stash's log."""
    return [line.text for line in world.stash.run_task(task).log]


def work(world: PluginWorld) -> None:
    scene = world.add_scene()
    world.stash.update_scene(scene, title="edited")
    world.wait_for_titles({scene: "edited"})
    world.wait_idle()
    world.stop_workers()


def contents(directory: Path) -> dict[Path, bytes]:
    """Without SQLite's notes of who reads."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file() and path.suffix != ".db-shm"}


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands(world: PluginWorld, words: list[str]) -> None:
    shown = run(world, *words)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, HELP, "")


def test_without_a_word_on_a_terminal_the_help_is_shown(world: PluginWorld) -> None:
    """Stash writes the input of a plugin to a pipe; a person would wait for nothing."""
    terminal, end = pty.openpty()
    shown = subprocess.run([sys.executable, world.script], stdin=end, capture_output=True, text=True, check=True)
    os.close(terminal)
    os.close(end)
    assert shown.stdout == HELP


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], "PlexSync has no command 'frobnicate'."),
        (["status", "now"], "`status` takes no arguments, not 'now'."),
        (["package", "--url"], "`package` takes nothing but `--url URL`."),
    ],
)
def test_misuse_is_explained_with_the_help(world: PluginWorld, words: list[str], said: str) -> None:
    shown = run(world, *words)
    assert (shown.returncode, shown.stdout, shown.stderr) == (2, "", f"{said}\n\n{HELP}")


def test_status_says_what_the_task_says_and_changes_nothing(world: PluginWorld) -> None:
    work(world)
    before = contents(world.directory)
    shown = run(world, "status")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert contents(world.directory) == before
    assert world.worker_pids() == []
    assert "Queue:          empty" in shown.stdout
    assert shown.stdout.splitlines()[:4] == in_stash(world, STATUS)[:4]


def test_status_works_as_stash_starts_python(world: PluginWorld) -> None:
    work(world)
    shown = subprocess.run(
        [sys.executable, "-S", world.script, "status"], env={**os.environ, **world.env},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Plex:           no outage" in shown.stdout


def test_health_says_what_the_task_says_and_its_exit_code_tells_good_from_bad(world: PluginWorld) -> None:
    work(world)
    shown = run(world, "health")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[-1].startswith("Plex ")
    assert "is well" in shown.stdout
    world.plex.fault(Fault.refused())
    shown = run(world, "health")
    assert shown.returncode == 1
    assert "Plex address: FAILED." in shown.stdout
    assert shown.stderr.startswith("Plex does not answer as it should")
    assert TOKEN not in shown.stdout + shown.stderr


def test_health_finds_stash_by_an_event_that_no_worker_has_taken(world: PluginWorld) -> None:
    with world.no_worker():
        world.fire_hook(world.add_scene())
        assert run(world, "health").returncode == 0


def test_health_before_the_first_event_says_what_to_do(world: PluginWorld) -> None:
    world.directory.mkdir()
    shown = run(world, "health")
    assert shown.returncode == 1
    assert shown.stderr.startswith("PlexSync does not know where Stash is, since Stash has not started it yet. Save")


def test_health_with_a_session_that_has_ended_says_so(world: PluginWorld) -> None:
    work(world)
    world.stash.protect("user", "password")
    shown = run(world, "health")
    assert shown.returncode == 1
    assert "Stash rejects the login" in shown.stderr


def test_a_data_directory_that_is_not_there_is_named(world: PluginWorld, tmp_path: Path) -> None:
    shown = run(world, "status", PLEXSYNC_DATA_DIR=str(tmp_path / "elsewhere"))
    assert shown.returncode == 1
    assert shown.stderr.startswith(f"There is no data directory {tmp_path / 'elsewhere'}: PlexSync has not run yet")
    assert not (tmp_path / "elsewhere").exists()


def test_titles_cannot_steer_the_terminal_and_any_terminal_shows_them(world: PluginWorld) -> None:
    """A dead letter's title is shown in the status."""
    world.configure(max_retries=1)
    scene = world.add_scene()
    world.plex.fault(Fault.answer(422), method="PUT")
    world.stash.update_scene(scene, title="\x1b[31mrød 🎬")
    world.wait_until(lambda: not world.jobs() and not world.inbox_names(), "the dead letter")
    for encoding, title in (("utf-8", "rød 🎬"), ("ascii", "r\\xf8d \\U0001f3ac")):
        shown = run(world, "status", PYTHONIOENCODING=encoding)
        assert (shown.returncode, title in shown.stdout, "\x1b" in shown.stdout) == (0, True, False), shown.stdout


@pytest.mark.skipif(not shutil.which("head"), reason="needs head")
def test_a_reader_who_leaves_early_sees_no_traceback(world: PluginWorld) -> None:
    work(world)
    command = f'"{sys.executable}" "{world.script}" status | head -n 1'
    shown = subprocess.run(
        ["sh", "-c", command], env={**os.environ, **world.env}, capture_output=True, text=True, check=True
    )
    assert (len(shown.stdout.splitlines()), shown.stderr) == (1, "")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may become somebody else")
def test_root_leaves_every_file_to_the_user_as_whom_stash_runs(world: PluginWorld) -> None:
    work(world)
    paths = [world.directory, *world.directory.rglob("*")]
    for path in (*paths, world.folder):
        os.chown(path, NOBODY, NOBODY)
    world.folder.chmod(0o755)
    for parent in world.folder.parents:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):  # noqa: S108 - pytest's
            parent.chmod(0o755)
    world.plex.fault(Fault.refused())
    assert run(world, "health").returncode == 1
    assert {path.stat().st_uid for path in world.directory.rglob("*")} == {NOBODY}
    other = (sys.executable, "-c", f"import os, sys; os.setuid({NOBODY - 1}); os.execv(sys.argv[1], sys.argv[1:])")
    if subprocess.run([*other, sys.executable, "-c", ""], check=False).returncode:
        pytest.skip("another user cannot start this Python: its library is in a folder of root")
    shown = run(world, "status", launcher=other)
    assert shown.returncode == 1
    assert f"belongs to another user (number {NOBODY}), as whom Stash runs" in shown.stderr
