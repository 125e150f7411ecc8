"""Which changes of tags, performers, studios, groups and files were passed on to their scenes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenChange:
    """`updated_at`: Stash's text of the last change that catch-up passed on. `event_at`: epoch seconds, 0 for never."""

    updated_at: str = ""
    event_at: float = 0.0


class SeenChanges:
    """The ledger's table of these changes. Every method raises LocalStorage when the disk refuses."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def find(self, kind: str, ids: Iterable[int]) -> dict[int, SeenChange]:
        """What is stored for these, by id; nothing for those of which no change was passed on."""
        with self._ledger.reading() as database:
            rows = database.execute(
                "SELECT changed_id, updated_at, event_at FROM seen_change"
                " WHERE kind = ? AND changed_id IN (SELECT value FROM json_each(?))",
                (kind, json.dumps(list(ids))),
            ).fetchall()
        return {changed_id: SeenChange(updated_at=text, event_at=event_at) for changed_id, text, event_at in rows}

    def store(self, kind: str, changes: Iterable[tuple[int, str]]) -> None:
        """Catch-up has passed on these changes, (id, `updated_at`)."""
        with self._ledger.transaction() as database:
            database.executemany(
                "INSERT INTO seen_change (kind, changed_id, updated_at) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET updated_at = excluded.updated_at",
                [(kind, changed_id, text) for changed_id, text in changes],
            )

    def store_event(self, kind: str, changed_id: int, event_at: float) -> None:
        """The scenes were queued for an event of this time."""
        self.store_events(kind, [(changed_id, event_at)])

    def store_events(self, kind: str, events: Iterable[tuple[int, float]]) -> None:
        """The scenes were queued for these events, (id, time)."""
        with self._ledger.transaction() as database:
            database.executemany(
                "INSERT INTO seen_change (kind, changed_id, event_at) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET event_at = excluded.event_at",
                [(kind, changed_id, event_at) for changed_id, event_at in events],
            )

    def forget_before(self, updated_at: str, event_at: float) -> None:
        """Forget what is older than both: Stash no longer lists it as a recent change."""
        with self._ledger.transaction() as database:
            database.execute(
                "DELETE FROM seen_change WHERE updated_at <= ? AND event_at < ?", (updated_at, event_at)
            )
