"""The worker that stays beside each version of Stash at hand: what changes without an event is soon in Plex."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from stash.changes import Changed
from stash.client import StashClient
from stash.connection import StashConnection
from tests.support.real_stash import executables, reason_to_skip
from tests.support.real_world import RealWorld, real_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCENES = 5
# A minute of the worker is two seconds. Stash's times are whole seconds; a fresh change may be looked at once more.
SCALE = 30
TWO_MINUTES_S = 4.0 + 2.0
ONE_SECOND_S = 1.1


@pytest.fixture(scope="module", params=executables() or [""], ids=os.path.basename)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    """All scenes are in Plex, and no event comes any more."""
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    folder = tmp_path_factory.mktemp("stays")
    with real_world(folder, scenes=SCENES, executable=request.param, PLEXSYNC_TIME_SCALE=str(SCALE)) as world:
        world.configure(leave_when_idle=False)
        world.stash.update_scene(SCENES, title="the first event")
        world.wait_until(lambda: bool(world.item(SCENES).title == "the first event"))
        time.sleep(ONE_SECOND_S)
        for scene in world.keys:
            world.stash.update_scene(scene, title=f"Title {scene}")
        world.wait_until(lambda: all(world.item(scene).title == f"Title {scene}" for scene in world.keys))
        time.sleep(3 * ONE_SECOND_S)
        yield world


def pid_of_worker(world: RealWorld) -> int:
    return int(json.loads((world.data / "worker.json").read_text())["pid"])


def assert_soon(world: RealWorld, change: Callable[[], object], is_there: Callable[[], bool]) -> None:
    """Fail if Plex does not show the change within two minutes of the worker, and some for a busy machine."""
    pid = pid_of_worker(world)
    change()
    began = time.monotonic()
    world.wait_until(is_there)
    assert time.monotonic() - began < 2 * TWO_MINUTES_S
    assert pid_of_worker(world) == pid


def job(world: RealWorld, mutation: str, input_type: str, value: Any) -> None:
    query = f"mutation($i: {input_type}!) {{ {mutation}(input: $i) }}"
    world.stash.wait_for_job(world.stash.gql(query, {"i": value})[mutation])


def test_auto_tag(world: RealWorld) -> None:
    tag = world.create("tag", "scene 01")
    assert_soon(
        world,
        lambda: job(world, "metadataAutoTag", "AutoTagMetadataInput", {"tags": [tag]}),
        lambda: world.item(1).genres == ("scene 01",),
    )


def test_a_merge_of_scenes(world: RealWorld) -> None:
    value = {"source": ["3"], "destination": "2", "values": {"id": "2"}}
    assert_soon(
        world,
        lambda: world.change("sceneMerge", "SceneMergeInput!", value),
        lambda: world.item(3).title == "Title 2",
    )


def test_a_cover_generated_later(world: RealWorld) -> None:
    (world.stash.home / "generated" / "tmp").mkdir(parents=True, exist_ok=True)
    before = len(world.item(4).posters)
    value = {"covers": True, "overwrite": True, "sceneIDs": ["4"]}
    assert_soon(
        world,
        lambda: job(world, "metadataGenerate", "GenerateMetadataInput", value),
        lambda: len(world.item(4).posters) > before,
    )


def test_a_file_that_stash_moves(world: RealWorld) -> None:
    if "findFiles" not in str(world.stash.gql("{ __schema { queryType { fields { name } } } }")):
        pytest.skip("before 0.29, Stash lists no files")
    query = "{ findScene(id: 5) { files { id path size } } }"

    def move() -> None:
        (file,) = world.stash.gql(query)["findScene"]["files"]
        value = {"ids": [file["id"]], "destination_folder": str(world.stash.media / "moved")}
        world.change("moveFiles", "MoveFilesInput!", value, "")
        world.plex.remove_item(world.keys[5])
        (moved,) = world.stash.gql(query)["findScene"]["files"]
        world.keys[5] = world.plex.add_item(world.section, files=[(moved["path"], int(moved["size"]))])

    assert_soon(world, move, lambda: world.item(5).title == "Title 5")


def test_what_changed_last_is_known_after_one_query_at_most(world: RealWorld) -> None:
    client = StashClient(StashConnection(url=world.stash.url))
    tag = int(world.create("tag", f"the newest {time.time_ns()}"))
    found = client.fetch_configuration(newest_at=time.time()).newest or client.fetch_configuration(
        newest_at=time.time()
    ).newest
    client.close()
    assert found is not None
    assert found.rows[Changed.TAG][0] == tag
    assert Changed.SCENE in found.rows
