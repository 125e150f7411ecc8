"""A scene's cover as poster and background of its items: each picture sent once, whatever gets lost on the way.

Plex tells no upload from another and deletes none. So before each one the keys of those there are stored; whether an
upload whose answer was lost has arrived, and under which key, shows in the keys that are new afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plex.errors import PlexError, Rejected
from push.cover import Cover, digest_of, is_persons_choice, reason_not_to_send, resolve_upload
from push.fields import picture_kinds
from stash.errors import StashError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plex.client import PlexClient
    from plex.model import PictureKind
    from push.picture_store import PictureStore
    from stash.client import StashClient
    from stash.scene import Scene
    from stash.settings import Settings

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """`is_sent`: something changed in Plex. `problem`: why the cover cannot be sent, in words, or ""."""

    is_sent: bool = False
    problem: str = ""


class PictureFailed(Exception):  # noqa: N818 - named for what became of it, as our other errors are
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
        upload = resolve_upload(self._store.upload(rating_key, kind), there)
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
