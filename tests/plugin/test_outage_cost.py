"""What a worker costs while it is idle or waits out an outage, in real time."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.support.outage_world import OutageWorld
from tests.support.plugin_world import read_proc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEASURED_S = 4.0
MEASURED_TIMES = 3
MAX_CPU = 0.01
MAX_RSS_BYTES = 60_000_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OutageWorld]:
    with ExitStack() as worlds:
        yield worlds.enter_context(OutageWorld(tmp_path, time_scale=1.0))


def cpu_s(pid: int) -> float:
    """User and system time so far."""
    words = read_proc(pid, "stat").rpartition(b")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(pid: int) -> float:
    """Of one CPU, over MEASURED_S. Measured again if it is too high: the worker may still be finishing earlier work."""
    for _ in range(MEASURED_TIMES):
        before, began = cpu_s(pid), time.monotonic()
        time.sleep(MEASURED_S)
        share = (cpu_s(pid) - before) / (time.monotonic() - began)
        if share < MAX_CPU:
            break
    return share


def rss_bytes(pid: int) -> int:
    return int(read_proc(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def written_bytes(pid: int) -> int:
    """Bytes passed to write calls, for files and sockets."""
    lines = dict(line.split(": ") for line in read_proc(pid, "io").decode().splitlines())
    return int(lines["wchar"])


def test_a_worker_that_waits_out_an_outage_costs_next_to_nothing(world: OutageWorld) -> None:
    scenes = world.add_scenes(3)
    world.plex.fault(Fault.starting())
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_circuit("open")
    state = world.state_file("recovery_state")
    world.write_state_file("recovery_state", {**state, "next_check_at": time.time() + 60})
    pid = world.wait_for_worker()
    assert cpu_share(pid) < MAX_CPU
    assert rss_bytes(pid) < MAX_RSS_BYTES


def test_an_idle_worker_writes_nothing_and_costs_next_to_nothing(world: OutageWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.stash.update_scene(scene, title="edited")
    world.wait_for_titles({scene: "edited"})
    world.wait_until(lambda: world.state_file("worker").get("doing") == "watching", "an idle worker")
    pid = world.wait_for_worker()
    before = written_bytes(pid)
    assert cpu_share(pid) < MAX_CPU
    assert written_bytes(pid) == before
    assert rss_bytes(pid) < MAX_RSS_BYTES
