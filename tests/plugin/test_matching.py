"""Which item a scene reaches, in realistic libraries: the whole plugin against both simulators."""

from __future__ import annotations

import json
import os
import unicodedata
from typing import TYPE_CHECKING

from local import inbox
from sim.faults import Fault
from store.job import Reason
from store.requests import batch_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.faults import Request
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

STASH_ROOT, PLEX_ROOT = "/data/library", "/mnt/media/films"
NAMES = (
    "clip.mp4", "Rock, Paper, Scissors.mp4", 'say "no".mp4', "it's.mp4", "R&B #1.mp4", "100% + more.mp4",
    "[brackets] {and} (more).mp4", "🎬 emoji 👩‍🚀.mp4", unicodedata.normalize("NFD", "Pokémon éà.mp4"), "日本語.mp4",
    "a=b?c;d.mp4", "%2C%20.mp4", "ünï, cödé & 50%.mp4", f"{'long name ' * 24}x.mp4", "name.with.dots.v2.mp4",
)  # fmt: skip
COUNT = 400
LARGE = 100_000 if os.environ.get("PLEXSYNC_TEST_LONG") else 3_000
SWEEP_PAGE = 1000
FOLDERS = 40
SYNC_S = 180.0


def ends_of_paths(count: int) -> list[str]:
    """Paths below the root: every name occurs in many folders."""
    folders = [f"studio {n // 10 % FOLDERS}, part {n // (10 * FOLDERS)}/{n % 3}" for n in range(count)]
    return [f"{folder}/{NAMES[n % len(NAMES)]}" for n, folder in enumerate(folders)]


def size_of(number: int) -> int:
    """Every tenth scene has the same size, so only the path tells those apart."""
    return 77 if number % 10 == 0 else 1000 + number


def fill(world: PluginWorld, count: int) -> list[int]:
    """Add scenes and their items. Some scenes have two files that are two items, some items have two versions."""
    world.section = world.plex.add_section("Clips", locations=[PLEX_ROOT])
    ids = []
    for number, end in enumerate(dict.fromkeys(ends_of_paths(count))):
        files = [(f"{STASH_ROOT}/{end}", size_of(number))]
        if number % 7 == 0:
            files.append((f"{STASH_ROOT}/again/{number}/{end}", 500_000 + number))
        in_plex = [(path.replace(STASH_ROOT, PLEX_ROOT), size) for path, size in files]
        versions = in_plex[:1]
        if number % 5 == 0:
            versions.append((f"{PLEX_ROOT}/uhd/{number}.mkv", 900_000 + number))
        scene_id = world.stash.add_scene(*files[0], more_files=tuple(files[1:]), title=f"Title {number}")
        world.keys[scene_id] = world.plex.add_item(world.section, files=versions)
        for file in in_plex[1:]:
            world.plex.add_item(world.section, files=[file], title=f"more of {scene_id}")
        ids.append(scene_id)
    return ids


def sync(world: PluginWorld, ids: Sequence[int]) -> None:
    """Queue them as a task does, and start the worker with one edit."""
    inbox.publish(str(world.directory), "batch-1", batch_content(ids, Reason.SYNC))
    world.fire_hook(ids[0])
    world.wait_idle(SYNC_S)


def titles(world: PluginWorld, ids: Sequence[int]) -> dict[int, str]:
    return {scene_id: world.item(scene_id).title for scene_id in ids}


def written(world: PluginWorld) -> list[int]:
    """Rating keys in the order of the PUTs. One that occurs twice also got the edit of another scene."""
    return [key for request in world.plex.requests if request.method == "PUT" for key in request.rating_keys]


def wanted_titles(world: PluginWorld, ids: Sequence[int]) -> dict[int, str]:
    return {scene_id: world.stash.library.scene(scene_id).title for scene_id in ids}


def test_every_scene_of_a_large_library_reaches_its_own_item(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    ids = fill(world, COUNT)
    world.configure(path_map=f"{STASH_ROOT} => {PLEX_ROOT}")
    sync(world, ids)
    assert titles(world, ids) == wanted_titles(world, ids)
    assert len(written(world)) == len(set(written(world))) == len(world.plex.items(world.section))


def test_without_a_path_map_one_is_inferred_and_no_scene_reaches_anothers_item(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    ids = fill(world, COUNT)
    sync(world, ids)
    found, wanted = titles(world, ids), wanted_titles(world, ids)
    right = [scene_id for scene_id in ids if found[scene_id] == wanted[scene_id]]
    wrong = [scene_id for scene_id in ids if found[scene_id] in set(wanted.values()) - {wanted[scene_id]}]
    assert len(right) >= 0.95 * len(ids)
    assert wrong == []
    assert len(written(world)) == len(set(written(world)))
    status = world.stash.operation(mode="queue_status")
    assert status["path_map_inferred"] == [f"{STASH_ROOT} => {PLEX_ROOT}"]


def test_an_edit_after_a_cold_start_sweeps_no_library(world: PluginWorld) -> None:
    world.configure(path_map=f"{STASH_ROOT} => /media")
    for number in range(LARGE):  # a tenth of them end in 7.mp4
        world.plex.add_item(world.section, files=[(f"/media/{number}.mp4", number)])
    scene_id = world.stash.add_scene(f"{STASH_ROOT}/7.mp4", 7)
    world.keys[scene_id] = 8
    world.stash.update_scene(scene_id, title="seven")
    world.wait_for_titles({scene_id: "seven"})
    asked = [request for request in world.plex.requests if request.path not in ("/library/sections", "/identity")]
    assert len(asked) <= 4
    assert all(request.first("file") for request in asked if request.path.endswith("/all") and request.method == "GET")


def test_commands_and_edits_are_served_while_a_library_is_read_for_one_scene(world: PluginWorld) -> None:
    known = world.add_scene()
    world.stash.update_scene(known, title="before")
    world.wait_for_titles({known: "before"})
    world.plex.quirks.file_filter = False  # as some servers and library types
    for number in range(LARGE):
        world.plex.add_item(world.section, files=[(f"/media/{number}.mp4", number)])
    scene = world.stash.add_scene(f"/media/{LARGE - 1}.mp4", LARGE - 1)
    world.keys[scene] = world.keys[known] + LARGE
    pages = world.plex.fault(Fault.slow(1.5), when=is_page_of_sweep)
    world.stash.update_scene(scene, title="last")
    world.plex.wait_for_requests(1, when=is_page_of_sweep)
    assert world.stash.operation(mode="sync_scene", scene_id=known)["scene_id"] == known
    world.stash.update_scene(known, title="during")
    world.wait_for_titles({known: "during"})
    assert sum(map(is_page_of_sweep, world.plex.requests)) <= LARGE // SWEEP_PAGE  # the last page comes later
    world.plex.heal(pages)
    world.wait_for_titles({scene: "last"})
    assert sum(map(is_page_of_sweep, world.plex.requests)) == LARGE // SWEEP_PAGE + 1  # it went on, not over
    world.wait_idle()


def is_page_of_sweep(request: Request) -> bool:
    return request.path.endswith("/all") and request.first("sort") == "addedAt:asc"


def test_plex_is_asked_to_scan_for_a_missing_scene_which_is_pushed_once_found(world: PluginWorld) -> None:
    world.configure(scan_plex=True, path_map="/data => /media")
    files = [(f"/media/new/{number}.mp4", 40 + number) for number in range(3)]
    ids = [world.stash.add_scene(f"/data/new/{number}.mp4", 40 + number) for number in range(3)]
    for file in files:
        world.plex.put_on_disk(world.section, files=[file])
    world.edit_at_once({scene_id: f"title {scene_id}" for scene_id in ids})
    world.wait_idle()
    assert {item.title for item in world.plex.items(world.section)} == {f"title {scene_id}" for scene_id in ids}
    scans = [request for request in world.plex.requests if request.path.endswith("/refresh")]
    assert [(request.path, request.first("path")) for request in scans] == [
        (f"/library/sections/{world.section}/refresh", "/media/new")
    ]


def test_a_scene_missing_in_a_sync_is_pushed_once_plex_has_its_file(make_world: MakeWorld) -> None:
    world = make_world(time_scale=600)
    ids = world.add_scenes(2)
    late = world.stash.add_scene("/media/late.mp4", 5, title="late")
    inbox.publish(str(world.directory), "batch-1", batch_content([*ids, late], Reason.SYNC))
    world.fire_hook(ids[0])
    world.wait_idle()
    world.keys[late] = world.plex.add_item(world.section, files=[("/media/late.mp4", 5)])
    world.stash.update_scene(ids[0], title="wakes the worker")
    world.wait_for_titles({late: "late"})


def test_several_matches_make_a_dead_letter_that_names_them(world: PluginWorld) -> None:
    keys = [world.plex.add_item(world.section, files=[(f"/media/{folder}/x.mp4", 5)]) for folder in "ab"]
    scene_id = world.stash.add_scene("/data/x.mp4", 5)
    world.stash.update_scene(scene_id, title="torn")
    world.wait_until(lambda: "Ambiguous" in world.log_text(), "the dead letter")
    status = world.stash.operation(mode="queue_status")
    assert status["queue"]["dead_letters_by_error"] == {"Ambiguous": 1}
    assert all(f"{key}: " in json.dumps(status["dead_letter_examples"]) for key in keys)
    world.configure(allow_ambiguous=True)
    world.stash.update_scene(scene_id, title="decided")
    world.wait_until(lambda: world.plex.item(keys[0]).title == "decided", "the first of them")
    assert world.plex.item(keys[1]).title == "x"
