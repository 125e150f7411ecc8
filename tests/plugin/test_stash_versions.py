"""A Stash that lacks fields: what can be left out is, the rest waits with one message."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.support.shapes import asks_for_scenes, graphql_error

if TYPE_CHECKING:
    from sim.faults import Request
    from tests.support.plugin_world import PluginWorld


def lack(world: PluginWorld, field: str, selection: str) -> None:
    """Answer as Stash 0.26.2 does to a query with a field that it does not have."""

    def names_it(request: Request) -> bool:
        return asks_for_scenes(request) and selection in request.first("query")

    message = f'Cannot query field "{field}" on type "Scene".'
    world.stash.fail(graphql_error(message, status=422), when=names_it)


def stop_words(world: PluginWorld, *, seconds: float) -> set[str | None]:
    """What the worker says to stop the drain, watched closely for a while."""
    seen, until = set(), time.monotonic() + seconds
    while time.monotonic() < until:
        seen.add(json.loads((world.directory / "worker.json").read_bytes())["stopped_by"])
    return seen


def test_edits_arrive_from_a_stash_without_groups(world: PluginWorld) -> None:
    lack(world, "groups", "groups {")
    scenes = world.add_scenes(6, tags=("drama",), studio="A Studio")
    titles = {scene_id: f"title {scene_id}" for scene_id in scenes}
    world.edit_at_once(titles)
    world.wait_for_titles(titles)
    world.wait_idle()
    assert world.item(scenes[0]).genres == ("drama",)
    assert world.item(scenes[0]).collections == ("A Studio",)
    assert not world.problems()
    assert world.stash.operation(mode="reconcile_all")["gaps"] == {"empty": 0, "stale": 0, "missing": 0}


def test_a_stash_without_files_of_scenes_is_named_once_and_waited_for(world: PluginWorld) -> None:
    lack(world, "files", "files {")
    titles = {scene_id: f"title {scene_id}" for scene_id in world.add_scenes(6)}
    world.edit_at_once(titles)
    world.wait_until(lambda: "needs Stash 0.26 or newer" in world.log_text(), "the message")
    assert stop_words(world, seconds=1.0) == {"stash"}  # each new try proves nothing yet
    status = world.stash.operation(mode="queue_status")
    assert status["draining"]["stopped_by"] == "stash"
    assert "needs Stash 0.26 or newer" in status["draining"]["message"]
    assert 'Cannot query field "files" on type "Scene".' in status["draining"]["message"]
    health = world.stash.operation(mode="health_check")["message"]
    assert "needs Stash 0.26 or newer" in health
    assert "is well" not in health
    assert {job["attempts"] for job in world.jobs()} == {0}
    world.stash.heal()
    world.wait_for_titles(titles)
    world.wait_idle()
    assert status["queue"]["dead_letters"] == 0
    assert world.log_text().count("needs Stash 0.26 or newer") == 1
