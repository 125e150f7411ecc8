"""A hook that fails says so immediately, in one JSON object, and the user's Save still succeeds."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from local import inbox
from tests.support.plugin_world import shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.plugin_world import Answer, PluginWorld

# Enough for a start of Python on a busy machine; a process that waits for something takes longer.
IMMEDIATELY_S = 5.0
NOBODY = 65534


def assert_is_one_error(answer: Answer, *words: str) -> None:
    assert list(answer.json) == ["error"]
    assert answer.exit_code == 0
    assert answer.took_s < IMMEDIATELY_S
    assert b"Traceback" not in answer.stdout + answer.stderr
    for word in words:
        assert word in answer.json["error"]


def assert_nothing_was_left(world: PluginWorld) -> None:
    assert world.inbox_names() == []
    assert world.worker_pids() == []


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"{", b"null", b"[]", b'"text"', b"\xff\xfe\xff", b"5" * 100, b"[" * 200_000,
        b'{"server_connection":{"Scheme":"http"},"args":{"hookContext":{"id":1,"type":"Scene.Upd',
        b'{"server_connection":{"Scheme":"http"},"args":{"hookContext":{"id":"x","type":"Scene.Update.Post"}}}',
        b'{"server_connection":{},"args":{"hookContext":{"id":null,"type":"Scene.Update.Post"}}}',
        b'{"server_connection":{},"args":{"hookContext":"Scene.Update.Post"}}',
        b'{"server_connection":{},"args":{"hookContext":{}}}',
        b'{"server_connection":{},"args":{"hookContext":[1]}}',
    ],
    ids=lambda data: repr(data[:60]),
)  # fmt: skip
def test_garbage_on_standard_input_is_reported(world: PluginWorld, data: bytes) -> None:
    assert_is_one_error(world.run_script(data), "PlexSync")
    assert_nothing_was_left(world)


@pytest.mark.parametrize("how", ["<&-", "0>/dev/null", "</dev/null"], ids=["closed", "write-only", "empty"])
def test_broken_standard_input_is_reported(world: PluginWorld, how: str) -> None:
    assert_is_one_error(world.run_script(None, launcher=shell(f'exec "$@" {how}')), "PlexSync", "input")
    assert_nothing_was_left(world)


@pytest.mark.parametrize("args", [b"null", b"[]", b"5", b"{}", b'{"mode":5}'])
def test_input_of_neither_hook_nor_task_is_reported(world: PluginWorld, args: bytes) -> None:
    answer = world.run_script(b'{"server_connection":{},"args":%s}' % args)
    assert list(answer.json) == ["error"]
    assert answer.exit_code == 0
    assert b"Traceback" not in answer.stderr


def test_file_in_place_of_the_data_directory_is_reported(world: PluginWorld) -> None:
    world.directory.write_text("not a folder")
    assert_is_one_error(world.fire_hook(1), str(world.directory), "PLEXSYNC_DATA_DIR")
    assert world.worker_pids() == []


def test_data_directory_of_somebody_else(world: PluginWorld) -> None:
    need_root()
    read_it = [sys.executable, "-S", "-c", f"open({str(world.script)!r})"]
    if not is_possible(read_it, user=NOBODY, cwd="/"):
        pytest.skip("others may not read the checkout, or run this Python")
    answer = world.run_script(world.hook_input(1), user=NOBODY, cwd="/")
    assert_is_one_error(answer, str(world.directory), "writable")
    assert_nothing_was_left(world)


def test_read_only_data_directory_is_reported(world: PluginWorld) -> None:
    with mounted(world.directory, "ro"):
        assert_is_one_error(world.fire_hook(1), str(world.directory), "Read-only")
        assert_nothing_was_left(world)


@pytest.mark.parametrize("is_prepared", [True, False], ids=["in use", "fresh"])
def test_full_disk_is_reported(world: PluginWorld, is_prepared: bool) -> None:
    with mounted(world.directory, "size=64k"):
        if is_prepared:
            inbox.prepare(str(world.directory))
        fill(world.directory / "filler")
        assert_is_one_error(world.fire_hook(1), str(world.directory), "No space left", "Make room")
        assert_nothing_was_left(world)


def test_limit_on_file_sizes_is_reported(world: PluginWorld) -> None:
    """`ulimit -f`: the kernel sends a signal that would kill the hook silently."""
    inbox.prepare(str(world.directory))
    answer = world.run_script(world.hook_input(1), launcher=shell('ulimit -f 0; exec "$@"'))
    assert_is_one_error(answer, "File too large")
    assert_nothing_was_left(world)


def test_save_succeeds_and_the_error_is_in_the_log_of_stash(world: PluginWorld) -> None:
    scene = world.add_scene()
    world.directory.write_text("not a folder")
    world.stash.update_scene(scene, title="saved")
    assert world.stash.library.scene(scene).title == "saved"
    assert [line for line in world.problems() if "PlexSync could not note the change of scene-1" in line]


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    need_root()
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def is_possible(command: list[str], **process: Any) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, **process).returncode == 0
    except PermissionError:  # even to start it
        return False


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may do this")


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            return
