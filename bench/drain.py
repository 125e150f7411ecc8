"""How fast a full queue drains, against a plain script that does the same in the same run."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.world import ROOT, environment, wait
from local import inbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.world import World

SCENES = 2000
NAIVE_SCENES = 150
# What a Plex on a small machine takes for an answer.
PLEX_ANSWERS_AFTER_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Seconds from the start of the process to the last edit's arrival in Plex; all requests to Plex."""

    scenes: int
    took_s: float
    requests: int

    @property
    def scenes_per_s(self) -> float:
        return self.scenes / self.took_s

    @property
    def requests_per_scene(self) -> float:
        return self.requests / self.scenes


def measure_worker(world: World, title: str) -> Drain:
    """All scenes change and are queued while no worker lives; then one is started."""
    world.end_worker()
    change(world, world.scenes, title)
    for scene_id in world.scenes:
        inbox.publish(world.data, f"{inbox.SCENE}-{scene_id}", world.connection())
    world.plex.clear_requests()
    began = time.time()
    world.start_worker()
    world.wait_until_idle()
    check(world, world.scenes, title)
    return read_requests(world, len(world.scenes), began)


def measure_naive(world: World, title: str) -> Drain:
    """The first scenes change, and the plain script runs over them."""
    scenes = world.scenes[:NAIVE_SCENES]
    change(world, scenes, title)
    world.plex.clear_requests()
    arguments = [world.stash.url, world.plex.url, world.plex.token, str(len(scenes))]
    began = time.time()
    subprocess.run([sys.executable, "-m", "bench.naive", *arguments], cwd=ROOT, env=environment(), check=True)
    check(world, scenes, title)
    return read_requests(world, len(scenes), began)


def change(world: World, scenes: Sequence[int], title: str) -> None:
    """Four fields of each scene, behind the plugin's back: no hooks, they are measured elsewhere."""
    studio = world.stash.add_entity("studio", f"Studio of {title}")
    tag = world.stash.add_entity("tag", f"Tag of {title}")
    with world.stash.library.lock:
        for scene_id in scenes:
            scene = world.stash.library.scene(scene_id)
            scene.title, scene.details = f"{title} {scene_id}", f"What {title} {scene_id} is about."
            scene.studio_id, scene.tag_ids = studio, [tag]


def check(world: World, scenes: Sequence[int], title: str) -> None:
    """Raises TooSlowError when not every scene's title and genre are in Plex."""
    wait(
        lambda: all(
            world.plex.item(scene_id).title == f"{title} {scene_id}"
            and f"Tag of {title}" in world.plex.item(scene_id).genres
            for scene_id in scenes
        ),
        f"all scenes called {title}",
    )


def read_requests(world: World, scenes: int, began: float) -> Drain:
    last = max(each.at for each in world.plex.requests if each.method == "PUT")
    return Drain(scenes=scenes, took_s=last - began, requests=len(world.plex.requests))

