"""`plexsync.py demo` as a newcomer starts it: from any folder, with nothing but its output to go by."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
ENDS_WITHIN_S = 180
WIDTH = 100
# A worker that was still starting when the demo ended finds its data directory gone, and exits.
LATE_WORKER_ENDS_WITHIN_S = 30
TOLD_IN_ORDER = (
    "Simulated: Stash and Plex",
    "1. An edit in Stash arrives in Plex",
    "ms after the hook began; the hook had to start a worker",
    "before in Plex",
    "film_01 Harbour at Dawn",
    "ms after the hook began; the worker was there already",
    "2. A bulk edit of 10 scenes",
    "all 10 have the genre",
    "3. A tag removed in Stash leaves Plex",
    "Drama, Outdoor, Our favourites Drama, Our favourites",
    "4. An outage",
    "Stash's log: Outage of Plex",
    "/identity 200, /library/sections 503",
    "Plex takes changes again",
    "40 of 40 in Plex",
    "5. What the user sees",
    "Plex: no outage",
    "40 jobs waited",
    "pushed in the recovery",
    "6. The task Outage Summary Report",
    "40 jobs waited",
    "pushed in the recovery",
    "Everything arrived.",
)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """The only folder for temporary files. In the end it is empty and no process uses it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder
    assert os.listdir(folder) == []
    give_up_at = time.monotonic() + LATE_WORKER_ENDS_WITHIN_S
    while processes_that_name(folder) and time.monotonic() < give_up_at:
        time.sleep(0.02)
    assert processes_that_name(folder) == []


def processes_that_name(folder: Path) -> list[str]:
    """Command lines that contain this folder, where /proc exists; a worker's contains its data directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def start_demo(scratch: Path, *options: str, python: str = sys.executable, root: Path = ROOT) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(scratch), "PLEXSYNC_NO_INSTALL": "1"}
    command = [python, *options, str(root / "plexsync.py"), "demo"]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=scratch.parent, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.skipif(os.name != "posix", reason="finds leftover processes in /proc")
def test_the_demo_shows_everything_arriving_and_leaves_nothing_behind(scratch: Path) -> None:
    output, errors = start_demo(scratch).communicate(timeout=ENDS_WITHIN_S)
    assert errors == ""
    lines = output.splitlines()
    output, position = " ".join(output.split()), 0  # however its lines are broken
    for text in TOLD_IN_ORDER:
        position = output.find(text, position)
        assert position >= 0, f"{text!r} is missing, or too early, in:\n{output}"
    assert "\033" not in output
    assert max(len(line.replace(str(scratch), "")) for line in lines) <= WIDTH  # its path stays whole, however long


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM")
def test_a_terminated_demo_stops_its_worker(scratch: Path) -> None:
    demo = start_demo(scratch, "-S")
    assert demo.stdout is not None
    while "A bulk edit" not in demo.stdout.readline():
        assert demo.poll() is None
    assert processes_that_name(scratch)
    demo.send_signal(signal.SIGTERM)
    _, errors = demo.communicate(timeout=ENDS_WITHIN_S)
    assert demo.returncode == 130
    assert "Stopped" in errors
    assert "Traceback" not in errors


def test_the_demo_reports_what_did_not_arrive(scratch: Path) -> None:
    copy = scratch / "plexsync"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "tests", "data", "__pycache__"))
    with (copy / "hooks" / "receive.py").open("a") as file:
        file.write("\n_QUEUED = b'{\"output\": \"lost\"}'\n")
    before = sorted(copy.rglob("*"))
    demo = start_demo(scratch, root=copy)
    _, errors = demo.communicate(timeout=ENDS_WITHIN_S)
    assert sorted(copy.rglob("*")) == before
    shutil.rmtree(copy)
    assert demo.returncode == 1
    assert "FAILED: the hook Scene.Update.Post ended with 0 and answered" in errors
    assert "Traceback" not in errors


def test_without_packages_the_demo_names_them(scratch: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name == "posix")
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    demo = start_demo(scratch, python=str(python))
    _, errors = demo.communicate(timeout=ENDS_WITHIN_S)
    assert demo.returncode == 1
    assert "graphql-core" in errors
    assert "PLEXSYNC_NO_INSTALL forbids installing them" in errors
    assert str(scratch) not in errors
