"""A scene whose file Plex certainly lacks never reaches the item of another scene, however alike their files are."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

SIZE = 4711
AWKWARD = (
    "C 100%_.mp4", 'say "no".mp4', unicodedata.normalize("NFD", "Pokémon.mp4"), "a, b (c) [d].mp4", "日本語.mp4",
)  # fmt: skip
ROOTS = pytest.mark.parametrize(("stash", "path_map"), [("/data", "/data => /media"), ("/media", None)])


def add(world: PluginWorld, path: str, *plex_paths: str) -> int:
    """A scene with this file and, in Plex, one item with these."""
    scene = world.stash.add_scene(path, SIZE)
    if plex_paths:
        world.keys[scene] = world.plex.add_item(world.section, files=[(each, SIZE) for each in plex_paths])
    return scene


def sync(world: PluginWorld, scene: int) -> dict[str, Any]:
    answer = world.stash.operation(mode="sync_scene", scene_id=scene)
    assert isinstance(answer, dict)
    return answer


def edit(world: PluginWorld, scene: int, title: str) -> dict[str, Any]:
    world.stash.update_scene(scene, title=title)
    return sync(world, scene)


def preview(world: PluginWorld, scene: int) -> dict[str, Any]:
    answer = world.stash.operation(mode="preview", scene_id=scene)
    assert isinstance(answer, dict)
    return answer


@ROOTS
def test_an_edit_never_reaches_the_item_of_a_scene_in_another_folder(
    make_world: MakeWorld, stash: str, path_map: str | None
) -> None:
    world = make_world(time_scale=1)
    world.configure(path_map=path_map)
    old = add(world, f"{stash}/2021/C0001.MP4")
    new = add(world, f"{stash}/2022/C0001.MP4", "/media/2022/C0001.MP4")
    answer = edit(world, old, "the older one")
    assert (answer["verdict"], answer["items"]) == ("NotInPlex", [])
    near_miss = f"{world.keys[new]}: C0001 (/media/2022/C0001.MP4) of scene {new}"
    assert "Plex has no item with the file /media/2021/C0001.MP4" in answer["message"]
    assert near_miss in answer["message"]
    assert world.item(new).title == "C0001"
    shown = preview(world, old)
    assert (shown["items"], near_miss in shown["message"]) == ([], True)
    assert edit(world, new, "the newer one")["items"] == [world.keys[new]]
    assert edit(world, old, "the older one, again")["verdict"] == "NotInPlex"
    assert world.item(new).title == "the newer one"


def test_the_own_item_is_found_once_plex_has_it(make_world: MakeWorld) -> None:
    """Meanwhile no change of the item that looks alike wakes the scene."""
    world = make_world(time_scale=60)
    old, new = add(world, "/media/2021/C0001.MP4"), add(world, "/media/2022/C0001.MP4", "/media/2022/C0001.MP4")
    world.stash.update_scene(old, title="old")
    world.wait_until(lambda: any(job["missing_since"] for job in world.jobs()), "the miss")
    world.stash.update_scene(new, title="new")
    world.wait_for_titles({new: "new"})
    world.keys[old] = world.plex.add_item(world.section, files=[("/media/2021/C0001.MP4", SIZE)])
    world.wait_for_titles({old: "old", new: "new"})


def test_an_item_that_only_plex_knows_may_be_taken(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = add(world, "/data/2021/C0001.MP4", "/media/2022/C0001.MP4")
    assert edit(world, scene, "the only one")["items"] == [world.keys[scene]]
    assert preview(world, scene)["items"][0]["grade"] == "name"


def test_rivals_that_are_all_of_other_scenes_are_a_miss(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = add(world, "/media/2021/C0001.MP4")
    others = [add(world, f"/media/{year}/C0001.MP4", f"/media/{year}/C0001.MP4") for year in (2022, 2023)]
    answer = edit(world, scene, "none of them")
    assert answer["verdict"] == "NotInPlex"
    assert all(f"of scene {other}" in answer["message"] for other in others)
    assert {world.item(other).title for other in others} == {"C0001"}


def test_of_two_rivals_the_one_that_no_scene_has_is_the_scenes(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = add(world, "/films/2021/C0001.MP4", "/media/2024/C0001.MP4")
    other = add(world, "/media/2022/C0001.MP4", "/media/2022/C0001.MP4")
    assert edit(world, scene, "moved in Plex")["items"] == [world.keys[scene]]
    assert world.item(other).title == "C0001"


def test_any_version_of_an_item_makes_it_another_scenes(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    other = add(world, "/media/film.uhd.mkv", "/media/elsewhere/C0001.MP4", "/media/film.uhd.mkv")
    scene = add(world, "/media/2021/C0001.MP4")
    assert edit(world, scene, "not this")["verdict"] == "NotInPlex"
    assert world.item(other).title == "C0001"


def test_a_second_file_of_a_scene_takes_no_item_of_another(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = world.stash.add_scene("/media/own.mp4", 1, more_files=(("/media/2021/C0001.MP4", SIZE),))
    world.keys[scene] = world.plex.add_item(world.section, files=[("/media/own.mp4", 1)])
    other = add(world, "/media/2022/C0001.MP4", "/media/2022/C0001.MP4")
    assert edit(world, scene, "own")["items"] == [world.keys[scene]]
    assert world.item(other).title == "C0001"


def test_no_path_map_is_inferred_from_files_of_other_scenes(make_world: MakeWorld) -> None:
    """A shoot that was copied: without this, /media/2021 would seem to be /media/2022 in Plex."""
    world = make_world(time_scale=1)
    sizes = range(1, 41)
    old = [world.stash.add_scene(f"/media/2021/C{size:04}.MP4", size) for size in sizes]
    for size in sizes:
        scene = world.stash.add_scene(f"/media/2022/C{size:04}.MP4", size)
        world.keys[scene] = world.plex.add_item(world.section, files=[(f"/media/2022/C{size:04}.MP4", size)])
    with world.no_worker():
        world.stash.bulk_update(old, title="old")
    world.fire_hook(old[0])
    world.wait_until(lambda: sum(bool(job["missing_since"]) for job in world.jobs()) == len(old), "all to be missing")
    assert world.stash.operation(mode="queue_status")["path_map_inferred"] == []
    assert not [request for request in world.plex.requests if request.method == "PUT"]


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_are_certain_too(make_world: MakeWorld, name: str) -> None:
    world = make_world(time_scale=1)
    scene, other = add(world, f"/media/2021/{name}"), add(world, f"/media/2022/{name}", f"/media/2022/{name}")
    before = world.item(other).title
    assert edit(world, scene, "not this")["verdict"] == "NotInPlex"
    assert world.item(other).title == before
    assert edit(world, other, "this")["items"] == [world.keys[other]]


def test_a_file_under_its_full_path_costs_no_question_to_stash(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = add(world, "/media/2022/C0001.MP4", "/media/2022/C0001.MP4")
    world.stash.add_scene("/media/2021/C0001.MP4", SIZE)
    assert edit(world, scene, "own")["items"] == [world.keys[scene]]
    assert not [request for request in world.stash.requests if "path: {value" in request.query]
