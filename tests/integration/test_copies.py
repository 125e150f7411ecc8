"""Two plugins with one id below Stash's plugins folder: found, and told apart."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from installation.copies import copies_in_the_way, other_copies
from local.hide_paths import hide_paths
from local.path_marks import without_marks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return tmp_path / "plugins"


def put(folder: Path, *names: str) -> Path:
    for name in names or ("plexsync.yml", "plexsync.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(running: Path, plugins: Path) -> list[str]:
    return [each.folder for each in other_copies(str(running), str(plugins))]


def warnings(running: Path, plugins: Path) -> list[str]:
    """As somebody who may see the paths is told."""
    said = copies_in_the_way(str(running), str(plugins))
    assert not [text for text in said if str(plugins) in hide_paths(text)]
    return [without_marks(text) for text in said]


@pytest.mark.parametrize("where", ["PlexSync-main", "stable/plexsync", "a/b/c", "."])
def test_copy_is_found_wherever_stash_looks(plugins: Path, where: str) -> None:
    running = put(plugins / "plexsync")
    other = put(plugins / where)
    assert found(running, plugins) == [os.path.join(plugins, where) if where != "." else str(other)]
    assert found(other, plugins) == [str(running)]


def test_a_plugin_alone_finds_no_other(plugins: Path) -> None:
    running = put(plugins / "plexsync")
    put(plugins / "other", "other.yml", "plexsync.py")
    put(running / "data", "plexsync.yml")
    (plugins / "again").symlink_to(running)
    assert found(running, plugins) == []


def test_copies_elsewhere_on_the_disk_are_none_of_stashs(plugins: Path, tmp_path: Path) -> None:
    put(plugins / "plexsync")
    running = put(tmp_path / "src" / "plexsync")
    assert found(running, plugins) == []
    assert other_copies("plexsync", str(plugins)) == ()
    assert other_copies(str(running), "plugins") == ()
    assert other_copies(str(running), "") == ()


def test_another_plugin_whose_name_differs_in_case_alone_is_named_as_such(plugins: Path) -> None:
    running = put(plugins / "plexsync")
    other = put(plugins / "stable" / "PlexSync", "PlexSync.yml", "PlexSync.py")
    (warning,) = warnings(running, plugins)
    assert warning == (
        f"There are two plugins with the id of PlexSync: Stash runs the one in {running} and ignores the one in "
        f"{other}. The other is a different plugin: uninstall it, or delete its folder."
    )


def command_in(warning: str) -> list[str]:
    return shlex.split(warning.partition("run: ")[2].partition(" (or")[0])


def test_the_way_leads_from_the_copy_to_the_package(plugins: Path) -> None:
    by_hand, package = put(plugins / "My copy"), put(plugins / "stable" / "plexsync")
    put(package, "manifest")
    put(by_hand, "data/sync_state.db")
    command = [sys.executable, str(package / "plexsync.py"), "take-over", str(by_hand)]
    for running in (by_hand, package):
        (warning,) = warnings(running, plugins)
        assert f"Stash runs the one in {running} and ignores" in warning
        assert command_in(warning) == command


def test_a_copy_without_a_ledger_may_go(plugins: Path) -> None:
    running = put(plugins / "plexsync")
    put(plugins / "old")
    assert warnings(running, plugins)[0].endswith("To keep this one, delete the other folder.")
