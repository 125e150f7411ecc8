from __future__ import annotations

import importlib
import os
import shlex
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from installation import pip
from installation.packages import (
    NO_INSTALL,
    PackagesMissing,
    Requirement,
    ensure_packages,
    missing_packages,
    private_folder,
)
from tests.support.plugin_source import served
from tests.support.pythons import make_venv, pythons
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    Requirement(package="fake-plex", module="fake_plex.server", text=b"class Server"),
    Requirement(package="fake-queue", module="fake_queue"),
)
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and locks of POSIX")


@dataclass(kw_only=True)
class Place:
    """A data directory, a requirements file, and a folder that serves as package index."""

    root: Path
    said: list[str] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def requirements(self) -> Path:
        return self.root / "requirements.txt"

    @property
    def folder(self) -> Path:
        return Path(private_folder(str(self.requirements), str(self.data)))

    def ensure(self, broken: str = "") -> None:
        ensure_packages(str(self.requirements), str(self.data), self.said.append, needed=NEEDED, broken=broken)

    def start(self, python: str = sys.executable) -> subprocess.Popen[str]:
        """Start another process that ensures the same packages, then prints the path of one of them."""
        code = (
            "import sys; from installation.packages import *; "
            f"needed = {NEEDED!r}; say = lambda text: print(text, flush=True); "
            "ensure_packages(sys.argv[1], sys.argv[2], say, needed=needed); "
            "import fake_plex.server; print(fake_plex.server.__file__)"
        )
        command = [python, "-c", code, str(self.requirements), str(self.data)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    pinned = make_wheel(
        wheels, "fake_plex", {"fake_plex/__init__.py": "", "fake_plex/server.py": "class Server: pass\n"}
    ) + make_wheel(wheels, "fake_queue", {"fake_queue/__init__.py": ""})
    (tmp_path / "requirements.txt").write_text(pinned)
    for name in [name for name in os.environ if name.startswith("PIP_") or name == NO_INSTALL]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield Place(root=tmp_path)
    for name in [name for name in sys.modules if name.startswith("fake_")]:
        del sys.modules[name]


@pytest.fixture
def silent_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A package index that accepts connections but never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        monkeypatch.delenv("PIP_NO_INDEX", raising=False)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        yield server


def without_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)


def test_missing_packages_are_installed_once_and_come_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.ensure()
    assert sys.path[0] == str(place.folder)
    assert importlib.import_module("fake_plex.server").__file__ == str(place.folder / "fake_plex" / "server.py")
    assert [text.partition(" ")[0] for text in place.said] == ["Installing", "Installed."]
    assert "fake-plex, fake-queue" in place.said[0]
    without_index(monkeypatch)
    place.said.clear()
    sys.path.remove(str(place.folder))
    place.ensure()
    assert sys.path[0] == str(place.folder)
    assert place.said == []


def test_only_the_lock_is_left_next_to_the_folder(place: Place) -> None:
    place.ensure()
    assert sorted(os.listdir(place.folder.parent)) == sorted([place.folder.name, "install.lock"])


def write_package(folder: Path, name: str, modules: dict[str, str]) -> None:
    (folder / name).mkdir(parents=True)
    for module, source in modules.items():
        (folder / name / module).write_text(source)


def test_installed_packages_are_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    site = place.root / "site"
    write_package(site, "fake_plex", {"__init__.py": "", "server.py": "class Server: pass"})
    write_package(site, "fake_queue", {"__init__.py": ""})
    monkeypatch.syspath_prepend(str(site))
    path = list(sys.path)
    place.ensure()
    assert (sys.path, place.said) == (path, [])
    assert not place.data.exists()


@pytest.mark.parametrize(
    ("modules", "why"),
    [
        ({"readme": ""}, "any folder is a namespace package"),
        ({"__init__.py": ""}, "another package with that name"),
        ({"__init__.py": "", "server.py": "class OldServer: pass"}, "a version without the required class"),
        ({"server.py": "raise RuntimeError('imported to see whether it is there')"}, "a namespace package"),
    ],
)
def test_folder_on_the_path_is_not_mistaken_for_a_package(
    place: Place, monkeypatch: pytest.MonkeyPatch, modules: dict[str, str], why: str
) -> None:
    plugins = place.root / "plugins"
    write_package(plugins, "fake_plex", modules)
    write_package(plugins, "fake_queue", {"__init__.py": ""})
    monkeypatch.syspath_prepend(str(plugins))
    assert missing_packages(NEEDED) == ("fake-plex",), why
    place.ensure()
    # Even the package that was installed comes from the private folder, so that versions are not mixed.
    assert importlib.import_module("fake_queue").__file__ == str(place.folder / "fake_queue" / "__init__.py")


def test_pip_settings_and_pythonpath_of_the_user_do_not_interfere(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = place.root / "plugins"
    write_package(plugins, "pip", {"__init__.py": "", "__main__.py": "raise SystemExit('a plugin, not pip')"})
    monkeypatch.setenv("PYTHONPATH", str(plugins))
    for name, value in [("USER", "1"), ("REQUIRE_VIRTUALENV", "1"), ("PREFIX", "/nowhere"), ("TARGET", "/nowhere")]:
        monkeypatch.setenv(f"PIP_{name}", value)
    place.ensure()
    assert place.said[-1] == "Installed."


def test_files_that_differ_from_the_pinned_ones_are_refused(place: Place) -> None:
    make_wheel(place.root / "wheels", "fake_plex", {"fake_plex/__init__.py": "forged = True"})
    with pytest.raises(PackagesMissing, match="other files than those PlexSync was tested with"):
        place.ensure()
    assert os.listdir(place.folder.parent) == ["install.lock"]
    assert str(place.folder) not in sys.path


def test_requirement_without_a_hash_is_refused(place: Place) -> None:
    place.requirements.write_text("fake_plex==1.0\nfake_queue==1.0\n")
    with pytest.raises(PackagesMissing, match="hash"):
        place.ensure()


def test_requirements_without_a_needed_package_are_an_error(place: Place) -> None:
    place.requirements.write_text(place.requirements.read_text().splitlines()[0] + "\n")
    with pytest.raises(PackagesMissing, match=r"not installed: fake-queue\..*does not bring them"):
        place.ensure()


def test_no_install_runs_no_pip_and_suggests_a_command_that_works(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NO_INSTALL, "1")
    with pytest.raises(PackagesMissing) as caught:
        place.ensure()
    message = str(caught.value)
    assert "fake-plex, fake-queue. PLEXSYNC_NO_INSTALL forbids" in message
    assert "Nothing is lost" in message
    assert not place.data.exists()
    command = message.partition("run: ")[2].partition(" (or")[0]
    subprocess.run(shlex.split(command) if os.name != "nt" else command, check=True, capture_output=True)
    place.ensure()
    assert importlib.import_module("fake_plex.server")
    assert place.said == []


@pytest.mark.skipif(not pip.bundled_pip(), reason="this Python comes without ensurepip")
def test_python_without_pip_uses_the_wheel_of_ensurepip(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = make_venv(place.root / "venv")
    monkeypatch.setattr(sys, "executable", str(python))
    place.ensure()
    assert importlib.import_module("fake_plex.server")
    assert subprocess.run([python, "-m", "pip"], capture_output=True, check=False).returncode != 0


def test_python_without_any_pip_is_reported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(make_venv(place.root / "venv")))
    monkeypatch.setattr(pip, "bundled_pip", lambda: "")
    with pytest.raises(PackagesMissing, match=r"this Python has no pip.*python3-pip"):
        place.ensure()


def test_unreachable_index_is_reported_without_its_credentials(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:hunter2@127.0.0.1:{port}/simple")
    without_index(monkeypatch)
    with pytest.raises(PackagesMissing, match="the package index cannot be reached") as caught:
        place.ensure()
    assert "hunter2" not in str(caught.value)


def test_index_that_is_a_mirror_is_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = place.root / "mirror"
    for wheel in Path(os.environ["PIP_FIND_LINKS"]).iterdir():
        page = mirror / "simple" / wheel.name.split("-")[0].replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(f'<!DOCTYPE html><a href="{wheel.name}">{wheel.name}</a>')
        wheel.rename(page.with_name(wheel.name))
    monkeypatch.delenv("PIP_NO_INDEX")
    with served(mirror) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address.replace("index.yml", "simple"))
        place.ensure()
    assert place.said[-1] == "Installed."


def test_index_without_the_packages_is_reported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    without_index(monkeypatch)
    with pytest.raises(PackagesMissing, match="the package index does not have them for this Python"):
        place.ensure()


def test_pip_has_a_time_limit(place: Place, silent_index: socket.socket) -> None:
    place.data.mkdir()
    assert silent_index
    with pytest.raises(pip.InstallFailed, match=r"did not finish within 0\.2 s"):
        pip.install(str(place.requirements), str(place.data / "tag"), time_limit_s=0.2)
    assert os.listdir(place.data) == []


def test_folders_of_older_versions_and_incomplete_ones_are_removed(place: Place) -> None:
    write_package(place.folder.parent, "cpython-39-00000000", {"old.py": ""})
    write_package(place.folder, "fake_plex", {"__init__.py": ""})
    place.ensure()
    assert sorted(os.listdir(place.folder.parent)) == sorted([place.folder.name, "install.lock"])
    assert missing_packages(NEEDED, str(place.folder)) == ()


def test_each_python_has_packages_of_its_own_which_stay(place: Place, another_python: str) -> None:
    """Python was upgraded, or the Python of a shell is another than Stash's."""
    place.ensure()
    other = place.start(another_python).communicate(timeout=60)[0].splitlines()
    assert other[0].startswith("Installing ")
    assert Path(other[-1]).parts[:-2] != place.folder.parts
    assert missing_packages(NEEDED, str(place.folder)) == ()
    assert place.start(another_python).communicate(timeout=60)[0].splitlines() == other[-1:]


@pytest.fixture
def another_python() -> str:
    path = next((path for version, path in pythons().items() if version >= (3, 10)), None)
    if path is None:
        pytest.skip("there is only one Python that is new enough")
    return path


def test_broken_packages_are_installed_anew_whatever_is_there(place: Place) -> None:
    place.ensure()
    (place.folder / "fake_plex" / "server.py").write_text("class Server: its_disk_is_failing")
    place.ensure()
    assert place.said[-1] == "Installed."
    before = len(place.said)
    place.ensure(broken="NameError")
    assert len(place.said) == before + 2
    assert (place.folder / "fake_plex" / "server.py").read_text() == "class Server: pass\n"


def test_broken_packages_that_cannot_be_replaced_are_named_with_the_command(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.ensure()
    without_index(monkeypatch)
    with pytest.raises(PackagesMissing, match=r"^PlexSync cannot load its Python packages: Error: x\. pip could"):
        place.ensure(broken="Error: x")
    assert place.folder.exists()


def test_failed_installation_can_be_retried(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = os.environ["PIP_FIND_LINKS"]
    without_index(monkeypatch)
    with pytest.raises(PackagesMissing):
        place.ensure()
    monkeypatch.setenv("PIP_FIND_LINKS", wheels)
    place.ensure()
    assert importlib.import_module("fake_plex.server")


def test_unwritable_data_directory_is_reported(place: Place) -> None:
    place.data.write_text("a file where the directory should be")
    with pytest.raises(PackagesMissing, match=r"packages that are not installed: .*data"):
        place.ensure()


@posix_only
def test_kill_during_installation_leaves_no_incomplete_folder_and_no_lock(
    place: Place, silent_index: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = place.start()
    assert process.stdout is not None
    try:
        connection, _ = silent_index.accept()  # pip is at work
        with connection:
            process.kill()
            process.wait(60)
            assert any(name.startswith(".tmp-") for name in os.listdir(place.folder.parent))
            assert not place.folder.exists()
            monkeypatch.setenv("PIP_NO_INDEX", "1")
            place.ensure()
            assert sorted(os.listdir(place.folder.parent)) == sorted([place.folder.name, "install.lock"])
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its orphaned pip
        process.stdout.close()


@posix_only
def test_second_process_waits_for_the_installation_of_the_first(place: Place) -> None:
    import fcntl  # noqa: PLC0415 - missing on Windows

    place.folder.parent.mkdir(parents=True)
    with (place.folder.parent / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = place.start()
        assert other.stdout is not None
        assert other.stdout.readline() == "Another process is installing PlexSync's packages: waiting for it.\n"
        pip.install(str(place.requirements), str(place.folder))
    assert other.communicate(timeout=60)[0] == f"{place.folder / 'fake_plex' / 'server.py'}\n"


def test_processes_that_start_at_the_same_time_install_once(place: Place) -> None:
    outputs = [process.communicate(timeout=120)[0] for process in [place.start() for _ in range(3)]]
    assert sum(output.count("Installing ") for output in outputs) == 1
    assert all(output.endswith(f"{place.folder / 'fake_plex' / 'server.py'}\n") for output in outputs)
