"""A server that answers byte by byte, for ever, keeps the worker from nothing else for long."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.hostile import MIB, OK, dripping, endless
from tests.support.plugin_world import read_proc
from tests.support.raw_server import RawServer
from tests.support.task_runs import MODES, run_task

if TYPE_CHECKING:
    from tests.support.hostile import Hostile
    from tests.support.plugin_world import PluginWorld

DRIPPING = dripping("body drips", OK + b"\r\n<", b" ")
ENDLESS = endless("body without end", OK + b"\r\n<", b" " * MIB)
MAX_MB = 150
LONGEST_S = 120.0  # without progress

pytestmark = pytest.mark.skipif(
    not os.environ.get("PLEXSYNC_TEST_LONG"), reason="waits for the probe's time-outs; PLEXSYNC_TEST_LONG=1 runs it"
)


@pytest.mark.parametrize("hostile", [DRIPPING, ENDLESS], ids=lambda hostile: hostile.name)
def test_a_corrected_address_is_noticed_and_health_check_ends(world: PluginWorld, hostile: Hostile) -> None:
    (scene,) = world.add_scenes(1)
    with RawServer(lambda _, connection: hostile.respond(connection, server), is_parallel=True) as server:
        world.configure(plex_url=server.url)
        world.stash.update_scene(scene, title="edited")
        pid = world.wait_for_worker()
        began = time.monotonic()
        health = world.stash.operation(mode="health_check")
        assert not health["healthy"]
        assert world.stash.operation(mode="queue_status")["queue"]["pending"] == 1
        (peak,) = [line for line in read_proc(pid, "status").splitlines() if line.startswith(b"VmHWM")]
        world.wait_until(lambda: "circuit_breaker.json" in os.listdir(world.directory), "the outage", 60)
        world.configure()
        world.wait_for_titles({scene: "edited"}, 60)
        assert time.monotonic() - began < 90
    assert int(peak.split()[1]) < MAX_MB * 1024


def test_every_task_ends(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    with RawServer(lambda _, connection: DRIPPING.respond(connection, server), is_parallel=True) as server:
        world.configure(plex_url=server.url, read_timeout=1)
        world.stash.update_scene(scene, title="edited")
        for mode in MODES:
            assert run_task(world, mode).took_s < LONGEST_S, mode
