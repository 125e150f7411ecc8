"""Jobs that were given up: what a person needs to judge them, and their way into a backup and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from store import statistics
from store.job import job_from_data, job_to_data
from store.judgement import Judgement
from store.ledger import write_scene

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from stash.scene import Scene
    from store.job import Job
    from store.ledger import Ledger

COLUMNS = (
    "scene_id, title, path, error_class, error_text, attempts, failed_first_at, failed_last_at, outage_id, job,"
    " recovered_at, recovered_by"
)
_OLDER_THAN = f"SELECT {COLUMNS} FROM dead_letter WHERE failed_last_at < ? ORDER BY id"  # noqa: S608 - our own names
# Those that wait for a person; one whose job was queued again is pending and not dead.
OPEN = "recovered_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that was given up. Times are epoch seconds; `outage_id` 0: outside of any; `job` is JSON."""

    scene_id: int
    title: str
    path: str
    error_class: str
    error_text: str
    attempts: int
    failed_first_at: float
    failed_last_at: float
    outage_id: int
    job: str
    recovered_at: float | None = None  # its job was queued again by the command `recovered_by`
    recovered_by: str = ""

    def failed_within(self, begin: float, end: float) -> bool:
        """Whether its first or its last failure lies between these times."""
        return begin <= self.failed_first_at <= end or begin <= self.failed_last_at <= end


class DeadLetters:
    """The table of them in the ledger. Raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def bury(self, job: Job, scene: Scene | None, *, now: float) -> None:
        """Keep the job as a dead letter, in place of an older one of the same scene."""
        title, path, updated_at = "", "", ""
        if scene:
            title, updated_at = scene.title, scene.updated_at
            path = scene.files[0].path if scene.files else ""
        with self._ledger.transaction() as database:
            is_repeated = _was_buried(database, job)
            database.execute(
                "INSERT OR REPLACE INTO dead_letter (scene_id, title, path, error_class, error_text, attempts,"
                " failed_first_at, failed_last_at, outage_id, job) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job.scene_id, title, path, job.error_class, job.error_text, job.attempts,
                    job.failed_first_at, now, job.outage_id, json.dumps(job_to_data(job)),
                ),
            )  # fmt: skip
            write_scene(database, (job.scene_id, updated_at, now, Judgement.DEAD.value, "", ""))
            if not is_repeated:
                statistics.count(database, Judgement.DEAD, now=now)

    def exhume(self, scene_id: int, *, now: float) -> Job | None:
        """Take the scene's dead letter out again; the job in it."""
        with self._ledger.transaction() as database:
            row = database.execute("SELECT job FROM dead_letter WHERE scene_id = ?", (scene_id,)).fetchone()
            database.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene_id,))
            if row:
                statistics.count(database, Judgement.DEAD, now=now, by=-1)
        return job_from_data(json.loads(row[0])) if row else None

    def all(self, *, before: float = float("inf")) -> Sequence[DeadLetter]:
        """Oldest first; `before`: only those whose last failure is older."""
        with self._ledger.storage("read") as database:
            return letters_of(database.execute(_OLDER_THAN, (before,)))

    def remove(self, letters: Iterable[DeadLetter]) -> None:
        """Delete exactly these: one that failed once more since stays."""
        with self._ledger.transaction() as database:
            database.executemany(
                "DELETE FROM dead_letter WHERE scene_id = ? AND failed_last_at = ?",
                [(letter.scene_id, letter.failed_last_at) for letter in letters],
            )

    def put_back(self, letters: Iterable[DeadLetter]) -> None:
        """From a backup. A scene that failed again since keeps its newer one."""
        with self._ledger.transaction() as database:
            names = COLUMNS.split(", ")
            values = ", ".join(f":{name.strip()}" for name in names)
            database.executemany(
                f"INSERT OR IGNORE INTO dead_letter ({COLUMNS}) VALUES ({values})",  # noqa: S608 - our own names
                [asdict(letter) for letter in letters],
            )

    def mark_recovered(self, scene_ids: Iterable[int], *, command_id: str, now: float) -> None:
        """Their jobs are queued again."""
        with self._ledger.transaction() as database:
            database.executemany(
                "UPDATE dead_letter SET recovered_at = ?, recovered_by = ? WHERE scene_id = ?",
                [(now, command_id, scene_id) for scene_id in scene_ids],
            )


def _was_buried(database: sqlite3.Connection, job: Job) -> bool:
    """Whether it is dead since its last event: a worker was killed before the queue knew. Counted once all the same."""
    query = "SELECT 1 FROM dead_letter WHERE scene_id = ? AND failed_last_at >= ? AND recovered_at IS NULL"
    return database.execute(query, (job.scene_id, job.last_event_at)).fetchone() is not None


def letters_of(rows: Iterable[Sequence[Any]]) -> list[DeadLetter]:
    """The rows of a query for `COLUMNS`."""
    return [
        DeadLetter(
            scene_id=row[0], title=row[1], path=row[2], error_class=row[3], error_text=row[4], attempts=row[5],
            failed_first_at=row[6], failed_last_at=row[7], outage_id=row[8], job=row[9], recovered_at=row[10],
            recovered_by=row[11],
        )
        for row in rows
    ]  # fmt: skip
