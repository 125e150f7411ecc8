"""Makes a scene's cover the poster and background of its items, without sending a picture that Plex has already.

Plex names an upload by its bytes, so the key of a cover is known before it is sent. Where the item's field is not
locked, nobody has chosen a picture, and the cover is sent at once. Where it is locked, or may be, the item's pictures
are listed first: one with the cover's key is kept or selected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

from plex.errors import PlexError, Rejected
from plex.model import PICTURE_FIELDS, Pictures, upload_key
from push.cover import (
    Cover,
    FormerPicture,
    digest_of,
    is_manual_choice,
    old_digest_of,
    reason_not_to_send,
    reason_refused,
    resolve_key,
)
from push.fields import picture_kinds
from stash.errors import StashError
from stash.times import proves_no_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.model import PictureKind
    from push.picture_locks import PictureLocks
    from push.picture_store import PictureStore
    from push.writes import Clients, Steps
    from stash.client import StashClient
    from stash.scene import Scene
    from stash.settings import Settings

    # Plex's names of the locked fields by rating key; None for an item that was not read.
    LockedFields = Mapping[int, frozenset[str] | None]

_NO_PICTURES = Pictures(uploads=(), selected="")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverResult:
    """`has_changed_plex`, `has_uploaded`: whether a picture in Plex was changed, and to one that it had not yet.

    `problem`: why the cover cannot be sent, or "".
    """

    has_changed_plex: bool = False
    has_uploaded: bool = False
    problem: str = ""


class _Shown(Enum):
    """How an item came to show a picture."""

    BEFORE = "before"
    SELECTED = "selected"
    UPLOADED = "uploaded"


class PictureFailed(Exception):  # noqa: N818 - named for what happened, like our other errors
    """A cover could not be read or sent; the item's fields are not affected. `cause`: the error of Plex or Stash.

    `has_read`, `has_written`: whether the items' fields were read, and changed, before that.
    """

    has_read = False
    has_written = False

    def __init__(self, cause: PlexError | StashError) -> None:
        super().__init__(f"the cover could not be sent: {cause}")
        self.cause = cause


class PicturePusher:
    """Pushes covers with one set of settings and one connection to Plex."""

    def __init__(self, *, clients: Clients, store: PictureStore, locks: PictureLocks, settings: Settings) -> None:
        self._clients = clients
        self._plex = clients.here
        self._store = store
        self._locks = locks
        self._kinds = picture_kinds(settings)
        self._keep_plex_edits = settings.keep_plex_edits
        self._address = settings.plex_url

    def is_due(self, scene: Scene, items: LockedFields, *, is_edited: bool) -> bool:
        """Whether Stash has to be asked for the cover. `is_edited`: it may have changed even if its time did not."""
        if not self._kinds or not items or not scene.screenshot_url:
            return False
        cover = self._shown_cover(scene.id, items)
        return cover is None or is_edited or cover.updated_at != scene.updated_at

    def is_first(self, rating_keys: Iterable[int]) -> bool:
        """Whether PlexSync has not chosen a picture of each kind for one of these items."""
        return any(not self._store.upload(key, kind).shown for key in rating_keys for kind in self._kinds)

    def push(
        self, scene: Scene, items: LockedFields, stash: StashClient, *, is_edited: bool, began_at: float
    ) -> Steps[CoverResult]:
        """Show the scene's cover on these items. `is_edited`: as for `is_due`.

        `began_at`: before the cover is read, in epoch seconds.

        Raises PictureFailed; Rejected (404) for an item that is gone; LocalStorage.
        """
        if not self.is_due(scene, items, is_edited=is_edited):
            return CoverResult()
        try:
            return (yield from self._push(scene, items, stash, self._shown_cover(scene.id, items), began_at))
        except Rejected as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise
            raise PictureFailed(error) from error
        except (PlexError, StashError) as error:
            raise PictureFailed(error) from error

    def _shown_cover(self, scene_id: int, items: LockedFields) -> Cover | None:
        """The scene's cover as last read, if all of these items show it."""
        cover = self._store.cover(scene_id)
        return None if cover is None or self._outdated(items, cover.digest) else cover

    def _push(
        self, scene: Scene, items: LockedFields, stash: StashClient, known: Cover | None, began_at: float
    ) -> Steps[CoverResult]:
        """`known`: the cover that all items show. If Stash still has the same one, there is nothing to do."""
        updated_at = scene.updated_at if proves_no_change(scene.updated_at, began_at) else ""
        picture = stash.fetch_picture(scene.screenshot_url, known.etag if known else "")
        if picture is None:
            if known and known.updated_at != updated_at:
                self._store.store_cover(scene.id, replace(known, updated_at=updated_at))
            return CoverResult()
        digest, problem, shown = digest_of(picture), reason_not_to_send(picture), set[_Shown]()
        if digest:
            self._rename(items, old_digest_of(picture), digest)
        outdated = self._outdated(items, digest)
        try:
            shown = yield from self._show(outdated, items, digest, picture.content)
        except Rejected as error:
            if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise
            self._note_refused(outdated, digest)
            problem = reason_refused(picture.content)
        # Stored last: until then the cover counts as not pushed.
        self._store.store_cover(scene.id, Cover(updated_at=updated_at, etag=picture.etag, digest=digest))
        return CoverResult(
            has_changed_plex=bool(shown - {_Shown.BEFORE}), has_uploaded=_Shown.UPLOADED in shown, problem=problem
        )

    def _outdated(self, rating_keys: Iterable[int], digest: str) -> list[tuple[int, PictureKind]]:
        uploads = ((key, kind, self._store.upload(key, kind)) for key in rating_keys for kind in self._kinds)
        return [
            (key, kind)
            for key, kind, upload in uploads
            if upload.needs_update(digest, keep_plex_edits=self._keep_plex_edits)
            and upload.refused != self._refusal(digest)
        ]

    def _rename(self, items: LockedFields, old_digest: str, digest: str) -> None:
        """Give the picture the name of this version where an older one has stored what it did with it."""
        for key in items:
            for kind in self._kinds:
                upload = self._store.upload(key, kind)
                renamed = upload.renamed(old_digest, digest)
                if renamed == upload:
                    continue
                if renamed.shown == digest and not _is_locked(items[key], kind):
                    self._locks.add(key, kind)
                self._store.store_upload(key, kind, renamed)

    def _note_refused(self, outdated: Sequence[tuple[int, PictureKind]], digest: str) -> None:
        for key, kind in outdated:
            upload = replace(self._store.upload(key, kind), refused=self._refusal(digest))
            self._store.store_upload(key, kind, upload)

    def _refusal(self, digest: str) -> str:
        return f"{digest} {self._address}"

    # What Plex is asked

    def _show(
        self, outdated: Sequence[tuple[int, PictureKind]], items: LockedFields, digest: str, content: bytes
    ) -> Steps[set[_Shown]]:
        """Make the items show this picture; how each came to do so."""
        locked, shown = {**items, **self._read_locked(outdated, items)}, set[_Shown]()
        for key, kind in outdated:
            shown.add((yield from self._show_one(key, kind, locked[key], digest, content)))
        return shown

    def _read_locked(self, outdated: Sequence[tuple[int, PictureKind]], items: LockedFields) -> LockedFields:
        """The locked fields of items that were not read, where PlexSync has not chosen the picture either."""
        unknown = [key for key, kind in outdated if items[key] is None and not self._store.upload(key, kind).shown]
        read = self._plex.read_items(tuple(dict.fromkeys(unknown))) if unknown else {}
        return {key: item.locked for key, item in read.items()}

    def _show_one(
        self, rating_key: int, kind: PictureKind, locked: frozenset[str] | None, digest: str, content: bytes
    ) -> Steps[_Shown]:
        is_locked = _is_locked(locked, kind)
        current = _NO_PICTURES if is_locked is False else self._plex.list_pictures(rating_key, kind)
        upload, key = resolve_key(self._store.upload(rating_key, kind), current), upload_key(kind, digest)
        if self._keep_plex_edits and is_manual_choice(upload, current, key):
            is_locked = self._read_lock(rating_key, kind) if is_locked is None else is_locked
            if is_locked:
                self._store.store_upload(rating_key, kind, replace(upload, withheld=digest))
                return _Shown.BEFORE
        if upload.is_first and is_locked is not None:
            upload = replace(upload, former=FormerPicture(key=current.selected, is_locked=is_locked))
        shown = _Shown.BEFORE
        if current.selected != key:
            self._store.store_upload(rating_key, kind, upload.sending(key))
            shown = yield from self._choose(rating_key, kind, key, current, content)
        if is_locked is False or (is_locked is None and not upload.has_seen_lock):
            self._locks.add(rating_key, kind)  # before the picture counts as shown, lest a kill in between lose it
        self._store.store_upload(rating_key, kind, upload.showing(digest, key))
        return shown

    def _read_lock(self, rating_key: int, kind: PictureKind) -> bool:
        """Whether the field is locked: only then has somebody chosen its picture."""
        item = self._plex.read_items([rating_key]).get(rating_key)
        return item is not None and PICTURE_FIELDS[kind] in item.locked

    def _choose(
        self, rating_key: int, kind: PictureKind, key: str, current: Pictures, content: bytes
    ) -> Steps[_Shown]:
        if key in current.uploads:
            yield self._clients.write(lambda plex: plex.select_picture(rating_key, kind, key))
            return _Shown.SELECTED
        yield self._clients.write(lambda plex: plex.upload_picture(rating_key, kind, content))
        return _Shown.UPLOADED


def _is_locked(locked: frozenset[str] | None, kind: PictureKind) -> bool | None:
    return None if locked is None else PICTURE_FIELDS[kind] in locked
