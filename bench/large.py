"""Large numbers: the worker's CPU for thousands of changed tags, and its flushes for thousands of changed scenes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.drain import worker_cpu_s
from bench.world import ROOT, environment, wait
from local import inbox, lock

if TYPE_CHECKING:
    from bench.world import World

TAGS, ENTRIES = 4000, 20_000
_FLUSHES = ("-e", "trace=fsync,fdatasync,sync_file_range,syncfs")


def measure_tags(world: World) -> tuple[float, float]:
    """Seconds of the worker's CPU and of real time, from its start until the scenes of all tags are in Plex."""
    world.end_worker()
    with world.stash.library.lock:
        tags = [world.stash.add_entity("tag", f"Tag {number}") for number in range(TAGS)]
        for number, scene_id in enumerate(world.scenes):
            world.stash.library.scene(scene_id).tag_ids = tags[number :: len(world.scenes)][:50]
    publish(world, [f"tag-{tag}" for tag in tags])
    began = time.monotonic()
    world.start_worker()
    world.wait_until_idle()
    return worker_cpu_s(world), time.monotonic() - began


def count_flushes(world: World) -> int | None:
    """How often the worker flushes to the disk until it has taken all entries in; None without strace."""
    if shutil.which("strace") is None:
        return None
    world.end_worker()
    publish(world, [f"scene-{number}" for number in range(1, ENTRIES + 1)])
    with tempfile.TemporaryDirectory(prefix="plexsync-bench-") as folder:
        log = Path(folder) / "flushes"
        command = ["strace", "-f", "-qq", "--seccomp-bpf", *_FLUSHES, "-o", str(log)]
        process = subprocess.Popen(
            [*command, sys.executable, str(ROOT / "plexsync.py"), "worker", world.data], env=environment()
        )
        try:
            wait(lambda: not lock.is_free(world.data) and not inbox.has_news(world.data), "the entries to be taken in")
            return sum("sync" in line for line in log.read_text(encoding="utf-8").splitlines())
        finally:
            world.end_worker()
            process.wait(60)


def publish(world: World, names: list[str]) -> None:
    """Write entries as hooks do, without their flushes."""
    folder, content = inbox.folder(world.data), world.connection()
    for name in names:
        Path(os.path.join(folder, name)).write_bytes(content)
