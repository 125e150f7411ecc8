"""Every Plex item that holds a file of the scene is updated, in whichever library it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


def wait_for_title_of_all(world: PluginWorld, keys: list[int], title: str) -> None:
    world.wait_until(lambda: [world.plex.item(key).title for key in keys] == [title] * len(keys), "all the items")


def test_a_scene_with_several_files_is_pushed_to_the_item_of_each_file(world: PluginWorld) -> None:
    files = [("/media/a.mp4", 1), ("/media/b.mkv", 2), ("/media/c.avi", 3)]
    scene = world.stash.add_scene(*files[0], more_files=tuple(files[1:]))
    keys = [world.plex.add_item(world.section, files=[file]) for file in files]
    world.stash.update_scene(scene, title="one scene")
    wait_for_title_of_all(world, keys, "one scene")
    world.stash.update_scene(scene, title="again")
    wait_for_title_of_all(world, keys, "again")


def test_a_file_in_two_libraries_is_updated_in_both(world: PluginWorld) -> None:
    other = world.plex.add_section("Other films", locations=["/media"])
    scene = world.add_scene()
    (file,) = world.item(scene).files
    keys = [world.keys[scene], world.plex.add_item(other, files=[file])]
    world.stash.update_scene(scene, title="both")
    wait_for_title_of_all(world, keys, "both")


def test_a_library_that_is_not_configured_is_left_alone(world: PluginWorld) -> None:
    other = world.plex.add_section("Other films", locations=["/media"])
    scene = world.add_scene()
    (file,) = world.item(scene).files
    key = world.plex.add_item(other, files=[file], title="untouched")
    world.configure(plex_library="Movies")
    world.stash.update_scene(scene, title="here")
    world.wait_for_titles({scene: "here"})
    world.wait_idle()
    assert world.plex.item(key).title == "untouched"


def test_an_item_is_found_by_any_of_its_versions_and_parts(world: PluginWorld) -> None:
    parts = [("/media/part 1.mp4", 2), ("/media/part 2.mp4", 3)]
    key = world.plex.add_item(world.section, files=[("/media/hd.mp4", 1), parts])
    scene = world.stash.add_scene("/media/part 2.mp4", 3)
    world.stash.update_scene(scene, title="by its second part")
    wait_for_title_of_all(world, [key], "by its second part")


def test_a_moved_file_is_followed_to_its_new_item(world: PluginWorld) -> None:
    scene = world.add_scene()
    world.stash.update_scene(scene, title="a")
    world.wait_for_titles({scene: "a"})
    world.plex.remove_item(world.keys[scene])
    world.keys[scene] = world.plex.add_item(world.section, files=[("/media/moved.mp4", 1001)])
    world.stash.rename_file(scene, "/media/moved.mp4")
    world.wait_for_titles({scene: "a"})


def test_a_replaced_file_gets_every_field_again(world: PluginWorld) -> None:
    """Plex gives the item of a replaced file a new rating key and drops all edits."""
    scene = world.add_scene(tags=("tag",))
    world.stash.update_scene(scene, title="a")
    world.wait_for_titles({scene: "a"})
    world.keys[scene] = world.plex.replace_file(world.keys[scene])
    world.stash.update_scene(scene, details="more")
    world.wait_for_titles({scene: "a"})
    world.wait_until(lambda: world.item(scene).genres == ("tag",), "the tag")
