"""Scenes that Stash finds by the names of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stash.errors import StashRefused
from tests.support.fake_stash import as_json, client_of

if TYPE_CHECKING:
    from tests.support.fake_stash import Answer, Asked


def listing_files(asked: Asked) -> Answer:
    """Each name is that of the scenes 1 to 1005; the name `rare` only that of scene 7."""
    values = asked.body["variables"]
    first, size = (values["page"] - 1) * values["per_page"], values["per_page"]
    ids = {'"common"': range(1, 1006), '"rare"': [7]}
    found = {
        key: {"scenes": [{"id": str(each), "files": [{"path": f"/{each}", "size": 5}]} for each in listed]}
        for key, value in values.items() if key not in ("page", "per_page")
        for listed in [list(ids.get(value, []))[first : first + size]]
    }  # fmt: skip
    return as_json({"data": found})


def test_files_are_found_by_name_page_by_page() -> None:
    with client_of(listing_files) as (fake, client):
        found = client.files_by_name(["common", "rare"])
    assert sorted(found) == list(range(1, 1006))
    assert (found[7][0].path, found[7][0].size) == ("/7", 5)
    assert [sorted(asked.body["variables"]) for asked in fake.asked] == [
        ["n0", "n1", "page", "per_page"], ["n0", "page", "per_page"]
    ]  # fmt: skip


@pytest.mark.parametrize(("names", "queries"), [(0, 0), (1, 1), (25, 1), (26, 2)])
def test_many_names_are_asked_for_at_once(names: int, queries: int) -> None:
    with client_of(listing_files) as (fake, client):
        assert client.files_by_name([f"name {number}" for number in range(names)]) == {}
    assert len(fake.asked) == queries


def test_a_list_of_files_in_another_shape_is_refused() -> None:
    scene = {"id": "1", "files": [{"path": 5, "size": 1}]}
    answer = as_json({"data": {"n0": {"scenes": [scene]}}})
    with client_of(answer) as (_, client), pytest.raises(StashRefused, match="files"):
        client.files_by_name(["a"])
