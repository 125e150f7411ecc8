from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plex.fields import Field
from push.fields import fingerprint_of, has_nothing_to_push, picture_kinds, plex_files, wanted_of
from stash.scene import Named, Performer, Scene, SceneFile, Studio
from stash.settings import SKIPPABLE, Settings

PLAIN = Settings(plex_url="http://plex:32400", plex_token="right")
OF_STASH = "http://127.0.0.1:9999"


def a_scene(**values: Any) -> Scene:
    empty = Scene(
        id=1, title="", details="", date="", director="", rating100=None, organized=False, updated_at="then",
        studio=None, performers=(), tags=(), groups=(),
        files=(SceneFile(path="/data/a.b/Clip 1.5.mp4", size=10),),
        screenshot_url=f"{OF_STASH}/scene/1/screenshot?t=1",
    )  # fmt: skip
    return replace(empty, **values)


def a_performer(number: int, name: str, query: str = "t=5") -> Performer:
    return Performer(id=number, name=name, image_path=f"{OF_STASH}/performer/{number}/image?{query}")


FULL = a_scene(
    title="T", details="D", date="2004-03", director="Di", rating100=85,
    studio=Studio(id=3, name="Studio", parent=Named(id=2, name="Network")),
    performers=(a_performer(1, "Zoe"), a_performer(2, "Amy", "t=5&default=true")),
    tags=(Named(id=1, name="A"), Named(id=2, name="B")),
    groups=(Named(id=1, name="Series"),),
)  # fmt: skip


def fingerprint(scene: Scene, settings: Settings = PLAIN) -> str:
    return fingerprint_of(wanted_of(scene, settings), plex_files(scene, settings), settings)


def test_each_stash_field_maps_to_a_plex_field() -> None:
    wanted = wanted_of(FULL, PLAIN)
    assert wanted.values == {
        Field.TITLE: "T",
        Field.SUMMARY: "D",
        Field.DATE: "2004-03",
        Field.STUDIO: "Studio",
        Field.RATING: "8.5",
        Field.DIRECTORS: ("Di",),
        Field.ACTORS: ("Zoe", "Amy"),
        Field.GENRES: ("A", "B"),
        Field.COLLECTIONS: ("Studio", "Network", "Series"),
    }
    assert wanted.file_stem == "Clip 1.5"


@pytest.mark.parametrize(("rating100", "rating"), [(100, "10"), (101, "10"), (0, ""), (-5, ""), (1, "0.1"), (None, "")])
def test_ratings_are_clamped_to_the_range_of_plex(rating100: int | None, rating: str) -> None:
    assert wanted_of(a_scene(rating100=rating100), PLAIN).values[Field.RATING] == rating


@pytest.mark.parametrize("name", SKIPPABLE)
def test_a_skip_setting_drops_its_field_and_no_other(name: str) -> None:
    settings = replace(PLAIN, skip=frozenset({name}))
    wanted, whole = wanted_of(FULL, settings), wanted_of(FULL, PLAIN)
    assert len(wanted.values) + len(picture_kinds(settings)) == len(whole.values) + len(picture_kinds(PLAIN)) - 1
    assert wanted.values.items() <= whole.values.items()
    assert fingerprint(FULL, settings) != fingerprint(FULL)


def test_excluded_tags_do_not_count_towards_max_tags() -> None:
    tags = tuple(Named(id=number, name=name) for number, name in enumerate(("[Auto] x", "one", "AUTO: y", "two", "3")))
    settings = replace(PLAIN, exclude_tags=("[auto]*", "auto:*"), max_tags=2)
    assert wanted_of(a_scene(tags=tags), settings).values[Field.GENRES] == ("one", "two")


def test_actor_pictures_use_the_address_that_plex_can_reach_and_no_api_key() -> None:
    scene = a_scene(performers=(a_performer(1, "Zoe", "t=5&apikey=s3cr3t"), a_performer(2, "Amy", "t=5&default=true")))
    settings = replace(PLAIN, stash_url_for_plex="http://stash.lan:9999/stash/")
    assert wanted_of(scene, settings).pictures == {"Zoe": "http://stash.lan:9999/stash/performer/1/image"}
    assert wanted_of(scene, PLAIN).pictures == {}
    assert wanted_of(scene, replace(settings, skip=frozenset({"performers"}))).pictures == {}


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Other"},
        {"groups": ()},
        {"studio": Studio(id=3, name="Studio", parent=Named(id=2, name="Renamed"))},
        {"performers": FULL.performers[::-1]},
        {"files": (SceneFile(path="/data/b.mp4", size=10),)},
    ],
    ids=["title", "groups", "parent studio", "order of performers", "file"],
)
def test_a_change_that_plex_would_show_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(replace(FULL, **change)) != fingerprint(FULL)


def test_a_new_performer_picture_changes_the_fingerprint() -> None:
    settings = replace(PLAIN, stash_url_for_plex="http://stash.lan:9999")
    pictured = replace(FULL, performers=(a_performer(1, "Zoe"), a_performer(2, "Amy")))
    assert fingerprint(pictured, settings) != fingerprint(FULL, settings)


def test_an_edit_that_plex_does_not_show_keeps_the_fingerprint() -> None:
    edited = replace(
        FULL,
        updated_at="now",
        organized=True,
        screenshot_url=FULL.screenshot_url.replace("t=1", "t=2"),
        performers=(a_performer(1, "Zoe", "t=6"), FULL.performers[1]),
    )
    settings = replace(PLAIN, stash_url_for_plex="http://stash.lan:9999")
    assert fingerprint(edited, settings) == fingerprint(FULL, settings)


@pytest.mark.parametrize("change", [{"title": "T"}, {"rating100": 5}, {"groups": (Named(id=1, name="G"),)}])
def test_a_single_value_is_something_to_push(change: dict[str, Any]) -> None:
    assert has_nothing_to_push(a_scene(rating100=0))
    assert not has_nothing_to_push(a_scene(**change))
