"""The queue of dirty scenes on disk, and in memory what it cannot say: order, delay, generation.

The disk is persist-queue's SQLiteAckQueue, opened by the holder of `worker.lock` alone. It knows
neither priority nor delay nor key, so all of it is loaded at the start, one job a scene, and jobs are
taken by an id that is known to be ready (it would hand out finished ones again). Every method that writes
raises LocalStorage when the disk refuses; memory changes after the disk, so that nothing is forgotten then.
A damaged file is set aside, and written anew from memory if it was loaded by then.
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
from store.job import Job, job_from_data, job_to_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# Finished rows stay in persist-queue's table until they are cleared.
CLEAR_AFTER_FINISHED = 1000
_INSERT = f"INSERT INTO ack_queue_default (data, timestamp, status) VALUES (?, ?, {AckStatus.ready})"  # noqa: S608
_FINISH = f"UPDATE ack_queue_default SET status = {AckStatus.acked} WHERE _id = ?"  # noqa: S608 - a constant


@dataclass(slots=True)
class _Row:
    """A job with its row on disk. `generation` rises with each event; `place` tells its latest entry in a line."""

    row_id: int
    job: Job
    generation: int
    place: int = -1
    is_taken: bool = False


class JobQueue:
    """At most one job for each scene; user edits first, else in the order of arrival."""

    def __init__(self, folder: str, *, on_damage: Callable[[], object] = lambda: None) -> None:
        """`on_damage` is called before jobs are lost, with a damaged file that cannot be loaded."""
        self._folder = folder
        self._path = os.path.join(folder, "data.db")
        self._rows: dict[int, _Row] = {}
        # Lines of (place, scene id), each in order; an entry whose job went elsewhere is passed over.
        self._user_line: deque[tuple[int, int]] = deque()
        self._bulk_line: deque[tuple[int, int]] = deque()
        self._waiting: list[tuple[float, int]] = []  # heap of (not before, scene id), with outdated entries
        self._places = itertools.count()
        # Never used twice, so that what was read for a finished job is not taken for the latest of a new one.
        self._generations = itertools.count(1)
        self._finished = 0
        self.unreadable: list[str] = []
        self.had_in_flight = False  # the worker before this one ended in the middle of a job
        self._disk: Any = None  # persist-queue is not typed
        with raise_as_local_storage(self._path, "opened"):
            try:
                self._disk = self._open()
                self._load()
            except (sqlite3.DatabaseError, ValueError) as error:  # ValueError: a row that is no JSON
                if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                    raise
                on_damage()
                self._begin_anew()

    def _open(self) -> Any:
        # The queue comes back as it was left: rows in flight are those that a killed worker had.
        disk = SQLiteAckQueue(self._folder, auto_resume=False, serializer=json)
        _flush_each_write(disk, False)
        return disk

    def _load(self) -> None:
        rows = self._disk.queue()
        in_flight = [row for row in rows if str(row["status"]) == AckStatus.unack]
        self.had_in_flight = bool(in_flight)
        ready = [row for row in rows if str(row["status"]) in (AckStatus.inited, AckStatus.ready)]
        for row in in_flight:
            self._disk.nack(id=row["id"])
        # What was in flight goes last: a job that kills the worker shall starve no other.
        for row in (*ready, *in_flight):
            self._load_row(row["id"], row["data"])

    def _load_row(self, row_id: int, data: object) -> None:
        try:
            job = job_from_data(data if isinstance(data, dict) else {})
        except ValueError as error:
            self.unreadable.append(f"row {row_id}: {error}")
            self._disk.ack_failed(id=row_id)
            return
        known = self._rows.get(job.scene_id)
        if known:  # two rows for one scene: a worker was killed between putting and removing
            self._save(known, known.job.merged_with(job))
            self._disk.ack(id=row_id)
            return
        self._rows[job.scene_id] = row = _Row(row_id, job, next(self._generations))
        self._line_up(row)

    def __len__(self) -> int:
        """How many scenes are pending: ready, waiting and in progress."""
        return len(self._rows)

    def add(self, job: Job) -> None:
        """Store the job, or the event behind it in the job that the scene has already. Durable on return."""
        row = self._rows.get(job.scene_id)
        if row:
            row.generation = next(self._generations)
            self._save(row, row.job.merged_with(job))
            return
        with self._storage():
            _flush_each_write(self._disk, True)
            row_id = self._disk.put(job_to_data(job)) or 0
            _flush_each_write(self._disk, False)
        self._rows[job.scene_id] = row = _Row(row_id, job, next(self._generations))
        self._line_up(row)

    def add_all(self, jobs: Iterable[Job]) -> None:
        """As `add` for each of them, in one transaction as far as they are new."""
        new: dict[int, Job] = {}
        for job in jobs:
            if job.scene_id in self._rows:
                self.add(job)
            else:
                new[job.scene_id] = new[job.scene_id].merged_with(job) if job.scene_id in new else job
        with self._storage(), self._connection() as database:
            row_ids = [
                database.execute(_INSERT, (json.dumps(job_to_data(job)), job.last_event_at)).lastrowid or 0
                for job in new.values()
            ]
        for row_id, job in zip(row_ids, new.values(), strict=True):
            self._rows[job.scene_id] = row = _Row(row_id, job, next(self._generations))
            self._line_up(row)

    def finish_all(self, scene_ids: Sequence[int]) -> None:
        """As `finish` for each of these pending scenes, none of them in progress, in one transaction."""
        with self._storage(), self._connection() as database:
            database.executemany(_FINISH, [(self._rows[scene_id].row_id,) for scene_id in scene_ids])
        for scene_id in scene_ids:
            del self._rows[scene_id]
        self._finished += len(scene_ids)

    def generation(self, scene_id: int) -> int:
        """Rises with each event of a pending scene; -1 for one that is not pending."""
        row = self._rows.get(scene_id)
        return row.generation if row else -1

    def peek_ready(self, now: float, count: int) -> list[Job]:
        """The next `count` jobs that are due, in the order in which `take` gives them."""
        self._wake(now)
        found: list[Job] = []
        for line in (self._user_line, self._bulk_line):
            for place, scene_id in line:
                if len(found) == count:
                    return found
                row = self._rows.get(scene_id)
                if row and row.place == place:
                    found.append(row.job)
        return found

    def take(self, now: float) -> Job | None:
        """The next due job, marked as in progress on disk; None when none is due."""
        self._wake(now)
        for line in (self._user_line, self._bulk_line):
            while line:
                place, scene_id = line[0]
                row = self._rows.get(scene_id)
                if row is None or row.place != place:
                    line.popleft()
                    continue
                with self._storage():
                    self._disk.get(block=False, id=row.row_id)
                line.popleft()
                row.is_taken, row.place = True, -1
                return row.job
        return None

    def take_scene(self, scene_id: int) -> Job | None:
        """This scene's job, due or not, marked as in progress; None when it has none."""
        row = self._rows.get(scene_id)
        if row is None or row.is_taken:
            return None
        with self._storage():
            self._disk.get(block=False, id=row.row_id)
        row.is_taken, row.place = True, -1
        return row.job

    def finish(self, scene_id: int) -> None:
        """The scene's job is done with, whatever the end."""
        with self._storage():
            self._disk.ack(id=self._rows[scene_id].row_id)
        del self._rows[scene_id]
        self._finished += 1
        if self._finished >= CLEAR_AFTER_FINISHED:
            self.clear_finished()

    def put_back(self, job: Job) -> None:
        """Return a taken job with what is now known about it: at the back of its line from `not_before` on."""
        row = self._rows[job.scene_id]
        if job != row.job:
            self._save(row, job)
        with self._storage():
            self._disk.nack(id=row.row_id)
        row.is_taken = False
        self._line_up(row)

    def keep(self, scene_id: int) -> None:
        """Return a taken job as it is, in memory alone: the disk, where it stays in progress, may refuse writes."""
        row = self._rows.get(scene_id)
        if row and row.is_taken:
            row.is_taken = False
            self._line_up(row)

    def change(self, job: Job) -> None:
        """Store what changed about a job that is not in progress."""
        row = self._rows.get(job.scene_id)
        if row:
            self._save(row, job)

    def next_due_at(self) -> float | None:
        """When the first waiting job is due (epoch seconds); None when none waits."""
        while self._waiting:
            not_before, scene_id = self._waiting[0]
            row = self._rows.get(scene_id)
            if row and not row.is_taken and row.job.not_before == not_before:
                return not_before
            heapq.heappop(self._waiting)
        return None

    def jobs(self) -> Iterator[Job]:
        """All pending jobs, in no order."""
        return (row.job for row in self._rows.values())

    def job(self, scene_id: int) -> Job | None:
        """The scene's pending job."""
        row = self._rows.get(scene_id)
        return row.job if row else None

    def clear_finished(self) -> None:
        """Delete finished rows from the disk (persist-queue keeps them, and by default the last 1,000 for ever)."""
        if self._finished:
            with self._storage():
                self._disk.clear_acked_data(max_delete=0, keep_latest=0)
            self._finished = 0

    def close(self) -> None:
        """Let go of the files."""
        try:
            self.clear_finished()
        finally:
            self._disk.close()

    def _save(self, row: _Row, job: Job) -> None:
        moves = (job.not_before, job.reason.is_bulk) != (row.job.not_before, row.job.reason.is_bulk)
        with self._storage():
            self._disk.update(job_to_data(job), id=row.row_id)
        row.job = job
        if moves and not row.is_taken:
            self._line_up(row)

    def _line_up(self, row: _Row) -> None:
        if row.job.not_before > 0:
            row.place = -1
            heapq.heappush(self._waiting, (row.job.not_before, row.job.scene_id))
        else:
            row.place = next(self._places)
            line = self._bulk_line if row.job.reason.is_bulk else self._user_line
            line.append((row.place, row.job.scene_id))

    def _wake(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            not_before, scene_id = heapq.heappop(self._waiting)
            row = self._rows.get(scene_id)
            if row and not row.is_taken and row.job.not_before == not_before:
                row.job = replace(row.job, not_before=0.0)
                self._line_up(row)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One transaction beside persist-queue, which commits each row by itself: a sync queues thousands."""
        with closing(sqlite3.connect(self._path)) as database, database:
            yield database

    @contextmanager
    def _storage(self) -> Iterator[None]:
        with raise_as_local_storage(self._path, "read or written"):
            try:
                yield
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    self._begin_anew()
                raise

    def _begin_anew(self) -> None:
        """With what is in memory: all of it once it was loaded."""
        if self._disk is not None:
            with suppress(sqlite3.Error):
                self._disk.close()
        set_aside(self._path)
        self._disk = self._open()
        for row in self._rows.values():
            row.row_id = self._disk.put(job_to_data(row.job)) or 0
            if row.is_taken:
                self._disk.get(block=False, id=row.row_id)


def _flush_each_write(disk: Any, flush: bool) -> None:
    """Whether writes are on the disk when they return, and not with the system alone: jobs are, as their inbox file
    goes then. What a power cut takes of the rest makes a job run twice at most, and a kill takes nothing of it;
    on a hard disk each flush costs a job 10 ms.
    """
    # persist-queue has no setting for it. Takes effect at once, outside of any transaction.
    disk._putter.execute(f"PRAGMA synchronous = {'FULL' if flush else 'NORMAL'}")  # noqa: SLF001
