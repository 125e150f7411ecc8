"""PlexSync inside a real Stash, with a simulated Plex that has the same files."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import lock
from sim.plex.simulator import PlexSim
from tests.support.real_stash import RealStash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "plex-token-of-the-test"
PLUGIN = "plexsync"
# An edit arrives within 2 s. A busy test machine gets more; tests assert the measured time where it matters.
PATIENCE_S = 60.0


class RealWorld:
    """A real Stash with the plugin, and a simulated Plex."""

    def __init__(self, stash: RealStash, plex: PlexSim, data: Path) -> None:
        self.stash, self.plex, self.data = stash, plex, data
        self.section = plex.add_section("Movies", locations=[str(stash.media)])
        self.keys: dict[int, int] = {}
        self.note_scenes()

    def note_scenes(self) -> None:
        """Add the scenes to Plex that it lacks."""
        query = '{ findScenes(filter: {per_page: -1, sort: "id"}) { scenes { id files { path size } } } }'
        for scene in self.stash.gql(query)["findScenes"]["scenes"]:
            if int(scene["id"]) not in self.keys:
                file = scene["files"][0]
                key = self.plex.add_item(self.section, files=[(file["path"], file["size"])], title="as Plex found it")
                self.keys[int(scene["id"])] = key

    def item(self, scene_id: int) -> Any:
        """The scene's item in Plex as it is now."""
        return self.plex.item(self.keys[scene_id])

    def wait_until(self, condition: Callable[[], bool]) -> float:
        """Wait for a condition; returns the seconds it took."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < PATIENCE_S, self.log()
            time.sleep(0.01)
        return time.monotonic() - started

    def log(self) -> str:
        """The worker's log."""
        path = self.data / "plexsync.log"
        return path.read_text() if path.exists() else "no log"

    def change(self, mutation: str, input_type: str, value: object, answer: str = "{ id }") -> Any:
        """Send a mutation that takes an `input`; returns its answer."""
        query = f"mutation($i: {input_type}) {{ {mutation}(input: $i) {answer} }}"
        return self.stash.gql(query, {"i": value})[mutation]

    def create(self, kind: str, name: str) -> str:
        """Create a tag, performer or studio; returns its id."""
        made = self.change(f"{kind}Create", f"{kind.capitalize()}CreateInput!", {"name": name})
        return str(made["id"])

    def configure(self, **settings: object) -> None:
        """Configure the plugin with the address of Plex and these settings; the worker leaves when it is idle."""
        given = {"plex_url": self.plex.url, "plex_token": TOKEN, "leave_when_idle": True, **settings}
        self.stash.configure_plugin(PLUGIN, **given)

    def switch_plugin(self, *, on: bool) -> None:
        """Enable or disable the plugin as Stash's plugins page does."""
        query = "mutation($on: BoolMap!) { setPluginsEnabled(enabledMap: $on) }"
        self.stash.gql(query, {"on": {PLUGIN: on}})

    def operation(self, mode: str, **args: object) -> Any:
        """Run one of the plugin's operations; returns its output."""
        return self.stash.operation(PLUGIN, mode=mode, **args)

    def wait_until_worker_left(self) -> None:
        """Wait until no process uses the data directory."""
        self.wait_until(lambda: lock.is_free(str(self.data)))


@contextmanager
def real_world(folder: Path, *, scenes: int, executable: str = "", **env: str) -> Iterator[RealWorld]:
    """A world with this many scenes on both sides; leaves no process behind. `executable`: of another Stash."""
    data = folder / "data"
    env = {"PLEXSYNC_DATA_DIR": str(data), "PLEXSYNC_NO_INSTALL": "1", **env}
    plugin = folder / PLUGIN  # the checkout under the usual name of the plugin's folder
    plugin.symlink_to(ROOT)
    with (
        PlexSim(token=TOKEN) as plex,
        RealStash(folder / "home", plugins=[plugin], scenes=scenes, env=env, executable=executable) as stash,
    ):
        world = RealWorld(stash, plex, data)
        world.configure()
        try:
            yield world
        finally:
            stop_worker(data)


def stop_worker(data: Path) -> None:
    """A worker must not survive its test."""
    if (data / "worker.json").exists() and not lock.is_free(str(data)):
        os.kill(json.loads((data / "worker.json").read_text())["pid"], signal.SIGKILL)
