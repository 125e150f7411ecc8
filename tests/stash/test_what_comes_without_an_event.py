"""What a real Stash changes without telling its plugins: a catch-up or a reconciliation finds it."""

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
# Stash's times are whole seconds: a change within the second of the installation counts as older than it.
ONE_SECOND_S = 1.1


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    """All scenes are in Plex, each with a performer; a worker leaves after 0.6 s and catches up every 6 s."""
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    folder = tmp_path_factory.mktemp("without an event")
    # An offset with half an hour: the text of Stash's times looks nothing like UTC.
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
    """An event for a scene that no test here uses."""
    world.stash.update_scene(SCENES, title=title)
    world.wait_until(lambda: bool(world.item(SCENES).title == title))


def auto_tag(world: RealWorld, tag: str) -> None:
    """Give the tag to every scene whose path contains its name."""
    tag_id = world.create("tag", tag)
    query = "mutation($i: AutoTagMetadataInput!) { metadataAutoTag(input: $i) }"
    world.stash.wait_for_job(world.stash.gql(query, {"i": {"tags": [tag_id]}})["metadataAutoTag"])


def merge(world: RealWorld, source: int, destination: int) -> None:
    value = {"source": [str(source)], "destination": str(destination), "values": {"id": str(destination)}}
    world.change("sceneMerge", "SceneMergeInput!", value)


def reconcile(world: RealWorld, mode: str = "reconcile_all", **args: object) -> Any:
    return world.operation(mode, **args)


def test_a_catch_up_finds_an_auto_tag_and_a_merge(world: RealWorld) -> None:
    world.wait_until_worker_left()
    auto_tag(world, "scene 01")
    merge(world, source=3, destination=2)
    assert world.item(1).genres == ()
    an_event(world, "after auto tag")
    world.wait_until(lambda: bool(world.item(1).genres == ("scene 01",)))
    world.wait_until(lambda: bool(world.item(3).title == "Title 2"))  # its file now belongs to scene 2


def test_a_catch_up_finds_edits_made_while_the_plugin_was_off(world: RealWorld) -> None:
    world.wait_until_worker_left()
    world.switch_plugin(on=False)
    world.stash.update_scene(4, details="written while off")
    world.change("bulkSceneUpdate", "BulkSceneUpdateInput!", {"ids": ["5", "6"], "rating100": 40})
    world.switch_plugin(on=True)
    assert world.item(4).summary == ""
    an_event(world, "after it was off")
    world.wait_until(lambda: bool(world.item(4).summary == "written while off"))
    world.wait_until(lambda: [world.item(scene).user_rating for scene in (5, 6)] == [4, 4])


def test_a_reconciliation_finds_changes_that_keep_updated_at(world: RealWorld) -> None:
    world.wait_until_worker_left()
    world.configure(paused=True)  # otherwise a second look at the latest edits pushes some before they are counted
    (renamed,) = performers_of(world, 4)
    (merged,), (kept,) = performers_of(world, 5), performers_of(world, 6)
    world.switch_plugin(on=False)
    world.change("performerUpdate", "PerformerUpdateInput!", {"id": renamed, "name": "Renamed"})
    world.switch_plugin(on=True)
    can_merge = world.stash.has_mutation("performerMerge")  # newer than the release 0.30.1
    if can_merge:
        world.change("performerMerge", "PerformerMergeInput!", {"source": [merged], "destination": kept})
    world.plex.edit_by_hand(world.keys[7], title="by hand")
    preview = reconcile(world, "reconcile_preview")
    of_the_merge = {5: {"actor": [["Performer 5"], ["Performer 6"]]}} if can_merge else {}
    assert {change["scene_id"]: change["fields"] for change in preview["changes"]} == {
        4: {"actor": [["Performer 4"], ["Renamed"]]},
        **of_the_merge,
        7: {"title": ["by hand", "Title 7"]},
    }
    found = reconcile(world)
    assert (found["checked"], found["unclaimed"]) == (SCENES - 1, 0)
    assert found["gaps"] == found["queued"] == {"empty": 0, "stale": 2 + len(of_the_merge), "missing": 0}
    world.configure()
    actors = [("Renamed",), ("Performer 6",) if can_merge else ("Performer 5",)]
    world.wait_until(lambda: [world.item(4).actors, world.item(5).actors] == actors)
    world.wait_until(lambda: bool(world.item(7).title == "Title 7"))
    assert reconcile(world)["gaps"] == NO_GAPS


def test_recent_compares_times_in_the_time_zone_of_stash(world: RealWorld) -> None:
    query = "{ findScene(id: 1) { updated_at } }"
    assert world.stash.gql(query)["findScene"]["updated_at"].endswith("+05:30")
    world.plex.edit_by_hand(world.keys[1], title="by hand")
    found = reconcile(world, "reconcile_recent")
    assert (found["checked"], found["gaps"]) == (SCENES - 1, {"empty": 0, "stale": 1, "missing": 0})


def performers_of(world: RealWorld, scene_id: int) -> list[str]:
    query = "query($id: ID!) { findScene(id: $id) { performers { id } } }"
    found = world.stash.gql(query, {"id": scene_id})["findScene"]["performers"]
    return [str(performer["id"]) for performer in found]
