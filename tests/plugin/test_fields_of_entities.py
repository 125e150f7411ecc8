"""A changed tag, performer, studio or group reaches the items of all its scenes; edits of scenes go first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sim.plex.quirks import TagOrder

if TYPE_CHECKING:
    from sim.plex.simulator import ItemView
    from tests.support.plugin_world import PluginWorld

SCENES = 200
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(autouse=True, params=list(TagOrder), ids=str)
def _tag_order(request: pytest.FixtureRequest, world: PluginWorld) -> None:
    """Nobody knows which order is Plex's, so all of this is true under both."""
    world.plex.quirks.tag_order = request.param


def add_scenes(world: PluginWorld, count: int, **fields: object) -> list[int]:
    return [world.add_scene(title=f"T{number}", **fields) for number in range(count)]


def names_of(item: ItemView) -> tuple[object, ...]:
    return item.actors, item.studio, item.collections, item.genres


def puts_by_item(world: PluginWorld) -> Counter[int]:
    edits = [request for request in world.plex.requests if request.method == "PUT"]
    return Counter(key for request in edits for key in request.rating_keys)


def test_a_renamed_performer_costs_one_put_per_item_and_edits_overtake_it(world: PluginWorld) -> None:
    scenes = add_scenes(world, SCENES, performers=("Before",), updated_at=LONG_AGO)
    sync_all(world, scenes)
    world.plex.clear_requests()
    asked_before = len(cover_requests(world))
    performer = world.stash.add_entity("performer", "Before")
    world.plex.latency_s = 0.01  # most of them still wait when the edit comes
    world.stash.update("performer", performer, name="After")
    world.wait_until(lambda: world.item(scenes[0]).actors == ("After",), "the first of them", 60)
    world.stash.update_scene(scenes[-1], title="Edited meanwhile")
    world.wait_for_titles({scenes[-1]: "Edited meanwhile"})
    behind = sum(world.item(scene).actors != ("After",) for scene in scenes)
    world.wait_until(lambda: all(world.item(scene).actors == ("After",) for scene in scenes), "all of them", 120)
    assert behind > 0
    counts = puts_by_item(world)
    assert all(counts[world.keys[scene]] == 1 for scene in scenes[:-1])
    # The edited scene's, and once more if it was pushed within the second of its edit.
    assert len(cover_requests(world)) <= asked_before + 2


def cover_requests(world: PluginWorld) -> list[str]:
    return [request.path for request in world.stash.requests if request.path.endswith("/screenshot")]


def sync_all(world: PluginWorld, scenes: list[int]) -> None:
    """Push every scene, through one event that concerns all of them."""
    tag = world.stash.add_entity("tag", "Everywhere")
    for scene in scenes:
        world.stash.library.scene(scene).tag_ids.append(tag)
    world.stash.update("tag", tag, name="Everywhere!")
    world.wait_until(lambda: all("Everywhere!" in world.item(scene).genres for scene in scenes), "a first push", 120)
    world.wait_idle()


def test_a_destroyed_tag_performer_or_studio_is_removed_from_all_items(world: PluginWorld) -> None:
    scenes = add_scenes(world, 3, performers=("Gone", "Stays"), studio="Gone too", tags=("Gone as well",))
    sync_all(world, scenes)
    assert all(world.item(scene).studio == "Gone too" for scene in scenes)
    for kind, name in (("performer", "Gone"), ("studio", "Gone too"), ("tag", "Gone as well")):
        world.stash.destroy(kind, world.stash.add_entity(kind, name))
    left = (("Stays",), "", (), ("Everywhere!",))
    world.wait_until(lambda: all(names_of(world.item(scene)) == left for scene in scenes), "the names to be removed")


def test_merged_tags_and_a_renamed_parent_studio_and_group_reach_plex(world: PluginWorld) -> None:
    network = world.stash.add_entity("studio", "Network")
    world.stash.add_entity("studio", "Studio", parent_ids=[network])
    scenes = add_scenes(world, 2, tags=("Old", "Kept"), studio="Studio", groups=("Series",))
    sync_all(world, scenes)
    assert all(set(world.item(scene).collections) == {"Studio", "Network", "Series"} for scene in scenes)
    merged = [world.stash.add_entity("tag", name) for name in ("Old", "Kept")]
    world.stash.merge_tags(merged[:1], merged[1])
    world.stash.update("studio", network, name="Network 2")
    world.stash.update("group", world.stash.add_entity("group", "Series"), name="Series 2")
    world.wait_until(
        lambda: all(
            set(world.item(scene).collections) == {"Studio", "Network 2", "Series 2"}
            and set(world.item(scene).genres) == {"Kept", "Everywhere!"}
            for scene in scenes
        ),
        "the new names",
    )


def test_a_change_of_a_performer_that_plex_does_not_show_costs_no_put(world: PluginWorld) -> None:
    scenes = add_scenes(world, 3, performers=("Amy",))
    sync_all(world, scenes)
    world.plex.clear_requests()
    world.stash.update("performer", world.stash.add_entity("performer", "Amy"), details="born somewhere")
    world.wait_idle()
    world.stash.update_scene(scenes[0], title="The next event")
    world.wait_for_titles({scenes[0]: "The next event"})
    assert puts_by_item(world) == {world.keys[scenes[0]]: 1}
