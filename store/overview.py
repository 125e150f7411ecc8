"""What others read of queue and ledger: read-only SQL and nothing that must be installed.

Works beside a busy worker, with a hundred thousand jobs, and where nothing exists yet or a file is damaged.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.request import pathname2url

from local import inbox
from local.data_directory import LEDGER, PLEX_INDEX, QUEUE
from store import statistics
from store.dead_letters import COLUMNS, OPEN, DeadLetter, letters_of
from store.ledger import owned_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.plan import Owned

# persist-queue's status of a row: 0 and 1 are ready, 2 is in progress, from 5 on it is finished.
_UNSETTLED = """
SELECT json_extract(data, '$.scene_id'), json_extract(data, '$.not_before') FROM ack_queue_default WHERE status < 5
"""
# In one pass, since a hundred thousand rows take most of a second when each of them comes over to Python.
_COUNTS = """
SELECT COUNT(DISTINCT scene_id), COALESCE(SUM(status = 2), 0),
       COALESCE(SUM(status <> 2 AND not_before > :now), 0),
       MIN(CASE WHEN status <> 2 AND not_before > :now THEN not_before END)
FROM (SELECT json_extract(data, '$.scene_id') AS scene_id, json_extract(data, '$.not_before') AS not_before, status
      FROM ack_queue_default WHERE status < 5)
"""
_WAITING = """
SELECT json_extract(data, '$.error_class') AS error_class, COUNT(*) FROM ack_queue_default
WHERE status < 2 AND json_extract(data, '$.not_before') > ? AND error_class <> '' GROUP BY 1 ORDER BY 2 DESC, 1
"""
_OF_THESE = """
SELECT COUNT(DISTINCT json_extract(data, '$.scene_id')) FROM ack_queue_default
WHERE status < 5 AND json_extract(data, '$.scene_id') IN (SELECT value FROM json_each(?))
"""
_DEAD = f"SELECT error_class, COUNT(*) FROM dead_letter WHERE {OPEN} GROUP BY error_class ORDER BY 2 DESC, 1"  # noqa: S608
# The latest few of each class, those of the most frequent class first.
_EXAMPLES = f"""
SELECT {COLUMNS} FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY error_class ORDER BY failed_last_at DESC) AS place,
           COUNT(*) OVER (PARTITION BY error_class) AS frequency
    FROM dead_letter WHERE {OPEN})
WHERE place <= ? ORDER BY frequency DESC, error_class, place
"""  # noqa: S608 - our own names
_JUDGED = "SELECT scene_id, verdict, settled_at FROM scene WHERE settled_at >= ?"
_FINGERPRINTS = "SELECT scene_id, fingerprint FROM scene WHERE scene_id IN (SELECT value FROM json_each(?))"
_PUSHED = "SELECT DISTINCT scene_id FROM item WHERE scene_id IN (SELECT value FROM json_each(?))"
_OWNERS = "SELECT scene_id, pushed, intents FROM item WHERE rating_key = ?"
_INFERRED = "SELECT stash, plex FROM rule ORDER BY place"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Distinct scenes; `pending` includes waiting, in progress, and what lies in the inbox."""

    pending: int = 0
    waiting: int = 0
    in_progress: int = 0
    next_due_at: float | None = None  # epoch seconds of the first waiting job
    dead_letters: Mapping[str, int] = field(default_factory=dict)  # by error class


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What is pending: scene id -> epoch seconds of when it is due, 0 for at once. `entities`: changes of tags etc."""

    due_at: Mapping[int, float] = field(default_factory=dict)
    entities: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger has of some scenes: fingerprint of the last push by id, and who was pushed at all."""

    fingerprints: Mapping[int, str]
    pushed: frozenset[int]


class Overview:
    """Queue and ledger of a data directory. What cannot be read counts as empty and is named in `problems`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.problems: list[str] = []

    def counts(self, now: float) -> QueueCounts:
        """How much there is of everything."""
        scenes, entities = self._in_inbox(now)
        nothing = (0, 0, 0, None)
        queued, in_progress, waiting, next_due_at = next(iter(self._rows(QUEUE, _COUNTS, {"now": now})), nothing)
        both = self._rows(QUEUE, _OF_THESE, (json.dumps(list(scenes)),)) if scenes and queued else [(0,)]
        return QueueCounts(
            pending=queued + len(scenes) - sum(count for (count,) in both) + entities,
            waiting=waiting,
            in_progress=in_progress,
            next_due_at=next_due_at,
            dead_letters=dict(self._rows(LEDGER, _DEAD)),
        )

    def waiting_by_error(self, now: float) -> Mapping[str, int]:
        """Why the waiting ones wait: error class of the last try -> how many, the most frequent first."""
        return dict(self._rows(QUEUE, _WAITING, (now,)))

    def pending(self, now: float) -> Pending:
        """The inbox is looked at first: what leaves it is in the queue by then."""
        scenes, entities = self._in_inbox(now)
        rows = self._rows(QUEUE, _UNSETTLED)
        due_at = {scene_id: float(due or 0) for scene_id, due in rows}
        return Pending(due_at={**due_at, **dict.fromkeys(scenes, 0.0)}, entities=entities)

    def judged_since(self, at: float) -> Sequence[tuple[int, str, float]]:
        """(scene id, verdict, epoch seconds) of each scene that was judged at this time or later."""
        return self._rows(LEDGER, _JUDGED, (at,))

    def examples(self, of_each: int) -> Sequence[DeadLetter]:
        """The latest dead letters of each error class, those of the most frequent class first."""
        return letters_of(self._rows(LEDGER, _EXAMPLES, (of_each,)))

    def statistics(self, now: float) -> Mapping[str, object]:
        """What was pushed, unchanged and given up: in all, and in the `last_hour`."""
        last_hour = statistics.minute_of(now) - statistics.HOUR_MINUTES
        in_all, recent = (
            next(iter(self._rows(LEDGER, statistics.SUMS, (first,))), (0, 0, 0, 0.0)) for first in (0, last_hour)
        )
        return {**statistics.as_json(in_all), "last_hour": statistics.as_json(recent)}

    def known(self, scene_ids: Iterable[int]) -> Known:
        """What was last pushed of these scenes."""
        ids = (json.dumps(list(scene_ids)),)
        return Known(
            fingerprints=dict(self._rows(LEDGER, _FINGERPRINTS, ids)),
            pushed=frozenset(scene_id for (scene_id,) in self._rows(LEDGER, _PUSHED, ids)),
        )

    def inferred_path_map(self) -> Sequence[str]:
        """How PlexSync takes it that Plex sees Stash's folders, as `/stash => /plex`; used while path_map is empty."""
        return [f"{stash} => {plex}" for stash, plex in self.inferred_rules()]

    def inferred_rules(self) -> Sequence[tuple[str, str]]:
        """The same as (Stash's prefix, Plex's prefix)."""
        return self._rows(PLEX_INDEX, _INFERRED)

    def line_bytes(self, server: str) -> int | None:
        """The longest request line that this server has been found to take; None if no limit was met."""
        rows = self._rows(LEDGER, "SELECT line_bytes FROM server WHERE name = ?", (server,))
        return int(rows[0][0]) if rows else None

    def owners(self, rating_key: int) -> dict[int, Owned]:
        """By scene, what was put into the item."""
        rows = self._rows(LEDGER, _OWNERS, (rating_key,))
        return {scene_id: owned_from(pushed, intents) for scene_id, pushed, intents in rows}

    def _in_inbox(self, now: float) -> tuple[set[int], int]:
        """Distinct scenes, those of batches included, and how many entities."""
        entries = inbox.list_entries(self._directory, now)[0]
        scenes = {int(entry.key) for entry in entries if entry.kind == inbox.SCENE}
        for entry in entries:
            if entry.kind == inbox.BATCH:
                scenes |= _scenes_of_batch(entry.path)
        return scenes, sum(entry.kind in inbox.ENTITIES for entry in entries)

    def _rows(self, name: str, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        path = os.path.join(self._directory, name)
        if not os.path.exists(path):
            return []
        # Even a reader makes SQLite a file beside it, unless it takes the database for one that nobody changes.
        may_write = os.access(self._directory, os.W_OK) or os.path.exists(f"{path}-wal")
        options = "mode=ro" if may_write else "mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"file:{pathname2url(path)}?{options}", uri=True, timeout=5)) as database:
                return list(database.execute(sql, values))
        except sqlite3.Error as error:
            # A file that is just being made has no tables; one of an older version gets its new columns by the worker.
            problem = f"{path} cannot be read: {error}"
            if "no such" not in str(error) and problem not in self.problems:
                self.problems.append(problem)
            return []


def count_queue(directory: str, now: float) -> QueueCounts:
    """Count what is queued, where nothing else is wanted."""
    return Overview(directory).counts(now)


def _scenes_of_batch(path: str) -> set[int]:
    try:
        with open(path, "rb") as file:
            return {int(scene_id) for scene_id in json.loads(file.read())["scene_ids"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()  # just claimed; or no batch, which the worker says
