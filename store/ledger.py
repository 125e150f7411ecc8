"""`sync_state.db`: what PlexSync knows of each scene, and what it put into which Plex item.

What else is asked of the tables stands in modules named by their subject. One writer, the worker; every method is one
short transaction. Raises LocalStorage for anything that SQLite or the disk refuses.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import data_directory
from local.storage import Database
from plex.fields import Field
from plex.plan import Owned
from store import statistics
from store.judgement import Judged, Judgement
from store.schema import make_tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from plex.fields import Value, Values
    from stash.scene import Scene
    from store.judgement import Try

_JUDGED = """
SELECT value, coalesce(updated_at, ''), coalesce(settled_at, 0), coalesce(cleared_at, 0)
FROM json_each(?) LEFT JOIN scene ON scene.scene_id = value LEFT JOIN cleared ON cleared.scene_id = value
WHERE settled_at IS NOT NULL OR cleared_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """What became of a scene the last time, and the items that it was pushed to."""

    updated_at: str
    judgement: Judgement | None  # None: none that this version knows
    fingerprint: str
    files: str
    items: dict[int, Owned]  # by rating key


class Ledger:
    """The open ledger of a data directory."""

    def __init__(self, directory: str, *, on_damage: Callable[[], object] = lambda: None) -> None:
        # After a power cut the last seconds may be missing: catch-up then finds that these scenes were never judged,
        # and a push that finds all of it in Plex makes it PlexSync's again.
        self._file = Database(os.path.join(directory, data_directory.LEDGER), make_tables, on_damage=on_damage)

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
        updated_at, judgement, fingerprint, files = row or ("", "", "", "")
        return SceneRecord(
            updated_at=updated_at,
            judgement=_judgement(judgement),
            fingerprint=fingerprint,
            files=files,
            items={key: Owned(pushed=_values(pushed), intents=_list(intents)) for key, pushed, intents in items},
        )

    def intend(self, scene_id: int, rating_key: int, owned: Owned, new: Iterable[Values]) -> None:
        """Note what is about to be sent, one state after the other, beside what earlier tries left open."""
        unknown = [intent for intent in new if intent not in owned.intents]
        if not unknown:
            return
        intents = json.dumps([_jsonable(values) for values in (*owned.intents, *unknown)])
        with self.transaction() as database:
            database.execute(
                "INSERT INTO item (scene_id, rating_key, pushed, intents, pushed_at) VALUES (?, ?, ?, ?, 0)"
                " ON CONFLICT DO UPDATE SET intents = excluded.intents",
                (scene_id, rating_key, json.dumps(_jsonable(owned.pushed)), intents),
            )

    def store_pushed(self, scene_id: int, rating_key: int, pushed: Values, *, now: float) -> None:
        """What is PlexSync's in this item from now on; no intent is open any more."""
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

    def store_judgement(
        self,
        scene: Scene,
        judgement: Judgement,
        *,
        fingerprint: str = "",
        files: str = "",
        now: float,
        attempt: Try | None = None,
    ) -> None:
        """Store how the scene, as it was read, was judged. This replaces a dead letter of it.

        `attempt`: the try that led here, None outside of one. A worker killed before the queue knew leaves its last job
        to the next worker; such a repetition is counted once.
        """
        with self.transaction() as database:
            is_repeated = judgement is Judgement.UNCHANGED and _was_judged(database, scene.id, attempt)
            write_scene(database, (scene.id, scene.updated_at, now, judgement.value, fingerprint, files))
            database.execute("DELETE FROM entity WHERE scene_id = ?", (scene.id,))
            database.executemany(
                "INSERT OR IGNORE INTO entity (kind, entity_id, scene_id) VALUES (?, ?, ?)",
                [(kind, entity_id, scene.id) for kind, entity_id in entities_of(scene)],
            )
            database.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene.id,))
            if not is_repeated:
                took_s = max(0.0, now - attempt.began_at) if attempt else 0.0
                statistics.count(database, judgement, now=now, took_s=took_s)

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

    def judged(self, scene_ids: Iterable[int]) -> dict[int, Judged]:
        """How these scenes were judged; those that never were are absent."""
        with self.storage("read") as database:
            rows = database.execute(_JUDGED, (json.dumps(list(scene_ids)),)).fetchall()
        return {
            scene_id: Judged(updated_at=updated_at, settled_at=settled_at, cleared_at=cleared_at)
            for scene_id, updated_at, settled_at, cleared_at in rows
        }

    def doubt(self, scene_ids: Iterable[int]) -> None:
        """Plex was found to lack something of these scenes: whatever job comes next looks at their items."""
        with self.transaction() as database:
            database.execute(
                "UPDATE scene SET fingerprint = '' WHERE scene_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(scene_ids)),),
            )

    def line_bytes(self, server: str) -> int | None:
        """The longest request line that this server has been found to take; None if no limit was met."""
        with self.storage("read") as database:
            row = database.execute("SELECT line_bytes FROM server WHERE name = ?", (server,)).fetchone()
        return int(row[0]) if row else None

    def store_line_bytes(self, server: str, line_bytes: int) -> None:
        """Remember the longest request line that this server takes."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO server (name, line_bytes) VALUES (?, ?)", (server, line_bytes))

    def moment(self, name: str) -> float | None:
        """A time that was stored under this name (epoch seconds); None before."""
        with self.storage("read") as database:
            row = database.execute("SELECT at FROM moment WHERE name = ?", (name,)).fetchone()
        return float(row[0]) if row else None

    def store_moment(self, name: str, at: float) -> None:
        """Remember a time, in place of the one before."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO moment (name, at) VALUES (?, ?)", (name, at))

    def forget_moment(self, name: str) -> None:
        """As if it had never been stored."""
        with self.transaction() as database:
            database.execute("DELETE FROM moment WHERE name = ?", (name,))

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """All of it or nothing; the connection is for SQL of this room."""
        return self._file.transaction()

    def storage(self, what: str) -> AbstractContextManager[sqlite3.Connection]:
        """Whatever is refused in here could not be `what`, for example `read`."""
        return self._file.access(what)


def write_scene(database: sqlite3.Connection, row: tuple[int, str, float, str, str, str]) -> None:
    """Replace the scene's row, within a transaction: id, updated_at, settled_at, judgement, fingerprint, files."""
    database.execute(
        "INSERT OR REPLACE INTO scene (scene_id, updated_at, settled_at, verdict, fingerprint, files)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        row,
    )


def _was_judged(database: sqlite3.Connection, scene_id: int, attempt: Try | None) -> bool:
    """Whether the scene was judged since the last event behind this try."""
    if attempt is None:
        return False
    query = "SELECT 1 FROM scene WHERE scene_id = ? AND settled_at >= ?"
    return database.execute(query, (scene_id, attempt.event_at)).fetchone() is not None


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


def _judgement(text: str) -> Judgement | None:
    return Judgement(text) if text in {each.value for each in Judgement} else None


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
