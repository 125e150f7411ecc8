"""What the measurements run in: both simulated servers, a data directory, and the worker under control."""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.world import end_worker, take_over
from local import inbox, lock
from local.data_directory import WORKER
from sim.plex.simulator import PlexSim
from sim.stash.long_ago import make_old
from sim.stash.simulator import StashSim
from store.reader import count_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.faults import Request

ROOT = Path(__file__).resolve().parent.parent
LOOK_S = 0.002
# Whoever counts a queue of thousands every two milliseconds takes a core from the servers that are measured.
RARE_LOOK_S = 0.1
JPEG = b"\xff\xd8\xff"
PATIENCE_S = 180.0
# How long one thread of the simulated servers keeps another one waiting: a tenth of Python's own interval.
SWITCH_S = 0.0005


class TooSlowError(Exception):
    """What was measured did not end in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`scenes` of Stash and the items of Plex that hold their files have the same ids, 1 to the number of scenes."""

    plex: PlexSim
    stash: StashSim
    scenes: range
    data: str

    def wait_until_idle(self) -> None:
        """Wait until nothing is pending."""
        wait(lambda: count_queue(self.data, time.time()).pending == 0, "the queue to drain", look_s=RARE_LOOK_S)

    def end_worker(self) -> None:
        """Kill the worker; the next hook starts one."""
        descriptor = take_over(self.data)
        if descriptor is not None:
            lock.release(descriptor)

    def worker_pid(self) -> int:
        """The worker's process id, as `worker.json` has it."""
        with open(os.path.join(self.data, WORKER), encoding="utf-8") as file:
            return int(json.load(file)["pid"])

    def start_worker(self) -> None:
        """Start one in the tests' environment, for hooks that run in an environment without packages."""
        entry = inbox.CONNECTION
        inbox.publish(self.data, entry, self.connection())
        command = [sys.executable, str(ROOT / "plexsync.py"), "worker", self.data]
        null = subprocess.DEVNULL
        subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True, env=environment())
        wait(lambda: not lock.is_free(self.data) and not inbox.has_news(self.data), "a worker")

    def hook_input(self, scene_id: int) -> bytes:
        """What Stash writes to a hook's standard input when the title of this scene is saved."""
        recorded = next(each.stdin for each in self.stash.invocations if b'"hookContext"' in each.stdin)
        head, _, rest = recorded.partition(b'"hookContext":{"id":')
        return head + b'"hookContext":{"id":' + str(scene_id).encode() + rest[rest.index(b",") :]

    def connection(self) -> bytes:
        """An inbox entry's content."""
        return self.hook_input(1).partition(b',"args":')[0] + b"}"

    def edits_of(self, scene_id: int) -> list[Request]:
        """Every PUT to the scene's item."""
        return [each for each in self.plex.requests if each.method == "PUT" and scene_id in each.rating_keys]


@contextmanager
def open_world(scenes: int, *, cover_bytes: int = 0) -> Iterator[World]:
    """Both servers with `scenes` scenes; the plugin is configured, and the worker has served one hook.

    `cover_bytes`: the size of each scene's cover; 0: they have none.
    """
    with tempfile.TemporaryDirectory(prefix="plexsync-bench-", ignore_cleanup_errors=True) as folder:
        data = os.path.join(folder, "data")
        env = {**environment(), "PLEXSYNC_DATA_DIR": data}
        home = os.path.join(folder, "stash")
        with PlexSim() as plex, StashSim(plugin=ROOT, python=sys.executable, env=env, home=home) as stash:
            section = plex.add_section("Movies", locations=["/media"])
            for number in range(1, scenes + 1):
                file = (f"/media/studio {number % 50}/scene number {number:05}.mp4", 1_000_000 + number)
                cover = JPEG + random.Random(number).randbytes(cover_bytes) if cover_bytes else None  # noqa: S311 - no secret
                scene_id = stash.add_scene(*file, title=f"Scene {number}", cover=cover)
                make_old(stash.library, scene_id)  # else PlexSync asks whether its file was moved
                assert scene_id == plex.add_item(section, files=[file])  # noqa: S101 - see World.scenes
            stash.configure_plugin(plex_url=plex.url, plex_token=plex.token)
            world = World(plex=plex, stash=stash, scenes=range(1, scenes + 1), data=data)
            try:
                stash.update_scene(1, title="The first of all")
                wait(lambda: plex.item(1).title == "The first of all", "the first edit")
                world.wait_until_idle()
                with _two_programs():
                    yield world
            finally:
                end_worker(data)


@contextmanager
def _two_programs() -> Iterator[None]:
    """Simulated in one program, the two servers would keep each other waiting as Stash and Plex do not.

    Both would stop now and then while Python looks through all that they hold: for 150 ms each time, with 2,000 covers.
    And an answer of one would wait several times for up to 5 ms while the other one computes.
    """
    interval_s = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)
        gc.unfreeze()


def environment() -> dict[str, str]:
    """This process's environment, without what users do not have, such as a ban on storing compiled modules."""
    dropped = ("PYTHONDONTWRITEBYTECODE", "PLEXSYNC_TIME_SCALE", "PLEXSYNC_NO_INSTALL", "PLEX_URL", "PLEX_TOKEN")
    return {name: value for name, value in os.environ.items() if name not in dropped}


def wait(is_there: Callable[[], bool], what: str, *, look_s: float = LOOK_S) -> None:
    """Raises TooSlowError."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_there():
        if time.monotonic() > give_up_at:
            raise TooSlowError(f"waited {PATIENCE_S:g} s for {what}")
        time.sleep(look_s)
