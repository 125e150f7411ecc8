"""Makes a scene's cover the poster and background of its items, sending each picture once even if answers get lost.

Plex cannot tell uploads apart and never deletes any. So the keys in Plex are stored before each upload: if its answer
is lost, the keys that are new afterwards tell whether it arrived, and under which key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plex.errors import PlexError, Rejected
from push.cover import Cover, digest_of, is_manual_choice, reason_not_to_send, resolve_upload
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
class CoverResult:
    """`has_changed_plex`: whether a picture in Plex was changed. `problem`: why the cover cannot be sent, or ""."""

    has_changed_plex: bool = False
    problem: str = ""


class PictureFailed(Exception):  # noqa: N818 - named for what happened, like our other errors
    """A cover could not be read or sent; the item's fields are not affected. `cause`: the error of Plex or Stash."""

    def __init__(self, cause: PlexError | StashError) -> None:
        super().__init__(f"the cover could not be sent: {cause}")
        self.cause = cause


class PicturePusher:
    """Pushes covers with one set of settings and one connection to Plex."""

    def __init__(self, *, plex: PlexClient, store: PictureStore, settings: Settings) -> None:
        self._plex = plex
        self._store = store
        self._kinds = picture_kinds(settings)
        self._keep_plex_edits = settings.keep_plex_edits

    def push(self, scene: Scene, rating_keys: Sequence[int], stash: StashClient, *, is_edited: bool) -> CoverResult:
        """Show the scene's cover on these items. `is_edited`: the cover may have changed even if its time did not.

        Raises PictureFailed; Rejected (404) for an item that is gone; LocalStorage.
        """
        if not self._kinds or not rating_keys or not scene.screenshot_url:
            return CoverResult()
        cover = self._store.cover(scene.id)
        needs_update = cover is None or self._outdated(rating_keys, cover.digest)
        # Two edits within one second have the same time, so an equal time does not prove that nothing changed.
        if cover and not needs_update and not is_edited and cover.updated_at == scene.updated_at:
            return CoverResult()
        try:
            return self._push(scene, rating_keys, stash, None if needs_update else cover)
        except Rejected as error:
            if error.status == _NOT_FOUND:
                raise
            raise PictureFailed(error) from error
        except (PlexError, StashError) as error:
            raise PictureFailed(error) from error

    def _push(
        self, scene: Scene, rating_keys: Sequence[int], stash: StashClient, known: Cover | None
    ) -> CoverResult:
        """`known`: the cover that all items show. If Stash still has the same one, there is nothing to do."""
        picture = stash.fetch_picture(scene.screenshot_url, known.etag if known else "")
        if picture is None:
            if known and known.updated_at != scene.updated_at:
                self._store.store_cover(scene.id, replace(known, updated_at=scene.updated_at))
            return CoverResult()
        digest = digest_of(picture)
        changed = [self._show(key, kind, digest, picture.content) for key, kind in self._outdated(rating_keys, digest)]
        # Stored last: until then the cover counts as not pushed.
        self._store.store_cover(scene.id, Cover(updated_at=scene.updated_at, etag=picture.etag, digest=digest))
        return CoverResult(has_changed_plex=any(changed), problem=reason_not_to_send(picture))

    def _outdated(self, rating_keys: Sequence[int], digest: str) -> list[tuple[int, PictureKind]]:
        return [
            (key, kind)
            for key in rating_keys
            for kind in self._kinds
            if self._store.upload(key, kind).needs_update(digest, keep_plex_edits=self._keep_plex_edits)
        ]

    def _show(self, rating_key: int, kind: PictureKind, digest: str, content: bytes) -> bool:
        """Make the item show this picture; False if a person's choice stays."""
        current = self._plex.list_pictures(rating_key, kind)
        upload = resolve_upload(self._store.upload(rating_key, kind), current)
        if self._keep_plex_edits and is_manual_choice(upload, current):
            self._store.store_upload(rating_key, kind, replace(upload, withheld=digest))
            return False
        known_key = upload.keys.get(digest)
        if upload.shown != digest and known_key in current.uploads:
            self._plex.select_picture(rating_key, kind, known_key)
        elif upload.shown != digest:
            upload = replace(upload, unresolved=digest, keys_before=current.uploads)
            self._store.store_upload(rating_key, kind, upload)
            self._plex.upload_picture(rating_key, kind, content)
        self._store.store_upload(rating_key, kind, replace(upload, shown=digest, withheld=""))
        return True
