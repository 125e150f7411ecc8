"""The queue of dirty scenes: the jobs on disk, and their order, delays and generations in memory.

On disk it is persist-queue's SQLiteAckQueue, opened only by the holder of `worker.lock`. It has no priorities, delays
or keys, so all jobs are loaded at the start, one per scene, and taken by the id of a ready row (persist-queue would
hand out finished rows again). Methods that write raise LocalStorage if that fails; memory changes after the disk, so no
job is lost then. A damaged file is set aside and, if it was loaded before, written again from memory.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import sqlite3
from collections import deque
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from persistqueue import AckStatus, SQLiteAckQueue

from local.storage import is_damage, raise_as_local_storage, set_aside
from store.job import Job, Rank, job_from_data, job_to_data
from store.reader import INDEXES, LONGEST_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from local.clock import Clock

# Finished rows stay in persist-queue's table until they are cleared.
CLEAR_AFTER_FINISHED, CLEAR_WHEN_EMPTY = 1000, 100
# A file with more free pages (of 4 KB) is made smaller as soon as nothing is pending.
MOST_FREE_PAGES = 2000
_INSERT = f"INSERT INTO ack_queue_default (data, timestamp, status) VALUES (?, ?, {AckStatus.ready})"  # noqa: S608
_UPDATE = "UPDATE ack_queue_default SET data = ? WHERE _id = ?"
_FINISH = f"UPDATE ack_queue_default SET status = {AckStatus.acked} WHERE _id = ?"  # noqa: S608 - a constant


@dataclass(slots=True)
class _Row:
    """A job and its row on disk.

    `generation` rises with each event. `sequence` identifies the job's valid entry in a ready queue; -1: it has none.
    `due_at`: when the job is due, by the monotonic clock; None if it does not wait.
    """

    row_id: int
    job: Job
    generation: int
    sequence: int = -1
    due_at: float | None = None
    is_taken: bool = False


class JobQueue:
    """At most one job per scene; in the order of `Rank`, otherwise first come, first served.

    A wait runs on the monotonic clock from the moment when its job is put back or loaded, so setting the system's clock
    neither prolongs nor ends it.
    """

    def __init__(self, folder: str, *, clock: Clock, on_damage: Callable[[], object] = lambda: None) -> None:
        """`on_damage` is called before jobs are lost because a damaged file cannot be loaded."""
        self._folder = folder
        self._path = os.path.join(folder, "data.db")
        self._clock = clock
        self._longest_wait_s = clock.interval(LONGEST_WAIT_S)
        self._rows: dict[int, _Row] = {}
        # By rank, queues of (sequence, scene id). Entries whose job has moved are skipped.
        self._ready: dict[Rank, deque[tuple[int, int]]] = {rank: deque() for rank in Rank}
        self._waiting: list[tuple[float, int]] = []  # heap of (due at, scene id); some are outdated
        self._sequence = itertools.count()
        # Never reused, so that data read for a finished job is not mistaken for the latest of a new job.
        self._generations = itertools.count(1)
        self._finished = 0
        self.unreadable: list[str] = []
        self.taken = 0  # how many jobs were handed out
        self.had_in_flight = False  # the worker before this one ended in the middle of a job
        self._disk: Any = None  # persist-queue is not typed
        with raise_as_local_storage(self._path, "opened"):
            try:
                self._disk = self._open()
                self._load()
                self._add_indexes()
            except (sqlite3.DatabaseError, ValueError) as error:  # ValueError: a row is not JSON
                if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                    raise
                on_damage()
                self._rebuild()

    def _open(self) -> Any:
        # auto_resume would make the rows that a killed worker had in progress look ready.
        disk = SQLiteAckQueue(self._folder, auto_resume=False, serializer=json)
        _set_flush_on_write(disk, enabled=False)
        return disk

    def _add_indexes(self) -> None:
        """For whoever counts jobs, see `store.reader`. If the disk is full, only counting is slower."""
        with suppress(sqlite3.OperationalError), self._connection() as database:
            for name, definition in INDEXES:
                database.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ack_queue_default {definition}")

    def _load(self) -> None:
        rows = self._disk.queue()
        in_flight = [row for row in rows if str(row["status"]) == AckStatus.unack]
        self.had_in_flight = bool(in_flight)
        ready = [row for row in rows if str(row["status"]) in (AckStatus.inited, AckStatus.ready)]
        for row in in_flight:
            self._disk.nack(id=row["id"])
        # Jobs in flight go last, so that a job that kills the worker does not starve the others.
        for row in (*ready, *in_flight):
            self._load_row(row["id"], row["data"])

    def _load_row(self, row_id: int, data: object) -> None:
        try:
            job = job_from_data(data if isinstance(data, dict) else {})
        except ValueError as error:
            self.unreadable.append(f"row {row_id}: {error}")
            self._disk.ack_failed(id=row_id)
            return
        other = self._rows.get(job.scene_id)
        if other:  # two rows for one scene: a worker was killed between adding one and removing the other
            self._save(other, other.job.merged_with(job))
            self._disk.ack(id=row_id)
            return
        self._rows[job.scene_id] = row = _Row(row_id, job, next(self._generations))
        self._enqueue(row)

    def __len__(self) -> int:
        """Number of pending scenes: ready, waiting or in progress."""
        return len(self._rows)

    def add(self, job: Job) -> None:
        """Store the job, or merge it into the scene's pending job. Durable on return."""
        row = self._rows.get(job.scene_id)
        if row:
            row.generation = next(self._generations)
            self._save(row, row.job.merged_with(job))
            return
        with self._storage():
            _set_flush_on_write(self._disk, enabled=True)
            row_id = self._disk.put(job_to_data(job)) or 0
            _set_flush_on_write(self._disk, enabled=False)
        self._rows[job.scene_id] = row = _Row(row_id, job, next(self._generations))
        self._enqueue(row)

    def add_all(self, jobs: Iterable[Job]) -> None:
        """Do the same as `add` for each job, in one transaction."""
        merged: dict[int, Job] = {}
        for job in jobs:
            before = merged.get(job.scene_id) or self.job(job.scene_id)
            merged[job.scene_id] = before.merged_with(job) if before else job
        new = [job for scene_id, job in merged.items() if scene_id not in self._rows]
        old = [(self._rows[scene_id], job) for scene_id, job in merged.items() if scene_id in self._rows]
        changed = [(json.dumps(job_to_data(job)), row.row_id) for row, job in old if job != row.job]
        with self._storage(), self._connection() as database:
            database.executemany(_UPDATE, changed)
            row_ids = [
                database.execute(_INSERT, (json.dumps(job_to_data(job)), job.last_event_at)).lastrowid or 0
                for job in new
            ]
        for row, job in old:
            row.generation = next(self._generations)
            self._replace(row, job)
        for row_id, job in zip(row_ids, new, strict=True):
            self._rows[job.scene_id] = row = _Row(row_id, job, next(self._generations))
            self._enqueue(row)

    def finish_all(self, scene_ids: Sequence[int]) -> None:
        """Do the same as `finish` for pending scenes in one transaction. None of them may be in progress."""
        with self._storage(), self._connection() as database:
            database.executemany(_FINISH, [(self._rows[scene_id].row_id,) for scene_id in scene_ids])
        for scene_id in scene_ids:
            del self._rows[scene_id]
        self._finished += len(scene_ids)

    def generation(self, scene_id: int) -> int:
        """Return a number that rises with each event of a pending scene; -1 if the scene is not pending."""
        row = self._rows.get(scene_id)
        return row.generation if row else -1

    def peek_due(self, count: int) -> list[Job]:
        """Return the next `count` due jobs, in the order in which `take` returns them."""
        self._enqueue_due()
        jobs: list[Job] = []
        for ready in self._ready.values():
            for sequence, scene_id in ready:
                if len(jobs) == count:
                    return jobs
                row = self._rows.get(scene_id)
                if row and row.sequence == sequence:
                    jobs.append(row.job)
        return jobs

    def take(self) -> Job | None:
        """Mark the next due job as in progress on disk and return it; None if no job is due."""
        self._enqueue_due()
        for ready in self._ready.values():
            while ready:
                sequence, scene_id = ready[0]
                row = self._rows.get(scene_id)
                if row is None or row.sequence != sequence:
                    ready.popleft()
                    continue
                with self._storage():
                    self._disk.get(block=False, id=row.row_id)
                ready.popleft()
                row.is_taken, row.sequence = True, -1
                self.taken += 1
                return row.job
        return None

    def take_scene(self, scene_id: int) -> Job | None:
        """Mark the scene's job, due or not, as in progress and return it; None if there is none or it is taken."""
        row = self._rows.get(scene_id)
        if row is None or row.is_taken:
            return None
        with self._storage():
            self._disk.get(block=False, id=row.row_id)
        row.is_taken, row.sequence = True, -1
        self.taken += 1
        return row.job

    def finish(self, scene_id: int) -> None:
        """Remove the scene's job, however it ended."""
        with self._storage():
            self._disk.ack(id=self._rows[scene_id].row_id)
        del self._rows[scene_id]
        self._finished += 1
        if self._finished >= (CLEAR_AFTER_FINISHED if self._rows else CLEAR_WHEN_EMPTY):
            self.clear_finished()

    def put_back(self, job: Job) -> None:
        """Put a taken job back with its new state: from `not_before` on, behind all jobs that are ready by then."""
        row = self._rows[job.scene_id]
        if job != row.job:
            self._save(row, job)
        with self._storage():
            self._disk.nack(id=row.row_id)
        row.is_taken = False
        self._enqueue(row)

    def release(self, scene_id: int) -> None:
        """Put a taken job back unchanged, in memory only: on disk, which may refuse writes, it stays in progress."""
        row = self._rows.get(scene_id)
        if row and row.is_taken:
            row.is_taken = False
            self._enqueue(row)

    def change(self, job: Job) -> None:
        """Store a changed job that is not in progress."""
        row = self._rows.get(job.scene_id)
        if row:
            self._save(row, job)

    def due_in_s(self) -> float | None:
        """Return the seconds until the first waiting job is due; None if none is waiting."""
        while self._waiting:
            due_at, scene_id = self._waiting[0]
            row = self._rows.get(scene_id)
            if row and not row.is_taken and row.due_at == due_at:
                return max(0.0, due_at - self._clock.monotonic())
            heapq.heappop(self._waiting)
        return None

    def is_waiting(self, scene_id: int) -> bool:
        """Whether the scene has a job that is not due yet."""
        row = self._rows.get(scene_id)
        return row is not None and not row.is_taken and (row.due_at or 0.0) > self._clock.monotonic()

    def jobs(self) -> Iterator[Job]:
        """Iterate over all pending jobs, in no particular order."""
        return (row.job for row in self._rows.values())

    def job(self, scene_id: int) -> Job | None:
        """Return the scene's pending job."""
        row = self._rows.get(scene_id)
        return row.job if row else None

    def fields_job(self, scene_id: int) -> Job | None:
        """Return the scene's pending job, unless only its cover is left."""
        job = self.job(scene_id)
        return None if job is None or job.is_cover_left else job

    def clear_finished(self) -> None:
        """Delete finished rows, which persist-queue keeps; its own clean-up leaves the last 1,000 by default."""
        if self._finished:
            with self._storage():
                self._disk.clear_acked_data(max_delete=0, keep_latest=0)
            self._finished = 0
            if not self._rows:
                self._shrink()

    def _shrink(self) -> None:
        """Give back what a large sync took of the disk."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            (free,) = database.execute("PRAGMA freelist_count").fetchone()
            if free > MOST_FREE_PAGES:
                database.execute("VACUUM")
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Delete finished rows, and close the database until it is used again. Raises LocalStorage."""
        if self._disk is None:
            return
        try:
            self.clear_finished()
        finally:
            _close(self._disk)
            self._disk = None

    def _save(self, row: _Row, job: Job) -> None:
        with self._storage():
            self._disk.update(job_to_data(job), id=row.row_id)
        self._replace(row, job)

    def _replace(self, row: _Row, job: Job) -> None:
        is_moved = (job.not_before, job.rank) != (row.job.not_before, row.job.rank)
        row.job = job
        if is_moved and not row.is_taken:
            self._enqueue(row)

    def _enqueue(self, row: _Row) -> None:
        row.due_at = None
        if row.job.not_before > 0:
            row.sequence = -1
            row.due_at = self._clock.monotonic() + row.job.wait_s(self._clock.now(), self._longest_wait_s)
            heapq.heappush(self._waiting, (row.due_at, row.job.scene_id))
        else:
            row.sequence = next(self._sequence)
            self._ready[row.job.rank].append((row.sequence, row.job.scene_id))

    def _enqueue_due(self) -> None:
        now = self._clock.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            due_at, scene_id = heapq.heappop(self._waiting)
            row = self._rows.get(scene_id)
            if row and not row.is_taken and row.due_at == due_at:
                row.job = replace(row.job, not_before=0.0)
                self._enqueue(row)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction bypassing persist-queue, which commits each row separately; a sync queues thousands."""
        with closing(sqlite3.connect(self._path)) as database, database:
            yield database

    @contextmanager
    def _storage(self) -> Iterator[None]:
        with raise_as_local_storage(self._path, "read or written"):
            try:
                if self._disk is None:  # an empty queue of persist-queue is false
                    self._disk = self._open()
                yield
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    self._rebuild()
                raise

    def _rebuild(self) -> None:
        """Replace the damaged file by a new one with the jobs in memory: all of them, once they were loaded."""
        if self._disk is not None:
            with suppress(sqlite3.Error):
                _close(self._disk)
        set_aside(self._path)
        self._disk = self._open()
        self._add_indexes()
        for row in self._rows.values():
            row.row_id = self._disk.put(job_to_data(row.job)) or 0
            if row.is_taken:
                self._disk.get(block=False, id=row.row_id)


def _close(disk: Any) -> None:
    """Close persist-queue's connections for good. Its __del__ closes them once more, in whichever thread the garbage
    collector runs, and there SQLite refuses even that.
    """
    try:
        disk.close()
    finally:
        disk._getter = disk._putter = None  # noqa: SLF001 - persist-queue has no other way


def _set_flush_on_write(disk: Any, *, enabled: bool) -> None:
    """Choose whether each write is flushed to disk before it returns, or only handed to the system.

    Adding a job is flushed, because its inbox file is deleted next. A power cut may lose the last of the other writes,
    which at most makes a job run twice; a kill loses none. On a hard disk each flush costs a job 10 ms.
    """
    # persist-queue has no setting for this. Outside a transaction the pragma takes effect at once.
    disk._putter.execute(f"PRAGMA synchronous = {'FULL' if enabled else 'NORMAL'}")  # noqa: SLF001
