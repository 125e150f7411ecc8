from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash.errors import StashRefused
from stash.scene import Named, Performer, Scene, SceneFile, Studio, parse_scene


def answer(**changes: Any) -> dict[str, Any]:
    """A response of Stash 0.30 to `scene_fragment`."""
    return {
        "id": "12",
        "title": "A title",
        "details": "Line one\nline two \U0001f600",
        "date": "2024-05-06",
        "director": "D. Rector",
        "rating100": 80,
        "organized": True,
        "updated_at": "2026-11-22T18:28:31+01:00",
        "paths": {"screenshot": "http://127.0.0.1:9999/scene/12/screenshot?t=1795372111"},
        "studio": {"id": "2", "name": "Studio", "parent_studio": {"id": "1", "name": "Parent"}},
        "performers": [
            {"id": "9", "name": "Zoe", "image_path": "http://h/performer/9/image?t=1&default=true"},
            {"id": "3", "name": "Ann", "image_path": None},
        ],
        "tags": [{"id": "5", "name": "One"}, {"id": "4", "name": "Two"}],
        "groups": [{"group": {"id": "7", "name": "Group"}}],
        "files": [{"path": "/data/b.mp4", "size": 4379}, {"path": "/data/a.mp4", "size": 5_000_000_000}],
        **changes,
    }


def test_every_requested_field_is_parsed_in_order() -> None:
    assert parse_scene(answer()) == Scene(
        id=12,
        title="A title",
        details="Line one\nline two \U0001f600",
        date="2024-05-06",
        director="D. Rector",
        rating100=80,
        organized=True,
        updated_at="2026-11-22T18:28:31+01:00",
        studio=Studio(id=2, name="Studio", parent=Named(id=1, name="Parent")),
        performers=(
            Performer(id=9, name="Zoe", image_path="http://h/performer/9/image?t=1&default=true"),
            Performer(id=3, name="Ann", image_path=""),
        ),
        tags=(Named(id=5, name="One"), Named(id=4, name="Two")),
        groups=(Named(id=7, name="Group"),),
        files=(SceneFile(path="/data/b.mp4", size=4379), SceneFile(path="/data/a.mp4", size=5_000_000_000)),
        screenshot_url="http://127.0.0.1:9999/scene/12/screenshot?t=1795372111",
    )


def test_missing_values_are_empty() -> None:
    empty = dict.fromkeys(set(answer()) - {"id", "organized"})
    scene = parse_scene(answer(**empty))
    assert (scene.title, scene.details, scene.date, scene.director, scene.screenshot_url) == ("",) * 5
    assert (scene.rating100, scene.studio) == (None, None)
    assert (scene.performers, scene.tags, scene.groups, scene.files) == ((),) * 4


def test_studio_may_have_no_parent() -> None:
    studio = parse_scene(answer(studio={"id": "2", "name": "S", "parent_studio": None})).studio
    assert studio == Studio(id=2, name="S", parent=None)


@pytest.mark.parametrize("rating", [0, 101, -5])
def test_odd_ratings_that_stash_accepts_are_kept(rating: int) -> None:
    assert parse_scene(answer(rating100=rating)).rating100 == rating


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"id": None}, "id"),
        ({"id": "x"}, "id"),
        ({"title": 5}, "title"),
        ({"rating100": "high"}, "rating100"),
        ({"rating100": True}, "rating100"),
        ({"organized": None}, "organized"),
        ({"organized": "true"}, "organized"),
        ({"studio": "S"}, "object"),
        ({"studio": {"name": "S"}}, "id"),
        ({"performers": {"id": 1}}, "performers"),
        ({"performers": ["Zoe"]}, "object"),
        ({"groups": [{"id": "7", "name": "G"}]}, "object"),
        ({"files": [{"path": "/a", "size": None}]}, "size"),
        ({"paths": "/scene/1"}, "object"),
    ],
)
def test_unexpected_shape_is_refused_naming_scene_and_field(change: dict[str, Any], named: str) -> None:
    data = answer(**change)
    with pytest.raises(StashRefused, match=named) as caught:
        parse_scene(data)
    assert f"scene {data['id']}" in str(caught.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING, st.sampled_from(sorted(answer())))
def test_any_shape_is_parsed_or_refused(anything: object, key: str) -> None:
    for data in (anything, answer(**{key: anything})):
        try:
            scene = parse_scene(data)
        except StashRefused:
            continue
        assert isinstance(scene, Scene)
