"""What others read of the queue and the ledger: read-only SQL and nothing that must be installed.

Works beside a busy worker, with a hundred thousand jobs, and where nothing exists yet.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.request import pathname2url

from local import inbox

if TYPE_CHECKING:
    from collections.abc import Mapping

QUEUE_FILE = os.path.join("queue", "data.db")
LEDGER_FILE = "sync_state.db"
# persist-queue's status of a row: 0 and 1 are ready, 2 is in progress, from 5 on it is settled.
_QUEUE = """
SELECT json_extract(data, '$.scene_id'), json_extract(data, '$.not_before'), status
FROM ack_queue_default WHERE status < 5
"""
_IN_PROGRESS = 2
_DEAD = "SELECT error_class, COUNT(*) FROM dead_letter GROUP BY error_class ORDER BY 2 DESC, 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Distinct scenes; `pending` includes waiting, in progress, and what lies in the inbox."""

    pending: int = 0
    waiting: int = 0
    in_progress: int = 0
    next_due_at: float | None = None  # epoch seconds of the first waiting job
    dead_letters: Mapping[str, int] = field(default_factory=dict)  # by error class


def count_queue(directory: str, now: float) -> QueueCounts:
    """Count what is queued. Raises sqlite3.Error for a queue that cannot be read."""
    rows = _rows(os.path.join(directory, QUEUE_FILE), _QUEUE)
    waiting = [not_before for _, not_before, status in rows if status != _IN_PROGRESS and (not_before or 0) > now]
    entries = inbox.list_entries(directory, now)[0]
    scenes = {scene_id for scene_id, _, _ in rows} | {int(e.key) for e in entries if e.kind == inbox.SCENE}
    return QueueCounts(
        pending=len(scenes) + sum(entry.kind in inbox.ENTITIES for entry in entries),
        waiting=len(waiting),
        in_progress=sum(status == _IN_PROGRESS for _, _, status in rows),
        next_due_at=min(waiting, default=None),
        dead_letters=dict(_rows(os.path.join(directory, LEDGER_FILE), _DEAD)),
    )


def _rows(path: str, sql: str) -> list[tuple[Any, ...]]:
    if not os.path.exists(path):
        return []
    with closing(sqlite3.connect(f"file:{pathname2url(path)}?mode=ro", uri=True, timeout=5)) as database:
        try:
            return list(database.execute(sql))
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # just being made
                return []
            raise
