"""With the settings, Stash is asked in the same query what changed last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sim.stash.simulator import StashSim
from stash.changes import Changed, Newest
from stash.client import StashClient
from stash.connection import StashConnection
from tests.support.recorder import install_recorder
from tests.support.shapes import graphql_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sim.faults import Request

EARLIER, LAST, FUTURE = "2026-01-01T10:00:00+01:00", "2026-01-02T10:00:00+01:00", "2099-01-01T00:00:00+01:00"
NAMED = {"tags": ("t",), "performers": ("p",), "groups": ("g",), "studio": "s"}


@pytest.fixture
def stash(tmp_path: Path) -> Iterator[StashSim]:
    with StashSim(plugin=install_recorder(tmp_path)) as stash:
        for number, at in enumerate((EARLIER, LAST, EARLIER), 1):
            stash.add_scene(f"/data/{number}.mp4", updated_at=at, **NAMED)  # type: ignore[arg-type]
            stash.library.scene(number).files[0].updated_at = at
        yield stash


@pytest.fixture
def client(stash: StashSim) -> Iterator[StashClient]:
    client = StashClient(StashConnection(url=stash.url))
    yield client
    client.close()


def newest(client: StashClient) -> Newest | None:
    return client.fetch_configuration(newest_at=time.time()).newest


def refuse_files(stash: StashSim, message: str, *, status: int) -> None:
    def asks(request: Request) -> bool:
        return "findFiles" in request.first("query")

    stash.fail(graphql_error(message, status=status), when=asks)


def test_the_newest_of_each_list_comes_with_the_settings_in_one_query(stash: StashSim, client: StashClient) -> None:
    found = newest(client)
    assert found is not None
    assert set(found.rows) == set(Changed)
    assert (found.rows[Changed.SCENE], found.rows[Changed.FILE]) == ((2, LAST), (2, LAST))
    assert len(stash.requests) == 1
    assert client.fetch_configuration().newest is None, "not asked"


def test_what_is_dated_in_the_future_does_not_hide_what_follows(stash: StashSim, client: StashClient) -> None:
    stash.library.scene(1).updated_at = FUTURE
    found = newest(client)
    assert found is not None
    assert found.rows[Changed.SCENE] == (2, LAST)


def test_a_list_that_stash_lacks_is_left_out_from_the_next_time_on(stash: StashSim, client: StashClient) -> None:
    refuse_files(stash, 'Cannot query field "findFiles" on type "Query".', status=422)
    assert newest(client) is None
    asked = len(stash.requests)
    found = newest(client)
    assert found is not None
    assert set(found.rows) == set(Changed) - {Changed.FILE}
    assert len(stash.requests) == asked + 1


def test_settings_are_read_although_stash_fails_to_read_a_list(stash: StashSim, client: StashClient) -> None:
    refuse_files(stash, "database disk image is malformed", status=200)
    assert newest(client) is None
    stash.heal()
    assert newest(client) is not None


@pytest.mark.parametrize(("age_s", "is_fresh"), [(0, True), (1, True), (2, False), (60, False)])
def test_more_may_have_changed_in_the_second_of_the_newest(age_s: int, *, is_fresh: bool) -> None:
    at = 1_700_000_000  # 2023-11-14T22:13:20Z
    found = Newest(asked_at=at + age_s, rows={Changed.TAG: (1, "2023-11-14T22:13:20Z")})
    assert found.is_fresh == is_fresh
