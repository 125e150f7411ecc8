"""Stash's job queue: one job runs at a time, the others wait; the last ten that ended can still be queried."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.stash.library import ResolverError

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED = 10
ENDED = ("FINISHED", "CANCELLED", "FAILED")


@dataclass(slots=True, kw_only=True, eq=False)
class StashJob:
    """`status` is one of Stash's: READY, RUNNING, STOPPING, FINISHED, CANCELLED, FAILED. Times are epoch seconds."""

    id: int
    description: str
    work: Callable[[StashJob], None]
    add_time: float
    status: str = "READY"
    progress: float = 0.0
    start_time: float | None = None
    end_time: float | None = None
    error: str | None = None
    output: Any = None
    stopping: threading.Event = field(default_factory=threading.Event)
    on_stop: Callable[[], None] = lambda: None
    live_progress: Callable[[], float | None] = lambda: None

    def seen_progress(self) -> float:
        """Between 0 and 1; that of the running script while the job runs."""
        live = self.live_progress()
        return self.progress if live is None else live


class StashJobQueue:
    """Its thread starts with the first job and ends with `close()`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[StashJob] = deque()
        self._running: StashJob | None = None
        self._ended: deque[StashJob] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def add(self, description: str, work: Callable[[StashJob], None]) -> StashJob:
        """Queue a job behind the others."""
        with self._changed:
            self._count += 1
            job = StashJob(id=self._count, description=description, work=work, add_time=time.time())
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="stash jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return job

    def pending(self) -> list[StashJob]:
        """The waiting jobs, with the running one first."""
        with self._changed:
            return [*([self._running] if self._running else []), *self._waiting]

    def find(self, job_id: int) -> StashJob | None:
        """Find a job that waits, runs, or is one of the last that ended."""
        with self._changed:
            return next((job for job in [*self.pending(), *self._ended] if job.id == job_id), None)

    def stop(self, job_id: int | None = None) -> None:
        """Stop one job, or all: a waiting job never starts, a running one is killed at once."""
        with self._changed:
            for job in [each for each in self._waiting if job_id in {None, each.id}]:
                self._waiting.remove(job)
                self._end(job, "CANCELLED")
            running = self._running
        if running is not None and job_id in {None, running.id}:
            running.status = "STOPPING"
            running.stopping.set()
            running.on_stop()

    def wait(self, job: StashJob, timeout_s: float) -> bool:
        """Wait for a job to end; False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: job.status in ENDED, timeout_s)

    def close(self) -> None:
        """Stop all jobs and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                job = self._running = self._waiting.popleft()
                job.status, job.start_time = "RUNNING", time.time()
            status = "FINISHED"
            try:
                job.work(job)
            except (ResolverError, OSError) as error:
                status, job.error = "FAILED", str(error)
            with self._changed:
                self._running = None
                job.end_time = time.time()
                self._end(job, "CANCELLED" if job.stopping.is_set() else status)

    def _end(self, job: StashJob, status: str) -> None:
        job.status = status
        self._ended.append(job)
        self._changed.notify_all()
