"""`worker.json`: who the worker is and what it does, for reports. The lock says whether it lives."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from local.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "worker.json"
# An idle worker writes nothing, so that disks may sleep.
IDLE = "idle"
DOING_STASH_AWAY = "waiting: stash"
# Followed by the reason, one of the contract's `stopped_by`: tasks that watch the worker end at it.
STOPPED = "waiting: "
HEARTBEAT_S = 60.0
# What it is doing changes with every job; a report does not need each of them.
QUIET_S = 1.0


class WorkerFile:
    """Written by the worker alone. A disk that refuses is no reason to stop: nothing depends on this file.

    `hide_paths`: the setting, for reports that cannot ask Stash.
    """

    def __init__(self, directory: str, *, started_at: float) -> None:
        self._path = os.path.join(directory, NAME)
        self._started_at = started_at
        self._told = ""
        self._written_at = 0.0
        self.jobs_done = 0
        self.hide_paths = False

    def tell(self, doing: str, now: float, **more: object) -> None:
        """Say what is done from now on, in a word or two."""
        if doing == IDLE == self._told or self._is_too_soon(doing, now):
            return
        self._told, self._written_at = doing, now
        content: Mapping[str, object] = {
            "version": 1,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "heartbeat_at": now,
            "doing": doing,
            "jobs_done": self.jobs_done,
            "hide_paths": self.hide_paths,
            **more,
        }
        try:
            write_atomically(self._path, json.dumps(content).encode(), sync=False)
        except OSError:
            pass  # see the class

    def _is_too_soon(self, doing: str, now: float) -> bool:
        """A stop is told at once, and so is the end of one and of all work."""
        changed = doing != self._told
        if changed and (doing == IDLE or doing.startswith(STOPPED) or self._told.startswith(STOPPED)):
            return False
        return 0 <= now - self._written_at < (QUIET_S if changed else HEARTBEAT_S)
