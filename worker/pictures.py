"""A scene's cover as poster and background of its items: each picture sent once, whatever gets lost on the way.

Plex tells no upload from another and deletes none. So before each one the keys of those there are stored; whether an
upload whose answer was lost has arrived, and under which key, shows in the keys that are new afterwards.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plex.errors import PlexError, Rejected
from stash.errors import StashError
from worker.wanted import picture_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plex.client import PlexClient
    from plex.model import PictureKind, Pictures
    from stash.client import Picture, StashClient
    from stash.scene import Scene
    from stash.settings import Settings
    from worker.picture_store import PictureStore

MOST_BYTES = 10 * 1024 * 1024  # a larger upload is answered with 500
_STAND_IN_TYPE = "image/svg+xml"  # Stash's covers are never vector graphics, its stand-in is one
# What the formats that Plex shows begin with.
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")
_NOT_FOUND = 404


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


def settle(upload: Upload, there: Pictures) -> Upload:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """`is_sent`: something changed in Plex. `problem`: why the cover cannot be sent, in words, or ""."""

    is_sent: bool = False
    problem: str = ""


class PictureFailed(Exception):  # noqa: N818 - named for what became of it, as worker.errors does
    """A cover could not be read or sent; the item's fields are another matter. `cause`: what Plex or Stash said."""

    def __init__(self, cause: PlexError | StashError) -> None:
        super().__init__(f"the cover could not be sent: {cause}")
        self.cause = cause


class PicturePusher:
    """Pushes covers under one set of settings and one connection to Plex."""

    def __init__(self, *, plex: PlexClient, store: PictureStore, settings: Settings) -> None:
        self._plex = plex
        self._store = store
        self._kinds = picture_kinds(settings)
        self._keep = settings.keep_plex_edits

    def push(self, scene: Scene, rating_keys: Sequence[int], stash: StashClient, *, is_edited: bool) -> Covered:
        """Show the scene's cover on these items. Without `is_edited` only what is known to be due is looked at.

        Raises PictureFailed; Rejected (404) for an item that is gone; LocalStorage.
        """
        if not self._kinds or not rating_keys or not scene.screenshot_url:
            return Covered()
        cover = self._store.cover(scene.id)
        due = cover is None or self._due(rating_keys, cover.digest)
        # Two edits within a second bear the same time, so the time alone does not tell that nothing changed.
        if cover and not due and not is_edited and cover.updated_at == scene.updated_at:
            return Covered()
        try:
            return self._push(scene, rating_keys, stash, None if due else cover)
        except Rejected as error:
            if error.status == _NOT_FOUND:
                raise
            raise PictureFailed(error) from error
        except (PlexError, StashError) as error:
            raise PictureFailed(error) from error

    def _push(
        self, scene: Scene, rating_keys: Sequence[int], stash: StashClient, known: Cover | None
    ) -> Covered:
        """`known`: the cover that all items show; unless Stash has another one now, there is nothing to do."""
        picture = stash.fetch_picture(scene.screenshot_url, known.etag if known else "")
        if picture is None:
            if known and known.updated_at != scene.updated_at:
                self._store.store_cover(scene.id, replace(known, updated_at=scene.updated_at))
            return Covered()
        digest = digest_of(picture)
        sent = [self._show(key, kind, digest, picture.content) for key, kind in self._due(rating_keys, digest)]
        # Last: until then the cover counts as not looked at.
        self._store.store_cover(scene.id, Cover(updated_at=scene.updated_at, etag=picture.etag, digest=digest))
        return Covered(is_sent=any(sent), problem=reason_not_to_send(picture))

    def _due(self, rating_keys: Sequence[int], digest: str) -> list[tuple[int, PictureKind]]:
        return [
            (key, kind)
            for key in rating_keys
            for kind in self._kinds
            if self._store.upload(key, kind).is_due(digest, keep=self._keep)
        ]

    def _show(self, rating_key: int, kind: PictureKind, digest: str, content: bytes) -> bool:
        """Make the item show this picture; False when a person's choice stays."""
        there = self._plex.list_pictures(rating_key, kind)
        upload = settle(self._store.upload(rating_key, kind), there)
        if self._keep and is_persons_choice(upload, there):
            self._store.store_upload(rating_key, kind, replace(upload, kept_from=digest))
            return False
        known_key = upload.keys.get(digest)
        if upload.shown != digest and known_key in there.uploads:
            self._plex.select_picture(rating_key, kind, known_key)
        elif upload.shown != digest:
            upload = replace(upload, sent=digest, before=there.uploads)
            self._store.store_upload(rating_key, kind, upload)
            self._plex.upload_picture(rating_key, kind, content)
        self._store.store_upload(rating_key, kind, replace(upload, shown=digest, kept_from=""))
        return True
