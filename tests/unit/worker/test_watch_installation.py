from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.clocks import VirtualClock
from worker.parts import LeaveReason
from worker.serve import REMOVED_AFTER_S, watch_installation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def touch(path: Path) -> None:
    os.utime(path, (1, 1))


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "os.py").touch()
    (tmp_path / "plexsync.yml").touch()
    return tmp_path / "plexsync.yml"


@pytest.mark.parametrize(
    ("happens", "to", "seen"),
    [
        (touch, "plexsync.yml", LeaveReason.UPDATED),
        (os.unlink, "plexsync.yml", LeaveReason.REMOVED),
        (touch, "os.py", LeaveReason.PYTHON_CHANGED),
        (os.unlink, "os.py", LeaveReason.PYTHON_CHANGED),
    ],
)
def test_a_change_of_the_plugin_or_of_python_is_seen(
    manifest: Path, happens: Callable[[Path], None], to: str, seen: LeaveReason
) -> None:
    clock = VirtualClock()
    change = watch_installation(str(manifest), clock, str(manifest.parent / "os.py"))
    assert change() is None
    happens(manifest.parent / to)
    first = change()
    clock.sleep(REMOVED_AFTER_S + 1)
    assert (first or change()) is seen


def test_an_update_that_first_removes_the_old_version_is_no_removal(manifest: Path) -> None:
    """As Stash does it."""
    clock = VirtualClock()
    change = watch_installation(str(manifest), clock)
    manifest.unlink()
    assert change() is None
    clock.sleep(REMOVED_AFTER_S - 1)
    assert change() is None
    manifest.touch()
    touch(manifest)
    assert change() is LeaveReason.UPDATED


def test_a_library_that_is_no_file_says_nothing(manifest: Path) -> None:
    """Python for Windows can keep it in a zip file."""
    change = watch_installation(str(manifest), VirtualClock(), str(manifest.parent / "python312.zip" / "os.py"))
    assert change() is None
