"""How new each scene was when it was last judged: what the ledger knows, in the form that catch-up asks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.ledger import Ledger

_JUDGED = """
SELECT value, coalesce(updated_at, ''), coalesce(settled_at, 0), coalesce(cleared_at, 0)
FROM json_each(?) LEFT JOIN scene ON scene.scene_id = value LEFT JOIN cleared ON cleared.scene_id = value
WHERE settled_at IS NOT NULL OR cleared_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """`updated_at` is Stash's text at the last settlement, "" when the scene was never read; the other times are epoch
    seconds, 0 for never. Changes up to `cleared_at` were cleared by the user.
    """

    updated_at: str = ""
    settled_at: float = 0.0
    cleared_at: float = 0.0


class Judgements:
    """A view of the open ledger. Raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of(self, scene_ids: Iterable[int]) -> dict[int, Judged]:
        """How these scenes were judged; those that never were are absent."""
        with self._ledger.storage("read") as database:
            rows = database.execute(_JUDGED, (json.dumps(list(scene_ids)),)).fetchall()
        return {
            scene_id: Judged(updated_at=updated_at, settled_at=settled_at, cleared_at=cleared_at)
            for scene_id, updated_at, settled_at, cleared_at in rows
        }

    def doubt(self, scene_ids: Iterable[int]) -> None:
        """Plex was found to lack something of these scenes: whatever job comes next looks at their items."""
        with self._ledger.transaction() as database:
            database.execute(
                "UPDATE scene SET fingerprint = '' WHERE scene_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(scene_ids)),),
            )

    def moment(self, name: str) -> float | None:
        """A time that was stored under this name (epoch seconds); None before."""
        with self._ledger.storage("read") as database:
            row = database.execute("SELECT at FROM moment WHERE name = ?", (name,)).fetchone()
        return float(row[0]) if row else None

    def store_moment(self, name: str, at: float) -> None:
        """Remember a time, in place of the one before."""
        with self._ledger.transaction() as database:
            database.execute("INSERT OR REPLACE INTO moment (name, at) VALUES (?, ?)", (name, at))

    def forget_moment(self, name: str) -> None:
        """As if it had never been stored."""
        with self._ledger.transaction() as database:
            database.execute("DELETE FROM moment WHERE name = ?", (name,))
