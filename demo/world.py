"""The setting of the demonstration: both servers with the same films, and PlexSync's data directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import lock
from local.data_directory import CIRCUIT_BREAKER, WORKER, WORKER_LOG
from sim.plex.simulator import PlexSim
from sim.stash.simulator import StashSim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A minute of PlexSync's waiting takes five seconds, so that a whole outage fits in.
TIME_SCALE = 12
FILMS = 40
WORKER_ENDS_WITHIN_S = 10.0
LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A scene in Stash and the item in Plex that has its file."""

    scene: int
    item: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorld:
    """At first the servers know their films by file names only; `data` is PlexSync's data directory."""

    plex: PlexSim
    stash: StashSim
    films: Sequence[Film]
    data: str


@contextmanager
def open_world(*, plugin: str, folder: str, data: str, packages: str) -> Iterator[DemoWorld]:
    """Start both servers and configure the plugin as a user would. `packages`: a folder to import from, or ""."""
    path = os.pathsep.join(part for part in (packages, os.environ.get("PYTHONPATH", "")) if part)
    environment = {
        "PYTHONPATH": path,
        "PYTHONPYCACHEPREFIX": os.path.join(folder, "compiled"),
        "PLEXSYNC_DATA_DIR": data,
        "PLEXSYNC_TIME_SCALE": str(TIME_SCALE),
    }
    home = os.path.join(folder, "stash")
    # Compiled beforehand, as in any installation that has run once.
    command = [sys.executable, "-c", "import tasks.run, worker.serve"]
    subprocess.run(command, cwd=plugin, env={**os.environ, **environment}, check=True)  # noqa: S603 - our own modules
    with PlexSim() as plex, StashSim(plugin=plugin, python=sys.executable, env=environment, home=home) as stash:
        section = plex.add_section("Movies", locations=["/media"])
        files = [(f"/media/film_{number:02}.mp4", 700_000_000 + number) for number in range(1, FILMS + 1)]
        films = [Film(scene=stash.add_scene(*file), item=plex.add_item(section, files=[file])) for file in files]
        stash.configure_plugin(plex_url=plex.url, plex_token=plex.token, recovery_minutes=1)
        yield DemoWorld(plex=plex, stash=stash, films=films, data=data)


def end_worker(data: str) -> None:
    """Kill the worker of this data directory, and prevent one that is just starting from surviving.

    Call it when no hook is running. The lock is held until this process ends: a worker that starts late finds it taken,
    and later finds no directory.
    """
    if not os.path.isdir(data):
        return
    descriptor = take_over(data)
    if descriptor is not None and os.name == "nt":
        lock.release(descriptor)  # Windows does not remove a folder with an open file


def take_over(data: str) -> int | None:
    """Kill the worker, if there is one, and take its lock; None if the lock cannot be taken."""
    give_up_at = time.monotonic() + WORKER_ENDS_WITHIN_S
    while (descriptor := lock.try_take(data)) is None and time.monotonic() < give_up_at:
        try:
            with open(os.path.join(data, WORKER), encoding="utf-8") as file:
                os.kill(json.load(file)["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))
        except (FileNotFoundError, ProcessLookupError):
            pass  # the worker has not written its pid yet, or has gone
        time.sleep(LOOK_S)
    return descriptor


def circuit_state(data: str) -> str:
    """The state in `circuit_breaker.json`."""
    return _read_value(data, CIRCUIT_BREAKER, "state", "closed")


def worker_doing(data: str) -> str:
    """The worker's activity in `worker.json`."""
    return _read_value(data, WORKER, "doing", "")


def _read_value(data: str, name: str, key: str, default: str) -> str:
    try:
        with open(os.path.join(data, name), encoding="utf-8") as file:
            return str(json.load(file)[key])
    except FileNotFoundError:
        return default


def end_of_log(data: str, lines: int = 15) -> str:
    """The worker's last messages, for the analysis of a failure."""
    try:
        with open(os.path.join(data, WORKER_LOG), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except FileNotFoundError:
        return "(it has written none)"
