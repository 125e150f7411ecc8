"""One write of a worker fails, from its first instruction on: nothing is lost, and no later event finds it stuck.

A few writes are tried by default; with PLEXSYNC_TEST_LONG=1 a thousand, which takes about an hour.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local import inbox, start
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

IS_LONG = bool(os.environ.get("PLEXSYNC_TEST_LONG"))
FAILURES, FEW = 1000, 6
MOST_WRITES = 1000  # of a worker, from its start until two scenes are in Plex; some 500
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
SOURCE = ROOT / "tests" / "support" / "failing_write.c"
_TIME = re.compile(r"^\S+ \S+ ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`at`: which write of the worker fails, from 1 on. `is_first`: whether its data directory is new."""

    at: int
    error: int
    is_first: bool


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is loaded into the worker to make a write fail."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler on Linux")
    target = tmp_path_factory.mktemp("library") / "failing_write.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, SOURCE, "-ldl"], check=True)
    return target


class Trial:
    """A world in which a worker's writes fail one after the other. Each scene is edited once for each failure."""

    def __init__(self, world: PluginWorld, library: Path) -> None:
        self.world = world
        self.library = library
        self.scenes = world.add_scenes(2)
        self.edits = 0
        world.fire_hook(self.scenes[0])
        world.wait_until(world.is_idle, "the first push")
        world.stop_workers()
        self.used = world.folder / "used"  # a data directory as a worker leaves it
        shutil.copytree(world.directory, self.used)

    def run(self, failure: Failure) -> str:
        """Have this write fail; return what was done then, "" if the worker did not come so far."""
        world, note = self.world, self.world.folder / "note"
        note.unlink(missing_ok=True)
        shutil.rmtree(world.directory)
        if not failure.is_first:
            shutil.copytree(self.used, world.directory)
        before = len(world.log_text())
        first, second = (self._edit(scene) for scene in self.scenes)
        inbox.prepare(str(world.directory))
        inbox.publish(str(world.directory), f"scene-{self.scenes[0]}", world.hook_input(self.scenes[0]))
        self._start_worker(failure, note)
        self._wait_for_push_or_end({self.scenes[0]: first})
        answer = world.fire_hook(self.scenes[1])
        assert answer.json == {"output": "queued"}, answer
        world.wait_for_titles({self.scenes[0]: first, self.scenes[1]: second})
        world.wait_idle()
        world.stop_workers()
        self.process.wait()
        self._check_log(world.log_text()[before:])
        return note.read_text() if note.exists() else ""

    def _edit(self, scene: int) -> str:
        self.edits += 1
        title = f"edit {self.edits}"
        self.world.stash.library.scene(scene).title = title
        return title

    def _start_worker(self, failure: Failure, note: Path) -> None:
        world = self.world
        env = {
            **os.environ, **world.env, "LD_PRELOAD": str(self.library), "FAIL_BELOW": f"{world.directory}/",
            "FAIL_AT": str(failure.at), "FAIL_WITH": str(failure.error), "FAIL_NOTE": str(note),
        }  # fmt: skip
        command = [sys.executable, str(world.script), start.WORKER_ARGUMENT, str(world.directory)]
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _wait_for_push_or_end(self, titles: dict[int, str]) -> None:
        def is_done() -> bool:
            return self.process.poll() is not None or (self.world.has_titles(titles) and self.world.is_idle())

        self.world.wait_until(is_done, "the push, or the worker's end")

    def _check_log(self, text: str) -> None:
        problems = [_TIME.sub("", line) for line in text.splitlines() if " ERROR " in line or " WARNING " in line]
        assert len(set(problems)) == len(problems), text
        assert len(problems) <= 2, text


def failures(last: int) -> Iterator[Failure]:
    """Each write in a new data directory and in a used one; each with another error than its neighbours."""
    for start_with in range(len(ERRORS)):
        for at in range(1, last + 1):
            for is_first in (True, False):
                yield Failure(at=at, error=ERRORS[(at + start_with) % len(ERRORS)], is_first=is_first)


@pytest.mark.skipif(not IS_LONG, reason="takes an hour")
def test_a_thousand_failed_writes_lose_nothing(make_world: MakeWorld, library: Path) -> None:
    trial, done = Trial(make_world(), library), 0
    last = {True: MOST_WRITES, False: MOST_WRITES}
    for failure in failures(MOST_WRITES):
        if failure.at > last[failure.is_first]:
            continue
        what = trial.run(failure)
        print(failure, what, flush=True)  # an hour may lie between a failure and its reading
        done += bool(what)
        if not what:
            last[failure.is_first] = failure.at - 1  # the worker writes no more than that
        if done >= FAILURES:
            return
    raise AssertionError(f"only {done} writes failed")


def test_a_failed_write_loses_nothing(make_world: MakeWorld, library: Path) -> None:
    trial = Trial(make_world(), library)
    for number in range(FEW):
        failure = Failure(at=1 + 21 * number, error=ERRORS[number % len(ERRORS)], is_first=bool(number % 2))
        assert trial.run(failure)
