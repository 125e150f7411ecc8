"""What PlexSync knows of a scene's cover and of the pictures of its items, and what follows from it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plex.model import Pictures
    from stash.client import Picture

MAX_BYTES = 10_480_000  # Plex answers a larger upload with 500
# How many of an item's earlier covers are remembered.
MOST_EARLIER = 100
_PLACEHOLDER_TYPE = "image/svg+xml"  # Stash's covers are never vector graphics, its placeholder is one
# The first bytes of the formats that Plex shows.
_MAGIC_BYTES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")
_SHA1_DIGITS = 40
_OLD_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A scene's cover, as last read.

    `updated_at`: the scene's, as Stash writes it; "" if the cover was read in the second of that time, in which it may
    have changed again. `etag`: Stash's. `digest`: of the cover's bytes (`digest_of`, or
    `old_digest_of` if an older version read it), "" if there is nothing that Plex could show.
    """

    updated_at: str
    etag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerPicture:
    """What an item showed before PlexSync first chose its picture, and whether the field was locked.

    `key`: of the picture; "" if nobody had chosen one, so that Plex did.
    """

    key: str
    is_locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What PlexSync did to an item's picture of one kind. Pictures are named by their digests, as in `Cover`.

    `shown`: the picture that PlexSync made Plex show, "" while it is unknown whether that worked. `withheld`: the
    picture that it did not send because a person had chosen another one. `refused`: the picture that a proxy found too
    large, and the proxy's address. `ours`: the keys of the pictures that Plex may show because PlexSync sent them.
    `keys_before`: the keys in Plex before an upload by an older version, which did not know its key; None: no such.
    `former`: None if it is not known, since an older version sent the first picture. `earlier`: the keys of pictures
    that PlexSync made Plex show before, which Plex keeps.
    """

    shown: str = ""
    withheld: str = ""
    refused: str = ""
    ours: tuple[str, ...] = ()
    keys_before: tuple[str, ...] | None = None
    former: FormerPicture | None = None
    earlier: tuple[str, ...] = ()

    @property
    def is_first(self) -> bool:
        """Whether PlexSync has not chosen a picture for this item yet."""
        return not (self.shown or self.ours or self.keys_before is not None)

    def needs_update(self, digest: str, *, keep_plex_edits: bool) -> bool:
        """Whether Plex still has to be made to show this picture. `keep_plex_edits`: a person's choice stays."""
        if not digest or (keep_plex_edits and self.withheld == digest):
            return False
        return self.shown != digest

    @property
    def has_seen_lock(self) -> bool:
        """Whether the lock of the picture shown was seen, or is going to be: older versions did not look."""
        return len(self.shown) == _SHA1_DIGITS

    def renamed(self, old_digest: str, digest: str) -> Upload:
        """The same, but a picture that an older version named `old_digest` is named `digest`."""
        names = {old_digest: digest}
        return replace(
            self, shown=names.get(self.shown, self.shown), withheld=names.get(self.withheld, self.withheld)
        )

    def showing(self, digest: str, key: str) -> Upload:
        """The state once Plex shows this picture."""
        earlier = [each for each in dict.fromkeys((*self.earlier, *self.ours)) if each != key]
        return Upload(shown=digest, ours=(key,), former=self.former, earlier=tuple(earlier[-MOST_EARLIER:]))

    def sending(self, key: str) -> Upload:
        """The state before Plex is asked to show the picture with this key."""
        return replace(self, shown="", ours=tuple(dict.fromkeys((*self.ours, key))))


def resolve_key(upload: Upload, current: Pictures) -> Upload:
    """Find the key of an older version's upload among the pictures now in Plex."""
    if upload.keys_before is None:
        return upload
    new = [key for key in current.uploads if key not in upload.keys_before]
    # If there are several, the selected one came last, so somebody else uploaded it.
    found = (min(new, key=lambda key: key == current.selected),) if new else ()
    return replace(upload, ours=(*upload.ours, *found), keys_before=None)


def is_manual_choice(upload: Upload, current: Pictures, wanted_key: str) -> bool:
    """Whether a person chose the selected picture of a locked field: neither PlexSync's nor the one wanted anyway."""
    return current.selected not in ("", wanted_key, *upload.ours)


def reason_not_to_send(picture: Picture) -> str:
    """Why Plex cannot show the picture; "" if it can, and for Stash's placeholder, which is not a cover."""
    content = picture.content
    if picture.content_type == _PLACEHOLDER_TYPE:
        return ""
    if len(content) > MAX_BYTES:
        return f"the cover has more than {MAX_BYTES // 1_000_000} MB, which Plex does not take; it was not sent"
    if not is_image(content):
        return f"the cover is not a picture that Plex can show ({picture.content_type or 'unknown'}); it was not sent"
    return ""


def reason_refused(content: bytes) -> str:
    """What the user reads about a picture that a proxy refused with 413."""
    return (
        f"the cover has {len(content):,} bytes, more than a proxy before Plex takes (413); it was not sent. Raise the "
        'proxy\'s limit or set "Plex address" to Plex\'s own address; it is tried again when the cover or the address '
        "changes"
    )


def is_image(content: bytes) -> bool:
    """Whether the first bytes are those of a JPEG, PNG, GIF, BMP, WebP or AVIF."""
    is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_webp or content[4:12] == b"ftypavif" or content.startswith(_MAGIC_BYTES)


def digest_of(picture: Picture) -> str:
    """The SHA-1 of the picture's bytes, from which Plex makes its key; "" if the picture must not be sent."""
    if picture.content_type == _PLACEHOLDER_TYPE or reason_not_to_send(picture):
        return ""
    return hashlib.sha1(picture.content, usedforsecurity=False).hexdigest()


def old_digest_of(picture: Picture) -> str:
    """The picture's name in ledgers of older versions."""
    return hashlib.sha256(picture.content).hexdigest()[:_OLD_DIGITS]
