"""What the ledger's database holds of covers and uploads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from push.cover import Cover, Upload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.model import PictureKind
    from store.ledger import Ledger


class PictureStore:
    """Uploads belong to the item, whatever scene they came from: no picture is sent twice. Raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def cover(self, scene_id: int) -> Cover | None:
        """The scene's cover as last seen; None for one never seen."""
        with self._ledger.reading() as database:
            row = database.execute(
                "SELECT updated_at, etag, digest FROM cover WHERE scene_id = ?", (scene_id,)
            ).fetchone()
        return Cover(updated_at=row[0], etag=row[1], digest=row[2]) if row else None

    def store_cover(self, scene_id: int, cover: Cover) -> None:
        """Note the cover as it was seen."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO cover (scene_id, updated_at, etag, digest) VALUES (?, ?, ?, ?)",
                (scene_id, cover.updated_at, cover.etag, cover.digest),
            )

    def upload(self, rating_key: int, kind: PictureKind) -> Upload:
        """What is known of the item's picture."""
        with self._ledger.reading() as database:
            row = database.execute(
                "SELECT state FROM upload WHERE rating_key = ? AND kind = ?", (rating_key, kind)
            ).fetchone()
        return _upload(row[0]) if row else Upload()

    def store_upload(self, rating_key: int, kind: PictureKind, upload: Upload) -> None:
        """Replace what is known of the item's picture. Durable on return."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO upload (rating_key, kind, state) VALUES (?, ?, ?)",
                (rating_key, kind, _text(upload)),
            )

    def forget_items(self, rating_keys: Iterable[int]) -> None:
        """These items are gone, or no longer of a scene."""
        keys = [(key,) for key in rating_keys]
        if keys:
            with self._ledger.transaction() as database:
                database.executemany("DELETE FROM upload WHERE rating_key = ?", keys)


def _text(upload: Upload) -> str:
    return json.dumps({
        "shown": upload.shown,
        "kept_from": upload.kept_from,
        "sent": upload.sent,
        "before": upload.before,
        "keys": dict(upload.keys),
    })


def _upload(text: str) -> Upload:
    data = json.loads(text)
    return Upload(
        shown=data["shown"],
        kept_from=data["kept_from"],
        sent=data["sent"],
        before=tuple(data["before"]),
        keys=data["keys"],
    )
