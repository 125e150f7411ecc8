"""Pictures of items, with the simulated server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexServerDown, PlexServerError, Rejected
from plex.model import upload_key
from sim.faults import Fault
from sim.plex.simulator import PlexSim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plex.model import PictureKind

TOKEN = "right"
RED, BLUE = b"\xff\xd8\xff red", b"\xff\xd8\xff blue"


@pytest.fixture
def sim() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as server:
        server.add_item(server.add_section("Movies", locations=["/media"]), files=[("/media/a.mp4", 1)])
        yield server


@pytest.fixture
def client(sim: PlexSim) -> Iterator[PlexClient]:
    made = PlexClient(PlexConnection(url=sim.url, token=TOKEN, connect_timeout_s=2, read_timeout_s=2))
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "lock"), [("posters", "thumb"), ("arts", "art")])
def test_an_uploaded_picture_is_listed_selected_and_locked(
    sim: PlexSim, client: PlexClient, kind: PictureKind, lock: str
) -> None:
    assert client.list_pictures(1, kind).uploads == ()
    client.upload_picture(1, kind, RED)
    there = client.list_pictures(1, kind)
    assert there.uploads == (there.selected,)
    pictures = {"posters": sim.item(1).posters, "arts": sim.item(1).arts}
    assert [picture.data for picture in pictures[kind]] == [RED]
    assert sim.item(1).locked == {lock}


@pytest.mark.parametrize("kind", ["posters", "arts"])
def test_the_key_of_an_upload_is_known_from_its_bytes(client: PlexClient, kind: PictureKind) -> None:
    key = upload_key(kind, hashlib.sha1(RED, usedforsecurity=False).hexdigest())
    for _ in range(2):
        client.upload_picture(1, kind, RED)
        there = client.list_pictures(1, kind)
        assert (there.uploads, there.selected) == ((key,), key)


def test_fields_of_many_items_are_locked_in_one_put(sim: PlexSim, client: PlexClient) -> None:
    section = sim.item(1).section_key
    keys = [1, *(sim.add_item(section, files=[(f"/media/{number}.mp4", number)]) for number in range(2, 101))]
    untouched = sim.add_item(section, files=[("/media/other.mp4", 1)])
    client.lock_fields(section, keys, ("art", "thumb"))
    assert len(sim.requests) == 1
    assert {sim.item(key).locked for key in keys} == {frozenset({"art", "thumb"})}
    assert sim.item(untouched).locked == frozenset()
    client.lock_fields(section, keys[1:], ("art", "collection"), is_locked=False)
    assert {sim.item(key).locked for key in keys[1:]} == {frozenset({"thumb"})}
    assert sim.item(1).locked == {"art", "thumb"}


def test_a_picture_that_is_too_large_for_a_proxy_is_rejected(sim: PlexSim, client: PlexClient) -> None:
    sim.quirks.body_bytes = len(RED) - 1
    with pytest.raises(Rejected) as caught:
        client.upload_picture(1, "posters", RED)
    assert caught.value.status == 413


@pytest.mark.parametrize("kind", ["posters", "arts"])
def test_an_earlier_upload_can_be_selected_again(client: PlexClient, kind: PictureKind) -> None:
    client.upload_picture(1, kind, RED)
    red = client.list_pictures(1, kind).selected
    client.upload_picture(1, kind, BLUE)
    assert client.list_pictures(1, kind).selected != red
    client.select_picture(1, kind, red)
    assert client.list_pictures(1, kind).selected == red


def test_an_item_that_is_gone_is_rejected(client: PlexClient) -> None:
    for ask in (
        lambda: client.list_pictures(9, "posters"),
        lambda: client.upload_picture(9, "posters", RED),
        lambda: client.select_picture(9, "posters", "upload://posters/none"),
    ):
        with pytest.raises(Rejected) as caught:
            ask()
        assert caught.value.status == 404


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.dropped(after=True), PlexServerDown),
        (Fault.answer(500), PlexServerError),
        (Fault.html(), PlexServerError),
    ],
)
def test_an_upload_that_fails_raises_its_error(
    sim: PlexSim, client: PlexClient, fault: Fault, error: type[Exception]
) -> None:
    sim.fault(fault, method="POST")
    with pytest.raises(error) as caught:
        client.upload_picture(1, "posters", RED)
    assert TOKEN not in str(caught.value)
