"""How long an edit takes from the start of its hook to Plex, and how many requests to Plex a job costs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.world import wait

if TYPE_CHECKING:
    from bench.world import World

COLD, WARM, COUNTED = 7, 20, 20


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
