"""The whole plugin against recorded servers: what it pushes once it does not push again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_world import PluginWorld

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recorded_plex import RecordedPlex

OPTIMIZED = "Plex Versions"


def test_a_recorded_server_is_well_and_a_second_sync_sends_it_nothing(recorded: RecordedPlex, tmp_path: Path) -> None:
    files = [(path, size) for _, path, size in recorded.files() if path and size and OPTIMIZED not in path]
    if not files:
        pytest.skip("no files were recorded")
    recorded.takes_edits = True
    with PluginWorld(tmp_path) as world:
        scenes = [
            world.stash.add_scene(path, size, title=f"Scene {number}", performers=("Ann", "Bob"), tags=("Tag",))
            for number, (path, size) in enumerate(files)
        ]
        world.configure(plex_url=recorded.url, plex_token="any")
        health = world.stash.run_task("Health Check").output
        assert (health["healthy"], health["ready"], bool(health["libraries"])) == (True, True, True)
        for scene in scenes:
            (item,) = world.stash.operation(mode="preview", scene_id=scene)["items"]
            assert item["send"]["title"] == item["wanted"]["title"]
        assert recorded.writes == []
        first = world.stash.run_task("Sync All Scenes")
        world.wait_idle()
        edited = {key for request in recorded.writes for key in request.rating_keys}
        assert first.output["pushed"] == len(edited) > 0
        recorded.writes.clear()
        second = world.stash.run_task("Sync All Scenes")
        world.wait_idle()
    assert (second.output["pushed"], second.output["unchanged"], recorded.writes) == (0, len(files), [])
