"""Two performers of one name are two actors in Plex, also when the second one comes or goes later."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    return make_world(time_scale=1)  # the worker stays, and believes for ten minutes what it was told of a name


BEFORE = "2020-01-01T00:00:00Z"  # PlexSync was installed; catch-up leaves what is older alone


def add_performer(world: PluginWorld, name: str, disambiguation: str = "") -> int:
    """One from before the plugin's time."""
    performer = world.stash.library.add_entity("performer", name, disambiguation=disambiguation)
    performer.created_at = performer.updated_at = BEFORE
    return performer.id


def scene_with(world: PluginWorld, *performers: int, title: str = "T") -> int:
    scene = world.add_scene()
    world.stash.update_scene(scene, title=title, performer_ids=[str(performer) for performer in performers])
    world.wait_idle()
    return scene


def actors(world: PluginWorld, scene: int) -> tuple[str, ...]:
    world.wait_idle()
    return world.item(scene).actors


def name_queries(world: PluginWorld) -> list[Any]:
    return [request for request in world.stash.requests if "findPerformers(performer_filter: {name:" in request.query]


def has_caught_up(world: PluginWorld) -> bool:
    with closing(sqlite3.connect(world.directory / "sync_state.db", timeout=10)) as ledger:
        return bool(ledger.execute("SELECT 1 FROM moment WHERE name = 'caught_up_to'").fetchone())


def test_a_scene_with_two_performers_of_one_name_shows_both_with_their_pictures(world: PluginWorld) -> None:
    world.configure(stash_url_for_plex="http://stash.lan:9999")
    us, cz = add_performer(world, "Ann Lee", "US"), add_performer(world, "Ann Lee", "CZ")
    world.stash.library.entity("performer", us).image = b"\xff\xd8\xff us"
    world.stash.library.entity("performer", cz).image = b"\xff\xd8\xff cz"
    scene = scene_with(world, us, cz)
    roles = {role.name: role.thumb for role in world.item(scene).roles}
    assert roles == {
        "Ann Lee (US)": f"http://stash.lan:9999/performer/{us}/image",
        "Ann Lee (CZ)": f"http://stash.lan:9999/performer/{cz}/image",
    }


def test_a_disambiguation_is_shown_only_where_it_is_needed(world: PluginWorld) -> None:
    plain, cz = add_performer(world, "Ann Lee"), add_performer(world, "ann lee", "CZ")
    only, like = add_performer(world, "Bea_Ray", "actress"), add_performer(world, "BeaXRay", "singer")
    scene = scene_with(world, plain, cz, only, like)
    assert set(actors(world, scene)) == {"Ann Lee", "ann lee (CZ)", "Bea_Ray", "BeaXRay"}


@pytest.mark.parametrize("second", ["", "US"])
def test_a_namesake_that_is_renamed_or_destroyed_changes_the_others_scenes(world: PluginWorld, second: str) -> None:
    first, other = add_performer(world, "Ann Lee", "CZ"), add_performer(world, "Bea Ray", second)
    scene = scene_with(world, first)
    assert actors(world, scene) == ("Ann Lee",)
    world.stash.update("performer", other, name="Ann Lee")
    assert actors(world, scene) == ("Ann Lee (CZ)",)
    world.stash.update("performer", other, name="Bea Ray")
    assert actors(world, scene) == ("Ann Lee",)
    world.stash.update("performer", other, name="Ann Lee")
    assert actors(world, scene) == ("Ann Lee (CZ)",)
    world.stash.destroy("performer", other)
    assert actors(world, scene) == ("Ann Lee",)


def test_a_disambiguation_that_is_added_or_corrected_reaches_plex(world: PluginWorld) -> None:
    first, other = add_performer(world, "Ann Lee", "CZ"), add_performer(world, "Ann Lee")
    scene = scene_with(world, first, other)
    assert actors(world, scene) == ("Ann Lee (CZ)", "Ann Lee")
    world.stash.update("performer", other, disambiguation="US")
    assert set(actors(world, scene)) == {"Ann Lee (CZ)", "Ann Lee (US)"}
    world.stash.update("performer", first, disambiguation="Brno")
    assert set(actors(world, scene)) == {"Ann Lee (Brno)", "Ann Lee (US)"}


def test_sync_and_reconciliation_and_preview_show_the_same_name_as_a_push(world: PluginWorld) -> None:
    first = add_performer(world, "Ann Lee", "CZ")
    scene = scene_with(world, first)
    add_performer(world, "Ann Lee", "US")  # without an event
    (item,) = world.stash.operation(mode="preview", scene_id=scene)["items"]
    assert item["send"] == {"actor": ["Ann Lee (CZ)"]}
    assert world.stash.operation(mode="reconcile_preview")["gaps"]["stale"] == 1
    assert world.stash.operation(mode="sync_all")["queued"] == 1
    assert actors(world, scene) == ("Ann Lee (CZ)",)
    world.stash.update_scene(scene, details="the name is no longer believed to be its own")
    assert actors(world, scene) == ("Ann Lee (CZ)",)
    assert world.stash.operation(mode="reconcile_all")["gaps"]["stale"] == 0


@pytest.mark.parametrize("second", ["", "US"])
def test_a_new_performer_of_the_same_name_is_found_by_catch_up(make_world: MakeWorld, second: str) -> None:
    """PlexSync gets no event of new performers."""
    world = make_world(time_scale=60)
    first = add_performer(world, "Ann Lee", "CZ")
    scene, other = scene_with(world, first), scene_with(world)
    assert actors(world, scene) == ("Ann Lee",)
    world.wait_until_worker_left()
    world.stash.library.add_entity("performer", "Ann Lee", disambiguation=second)
    world.stash.update_scene(other, title="an event")
    world.wait_until(lambda: world.item(scene).actors == ("Ann Lee (CZ)",), "the disambiguation in Plex")


def test_a_performer_without_scenes_is_looked_at_anew_after_an_event(world: PluginWorld) -> None:
    first = add_performer(world, "Ann Lee", "CZ")
    scene = scene_with(world, first)
    world.stash.update_scene(scene, performer_ids=[])
    assert actors(world, scene) == ()
    world.stash.update("performer", add_performer(world, "Bea Ray"), name="Ann Lee")
    world.wait_idle()
    world.stash.update_scene(scene, performer_ids=[str(first)])
    assert actors(world, scene) == ("Ann Lee (CZ)",)


def test_a_change_of_a_namesake_that_plex_does_not_show_costs_no_put(world: PluginWorld) -> None:
    first, other = add_performer(world, "Ann Lee", "CZ"), add_performer(world, "Ann Lee")
    scene_with(world, first)
    scene_with(world, other)
    world.plex.clear_requests()
    world.stash.update("performer", other, details="born somewhere")
    world.wait_idle()
    assert world.plex.requests == []


def test_edits_ask_for_a_name_once(world: PluginWorld) -> None:
    first, other = add_performer(world, "Ann Lee", "CZ"), add_performer(world, "Bea Ray")
    scenes = [scene_with(world, first, other) for _ in range(2)]
    world.wait_until(lambda: has_caught_up(world), "the end of the first catch-up")
    world.wait_idle()  # it may have queued once more what was pushed within the second of its edit
    asked = len(name_queries(world))
    for number in range(3):
        for scene in scenes:
            world.stash.update_scene(scene, title=f"Title {number}")
            world.wait_for_titles({scene: f"Title {number}"})
    world.wait_idle()
    assert 1 <= asked == len(name_queries(world))
    plain = scene_with(world, other)
    world.stash.update_scene(plain, title="No disambiguation, no question")
    world.wait_idle()
    assert len(name_queries(world)) == asked
