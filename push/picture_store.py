"""Stores covers and uploads in the ledger's database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from push.cover import Cover, Upload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.model import PictureKind
    from store.ledger import Ledger


class PictureStore:
    """Stores uploads by item, not by scene, so that no picture is sent twice. Raises LocalStorage."""

    def __init__(self, ledger: Ledger, server: str) -> None:
        self._ledger = ledger
        self._server = server

    def cover(self, scene_id: int) -> Cover | None:
        """The scene's cover as last read; None if it never was."""
        with self._ledger.reading() as database:
            row = database.execute(
                "SELECT updated_at, etag, digest FROM cover WHERE scene_id = ?", (scene_id,)
            ).fetchone()
        return Cover(updated_at=row[0], etag=row[1], digest=row[2]) if row else None

    def store_cover(self, scene_id: int, cover: Cover) -> None:
        """Store the cover as it was read, in place of the one before."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO cover (scene_id, updated_at, etag, digest) VALUES (?, ?, ?, ?)",
                (scene_id, cover.updated_at, cover.etag, cover.digest),
            )

    def upload(self, rating_key: int, kind: PictureKind) -> Upload:
        """The state of the item's picture; an empty Upload if nothing is known of it."""
        with self._ledger.reading() as database:
            row = database.execute(
                "SELECT state FROM upload WHERE server = ? AND rating_key = ? AND kind = ?",
                (self._server, rating_key, kind),
            ).fetchone()
        return _upload(row[0]) if row else Upload()

    def store_upload(self, rating_key: int, kind: PictureKind, upload: Upload) -> None:
        """Replace the state of the item's picture. Durable on return."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO upload (server, rating_key, kind, state) VALUES (?, ?, ?, ?)",
                (self._server, rating_key, kind, _text(upload)),
            )

    def forget_items(self, rating_keys: Iterable[int]) -> None:
        """Delete the uploads of items that are gone from Plex or no longer hold the scene."""
        keys = [(self._server, key) for key in rating_keys]
        if keys:
            with self._ledger.transaction() as database:
                database.executemany("DELETE FROM upload WHERE server = ? AND rating_key = ?", keys)


def _text(upload: Upload) -> str:
    return json.dumps({
        "shown": upload.shown,
        "kept_from": upload.withheld,
        "sent": upload.unresolved,
        "before": upload.keys_before,
        "keys": dict(upload.keys),
    })


def _upload(text: str) -> Upload:
    data = json.loads(text)
    return Upload(
        shown=data["shown"],
        withheld=data["kept_from"],
        unresolved=data["sent"],
        keys_before=tuple(data["before"]),
        keys=data["keys"],
    )
