"""Read-only queries of queue, ledger and Plex index, for everyone but the worker. They need no installed packages.

They work alongside a busy worker, with a hundred thousand jobs, before any file exists, and with damaged files.
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
from store.altered import alterations_from
from store.dead_letters import COLUMNS, OPEN, DeadLetter, letters_of
from store.items import OWNED, ItemRecord, owned_from
from store.job import LONGEST_WAIT_S
from store.undo import ENTRIES, RUN, entry_from, run_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.altered import Alterations
    from store.undo import UndoneItem, UndoRun

# When a job is due: never later than its wait was long, since the clock may have been set back (see `Job.wait_s`).
_DUE_AT = """
MIN(json_extract(data, '$.not_before'), :now + CASE WHEN json_extract(data, '$.failed_at') > 0
    THEN json_extract(data, '$.not_before') - json_extract(data, '$.failed_at') ELSE :longest_s END)
"""
# persist-queue's row status: 0 and 1 are ready, 2 is in progress, 5 and above are finished.
_UNSETTLED = f"""
SELECT json_extract(data, '$.scene_id'), {_DUE_AT}, json_extract(data, '$.is_cover_left')
FROM ack_queue_default WHERE status < 5
"""  # noqa: S608 - our own names
# One query, because fetching a hundred thousand rows into Python takes most of a second.
_COUNTS = f"""
SELECT COUNT(DISTINCT scene_id), COALESCE(SUM(status = 2), 0),
       COALESCE(SUM(status <> 2 AND due_at > :now), 0),
       MIN(CASE WHEN status <> 2 AND due_at > :now THEN due_at END), COALESCE(SUM(is_cover_left), 0)
FROM (SELECT json_extract(data, '$.scene_id') AS scene_id, {_DUE_AT} AS due_at, status,
             json_extract(data, '$.is_cover_left') AS is_cover_left
      FROM ack_queue_default WHERE status < 5)
"""  # noqa: S608 - our own names
_WAITING = """
SELECT json_extract(data, '$.error_class') AS error_class, COUNT(*) FROM ack_queue_default
WHERE status < 2 AND json_extract(data, '$.not_before') > ? AND error_class <> '' GROUP BY 1 ORDER BY 2 DESC, 1
"""
_WAITING_JOBS = """
SELECT json_extract(data, '$.scene_id'), json_extract(data, '$.error_class'), json_extract(data, '$.error_text'),
       json_extract(data, '$.not_before') AS due_at FROM ack_queue_default
WHERE status < 2 AND due_at > ? AND json_extract(data, '$.error_class') <> '' ORDER BY due_at LIMIT ?
"""
_QUEUED_AMONG = """
SELECT COUNT(DISTINCT json_extract(data, '$.scene_id')) FROM ack_queue_default
WHERE status < 5 AND json_extract(data, '$.scene_id') IN (SELECT value FROM json_each(?))
"""
_DEAD = f"SELECT error_class, COUNT(*) FROM dead_letter WHERE {OPEN} GROUP BY error_class ORDER BY 2 DESC, 1"  # noqa: S608
# The latest few of each class, the most frequent class first.
_EXAMPLES = f"""
SELECT {COLUMNS} FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY error_class ORDER BY failed_last_at DESC) AS place,
           COUNT(*) OVER (PARTITION BY error_class) AS frequency
    FROM dead_letter WHERE {OPEN})
WHERE place <= ? ORDER BY frequency DESC, error_class, place
"""  # noqa: S608 - our own names
_JUDGED = "SELECT scene_id, verdict, settled_at FROM scene WHERE settled_at >= ?"
_FINGERPRINTS = """
SELECT scene_id, fingerprint FROM scene WHERE scene_id IN (SELECT value FROM json_each(?))
    AND server = COALESCE((SELECT name FROM server ORDER BY used_at DESC LIMIT 1), '')
"""
_PUSHED = "SELECT DISTINCT scene_id FROM owned WHERE scene_id IN (SELECT value FROM json_each(?))"
_ITEM = f"""
{OWNED} WHERE rating_key = ? AND server = COALESCE((SELECT name FROM server ORDER BY used_at DESC LIMIT 1), '')
"""  # noqa: S608 - our own names
_ALTERED = """
SELECT field, forms FROM altered
WHERE rating_key = ? AND server = COALESCE((SELECT name FROM server ORDER BY used_at DESC LIMIT 1), '')
"""
_LINE_BYTES = "SELECT line_bytes FROM server ORDER BY used_at DESC LIMIT 1"
_INFERRED = "SELECT stash, plex FROM rule ORDER BY place"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Numbers of distinct scenes. `pending` includes those waiting, in progress, and in the inbox.

    `covers_left`: those of which only the cover is still to be pushed.
    """

    pending: int = 0
    covers_left: int = 0
    waiting: int = 0
    in_progress: int = 0
    next_due_at: float | None = None  # epoch seconds of the first waiting job
    dead_letters: Mapping[str, int] = field(default_factory=dict)  # by error class


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Pending work. `due_at`: epoch seconds by scene id, 0 for now. `entities`: number of changed tags, studios etc.

    `covers_left`: the scenes of which only the cover is still to be pushed.
    """

    due_at: Mapping[int, float] = field(default_factory=dict)
    covers_left: frozenset[int] = frozenset()
    entities: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingJob:
    """A job that failed and is tried again at `due_at` (epoch seconds)."""

    scene_id: int
    error_class: str
    error_text: str
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPushes:
    """What was last pushed: fingerprints by scene id, and the ids of scenes with a recorded item."""

    fingerprints: Mapping[int, str]
    pushed: frozenset[int]


class Overview:
    """The databases of a data directory. One that cannot be read counts as empty and is named in `problems`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.problems: list[str] = []

    def counts(self, now: float) -> QueueCounts:
        """Count pending jobs and dead letters. `now`: epoch seconds."""
        scenes, entities = self._in_inbox(now)
        nothing = (0, 0, 0, None, 0)
        queued, in_progress, waiting, next_due_at, covers_left = next(
            iter(self._rows(QUEUE, _COUNTS, _times(now))), nothing
        )
        both = self._rows(QUEUE, _QUEUED_AMONG, (json.dumps(list(scenes)),)) if scenes and queued else [(0,)]
        return QueueCounts(
            pending=queued + len(scenes) - sum(count for (count,) in both) + entities,
            covers_left=covers_left,
            waiting=waiting,
            in_progress=in_progress,
            next_due_at=next_due_at,
            dead_letters=dict(self._rows(LEDGER, _DEAD)),
        )

    def waiting_by_error(self, now: float) -> Mapping[str, int]:
        """Number of waiting jobs by the error class of their last attempt, the most frequent first."""
        return dict(self._rows(QUEUE, _WAITING, (now,)))

    def waiting_jobs(self, count: int, now: float) -> Sequence[WaitingJob]:
        """Return the first of the jobs that wait for another try, the next due one first."""
        rows = self._rows(QUEUE, _WAITING_JOBS, (now, count))
        return [
            WaitingJob(scene_id=scene_id, error_class=error_class, error_text=error_text, due_at=due_at)
            for scene_id, error_class, error_text, due_at in rows
        ]

    def pending(self, now: float) -> Pending:
        """Return all pending work. Reads the inbox before the queue, so a job moving between them is not missed."""
        scenes, entities = self._in_inbox(now)
        rows = self._rows(QUEUE, _UNSETTLED, _times(now))
        due_at = {scene_id: float(due or 0) for scene_id, due, _ in rows}
        covers_left = frozenset(scene_id for scene_id, _, is_cover_left in rows if is_cover_left)
        return Pending(
            due_at={**due_at, **dict.fromkeys(scenes, 0.0)}, covers_left=covers_left - scenes, entities=entities
        )

    def judged_since(self, at: float) -> Sequence[tuple[int, str, float]]:
        """Return (scene id, judgement, epoch seconds) of each scene judged at this time or later."""
        return self._rows(LEDGER, _JUDGED, (at,))

    def examples(self, per_class: int) -> Sequence[DeadLetter]:
        """Return the latest `per_class` dead letters of each error class, the most frequent class first."""
        return letters_of(self._rows(LEDGER, _EXAMPLES, (per_class,)))

    def statistics(self, now: float) -> Mapping[str, object]:
        """Return the sums of `statistics.as_json`: the total, and under `last_hour` those of the last hour."""
        minute = statistics.minute_of(now)
        in_all, recent = (
            next(iter(self._rows(LEDGER, statistics.SUMS, period)), (0, 0, 0, 0.0))
            for period in (statistics.ALWAYS, (minute - statistics.HOUR_MINUTES, minute))
        )
        return {**statistics.as_json(in_all), "last_hour": statistics.as_json(recent)}

    def last_pushes(self, scene_ids: Iterable[int]) -> LastPushes:
        """Return what was last pushed for these scenes."""
        ids = (json.dumps(list(scene_ids)),)
        return LastPushes(
            fingerprints=dict(self._rows(LEDGER, _FINGERPRINTS, ids)),
            pushed=frozenset(scene_id for (scene_id,) in self._rows(LEDGER, _PUSHED, ids)),
        )

    def inferred_path_map(self) -> Sequence[str]:
        """Return the path map that PlexSync inferred, as `/stash => /plex`. It is used while path_map is empty."""
        return [f"{stash} => {plex}" for stash, plex in self.inferred_rules()]

    def inferred_rules(self) -> Sequence[tuple[str, str]]:
        """Return the inferred path map as pairs of Stash's prefix and Plex's prefix."""
        return self._rows(PLEX_INDEX, _INFERRED)

    def line_bytes(self) -> int | None:
        """The longest request line that the server in use is known to accept; None if it never refused one."""
        rows = self._rows(LEDGER, _LINE_BYTES)
        return rows[0][0] if rows else None

    def picture_obstacle(self, url: str) -> str:
        """Why Plex would get no picture of a performer from this address; "" if it would or that was never tried."""
        rows = self._rows(LEDGER, "SELECT obstacle FROM picture_address WHERE url = ?", (url,))
        return str(rows[0][0]) if rows else ""

    def item(self, rating_key: int) -> ItemRecord | None:
        """Return what PlexSync put into the item; None if it never wrote to it."""
        rows = self._rows(LEDGER, _ITEM, (rating_key,))
        return ItemRecord(owned=owned_from(*rows[0][1:]), scene_id=rows[0][0]) if rows else None

    def undo(self) -> UndoRun | None:
        """Return the undo under way."""
        rows = self._rows(LEDGER, RUN)
        return run_from(rows[0]) if rows else None

    def count_undone(self) -> int:
        """How many items that undo is done with."""
        return sum(count for (count,) in self._rows(LEDGER, "SELECT COUNT(*) FROM undone"))

    def undone(self) -> Sequence[UndoneItem]:
        """What it did with them."""
        return [entry_from(text) for (text,) in self._rows(LEDGER, ENTRIES)]

    def altered(self, rating_key: int) -> Alterations:
        """What Plex shows otherwise than it was sent to this item."""
        return alterations_from(self._rows(LEDGER, _ALTERED, (rating_key,)))

    def _in_inbox(self, now: float) -> tuple[set[int], int]:
        """Return the distinct scenes, including those in batches, and the number of entities."""
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
        # Even to read, SQLite creates files beside the database, unless it is told that nobody changes it.
        may_write = os.access(self._directory, os.W_OK) or os.path.exists(f"{path}-wal")
        options = "mode=ro" if may_write else "mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"file:{pathname2url(path)}?{options}", uri=True, timeout=5)) as database:
                return list(database.execute(sql, values))
        except sqlite3.Error as error:
            # A new file has no tables yet; in one of an older version the worker has yet to add the new columns.
            problem = f"{path} cannot be read: {error}"
            if "no such" not in str(error) and problem not in self.problems:
                self.problems.append(problem)
            return []


def count_queue(directory: str, now: float) -> QueueCounts:
    """Count pending jobs, for callers that need nothing else from an Overview."""
    return Overview(directory).counts(now)


def _times(now: float) -> Mapping[str, float]:
    """The values for `_DUE_AT`. The longest wait is not scaled: it only matters for jobs of an earlier version."""
    return {"now": now, "longest_s": LONGEST_WAIT_S}


def _scenes_of_batch(path: str) -> set[int]:
    try:
        with open(path, "rb") as file:
            return {int(scene_id) for scene_id in json.loads(file.read())["scene_ids"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()  # just claimed, or not a batch: the worker reports that
