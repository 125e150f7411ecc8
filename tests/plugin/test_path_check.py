"""The Health Check looks for some scenes in Plex, so that wrong paths are seen before anything is pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.faults import Fault
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


def add(world: PluginWorld, number: int, stash: str, plex: str | None) -> None:
    """A scene in this folder of Stash, with its file in this folder of Plex."""
    name, size = f"film {number}.mp4", 5000 + number
    world.stash.add_scene(f"{stash}/{name}", size)
    if plex:
        world.plex.add_item(world.section, files=[(f"{plex}/{name}", size)])


def test_scenes_under_the_same_path_are_found(world: PluginWorld) -> None:
    world.add_scenes(7)
    health = run_task(world, "health_check")
    assert health.output["message"].endswith("Found 5 of 5 scenes in Plex, under the same path.")
    assert "is well" in health.output["message"]
    assert [each["scene_id"] for each in health.output["paths"]["examples"]] == [1, 2, 3, 4, 5]
    assert {request.method for request in world.plex.requests} == {"GET"}


def test_another_path_in_plex_is_found_out_and_named(world: PluginWorld) -> None:
    for number in range(5):
        add(world, number, "/data/films", "/media/films")
    health = run_task(world, "health_check")
    assert health.output["message"].endswith("Found 5 of 5 scenes in Plex, by /data => /media.")
    assert (health.output["paths"]["tried"], health.output["paths"]["found"]) == (5, 5)


def test_a_missing_scene_is_named_with_the_path_that_was_tried(world: PluginWorld) -> None:
    world.configure(path_map="/data => /media")
    add(world, 1, "/data", "/media")
    add(world, 2, "/data", None)
    message = run_task(world, "health_check").output["message"]
    assert "Found 1 of 2 scenes in Plex, by /data => /media." in message
    assert "Not there: /data/film 2.mp4, looked for as /media/film 2.mp4. Scan the library in Plex, or set" in message
    assert "is well" in message
    world.configure(path_map="/data => /media", hide_paths=True)
    said = run_task(world, "health_check").said
    assert "Found 1 of 2" in said
    assert "/data" not in said
    assert "/media" not in said


def test_a_rule_that_applies_to_no_scene_is_named(world: PluginWorld) -> None:
    world.configure(path_map="/dta => /media; /data => /media")
    add(world, 1, "/data", "/media")
    health = run_task(world, "health_check").output
    assert health["paths"]["idle_rules"] == ["/dta => /media"]
    assert 'These rules of "Path map" match no file of any scene: /dta => /media.' in health["message"]


def test_plex_is_not_called_well_if_it_has_none_of_the_scenes(world: PluginWorld) -> None:
    add(world, 1, "/data", None)
    health = run_task(world, "health_check")
    assert "is well" not in health.output["message"]
    assert "Found 0 of 1 scene in Plex. Not there: /data/film 1.mp4." in health.output["message"]
    assert health.output["ready"]


def test_an_item_that_looks_like_a_scene_but_is_another_ones_is_named_with_the_reason(world: PluginWorld) -> None:
    world.configure(path_map="/old => /gone; /data => /media")
    add(world, 1, "/data", "/media")
    world.stash.add_scene("/old/film 1.mp4", 5001)
    missing = run_task(world, "health_check").output["paths"]["examples"][1]
    assert missing["found"] is False
    assert "A file of the same name and size belongs to another scene:" in missing["reason"]
    assert "of scene 1" in missing["reason"]


def test_nothing_is_looked_for_while_plex_is_down(world: PluginWorld) -> None:
    world.add_scenes(1)
    world.plex.fault(Fault.refused())
    assert run_task(world, "health_check").output["paths"] is None
