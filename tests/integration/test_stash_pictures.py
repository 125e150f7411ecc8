"""Pictures fetched from Stash: covers, its stand-in, and what comes instead of one."""

from __future__ import annotations

import pytest

from stash.client import PICTURE_LIMIT_BYTES, Picture
from stash.errors import StashLoginNeeded, StashRefused, StashUnavailable
from tests.support.fake_stash import COOKIE, LOGIN_PAGE, REDIRECT, Answer, Asked, client_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
ETAG = '"5f61f4e642fb5da965c02573ceef65c8"'


def picture(asked: Asked) -> Answer:
    if asked.headers.get("If-None-Match") == ETAG:
        return Answer(status=304, headers={"ETag": ETAG})
    return Answer(body=PNG, headers={"Content-Type": "image/png; x=y", "ETag": ETAG})


def test_a_picture_comes_with_type_and_etag_and_unchanged_as_none() -> None:
    with client_of(picture) as (fake, client):
        found = client.fetch_picture("/scene/1/screenshot?t=5")
        assert found == Picture(content=PNG, content_type="image/png", etag=ETAG)
        assert client.fetch_picture("/scene/1/screenshot?t=6", ETAG) is None
        assert client.fetch_picture("/scene/1/screenshot?t=6", 'W/"old"') == found
        assert client.fetch_picture("/scene/1/screenshot?t=6", 'bad\r\n"etag"') == found
    assert fake.asked[0].path == "/scene/1/screenshot?t=5"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/scene/1/screenshot?t=5",
        "https://stash.example.org/prefix/scene/1/screenshot?t=5",
        "//evil.example.org/scene/1/screenshot?t=5",
    ],
)
def test_login_and_request_go_to_stash_itself_whatever_address_it_names(address: str) -> None:
    with client_of(picture) as (fake, client):
        assert client.fetch_picture(address) is not None
    assert fake.asked[0].path == "/scene/1/screenshot?t=5"
    assert fake.asked[0].headers["Cookie"] == f"session={COOKIE}"


@pytest.mark.parametrize("address", ["", "http://evil.example.org/x.png", "/logout", "/scene/1/../../x"])
def test_an_address_that_is_no_picture_of_stash_is_refused_unasked(address: str) -> None:
    with client_of(picture) as (fake, client), pytest.raises(StashRefused):
        client.fetch_picture(address)
    assert fake.asked == []


def test_the_stand_in_of_stash_is_returned_as_it_is() -> None:
    with client_of(Answer(body=b"<svg/>", headers={"Content-Type": "image/svg+xml"})) as (_, client):
        assert client.fetch_picture("/scene/1/screenshot") == Picture(
            content=b"<svg/>", content_type="image/svg+xml", etag=""
        )


@pytest.mark.parametrize("answer", [Answer(status=401), REDIRECT, LOGIN_PAGE])
def test_a_picture_without_login_is_login_needed(answer: Answer) -> None:
    with client_of(answer) as (_, client), pytest.raises(StashLoginNeeded):
        client.fetch_picture("/scene/1/screenshot")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=404, body=b"Not Found"), StashRefused),
        (Answer(status=500), StashRefused),
        (Answer(status=502, body=b"<html>", headers={"Content-Type": "text/html"}), StashUnavailable),
        (Answer(status=503), StashUnavailable),
        (Answer(body=PNG, headers={"Content-Type": "image/png"}, cut=True), StashUnavailable),
    ],
)
def test_a_failing_picture_concerns_itself_unless_stash_is_away(answer: Answer, error: type[Exception]) -> None:
    with client_of(answer) as (_, client), pytest.raises(error):
        client.fetch_picture("/scene/1/screenshot")


def test_of_a_picture_over_10_mb_one_byte_too_many_is_read() -> None:
    with client_of(Answer(body=bytes(PICTURE_LIMIT_BYTES + 100_000))) as (_, client):
        found = client.fetch_picture("/scene/1/screenshot")
    assert found is not None
    assert len(found.content) == PICTURE_LIMIT_BYTES == 10 * 1024 * 1024 + 1
