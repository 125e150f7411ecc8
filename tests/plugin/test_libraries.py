"""Libraries that are added, removed, made anew or given other folders while the worker runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local import inbox
from store.job import Reason
from store.requests import batch_content

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

# The libraries are looked at every 10 s, each second while a job waits.
SCALE = 60


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    """A scene whose item is known, and a worker that stays."""
    world = make_world(time_scale=SCALE)
    world.configure(path_map="/media => /media")
    world.stash.update_scene(world.add_scene(), title="known")
    world.wait_for_titles({1: "known"})
    world.wait_idle()
    return world


def files_of(world: PluginWorld, scene: int) -> list[tuple[str, int]]:
    return [(file.path, file.size) for file in world.stash.library.scene(scene).files]


def titles_in(world: PluginWorld, section: int) -> set[str]:
    return {item.title for item in world.plex.items(section)}


def dead_letters(world: PluginWorld) -> Any:
    return world.stash.operation(mode="queue_status")["queue"]["dead_letters_by_error"]


def remake(world: PluginWorld) -> None:
    """Delete the library and make it again: other keys, and no edits."""
    files = {world.item(scene).files[0]: scene for scene in world.keys}
    world.section = world.plex.remake_section(world.section)
    world.keys = {files[item.files[0]]: item.rating_key for item in world.plex.items(world.section)}


def test_a_file_in_a_library_added_later_is_found(world: PluginWorld) -> None:
    scene = world.stash.add_scene("/more/late.mp4", 5)
    world.stash.update_scene(scene, title="late")
    world.wait_until(lambda: any(job["missing_since"] for job in world.jobs()), "the miss")
    later = world.plex.add_section("More", locations=["/more"])
    world.keys[scene] = world.plex.add_item(later, files=[("/more/late.mp4", 5)])
    world.wait_for_titles({scene: "late"})
    assert dead_letters(world) == {}


def test_a_file_in_a_library_that_was_just_added_is_found_at_once(world: PluginWorld) -> None:
    later = world.plex.add_section("More", locations=["/more"])
    scene = world.stash.add_scene("/more/late.mp4", 5)
    world.keys[scene] = world.plex.add_item(later, files=[("/more/late.mp4", 5)])
    world.stash.update_scene(scene, title="at once")
    assert world.stash.operation(mode="sync_scene", scene_id=scene)["items"] == [world.keys[scene]]


def test_a_library_made_anew_is_written_to_at_the_next_edit(world: PluginWorld) -> None:
    remake(world)
    world.stash.update_scene(1, title="after it was made anew")
    world.wait_for_titles({1: "after it was made anew"})
    world.wait_idle()
    assert dead_letters(world) == {}
    assert not [line for line in world.problems() if "PlexServerError" in line]


def test_a_library_made_anew_gets_everything_again_without_an_edit(world: PluginWorld) -> None:
    world.configure(leave_when_idle=False)  # in scaled time, one failed look could be the last before it leaves
    others = world.add_scenes(40, title="also known")
    inbox.publish(str(world.directory), "batch-1", batch_content(others, Reason.SYNC))
    world.fire_hook(others[0])
    titles = {1: "known", **dict.fromkeys(others, "also known")}
    world.wait_for_titles(titles)
    remake(world)
    assert not world.has_titles(titles)
    world.stash.update_scene(1, title="a single edit")
    world.wait_for_titles(titles | {1: "a single edit"}, timeout_s=60)
    assert dead_letters(world) == {}


def test_an_edit_that_meets_a_library_made_anew_in_the_middle_is_no_dead_letter(world: PluginWorld) -> None:
    """The PUT names the library's old key."""
    scene = world.add_scene()
    world.plex.latency_s = 0.2
    world.stash.update_scene(scene, title="in the middle")
    world.plex.wait_for_requests(1, when=lambda request: scene in request.rating_keys)
    remake(world)
    world.plex.latency_s = 0.0
    world.wait_for_titles({scene: "in the middle"})
    assert dead_letters(world) == {}


def test_a_known_item_hides_no_library_that_came_later(world: PluginWorld) -> None:
    """Neither what it holds when it is noticed, nor what Plex finds there later; and no edit is needed."""
    second = world.add_scene(title="second")
    world.stash.update_scene(second, details="text")
    world.wait_idle()
    later = world.plex.add_section("Again", locations=["/media"])
    world.plex.add_item(later, files=files_of(world, 1))
    world.stash.update_scene(second, details="wakes the worker")
    world.wait_until(lambda: "known" in titles_in(world, later), "the scene in the new library")
    said = "New libraries in Plex have files of 1 scene, which are pushed there now."
    world.wait_until(lambda: said in [line.text for line in world.stash.log], "the news in Stash's log")
    world.wait_until_worker_left()
    world.plex.add_item(later, files=files_of(world, second))
    world.stash.update_scene(1, details="wakes another worker")
    world.wait_until(lambda: titles_in(world, later) == {"known", "second"}, "what was scanned later")


def test_another_file_of_a_known_scene_is_found_in_a_library_that_came_later(world: PluginWorld) -> None:
    files = [("/media/a.mp4", 1), ("/uhd/a.mkv", 2)]
    scene = world.stash.add_scene(*files[0], more_files=(files[1],))
    world.keys[scene] = world.plex.add_item(world.section, files=files[:1])
    world.stash.update_scene(scene, title="two files")
    world.wait_for_titles({scene: "two files"})
    later = world.plex.add_section("UHD", locations=["/uhd"])
    world.plex.add_item(later, files=files[1:])
    world.stash.update_scene(1, details="wakes the worker")
    world.wait_until(lambda: titles_in(world, later) == {"two files"}, "the second file")


def test_a_library_that_is_gone_is_a_miss_and_not_a_failure(world: PluginWorld) -> None:
    gone = world.plex.add_section("Gone soon", locations=["/gone"])
    scene = world.stash.add_scene("/gone/a.mp4", 5)
    world.keys[scene] = world.plex.add_item(gone, files=[("/gone/a.mp4", 5)])
    world.stash.update_scene(scene, title="there")
    world.wait_for_titles({scene: "there"})
    world.plex.delete_section(gone)
    answer = world.stash.operation(mode="sync_scene", scene_id=scene)
    assert answer["verdict"] == "NotInPlex"


def test_health_check_and_worker_agree_about_a_library_that_the_settings_name(world: PluginWorld) -> None:
    world.configure(plex_library="Movies")
    world.stash.update_scene(1, title="as named")
    world.wait_for_titles({1: "as named"})
    world.plex.rename_section(world.section, "Films")
    world.stash.update_scene(1, title="renamed in Plex")
    world.wait_until(lambda: "no movie library named Movies" in "".join(world.problems()), "the worker to notice")
    assert world.stash.operation(mode="health_check")["libraries_missing"] == ["Movies"]
    world.configure(plex_library="Films")
    world.stash.update_scene(1, title="renamed in the settings")
    world.wait_for_titles({1: "renamed in the settings"})
    assert world.stash.operation(mode="health_check")["libraries_missing"] == []
    assert dead_letters(world) == {}


def test_a_library_with_another_folder_is_looked_through_again(world: PluginWorld) -> None:
    files = [("/media/a.mp4", 1), ("/uhd/a.mkv", 2)]
    scene = world.stash.add_scene(*files[0], more_files=(files[1],))
    world.keys[scene] = world.plex.add_item(world.section, files=files[:1])
    world.stash.update_scene(scene, title="two files")
    world.wait_for_titles({scene: "two files"})
    world.plex.set_locations(world.section, ["/media", "/uhd"])
    key = world.plex.add_item(world.section, files=files[1:])
    world.stash.update_scene(1, details="wakes the worker")
    world.wait_until(lambda: world.plex.item(key).title == "two files", "the second file")


def test_while_nothing_is_new_the_list_is_read_rarely(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scenes = world.add_scenes(30)
    for round_ in ("first", "second", "third"):
        world.stash.bulk_update(scenes, title=round_)
        world.wait_for_titles(dict.fromkeys(scenes, round_))
    world.wait_idle()
    assert len([request for request in world.plex.requests if request.path == "/library/sections"]) == 1
