"""`plex_index.db`: a cache of the Plex items and files seen so far, with what was learned along the way.

All SQL for that file is here. The worker is its only writer; every method is one short transaction. Entries may be
stale, so an item is read from Plex before it is edited; a missing entry does not mean that Plex lacks the file.
Deleting the file costs a sweep. Raises LocalStorage if SQLite or the disk fails.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from local.data_directory import PLEX_INDEX
from local.storage import Database
from plex.model import LeanItem, PartFile
from plex.paths import base_name, normal_form

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from plex.model import Section

# Files kept as evidence for inferred rules: enough to see whether they agree, few enough to compare all of them.
_MAX_EVIDENCE = 200

_SCHEMA = """
CREATE TABLE IF NOT EXISTS scope (text TEXT NOT NULL);  -- the server and libraries that the tables are about
CREATE TABLE IF NOT EXISTS section (
    section_key INTEGER PRIMARY KEY,
    newest INTEGER NOT NULL,       -- time of the last change seen, by Plex's clock
    swept_at REAL NOT NULL,        -- when the last sweep began, epoch seconds; 0: never
    refreshed_at REAL NOT NULL     -- when the last sweep or refresh began
);
CREATE TABLE IF NOT EXISTS library (
    section_key INTEGER PRIMARY KEY,
    locations TEXT NOT NULL,       -- JSON
    is_new INTEGER NOT NULL        -- it came later, or got other folders: its scenes are still to be looked for
);
CREATE TABLE IF NOT EXISTS item (
    rating_key INTEGER PRIMARY KEY, section_key INTEGER NOT NULL, title TEXT NOT NULL,
    updated_at INTEGER NOT NULL, added_at INTEGER NOT NULL,
    seen_at REAL NOT NULL          -- epoch seconds, but greater than in any row stored before: see `next_stamp`
);
CREATE INDEX IF NOT EXISTS item_of_section ON item (section_key, seen_at);
CREATE TABLE IF NOT EXISTS part (
    rating_key INTEGER NOT NULL, place INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER,
    path_hash INTEGER NOT NULL, name_hash INTEGER NOT NULL,  -- of the normal form
    PRIMARY KEY (rating_key, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS part_of_path ON part (path_hash);
CREATE INDEX IF NOT EXISTS part_of_name ON part (name_hash, size);
CREATE TABLE IF NOT EXISTS awaited (
    scene_id INTEGER NOT NULL, path_hash INTEGER NOT NULL, name_hash INTEGER NOT NULL, size INTEGER NOT NULL,
    is_seen INTEGER NOT NULL,      -- an item with this file has been seen since
    PRIMARY KEY (scene_id, path_hash)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS awaited_name ON awaited (name_hash);
CREATE TABLE IF NOT EXISTS expected (  -- files of scenes that another library has
    section_key INTEGER NOT NULL, path_hash INTEGER NOT NULL, scene_id INTEGER NOT NULL, is_seen INTEGER NOT NULL,
    PRIMARY KEY (section_key, path_hash, scene_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evidence (stash TEXT PRIMARY KEY, plex TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rule (place INTEGER PRIMARY KEY, stash TEXT NOT NULL, plex TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS scan (folder TEXT PRIMARY KEY, asked_at REAL NOT NULL);
PRAGMA user_version = 1;
"""
# The tables about a server: all but `awaited`, which is about Stash's scenes.
_TABLES = ("scope", "section", "library", "item", "part", "expected", "evidence", "rule", "scan")

_ITEMS = """
SELECT i.rating_key, i.section_key, i.title, i.updated_at, i.added_at, p.path, p.size
FROM item i JOIN part p USING (rating_key)
WHERE i.rating_key IN (
    SELECT rating_key FROM part WHERE path_hash = :path UNION
    SELECT rating_key FROM part WHERE name_hash = :name AND size = :size
) ORDER BY i.rating_key, p.place
"""
_AWAITING = "SELECT scene_id, is_seen FROM awaited UNION ALL SELECT scene_id, is_seen FROM expected"
_ITEMS_BY_KEY = """
SELECT i.rating_key, i.section_key, i.title, i.updated_at, i.added_at, p.path, p.size
FROM item i LEFT JOIN part p USING (rating_key)
WHERE i.rating_key IN (SELECT value FROM json_each(?)) ORDER BY i.rating_key, p.place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFile:
    """A file that Plex may have: its path as Plex would see it, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionState:
    """How up to date a section is; the columns of the table `section`."""

    newest: int = 0
    swept_at: float = 0.0
    refreshed_at: float = 0.0


class Index:
    """The index of a data directory.

    `scope`: identifies server and libraries. With another scope than last time, everything about Plex is deleted.
    """

    def __init__(self, directory: str, scope: str) -> None:
        self._file = Database(os.path.join(directory, PLEX_INDEX), lambda database: _prepare(database, scope))
        self._last_stamp: float | None = None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # Items

    def candidates(self, files: Iterable[ExpectedFile]) -> tuple[LeanItem, ...]:
        """The items with one of these paths, or with a file of the same name and size.

        Hashes and case-insensitive spelling let in a few others: compare the parts.
        """
        items: dict[int, LeanItem] = {}
        for file in files:
            hashes = {"path": path_hash(file.path), "name": name_hash(file.path), "size": file.size}
            with self._file.access("read") as database:
                items |= {item.rating_key: item for item in _items_of(database.execute(_ITEMS, hashes))}
        return tuple(items.values())

    def next_stamp(self, now: float) -> float:
        """A mark of what is stored from now on: greater than every mark before, even if the clock was set back."""
        if self._last_stamp is None:
            with self._file.access("read") as database:
                (self._last_stamp,) = database.execute("SELECT COALESCE(MAX(seen_at), 0) FROM item").fetchone()
        self._last_stamp = max(now, math.nextafter(self._last_stamp, math.inf))
        return self._last_stamp

    def changed(self, items: Sequence[LeanItem]) -> list[LeanItem]:
        """Those of the items that are not stored exactly as they are."""
        keys = json.dumps([item.rating_key for item in items])
        with self._file.access("read") as database:
            known = {_content(item) for item in _items_of(database.execute(_ITEMS_BY_KEY, (keys,)))}
        return [item for item in items if _content(item) not in known]

    def store_items(self, items: Sequence[LeanItem], *, now: float) -> None:
        """Insert or replace the items, and mark the awaited files that they have as seen."""
        keys, stamp = [(item.rating_key,) for item in items], self.next_stamp(now)
        with self._file.transaction() as database:
            database.executemany("DELETE FROM part WHERE rating_key = ?", keys)
            database.executemany(
                "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?)",
                [(i.rating_key, i.section_key, i.title, i.updated_at, i.added_at, stamp) for i in items],
            )
            database.executemany(
                "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (item.rating_key, place, part.path, part.size, path_hash(part.path), name_hash(part.path))
                    for item in items
                    for place, part in enumerate(item.parts)
                ],
            )
            if database.execute("SELECT 1 FROM awaited LIMIT 1").fetchone():
                database.executemany(
                    "UPDATE awaited SET is_seen = 1 WHERE name_hash = ? AND (path_hash = ? OR size = ?)",
                    [
                        (name_hash(part.path), path_hash(part.path), part.size)
                        for item in items
                        for part in item.parts
                    ],
                )
            if database.execute("SELECT 1 FROM expected LIMIT 1").fetchone():
                database.executemany(
                    "UPDATE expected SET is_seen = 1 WHERE section_key = ? AND path_hash = ?",
                    [(item.section_key, path_hash(part.path)) for item in items for part in item.parts],
                )

    def drop(self, rating_key: int) -> None:
        """Delete an item that is gone or has other files now."""
        with self._file.transaction() as database:
            _drop(database, [(rating_key,)])

    def drop_unseen(self, section_key: int, since: float) -> None:
        """Delete the section's items that were not stored since `since`, a mark taken when a whole sweep began."""
        with self._file.transaction() as database:
            gone = database.execute(
                "SELECT rating_key FROM item WHERE section_key = ? AND seen_at < ?", (section_key, since)
            ).fetchall()
            _drop(database, gone)

    def section(self, section_key: int) -> SectionState:
        """How up to date the section is; zeros if it was never read."""
        with self._file.access("read") as database:
            row = database.execute(
                "SELECT newest, swept_at, refreshed_at FROM section WHERE section_key = ?", (section_key,)
            ).fetchone()
        return SectionState(newest=row[0], swept_at=row[1], refreshed_at=row[2]) if row else SectionState()

    def store_section(self, section_key: int, state: SectionState) -> None:
        """Replace the section's state."""
        with self._file.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO section VALUES (?, ?, ?, ?)",
                (section_key, state.newest, state.swept_at, state.refreshed_at),
            )

    # Libraries

    def note_libraries(self, sections: Sequence[Section]) -> tuple[list[int], list[int]]:
        """Compare the libraries with those noted before; return the keys of the new ones and of those that are gone.

        One with other folders counts as new. What the index holds of a library that is gone is dropped. With nothing
        noted before, none is new except those that an earlier version never read while it read others.
        """
        now = {section.key: json.dumps(section.locations) for section in sections}
        with self._file.transaction() as database:
            noted = dict(database.execute("SELECT section_key, locations FROM library").fetchall())
            read = {key for (key,) in database.execute("SELECT section_key FROM section")}
            before = noted or {key: now.get(key, "") for key in read or now}
            new = [key for key in now if before.get(key) != now[key]]
            gone = [key for key in before if key not in now]
            if new or gone or not noted:
                rows = [(key, now[key], key in new) for key in now if key in new or key not in noted]
                database.executemany("INSERT OR REPLACE INTO library VALUES (?, ?, ?)", rows)
                _drop_libraries(database, gone)
        return new, gone

    def new_libraries(self) -> list[int]:
        """The keys of the libraries whose scenes are still to be looked for."""
        with self._file.access("read") as database:
            return [key for (key,) in database.execute("SELECT section_key FROM library WHERE is_new")]

    def settle_libraries(self, keys: Iterable[int]) -> None:
        """The scenes of these libraries were looked for."""
        with self._file.transaction() as database:
            database.executemany("UPDATE library SET is_new = 0 WHERE section_key = ?", [(key,) for key in keys])

    # Awaited files: those of scenes that Plex lacks

    def await_files(self, scene_id: int, files: Iterable[ExpectedFile]) -> None:
        """Await the files: when an item with one of them is stored, the scene appears in `seen_scenes`."""
        with self._file.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO awaited VALUES (?, ?, ?, ?, 0)",
                [(scene_id, path_hash(file.path), name_hash(file.path), file.size) for file in files],
            )

    def expect_files(self, scene_id: int, paths: Iterable[tuple[int, str]]) -> None:
        """Await each path in the library with this key, although another library has the scene."""
        with self._file.transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO expected VALUES (?, ?, ?, 0)",
                [(section_key, path_hash(path), scene_id) for section_key, path in paths],
            )

    def awaits_any(self) -> bool:
        """Whether any scene awaits a file."""
        with self._file.access("read") as database:
            return database.execute(f"SELECT 1 FROM ({_AWAITING}) LIMIT 1").fetchone() is not None  # noqa: S608

    def seen_scenes(self) -> list[int]:
        """The scenes for which an awaited file was seen."""
        with self._file.access("read") as database:
            rows = database.execute(f"SELECT DISTINCT scene_id FROM ({_AWAITING}) WHERE is_seen").fetchall()  # noqa: S608
        return [scene_id for (scene_id,) in rows]

    def stop_awaiting(self, scene_ids: Iterable[int], *, keep_unseen: bool = False) -> None:
        """Forget the awaited files of these scenes. `keep_unseen`: not those that another library has and one lacks."""
        ids = [(scene_id,) for scene_id in scene_ids]
        with self._file.transaction() as database:
            database.executemany("DELETE FROM awaited WHERE scene_id = ?", ids)
            database.executemany("DELETE FROM expected WHERE scene_id = ? AND (is_seen OR NOT ?)", [
                (*each, keep_unseen) for each in ids
            ])  # fmt: skip

    # Inferred rules

    def rules(self) -> tuple[tuple[str, str], ...]:
        """The inferred path rules in order: (Stash's prefix, Plex's prefix)."""
        with self._file.access("read") as database:
            return tuple(database.execute("SELECT stash, plex FROM rule ORDER BY place").fetchall())

    def store_rules(self, rules: Iterable[tuple[str, str]]) -> None:
        """Replace the inferred rules."""
        with self._file.transaction() as database:
            database.execute("DELETE FROM rule")
            database.executemany(
                "INSERT INTO rule VALUES (?, ?, ?)", [(place, *rule) for place, rule in enumerate(rules)]
            )

    def evidence(self) -> list[tuple[str, str]]:
        """The newest files that were matched by name and size alone, oldest first: (path in Stash, path in Plex)."""
        with self._file.access("read") as database:
            return database.execute("SELECT stash, plex FROM evidence ORDER BY rowid").fetchall()

    def add_evidence(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Store these files as evidence; return whether any of them is new."""
        known = set(self.evidence()) if pairs else set()
        new = [pair for pair in pairs if pair not in known]
        if new:
            with self._file.transaction() as database:
                database.executemany("INSERT OR REPLACE INTO evidence VALUES (?, ?)", new)
                database.execute(
                    "DELETE FROM evidence WHERE rowid NOT IN (SELECT rowid FROM evidence ORDER BY rowid DESC LIMIT ?)",
                    (_MAX_EVIDENCE,),
                )
        return bool(new)

    def forget_evidence(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Delete these files from the evidence."""
        with self._file.transaction() as database:
            database.executemany("DELETE FROM evidence WHERE stash = ? AND plex = ?", list(pairs))

    # Requested scans

    def scan_requested_at(self, folder: str) -> float:
        """When Plex was last asked to scan the folder, in epoch seconds; 0 if never."""
        with self._file.access("read") as database:
            row = database.execute("SELECT asked_at FROM scan WHERE folder = ?", (folder,)).fetchone()
        return row[0] if row else 0.0

    def record_scan(self, folder: str, now: float, *, forget_before: float) -> None:
        """Note that a scan of the folder is requested at `now`; delete requests from before `forget_before`."""
        with self._file.transaction() as database:
            database.execute("DELETE FROM scan WHERE asked_at < ?", (forget_before,))
            database.execute("INSERT OR REPLACE INTO scan VALUES (?, ?)", (folder, now))


def _prepare(database: sqlite3.Connection, scope: str) -> None:
    database.executescript(_SCHEMA)
    if database.execute("SELECT text FROM scope").fetchall() != [(scope,)]:
        clear = "".join(f"DELETE FROM {table};" for table in _TABLES)  # noqa: S608 - our own names
        database.executescript(f"BEGIN IMMEDIATE; {clear} COMMIT")
        # Inserted last: after a kill in between, the next start clears everything again.
        database.execute("INSERT INTO scope VALUES (?)", (scope,))


def _items_of(rows: Iterable[tuple[Any, ...]]) -> Iterator[LeanItem]:
    """The items of rows with one part each, in the order of the items; an item without parts has one without a path."""
    for head, group in groupby(rows, key=lambda row: row[:5]):
        parts = tuple(PartFile(path=row[5], size=row[6]) for row in group if row[5] is not None)
        yield LeanItem(
            rating_key=head[0], section_key=head[1], title=head[2], updated_at=head[3], added_at=head[4], parts=parts
        )


def _content(item: LeanItem) -> tuple[object, ...]:
    """What is stored of an item."""
    return item.rating_key, item.section_key, item.title, item.updated_at, item.added_at, item.parts


def _drop_libraries(database: sqlite3.Connection, keys: Sequence[int]) -> None:
    rows = [(key,) for key in keys]
    database.executemany(
        "DELETE FROM part WHERE rating_key IN (SELECT rating_key FROM item WHERE section_key = ?)", rows
    )
    for table in ("item", "section", "library", "expected"):
        database.executemany(f"DELETE FROM {table} WHERE section_key = ?", rows)  # noqa: S608 - our own names


def _drop(database: sqlite3.Connection, keys: Sequence[tuple[int]]) -> None:
    database.executemany("DELETE FROM item WHERE rating_key = ?", keys)
    database.executemany("DELETE FROM part WHERE rating_key = ?", keys)


def path_hash(path: str) -> int:
    """Equal for all spellings of a path, including those that differ in case."""
    return _hash(normal_form(path))


def name_hash(path: str) -> int:
    """Equal for all paths, in any spelling, that end in the same file name."""
    return _hash(normal_form(base_name(path)))


def _hash(text: str) -> int:
    """64 bits take a tenth of the space of a path. Collisions do no harm, since the paths are compared in full."""
    digest = hashlib.blake2b(text.casefold().encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
