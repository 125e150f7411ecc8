"""`reconciliation.db`: which items were compared in full, and as what, so that what did not change costs Plex nothing.

A cache: deleting the file costs one read of each item. In temporary tables, what the run's sweep of Plex showed, so
that memory stays flat in the size of the library. Raises LocalStorage for what SQLite or the disk refuses.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.data_directory import RECONCILIATION_MEMORY
from local.storage import Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from plex.model import LeanItem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS compared (
    scene_id INTEGER NOT NULL, rating_key INTEGER NOT NULL,
    state TEXT NOT NULL,            -- of both sides, when they were found equal
    PRIMARY KEY (scene_id, rating_key)
) WITHOUT ROWID;
CREATE TEMP TABLE seen (
    rating_key INTEGER PRIMARY KEY, section_key INTEGER NOT NULL, updated_at INTEGER NOT NULL, rating TEXT NOT NULL,
    is_claimed INTEGER NOT NULL DEFAULT 0
);
PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the sweep showed of an item. `updated_at`: epoch seconds by Plex's clock, 0 when it does not tell."""

    section_key: int
    updated_at: int
    rating: str


class Memory:
    """The open file of a data directory, and the sweep of one run."""

    def __init__(self, directory: str) -> None:
        self._file = Database(os.path.join(directory, RECONCILIATION_MEMORY), _prepare)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # The sweep

    def see(self, items: Sequence[LeanItem]) -> None:
        """Note items that the sweep showed."""
        rows = [(item.rating_key, item.section_key, item.updated_at, item.rating) for item in items]
        with self._file.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO seen (rating_key, section_key, updated_at, rating) VALUES (?, ?, ?, ?)", rows
            )

    def seen(self, rating_keys: Iterable[int]) -> dict[int, Seen]:
        """What the sweep showed of these items; those that it did not show are absent."""
        with self._file.access("read") as database:
            rows = database.execute(
                "SELECT rating_key, section_key, updated_at, rating FROM seen"
                " WHERE rating_key IN (SELECT value FROM json_each(?))",
                (json.dumps(list(rating_keys)),),
            ).fetchall()
        return {row[0]: Seen(section_key=row[1], updated_at=row[2], rating=row[3]) for row in rows}

    def count_seen(self) -> int:
        """How many items the sweep showed."""
        return self._count("SELECT COUNT(*) FROM seen")

    def claim(self, rating_keys: Iterable[int]) -> None:
        """These items hold a file of a scene."""
        with self._file.transaction() as database:
            database.execute(
                "UPDATE seen SET is_claimed = 1 WHERE rating_key IN (SELECT value FROM json_each(?))",
                (json.dumps(list(rating_keys)),),
            )

    def count_unclaimed(self, section_keys: Iterable[int]) -> int:
        """How many items of these sections hold no file of any scene that was looked at."""
        return self._count(
            "SELECT COUNT(*) FROM seen WHERE NOT is_claimed AND section_key IN (SELECT value FROM json_each(?))",
            json.dumps(list(section_keys)),
        )

    # What was found equal

    def compared(self, scene_ids: Iterable[int]) -> dict[tuple[int, int], str]:
        """The states in which scenes and items, by both their keys, were found equal."""
        with self._file.access("read") as database:
            rows = database.execute(
                "SELECT scene_id, rating_key, state FROM compared WHERE scene_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(scene_ids)),),
            ).fetchall()
        return {(scene_id, rating_key): state for scene_id, rating_key, state in rows}

    def store_compared(self, states: Iterable[tuple[int, int, str]]) -> None:
        """Remember them: (scene id, rating key, state)."""
        with self._file.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO compared VALUES (?, ?, ?)", states)

    def forget_unseen(self) -> None:
        """After the sweep: items that Plex no longer has."""
        with self._file.transaction() as database:
            database.execute("DELETE FROM compared WHERE rating_key NOT IN (SELECT rating_key FROM seen)")

    def _count(self, sql: str, *values: object) -> int:
        with self._file.access("read") as database:
            return int(database.execute(sql, values).fetchone()[0])


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA temp_store = FILE")
    database.executescript(_SCHEMA)
