"""Changes in Stash without an event reach Plex without a reconciliation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

# The start of the first worker counts as the installation; a change in the same second may count as older.
ONE_SECOND_S = 1.1


def install(world: PluginWorld) -> int:
    """Let a first worker push one scene, then wait a second; the scene's id."""
    scene = world.add_scene()
    world.stash.update_scene(scene, title="first")
    world.wait_for_titles({scene: "first"})
    world.wait_idle()
    time.sleep(ONE_SECOND_S)  # Stash's times are whole seconds
    return scene


def keep_worker(world: PluginWorld) -> None:
    """Queue a scene that Plex does not have yet, so that the worker stays and waits."""
    waiting = world.stash.add_scene("/media/not yet.mp4", 1)
    world.stash.update_scene(waiting, title="waiting")
    world.wait_until(lambda: any(job["missing_since"] for job in world.jobs()), "a job that waits for Plex")


def test_a_running_worker_notices_auto_tag_and_a_merge(make_world: MakeWorld) -> None:
    world = make_world(time_scale=300)  # checks every 2 s
    install(world)
    keep_worker(world)
    tagged, source, merged = world.add_scenes(3, title="before")
    world.stash.update_scene(tagged, title="tagged")
    world.stash.update_scene(merged, title="merged")
    world.stash.update_scene(source, title="source", details="from the source")
    world.wait_for_titles({tagged: "tagged", merged: "merged", source: "source"})
    world.stash.add_entity("tag", "scene")  # this word is in every file's name
    world.stash.auto_tag()
    world.wait_until(lambda: "scene" in world.item(tagged).genres, "the tag in Plex")
    world.stash.merge_scenes([source], merged)
    files = {file.path for file in world.stash.library.scene(merged).files}
    assert len(files) == 2
    world.wait_until(lambda: world.item(source).title == "merged", "both items to show the merged scene")


def test_a_starting_worker_notices_changes_made_while_the_plugin_was_off(make_world: MakeWorld) -> None:
    world = make_world(time_scale=60)
    first = install(world)
    missed, untouched = world.add_scene(title="made while on"), world.add_scene(title="made while on, too")
    world.wait_until_worker_left()
    with world.no_worker():  # no worker can start, as if the plugin were off
        world.stash.library.scene(missed).title = "missed"
        world.stash.library.scene(missed).updated_at = world.stash.library.now_text()
    world.stash.update_scene(first, title="the event that starts a worker")
    world.wait_for_titles({missed: "missed", untouched: "made while on, too", first: "the event that starts a worker"})


def test_changes_from_before_the_installation_are_left_alone(make_world: MakeWorld) -> None:
    world = make_world(time_scale=300)
    old = world.add_scene(title="old", updated_at="2020-01-01T00:00:00Z")
    install(world)
    world.wait_until_worker_left()
    assert world.item(old).title != "old"


def test_a_check_without_changes_costs_one_query_and_reads_no_item_from_plex(make_world: MakeWorld) -> None:
    world = make_world(time_scale=60)
    install(world)
    world.wait_until_worker_left()
    world.stash.update_scene(world.add_scene(), title="second")
    world.wait_idle()
    world.wait_until_worker_left()
    before = len(world.stash.requests)
    world.plex.clear_requests()
    world.fire_hook(424242)  # no such scene: this only starts a worker
    world.wait_until(lambda: "created_at updated_at" in str(world.stash.requests[before:]), "the list to be asked for")
    world.wait_until_worker_left()
    asked = [str(request) for request in world.stash.requests[before:]]
    assert sum("created_at updated_at" in text for text in asked) == 1
    # A scene pushed within the second of its edit is looked at again, so a new worker asks which server Plex is. It
    # also reads the list of libraries once more after a job, if that is older than a minute: here, a second.
    assert {request.path for request in world.plex.requests} <= {"/identity", "/library/sections"}
