"""What a real Stash changes without telling its plugins: caught up with, or found by a reconciliation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.real_stash import reason_to_skip
from tests.support.real_world import RealWorld, real_world

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENES = 8
NO_GAPS = {"empty": 0, "stale": 0, "missing": 0}
# Stash's times are whole seconds: what changes within the second of the installation counts as of before it.
ONE_SECOND_S = 1.1


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    """All scenes are in Plex, each with a performer; a worker leaves after 0.6 s and looks around every 6 s."""
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    folder = tmp_path_factory.mktemp("without an event")
    # Half an hour's offset: the text of Stash's times is nothing like UTC.
    with real_world(folder, scenes=SCENES, PLEXSYNC_TIME_SCALE="100", TZ="Asia/Kolkata") as world:
        world.stash.update_scene(SCENES, title="the first event")
        world.wait_until(lambda: bool(world.item(SCENES).title == "the first event"))
        time.sleep(ONE_SECOND_S)
        for scene in range(1, SCENES + 1):
            performer = world.create("performer", f"Performer {scene}")
            world.stash.update_scene(scene, title=f"Title {scene}", performer_ids=[performer])
        world.wait_until(lambda: all(world.item(scene).title == f"Title {scene}" for scene in world.keys))
        yield world


def an_event(world: RealWorld, title: str) -> None:
    """About a scene that no test here is about."""
    world.stash.update_scene(SCENES, title=title)
    world.wait_until(lambda: bool(world.item(SCENES).title == title))


def auto_tag(world: RealWorld, tag: str) -> None:
    """Every scene whose path holds the tag's name gets it."""
    tag_id = world.create("tag", tag)
    query = "mutation($i: AutoTagMetadataInput!) { metadataAutoTag(input: $i) }"
    world.stash.wait_for_job(world.stash.gql(query, {"i": {"tags": [tag_id]}})["metadataAutoTag"])


def merge(world: RealWorld, source: int, destination: int) -> None:
    value = {"source": [str(source)], "destination": str(destination), "values": {"id": str(destination)}}
    world.change("sceneMerge", "SceneMergeInput!", value)


def reconcile(world: RealWorld, mode: str = "reconcile_all", **args: object) -> Any:
    return world.operation(mode, **args)


def test_auto_tag_and_a_merge_are_caught_up_with(world: RealWorld) -> None:
    world.wait_until_worker_left()
    auto_tag(world, "scene 01")
    merge(world, source=3, destination=2)
    assert world.item(1).genres == ()
    an_event(world, "after auto tag")
    world.wait_until(lambda: bool(world.item(1).genres == ("scene 01",)))
    world.wait_until(lambda: bool(world.item(3).title == "Title 2"))  # its file is one of scene 2 now


def test_edits_made_while_the_plugin_was_off_are_caught_up_with(world: RealWorld) -> None:
    world.wait_until_worker_left()
    world.switch_plugin(on=False)
    world.stash.update_scene(4, details="written while off")
    world.change("bulkSceneUpdate", "BulkSceneUpdateInput!", {"ids": ["5", "6"], "rating100": 40})
    world.switch_plugin(on=True)
    assert world.item(4).summary == ""
    an_event(world, "after it was off")
    world.wait_until(lambda: bool(world.item(4).summary == "written while off"))
    world.wait_until(lambda: [world.item(scene).user_rating for scene in (5, 6)] == [4, 4])


def test_what_leaves_the_time_of_change_alone_is_found_by_a_reconciliation(world: RealWorld) -> None:
    world.wait_until_worker_left()
    world.configure(paused=True)  # or a second look at what was edited just now pushes some of it before it is counted
    (renamed,) = performers_of(world, 4)
    (merged,), (kept,) = performers_of(world, 5), performers_of(world, 6)
    world.switch_plugin(on=False)
    world.change("performerUpdate", "PerformerUpdateInput!", {"id": renamed, "name": "Renamed"})
    world.switch_plugin(on=True)
    world.change("performerMerge", "PerformerMergeInput!", {"source": [merged], "destination": kept})
    world.plex.edit_by_hand(world.keys[7], title="by hand")
    preview = reconcile(world, "reconcile_preview")
    assert {change["scene_id"]: change["fields"] for change in preview["changes"]} == {
        4: {"actor": [["Performer 4"], ["Renamed"]]},
        5: {"actor": [["Performer 5"], ["Performer 6"]]},
        7: {"title": ["by hand", "Title 7"]},
    }
    found = reconcile(world)
    assert (found["checked"], found["unclaimed"]) == (SCENES - 1, 0)
    assert found["gaps"] == found["queued"] == {"empty": 0, "stale": 3, "missing": 0}
    world.configure()
    world.wait_until(lambda: [world.item(4).actors, world.item(5).actors] == [("Renamed",), ("Performer 6",)])
    world.wait_until(lambda: bool(world.item(7).title == "Title 7"))
    assert reconcile(world)["gaps"] == NO_GAPS


def test_recent_goes_by_what_stash_says_in_its_own_time_zone(world: RealWorld) -> None:
    query = "{ findScene(id: 1) { updated_at } }"
    assert world.stash.gql(query)["findScene"]["updated_at"].endswith("+05:30")
    world.plex.edit_by_hand(world.keys[1], title="by hand")
    found = reconcile(world, "reconcile_recent")
    assert (found["checked"], found["gaps"]) == (SCENES - 1, {"empty": 0, "stale": 1, "missing": 0})


def performers_of(world: RealWorld, scene_id: int) -> list[str]:
    query = "query($id: ID!) { findScene(id: $id) { performers { id } } }"
    found = world.stash.gql(query, {"id": scene_id})["findScene"]["performers"]
    return [str(performer["id"]) for performer in found]
