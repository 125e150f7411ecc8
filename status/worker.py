"""Whether a worker lives, what it is doing, and what stops it that only it knows."""

from __future__ import annotations

import os

from local import lock
from local.data_directory import PACKAGES_NOTE
from local.files import takes_writes
from outages.stops import STORAGE, STORAGE_MESSAGE, stop_of, stop_reported, trial_of

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from typing import Any

    from status.answers import DrainStatus, WorkerStatus

def is_worker_running(directory: str, started_at: float | None) -> bool:
    """The lock says so. On Windows, where a probe would disturb it, `worker.json` does: it holds `started_at`."""
    try:
        return started_at is not None if lock.PROBES_DISTURB else not lock.is_free(directory)
    except OSError:
        return False


def worker_status(directory: str, report: Any) -> WorkerStatus:
    """`report`: as read from `worker.json`."""
    if not is_worker_running(directory, report.started_at):
        return {"running": False, "pid": None, "since": None, "doing": None, "jobs_done": None}
    return {
        "running": True,
        "pid": report.pid,
        "since": report.started_at,
        "doing": report.doing,
        "jobs_done": report.jobs_done,
    }


def drain_status(directory: str, state: Any, report: Any, *, is_running: bool) -> DrainStatus:
    """What stops the drain. `state`: with `circuit`, `schedule` and `now`; `report`: as read from `worker.json`."""
    if missing := _missing_packages(directory):
        return {"stopped_by": "setup", "message": missing, "until": None}
    pauses = state.schedule.pauses
    stop = stop_of(state.circuit, pauses, state.schedule.next_check_at, state.now)
    if stop:
        return {"stopped_by": stop[0], "message": stop[1], "until": stop[2]}
    found = trial_of(state.circuit, pauses)
    if found is None and is_running:
        found = stop_reported(report.stopped_by, report.stopped_message)
        if found is None and not takes_writes(directory):
            found = (STORAGE, STORAGE_MESSAGE)  # the worker cannot report it
    by, message = found or (None, None)
    return {"stopped_by": by, "message": message, "until": None}


def _missing_packages(directory: str) -> str:
    """What the worker lacks, and how to install it; "" if it lacks nothing."""
    try:
        with open(os.path.join(directory, PACKAGES_NOTE), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
