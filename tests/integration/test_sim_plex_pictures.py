"""The pictures of the simulated Plex: keys by content, choice, locks, sizes."""

from __future__ import annotations

import io
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from plexapi.exceptions import BadRequest

from sim.plex.simulator import PlexSim
from tests.support.plex_by_plexapi import TOKEN, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RED_SHA1 = "78988010b890ce6f4d2136481f392787ec6d6106"  # of b"red"


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media"])
        yield sim


@pytest.fixture
def fetch(plex: PlexSim) -> Callable[[int], Any]:
    fetch_item: Callable[[int], Any] = connect(plex).fetchItem
    return fetch_item


def add(plex: PlexSim) -> int:
    return plex.add_item(1, files=[("/media/A film.mp4", 10)])


def test_the_key_of_an_upload_is_the_hash_of_its_bytes_so_the_same_bytes_are_one_picture(
    plex: PlexSim, fetch: Callable[[int], Any]
) -> None:
    key = add(plex)
    names = {kind: f"upload://{kind}/{RED_SHA1}" for kind in ("posters", "arts")}
    for picture in (b"red", b"blue", b"red"):
        fetch(key).uploadPoster(filepath=io.BytesIO(picture))
    fetch(key).uploadArt(filepath=io.BytesIO(b"red"))
    posters = fetch(key).posters()
    assert [poster.selected for poster in posters] == [False, True, False]
    assert posters[1].ratingKey == names["posters"]
    assert [poster.data for poster in plex.item(key).posters] == [b"red", b"blue"]
    assert [art.key for art in plex.item(key).arts] == [names["arts"]]


def test_an_uploaded_or_chosen_picture_is_selected_and_locked(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    fetch(key).uploadPoster(filepath=io.BytesIO(b"picture"))
    assert plex.item(key).locked == {"thumb"}
    fetch(key).unlockPoster()
    fetch(key).setPoster(fetch(key).posters()[0])
    assert [poster.selected for poster in fetch(key).posters()] == [True, False]
    assert plex.item(key).locked == {"thumb"}


def test_an_upload_may_leave_the_field_unlocked(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    plex.quirks.uploads_lock = False
    fetch(key).uploadPoster(filepath=io.BytesIO(b"picture"))
    assert (plex.item(key).selected_poster, plex.item(key).locked) == (plex.item(key).posters[0].key, frozenset())
    fetch(key).lockPoster()
    assert plex.item(key).locked == {"thumb"}


def test_a_persons_picture_is_chosen_and_locked(plex: PlexSim) -> None:
    key = add(plex)
    chosen = plex.choose_picture_by_hand(key, "arts", b"hers")
    assert (plex.item(key).selected_art, plex.item(key).locked) == (chosen, frozenset({"art"}))


def test_an_unlocked_poster_goes_back_to_the_agents_own(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    fetch(key).uploadPoster(filepath=io.BytesIO(b"picture"))
    plex.metadata_refresh(key)
    assert plex.item(key).selected_poster == plex.item(key).posters[0].key
    fetch(key).unlockPoster()
    plex.metadata_refresh(key)
    assert plex.item(key).selected_poster == ""
    assert [poster.selected for poster in fetch(key).posters()] == [True, False]


def test_backgrounds_are_separate_from_posters(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    fetch(key).uploadArt(filepath=io.BytesIO(b"wide"))
    item = plex.item(key)
    assert (len(item.arts), len(item.posters), item.locked) == (1, 0, frozenset({"art"}))


@pytest.mark.parametrize(("size", "accepted"), [(10_480_000, True), (10_480_001, False), (0, False)])
def test_a_picture_may_have_about_ten_megabytes(
    plex: PlexSim, fetch: Callable[[int], Any], size: int, accepted: bool
) -> None:
    key = add(plex)
    with nullcontext() if accepted else pytest.raises(BadRequest, match=r"^\(500\)"):
        fetch(key).uploadPoster(filepath=io.BytesIO(b"x" * size))
    assert len(plex.item(key).posters) == int(accepted)


def test_a_picture_by_url_is_fetched_by_the_server(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    fetch(key).uploadPoster(url=f"{plex.url}/identity")
    assert plex.item(key).posters[0].data.startswith(b"<?xml")
    with pytest.raises(BadRequest):
        fetch(key).uploadPoster(url=f"{plex.url}/needs-a-token")
