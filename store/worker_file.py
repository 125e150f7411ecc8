"""`worker.json`: who the worker is and what it does, for reports. The lock says whether it lives."""

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

# What the worker does, as reports show it. An idle worker writes nothing, so that disks may sleep.
IDLE = "idle"
PUSHING = "pushing"
WAITING_FOR_DUE = "waiting for what is due"
WAITING_FOR_STASH = "waiting: stash"
WAITING_WHILE_PAUSED = "waiting: paused"
WAITING_FOR_GATE = "waiting: "  # followed by what stops the drain
HEARTBEAT_S = 60.0
# What it is doing changes with every job; a report does not need each of them.
QUIET_S = 1.0
_SETTINGS = ("hide_paths", "recovery_rate", "recovery_minutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the worker of now, or the last one, has told. Times are epoch seconds; None: nothing that can be read."""

    pid: int | None = None
    started_at: float | None = None
    heartbeat_at: float | None = None
    doing: str | None = None
    stopped_by: str | None = None  # what stops the drain, as answers name it (docs/reference.md); None: nothing
    jobs_done: int | None = None
    # Settings, for reports that cannot ask Stash.
    hide_paths: bool = False
    recovery_rate: float | None = None  # jobs a second
    recovery_minutes: float | None = None


def read_told(directory: str) -> Told:
    """What `worker.json` says; of a file that is damaged nothing."""
    try:
        with open(os.path.join(directory, data_directory.WORKER), "rb") as file:
            return from_json(Told, json.load(file))
    except (OSError, ValueError, RecursionError):
        return Told()


class WorkerFile:
    """Written by the worker alone. A disk that refuses is no reason to stop: nothing depends on this file.

    `settings`: those in Told.
    """

    def __init__(self, directory: str, *, started_at: float) -> None:
        self._path = os.path.join(directory, data_directory.WORKER)
        self._started_at = started_at
        self._told = ""
        self._stopped_by: str | None = None
        self._written_at = 0.0
        self.jobs_done = 0
        before = read_told(directory)  # until they are read, those of the worker before
        self.settings: Mapping[str, object] = {name: getattr(before, name) for name in _SETTINGS}

    def tell(self, doing: str, now: float, *, stopped_by: str | None = None) -> None:
        """Say what is done from now on, in a word or two, and what stops the drain if anything does."""
        if doing == IDLE == self._told or self._is_too_soon(doing, stopped_by, now):
            return
        self._told, self._stopped_by, self._written_at = doing, stopped_by, now
        content: Mapping[str, object] = {
            "version": 1,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "heartbeat_at": now,
            "doing": doing,
            "stopped_by": stopped_by,
            "jobs_done": self.jobs_done,
            **self.settings,
        }
        try:
            write_atomically(self._path, json.dumps(content).encode(), sync=False)
        except OSError:
            pass  # see the class

    def _is_too_soon(self, doing: str, stopped_by: str | None, now: float) -> bool:
        """A stop is told at once, and so is the end of one and of all work."""
        changed = doing != self._told
        if stopped_by != self._stopped_by or (changed and doing == IDLE):
            return False
        return 0 <= now - self._written_at < (QUIET_S if changed else HEARTBEAT_S)
