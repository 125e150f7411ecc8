"""The plugin inside each version of Stash that is at hand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.real_stash import executables, reason_to_skip
from tests.support.real_world import RealWorld, real_world

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_GAPS = {"empty": 0, "stale": 0, "missing": 0}


@pytest.fixture(scope="module", params=executables() or [""], ids=os.path.basename)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    with real_world(tmp_path_factory.mktemp("version"), scenes=4, executable=request.param) as world:
        yield world


def test_edits_of_all_kinds_reach_plex(world: RealWorld) -> None:
    tag, person = world.create("tag", "Old name"), world.create("performer", "Ann Lee")
    world.stash.update_scene(1, title="form", tag_ids=[tag], performer_ids=[person], rating100=60)
    world.change("bulkSceneUpdate", "BulkSceneUpdateInput!", {"ids": ["2", "3"], "rating100": 80})
    world.change("scenesUpdate", "[SceneUpdateInput!]!", [{"id": "4", "title": "array", "details": "of it"}])
    world.wait_until(lambda: world.item(1).title == "form" and world.item(1).genres == ("Old name",))
    world.wait_until(lambda: [world.item(scene_id).user_rating for scene_id in (1, 2, 3)] == [6, 8, 8])
    world.wait_until(lambda: (world.item(4).title, world.item(4).summary) == ("array", "of it"))
    assert world.item(1).actors == ("Ann Lee",)


def test_a_rename_reaches_plex(world: RealWorld) -> None:
    tag = world.create("tag", "Before")
    value = {"ids": ["2", "3"], "tag_ids": {"ids": [tag], "mode": "SET"}}
    world.change("bulkSceneUpdate", "BulkSceneUpdateInput!", value)
    world.wait_until(lambda: all(world.item(scene_id).genres == ("Before",) for scene_id in (2, 3)))
    world.change("tagUpdate", "TagUpdateInput!", {"id": tag, "name": "After"})
    world.wait_until(lambda: all(world.item(scene_id).genres == ("After",) for scene_id in (2, 3)))


def test_performers_of_one_name_are_told_apart(world: RealWorld) -> None:
    forms = [{"name": "Bea Ray", "disambiguation": text} for text in ("US", "CZ")]
    both = [str(world.change("performerCreate", "PerformerCreateInput!", form)["id"]) for form in forms]
    world.stash.update_scene(4, performer_ids=both)
    world.wait_until(lambda: set(world.item(4).actors) == {"Bea Ray (US)", "Bea Ray (CZ)"})


def test_groups_become_collections_where_stash_has_them(world: RealWorld) -> None:
    if not world.stash.has_mutation("groupCreate"):
        pytest.skip("this version of Stash has movies, no groups")
    group = world.change("groupCreate", "GroupCreateInput!", {"name": "Before"})["id"]
    world.stash.update_scene(3, groups=[{"group_id": group}])
    world.wait_until(lambda: world.item(3).collections == ("Before",))
    world.change("groupUpdate", "GroupUpdateInput!", {"id": group, "name": "After"})
    world.wait_until(lambda: world.item(3).collections == ("After",))


def test_a_reconciliation_closes_what_differs(world: RealWorld) -> None:
    world.wait_until(lambda: world.operation("queue_status")["queue"]["pending"] == 0)
    assert world.operation("reconcile_all")["gaps"] == NO_GAPS
    world.plex.edit_by_hand(world.keys[4], title="by hand")
    assert world.operation("reconcile_all")["gaps"] == {**NO_GAPS, "stale": 1}
    world.wait_until(lambda: bool(world.item(4).title == "array"))


def test_nothing_is_said_of_what_this_version_lacks(world: RealWorld) -> None:
    status = world.operation("queue_status")
    assert status["queue"]["dead_letters"] == 0
    # The events of Stash's scan may start a worker before the test has set PlexSync up.
    problems = [line for line in world.log().splitlines() if " WARNING " in line or " ERROR " in line]
    assert [line for line in problems if "is not set" not in line] == []
    assert "Cannot query field" not in world.stash.log()
