"""`worker.json`: who the worker is and what it is doing, for reports. Only the lock says whether it is alive."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import data_directory
from local.files import write_atomically
from store.state_file import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the worker is doing, as reports show it. One that only watches writes nothing, so that disks can sleep.
IDLE = "watching"
PUSHING = "pushing"
WAITING_FOR_DUE = "waiting for what is due"
WAITING_FOR_STASH = "waiting for Stash"
WAITING_FOR_STORAGE = "waiting for the disk"
WAITING_WHILE_PAUSED = "waiting: paused"
WAITING_FOR_GATE = "waiting: "  # followed by what stops the drain
DISABLED = "disabled"  # stops the drain, and the worker ends
HEARTBEAT_S = 60.0
# At most one write per second: what the worker is doing changes with every job, and reports need not show each.
MIN_INTERVAL_S = 1.0
_SETTINGS = ("hide_paths", "recovery_rate", "recovery_minutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """What the current or the last worker reported. Times are epoch seconds; None: not readable."""

    pid: int | None = None
    started_at: float | None = None
    heartbeat_at: float | None = None
    doing: str | None = None
    stopped_by: str | None = None  # what stops the drain, as in answers (docs/reference.md); None: nothing
    stopped_message: str | None = None  # the same in a sentence
    jobs_done: int | None = None
    # Settings, for reports made while Stash cannot be asked.
    hide_paths: bool = False
    recovery_rate: float | None = None  # jobs a second
    recovery_minutes: float | None = None


def read_worker_report(directory: str) -> WorkerReport:
    """Read `worker.json`; all fields have their defaults if it is missing or damaged."""
    try:
        with open(os.path.join(directory, data_directory.WORKER), "rb") as file:
            return from_json(WorkerReport, json.load(file))
    except (OSError, ValueError, RecursionError):
        return WorkerReport()


class WorkerFile:
    """Writes `worker.json`, for the worker alone. A failed write is ignored, because nothing depends on this file.

    `settings`: the fields of WorkerReport that are settings.
    """

    def __init__(self, directory: str, *, started_at: float) -> None:
        self._path = os.path.join(directory, data_directory.WORKER)
        self._started_at = started_at
        self._doing = ""
        self._stopped_by: str | None = None
        self._written_at = 0.0
        self.jobs_done = 0
        before = read_worker_report(directory)  # the last worker's settings count until they are read from Stash
        self.settings: Mapping[str, object] = {name: getattr(before, name) for name in _SETTINGS}

    def report(self, doing: str, now: float, *, stopped_by: str | None = None, message: str | None = None) -> None:
        """Report what the worker does from now on, in a few words, and what stops the drain, if anything.

        `message`: what stops it, in a sentence, if only the worker knows.
        """
        is_still_idle = doing == IDLE == self._doing and stopped_by == self._stopped_by
        if is_still_idle or self._is_too_soon(doing, stopped_by, now):
            return
        self._doing, self._stopped_by, self._written_at = doing, stopped_by, now
        content: Mapping[str, object] = {
            "version": 1,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "heartbeat_at": now,
            "doing": doing,
            "stopped_by": stopped_by,
            "stopped_message": message,
            "jobs_done": self.jobs_done,
            **self.settings,
        }
        try:
            write_atomically(self._path, json.dumps(content).encode(), sync=False)
        except OSError:
            pass  # nothing depends on this file

    def _is_too_soon(self, doing: str, stopped_by: str | None, now: float) -> bool:
        """Limit the writes, except when the drain stops or resumes, or when all work is done."""
        changed = doing != self._doing
        if stopped_by != self._stopped_by or (changed and doing == IDLE):
            return False
        return 0 <= now - self._written_at < (MIN_INTERVAL_S if changed else HEARTBEAT_S)
