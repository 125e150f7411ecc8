"""What a reconciliation costs, and how that grows: `python -m bench.reconcile 10000 100000`, in the tests' environment.

Scenes and items are in step, so nothing is queued; the first run reads every item, the second finds that nothing has
changed. Memory and CPU are the worker's (Linux only); the simulated servers take time of their own, more with each
scene.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.plugin_world import MEDIA, PluginWorld

SIZES = (1000, 10_000)
LOOK_S = 0.1
RUN_S = 3600.0
LONG_AGO = "2020-01-01T00:00:00Z"


class UnexpectedGapsError(Exception):
    """Both sides were filled with the same values, yet the run found gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """One run over `scenes` scenes. `cpu_s` and `peak_mb` are the worker's; requests are those to Plex."""

    scenes: int
    took_s: float
    cpu_s: float
    peak_mb: float
    requests: int


class _Watch:
    """Samples the peak memory and the CPU time of a world's worker until it is told to end."""

    def __init__(self, world: PluginWorld) -> None:
        self._world = world
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.peak_mb = 0.0
        self.cpu_s = 0.0

    def __enter__(self) -> _Watch:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        first_s: dict[int, float] = {}
        while not self._over.wait(LOOK_S):
            pid = self._world.worker_pid()
            if pid is None:
                continue
            try:
                peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just left
            now_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            self.cpu_s = now_s - first_s.setdefault(pid, now_s)
            self.peak_mb = max(self.peak_mb, int(peak[1]) / 1024 if peak else 0.0)


def measure(scenes: int, runs: int = 2) -> list[Reconciliation]:
    """Make `runs` runs in a row over a library of this size."""
    with tempfile.TemporaryDirectory() as folder, PluginWorld(Path(folder), time_scale=1) as world:
        fill(world, scenes)
        return [run(world, scenes) for _ in range(runs)]


def fill(world: PluginWorld, scenes: int) -> None:
    """Fill both sides with the same values, of typical size."""
    tags, performers, details = ("a", "b", "c"), ("Ann", "Bob"), "Some words about it. " * 10
    for number in range(scenes):
        file, title = (f"{MEDIA}/scene {number}.mp4", 1000 + number), f"Title {number}"
        world.stash.add_scene(
            *file, title=title, details=details, updated_at=LONG_AGO, tags=tags, performers=performers
        )
        world.plex.add_item(
            world.section, files=[file], title=title, summary=details.strip(), genres=tags, actors=performers
        )  # fmt: skip
    time.sleep(1.1)  # Plex's times are whole seconds


def run(world: PluginWorld, scenes: int) -> Reconciliation:
    world.plex.clear_requests()
    began = time.monotonic()
    with _Watch(world) as watch:
        result = world.stash.run_task("Reconcile Library (All)", timeout_s=RUN_S)
    if result.output["checked"] != scenes or any(result.output["gaps"].values()):
        raise UnexpectedGapsError(str(result.output))
    return Reconciliation(
        scenes=scenes,
        took_s=time.monotonic() - began,
        cpu_s=watch.cpu_s,
        peak_mb=watch.peak_mb,
        requests=len(world.plex.requests),
    )


def lines(found: list[Reconciliation]) -> list[str]:
    """The rows of the table."""
    return [
        f"{each.scenes:>7} scenes: {each.took_s:6.1f} s, worker {each.cpu_s * 1000 / each.scenes:5.2f} ms CPU a scene, "
        f"peak {each.peak_mb:4.0f} MB, {each.requests} requests to Plex"
        for each in found
    ]


def main() -> int:
    for size in [int(text) for text in sys.argv[1:]] or SIZES:
        print("\n".join(lines(measure(size))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
