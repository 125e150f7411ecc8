"""When Stash has no value any more for a field that PlexSync wrote, what stood there before returns, with its lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from sim.faults import Fault
from sim.plex.model import Credit
from tests.plugin.test_races_kills import kill_after_put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.plex.model import ItemView
    from tests.support.plugin_world import PluginWorld

# What the agent found, and what a person made of it; only this is locked.
BY_AGENT: Final[Mapping[str, Any]] = {
    "title": "Agent's title", "summary": "Agent's\nsummary", "originally_available_at": "1999-09-09",
    "studio": "Agent's studio", "genres": ("Drama", "Both"), "directors": ("Somebody",), "collections": ("Shelf",),
    "actors": (Credit(name="Someone", role="Batman", tag_key="5d77"), "Amy"),
}  # fmt: skip
BY_HAND: Final[Mapping[str, Any]] = {"summary": "Her summary", "directors": ("Somebody", "Hers")}
IN_STASH: Final[Mapping[str, Any]] = {
    "title": "Title", "details": "Details", "date": "2004-05-06", "rating100": 100, "director": "Di",
}  # fmt: skip
NOTHING: Final[Mapping[str, Any]] = {
    "title": "", "details": "", "date": None, "rating100": None, "director": "", "studio_id": None, "tag_ids": [],
    "performer_ids": [],
}  # fmt: skip


def as_shown(item: ItemView) -> ItemView:
    return replace(item, updated_at=0)


def add(world: PluginWorld, **scene: object) -> tuple[int, ItemView]:
    """A scene whose item has values of its own; its id, and the item as it is."""
    scene_id = world.add_scene(**scene)
    file = world.stash.library.scene(scene_id).files[0]
    world.plex.remove_item(world.keys[scene_id])
    world.keys[scene_id] = key = world.plex.add_item(world.section, files=[(file.path, file.size)], **BY_AGENT)
    world.plex.edit_by_hand(key, **BY_HAND)
    world.plex.rate_by_hand(key, 3.0)
    return scene_id, as_shown(world.item(scene_id))


def add_pushed(world: PluginWorld) -> tuple[int, ItemView]:
    scene, before = add(world, tags=("Both", "New"), performers=("Amy", "Zoe"), studio="Studio")
    save(world, scene, **IN_STASH)
    item = world.item(scene)
    assert (item.title, item.user_rating, item.genres) == ("Title", 10.0, (*before.genres, "New"))
    return scene, before


def save(world: PluginWorld, scene: int, **fields: object) -> None:
    world.stash.update_scene(scene, **fields)
    world.wait_idle()


def test_every_field_that_is_emptied_in_stash_returns(world: PluginWorld) -> None:
    scene, before = add_pushed(world)
    save(world, scene, title="Another title", details="Other details")
    save(world, scene, **NOTHING)
    assert as_shown(world.item(scene)) == before
    world.plex.metadata_refresh(world.keys[scene])
    assert world.item(scene).title == "Agent's title"


def test_a_field_that_returned_is_not_touched_again(world: PluginWorld) -> None:
    scene, _ = add_pushed(world)
    save(world, scene, **{**NOTHING, "title": "Title"})
    world.plex.edit_by_hand(world.keys[scene], summary="Hers again", genres=("Hers again",))
    save(world, scene, **{**NOTHING, "title": "Title 2"})
    assert (world.item(scene).summary, world.item(scene).genres) == ("Hers again", ("Hers again",))


@pytest.mark.parametrize("keep", [True, False])
def test_a_field_that_a_person_changed_since_stays_if_edits_are_kept(*, world: PluginWorld, keep: bool) -> None:
    world.configure(keep_plex_edits=keep)
    scene = world.add_scene(title="t")
    save(world, scene, details="Details", director="Di")
    world.plex.edit_by_hand(world.keys[scene], summary="Hers")
    save(world, scene, details="", director="")
    item = world.item(scene)
    assert (item.summary, item.directors) == ("Hers" if keep else "", ())
    assert ("summary" in item.locked) is keep


@pytest.mark.parametrize("is_told", [True, False], ids=["with an event", "without one"])
def test_another_scene_that_gets_the_item_gives_back_what_it_has_nothing_for(
    world: PluginWorld, *, is_told: bool
) -> None:
    old, before = add_pushed(world)
    file = world.stash.library.scene(old).files[0]
    world.stash.library.scenes.pop(old)
    again = world.stash.add_scene(file.path, file.size)
    world.keys[again] = world.keys[old]
    if is_told:
        world.fire_hook(old, "Scene.Destroy.Post")
        world.wait_idle()
    save(world, again, details="New details")
    item = world.item(again)
    assert as_shown(item) == replace(before, summary="New details")
    save(world, again, title="New title", details="")
    assert as_shown(world.item(again)) == replace(before, title="New title", locked=before.locked | {"title"})


@pytest.mark.parametrize("is_undone", [True, False], ids=["emptied after it", "written again after it"])
def test_a_kill_between_a_write_and_its_answer_loses_nothing_of_it(world: PluginWorld, *, is_undone: bool) -> None:
    scene, before = add(world)
    kill_after_put(world, lambda: world.stash.update_scene(scene, title="One", details="One"))
    if not is_undone:
        kill_after_put(world, lambda: world.stash.update_scene(scene, title="Two", details="Two"))
        save(world, scene, title="Three", details="Three")
    save(world, scene, title="", details="", organized=True)
    assert as_shown(world.item(scene)) == before


def test_a_kill_between_a_return_and_its_answer_repeats_it(world: PluginWorld) -> None:
    scene, before = add_pushed(world)
    kill_after_put(world, lambda: world.stash.update_scene(scene, **NOTHING))
    world.fire_hook(scene)
    world.wait_idle()
    assert as_shown(world.item(scene)) == before


def test_an_outage_between_a_return_and_its_answer_repeats_it(world: PluginWorld) -> None:
    scene, before = add_pushed(world)
    world.plex.fault(Fault.dropped(after=True), method="PUT", times=2)
    world.stash.update_scene(scene, **NOTHING)
    world.wait_idle()
    assert as_shown(world.item(scene)) == before
