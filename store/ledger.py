"""`sync_state.db`: what PlexSync knows about each scene, and what it put into which Plex item.

Other queries of these tables are in modules named for their subject. Only the worker writes, and every method is one
short transaction. Methods raise LocalStorage when SQLite or the disk refuses.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import data_directory
from local.storage import Database
from store import statistics
from store.judgement import Judgement, LastJudgement
from store.schema import create_tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from stash.scene import Scene
    from store.judgement import AttemptTimes

_JUDGED = """
SELECT value, coalesce(updated_at, ''), coalesce(settled_at, 0), coalesce(cleared_at, 0)
FROM json_each(?) LEFT JOIN scene ON scene.scene_id = value LEFT JOIN cleared ON cleared.scene_id = value
WHERE settled_at IS NOT NULL OR cleared_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """How a scene was last judged, and the items that it has on one server.

    `fingerprint` and `files` are "" if the scene was last pushed to another server.
    """

    updated_at: str
    judgement: Judgement | None  # None: not judged, or with a value that this version does not know
    fingerprint: str
    files: str
    items: tuple[int, ...]  # rating keys


class Ledger:
    """The ledger of a data directory."""

    def __init__(self, directory: str, *, on_damage: Callable[[], object] = lambda: None) -> None:
        # A power cut may lose the last seconds. Catch-up then finds these scenes unjudged, and a push that finds all
        # of its values in Plex records them as PlexSync's again, and as what stood there before if it was the first.
        self._file = Database(os.path.join(directory, data_directory.LEDGER), create_tables, on_damage=on_damage)

    def close(self) -> None:
        """Close the database file until it is used again."""
        self._file.close()

    def record(self, scene_id: int, server: str) -> SceneRecord | None:
        """Return what is known about the scene; None if it was never judged and has no item on this server."""
        with self.reading() as database:
            row = database.execute(
                "SELECT updated_at, verdict, fingerprint, files, server FROM scene WHERE scene_id = ?", (scene_id,)
            ).fetchone()
            items = database.execute(
                "SELECT rating_key FROM owned WHERE scene_id = ? AND server = ? ORDER BY rating_key", (scene_id, server)
            ).fetchall()
        if row is None and not items:
            return None
        updated_at, judgement, fingerprint, files, of_server = row or ("", "", "", "", server)
        return SceneRecord(
            updated_at=updated_at,
            judgement=_judgement(judgement),
            fingerprint=fingerprint if of_server == server else "",
            files=files if of_server == server else "",
            items=tuple(key for (key,) in items),
        )

    def judgement_of(self, scene_id: int) -> Judgement | None:
        """How the scene was last judged; None if it never was."""
        with self.reading() as database:
            row = database.execute("SELECT verdict FROM scene WHERE scene_id = ?", (scene_id,)).fetchone()
        return _judgement(row[0]) if row else None

    def server_in_use(self) -> str:
        """The server that was used last; "" if none is known."""
        with self.reading() as database:
            row = database.execute("SELECT name FROM server ORDER BY used_at DESC LIMIT 1").fetchone()
        return str(row[0]) if row else ""

    def use_server(self, server: str, *, now: float) -> bool:
        """Note that this server is the one in use; True if it is another than those known so far.

        What a version stored that knew no identities is taken for this server's: its users have one.
        """
        with self.transaction() as database:
            known = {name for (name,) in database.execute("SELECT name FROM server").fetchall()}
            for table in ("scene", "owned", "former", "upload"):
                query = f"UPDATE OR IGNORE {table} SET server = ? WHERE server = ''"  # noqa: S608 - our own names
                database.execute(query, (server,))
            database.execute(
                "INSERT INTO server (name, used_at) VALUES (?, ?) ON CONFLICT DO UPDATE SET used_at = excluded.used_at",
                (server, now),
            )
        return bool(known) and server not in known

    def store_judgement(
        self,
        scene: Scene,
        judgement: Judgement,
        *,
        fingerprint: str = "",
        files: str = "",
        server: str = "",
        now: float,
        attempt: AttemptTimes | None = None,
        of_cover: bool = False,
    ) -> None:
        """Store how this version of the scene was judged, and delete its dead letter.

        `attempt`: the attempt that led here, None if there was none. If a worker is killed before it updates the queue,
        the next worker repeats the last job; the repetition is not counted again. `of_cover`: the fields were judged
        and counted before; a scene is pushed if either the fields or the cover were.
        """
        with self.transaction() as database:
            was_counted = of_cover or (judgement is Judgement.UNCHANGED and _was_judged(database, scene.id, attempt))
            if was_counted:
                judgement = _judge_again(database, scene.id, judgement, now=now, of_cover=of_cover)
            write_scene(database, (scene.id, scene.updated_at, now, judgement.value, fingerprint, files, server))
            database.execute("DELETE FROM entity WHERE scene_id = ?", (scene.id,))
            database.executemany(
                "INSERT OR IGNORE INTO entity (kind, entity_id, scene_id) VALUES (?, ?, ?)",
                [(kind, entity_id, scene.id) for kind, entity_id in entities_of(scene)],
            )
            database.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene.id,))
            if not was_counted:
                took_s = max(0.0, now - attempt.began_at) if attempt else 0.0
                statistics.count(database, judgement, now=now, took_s=took_s)

    def withdraw_judgement(self, scene_id: int) -> None:
        """Delete that the scene is missing, which is no longer true: its job is tried again by itself."""
        if self.judgement_of(scene_id) is Judgement.MISSING:
            with self.transaction() as database:
                database.execute("DELETE FROM scene WHERE scene_id = ?", (scene_id,))

    def forget_scene(self, scene_id: int) -> None:
        """Delete what is known of a scene that Stash no longer has. Its items keep what PlexSync put into them."""
        with self.transaction() as database:
            database.execute("UPDATE owned SET scene_id = NULL WHERE scene_id = ?", (scene_id,))
            database.execute("DELETE FROM left_to WHERE owner = ?", (scene_id,))
            for table in ("scene", "entity", "dead_letter", "cleared", "cover", "left_to"):
                database.execute(f"DELETE FROM {table} WHERE scene_id = ?", (scene_id,))  # noqa: S608 - our own names

    def scenes_giving_way_to(self, scene_id: int) -> list[int]:
        """Return the scenes that left an item to this one, since Plex holds files of both in it."""
        with self.reading() as database:
            rows = database.execute("SELECT DISTINCT scene_id FROM left_to WHERE owner = ?", (scene_id,)).fetchall()
        return [other for (other,) in rows]

    def scene_ids_of(self, kind: str, entity_id: int, *, after: int, count: int) -> list[int]:
        """Return the scenes that had this tag, performer, studio or group when last judged.

        At most `count`, in the order of their ids, beginning with the first id above `after`.
        """
        with self.reading() as database:
            rows = database.execute(
                "SELECT scene_id FROM entity WHERE kind = ? AND entity_id = ? AND scene_id > ?"
                " ORDER BY scene_id LIMIT ?",
                (kind, entity_id, after, count),
            ).fetchall()
        return [scene_id for (scene_id,) in rows]

    def filter_by_entities(self, kind: str, entity_ids: Iterable[int], scene_ids: Iterable[int]) -> set[int]:
        """Return those of the scenes that had one of these tags, studios and so on when last judged."""
        with self.reading() as database:
            rows = database.execute(
                "SELECT DISTINCT scene_id FROM entity WHERE kind = ?"
                " AND entity_id IN (SELECT value FROM json_each(?)) AND scene_id IN (SELECT value FROM json_each(?))",
                (kind, json.dumps(list(entity_ids)), json.dumps(list(scene_ids))),
            ).fetchall()
        return {scene_id for (scene_id,) in rows}

    def lookup_config(self) -> str:
        """The configuration of the last file lookup, as text that is only compared; "" before the first lookup."""
        with self.reading() as database:
            row = database.execute("SELECT text FROM ways").fetchone()
        return str(row[0]) if row else ""

    def store_lookup_config(self, config: str) -> None:
        """Replace the configuration that `lookup_config` returns."""
        with self.transaction() as database:
            database.execute("DELETE FROM ways")
            database.execute("INSERT INTO ways VALUES (?)", (config,))

    def last_judgements(self, scene_ids: Iterable[int]) -> dict[int, LastJudgement]:
        """Return how each scene was last judged. Scenes that were neither judged nor cleared are absent."""
        with self.reading() as database:
            rows = database.execute(_JUDGED, (json.dumps(list(scene_ids)),)).fetchall()
        return {
            scene_id: LastJudgement(updated_at=updated_at, settled_at=settled_at, cleared_at=cleared_at)
            for scene_id, updated_at, settled_at, cleared_at in rows
        }

    def clear_fingerprints(self, scene_ids: Iterable[int]) -> None:
        """Make the next job of each scene read its items, because Plex was found to lack something."""
        with self.transaction() as database:
            void_fingerprints(database, scene_ids)

    def line_bytes(self, server: str) -> int | None:
        """The longest request line that this server has been found to take; None if no limit was met."""
        with self.reading() as database:
            row = database.execute("SELECT line_bytes FROM server WHERE name = ?", (server,)).fetchone()
        return row[0] if row else None

    def store_line_bytes(self, server: str, line_bytes: int) -> None:
        """Remember the longest request line that this server takes."""
        with self.transaction() as database:
            database.execute("UPDATE server SET line_bytes = ? WHERE name = ?", (line_bytes, server))

    def timestamp(self, name: str) -> float | None:
        """Return the time stored under this name, in epoch seconds; None if there is none."""
        with self.reading() as database:
            row = database.execute("SELECT at FROM moment WHERE name = ?", (name,)).fetchone()
        return float(row[0]) if row else None

    def store_timestamp(self, name: str, at: float) -> None:
        """Store a time (epoch seconds), replacing any under the same name."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO moment (name, at) VALUES (?, ?)", (name, at))

    def forget_timestamp(self, name: str) -> None:
        """Delete the time stored under this name, if any."""
        with self.transaction() as database:
            database.execute("DELETE FROM moment WHERE name = ?", (name,))

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Open a transaction: all of its SQL takes effect, or none."""
        return self._file.transaction()

    def count_pushed(self) -> int:
        """How many scenes were pushed since the ledger was begun."""
        with self.reading() as database:
            pushed, *_ = database.execute(statistics.SUMS, statistics.ALWAYS).fetchone()
        return int(pushed)

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Open the database for queries; LocalStorage then says that it could not be read."""
        return self._file.access("read")


def write_scene(database: sqlite3.Connection, row: tuple[int, str, float, str, str, str, str]) -> None:
    """Replace the scene's row, in a transaction.

    `row`: id, updated_at, settled_at, judgement, fingerprint, files, server.
    """
    database.execute(
        "INSERT OR REPLACE INTO scene (scene_id, updated_at, settled_at, verdict, fingerprint, files, server)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    )


def void_fingerprints(database: sqlite3.Connection, scene_ids: Iterable[int]) -> None:
    """In a transaction: the next job of each of these scenes reads its items, whatever was believed of them."""
    query = "UPDATE scene SET fingerprint = '' WHERE scene_id IN (SELECT value FROM json_each(?))"
    database.execute(query, (json.dumps(list(scene_ids)),))


def _was_judged(database: sqlite3.Connection, scene_id: int, attempt: AttemptTimes | None) -> bool:
    """Whether the scene was judged after the last event that led to this attempt."""
    if attempt is None:
        return False
    query = "SELECT 1 FROM scene WHERE scene_id = ? AND settled_at >= ?"
    return database.execute(query, (scene_id, attempt.event_at)).fetchone() is not None


def _judge_again(
    database: sqlite3.Connection, scene_id: int, judgement: Judgement, *, now: float, of_cover: bool
) -> Judgement:
    """Judge a scene that was counted: it stays pushed, and becomes so if its cover was pushed."""
    row = database.execute("SELECT verdict FROM scene WHERE scene_id = ?", (scene_id,)).fetchone()
    before = _judgement(row[0]) if row else None
    if of_cover and (before, judgement) == (Judgement.UNCHANGED, Judgement.PUSHED):
        statistics.count(database, Judgement.UNCHANGED, now=now, by=-1)
        statistics.count(database, Judgement.PUSHED, now=now)
    return Judgement.PUSHED if before is Judgement.PUSHED else judgement


def entities_of(scene: Scene) -> list[tuple[str, int]]:
    """Return (kind, id) of everything whose change affects what Plex should show for the scene."""
    found = [("tag", tag.id) for tag in scene.tags]
    found += [("performer", each) for performer in scene.performers for each in (performer.id, *performer.namesakes)]
    found += [("group", group.id) for group in scene.groups]
    if scene.studio:
        found.append(("studio", scene.studio.id))
        if scene.studio.parent:
            found.append(("studio", scene.studio.parent.id))
    return found


def _judgement(text: str) -> Judgement | None:
    return Judgement(text) if text in {each.value for each in Judgement} else None
