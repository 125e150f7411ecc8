"""PlexSync works however Python is started and whoever made its folder, or one line says why it cannot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_world import ROOT, read_proc

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.plugin_world import PluginWorld

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
OLD = ("python3.9", "python3.8", "python3.7", "python3.6", "python2.7", "python2")


def old_pythons() -> list[str]:
    """Those of this machine that are too old for PlexSync."""
    pyenv = os.path.expanduser("~/.pyenv/versions")
    kept = [f"{pyenv}/{name}/bin/python" for name in os.listdir(pyenv)] if os.path.isdir(pyenv) else []
    code = "import sys; print(sys.version_info < (3, 10))"
    found = []
    for path in (*kept, *filter(None, map(shutil.which, OLD))):
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == "True":
            found.append(path)
    return found


def test_hook_worker_and_task_start_without_the_script_s_folder_on_the_path(world: PluginWorld) -> None:
    flags = [("-S", "-I")] + ([("-S", "-P")] if sys.version_info >= (3, 11) else [])
    for number, (python, env) in enumerate([*((each, {}) for each in flags), (("-S",), SAFE_PATH)]):
        (scene,) = world.add_scenes(1, title=f"edit {number}")
        world.stop_workers()
        answer = world.run_script(world.hook_input(scene), python=python, env=env)
        assert (answer.json, answer.stderr) == ({"output": "queued"}, b"")
        world.wait_for_titles({scene: f"edit {number}"})


@pytest.mark.skipif(not old_pythons(), reason="needs a Python before 3.10")
def test_a_python_that_is_too_old_says_so_in_one_line(world: PluginWorld) -> None:
    for python in old_pythons():
        script = str(world.script)
        done = subprocess.run([python, "-S", script], input=world.hook_input(1), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        error = json.loads(done.stdout)["error"]
        assert "needs Python 3.10 or later, and this is Python " in error
        assert "Settings > System > Python Executable Path" in error
        assert python in error or os.path.realpath(python) in error
        demo = subprocess.run([python, script, "demo"], capture_output=True, check=False)
        assert (demo.returncode, demo.stdout, demo.stderr.count(b"\n")) == (1, b"", 1)
        assert b"needs Python 3.10 or later" in demo.stderr


NOBODY, SOMEBODY = 65534, 65533


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder like /tmp, in which somebody has made a data directory."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can change users")
    if run_as(NOBODY, "from local import inbox"):
        pytest.skip("this checkout cannot be read by other users")
    for folder in tmp_path.parents:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    tmp_path.chmod(0o711)
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "data").mkdir()
    (folder / "data").chmod(0o777)
    os.chown(folder / "data", SOMEBODY, SOMEBODY)
    return folder


def run_as(uid: int, code: str, *arguments: str) -> str:
    """Run this code as the user; return the last line of the error."""
    command = ["setpriv", f"--reuid={uid}", "--clear-groups", "--inh-caps=-all", sys.executable, "-S", "-c", code]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]


def publish_as(uid: int, directory: Path) -> str:
    """Leave an entry there as this user; return the error."""
    code = "import sys; from local import inbox; inbox.publish(sys.argv[1], 'scene-1', b'')"
    return run_as(uid, code, str(directory))


def test_a_data_folder_that_somebody_made_in_a_shared_folder_is_refused(shared: Path) -> None:
    error = publish_as(NOBODY, shared / "data")
    assert "it belongs to another user (uid 65533, while Stash runs as uid 65534)" in error
    assert list((shared / "data").iterdir()) == []


def test_a_data_folder_of_another_user_is_used_where_nobody_else_could_make_it(shared: Path) -> None:
    assert publish_as(0, shared / "data") == ""  # root in a container, the host's folder
    shutil.rmtree(shared / "data" / "queue")
    os.chown(shared, SOMEBODY, SOMEBODY)
    assert publish_as(NOBODY, shared / "data") == ""  # a share that shows one owner
    shutil.rmtree(shared / "data" / "queue")
    os.chown(shared, 0, 0)
    shared.chmod(0o755)
    assert publish_as(NOBODY, shared / "data") == ""  # another user's id, as network shares and containers map it


def test_what_is_relative_in_pythonpath_means_the_same_to_the_worker(world: PluginWorld, tmp_path: Path) -> None:
    scene = world.add_scene(title="t")
    plugins = tmp_path / "plugins"
    (plugins / "hooks").mkdir(parents=True)  # like a plugin of that name
    (plugins / "hooks" / "__init__.py").write_text("raise SystemExit('another plugin')")
    env = {"PYTHONPATH": f"plugins{os.pathsep}{os.pathsep}/x"}
    assert world.run_script(world.hook_input(scene), env=env, cwd=tmp_path).json == {"output": "queued"}
    environment = read_proc(world.wait_for_worker(), "environ").split(b"\0")
    assert f"PYTHONPATH={plugins}{os.pathsep}/x".encode() in environment
    world.wait_for_titles({scene: "t"})


def test_the_script_can_be_read_by_any_python() -> None:
    """Or it could not say that it is too old; see above for those that this machine has."""
    text = (ROOT / "plexsync.py").read_text()
    text.encode("ascii")
    assert not [word for word in (" -> ", 'f"', ":=", "async ") if word in text]
