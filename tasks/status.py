"""View Queue Status: the state of everything in one JSON object, and as a block of lines for the log.

Needs no package that must be installed, so that it works before anything else does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from local import lock
from local.data_directory import PACKAGES_NOTE
from local.storage import LocalStorage
from outages.resilience import Resilience
from push.verdicts import advice_for
from reconciliation.state import ReconciliationState, state_file
from store.overview import Overview
from store.worker_file import WorkerStatus, read_worker_status
from tasks.process_queue import stop_told
from tasks.status_lines import Status, status_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outages.history import Outage
    from store.dead_letters import DeadLetter
    from tasks.context import Context

# Of dead letters, for each class; of outages in the log (the JSON has all 30).
EXAMPLES = 3


def queue_status(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of View Queue Status."""
    now = context.now
    told = read_worker_status(context.directory)
    status = _look(context, told, now)
    for line in status_lines(status, now):
        context.log.info("%s", line)
    for problem in status.problems:
        context.log.warning("%s", problem)
    return _answer(status, now)


def _look(context: Context, told: WorkerStatus, now: float) -> Status:
    overview = Overview(context.directory)
    resilience = Resilience(context.directory, clock=context.clock, log=context.log)
    if told.recovery_rate and told.recovery_minutes:
        resilience.set_pace(rate_per_s=told.recovery_rate, minutes=told.recovery_minutes)
    resilience.refresh(now)
    worker = _worker(context.directory, told)
    counts, examples, sync = overview.counts(now), overview.examples(EXAMPLES), overview.statistics(now)
    return Status(
        counts=counts,
        waiting_by_error=overview.waiting_by_error(now) if counts.waiting else {},
        examples=examples,
        sync=sync,
        resilience=resilience,
        outages=_outages(resilience, overview.problems),
        reconciliation=_reconciliation(context, overview.problems),
        worker=worker,
        draining=_draining(resilience, told if worker["running"] else WorkerStatus(), now),
        path_map_inferred=overview.inferred_path_map(),
        problems=[*overview.problems, *_missing_packages(context.directory)],
    )


def _answer(status: Status, now: float) -> Mapping[str, object]:
    counts, resilience = status.counts, status.resilience
    return {
        "queue": {
            "pending": counts.pending,
            "waiting": counts.waiting,
            "waiting_by_error": dict(status.waiting_by_error),
            "in_progress": counts.in_progress,
            "next_due_at": counts.next_due_at,
            "dead_letters": sum(counts.dead_letters.values()),
            "dead_letters_by_error": dict(counts.dead_letters),
        },
        "dead_letter_examples": [_example(letter) for letter in status.examples],
        "circuit": {
            "state": resilience.breaker.state.value,
            "failures": resilience.breaker.failure_count,
            "opened_at": resilience.breaker.opened_at,
            "last_error": resilience.breaker.last_error,
        },
        "recovery": _recovery(resilience, now),
        "outages": [_outage(outage) for outage in status.outages],
        "reconciliation": {
            "last_run_at": status.reconciliation.last_run_at,
            "scope": status.reconciliation.scope,
            "checked": status.reconciliation.checked,
            "gaps": status.reconciliation.gaps.as_mapping(),
            "queued": status.reconciliation.queued.as_mapping(),
        },
        "worker": status.worker,
        "draining": status.draining,
        "sync": status.sync,
        "path_map_inferred": list(status.path_map_inferred),
    }


def _example(letter: DeadLetter) -> Mapping[str, object]:
    return {
        "scene_id": letter.scene_id,
        "title": letter.title,
        "path": letter.path,
        "error_class": letter.error_class,
        "error_text": letter.error_text,
        "attempts": letter.attempts,
        "failed_first_at": letter.failed_first_at,
        "failed_last_at": letter.failed_last_at,
        "outage_id": letter.outage_id or None,
        "advice": advice_for(letter.error_class),
    }


def _outage(outage: Outage) -> Mapping[str, object]:
    return {
        "id": outage.id,
        "started_at": outage.started_at,
        "ended_at": outage.ended_at,
        "duration_s": outage.duration_s,
        "jobs_affected": outage.jobs_affected,
        "cause": outage.cause,
    }


def _outages(resilience: Resilience, problems: list[str]) -> tuple[Outage, ...]:
    try:
        return resilience.outages()
    except LocalStorage as error:
        problems.append(str(error))
        return ()


def _recovery(resilience: Resilience, now: float) -> Mapping[str, object]:
    scheduler = resilience.scheduler
    return {
        "last_check_at": scheduler.last_check_at,
        "next_check_at": resilience.next_check_at(),
        "consecutive_successes": scheduler.consecutive_successes,
        "last_recovery_at": scheduler.last_recovery_at,
        "recovery_until": resilience.recovery_until(now),
        "rate_per_s": resilience.rate_per_s(now),
    }


def _worker(directory: str, told: WorkerStatus) -> Mapping[str, Any]:
    """Whether it lives is what the lock says; a Windows lock cannot be asked without disturbing it."""
    try:
        running = not lock.is_free(directory) if os.name == "posix" else told != WorkerStatus()
    except OSError:
        running = False
    if not running:
        return {"running": False, "pid": None, "since": None, "doing": None, "jobs_done": None}
    return {
        "running": True,
        "pid": told.pid,
        "since": told.started_at,
        "doing": told.doing,
        "jobs_done": told.jobs_done,
    }


def _draining(resilience: Resilience, told: WorkerStatus, now: float) -> Mapping[str, Any]:
    gate = resilience.gate(now)
    if gate.stopped_by:
        return {"stopped_by": gate.stopped_by, "message": gate.message, "until": gate.until}
    stop = stop_told(told)
    return {"stopped_by": stop.by if stop else None, "message": stop.message if stop else None, "until": None}


def _reconciliation(context: Context, problems: list[str]) -> ReconciliationState:
    try:
        return state_file(context.directory, clock=context.clock, log=context.log).read()
    except LocalStorage as error:
        problems.append(str(error))
        return ReconciliationState()


def _missing_packages(directory: str) -> list[str]:
    try:
        with open(os.path.join(directory, PACKAGES_NOTE), encoding="utf-8", errors="replace") as file:
            return [file.read().strip()]
    except OSError:
        return []
