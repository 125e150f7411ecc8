"""How many requests an edit costs Plex, which often runs on a small machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


@pytest.fixture
def warm(make_world: MakeWorld) -> PluginWorld:
    """A scene whose item PlexSync knows, and a worker that stays."""
    world = make_world(time_scale=1)
    scene = world.add_scene(tags=("one",), performers=("Jane",), studio="Studio")
    world.stash.update_scene(scene, title="known", details="text", rating100=60)
    world.wait_for_titles({scene: "known"})
    world.wait_idle()
    world.plex.clear_requests()
    return world


def methods(world: PluginWorld) -> list[str]:
    return [each.method for each in world.plex.requests]


def test_a_changed_scene_costs_one_get_and_one_put(warm: PluginWorld) -> None:
    warm.stash.update_scene(1, title="new", details="other", director="Somebody", date="2024-05-06")
    warm.wait_for_titles({1: "new"})
    warm.wait_idle()
    assert methods(warm) == ["GET", "PUT"]


def test_a_changed_rating_costs_a_second_put(warm: PluginWorld) -> None:
    warm.stash.update_scene(1, title="new", rating100=80)
    warm.wait_until(lambda: warm.item(1).user_rating == 8.0, "the rating")
    warm.wait_idle()
    assert methods(warm) == ["GET", "PUT", "PUT"]


@pytest.mark.parametrize("fields", [{"title": "known"}, {"organized": True}, {"urls": ["http://example.org"]}])
def test_an_edit_that_changes_nothing_in_plex_costs_no_request(warm: PluginWorld, fields: dict[str, object]) -> None:
    warm.stash.update_scene(1, **fields)
    warm.wait_idle()
    assert methods(warm) == []


def test_an_item_that_already_shows_the_edit_costs_one_get(warm: PluginWorld) -> None:
    """As when a person made the same edit in Stash and in Plex."""
    warm.plex.edit_by_hand(warm.keys[1], title="both")
    warm.stash.update_scene(1, title="both")
    warm.wait_idle()
    assert methods(warm) == ["GET"]


def test_a_bulk_edit_costs_one_put_per_scene_and_a_few_gets(warm: PluginWorld) -> None:
    scenes = warm.add_scenes(20)
    titles = dict.fromkeys(scenes, "first")
    warm.stash.bulk_update(scenes, title="first")
    warm.wait_for_titles(titles)
    warm.wait_idle()  # after a kill in the middle of a job, the next worker reads the items one by one
    warm.stop_workers()
    with warm.no_worker():
        warm.stash.bulk_update(scenes, title="second")
    warm.plex.clear_requests()
    warm.fire_hook(scenes[0])
    warm.wait_for_titles(dict.fromkeys(scenes, "second"))
    warm.wait_idle()
    items = [each for each in warm.plex.requests if each.rating_keys]
    assert len([each for each in items if each.method == "PUT"]) == 20
    assert len([each for each in items if each.method == "GET"]) <= 2
