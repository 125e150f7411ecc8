"""Pictures fetched from Stash: covers, the placeholder, and failures."""

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


def test_picture_has_type_and_etag_and_is_none_if_unchanged() -> None:
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
def test_request_and_login_go_only_to_the_known_address_of_stash(address: str) -> None:
    with client_of(picture) as (fake, client):
        assert client.fetch_picture(address) is not None
    assert fake.asked[0].path == "/scene/1/screenshot?t=5"
    assert fake.asked[0].headers["Cookie"] == f"session={COOKIE}"


@pytest.mark.parametrize("address", ["", "http://evil.example.org/x.png", "/logout", "/scene/1/../../x"])
def test_address_of_anything_else_is_refused_without_a_request(address: str) -> None:
    with client_of(picture) as (fake, client), pytest.raises(StashRefused):
        client.fetch_picture(address)
    assert fake.asked == []


def test_placeholder_is_returned_unchanged() -> None:
    with client_of(Answer(body=b"<svg/>", headers={"Content-Type": "image/svg+xml"})) as (_, client):
        assert client.fetch_picture("/scene/1/screenshot") == Picture(
            content=b"<svg/>", content_type="image/svg+xml", etag=""
        )


@pytest.mark.parametrize("answer", [Answer(status=401), REDIRECT, LOGIN_PAGE])
def test_rejected_login_is_stash_login_needed(answer: Answer) -> None:
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
def test_failed_picture_is_refused_unless_stash_is_unavailable(answer: Answer, error: type[Exception]) -> None:
    with client_of(answer) as (_, client), pytest.raises(error):
        client.fetch_picture("/scene/1/screenshot")


def test_picture_over_10_mb_is_read_up_to_one_byte_too_many() -> None:
    with client_of(Answer(body=bytes(PICTURE_LIMIT_BYTES + 100_000))) as (_, client):
        found = client.fetch_picture("/scene/1/screenshot")
    assert found is not None
    assert len(found.content) == PICTURE_LIMIT_BYTES == 10 * 1024 * 1024 + 1
