"""Catch-up in a real Stash: renames while the plugin was off, files that Stash moved, lists that change meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from stash.changes import Changed
from stash.client import StashClient
from stash.connection import StashConnection
from stash.listing import Changes, RecentScenes
from tests.support.real_stash import RealStash, reason_to_skip
from tests.support.real_world import RealWorld, real_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCENES = 6
LISTED = 20
ONE_SECOND_S = 1.1
KINDS = ("tag", "performer", "studio", "group")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    """All scenes are in Plex, each with a tag, a performer, a studio and a group of its own."""
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    folder = tmp_path_factory.mktemp("catch-up")
    with real_world(folder, scenes=SCENES, PLEXSYNC_TIME_SCALE="30", TZ="America/St_Johns") as world:
        if "Group" not in str(world.stash.gql("{ __schema { types { name } } }")):
            pytest.skip("PlexSync reads no scene of this version of Stash, which has no groups")
        world.stash.update_scene(SCENES, title="the first event")
        world.wait_until(lambda: bool(world.item(SCENES).title == "the first event"))
        time.sleep(ONE_SECOND_S)
        for scene in world.keys:
            tag, performer, studio, group = (world.create(kind, f"{kind} {scene}") for kind in KINDS)
            form = {"tag_ids": [tag], "performer_ids": [performer], "studio_id": studio}
            world.stash.update_scene(scene, title=f"Title {scene}", groups=[{"group_id": group}], **form)
        world.wait_until(lambda: all(world.item(scene).title == f"Title {scene}" for scene in world.keys))
        yield world


def an_event(world: RealWorld, title: str) -> None:
    """An event for a scene that no test here uses."""
    world.stash.update_scene(SCENES, title=title)
    world.wait_until(lambda: bool(world.item(SCENES).title == title))


def shown(world: RealWorld, scene: int) -> str:
    item = world.item(scene)
    return f"{item.genres} {item.actors} {item.studio} {item.collections}"


def test_catch_up_finds_renames_made_while_the_plugin_was_off(world: RealWorld) -> None:
    world.wait_until_worker_left()
    world.switch_plugin(on=False)
    for scene, kind in enumerate(KINDS, 1):
        value = {"id": str(scene), "name": f"renamed {kind}"}
        world.change(f"{kind}Update", f"{kind.capitalize()}UpdateInput!", value)
    world.switch_plugin(on=True)
    an_event(world, "after the renames")
    for scene, kind in enumerate(KINDS, 1):
        world.wait_until(lambda scene=scene, kind=kind: f"renamed {kind}" in shown(world, scene))  # type: ignore[misc] # defaults


def test_catch_up_finds_files_moved_by_stash(world: RealWorld) -> None:
    if "findFiles" not in str(world.stash.gql("{ __schema { queryType { fields { name } } } }")):
        pytest.skip("before 0.29, Stash lists no files")
    world.wait_until_worker_left()
    files = {scene: file_of(world, scene) for scene in (1, 2)}
    for scene, file in files.items():
        # The scene did not change; Plex has the file at its new place only, in another item.
        value = {"ids": [file["id"]], "destination_folder": str(world.stash.media / "moved")}
        world.change("moveFiles", "MoveFilesInput!", value, "")
        world.plex.remove_item(world.keys[scene])
        moved = file_of(world, scene)
        assert moved["path"] != file["path"]
        world.keys[scene] = world.plex.add_item(world.section, files=[(moved["path"], moved["size"])])
    an_event(world, "after the move")
    world.wait_until(lambda: all(world.item(scene).title == f"Title {scene}" for scene in files))


def file_of(world: RealWorld, scene_id: int) -> Any:
    query = "query($id: ID!) { findScene(id: $id) { updated_at files { id path size } } }"
    return world.stash.gql(query, {"id": scene_id})["findScene"]["files"][0]


@pytest.fixture
def client(world: RealWorld) -> Iterator[StashClient]:
    client = StashClient(StashConnection(url=world.stash.url))
    yield client
    client.close()


@pytest.fixture
def scene_ids(world: RealWorld) -> Iterator[list[int]]:
    """Scenes without a file, made while the plugin is off, all within a few seconds and all with one tag."""
    world.wait_until_worker_left()
    world.switch_plugin(on=False)
    tag = world.create("tag", f"of the listed scenes {time.time_ns()}")
    made = [
        int(world.change("sceneCreate", "SceneCreateInput!", {"title": f"listed {number}", "tag_ids": [tag]})["id"])
        for number in range(LISTED)
    ]
    yield made
    for scene_id in made:
        if world.stash.gql(f"{{ findScene(id: {scene_id}) {{ id }} }}")["findScene"]:
            destroy(world, scene_id)
    world.switch_plugin(on=True)


def destroy(world: RealWorld, scene_id: int) -> None:
    world.change("sceneDestroy", "SceneDestroyInput!", {"id": str(scene_id)}, "")


def pages_of(next_page: Callable[[], list[int] | None], between: Callable[[], None]) -> list[int]:
    """All ids; acts after the first page only."""
    found = next_page() or []
    between()
    while page := next_page():
        found += page
    return found


def test_scenes_destroyed_between_two_pages_hide_no_others(
    world: RealWorld, client: StashClient, scene_ids: list[int]
) -> None:
    gone = scene_ids[:3]

    def destroy_some() -> None:
        for scene_id in gone:
            destroy(world, scene_id)

    recent = RecentScenes(time.time() - 60, SCENES + 5)
    found = pages_of(lambda: recent.next_page(client), destroy_some)
    assert set(found) >= set(scene_ids)
    assert len(found) == len(set(found))


def test_scenes_that_lose_a_tag_between_two_pages_hide_no_others(
    world: RealWorld, client: StashClient, scene_ids: list[int]
) -> None:
    query = "query($id: ID!) { findScene(id: $id) { tags { id } } }"
    tag = int(world.stash.gql(query, {"id": scene_ids[0]})["findScene"]["tags"][0]["id"])
    seen = [0]

    def next_page() -> list[int]:
        page = client.scene_ids_of("tag", tag, after=seen[-1], limit=6)
        seen.extend(page)
        return page

    def untag_some() -> None:
        world.change("bulkSceneUpdate", "BulkSceneUpdateInput!", {"ids": scene_ids[:3], "tag_ids": {
            "ids": [tag], "mode": "REMOVE"}})  # fmt: skip

    assert pages_of(next_page, untag_some) == scene_ids


def test_changes_of_every_kind_are_listed_in_pages_of_one(world: RealWorld, client: StashClient) -> None:
    changes, found = Changes(dict.fromkeys(Changed, ""), 1), {kind: set[int]() for kind in Changed}
    while not changes.is_over:
        for kind, rows in changes.next_page(client).items():
            found[kind] |= {row.id for row in rows}
    assert not changes.refused
    assert found[Changed.SCENE] >= set(world.keys)
    assert all(found[Changed(kind)] >= set(range(1, SCENES + 1)) for kind in KINDS)


def test_lists_that_a_version_of_stash_lacks_are_empty(tmp_path: Path) -> None:
    """Before 0.29 that of files, before 0.27 that of groups. Needs no plugin, so it runs with every version."""
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    with RealStash(tmp_path / "home", scenes=2) as stash:
        stash.gql('mutation { tagCreate(input: {name: "tag"}) { id } }')
        client = StashClient(StashConnection(url=stash.url))
        changes = Changes(dict.fromkeys(Changed, "2020-01-01"), 100)
        listed = changes.next_page(client)
        client.close()
    assert changes.is_over
    assert not changes.refused
    counts = {kind.value: len(listed.get(kind, [])) for kind in Changed}
    assert counts.pop("file") in (0, 2)
    assert counts == {"scene": 2, "tag": 1, "performer": 0, "studio": 0, "group": 0}
