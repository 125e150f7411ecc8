"""`sync_state.db`: what PlexSync knows of each scene, and what it put into which Plex item.

The schema of that file is here; what else is asked of its tables stands in modules named by their subject. One writer,
the worker; every method is one short transaction. Raises LocalStorage for anything that SQLite or the disk refuses.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from local.storage import Database
from plex.plan import Field, Owned
from store import statistics
from store.job import Job, job_from_data, job_to_data

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from plex.plan import Value, Values
    from stash.scene import Scene

NAME = "sync_state.db"
# The verdict of a scene whose job is a dead letter.
DEAD = "dead"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS scene (
    scene_id INTEGER PRIMARY KEY,
    updated_at TEXT NOT NULL,      -- Stash's own text, as it was when the scene was last judged
    settled_at REAL NOT NULL,      -- epoch seconds
    verdict TEXT NOT NULL,
    fingerprint TEXT NOT NULL,     -- of all that was wanted in Plex; empty: look again
    files TEXT NOT NULL            -- of the paths that the items were found by
);
CREATE TABLE IF NOT EXISTS item (
    scene_id INTEGER NOT NULL,
    rating_key INTEGER NOT NULL,
    pushed TEXT NOT NULL,          -- JSON, field -> value
    intents TEXT NOT NULL,         -- JSON, list of the same: sent, result unknown
    pushed_at REAL NOT NULL,
    PRIMARY KEY (scene_id, rating_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS item_by_key ON item (rating_key);
CREATE TABLE IF NOT EXISTS entity (
    kind TEXT NOT NULL, entity_id INTEGER NOT NULL, scene_id INTEGER NOT NULL,
    PRIMARY KEY (kind, entity_id, scene_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entity_of_scene ON entity (scene_id);
CREATE TABLE IF NOT EXISTS dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scene_id INTEGER NOT NULL UNIQUE,
    title TEXT NOT NULL, path TEXT NOT NULL,
    error_class TEXT NOT NULL, error_text TEXT NOT NULL, attempts INTEGER NOT NULL,
    failed_first_at REAL NOT NULL, failed_last_at REAL NOT NULL, outage_id INTEGER NOT NULL,
    job TEXT NOT NULL,             -- JSON
    recovered_at REAL,             -- epoch seconds of when its job was queued again; NULL: it was not
    recovered_by TEXT NOT NULL DEFAULT ''  -- the command that did so
);
CREATE TABLE IF NOT EXISTS statistic (
    minute INTEGER PRIMARY KEY,    -- of the epoch; 0 holds all that is older than those kept one by one
    pushed INTEGER NOT NULL DEFAULT 0, unchanged INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    pushed_s REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, at REAL NOT NULL,
    plan TEXT,                     -- what was decided before anything was done
    tries INTEGER NOT NULL DEFAULT 0,
    answer TEXT                    -- JSON; NULL: under way
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cleared (
    scene_id INTEGER PRIMARY KEY, cleared_at REAL NOT NULL  -- changes before it stay unpushed until restored
);
CREATE INDEX IF NOT EXISTS scene_by_settled ON scene (settled_at);
CREATE TABLE IF NOT EXISTS left_to (  -- items that a scene leaves to another one, said already
    scene_id INTEGER NOT NULL, rating_key INTEGER NOT NULL, owner INTEGER NOT NULL,
    PRIMARY KEY (scene_id, rating_key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cover (
    scene_id INTEGER PRIMARY KEY,
    updated_at TEXT NOT NULL,      -- Stash's own text, as it was when the cover was looked at
    etag TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS upload (
    rating_key INTEGER NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL,           -- JSON of an Upload
    PRIMARY KEY (rating_key, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ways (text TEXT NOT NULL);  -- one row: how files were looked for the last time, JSON
CREATE TABLE IF NOT EXISTS moment (
    name TEXT PRIMARY KEY, at REAL NOT NULL  -- epoch seconds
) WITHOUT ROWID;
"""
_VERSION = 2
# From each older version to the next; what is new altogether the schema makes.
_MIGRATIONS: Mapping[int, str] = MappingProxyType({
    1: "ALTER TABLE dead_letter ADD COLUMN recovered_at REAL;"
       "ALTER TABLE dead_letter ADD COLUMN recovered_by TEXT NOT NULL DEFAULT '';",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """What became of a scene the last time, and the items that it was pushed to."""

    updated_at: str
    verdict: str
    fingerprint: str
    files: str
    items: dict[int, Owned]  # by rating key


class Ledger:
    """The open ledger of a data directory."""

    def __init__(self, directory: str, *, on_damage: Callable[[], object] = lambda: None) -> None:
        # After a power cut the last seconds may be missing: catch-up then finds that these scenes were never judged,
        # and a push that finds all of it in Plex makes it PlexSync's again.
        self._file = Database(os.path.join(directory, NAME), _make_tables, on_damage=on_damage)
        self._begun_at: float | None = None
        self._event_at = float("inf")

    def begin_job(self, now: float, *, event_at: float) -> None:
        """A try begins: the next settlement counts its seconds from here. `event_at`: the job's last event."""
        self._begun_at, self._event_at = now, event_at

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def record(self, scene_id: int) -> SceneRecord | None:
        """What is known of the scene; None for one never judged."""
        with self.storage("read") as database:
            row = database.execute(
                "SELECT updated_at, verdict, fingerprint, files FROM scene WHERE scene_id = ?", (scene_id,)
            ).fetchone()
            items = database.execute(
                "SELECT rating_key, pushed, intents FROM item WHERE scene_id = ?", (scene_id,)
            ).fetchall()
        if row is None and not items:
            return None
        updated_at, verdict, fingerprint, files = row or ("", "", "", "")
        return SceneRecord(
            updated_at=updated_at,
            verdict=verdict,
            fingerprint=fingerprint,
            files=files,
            items={key: Owned(pushed=_values(pushed), intents=_list(intents)) for key, pushed, intents in items},
        )

    def intend(self, scene_id: int, rating_key: int, owned: Owned, intent: Values) -> None:
        """Note what is about to be sent, beside what an earlier try left unsettled."""
        if intent in owned.intents:
            return
        intents = json.dumps([_jsonable(values) for values in (*owned.intents, intent)])
        with self.transaction() as database:
            database.execute(
                "INSERT INTO item (scene_id, rating_key, pushed, intents, pushed_at) VALUES (?, ?, ?, ?, 0)"
                " ON CONFLICT DO UPDATE SET intents = excluded.intents",
                (scene_id, rating_key, json.dumps(_jsonable(owned.pushed)), intents),
            )

    def store_pushed(self, scene_id: int, rating_key: int, pushed: Values, *, now: float) -> None:
        """What is PlexSync's in this item from now on; settles every intent."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO item (scene_id, rating_key, pushed, intents, pushed_at)"
                " VALUES (?, ?, ?, '[]', ?)",
                (scene_id, rating_key, json.dumps(_jsonable(pushed)), now),
            )

    def owners(self, rating_key: int) -> dict[int, Owned]:
        """By scene, what was put into the item."""
        with self.storage("read") as database:
            rows = database.execute(
                "SELECT scene_id, pushed, intents FROM item WHERE rating_key = ?", (rating_key,)
            ).fetchall()
        return {scene_id: owned_from(pushed, intents) for scene_id, pushed, intents in rows}

    def hand_over(self, rating_key: int, scene_id: int, owned: Owned) -> None:
        """All that was put into the item is this scene's now."""
        intents = json.dumps([_jsonable(values) for values in owned.intents])
        with self.transaction() as database:
            database.execute("DELETE FROM item WHERE rating_key = ?", (rating_key,))
            database.execute(
                "INSERT INTO item (scene_id, rating_key, pushed, intents, pushed_at) VALUES (?, ?, ?, ?, 0)",
                (scene_id, rating_key, json.dumps(_jsonable(owned.pushed)), intents),
            )

    def settle(self, scene: Scene, *, verdict: str, fingerprint: str, files: str, now: float) -> None:
        """Store how the scene, as it was read, was judged; a dead letter of it is answered by that."""
        with self.transaction() as database:
            is_counted = verdict == "unchanged" and self._was_settled(database, scene.id)
            self._store_scene(database, (scene.id, scene.updated_at, now, verdict, fingerprint, files))
            database.execute("DELETE FROM entity WHERE scene_id = ?", (scene.id,))
            database.executemany(
                "INSERT OR IGNORE INTO entity (kind, entity_id, scene_id) VALUES (?, ?, ?)",
                [(kind, entity_id, scene.id) for kind, entity_id in entities_of(scene)],
            )
            database.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene.id,))
            if not is_counted:
                statistics.count(database, verdict, now=now, took_s=self._seconds_of_job(now))

    def forget_items(self, scene_id: int, rating_keys: Iterable[int]) -> None:
        """These items no longer hold a file of the scene."""
        with self.transaction() as database:
            database.executemany(
                "DELETE FROM item WHERE scene_id = ? AND rating_key = ?", [(scene_id, key) for key in rating_keys]
            )

    def forget_scene(self, scene_id: int) -> None:
        """Stash no longer has the scene."""
        with self.transaction() as database:
            for table in ("scene", "item", "entity", "dead_letter", "cleared"):
                database.execute(f"DELETE FROM {table} WHERE scene_id = ?", (scene_id,))  # noqa: S608 - our own names

    def scene_ids_of(self, kind: str, entity_id: int, *, after: int, count: int) -> list[int]:
        """Scenes that had this tag, performer, studio or group when they were last judged: the next ones by id."""
        with self.storage("read") as database:
            rows = database.execute(
                "SELECT scene_id FROM entity WHERE kind = ? AND entity_id = ? AND scene_id > ?"
                " ORDER BY scene_id LIMIT ?",
                (kind, entity_id, after, count),
            ).fetchall()
        return [scene_id for (scene_id,) in rows]

    def with_entity(self, kind: str, entity_id: int, scene_ids: Iterable[int]) -> set[int]:
        """Those of these scenes that had it when they were last judged."""
        with self.storage("read") as database:
            rows = database.execute(
                "SELECT scene_id FROM entity WHERE kind = ? AND entity_id = ?"
                " AND scene_id IN (SELECT value FROM json_each(?))",
                (kind, entity_id, json.dumps(list(scene_ids))),
            ).fetchall()
        return {scene_id for (scene_id,) in rows}

    def ways(self) -> str:
        """How files were looked for the last time; "" before the first one."""
        with self.storage("read") as database:
            row = database.execute("SELECT text FROM ways").fetchone()
        return str(row[0]) if row else ""

    def store_ways(self, ways: str) -> None:
        """How files are looked for from now on."""
        with self.transaction() as database:
            database.execute("DELETE FROM ways")
            database.execute("INSERT INTO ways VALUES (?)", (ways,))

    def bury(self, job: Job, scene: Scene | None, *, now: float) -> None:
        """Keep the job as a dead letter, in place of an older one of the same scene."""
        title, path, updated_at = "", "", ""
        if scene:
            title, updated_at = scene.title, scene.updated_at
            path = scene.files[0].path if scene.files else ""
        with self.transaction() as database:
            is_counted = self._was_buried(database, job.scene_id)
            database.execute(
                "INSERT OR REPLACE INTO dead_letter (scene_id, title, path, error_class, error_text, attempts,"
                " failed_first_at, failed_last_at, outage_id, job) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job.scene_id, title, path, job.error_class, job.error_text, job.attempts,
                    job.failed_first_at, now, job.outage_id, json.dumps(job_to_data(job)),
                ),
            )  # fmt: skip
            self._store_scene(database, (job.scene_id, updated_at, now, DEAD, "", ""))
            if not is_counted:
                statistics.count(database, DEAD, now=now)

    def exhume(self, scene_id: int, *, now: float) -> Job | None:
        """Take the scene's dead letter out again; the job in it."""
        with self.transaction() as database:
            row = database.execute("SELECT job FROM dead_letter WHERE scene_id = ?", (scene_id,)).fetchone()
            database.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene_id,))
            if row:
                statistics.count(database, DEAD, now=now, by=-1)
        return job_from_data(json.loads(row[0])) if row else None

    # A worker killed before the queue knew leaves its last job to the next one; it counts once all the same.

    def _was_settled(self, database: sqlite3.Connection, scene_id: int) -> bool:
        return self._has_row(database, "scene WHERE scene_id = ? AND settled_at >= ?", scene_id)

    def _was_buried(self, database: sqlite3.Connection, scene_id: int) -> bool:
        open_letter = "dead_letter WHERE scene_id = ? AND failed_last_at >= ? AND recovered_at IS NULL"
        return self._has_row(database, open_letter, scene_id)

    def _has_row(self, database: sqlite3.Connection, what: str, scene_id: int) -> bool:
        sql = f"SELECT 1 FROM {what}"  # noqa: S608 - our own words
        return database.execute(sql, (scene_id, self._event_at)).fetchone() is not None

    def _seconds_of_job(self, now: float) -> float:
        return max(0.0, now - self._begun_at) if self._begun_at is not None else 0.0

    @staticmethod
    def _store_scene(database: sqlite3.Connection, row: tuple[int, str, float, str, str, str]) -> None:
        database.execute(
            "INSERT OR REPLACE INTO scene (scene_id, updated_at, settled_at, verdict, fingerprint, files)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """All of it or nothing; the connection is for SQL of this room."""
        return self._file.transaction()

    def storage(self, what: str) -> AbstractContextManager[sqlite3.Connection]:
        """Whatever is refused in here could not be `what`, for example `read`."""
        return self._file.access(what)


def _make_tables(database: sqlite3.Connection) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    known_version = version or _VERSION  # 0: the file is new
    changes = "".join(_MIGRATIONS[old] for old in range(known_version, _VERSION))
    # Never back: a version to come has made its changes already.
    database.executescript(
        f"BEGIN IMMEDIATE; {changes} {_SCHEMA} PRAGMA user_version = {max(known_version, _VERSION)}; COMMIT"
    )


def entities_of(scene: Scene) -> list[tuple[str, int]]:
    """What a change of would change the scene's wanted state: (kind, id)."""
    found = [("tag", tag.id) for tag in scene.tags]
    found += [("performer", performer.id) for performer in scene.performers]
    found += [("group", group.id) for group in scene.groups]
    if scene.studio:
        found.append(("studio", scene.studio.id))
        if scene.studio.parent:
            found.append(("studio", scene.studio.parent.id))
    return found


def owned_from(pushed: str, intents: str) -> Owned:
    """What two columns of the table `item` say."""
    return Owned(pushed=_values(pushed), intents=_list(intents))


def _jsonable(values: Values) -> dict[str, str | list[str]]:
    return {field.value: value if isinstance(value, str) else list(value) for field, value in values.items()}


def _values(text: str) -> dict[Field, Value]:
    return _from_jsonable(json.loads(text))


def _list(text: str) -> tuple[dict[Field, Value], ...]:
    return tuple(_from_jsonable(values) for values in json.loads(text))


def _from_jsonable(values: dict[str, str | list[str]]) -> dict[Field, Value]:
    known = {field.value: field for field in Field}
    return {
        known[name]: value if isinstance(value, str) else tuple(value)
        for name, value in values.items()
        if name in known
    }
