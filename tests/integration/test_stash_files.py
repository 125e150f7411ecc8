"""Scenes that Stash finds by the names of their files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stash.errors import StashRefused
from tests.support.fake_stash import as_json, client_of

if TYPE_CHECKING:
    from tests.support.fake_stash import Answer, Asked


class Listing:
    """Each name is that of the scenes 1 to 1005; the name `rare` only that of scene 7."""

    def __init__(self) -> None:
        self.ids = {'"common"': list(range(1, 1006)), '"rare"': [7]}

    def __call__(self, asked: Asked) -> Answer:
        values = asked.body["variables"]
        positions = re.findall(r"(n\d+): findScenes\(.*?\bid: {value: (\d+), mod", asked.body["query"], re.DOTALL)
        found = {}
        for key, last in positions:
            ids = [each for each in self.ids.get(values[key], []) if each > int(last)]
            rows = [{"id": str(each), "files": [{"path": f"/{each}", "size": 5}]} for each in ids]
            found[key] = {"scenes": rows[: values["per_page"]]}
        return as_json({"data": found})


def test_files_are_found_by_name_page_by_page() -> None:
    with client_of(Listing()) as (fake, client):
        found = client.files_by_name(["common", "rare"])
    assert sorted(found) == list(range(1, 1006))
    assert (found[7][0].path, found[7][0].size) == ("/7", 5)
    assert [sorted(asked.body["variables"]) for asked in fake.asked] == [["n0", "n1", "per_page"], ["n0", "per_page"]]


def test_scenes_deleted_between_two_pages_hide_no_others() -> None:
    listing = Listing()

    def answer(asked: Asked) -> Answer:
        try:
            return listing(asked)
        finally:
            del listing.ids['"common"'][:5]

    with client_of(answer) as (_, client):
        assert sorted(client.files_by_name(["common"])) == list(range(1, 1006))


@pytest.mark.parametrize(("names", "queries"), [(0, 0), (1, 1), (25, 1), (26, 2)])
def test_many_names_are_asked_for_at_once(names: int, queries: int) -> None:
    with client_of(Listing()) as (fake, client):
        assert client.files_by_name([f"name {number}" for number in range(names)]) == {}
    assert len(fake.asked) == queries


def test_a_list_of_files_in_another_shape_is_refused() -> None:
    scene = {"id": "1", "files": [{"path": 5, "size": 1}]}
    answer = as_json({"data": {"n0": {"scenes": [scene]}}})
    with client_of(answer) as (_, client), pytest.raises(StashRefused, match="files"):
        client.files_by_name(["a"])
