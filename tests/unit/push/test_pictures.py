"""What the keys of uploads say about what happened to them."""

from __future__ import annotations

import pytest

from plex.model import Pictures
from push.cover import MOST_BYTES, Upload, digest_of, is_persons_choice, reason_not_to_send, resolve_upload
from stash.client import Picture

RED, BLUE, HERS = "upload://posters/red", "upload://posters/blue", "upload://posters/hers"
AGENTS = "media://1/thumb1.jpg"
JPEG = b"\xff\xd8\xff" + b"x" * 100


def there(*uploads: str, selected: str = AGENTS) -> Pictures:
    return Pictures(uploads=uploads, selected=selected)


def picture(content: bytes = JPEG, content_type: str = "image/jpeg") -> Picture:
    return Picture(content=content, content_type=content_type, etag="e")


def test_a_picture_is_due_until_it_is_known_to_be_shown() -> None:
    assert Upload().is_due("red", keep=False)
    assert Upload(sent="red").is_due("red", keep=False)
    assert not Upload(sent="red", shown="red").is_due("red", keep=False)
    assert Upload(sent="red", shown="red").is_due("blue", keep=False)


def test_an_upload_without_an_answer_keeps_the_earlier_picture_in_doubt() -> None:
    assert Upload(shown="red", sent="blue").is_due("red", keep=False)


def test_no_cover_is_never_due() -> None:
    assert not Upload(shown="red").is_due("", keep=False)


def test_an_upload_whose_answer_was_lost_shows_in_the_new_key() -> None:
    settled = resolve_upload(Upload(sent="blue", before=(RED,), shown="red"), there(RED, BLUE, selected=BLUE))
    assert settled == Upload(shown="blue", keys={"blue": BLUE})


def test_an_upload_that_never_arrived_leaves_what_was_shown() -> None:
    assert resolve_upload(Upload(sent="blue", before=(RED,), shown="red"), there(RED)) == Upload(shown="red")


def test_an_upload_that_plex_has_lost_is_shown_no_more() -> None:
    assert resolve_upload(Upload(sent="red", shown="red"), there()) == Upload()


def test_of_several_new_keys_the_chosen_one_is_somebody_elses() -> None:
    settled = resolve_upload(Upload(sent="red", shown="red"), there(HERS, RED, selected=HERS))
    assert settled.keys == {"red": RED}
    assert is_persons_choice(settled, there(HERS, RED, selected=HERS))


@pytest.mark.parametrize(
    ("upload", "now", "is_hers"),
    [
        (Upload(), there(), False),
        (Upload(), there(HERS, selected=HERS), True),
        (Upload(shown="red", keys={"red": RED}), there(RED, selected=RED), False),
        (Upload(shown="red", keys={"red": RED}), there(RED, selected=AGENTS), True),
        (Upload(keys={"red": RED}), there(RED, selected=RED), False),
    ],
    ids=["nothing yet", "hers before ours", "ours", "back to the agent's", "ours of before"],
)
def test_a_persons_choice_is_what_we_did_not_choose(upload: Upload, now: Pictures, is_hers: bool) -> None:
    assert is_persons_choice(upload, now) is is_hers


def test_a_choice_that_is_kept_is_not_asked_for_again_but_for_another_cover() -> None:
    kept = Upload(kept_from="blue")
    assert not kept.is_due("blue", keep=True)
    assert kept.is_due("blue", keep=False)
    assert kept.is_due("green", keep=True)


@pytest.mark.parametrize(
    "content",
    [JPEG, b"\x89PNG\r\n\x1a\n..", b"GIF89a..", b"RIFF....WEBPVP8 ", b"\0\0\0\x1cftypavif"],
    ids=["jpeg", "png", "gif", "webp", "avif"],
)
def test_pictures_are_named_by_their_bytes(content: bytes) -> None:
    assert reason_not_to_send(picture(content)) == ""
    assert digest_of(picture(content)) == digest_of(picture(content, "application/octet-stream"))
    assert digest_of(picture(content)) != digest_of(picture(content + b"."))


def test_the_stand_in_is_no_cover_and_no_reason_to_complain() -> None:
    stand_in = picture(b"<svg/>", "image/svg+xml")
    assert (digest_of(stand_in), reason_not_to_send(stand_in)) == ("", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [(JPEG + b"x" * MOST_BYTES, "10 MB"), (b"%PDF-1.4", "no picture"), (b"", "no picture")],
    ids=["large", "pdf", "empty"],
)
def test_what_plex_cannot_take_is_not_sent_and_said(content: bytes, words: str) -> None:
    assert digest_of(picture(content)) == ""
    assert words in reason_not_to_send(picture(content))


def test_ten_megabytes_are_not_too_large() -> None:
    assert digest_of(picture(JPEG.ljust(MOST_BYTES, b"x")))
