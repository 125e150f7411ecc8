"""`plex_index.db`: which Plex items have which files, as far as was seen, and what was learned along the way.

All SQL of that file is here. One writer, the worker; every method is one short transaction. What is there may be of
yesterday: an item is read before it is written to. Nothing here says that a file is absent. A cache: deleting the file
costs a sweep. Raises LocalStorage for anything that SQLite or the disk refuses.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from local.data_directory import PLEX_INDEX
from local.storage import Database
from plex.model import LeanItem, PartFile
from plex.paths import base_name, normal_form

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

# Evidence for inferred rules is kept of so many files: enough to see that they agree, few enough to compare all.
_MOST_EVIDENCE = 200

_SCHEMA = """
CREATE TABLE IF NOT EXISTS scope (text TEXT NOT NULL);  -- server and libraries that all of this is about
CREATE TABLE IF NOT EXISTS section (
    section_key INTEGER PRIMARY KEY,
    newest INTEGER NOT NULL,       -- the last change that was seen, by Plex's clock
    swept_at REAL NOT NULL,        -- when the last whole sweep began, epoch seconds; 0: never
    refreshed_at REAL NOT NULL     -- when the last look at the changes began
);
CREATE TABLE IF NOT EXISTS item (
    rating_key INTEGER PRIMARY KEY, section_key INTEGER NOT NULL, title TEXT NOT NULL,
    updated_at INTEGER NOT NULL, added_at INTEGER NOT NULL, seen_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS item_of_section ON item (section_key, seen_at);
CREATE TABLE IF NOT EXISTS part (
    rating_key INTEGER NOT NULL, place INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER,
    path_hash INTEGER NOT NULL, name_hash INTEGER NOT NULL,  -- of the spelling that all spellings share
    PRIMARY KEY (rating_key, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS part_of_path ON part (path_hash);
CREATE INDEX IF NOT EXISTS part_of_name ON part (name_hash, size);
CREATE TABLE IF NOT EXISTS awaited (
    scene_id INTEGER NOT NULL, path_hash INTEGER NOT NULL, name_hash INTEGER NOT NULL, size INTEGER NOT NULL,
    is_seen INTEGER NOT NULL,      -- an item with this file was seen since
    PRIMARY KEY (scene_id, path_hash)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS awaited_name ON awaited (name_hash);
CREATE TABLE IF NOT EXISTS evidence (stash TEXT PRIMARY KEY, plex TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rule (place INTEGER PRIMARY KEY, stash TEXT NOT NULL, plex TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS scan (folder TEXT PRIMARY KEY, asked_at REAL NOT NULL);
PRAGMA user_version = 1;
"""
_TABLES = ("scope", "section", "item", "part", "evidence", "rule", "scan")  # `awaited` is about Stash's scenes

_ITEMS = """
SELECT i.rating_key, i.section_key, i.title, i.updated_at, i.added_at, p.path, p.size
FROM item i JOIN part p USING (rating_key)
WHERE i.rating_key IN (
    SELECT rating_key FROM part WHERE path_hash = :path UNION
    SELECT rating_key FROM part WHERE name_hash = :name AND size = :size
) ORDER BY i.rating_key, p.place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedFile:
    """A file to look for: its path as Plex would see it, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionState:
    """How up to date a section is; see the table."""

    newest: int = 0
    swept_at: float = 0.0
    refreshed_at: float = 0.0


class Index:
    """The open index of a data directory. `scope`: server and libraries; what is about others is forgotten."""

    def __init__(self, directory: str, scope: str) -> None:
        self._file = Database(os.path.join(directory, PLEX_INDEX), lambda database: _prepare(database, scope))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # Items

    def alike(self, files: Iterable[AwaitedFile]) -> tuple[LeanItem, ...]:
        """The items that have one of these paths, or a file of the same name and size (and some that do not)."""
        items: dict[int, LeanItem] = {}
        for file in files:
            hashes = {"path": path_hash(file.path), "name": name_hash(file.path), "size": file.size}
            with self._file.access("read") as database:
                rows = database.execute(_ITEMS, hashes).fetchall()
            for head, group in groupby(rows, key=lambda row: row[:5]):
                items[head[0]] = LeanItem(
                    rating_key=head[0], section_key=head[1], title=head[2], updated_at=head[3], added_at=head[4],
                    parts=tuple(PartFile(path=row[5], size=row[6]) for row in group),
                )  # fmt: skip
        return tuple(items.values())

    def take(self, items: Sequence[LeanItem], *, now: float) -> None:
        """Remember items as they are, and note which awaited files they have."""
        keys = [(item.rating_key,) for item in items]
        with self._file.transaction() as database:
            database.executemany("DELETE FROM part WHERE rating_key = ?", keys)
            database.executemany(
                "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?)",
                [(i.rating_key, i.section_key, i.title, i.updated_at, i.added_at, now) for i in items],
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

    def drop(self, rating_key: int) -> None:
        """The item is gone, or has other files now."""
        with self._file.transaction() as database:
            _drop(database, [(rating_key,)])

    def drop_unseen(self, section_key: int, since: float) -> None:
        """After a whole sweep: forget what it did not show."""
        with self._file.transaction() as database:
            gone = database.execute(
                "SELECT rating_key FROM item WHERE section_key = ? AND seen_at < ?", (section_key, since)
            ).fetchall()
            _drop(database, gone)

    def section(self, section_key: int) -> SectionState:
        """How up to date the section is."""
        with self._file.access("read") as database:
            row = database.execute(
                "SELECT newest, swept_at, refreshed_at FROM section WHERE section_key = ?", (section_key,)
            ).fetchone()
        return SectionState(newest=row[0], swept_at=row[1], refreshed_at=row[2]) if row else SectionState()

    def store_section(self, section_key: int, state: SectionState) -> None:
        """Note how up to date the section is now."""
        with self._file.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO section VALUES (?, ?, ?, ?)",
                (section_key, state.newest, state.swept_at, state.refreshed_at),
            )

    # Scenes that Plex lacks

    def await_files(self, scene_id: int, files: Iterable[AwaitedFile]) -> None:
        """Remember to note when an item with one of these files is seen."""
        with self._file.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO awaited VALUES (?, ?, ?, ?, 0)",
                [(scene_id, path_hash(file.path), name_hash(file.path), file.size) for file in files],
            )

    def awaits_any(self) -> bool:
        """Whether Plex lacks any scene, as far as it was asked for."""
        with self._file.access("read") as database:
            return database.execute("SELECT 1 FROM awaited LIMIT 1").fetchone() is not None

    def seen_scenes(self) -> list[int]:
        """The awaited scenes of which a file was seen."""
        with self._file.access("read") as database:
            rows = database.execute("SELECT DISTINCT scene_id FROM awaited WHERE is_seen").fetchall()
        return [scene_id for (scene_id,) in rows]

    def await_no_more(self, scene_ids: Iterable[int]) -> None:
        """These scenes are looked at again."""
        with self._file.transaction() as database:
            database.executemany("DELETE FROM awaited WHERE scene_id = ?", [(scene_id,) for scene_id in scene_ids])

    # Inferred rules

    def rules(self) -> tuple[tuple[str, str], ...]:
        """The inferred rules: (Stash's prefix, Plex's prefix)."""
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
        """The newest files that were recognized by name and size alone: (path in Stash, path in Plex)."""
        with self._file.access("read") as database:
            return database.execute("SELECT stash, plex FROM evidence ORDER BY rowid").fetchall()

    def add_evidence(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Remember these files; whether any of them is news."""
        known = set(self.evidence()) if pairs else set()
        news = [pair for pair in pairs if pair not in known]
        if news:
            with self._file.transaction() as database:
                database.executemany("INSERT OR REPLACE INTO evidence VALUES (?, ?)", news)
                database.execute(
                    "DELETE FROM evidence WHERE rowid NOT IN (SELECT rowid FROM evidence ORDER BY rowid DESC LIMIT ?)",
                    (_MOST_EVIDENCE,),
                )
        return bool(news)

    # Scans asked for

    def scan_asked_at(self, folder: str) -> float:
        """When Plex was last asked to scan the folder, epoch seconds; 0: never."""
        with self._file.access("read") as database:
            row = database.execute("SELECT asked_at FROM scan WHERE folder = ?", (folder,)).fetchone()
        return row[0] if row else 0.0

    def note_scan(self, folder: str, now: float, *, forget_before: float) -> None:
        """Plex is asked to scan the folder now; older notes are of no use any more."""
        with self._file.transaction() as database:
            database.execute("DELETE FROM scan WHERE asked_at < ?", (forget_before,))
            database.execute("INSERT OR REPLACE INTO scan VALUES (?, ?)", (folder, now))


def _prepare(database: sqlite3.Connection, scope: str) -> None:
    database.executescript(_SCHEMA)
    if database.execute("SELECT text FROM scope").fetchall() != [(scope,)]:
        clear = "".join(f"DELETE FROM {table};" for table in _TABLES)  # noqa: S608 - our own names
        database.executescript(f"BEGIN IMMEDIATE; {clear} COMMIT")
        # Only now: a kill in between makes the next start clear once more.
        database.execute("INSERT INTO scope VALUES (?)", (scope,))


def _drop(database: sqlite3.Connection, keys: Sequence[tuple[int]]) -> None:
    database.executemany("DELETE FROM item WHERE rating_key = ?", keys)
    database.executemany("DELETE FROM part WHERE rating_key = ?", keys)


def path_hash(path: str) -> int:
    """Equal for all spellings of a path, case-blind ones included."""
    return _hash(normal_form(path))


def name_hash(path: str) -> int:
    """Equal for all spellings of a file's name."""
    return _hash(normal_form(base_name(path)))


def _hash(text: str) -> int:
    """64 bits: a tenth of the space of paths, and what collides is compared in full anyway."""
    digest = hashlib.blake2b(text.casefold().encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
