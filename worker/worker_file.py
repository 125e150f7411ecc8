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
HEARTBEAT_S = 60.0
# What it is doing changes with every job; a report does not need each of them.
QUIET_S = 1.0


class WorkerFile:
    """Written by the worker alone. A disk that refuses is no reason to stop: nothing depends on this file."""

    def __init__(self, directory: str, *, started_at: float) -> None:
        self._path = os.path.join(directory, NAME)
        self._started_at = started_at
        self._told = ""
        self._written_at = 0.0

    def tell(self, doing: str, now: float, **more: object) -> None:
        """Say what is done from now on, in a word or two."""
        if doing == IDLE == self._told:
            return
        pause_s = HEARTBEAT_S if doing == self._told else QUIET_S
        if now - self._written_at < pause_s and self._written_at <= now:
            return
        self._told, self._written_at = doing, now
        content: Mapping[str, object] = {
            "version": 1,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "heartbeat_at": now,
            "doing": doing,
            **more,
        }
        try:
            write_atomically(self._path, json.dumps(content).encode(), sync=False)
        except OSError:
            pass  # see the class
