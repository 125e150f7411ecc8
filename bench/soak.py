"""Whether the worker grows with use: thousands of saves, each with a cookie of its own, as Stash issues them."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.world import wait
from local import inbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.world import World

SAVES, FIRST = 5000, 50
# Latencies are compared between as many saves at the beginning, after the first ones, and at the end.
COMPARED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakFigures:
    """Memory in MB, and the median time from a save to Plex in ms; at the start and at the end."""

    first_mb: float
    last_mb: float
    first_ms: float
    last_ms: float
    files: int

    @property
    def grown_mb(self) -> float:
        return self.last_mb - self.first_mb

    @property
    def slower(self) -> float:
        """1.2: an edit takes a fifth longer at the end."""
        return self.last_ms / self.first_ms


def measure_soak(world: World, saves: int = SAVES) -> SoakFigures:
    """Save one scene after the other, each when the one before has arrived."""
    took_ms, first_mb = [], 0.0
    for number in range(saves):
        took_ms.append(save(world, world.scenes[number % len(world.scenes)], number))
        if number + 1 == FIRST:
            first_mb = resident_mb(world.worker_pid())
    return SoakFigures(
        first_mb=first_mb,
        last_mb=resident_mb(world.worker_pid()),
        first_ms=median(took_ms[FIRST : FIRST + COMPARED]),
        last_ms=median(took_ms[-COMPARED:]),
        files=sum(1 for path in Path(world.data).rglob("*") if path.is_file()),
    )


def save(world: World, scene_id: int, number: int) -> float:
    """Change the title, and leave in the inbox what the hook would; milliseconds until Plex shows it."""
    title = f"Save {number} of scene {scene_id}"
    with world.stash.library.lock:
        world.stash.library.scene(scene_id).title = title
    connection = json.loads(world.connection())
    connection["server_connection"]["SessionCookie"] = {"Name": "session", "Value": f"{number:064}"}
    began = time.monotonic()
    inbox.publish(world.data, f"scene-{scene_id}", json.dumps(connection).encode())
    wait(lambda: world.plex.item(scene_id).title == title, title)
    return 1000 * (time.monotonic() - began)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def resident_mb(pid: int) -> float:
    """What the process holds in memory now."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
