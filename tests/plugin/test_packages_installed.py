"""The packages on a machine that has only Python: unpacked, then one event, and the scene is in Plex."""

from __future__ import annotations

import os
import shutil
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from local.packages import BUNDLED
from tests.support.checkout import Checkout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="makes commits")
INSTALLED_WITHIN_S = 120


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("packages"))
    assert made.package().returncode == 0
    return made


@pytest.fixture
def empty_python(tmp_path: Path) -> str:
    """An interpreter without any package, not even pip."""
    venv.create(tmp_path / "python", symlinks=os.name != "nt")
    return str(tmp_path / "python" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def assert_edit_arrives(world: PluginWorld) -> None:
    scene = world.add_scene()
    world.stash.update_scene(scene, title="edited")
    world.wait_for_titles({scene: "edited"}, INSTALLED_WITHIN_S)
    assert world.problems() == []


def test_the_package_installs_what_it_needs_at_the_first_event(
    checkout: Checkout, make_world: MakeWorld, empty_python: str, tmp_path: Path
) -> None:
    plugin = checkout.unpack("plexsync.zip", tmp_path / "plugins" / "plexsync")
    offline = {name: text for name, text in checkout.env.items() if name.startswith("PIP_")}
    env = {**offline, "PLEXSYNC_NO_INSTALL": "0"}
    world = make_world(plugin=plugin, python=empty_python, env=env, directory=plugin / "data")
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
