"""The packages on a machine that has only Python: unpacked, then one event, and the scene is in Plex."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from installation.packages import BUNDLED
from tests.support.checkout import Checkout
from tests.support.pythons import externally_managed, make_venv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="makes commits")
INSTALLED_WITHIN_S = 120
is_long = pytest.mark.skipif(not os.environ.get("PLEXSYNC_TEST_LONG"), reason="pip takes its time")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("packages"))
    assert made.package().returncode == 0
    return made


@pytest.fixture
def empty_python(tmp_path: Path) -> str:
    """An interpreter without any package, not even pip."""
    return str(make_venv(tmp_path / "python"))


def installing(checkout: Checkout, **env: str) -> dict[str, str]:
    """The environment of a plugin that may install the packages of the checkout."""
    pip = {name: text for name, text in checkout.env.items() if name.startswith("PIP_")}
    return {**pip, "PLEXSYNC_NO_INSTALL": "0", **env}


def assert_edit_arrives(world: PluginWorld) -> None:
    scene = world.add_scene()
    world.stash.update_scene(scene, title="edited")
    world.wait_for_titles({scene: "edited"}, INSTALLED_WITHIN_S)
    assert world.problems() == []


def test_the_package_installs_what_it_needs_at_the_first_event(
    checkout: Checkout, make_world: MakeWorld, empty_python: str, tmp_path: Path
) -> None:
    plugin = checkout.unpack("plexsync.zip", tmp_path / "plugins" / "plexsync")
    world = make_world(plugin=plugin, python=empty_python, env=installing(checkout), directory=plugin / "data")
    assert_edit_arrives(world)
    assert os.listdir(plugin / "data" / "packages")


def test_the_full_package_needs_no_network_and_no_pip(
    checkout: Checkout, make_world: MakeWorld, empty_python: str, tmp_path: Path
) -> None:
    plugin = checkout.unpack("plexsync-full.zip", tmp_path / "plugins" / "plexsync")
    world = make_world(plugin=plugin, python=empty_python, directory=plugin / "data")
    assert_edit_arrives(world)
    assert not (plugin / "data" / "packages").exists()
    assert world.stash.run_task("Health Check").error is None


def test_the_full_package_has_what_its_demonstration_needs(
    checkout: Checkout, empty_python: str, tmp_path: Path
) -> None:
    plugin = checkout.unpack("plexsync-full.zip", tmp_path / "plexsync")
    code = "import demo.run; demo.run.install_packages('.', '..', print); import demo.story"
    env = {**os.environ, "PLEXSYNC_NO_INSTALL": "1", "PYTHONPATH": str(plugin)}
    shown = subprocess.run([empty_python, "-c", code], cwd=plugin, env=env, capture_output=True, text=True, check=False)
    assert (shown.stdout, shown.stderr) == ("", "")


def test_packages_that_came_with_another_version_are_not_used(
    checkout: Checkout, make_world: MakeWorld, tmp_path: Path
) -> None:
    """After a package without them was unpacked over the full one."""
    plugin = checkout.unpack("plexsync-full.zip", tmp_path / "plugins" / "plexsync")
    with (plugin / "requirements.txt").open("a") as requirements:
        requirements.write("# newer\n")
    for name in (plugin / BUNDLED).iterdir():
        if name.is_dir():
            (name / "__init__.py").write_text("raise RuntimeError('of an older version')")
    assert_edit_arrives(make_world(plugin=plugin, python=sys.executable))


@is_long
def test_into_a_python_that_others_manage_nothing_is_installed(
    checkout: Checkout, make_world: MakeWorld, tmp_path: Path
) -> None:
    """PEP 668, as in Debian 12 and Alpine. Some of the packages are there, but too old."""
    python = externally_managed()
    if not python:
        pytest.skip("there is no such Python here")
    plugin = checkout.unpack("plexsync.zip", tmp_path / "plugins" / "plexsync")
    env = installing(checkout)
    assert_edit_arrives(make_world(plugin=plugin, python=python, env=env, directory=plugin / "data"))
    assert os.listdir(plugin / "data" / "packages")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Makes a folder that shows another one and cannot be written, whoever writes."""
    folder = tmp_path / "read-only" / "plexsync"
    folder.mkdir(parents=True)
    with ExitStack() as mounted:

        def show(plugin: Path) -> Path:
            bind = ["mount", "--bind", str(plugin), str(folder)]
            if os.geteuid() != 0 or subprocess.run(bind, capture_output=True, check=False).returncode:
                pytest.skip("may not mount a folder here")
            mounted.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
            return folder

        yield show


def test_a_read_only_plugin_needs_a_data_directory_elsewhere_and_says_so(
    checkout: Checkout, make_world: MakeWorld, read_only: Callable[[Path], Path], tmp_path: Path
) -> None:
    plugin = read_only(checkout.unpack("plexsync-full.zip", tmp_path / "plexsync"))
    world = make_world(plugin=plugin, directory=plugin / "data")
    refused = world.fire_hook(world.add_scene()).json["error"]
    assert "Read-only file system" in refused
    assert "set PLEXSYNC_DATA_DIR to another folder" in refused
    assert_edit_arrives(make_world(plugin=plugin, directory=tmp_path / "elsewhere"))


@is_long
def test_without_network_a_message_names_a_cure_that_works_and_the_edit_waits(
    checkout: Checkout, make_world: MakeWorld, empty_python: str, tmp_path: Path
) -> None:
    plugin = checkout.unpack("plexsync.zip", tmp_path / "plugins" / "plexsync")
    env = installing(checkout, PIP_FIND_LINKS=os.devnull)
    world = make_world(plugin=plugin, python=empty_python, env=env, directory=plugin / "data")
    scene = world.add_scene()
    world.stash.update_scene(scene, title="waits")
    note = world.directory / "packages-missing.txt"
    world.wait_until(note.exists, "the note", INSTALLED_WITHIN_S)
    world.wait_until_worker_left()
    shown = " ".join(line.text for line in world.stash.run_task("View Queue Status").log)
    assert "Python packages that are not installed: plexapi, stashapp-tools, filelock" in shown
    cure = "(or unpack plexsync-full.zip, which has them inside, over the plugin)"
    assert f"{plugin / 'requirements.txt'} {cure}" in shown
    world.wait_until_worker_left()
    checkout.unpack("plexsync-full.zip", plugin)
    world.fire_hook(world.add_scene())
    world.wait_for_titles({scene: "waits"})
    assert not note.exists()


@is_long
def test_packages_that_cannot_be_loaded_are_replaced_by_those_that_plexsync_was_tested_with(
    checkout: Checkout, make_world: MakeWorld, tmp_path: Path
) -> None:
    """They are there in another version, or damaged, or made for another Python."""
    broken = tmp_path / "broken" / "persistqueue"
    broken.mkdir(parents=True)
    (broken / "sqlackqueue.py").write_text("def update(): ...")
    (broken / "__init__.py").write_text("raise RuntimeError('it is broken')")
    plugin = checkout.unpack("plexsync.zip", tmp_path / "plugins" / "plexsync")
    env = installing(checkout, PYTHONPATH=str(broken.parent))
    world = make_world(plugin=plugin, env=env, directory=plugin / "data")
    assert_edit_arrives(world)
    assert not (world.directory / "packages-missing.txt").exists()
    world.stop_workers()
    assert_edit_arrives(world)
