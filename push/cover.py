"""What PlexSync knows of a scene's cover and of the pictures of its items, and what follows from it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plex.model import Pictures
    from stash.client import Picture

MAX_BYTES = 10 * 1024 * 1024  # Plex answers a larger upload with 500
_PLACEHOLDER_TYPE = "image/svg+xml"  # Stash's covers are never vector graphics, its placeholder is one
# The first bytes of the formats that Plex shows.
_MAGIC_BYTES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A scene's cover, as last read.

    `updated_at`: the scene's, as Stash writes it. `etag`: Stash's. `digest`: of the cover's bytes, "" if there is
    nothing that Plex could show.
    """

    updated_at: str
    etag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What PlexSync did to an item's picture of one kind. Pictures are identified by the digest of their bytes.

    `shown`: the picture that PlexSync made Plex show. `withheld`: the picture that it did not send because a person had
    chosen another one. `unresolved`: the last upload, until its key is known, and `keys_before`: the keys in Plex
    before it. `keys`: the keys of resolved uploads, by digest.
    """

    shown: str = ""
    withheld: str = ""
    unresolved: str = ""
    keys_before: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)

    def needs_update(self, digest: str, *, keep_plex_edits: bool) -> bool:
        """Whether Plex still has to be made to show this picture. `keep_plex_edits`: a person's choice stays."""
        if not digest or (keep_plex_edits and self.withheld == digest):
            return False
        return self.shown != digest or self.unresolved not in ("", digest)


def resolve_upload(upload: Upload, current: Pictures) -> Upload:
    """Find out from the pictures now in Plex whether the last upload arrived, and under which key."""
    if not upload.unresolved:
        return upload
    new = [key for key in current.uploads if key not in upload.keys_before]
    if not new:
        shown = "" if upload.shown == upload.unresolved else upload.shown
        return replace(upload, shown=shown, unresolved="", keys_before=())
    # If there are several, the selected one came last, so somebody else uploaded it.
    key = min(new, key=lambda key: key == current.selected)
    keys = {**upload.keys, upload.unresolved: key}
    return replace(upload, shown=upload.unresolved, unresolved="", keys_before=(), keys=keys)


def is_manual_choice(upload: Upload, current: Pictures) -> bool:
    """Whether a person replaced PlexSync's picture, or chose an upload of their own before PlexSync sent any."""
    if upload.shown:
        return current.selected != upload.keys.get(upload.shown, current.selected)
    return current.selected in current.uploads and current.selected not in upload.keys.values()


def reason_not_to_send(picture: Picture) -> str:
    """Why Plex cannot show the picture; "" if it can, and for Stash's placeholder, which is not a cover."""
    content = picture.content
    if picture.content_type == _PLACEHOLDER_TYPE:
        return ""
    if len(content) > MAX_BYTES:
        return f"the cover has more than {MAX_BYTES // 1024 // 1024} MB, which Plex does not take; it was not sent"
    if not is_image(content):
        return f"the cover is no picture that Plex could show ({picture.content_type or 'unknown'}); it was not sent"
    return ""


def is_image(content: bytes) -> bool:
    """Whether the first bytes are those of a JPEG, PNG, GIF, BMP, WebP or AVIF."""
    is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_webp or content[4:12] == b"ftypavif" or content.startswith(_MAGIC_BYTES)


def digest_of(picture: Picture) -> str:
    """The digest of the picture's bytes; "" if the picture must not be sent."""
    if picture.content_type == _PLACEHOLDER_TYPE or reason_not_to_send(picture):
        return ""
    return hashlib.sha256(picture.content).hexdigest()[:32]
