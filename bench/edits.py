"""How long an edit takes from the start of its hook to Plex, and how many requests to Plex a job costs."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.large import publish
from bench.world import wait
from local import inbox
from sim.faults import Fault
from store.job import Reason
from store.requests import batch_content

if TYPE_CHECKING:
    from bench.world import World

COLD, WARM, COUNTED = 7, 20, 20
AT_ONCE, PUT_S = 50, 0.05
LIBRARY, DURING = 10_000, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests to Plex for each job."""

    first: float
    changed: float
    unchanged: float


def measure_arrival(world: World, times: int, *, is_cold: bool) -> float:
    """Median in ms; no scene was pushed before. Cold: each hook starts a worker, which ends before the next hook."""
    taken = []
    for number in range(times):
        if is_cold:
            world.end_worker()
        scene_id = world.scenes[number + 1]
        world.plex.clear_requests()
        world.stash.update_scene(scene_id, title=f"{'Cold' if is_cold else 'Warm'} {scene_id}")
        wait(lambda: bool(world.edits_of(scene_id)), "an edit")  # noqa: B023 - called at once
        hook = next(each for each in reversed(world.stash.invocations) if b'"hookContext"' in each.stdin)
        taken.append(world.edits_of(scene_id)[0].at - hook.started_at)
        world.wait_until_idle()
    return 1000 * statistics.median(taken)


def measure_at_once(world: World) -> float:
    """Seconds until the fields of many edits of the same instant are in Plex, which takes PUT_S for each PUT."""
    rule = world.plex.fault(Fault.slow(PUT_S), method="PUT")
    scenes = world.scenes[-AT_ONCE:]
    with world.stash.library.lock:
        for scene_id in scenes:
            world.stash.library.scene(scene_id).title = f"At once {scene_id}"
    began = time.monotonic()
    publish(world, [f"scene-{scene_id}" for scene_id in scenes])
    wait(lambda: all(world.plex.item(each).title == f"At once {each}" for each in scenes), "the edits of one instant")
    took_s = time.monotonic() - began
    world.wait_until_idle()
    world.plex.heal(rule)
    return took_s


def measure_during_sync(world: World) -> float:
    """The longest of several edits' times to Plex in ms, during the first sync of a large library."""
    inbox.publish(world.data, f"{inbox.BATCH}-bench", batch_content(world.scenes, Reason.SYNC))
    wait(lambda: bool(world.edits_of(world.scenes[LIBRARY // 20])), "the sync to begin")
    taken = []
    for scene_id in world.scenes[-DURING:]:
        began = time.time()
        world.stash.update_scene(scene_id, title=f"During {scene_id}")
        wait(lambda: world.plex.item(scene_id).title.startswith("During"), "an edit")  # noqa: B023 - called at once
        taken.append(world.edits_of(scene_id)[0].at - began)
    return 1000 * max(taken)


def measure_requests(world: World) -> Requests:
    """One job after the other; only the title changes."""
    scenes = world.scenes[-COUNTED:]
    return Requests(
        first=_count(world, scenes, "First"),
        changed=_count(world, scenes, "Changed"),
        unchanged=_count(world, scenes, "Changed"),
    )


def _count(world: World, scenes: range, title: str) -> float:
    world.wait_until_idle()
    world.plex.clear_requests()
    for scene_id in scenes:
        world.stash.update_scene(scene_id, title=f"{title} {scene_id}")
        world.wait_until_idle()
    return len(world.plex.requests) / len(scenes)
