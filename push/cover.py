"""What is known of a scene's cover and of the pictures of its items, and what follows of it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plex.model import Pictures
    from stash.client import Picture

MOST_BYTES = 10 * 1024 * 1024  # a larger upload is answered with 500
_STAND_IN_TYPE = "image/svg+xml"  # Stash's covers are never vector graphics, its stand-in is one
# What the formats that Plex shows begin with.
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A scene's cover as it was when the scene was as of `updated_at` (Stash's text).

    `digest` is of its bytes, "" when there is nothing that Plex could show; `etag` is Stash's.
    """

    updated_at: str
    etag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What is known of an item's picture of one kind. Pictures are named by the digest of their bytes.

    `shown`: the one that Plex shows by PlexSync's doing. `kept_from`: the one that was not sent, because a person had
    chosen another. `sent`: the last upload, with the keys that were there `before`; its own key is not known yet.
    `keys`: those of earlier uploads, by digest.
    """

    shown: str = ""
    kept_from: str = ""
    sent: str = ""
    before: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)

    def is_due(self, digest: str, *, keep: bool) -> bool:
        """Whether Plex must be asked so that it shows this picture. `keep`: what a person has chosen stays."""
        if not digest or (keep and self.kept_from == digest):
            return False
        return self.shown != digest or self.sent not in ("", digest)


def resolve_upload(upload: Upload, there: Pictures) -> Upload:
    """With what Plex has now: did the last upload arrive, and which key did it get?"""
    if not upload.sent:
        return upload
    new = [key for key in there.uploads if key not in upload.before]
    if not new:
        shown = "" if upload.shown == upload.sent else upload.shown
        return replace(upload, shown=shown, sent="", before=())
    # Of several the chosen one came last, so it is somebody else's.
    key = min(new, key=lambda key: key == there.selected)
    return replace(upload, shown=upload.sent, sent="", before=(), keys={**upload.keys, upload.sent: key})


def is_persons_choice(upload: Upload, there: Pictures) -> bool:
    """Whether somebody chose another picture than PlexSync did, or one of their own before it did anything."""
    if upload.shown:
        return there.selected != upload.keys.get(upload.shown, there.selected)
    return there.selected in there.uploads and there.selected not in upload.keys.values()


def reason_not_to_send(picture: Picture) -> str:
    """What is wrong with a picture; "" for one that Plex can show, and for Stash's stand-in, which is no cover."""
    content = picture.content
    if picture.content_type == _STAND_IN_TYPE:
        return ""
    if len(content) > MOST_BYTES:
        return f"the cover has more than {MOST_BYTES // 1024 // 1024} MB, which Plex does not take; it was not sent"
    if not is_image(content):
        return f"the cover is no picture that Plex could show ({picture.content_type or 'unknown'}); it was not sent"
    return ""


def is_image(content: bytes) -> bool:
    """By its first bytes: JPEG, PNG, GIF, BMP, WebP or AVIF."""
    is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_webp or content[4:12] == b"ftypavif" or content.startswith(_STARTS)


def digest_of(picture: Picture) -> str:
    """The name of the picture's bytes; "" for what is not to be sent."""
    if picture.content_type == _STAND_IN_TYPE or reason_not_to_send(picture):
        return ""
    return hashlib.sha256(picture.content).hexdigest()[:32]
