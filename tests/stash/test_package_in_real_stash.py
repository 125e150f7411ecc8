"""PlexSync as a package in a real Stash: from the address of a source to the uninstalled plugin."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from local import lock
from sim.faults import Fault
from sim.plex.simulator import PlexSim
from tests.support.checkout import Checkout
from tests.support.plugin_source import PluginSource, newer_than_before, served
from tests.support.real_stash import RealStash, reason_to_skip
from tests.support.real_world import PLUGIN, TOKEN, RealWorld, stop_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="makes commits")
# What only Python and PlexSync itself have put there, and a user may delete.
LEFT = ("data", "__pycache__")
ENV: Final = {"PLEXSYNC_NO_INSTALL": "1", "PLEXSYNC_TIME_SCALE": "10"}
is_long = pytest.mark.skipif(not os.environ.get("PLEXSYNC_TEST_LONG"), reason="PLEXSYNC_TEST_LONG=1 runs it")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    made = Checkout(tmp_path_factory.mktemp("source"))
    publish(made, "1.0.0")
    return made


@contextmanager
def stash_with_source(folder: Path, checkout: Checkout) -> Iterator[tuple[RealWorld, PluginSource]]:
    """A Stash without plugins, which knows the address of the checkout's packages."""
    with (
        served(checkout.dist) as url,
        PlexSim(token=TOKEN) as plex,
        RealStash(folder / "home", scenes=3, env=ENV) as stash,
    ):
        installed = stash.plugins / PLUGIN
        try:
            yield RealWorld(stash, plex, installed / "data"), PluginSource(stash, url)
        finally:
            stop_worker(installed / "data")


def plugins_of(stash: RealStash) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in stash.gql("{ plugins { id version url } }")["plugins"] or ()}


def pending(world: RealWorld) -> int:
    return int(world.operation("queue_status")["queue"]["pending"])


def waiting_scenes(world: RealWorld) -> set[int]:
    """Those with a job, but for scene 1: pushed within the second of its edit, a new worker may look at it again."""
    with closing(sqlite3.connect(world.data / "queue" / "data.db", timeout=10)) as queue:
        rows = queue.execute("SELECT json_extract(data, '$.scene_id') FROM ack_queue_default WHERE status < 5")
        return {scene_id for (scene_id,) in rows} - {1}


def publish(checkout: Checkout, version: str) -> None:
    """Build the packages of a version, a minute after the one before."""
    set_version(checkout.root, version)
    checkout.commit(seconds_later=60)
    built = checkout.package("--url", "https://plexsync.example/")
    assert built.returncode == 0, built.stderr


def set_version(plugin: Path, version: str) -> None:
    manifest = plugin / "plexsync.yml"
    manifest.write_text(re.sub("^version: .*$", f"version: {version}", manifest.read_text(), flags=re.MULTILINE))


def version_in(stash: RealStash) -> str:
    return str(plugins_of(stash)[PLUGIN]["version"])


def test_package_is_installed_updated_with_queue_and_ledger_and_removed(checkout: Checkout, tmp_path: Path) -> None:
    with stash_with_source(tmp_path, checkout) as (world, source):
        (offered,) = source.available()
        assert (offered["package_id"], offered["name"], offered["version"]) == (PLUGIN, "PlexSync", "1.0.0")
        assert offered["metadata"]["description"].startswith("Pushes scene metadata")
        source.install(PLUGIN)
        plugin = plugins_of(world.stash)[PLUGIN]
        assert (plugin["version"], plugin["url"]) == ("1.0.0", "https://plexsync.example/")
        world.configure()
        world.stash.update_scene(1, title="by the first version")
        world.wait_until(lambda: bool(world.item(1).title == "by the first version"))
        off = world.plex.fault(Fault.refused())
        world.stash.update_scene(2, title="while Plex was off")
        world.wait_until(lambda: world.operation("queue_status")["circuit"]["state"] == "open")

        assert source.installed()[0]["source_package"]["date"] == offered["date"]
        source.update_all()
        assert version_in(world.stash) == "1.0.0"
        publish(checkout, "1.0.1")
        newer_than_before(checkout.dist / "index.yml")
        assert source.installed()[0]["source_package"]["date"] > offered["date"]
        source.update_all()
        assert version_in(world.stash) == "1.0.1"
        world.wait_until(lambda: "the plugin was updated" in world.log())
        assert waiting_scenes(world) == {2}
        world.plex.heal(off)
        world.wait_until(lambda: bool(world.item(2).title == "while Plex was off"))
        world.wait_until(lambda: pending(world) == 0)
        world.plex.clear_requests()
        assert world.operation("sync_all")["unchanged"] == 2  # the ledger remembers both
        assert [each for each in world.plex.requests if each.method == "PUT"] == []

        source.uninstall(PLUGIN)
        assert PLUGIN not in plugins_of(world.stash)
        world.wait_until(lambda: lock.is_free(str(world.data)))
        assert what_is_left(world.stash.plugins / PLUGIN) == set(LEFT)
        assert TOKEN in (world.stash.home / "config.yml").read_text()
        assert "Error" not in "\n".join(line for line in world.stash.log().splitlines() if "plugin" in line.lower())


def copy_by_hand(checkout: Checkout, target: Path) -> None:
    """What somebody has who downloads the project and copies it into the plugins folder."""
    shutil.copytree(checkout.root, target, ignore=shutil.ignore_patterns(".git", "dist", "__pycache__"))
    set_version(target, "0.9.0")


@is_long
def test_a_copy_made_by_hand_hides_the_package_until_that_takes_over(checkout: Checkout, tmp_path: Path) -> None:
    """Stash looks into `PlexSync-main` first."""
    with stash_with_source(tmp_path, checkout) as (world, source):
        by_hand, package = world.stash.plugins / "PlexSync-main", world.stash.plugins / PLUGIN
        copy_by_hand(checkout, by_hand)
        world.stash.gql("mutation { reloadPlugins }")
        world.data = by_hand / "data"
        world.configure()
        world.stash.update_scene(1, title="by the copy")
        world.wait_until(lambda: bool(world.item(1).title == "by the copy"))
        off = world.plex.fault(Fault.refused())
        world.stash.update_scene(2, title="while Plex was off")
        world.wait_until(lambda: world.operation("queue_status")["circuit"]["state"] == "open")
        source.install(PLUGIN)
        assert version_in(world.stash) == "0.9.0"

        world.stash.run_task(PLUGIN, "Health Check")
        said = next(line for line in world.stash.log().splitlines() if "two plugins with the id of PlexSync" in line)
        assert f"Stash runs the one in {by_hand} and ignores the one in {package}" in said
        command = shlex.split(said.partition("run: ")[2].rstrip('"'))
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "press Reload plugins" in done.stdout
        world.data = package / "data"
        world.stash.gql("mutation { reloadPlugins }")
        assert version_in(world.stash) > "0.9.0"
        assert waiting_scenes(world) == {2}
        world.plex.heal(off)
        world.wait_until(lambda: bool(world.item(2).title == "while Plex was off"))
        world.wait_until(lambda: pending(world) == 0)
        assert world.operation("sync_all")["unchanged"] == 2
        shutil.rmtree(by_hand)
        stop_worker(world.data)


@is_long
def test_a_package_installed_over_a_copy_in_its_own_folder_keeps_the_data(checkout: Checkout, tmp_path: Path) -> None:
    with stash_with_source(tmp_path, checkout) as (world, source):
        copy_by_hand(checkout, world.stash.plugins / PLUGIN)
        world.stash.gql("mutation { reloadPlugins }")
        world.configure()
        world.stash.update_scene(1, title="by the copy")
        world.wait_until(lambda: bool(world.item(1).title == "by the copy"))
        world.wait_until(lambda: pending(world) == 0)
        source.install(PLUGIN)
        assert version_in(world.stash) > "0.9.0"
        assert world.operation("sync_all")["unchanged"] == 1
        assert world.item(1).title == "by the copy"


def what_is_left(folder: Path) -> set[str]:
    """The topmost of the names in LEFT, and every other file with its path; folders that are empty do not count."""
    found = set()
    for path, folders, names in os.walk(folder):
        found |= {name for name in folders if name in LEFT}
        folders[:] = [name for name in folders if name not in LEFT]
        found |= {os.path.relpath(os.path.join(path, name), folder) for name in names}
    return found
