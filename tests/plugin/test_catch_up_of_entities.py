"""Renames made while the plugin was off, merged performers and files moved by Stash reach Plex without an event."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

# Stash's times are whole seconds; what changed in the second of the first worker may count as older.
ONE_SECOND_S = 1.1
KINDS = ("tag", "performer", "studio", "group")
WITH_ALL: dict[str, Any] = {"tags": ("tag",), "performers": ("performer",), "studio": "studio", "groups": ("group",)}


def install(world: PluginWorld, count: int = 1) -> tuple[int, list[int]]:
    """Let a first worker push a scene, whose edits are events, and scenes with an entity of each kind."""
    scene, *others = world.add_scene(), *world.add_scenes(count, **WITH_ALL)
    world.edit_at_once({scene: "first", **{other: f"title {other}" for other in others}})
    world.wait_for_titles({scene: "first", **{other: f"title {other}" for other in others}})
    world.wait_until_worker_left()
    time.sleep(2 * ONE_SECOND_S)
    # Scenes that were pushed within the second of their edit are looked at once more, as nothing here should be.
    world.stash.update_scene(scene, title="second")
    world.wait_for_titles({scene: "second"})
    world.wait_until_worker_left()
    return scene, others


def rename_while_off(world: PluginWorld, *kinds: str) -> None:
    world.stash.switch_plugin("plexsync", on=False)
    for kind in kinds:
        world.stash.update(kind, world.stash.add_entity(kind, kind), name=f"renamed {kind}")
    world.stash.switch_plugin("plexsync", on=True)


def shown(world: PluginWorld, scene: int) -> dict[str, Any]:
    item = world.item(scene)
    return {"tag": item.genres, "performer": item.actors, "studio": item.studio, "group": item.collections}


def is_renamed(world: PluginWorld, scene: int, kind: str) -> bool:
    return f"renamed {kind}" in shown(world, scene)[kind]


def test_renames_made_while_the_plugin_was_off_come_with_the_next_event(world: PluginWorld) -> None:
    scene, others = install(world, 3)
    rename_while_off(world, *KINDS)
    time.sleep(2 * ONE_SECOND_S)
    world.stash.update_scene(scene, title="an event")
    world.wait_until(lambda: all(is_renamed(world, *each) for each in product(others, KINDS)), "the new names in Plex")
    said = "1 tag, 1 performer, 1 studio, 1 group changed in Stash without an event; their scenes are queued"
    world.wait_until(lambda: said in world.log_text(), "the line in the log")



def test_merged_performers_come_with_the_next_event(world: PluginWorld) -> None:
    scene, (other,) = install(world)
    kept = world.stash.add_entity("performer", "who stays")
    world.stash.merge_performers([world.stash.add_entity("performer", "performer")], kept)
    world.stash.update_scene(scene, title="an event")
    world.wait_until(lambda: world.item(other).actors == ("who stays",), "the other performer in Plex")


def move(world: PluginWorld, scene: int, folder: str) -> None:
    """Stash moves the scene's file, and Plex finds it at its new place, as another item."""
    file = world.stash.library.scene(scene).files[0]
    world.stash.move_file_in_stash(file.id, folder)
    world.plex.remove_item(world.keys[scene])
    world.keys[scene] = world.plex.add_item(world.section, files=[(file.path, file.size)])


def test_files_moved_by_stash_come_with_the_next_event(world: PluginWorld) -> None:
    scene, others = install(world, 3)
    for other in others:
        move(world, other, "/media/moved")
    world.stash.update_scene(scene, title="an event")
    world.wait_for_titles({other: f"title {other}" for other in others})


def test_a_file_that_another_plugin_moves_in_the_second_of_its_scan_is_found(make_world: MakeWorld) -> None:
    """As a rename plugin does when its own hook for new scenes comes after this one."""
    world = make_world(time_scale=60)
    scene, _ = install(world)
    (new,) = world.stash.scan_new("/media/new.mp4", size=77)
    with world.stash.library.lock:
        world.stash.library.scene(new).title = "title of the new"
    world.stash.move_file_in_stash(world.stash.library.scene(new).files[0].id, "/media", "renamed.mp4")
    world.keys[new] = world.plex.add_item(world.section, files=[("/media/renamed.mp4", 77)])
    world.stash.update_scene(scene, title="an event")
    world.wait_for_titles({new: "title of the new"})


def test_two_scenes_with_the_same_content_are_told_apart(world: PluginWorld) -> None:
    scene, (one, two) = install(world, 2)
    with world.stash.library.lock:  # as after `sceneAssignFile`
        files = [world.stash.library.scene(each).files[0] for each in (one, two)]
        files[1].oshash = files[0].oshash
    move(world, two, "/media/moved")
    world.stash.update_scene(scene, title="an event")
    world.wait_for_titles({two: f"title {two}"})


def test_the_first_worker_of_this_version_queues_nothing_for_old_changes(world: PluginWorld) -> None:
    scene, others = install(world, 3)
    rename_while_off(world, *KINDS)
    for other in others:
        move(world, other, "/media/moved")
    time.sleep(ONE_SECOND_S)
    with closing(sqlite3.connect(world.directory / "sync_state.db")) as ledger, ledger:
        ledger.execute("DELETE FROM moment WHERE name IN ('others_since', 'stash_offset')")
        ledger.execute("DROP TABLE seen_change")
    world.plex.clear_requests()
    world.stash.update_scene(scene, title="an event")
    world.wait_for_titles({scene: "an event"})
    world.wait_until_worker_left()
    assert not any(world.plex_requests(other) for other in others)
    world.stash.switch_plugin("plexsync", on=False)
    world.stash.update("tag", world.stash.add_entity("tag", "renamed tag"), name="tag again")
    world.stash.switch_plugin("plexsync", on=True)
    world.stash.update_scene(scene, title="another event")
    world.wait_until(lambda: all("tag again" in world.item(each).genres for each in others), "later changes in Plex")
