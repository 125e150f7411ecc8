"""The table `altered` of the ledger: what Plex shows otherwise than PlexSync sent it, by item and field.

SQLite itself deletes the rows of an item that leaves the table `owned`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plex.fields import BY_NAME, Field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.altered import Alterations
    from store.ledger import Ledger


class AlterationStore:
    """Reads and writes what one Plex server alters. Raises LocalStorage."""

    def __init__(self, ledger: Ledger, server: str) -> None:
        self._ledger = ledger
        self._server = server

    def of(self, rating_key: int) -> Alterations:
        """What Plex alters of the item's values."""
        with self._ledger.reading() as database:
            rows = database.execute(
                "SELECT field, forms FROM altered WHERE server = ? AND rating_key = ?", (self._server, rating_key)
            ).fetchall()
        return alterations_from(rows)

    def replace(self, rating_key: int, altered: Alterations) -> None:
        """Store this instead of what was stored for the item."""
        rows = [(self._server, rating_key, field.value, json.dumps(forms)) for field, forms in altered.items()]
        with self._ledger.transaction() as database:
            database.execute("DELETE FROM altered WHERE server = ? AND rating_key = ?", (self._server, rating_key))
            database.executemany("INSERT INTO altered (server, rating_key, field, forms) VALUES (?, ?, ?, ?)", rows)

    def fields(self) -> frozenset[Field]:
        """The fields in which Plex alters a value of any item."""
        with self._ledger.reading() as database:
            found = {name for (name,) in database.execute(
                "SELECT DISTINCT field FROM altered WHERE server = ?", (self._server,)
            )}
        return frozenset(field for field in Field if field.value in found)


def alterations_from(rows: Iterable[tuple[str, str]]) -> Alterations:
    """Parse rows of field and forms."""
    return {
        BY_NAME[name]: {value: tuple(instead) for value, instead in json.loads(forms).items()}
        for name, forms in rows
        if name in BY_NAME
    }
