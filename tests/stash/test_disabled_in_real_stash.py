"""Disabling the plugin in a real Stash ends its worker; what is pending comes once it is enabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault, is_write
from tests.support.real_stash import GraphQLRefusedError, reason_to_skip
from tests.support.real_world import real_world

if TYPE_CHECKING:
    from pathlib import Path

TIME_SCALE = 10.0


@pytest.mark.parametrize("is_plex_down", [False, True])
def test_the_worker_ends_within_ten_seconds_and_goes_on_once_enabled(tmp_path: Path, *, is_plex_down: bool) -> None:
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    with real_world(tmp_path, scenes=6, PLEXSYNC_TIME_SCALE=f"{TIME_SCALE:g}") as world:
        world.plex.latency_s = 0.3
        if is_plex_down:
            world.plex.fault(Fault.refused())
        for scene in world.keys:
            world.stash.update_scene(scene, title=f"Title {scene}")
        world.wait_until(lambda: "Plex" in world.log() if is_plex_down else "is in Plex now" in world.log())
        world.switch_plugin(on=False)
        assert world.wait_until(lambda: "the worker ends: PlexSync is disabled in Stash" in world.log()) < 10
        world.wait_until_worker_left()
        with pytest.raises(GraphQLRefusedError, match="disabled"):
            world.operation("queue_status")
        world.plex.clear_requests()
        world.stash.update_scene(1, title="edited meanwhile")
        assert not any(is_write(request) for request in world.plex.requests)
        world.plex.latency_s = 0
        world.plex.heal()
        world.switch_plugin(on=True)
        assert world.operation("queue_status")["draining"]["stopped_by"] != "disabled"
        world.stash.update_scene(2, title="an event")
        titles = {scene: f"Title {scene}" for scene in world.keys} | {1: "edited meanwhile", 2: "an event"}
        world.wait_until(lambda: all(world.item(scene).title == title for scene, title in titles.items()))
