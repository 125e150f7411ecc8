"""`sync_state.db`: what PlexSync knows of each scene, and what it put into which Plex item.

All SQL of that file is here. One writer, the worker; every method is one short transaction. Raises
LocalStorage for anything that SQLite or the disk refuses.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plex.plan import Field, Owned
from worker.errors import LocalStorage
from worker.job import Job, job_from_data, job_to_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plex.plan import Value, Values
    from stash.scene import Scene

NAME = "sync_state.db"

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
    job TEXT NOT NULL              -- JSON
);
PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """What became of a scene the last time, and the items that it was pushed to."""

    updated_at: str
    verdict: str
    fingerprint: str
    files: str
    items: dict[int, Owned]  # by rating key


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that was given up, with what a person needs to judge it. Times are epoch seconds."""

    scene_id: int
    title: str
    path: str
    error_class: str
    error_text: str
    attempts: int
    failed_first_at: float
    failed_last_at: float


class Ledger:
    """The open ledger of a data directory."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, NAME)
        with self._storage("opened"):
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def record(self, scene_id: int) -> SceneRecord | None:
        """What is known of the scene; None for one never judged."""
        with self._storage("read"):
            row = self._db.execute(
                "SELECT updated_at, verdict, fingerprint, files FROM scene WHERE scene_id = ?", (scene_id,)
            ).fetchone()
            items = self._db.execute(
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
        with self._transaction():
            self._db.execute(
                "INSERT INTO item (scene_id, rating_key, pushed, intents, pushed_at) VALUES (?, ?, ?, ?, 0)"
                " ON CONFLICT DO UPDATE SET intents = excluded.intents",
                (scene_id, rating_key, json.dumps(_jsonable(owned.pushed)), intents),
            )

    def store_pushed(self, scene_id: int, rating_key: int, pushed: Values, *, now: float) -> None:
        """What is PlexSync's in this item from now on; settles every intent."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO item (scene_id, rating_key, pushed, intents, pushed_at)"
                " VALUES (?, ?, ?, '[]', ?)",
                (scene_id, rating_key, json.dumps(_jsonable(pushed)), now),
            )

    def settle(self, scene: Scene, *, verdict: str, fingerprint: str, files: str, now: float) -> None:
        """Store how the scene, as it was read, was judged; a dead letter of it is answered by that."""
        with self._transaction():
            self._store_scene((scene.id, scene.updated_at, now, verdict, fingerprint, files))
            self._db.execute("DELETE FROM entity WHERE scene_id = ?", (scene.id,))
            self._db.executemany(
                "INSERT OR IGNORE INTO entity (kind, entity_id, scene_id) VALUES (?, ?, ?)",
                [(kind, entity_id, scene.id) for kind, entity_id in entities_of(scene)],
            )
            self._db.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene.id,))

    def forget_items(self, scene_id: int, rating_keys: Iterable[int]) -> None:
        """These items no longer hold a file of the scene."""
        with self._transaction():
            self._db.executemany(
                "DELETE FROM item WHERE scene_id = ? AND rating_key = ?", [(scene_id, key) for key in rating_keys]
            )

    def forget_scene(self, scene_id: int) -> None:
        """Stash no longer has the scene."""
        with self._transaction():
            for table in ("scene", "item", "entity", "dead_letter"):
                self._db.execute(f"DELETE FROM {table} WHERE scene_id = ?", (scene_id,))  # noqa: S608 - our own names

    def scene_ids_of(self, kind: str, entity_id: int) -> list[int]:
        """The scenes that had this tag, performer, studio or group when they were last judged."""
        with self._storage("read"):
            rows = self._db.execute(
                "SELECT scene_id FROM entity WHERE kind = ? AND entity_id = ? ORDER BY scene_id", (kind, entity_id)
            ).fetchall()
        return [scene_id for (scene_id,) in rows]

    def bury(self, job: Job, scene: Scene | None, *, now: float) -> None:
        """Keep the job as a dead letter, in place of an older one of the same scene."""
        title, path, updated_at = "", "", ""
        if scene:
            title, updated_at = scene.title, scene.updated_at
            path = scene.files[0].path if scene.files else ""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO dead_letter (scene_id, title, path, error_class, error_text, attempts,"
                " failed_first_at, failed_last_at, outage_id, job) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job.scene_id, title, path, job.error_class, job.error_text, job.attempts,
                    job.failed_first_at, now, job.outage_id, json.dumps(job_to_data(job)),
                ),
            )  # fmt: skip
            self._store_scene((job.scene_id, updated_at, now, "dead", "", ""))

    def exhume(self, scene_id: int) -> Job | None:
        """Take the scene's dead letter out again; the job in it."""
        with self._transaction():
            row = self._db.execute("SELECT job FROM dead_letter WHERE scene_id = ?", (scene_id,)).fetchone()
            self._db.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene_id,))
        return job_from_data(json.loads(row[0])) if row else None

    def dead_letters(self) -> Sequence[DeadLetter]:
        """All dead letters, oldest first."""
        with self._storage("read"):
            rows = self._db.execute(
                "SELECT scene_id, title, path, error_class, error_text, attempts, failed_first_at, failed_last_at"
                " FROM dead_letter ORDER BY id"
            ).fetchall()
        return [
            DeadLetter(
                scene_id=row[0], title=row[1], path=row[2], error_class=row[3],
                error_text=row[4], attempts=row[5], failed_first_at=row[6], failed_last_at=row[7],
            )
            for row in rows
        ]  # fmt: skip

    def _store_scene(self, row: tuple[int, str, float, str, str, str]) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO scene (scene_id, updated_at, settled_at, verdict, fingerprint, files)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._storage("written"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite may have rolled back already: when the disk is full, for one
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _storage(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise LocalStorage(
                f"{self._path} could not be {what}: {error}. Check that the disk is not full and that Stash "
                "may write there; PlexSync goes on by itself then."
            ) from error


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
