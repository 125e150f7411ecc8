"""A Stash whose schema lacks what a query asks for, as an older version does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stash.errors import StashLacks
from tests.support.fake_stash import Answer, Asked, as_json, client_of

if TYPE_CHECKING:
    from collections.abc import Callable

NEEDED = ("files", "performers", "updated_at")
SCENE: dict[str, object] = {
    "id": "1", "title": "", "details": "", "date": None, "director": "", "rating100": None, "organized": False,
    "updated_at": "2026-01-01T00:00:00Z", "paths": {}, "studio": None, "performers": [], "tags": [], "files": [],
}  # fmt: skip


class OldStash:
    """Lacks these fields of scenes; `version` can be changed."""

    def __init__(self, *lacking: str) -> None:
        self.version = "v0.26.2"
        self.lacking = lacking

    def __call__(self, asked: Asked) -> Answer:
        query = asked.body["query"]
        if "configuration" in query:
            version = {"version": self.version}
            return as_json({"data": {"configuration": {"general": {}, "plugins": {}}, "version": version}})
        for field in self.lacking:
            if field in query:
                return lacks(f'Cannot query field "{field}" on type "Scene".')
        groups = [{"group": {"id": "3", "name": "Series"}}]
        return as_json({"data": {"s1": SCENE if "groups" in self.lacking else {**SCENE, "groups": groups}}})


def lacks(message: str) -> Answer:
    extensions = {"code": "GRAPHQL_VALIDATION_FAILED"}
    return as_json({"errors": [{"message": message, "extensions": extensions}], "data": None}, 422)


def test_scenes_are_read_without_the_groups_that_stash_lacks() -> None:
    with client_of(OldStash("groups")) as (fake, client):
        assert client.read_scenes([1])[1].groups == ()
        assert client.read_scenes([1])[1].groups == ()
    assert ["groups" in asked.body["query"] for asked in fake.asked] == [True, False, False]


def test_an_updated_stash_is_asked_for_everything_again() -> None:
    stash = OldStash("groups")
    with client_of(stash) as (_, client):
        client.fetch_configuration()
        client.read_scenes([1])
        stash.version, stash.lacking = "v0.27.0", ()
        client.fetch_configuration()
        assert [group.name for group in client.read_scenes([1])[1].groups] == ["Series"]


@pytest.mark.parametrize("lacking", [*((field,) for field in NEEDED), ("groups", "files")])
def test_a_field_that_is_needed_is_named(lacking: tuple[str, ...]) -> None:
    with client_of(OldStash(*lacking)) as (_, client), pytest.raises(StashLacks) as caught:
        client.read_scenes([1])
    assert "needs Stash 0.26 or newer" in str(caught.value)
    assert f'"{lacking[-1]}"' in str(caught.value)


@pytest.mark.parametrize("message", ['Unknown argument "x" on field "Query.findScenes".', "x" * 100_000, "two\nlines"])
@pytest.mark.parametrize("ask", [lambda client: client.fetch_configuration(), lambda client: client.read_scenes([1])])
def test_whatever_does_not_fit_the_schema_is_named_in_one_short_line(
    message: str, ask: Callable[[object], object]
) -> None:
    with client_of(lacks(message)) as (fake, client), pytest.raises(StashLacks) as caught:
        ask(client)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 450
    assert len(fake.asked) == 1
