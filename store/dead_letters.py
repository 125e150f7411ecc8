"""Dead letters: jobs that were given up, with what a person needs to judge them, back them up and restore them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from store import statistics
from store.job import job_from_data, job_to_data
from store.judgement import Judgement
from store.ledger import write_scene
from store.reader import NOT_IGNORED, OPEN

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
_OLDER_THAN = f"SELECT {COLUMNS} FROM dead_letter WHERE failed_last_at < ? AND {NOT_IGNORED} ORDER BY id"  # noqa: S608 - our own names
_NEWER_THAN = f"SELECT {COLUMNS} FROM dead_letter WHERE id > ? AND {OPEN} ORDER BY id"  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that was given up. Times are epoch seconds; `outage_id` is 0 outside an outage; `job` is JSON."""

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
    recovered_at: float | None = None  # when the command `recovered_by` queued the job again
    recovered_by: str = ""

    def failed_within(self, begin: float, end: float) -> bool:
        """Whether the first or the last failure lies between these times."""
        return begin <= self.failed_first_at <= end or begin <= self.failed_last_at <= end


class DeadLetters:
    """The ledger's table of dead letters. Every method raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def bury(self, job: Job, scene: Scene | None, *, now: float) -> None:
        """Store the job as a dead letter, replacing an older one of its scene. `scene`: None if it was not read."""
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
            write_scene(database, (job.scene_id, updated_at, now, Judgement.DEAD.value, "", "", ""))
            if not is_repeated:
                statistics.count(database, Judgement.DEAD, now=now)

    def job_of(self, scene_id: int) -> Job | None:
        """The job in the scene's dead letter; None if there is none, or its job is queued again."""
        with self._ledger.reading() as database:
            query = f"SELECT job FROM dead_letter WHERE scene_id = ? AND {OPEN}"  # noqa: S608 - our own condition
            row = database.execute(query, (scene_id,)).fetchone()
        return job_from_data(json.loads(row[0])) if row else None

    def exhume(self, scene_id: int, *, now: float) -> Job | None:
        """Remove the scene's dead letter and return the job in it; None if there is none."""
        with self._ledger.transaction() as database:
            row = database.execute("SELECT job FROM dead_letter WHERE scene_id = ?", (scene_id,)).fetchone()
            database.execute("DELETE FROM dead_letter WHERE scene_id = ?", (scene_id,))
            if row:
                statistics.count(database, Judgement.DEAD, now=now, by=-1)
        return job_from_data(json.loads(row[0])) if row else None

    def all(self, *, before: float = float("inf")) -> Sequence[DeadLetter]:
        """All dead letters, oldest first, recovered ones included, but none of ignored scenes.

        `before`: only those that last failed before it.
        """
        with self._ledger.reading() as database:
            return letters_of(database.execute(_OLDER_THAN, (before,)))

    def last_number(self) -> int:
        """The number of the newest dead letter ever, 0 before the first. Each new one gets a higher number."""
        with self._ledger.reading() as database:
            row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'dead_letter'").fetchone()
        return int(row[0]) if row else 0

    def newer_than(self, number: int) -> tuple[Sequence[DeadLetter], int]:
        """The dead letters after this number that still wait for a person, oldest first, and the newest number."""
        with self._ledger.reading() as database:
            letters = letters_of(database.execute(_NEWER_THAN, (number,)))
        return letters, max(number, self.last_number())

    def remove(self, letters: Iterable[DeadLetter]) -> None:
        """Delete exactly these letters: a scene that has failed again since keeps its newer one."""
        with self._ledger.transaction() as database:
            database.executemany(
                "DELETE FROM dead_letter WHERE scene_id = ? AND failed_last_at = ?",
                [(letter.scene_id, letter.failed_last_at) for letter in letters],
            )

    def restore(self, letters: Iterable[DeadLetter]) -> None:
        """Insert letters from a backup. A scene that has failed again since keeps its newer one."""
        with self._ledger.transaction() as database:
            names = COLUMNS.split(", ")
            values = ", ".join(f":{name.strip()}" for name in names)
            database.executemany(
                f"INSERT OR IGNORE INTO dead_letter ({COLUMNS}) VALUES ({values})",  # noqa: S608 - our own names
                [asdict(letter) for letter in letters],
            )

    def mark_recovered(self, scene_ids: Iterable[int], *, command_id: str, now: float) -> None:
        """Record that the command queued the jobs of these scenes again."""
        with self._ledger.transaction() as database:
            database.executemany(
                "UPDATE dead_letter SET recovered_at = ?, recovered_by = ? WHERE scene_id = ?",
                [(now, command_id, scene_id) for scene_id in scene_ids],
            )


def _was_buried(database: sqlite3.Connection, job: Job) -> bool:
    """Whether the job was buried after its last event, by a worker killed before it updated the queue.

    Such a job is buried twice but counted once.
    """
    query = "SELECT 1 FROM dead_letter WHERE scene_id = ? AND failed_last_at >= ? AND recovered_at IS NULL"
    return database.execute(query, (job.scene_id, job.last_event_at)).fetchone() is not None


def letters_of(rows: Iterable[Sequence[Any]]) -> list[DeadLetter]:
    """Convert the rows of a query that selects `COLUMNS`."""
    return [
        DeadLetter(
            scene_id=row[0], title=row[1], path=row[2], error_class=row[3], error_text=row[4], attempts=row[5],
            failed_first_at=row[6], failed_last_at=row[7], outage_id=row[8], job=row[9], recovered_at=row[10],
            recovered_by=row[11],
        )
        for row in rows
    ]  # fmt: skip
