"""StashClient against a Stash whose scenes have very long texts."""

from __future__ import annotations

import re

import pytest

from stash.errors import SceneTooLarge
from stash.scene import LONGEST_TEXT
from tests.support.fake_stash import Answer, Asked, as_json, client_of

SCENE = {"id": "1", "title": "T", "organized": False, "updated_at": "2026-11-22T18:28:31Z", "files": []}


def test_scenes_with_very_long_details_are_read_in_smaller_pages() -> None:
    def with_details(asked: Asked) -> Answer:
        ids = re.findall(r"s(\d+): findScene", asked.body["query"])
        return as_json({"data": {f"s{each}": {**SCENE, "id": each, "details": "<b>" * 300_000} for each in ids}})

    with client_of(with_details) as (fake, client):
        scenes = client.read_scenes(range(1, 21))
    assert sorted(scenes) == list(range(1, 21))
    assert len(scenes[1].details) == LONGEST_TEXT
    assert len(fake.asked) > 1


def test_a_scene_about_which_too_much_is_said_is_refused_and_stash_is_not_away() -> None:
    answer = as_json({"data": {"s1": {**SCENE, "details": "x" * 7_000_000}}})
    with client_of(answer) as (_, client), pytest.raises(SceneTooLarge, match="6 MB about scene 1"):
        client.read_scenes([1])
