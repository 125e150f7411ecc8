"""Reads queue and ledger for operations that must answer fast: it loads `json` and `sqlite3`, and nothing that is slow.

It works alongside a busy worker, with a hundred thousand jobs, before any file exists, and with damaged files.
"""

from __future__ import annotations

import json
import os
import sqlite3

from local import inbox
from local.data_directory import LEDGER, PLEX_INDEX, QUEUE
from local.files import path_in_uri
from store import statistics

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# No wait of a job is longer: how often it is tried to find a file that Plex lacks. Scaled.
LONGEST_WAIT_S = 1800.0
# When a job is due: never later than its wait was long, since the clock may have been set back (see `Job.wait_s`).
DUE_AT = """
MIN(json_extract(data, '$.not_before'), :now + CASE WHEN json_extract(data, '$.failed_at') > 0
    THEN json_extract(data, '$.not_before') - json_extract(data, '$.failed_at') ELSE :longest_s END)
"""
# Indexes of the queue, by name: they hold what the counting queries need, so that these parse no job.
_WAITING_INDEX = """
(json_extract(data, '$.error_class'), json_extract(data, '$.not_before'), json_extract(data, '$.failed_at'), status)
WHERE json_extract(data, '$.not_before') > 0
"""
INDEXES = (
    ("pending_scene", "(status, json_extract(data, '$.scene_id'))"),
    ("waiting_job", _WAITING_INDEX),
    ("cover_left", "(status) WHERE json_extract(data, '$.is_cover_left')"),
)
# Selects the letters of scenes that no person has PlexSync ignore.
NOT_IGNORED = "scene_id NOT IN (SELECT scene_id FROM scene WHERE verdict = 'ignored')"
# Selects the letters that wait for a person. Once its job is queued again, a letter is pending, not dead.
OPEN = f"recovered_at IS NULL AND {NOT_IGNORED}"
# persist-queue's row status: 0 and 1 are ready, 2 is in progress, 5 and above are finished.
# `+status` keeps SQLite from the index that knows no more than the status.
# Counted by SQLite, because fetching a hundred thousand rows into Python takes most of a second.
PENDING = """
SELECT COUNT(DISTINCT json_extract(data, '$.scene_id')), COALESCE(SUM(status = 2), 0) FROM ack_queue_default
WHERE status < 5
"""
COVERS_LEFT = "SELECT COUNT(*) FROM ack_queue_default WHERE status < 5 AND json_extract(data, '$.is_cover_left')"
WAITING = f"""
SELECT json_extract(data, '$.error_class'), COUNT(*), MIN({DUE_AT}) FROM ack_queue_default
WHERE json_extract(data, '$.not_before') > 0 AND json_extract(data, '$.not_before') > :now AND +status < 2
GROUP BY 1
"""  # noqa: S608 - our own names
# The texts of those that are due first are read only when it is known which these are.
WAITING_JOBS = """
SELECT json_extract(data, '$.scene_id'), json_extract(data, '$.error_class'), json_extract(data, '$.error_text'),
       json_extract(data, '$.not_before') FROM ack_queue_default
WHERE _id IN (
    SELECT _id FROM ack_queue_default
    WHERE json_extract(data, '$.not_before') > 0 AND json_extract(data, '$.not_before') > :now
        AND json_extract(data, '$.error_class') <> '' AND +status < 2
    ORDER BY json_extract(data, '$.not_before') LIMIT :limit)
ORDER BY 4
"""
_QUEUED_AMONG = """
SELECT COUNT(DISTINCT json_extract(data, '$.scene_id')) FROM ack_queue_default
WHERE status < 5 AND json_extract(data, '$.scene_id') IN (SELECT value FROM json_each(?))
"""
_DEAD = f"SELECT error_class, COUNT(*) FROM dead_letter WHERE {OPEN} GROUP BY error_class ORDER BY 2 DESC, 1"  # noqa: S608
_INFERRED = "SELECT stash, plex FROM rule ORDER BY place"


class QueueCounts:
    """Numbers of distinct scenes. `pending` includes those waiting, in progress, and in the inbox.

    `covers_left`: those of which only the cover is still to be pushed.
    """

    __slots__ = ("covers_left", "dead_letters", "in_progress", "next_due_at", "pending", "waiting", "waiting_by_error")

    def __init__(
        self,
        *,
        pending: int,
        covers_left: int,
        waiting: int,
        waiting_by_error: Mapping[str, int],
        in_progress: int,
        next_due_at: float | None,
        dead_letters: Mapping[str, int],
    ) -> None:
        self.pending = pending
        self.covers_left = covers_left
        self.waiting = waiting
        self.waiting_by_error = waiting_by_error  # by the error class of the last attempt, the most frequent first
        self.in_progress = in_progress
        self.next_due_at = next_due_at  # epoch seconds of the first waiting job
        self.dead_letters = dead_letters  # by error class


class Reader:
    """The databases of a data directory. One that cannot be read counts as empty and is named in `problems`."""

    def __init__(self, directory: str, *, is_brief: bool = False) -> None:
        """`is_brief`: the process ends soon, so each file is opened once and stays open."""
        self.directory = directory
        self.problems: list[str] = []
        self._open: dict[str, sqlite3.Connection] | None = {} if is_brief else None

    def counts(self, now: float) -> QueueCounts:
        """Count pending jobs and dead letters. `now`: epoch seconds."""
        scenes, entities = self.in_inbox(now)
        queued, in_progress = next(iter(self.rows(QUEUE, PENDING)), (0, 0))
        both = self.rows(QUEUE, _QUEUED_AMONG, (json.dumps(list(scenes)),)) if scenes and queued else [(0,)]
        waiting = self.rows(QUEUE, WAITING, times(now)) if queued else []
        covers_left = self.rows(QUEUE, COVERS_LEFT) if queued else []
        by_error = sorted((-count, name) for name, count, _ in waiting if name)
        return QueueCounts(
            pending=queued + len(scenes) - sum(count for (count,) in both) + entities,
            covers_left=sum(count for (count,) in covers_left),
            waiting=sum(count for _, count, _ in waiting),
            waiting_by_error={name: -count for count, name in by_error},
            in_progress=in_progress,
            next_due_at=min((due_at for _, _, due_at in waiting), default=None),
            dead_letters=dict(self.rows(LEDGER, _DEAD)),
        )

    def waiting_rows(self, count: int, now: float) -> Sequence[tuple[int, str, str, float]]:
        """Return (scene id, error class, error text, epoch seconds when due) of the waiting jobs that are due first."""
        return self.rows(QUEUE, WAITING_JOBS, {"now": now, "limit": count})

    def statistics(self, now: float) -> Any:
        """Return the sums of `statistics.as_json`: the total, and under `last_hour` those of the last hour."""
        minute = statistics.minute_of(now)
        in_all, recent = (
            next(iter(self.rows(LEDGER, statistics.SUMS, period)), (0, 0, 0, 0.0))
            for period in (statistics.ALWAYS, (minute - statistics.HOUR_MINUTES, minute))
        )
        return {**statistics.as_json(in_all), "last_hour": statistics.as_json(recent)}

    def inferred_rules(self) -> Sequence[tuple[str, str]]:
        """Return the inferred path map as pairs of Stash's prefix and Plex's prefix."""
        return self.rows(PLEX_INDEX, _INFERRED)

    def inferred_path_map(self) -> list[str]:
        """Return the path map that PlexSync inferred, as `/stash => /plex`. It is used while path_map is empty."""
        return [f"{stash} => {plex}" for stash, plex in self.inferred_rules()]

    def in_inbox(self, now: float) -> tuple[set[int], int]:
        """Return the distinct scenes, including those in batches, and the number of entities."""
        entries = inbox.list_entries(self.directory, now)[0]
        scenes = {int(entry.key) for entry in entries if entry.kind == inbox.SCENE}
        for entry in entries:
            if entry.kind == inbox.BATCH:
                scenes |= _scenes_of_batch(entry.path)
        return scenes, sum(entry.kind in inbox.ENTITIES for entry in entries)

    def rows(self, name: str, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; none if the file is missing, damaged, or of a version without the table."""
        path = os.path.join(self.directory, name)
        if not os.path.exists(path):
            return []
        try:
            if self._open is not None:
                if name not in self._open:
                    self._open[name] = self._connect(path)
                return list(self._open[name].execute(sql, values))
            database = self._connect(path)
            try:
                return list(database.execute(sql, values))
            finally:
                database.close()
        except sqlite3.Error as error:
            # A new file has no tables yet; in one of an older version the worker has yet to add the new columns.
            problem = f"{path} cannot be read: {error}"
            if "no such" not in str(error) and problem not in self.problems:
                self.problems.append(problem)
            return []

    def _connect(self, path: str) -> sqlite3.Connection:
        # Even to read, SQLite creates files beside the database, unless it is told that nobody changes it.
        may_write = os.access(self.directory, os.W_OK) or os.path.exists(f"{path}-wal")
        options = "mode=ro" if may_write else "mode=ro&immutable=1"
        return sqlite3.connect(f"file:{path_in_uri(path)}?{options}", uri=True, timeout=5)


def times(now: float) -> Mapping[str, float]:
    """The values for DUE_AT. The longest wait is not scaled: it only matters for jobs of an earlier version."""
    return {"now": now, "longest_s": LONGEST_WAIT_S}


def count_queue(directory: str, now: float) -> QueueCounts:
    """Count pending jobs, for callers that need nothing else from a Reader."""
    return Reader(directory).counts(now)


def _scenes_of_batch(path: str) -> set[int]:
    try:
        with open(path, "rb") as file:
            return {int(scene_id) for scene_id in json.loads(file.read())["scene_ids"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()  # just claimed, or not a batch: the worker reports that
