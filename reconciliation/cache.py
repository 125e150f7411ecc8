"""`reconciliation.db`: the state in which each scene and item were last found equal. Unchanged ones are not read again.

It is only a cache: deleting the file costs one read of each item. Temporary tables of the same database hold what a
run's sweep of Plex showed, so that memory use does not grow with the library. Raises LocalStorage if SQLite or the disk
fails.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.data_directory import RECONCILIATION_CACHE
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
CREATE TEMP TABLE swept (
    rating_key INTEGER PRIMARY KEY, section_key INTEGER NOT NULL, updated_at INTEGER NOT NULL, rating TEXT NOT NULL,
    is_claimed INTEGER NOT NULL DEFAULT 0  -- by a scene
);
PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptItem:
    """What the sweep showed of an item. `updated_at`: epoch seconds by Plex's clock, 0 if Plex does not say."""

    section_key: int
    updated_at: int
    rating: str


class ReconciliationCache:
    """The open database of a data directory, with the sweep of one run."""

    def __init__(self, directory: str) -> None:
        self._file = Database(os.path.join(directory, RECONCILIATION_CACHE), _prepare)

    def close(self) -> None:
        """Close the database, which discards the sweep."""
        self._file.close()

    # The sweep

    def add_swept(self, items: Sequence[LeanItem]) -> None:
        """Store items that the sweep showed; an item that it shows twice is stored as shown last."""
        rows = [(item.rating_key, item.section_key, item.updated_at, item.rating) for item in items]
        with self._file.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO swept (rating_key, section_key, updated_at, rating) VALUES (?, ?, ?, ?)", rows
            )

    def swept(self, rating_keys: Iterable[int]) -> dict[int, SweptItem]:
        """These items by rating key, without those that the sweep did not show."""
        with self._file.access("read") as database:
            rows = database.execute(
                "SELECT rating_key, section_key, updated_at, rating FROM swept"
                " WHERE rating_key IN (SELECT value FROM json_each(?))",
                (json.dumps(list(rating_keys)),),
            ).fetchall()
        return {row[0]: SweptItem(section_key=row[1], updated_at=row[2], rating=row[3]) for row in rows}

    def count_swept(self) -> int:
        """The number of different items that the sweep showed."""
        return self._count("SELECT COUNT(*) FROM swept")

    def claim(self, rating_keys: Iterable[int]) -> None:
        """Mark these items as holding a file of some scene."""
        with self._file.transaction() as database:
            database.execute(
                "UPDATE swept SET is_claimed = 1 WHERE rating_key IN (SELECT value FROM json_each(?))",
                (json.dumps(list(rating_keys)),),
            )

    def count_unclaimed(self, section_keys: Iterable[int]) -> int:
        """The number of items in these sections that no scene has claimed so far."""
        return self._count(
            "SELECT COUNT(*) FROM swept WHERE NOT is_claimed AND section_key IN (SELECT value FROM json_each(?))",
            json.dumps(list(section_keys)),
        )

    # What was found equal

    def equal_states(self, scene_ids: Iterable[int]) -> dict[tuple[int, int], str]:
        """By (scene id, rating key), the state in which the two were last found equal."""
        with self._file.access("read") as database:
            rows = database.execute(
                "SELECT scene_id, rating_key, state FROM compared WHERE scene_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(scene_ids)),),
            ).fetchall()
        return {(scene_id, rating_key): state for scene_id, rating_key, state in rows}

    def store_equal_states(self, states: Iterable[tuple[int, int, str]]) -> None:
        """Store (scene id, rating key, state) triples, replacing older states of the same pairs."""
        with self._file.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO compared VALUES (?, ?, ?)", states)

    def drop_unswept(self) -> None:
        """Delete the states of items that Plex no longer has. Call it only after a complete sweep."""
        with self._file.transaction() as database:
            database.execute("DELETE FROM compared WHERE rating_key NOT IN (SELECT rating_key FROM swept)")

    def _count(self, sql: str, *values: object) -> int:
        with self._file.access("read") as database:
            return int(database.execute(sql, values).fetchone()[0])


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA temp_store = FILE")
    database.executescript(_SCHEMA)
