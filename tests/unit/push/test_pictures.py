"""Which pictures are sent, whose choice the picture in Plex is, and what older versions stored about uploads."""

from __future__ import annotations

import hashlib
import json

import pytest

from plex.model import Pictures, upload_key
from push.cover import (
    MAX_BYTES,
    FormerPicture,
    Upload,
    digest_of,
    is_manual_choice,
    old_digest_of,
    reason_not_to_send,
    resolve_key,
)
from push.picture_store import upload_from, upload_to_text
from stash.client import Picture

RED, BLUE, MANUAL = "upload://posters/red", "upload://posters/blue", "upload://posters/manual"
AGENT = "media://1/thumb1.jpg"
JPEG = b"\xff\xd8\xff" + b"x" * 100


def pictures(*uploads: str, selected: str = AGENT) -> Pictures:
    return Pictures(uploads=uploads, selected=selected)


def picture(content: bytes = JPEG, content_type: str = "image/jpeg") -> Picture:
    return Picture(content=content, content_type=content_type, etag="e")


def old_upload(
    *, shown: str = "", sent: str = "", before: tuple[str, ...] = (), keys: dict[str, str] | None = None,
    kept_from: str = "",
) -> Upload:
    """An upload as a version stored it that learned the key of an upload from a later listing."""
    row = {"shown": shown, "kept_from": kept_from, "sent": sent, "before": before, "keys": keys or {}}
    return upload_from(json.dumps(row))


def test_a_picture_needs_an_update_until_it_is_known_to_be_shown() -> None:
    assert Upload().needs_update("red", keep_plex_edits=False)
    assert Upload(shown="red").sending(BLUE).needs_update("red", keep_plex_edits=False)
    assert not Upload(shown="red").needs_update("red", keep_plex_edits=False)
    assert Upload(shown="red").needs_update("blue", keep_plex_edits=False)


def test_a_scene_without_a_cover_needs_no_update() -> None:
    assert not Upload(shown="red").needs_update("", keep_plex_edits=False)


@pytest.mark.parametrize(
    ("upload", "current", "is_manual"),
    [
        (Upload(), pictures(BLUE, selected=BLUE), False),
        (Upload(), pictures(MANUAL, selected=MANUAL), True),
        (Upload(), pictures(selected=""), False),
        (Upload(shown="red", ours=(RED,)), pictures(RED, selected=RED), False),
        (Upload(shown="red", ours=(RED,)), pictures(RED, selected=AGENT), True),
        (Upload(shown="red", ours=(RED,)).sending(BLUE), pictures(RED, selected=RED), False),
        (Upload(shown="red", ours=(RED,)).sending(MANUAL), pictures(RED, MANUAL, selected=MANUAL), False),
    ],
    ids=[
        "the cover, from elsewhere", "another upload before ours", "nothing", "ours", "back to the agent's",
        "ours, if the answer is lost", "the one whose answer is lost",
    ],
)  # fmt: skip
def test_a_locked_picture_that_is_not_ours_is_a_manual_choice(
    upload: Upload, current: Pictures, is_manual: bool
) -> None:
    assert is_manual_choice(upload, current, wanted_key=BLUE) is is_manual


def test_a_kept_choice_is_checked_again_only_for_another_cover() -> None:
    kept = Upload(withheld="blue")
    assert not kept.needs_update("blue", keep_plex_edits=True)
    assert kept.needs_update("blue", keep_plex_edits=False)
    assert kept.needs_update("green", keep_plex_edits=True)


def test_what_is_stored_is_read_back() -> None:
    full = Upload(shown="a", withheld="b", refused="c d", ours=(RED, BLUE), keys_before=(MANUAL,))
    for upload in (Upload(), full, Upload(former=FormerPicture(key=MANUAL, is_locked=True), earlier=(RED,))):
        assert upload_from(upload_to_text(upload)) == upload


@pytest.mark.parametrize("text", ['{"shown": "", "withheld": "", "refused": "", "ours": [], "keys_before": null}'])
def test_a_picture_of_a_version_that_stored_no_former_one_has_none(text: str) -> None:
    assert upload_from(text) == Upload()


def test_only_a_picture_that_plexsync_has_not_chosen_yet_is_the_first() -> None:
    assert Upload(withheld="red", refused="red here").is_first
    assert not any(each.is_first for each in (Upload(shown="red"), Upload(ours=(RED,)), Upload(keys_before=())))


# What older versions stored


def test_an_old_upload_without_an_answer_needs_an_update() -> None:
    assert old_upload(sent="red").needs_update("red", keep_plex_edits=False)
    assert old_upload(shown="red", sent="blue").needs_update("red", keep_plex_edits=False)
    assert not old_upload(shown="red", sent="red").needs_update("red", keep_plex_edits=False)
    assert not old_upload(kept_from="red").needs_update("red", keep_plex_edits=True)


def test_a_new_key_is_that_of_an_old_upload() -> None:
    upload = resolve_key(old_upload(shown="red", sent="blue", before=(RED,)), pictures(RED, BLUE, selected=BLUE))
    assert upload == Upload(ours=(BLUE,))
    assert resolve_key(upload, pictures(MANUAL, selected=MANUAL)) == upload


def test_an_old_upload_that_never_arrived_has_no_key() -> None:
    upload = resolve_key(old_upload(shown="red", sent="blue", before=(RED,), keys={"red": RED}), pictures(RED))
    assert upload == Upload(ours=(RED,))


def test_of_several_new_keys_the_selected_one_is_not_ours() -> None:
    current = pictures(MANUAL, RED, selected=MANUAL)
    resolved = resolve_key(old_upload(sent="red", shown="red"), current)
    assert resolved.ours == (RED,)
    assert is_manual_choice(resolved, current, wanted_key=BLUE)


def test_an_earlier_old_upload_is_ours() -> None:
    upload = old_upload(shown="blue", keys={"red": RED, "blue": BLUE})
    assert not is_manual_choice(upload, pictures(RED, BLUE, selected=RED), wanted_key=MANUAL)


def test_a_picture_that_an_older_version_sent_is_recognised_by_its_bytes() -> None:
    old, new = old_digest_of(picture()), digest_of(picture())
    upload = old_upload(shown=old, sent=old)
    assert not upload.has_seen_lock
    assert upload.renamed(old, new).shown == new
    assert upload.renamed(old, new).has_seen_lock
    assert not old_upload(shown=old).renamed(old, new).needs_update(new, keep_plex_edits=False)
    assert old_upload(kept_from=old).renamed(old, new).withheld == new
    assert upload.renamed("other", new) == upload


# What is sent


def test_the_key_of_an_upload_is_made_from_its_bytes() -> None:
    sha1 = hashlib.sha1(JPEG, usedforsecurity=False).hexdigest()
    assert upload_key("arts", digest_of(picture())) == f"upload://arts/{sha1}"


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
    [(JPEG + b"x" * MAX_BYTES, "10 MB"), (b"%PDF-1.4", "not a picture"), (b"", "not a picture")],
    ids=["large", "pdf", "empty"],
)
def test_a_picture_that_plex_cannot_show_is_not_sent_and_the_reason_is_given(content: bytes, words: str) -> None:
    assert digest_of(picture(content)) == ""
    assert words in reason_not_to_send(picture(content))


def test_ten_megabytes_are_not_too_large() -> None:
    assert digest_of(picture(JPEG.ljust(MAX_BYTES, b"x")))
