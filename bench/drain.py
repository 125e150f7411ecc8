"""How fast Sync All Scenes brings a library into Plex, against a plain script that does the same in the same run.

And against the limit of one connection: the same writes, with nothing else between them.
"""

from __future__ import annotations

import http.client
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.world import ROOT, environment, wait
from sim.stash.long_ago import make_old

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.world import World
    from sim.faults import Request

SCENES = 2000
NAIVE_SCENES = 150
COVER_BYTES = 30_000
LIMIT_WRITES = 200
# How long Plex on a small machine takes to answer.
PLEX_ANSWERS_AFTER_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFigures:
    """Seconds from the start of the process to the arrival in Plex of the last field, and of the last cover or lock.

    `requests`: all of them to Plex.
    """

    scenes: int
    fields_s: float
    took_s: float
    requests: int

    @property
    def fields_per_s(self) -> float:
        return self.scenes / self.fields_s

    @property
    def scenes_per_s(self) -> float:
        return self.scenes / self.took_s

    @property
    def requests_per_scene(self) -> float:
        return self.requests / self.scenes


def measure_sync(world: World, title: str) -> SyncFigures:
    """Change all scenes while no worker is running, then run the task."""
    world.end_worker()
    change(world, world.scenes, title)
    world.plex.clear_requests()
    began = time.time()
    sync_all(world)
    check(world, world.scenes, title)
    return read_requests(world, len(world.scenes), began)


def measure_unchanged_ms(world: World) -> float:
    """Run Sync All again; milliseconds of CPU that worker and task use for each scene. Linux only."""
    before_s = own_cpu_s(world)
    sync_all(world)
    return 1000 * (own_cpu_s(world) - before_s) / len(world.scenes)


def sync_all(world: World) -> None:
    """Run the task, and wait until nothing is pending."""
    world.stash.run_task("Sync All Scenes")
    world.wait_until_idle()


def own_cpu_s(world: World) -> float:
    """Seconds used by the worker so far, and by all tasks and hooks that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return worker_cpu_s(world) + ended.ru_utime + ended.ru_stime


def worker_cpu_s(world: World) -> float:
    """Seconds used by the worker so far."""
    fields = Path(f"/proc/{world.worker_pid()}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many scenes a second one connection can write, if each takes one PUT for the fields and two uploads."""

    fields_per_s: float
    scenes_per_s: float


def measure_limit(world: World) -> Limit:
    """Send one write after the other, as they are, and read nothing else."""
    item, cover = world.scenes[0], world.stash.library.scene(world.scenes[0]).cover or b""
    fields = f"/library/sections/1/all?type=1&id={item}&title.value={'x' * 40}&title.locked=1"
    put_s, post_s = (
        _seconds_each(world, method, path, body)
        for method, path, body in (("PUT", fields, b""), ("POST", f"/library/metadata/{item}/posters", cover))
    )
    return Limit(fields_per_s=1 / put_s, scenes_per_s=1 / (put_s + 2 * post_s))


def _seconds_each(world: World, method: str, path: str, body: bytes) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", world.plex.port)
    began = time.monotonic()
    for _ in range(LIMIT_WRITES):
        connection.request(method, path, body, {"X-Plex-Token": world.plex.token})
        connection.getresponse().read()
    took_s = time.monotonic() - began
    connection.close()
    return took_s / LIMIT_WRITES


def measure_naive(world: World, title: str) -> SyncFigures:
    """Change the first scenes, and run the plain script over them."""
    scenes = world.scenes[:NAIVE_SCENES]
    change(world, scenes, title)
    world.plex.clear_requests()
    arguments = [world.stash.url, world.plex.url, world.plex.token, str(len(scenes))]
    began = time.time()
    subprocess.run([sys.executable, "-m", "bench.naive", *arguments], cwd=ROOT, env=environment(), check=True)
    check(world, scenes, title)
    return read_requests(world, len(scenes), began)


def change(world: World, scenes: Sequence[int], title: str) -> None:
    """Change four fields of each scene without firing hooks, which are measured elsewhere.

    The studio and the tag are old, as most in a library are. For new ones, PlexSync would look up all of their scenes.
    """
    studio = world.stash.add_entity("studio", f"Studio of {title}")
    tag = world.stash.add_entity("tag", f"Tag of {title}")
    with world.stash.library.lock:
        for scene_id in scenes:
            scene = world.stash.library.scene(scene_id)
            scene.title, scene.details = f"{title} {scene_id}", f"What {title} {scene_id} is about."
            scene.studio_id, scene.tag_ids = studio, [tag]
            make_old(world.stash.library, scene_id)


def check(world: World, scenes: Sequence[int], title: str) -> None:
    """Raises TooSlowError unless every scene's title and genre are in Plex."""
    wait(
        lambda: all(
            world.plex.item(scene_id).title == f"{title} {scene_id}"
            and f"Tag of {title}" in world.plex.item(scene_id).genres
            for scene_id in scenes
        ),
        f"all scenes called {title}",
    )


def read_requests(world: World, scenes: int, began: float) -> SyncFigures:
    fields = [each.at for each in world.plex.requests if each.method == "PUT" and not _is_lock_alone(each)]
    writes = [each.at for each in world.plex.requests if each.method in ("PUT", "POST")]
    return SyncFigures(
        scenes=scenes, fields_s=max(fields) - began, took_s=max(writes) - began, requests=len(world.plex.requests)
    )


def _is_lock_alone(request: Request) -> bool:
    return {name for name, _ in request.query} <= {"type", "id", "thumb.locked", "art.locked"}

