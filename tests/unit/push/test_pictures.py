"""How uploads are traced by their keys, and which pictures are sent."""

from __future__ import annotations

import pytest

from plex.model import Pictures
from push.cover import MAX_BYTES, Upload, digest_of, is_manual_choice, reason_not_to_send, resolve_upload
from stash.client import Picture

RED, BLUE, MANUAL = "upload://posters/red", "upload://posters/blue", "upload://posters/manual"
AGENT = "media://1/thumb1.jpg"
JPEG = b"\xff\xd8\xff" + b"x" * 100


def pictures(*uploads: str, selected: str = AGENT) -> Pictures:
    return Pictures(uploads=uploads, selected=selected)


def picture(content: bytes = JPEG, content_type: str = "image/jpeg") -> Picture:
    return Picture(content=content, content_type=content_type, etag="e")


def test_a_picture_needs_an_update_until_it_is_known_to_be_shown() -> None:
    assert Upload().needs_update("red", keep_plex_edits=False)
    assert Upload(unresolved="red").needs_update("red", keep_plex_edits=False)
    assert not Upload(unresolved="red", shown="red").needs_update("red", keep_plex_edits=False)
    assert Upload(unresolved="red", shown="red").needs_update("blue", keep_plex_edits=False)


def test_an_unresolved_upload_leaves_the_earlier_picture_in_doubt() -> None:
    assert Upload(shown="red", unresolved="blue").needs_update("red", keep_plex_edits=False)


def test_a_scene_without_a_cover_needs_no_update() -> None:
    assert not Upload(shown="red").needs_update("", keep_plex_edits=False)


def test_a_new_key_confirms_an_upload_whose_answer_was_lost() -> None:
    upload = Upload(unresolved="blue", keys_before=(RED,), shown="red")
    assert resolve_upload(upload, pictures(RED, BLUE, selected=BLUE)) == Upload(shown="blue", keys={"blue": BLUE})


def test_an_upload_that_never_arrived_leaves_the_shown_picture() -> None:
    upload = Upload(unresolved="blue", keys_before=(RED,), shown="red")
    assert resolve_upload(upload, pictures(RED)) == Upload(shown="red")


def test_an_upload_that_plex_lost_is_no_longer_shown() -> None:
    assert resolve_upload(Upload(unresolved="red", shown="red"), pictures()) == Upload()


def test_of_several_new_keys_the_selected_one_is_not_ours() -> None:
    resolved = resolve_upload(Upload(unresolved="red", shown="red"), pictures(MANUAL, RED, selected=MANUAL))
    assert resolved.keys == {"red": RED}
    assert is_manual_choice(resolved, pictures(MANUAL, RED, selected=MANUAL))


@pytest.mark.parametrize(
    ("upload", "current", "is_manual"),
    [
        (Upload(), pictures(), False),
        (Upload(), pictures(MANUAL, selected=MANUAL), True),
        (Upload(shown="red", keys={"red": RED}), pictures(RED, selected=RED), False),
        (Upload(shown="red", keys={"red": RED}), pictures(RED, selected=AGENT), True),
        (Upload(keys={"red": RED}), pictures(RED, selected=RED), False),
    ],
    ids=["nothing yet", "a manual one before ours", "ours", "back to the agent's", "an earlier one of ours"],
)
def test_a_picture_that_is_not_ours_is_a_manual_choice(upload: Upload, current: Pictures, is_manual: bool) -> None:
    assert is_manual_choice(upload, current) is is_manual


def test_a_kept_choice_is_checked_again_only_for_another_cover() -> None:
    kept = Upload(withheld="blue")
    assert not kept.needs_update("blue", keep_plex_edits=True)
    assert kept.needs_update("blue", keep_plex_edits=False)
    assert kept.needs_update("green", keep_plex_edits=True)


@pytest.mark.parametrize(
    "content",
    [JPEG, b"\x89PNG\r\n\x1a\n..", b"GIF89a..", b"RIFF....WEBPVP8 ", b"\0\0\0\x1cftypavif"],
    ids=["jpeg", "png", "gif", "webp", "avif"],
)
def test_the_digest_depends_on_the_bytes_alone(content: bytes) -> None:
    assert reason_not_to_send(picture(content)) == ""
    assert digest_of(picture(content)) == digest_of(picture(content, "application/octet-stream"))
    assert digest_of(picture(content)) != digest_of(picture(content + b"."))


def test_the_placeholder_is_not_a_cover_and_causes_no_warning() -> None:
    stand_in = picture(b"<svg/>", "image/svg+xml")
    assert (digest_of(stand_in), reason_not_to_send(stand_in)) == ("", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [(JPEG + b"x" * MAX_BYTES, "10 MB"), (b"%PDF-1.4", "no picture"), (b"", "no picture")],
    ids=["large", "pdf", "empty"],
)
def test_a_picture_that_plex_cannot_show_is_not_sent_and_the_reason_is_given(content: bytes, words: str) -> None:
    assert digest_of(picture(content)) == ""
    assert words in reason_not_to_send(picture(content))


def test_ten_megabytes_are_not_too_large() -> None:
    assert digest_of(picture(JPEG.ljust(MAX_BYTES, b"x")))
