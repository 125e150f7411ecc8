"""Stores covers and uploads in the ledger's database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from push.cover import Cover, FormerPicture, Upload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plex.model import PictureKind
    from store.ledger import Ledger


class PictureStore:
    """Stores uploads by item of one Plex server, not by scene: no picture is sent twice. Raises LocalStorage."""

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
        return upload_from(row[0]) if row else Upload()

    def store_upload(self, rating_key: int, kind: PictureKind, upload: Upload) -> None:
        """Replace the state of the item's picture. Durable on return."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO upload (server, rating_key, kind, state) VALUES (?, ?, ?, ?)",
                (self._server, rating_key, kind, upload_to_text(upload)),
            )

    def forget_items(self, rating_keys: Iterable[int]) -> None:
        """Delete the uploads of items that are gone from Plex."""
        keys = [(self._server, key) for key in rating_keys]
        if keys:
            with self._ledger.transaction() as database:
                database.executemany("DELETE FROM upload WHERE server = ? AND rating_key = ?", keys)

    def unchecked_locks(self) -> list[tuple[int, PictureKind]]:
        """(rating key, kind) of each picture whose lock was not checked since it was sent."""
        with self._ledger.reading() as database:
            return database.execute(
                "SELECT rating_key, kind FROM unchecked_lock WHERE server = ?", (self._server,)
            ).fetchall()

    def add_unchecked_lock(self, rating_key: int, kind: PictureKind) -> None:
        """Note that the lock of this picture is to be checked."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO unchecked_lock (server, rating_key, kind) VALUES (?, ?, ?)",
                (self._server, rating_key, kind),
            )

    def remove_unchecked_locks(self, rating_keys: Iterable[int]) -> None:
        """Note that these items' locks were checked."""
        keys = [(self._server, key) for key in rating_keys]
        with self._ledger.transaction() as database:
            database.executemany("DELETE FROM unchecked_lock WHERE server = ? AND rating_key = ?", keys)


def upload_to_text(upload: Upload) -> str:
    """As stored in the column `state`."""
    return json.dumps({
        "shown": upload.shown,
        "withheld": upload.withheld,
        "refused": upload.refused,
        "ours": upload.ours,
        "keys_before": upload.keys_before,
        "former": [upload.former.key, upload.former.is_locked] if upload.former else None,
        "earlier": upload.earlier,
    })


def upload_from(text: str) -> Upload:
    """Parse the column `state`, also of a version that did not know the keys of uploads in advance."""
    data = json.loads(text)
    if "ours" not in data:
        return _from_old_form(data)
    before, former = data["keys_before"], data.get("former")
    return Upload(
        shown=data["shown"],
        withheld=data["withheld"],
        refused=data["refused"],
        ours=tuple(data["ours"]),
        keys_before=None if before is None else tuple(before),
        former=FormerPicture(key=former[0], is_locked=former[1]) if former else None,
        earlier=tuple(data.get("earlier", ())),
    )


def _from_old_form(data: Mapping[str, Any]) -> Upload:
    """`sent`: the last upload, whose key was looked for later among those that were not there `before`."""
    is_certain = data["sent"] in ("", data["shown"])
    return Upload(
        shown=data["shown"] if is_certain else "",
        withheld=data["kept_from"],
        ours=tuple(data["keys"].values()),
        keys_before=tuple(data["before"]) if data["sent"] else None,
    )
