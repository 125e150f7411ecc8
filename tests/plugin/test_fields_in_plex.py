"""Plex shows what Stash says about a scene, and nothing that a person added in Plex is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from sim.plex.quirks import TagOrder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.faults import Request
    from tests.support.plugin_world import PluginWorld

GOOD: Final[Mapping[str, Any]] = {
    "title": "Good title",
    "summary": "Good summary",
    "originally_available_at": "1999-09-09",
    "studio": "Good studio",
    "genres": ("Drama",),
    "directors": ("Somebody",),
    "actors": ("Someone",),
    "collections": ("Shelf",),
}

@pytest.fixture(autouse=True, params=list(TagOrder), ids=str)
def _tag_order(request: pytest.FixtureRequest, world: PluginWorld) -> None:
    """Nobody knows which order is Plex's, so all of this is true under both."""
    world.plex.quirks.tag_order = request.param


def save(world: PluginWorld, scene: int, **fields: object) -> None:
    world.stash.update_scene(scene, **fields)
    world.wait_idle()


def ids(world: PluginWorld, kind: str, *names: str) -> list[str]:
    return [str(world.stash.add_entity(kind, name)) for name in names]


def puts(world: PluginWorld) -> list[Request]:
    return [request for request in world.plex.requests if request.method == "PUT"]


def test_names_removed_in_stash_are_removed_and_names_added_by_hand_stay(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, tags=("One", "Two"), performers=("Amy", "Zoe"), title="A")
    save(world, scene, title="B")
    genres = world.item(scene).genres
    world.plex.edit_by_hand(world.keys[scene], genres=(*genres, "By hand"))
    save(world, scene, tag_ids=ids(world, "tag", "Two"), performer_ids=ids(world, "performer", "Zoe"))
    item = world.item(scene)
    assert set(item.genres) == {"Two", "By hand"}
    assert item.actors == ("Zoe",)


def test_a_changed_studio_changes_the_collection(world: PluginWorld) -> None:
    network = world.stash.add_entity("studio", "Network")
    old = world.stash.add_entity("studio", "Old", parent_ids=[network])
    new = world.stash.add_entity("studio", "New")
    (scene,) = world.add_scenes(1, groups=("Series",))
    world.plex.edit_by_hand(world.keys[scene], collections=("Mine",), locked=False)
    save(world, scene, studio_id=str(old))
    assert set(world.item(scene).collections) == {"Mine", "Old", "Network", "Series"}
    save(world, scene, studio_id=str(new))
    item = world.item(scene)
    assert set(item.collections) == {"Mine", "New", "Series"}
    assert item.studio == "New"
    assert not any(key.startswith("collection.lock") for request in puts(world) for key, _ in request.query)


def test_a_field_emptied_in_stash_is_emptied_in_plex(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    save(world, scene, title="T", details="D", date="2004-05-06", rating100=100, director="Di")
    item = world.item(scene)
    assert (item.summary, item.originally_available_at, item.user_rating) == ("D", "2004-05-06", 10.0)
    assert {"title", "summary", "originallyAvailableAt", "director"} <= item.locked
    save(world, scene, title="", details="", date=None, rating100=None, director="")
    item = world.item(scene)
    assert (item.title, item.summary, item.originally_available_at) == ("scene 1", "", "")
    assert (item.user_rating, item.directors) == (None, ())


def test_the_first_push_of_an_empty_scene_empties_and_renames_nothing(world: PluginWorld) -> None:
    scenes = world.add_scenes(3, tags=("New",))
    for scene in scenes:
        world.plex.edit_by_hand(world.keys[scene], **GOOD)
        world.plex.rate_by_hand(world.keys[scene], 9.0)
        world.stash.update_scene(scene, title="")
    world.wait_idle()
    for scene in scenes:
        item = world.item(scene)
        assert {name: getattr(item, name) for name in GOOD} == {**GOOD, "genres": ("Drama", "New")}
        assert item.user_rating == 9.0


@pytest.mark.parametrize("keeps", [True, False])
def test_a_persons_edit_survives_with_keep_plex_edits_and_only_then(*, world: PluginWorld, keeps: bool) -> None:
    world.configure(keep_plex_edits=keeps)
    (scene,) = world.add_scenes(1)
    save(world, scene, title="T", details="D", tag_ids=ids(world, "tag", "One", "Two"))
    world.plex.edit_by_hand(world.keys[scene], summary="Hers", genres=("Two", "Hers"))
    save(world, scene, title="T2", details="D2", tag_ids=ids(world, "tag", "One", "Two", "Three"))
    item = world.item(scene)
    assert item.title == "T2"
    assert item.summary == ("Hers" if keeps else "D2")
    assert set(item.genres) == {"Two", "Three", "Hers"} | (set() if keeps else {"One"})


def test_actors_are_in_stashs_order(world: PluginWorld) -> None:
    """Stash orders performers by id."""
    amy, bea, cleo = ids(world, "performer", "Amy", "Bea", "Cleo")
    (scene,) = world.add_scenes(1, title="A")
    save(world, scene, performer_ids=[cleo, bea])
    assert world.item(scene).actors == ("Bea", "Cleo")
    save(world, scene, performer_ids=[cleo, bea, amy])
    assert world.item(scene).actors == ("Amy", "Bea", "Cleo")
    # Who moves is removed by one request and added by the next: in one, it is unknown which comes first.
    assert len(puts(world)) == 3


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\x00b\x07c", "abc"),
        ("tab\tand  blanks", "tab and blanks"),
        ("\u202b\u05e2\u05d1\u05e8\u202c \u0627\u0644", "\u202b\u05e2\u05d1\u05e8\u202c \u0627\u0644"),
        ("👩‍👩‍👧‍👦 🇯🇵 👍🏽", "👩‍👩‍👧‍👦 🇯🇵 👍🏽"),
        ("Zo\u0308e e\u0301 \u1112\u1161\u11ab", "Zo\u0308e e\u0301 \u1112\u1161\u11ab"),
        ("& < > \" ' % + # ? ; = \\ / ,", "& < > \" ' % + # ? ; = \\ / ,"),
        ("x" * 3000, "x" * 1000),
    ],
    ids=["control", "blanks", "rtl", "emoji", "combining", "signs", "long"],
)
def test_titles_arrive_unchanged_except_for_what_plex_cannot_store(
    world: PluginWorld, given: str, shown: str
) -> None:
    (scene,) = world.add_scenes(1, tags=(given[:400],))
    save(world, scene, title=given)
    save(world, scene, title=given, organized=True)
    item = world.item(scene)
    assert item.title == shown
    assert item.genres[0] == shown[:400]
    assert len(puts(world)) == 1


@pytest.mark.parametrize(
    ("fields", "rating", "date"),
    [
        ({"rating100": 0, "date": "2004"}, None, "2004-01-01"),
        ({"rating100": 101, "date": "2004-03"}, 10.0, "2004-03-01"),
        ({"rating100": -5, "date": "2004-03-09"}, None, "2004-03-09"),
    ],
)
def test_values_out_of_range_are_brought_into_range(
    world: PluginWorld, fields: dict[str, object], rating: float | None, date: str
) -> None:
    (scene,) = world.add_scenes(1)
    save(world, scene, title="T", **fields)
    assert (world.item(scene).user_rating, world.item(scene).originally_available_at) == (rating, date)


def test_actors_get_pictures_if_plex_can_reach_stash_and_no_key_is_sent(world: PluginWorld) -> None:
    world.stash.add_entity("performer", "Amy", image=b"\xff\xd8\xff amy")
    (scene,) = world.add_scenes(1, performers=("Amy", "Bea"))
    save(world, scene, title="T")
    assert [role.thumb for role in world.item(scene).roles] == ["", ""]
    world.configure(stash_url_for_plex="http://stash.lan:9999")
    save(world, scene, title="T2")
    (amy, bea) = world.item(scene).roles
    assert (amy.thumb.rpartition("/performer/")[0], bea.thumb) == ("http://stash.lan:9999", "")
    assert amy.thumb.endswith("/image")


def test_a_skipped_field_is_left_alone(world: PluginWorld) -> None:
    world.configure(skip_title=True, skip_tags=True, skip_collections=True, exclude_tags="Secret*", max_tags=1)
    (scene,) = world.add_scenes(1, tags=("One",), studio="Studio")
    save(world, scene, title="T", details="D")
    item = world.item(scene)
    assert (item.title, item.summary, item.genres, item.collections) == ("scene 1", "D", (), ())
    world.configure(exclude_tags="Secret*", max_tags=1)
    save(world, scene, tag_ids=ids(world, "tag", "Secret tag", "Two", "Three"))
    assert world.item(scene).genres == ("Three",)
