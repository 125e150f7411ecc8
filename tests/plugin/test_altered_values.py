"""A value that Plex shows otherwise than it was sent is not sent again and again, and is no gap."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sim.plex.quirks import days_later

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

SCENES = 19
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    return make_world(time_scale=20)  # catch-up does not come between the reconciliations


def reconcile(world: PluginWorld) -> Any:
    """The gaps that a reconciliation finds, and how many PUTs follow."""
    world.plex.clear_requests()
    gaps = world.stash.operation(mode="reconcile_all")["gaps"]
    world.wait_idle(120)
    return gaps, len([request for request in world.plex.requests if request.method == "PUT"])


def save(world: PluginWorld, scene: int, **fields: object) -> int:
    """Edit the scene; return how many PUTs follow."""
    world.plex.clear_requests()
    world.stash.update_scene(scene, **fields)
    world.wait_idle()
    return len([request for request in world.plex.requests if request.method == "PUT"])


def altered_rows(world: PluginWorld) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(world.directory / "sync_state.db")) as database:
        return database.execute("SELECT rating_key, field, forms FROM altered ORDER BY 1, 2").fetchall()


def messages(world: PluginWorld) -> list[str]:
    return [line for line in world.log_text().splitlines() if "Plex alters " in line]


def test_dates_shown_a_day_off_are_settled_after_two_pushes_and_said_once(world: PluginWorld) -> None:
    world.plex.quirks.shown = {"originallyAvailableAt": days_later(1)}
    scenes = world.add_scenes(SCENES, title="T", date="2004-05-06", updated_at=LONG_AGO)
    assert reconcile(world) == ({"empty": SCENES, "stale": 0, "missing": 0}, SCENES)
    assert reconcile(world) == ({"empty": 0, "stale": SCENES, "missing": 0}, SCENES)
    for _ in range(3):
        assert reconcile(world) == ({"empty": 0, "stale": 0, "missing": 0}, 0)
    assert len(messages(world)) == 1
    assert "'2004-05-06' as '2004-05-07'" in messages(world)[0]
    assert save(world, scenes[0], date="2010-01-01") == 1
    assert world.item(scenes[0]).originally_available_at == "2010-01-01"
    world.plex.edit_by_hand(world.keys[scenes[1]], originally_available_at="1999-01-01")
    assert reconcile(world) == ({"empty": 0, "stale": 2, "missing": 0}, 2)
    assert reconcile(world) == ({"empty": 0, "stale": 0, "missing": 0}, 0)
    assert {world.item(scene).originally_available_at for scene in scenes[1:]} == {"2004-05-06"}
    assert len(messages(world)) == 1


def test_names_and_texts_that_plex_alters_are_not_sent_at_every_push(world: PluginWorld) -> None:
    world.plex.quirks.shown = {
        "genre": str.upper, "actor": str.upper, "collection": lambda name: name[:6], "title": str.title,
        "studio": lambda name: name.replace("&", "and"),
    }  # fmt: skip
    scene = world.add_scene(
        tags=("zoé", "Plain"), performers=("Zoé b", "Ann"), studio="Tom & Co", groups=("A long series",)
    )
    world.plex.edit_by_hand(world.keys[scene], genres=("Hánd",))
    for number in range(4):
        save(world, scene, title=f"a title {number % 2}", details=f"Details {number}")
    puts = [request for request in world.plex.requests if request.method == "PUT"]
    assert [name for name, _ in puts[-1].query if name.endswith(".value")] == ["title.value", "summary.value"]
    assert not [name for name, _ in puts[-1].query if ".tag.tag" in name]
    for _ in range(2):
        reconcile(world)
    assert reconcile(world) == ({"empty": 0, "stale": 0, "missing": 0}, 0)
    save(world, scene, tag_ids=[], performer_ids=[], groups=[], studio_id=None)
    item = world.item(scene)
    assert (item.genres, item.actors, item.collections, item.studio) == (("Hánd",), (), (), "")
    assert reconcile(world) == ({"empty": 0, "stale": 0, "missing": 0}, 0)
    assert len(messages(world)) == 5


@pytest.mark.parametrize("keeps_from_the_start", [True, False])
def test_the_form_in_plex_is_no_edit_of_a_person(*, world: PluginWorld, keeps_from_the_start: bool) -> None:
    world.plex.quirks.shown = {"originallyAvailableAt": days_later(1), "genre": str.upper}
    world.configure(keep_plex_edits=keeps_from_the_start)
    scene = world.add_scene(tags=("zoé",))
    save(world, scene, title="T", date="2004-05-06")
    if not keeps_from_the_start:
        reconcile(world)
        world.configure(keep_plex_edits=True)
    assert save(world, scene, date="2010-01-01", tag_ids=[str(world.stash.add_entity("tag", "éva"))]) == 1
    assert (world.item(scene).originally_available_at, world.item(scene).genres) == ("2010-01-01", ("éva",))
    world.plex.edit_by_hand(world.keys[scene], originally_available_at="1999-01-01")
    save(world, scene, date="2011-01-01", title="T2")
    assert (world.item(scene).originally_available_at, world.item(scene).title) == ("1999-01-01", "T2")


def test_an_edit_by_a_person_is_undone_however_often_it_is_made(world: PluginWorld) -> None:
    scene = world.add_scene(tags=("One",))
    save(world, scene, title="Stash")
    for _ in range(3):
        world.plex.edit_by_hand(world.keys[scene], title="By hand", genres=())
        gaps, puts = reconcile(world)
        assert (gaps["stale"] + gaps["empty"], puts) == (1, 1)
        assert (world.item(scene).title, world.item(scene).genres) == ("Stash", ("One",))
    assert altered_rows(world) == []
    assert messages(world) == []


def test_what_is_known_of_an_item_goes_with_it_and_survives_a_new_worker(world: PluginWorld) -> None:
    world.plex.quirks.shown = {"originallyAvailableAt": days_later(-1)}
    first, second = world.add_scenes(2, title="T", date="2004-05-06", updated_at=LONG_AGO)
    reconcile(world)
    reconcile(world)
    world.stop_workers()
    assert [key for key, *_ in altered_rows(world)] == [world.keys[first], world.keys[second]]
    assert reconcile(world) == ({"empty": 0, "stale": 0, "missing": 0}, 0)
    (item,) = world.stash.operation(mode="preview", scene_id=first)["items"]
    assert item["send"] == {}
    world.keys[second] = world.plex.replace_file(world.keys[second])
    save(world, second, title="T2")
    assert [key for key, *_ in altered_rows(world)] == [world.keys[first]]
