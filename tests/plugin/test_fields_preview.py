"""The preview of one scene says what a push would do, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sim.stash.simulator import GraphQLRefusedError

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


def preview(world: PluginWorld, scene: int | str) -> dict[str, Any]:
    answer = world.stash.operation(mode="preview", scene_id=scene)
    assert isinstance(answer, dict)
    return answer


def test_a_preview_shows_the_match_the_fields_and_what_would_be_sent(world: PluginWorld) -> None:
    scene = world.add_scene(title="New", tags=("A",))
    world.plex.edit_by_hand(world.keys[scene], genres=("By hand",))
    before = world.item(scene)
    for given in (scene, str(scene)):
        (item,) = preview(world, given)["items"]
        assert (item["rating_key"], item["grade"]) == (world.keys[scene], "path")
        assert item["reason"]
        assert (item["library"], item["title"], item["path"]) == ("Movies", "scene 1", "/media/scene 1.mp4")
        assert (item["current"]["title"], item["wanted"]["title"]) == ("scene 1", "New")
        assert item["send"] == {"title": "New", "genre": ["By hand", "A"]}
    assert world.item(scene) == before
    assert not [request for request in world.plex.requests if request.method != "GET"]


def test_after_a_push_only_later_changes_would_be_sent(world: PluginWorld) -> None:
    scene = world.add_scene(tags=("A",))
    world.stash.update_scene(scene, title="Pushed")
    world.wait_idle()
    assert preview(world, scene)["items"][0]["send"] == {}
    with world.stash.library.lock:
        world.stash.library.scene(scene).tag_ids.clear()
    assert preview(world, scene)["items"][0]["send"] == {"genre": []}


def test_a_scene_that_plex_does_not_have_has_no_item_and_a_reason(world: PluginWorld) -> None:
    scene = world.stash.add_scene("/media/unknown.mp4", 5, title="T")
    answer = preview(world, scene)
    assert answer["items"] == []
    assert "no item" in str(answer["message"])


def test_a_scene_that_would_not_be_pushed_has_a_reason(world: PluginWorld) -> None:
    (untouched,) = world.add_scenes(1)
    assert "nothing but a file" in str(preview(world, untouched)["message"])
    without_file = world.stash.add_scene(title="T")
    assert "without a file" in str(preview(world, without_file)["message"])
    answer = world.stash.operation(mode="sync_scene", scene_id=without_file)
    assert answer["verdict"] == "skipped"


@pytest.mark.parametrize("scene", [99, "x"])
def test_a_scene_that_does_not_exist_is_an_error(world: PluginWorld, scene: int | str) -> None:
    with pytest.raises(GraphQLRefusedError, match="scene"):
        preview(world, scene)
