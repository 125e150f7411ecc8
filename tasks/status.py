"""View Queue Status: the state of everything in one JSON object, and as a few lines for the log.

Needs no package that must be installed, so that it works before anything else does.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from local import lock
from worker.overview import count_queue
from worker.resilience import Resilience
from worker.words import duration_in_words
from worker.worker_file import NAME as WORKER_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.context import Context
    from worker.overview import QueueCounts


def queue_status(context: Context) -> Mapping[str, object]:
    """What docs/reference.md describes as the output of View Queue Status."""
    now = context.clock.now()
    counts = count_queue(context.directory, now)
    resilience = Resilience(context.directory, clock=context.clock, logger=context.log)
    resilience.refresh(now)
    worker = _worker(context)
    gate = resilience.gate(now)
    for line in _lines(counts, resilience, worker, now):
        context.log.info("%s", line)
    return {
        "queue": {
            "pending": counts.pending,
            "waiting": counts.waiting,
            "in_progress": counts.in_progress,
            "dead_letters": sum(counts.dead_letters.values()),
            "dead_letters_by_error": dict(counts.dead_letters),
        },
        "circuit": {
            "state": resilience.breaker.state.value,
            "failures": resilience.breaker.failure_count,
            "opened_at": resilience.breaker.opened_at,
            "last_error": resilience.breaker.last_error,
        },
        "recovery": _recovery(resilience, now),
        "worker": worker,
        "draining": {"stopped_by": gate.stopped_by, "message": gate.message, "until": gate.until},
    }


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


def _worker(context: Context) -> Mapping[str, object]:
    """Whether it lives is what the lock says; a Windows lock cannot be asked without disturbing it."""
    try:
        with open(os.path.join(context.directory, WORKER_FILE), encoding="utf-8") as file:
            told = json.load(file)
    except (OSError, ValueError):
        told = {}
    running = not lock.is_free(context.directory) if os.name == "posix" else bool(told)
    if not running or not isinstance(told, dict):
        return {"running": running, "pid": None, "since": None, "doing": None}
    return {
        "running": True,
        "pid": told.get("pid"),
        "since": told.get("started_at"),
        "doing": told.get("doing"),
    }


def _lines(
    counts: QueueCounts, resilience: Resilience, worker: Mapping[str, object], now: float
) -> list[str]:
    breaker = resilience.breaker
    dead = ", ".join(f"{count} {name}" for name, count in counts.dead_letters.items())
    due = f", the next in {duration_in_words(counts.next_due_at - now)}" if counts.next_due_at else ""
    opened = f" since {duration_in_words(now - breaker.opened_at)}" if breaker.opened_at else ""
    return [
        f"Queue: {counts.pending} pending, {counts.waiting} of them waiting{due}, {counts.in_progress} in progress",
        f"Dead letters: {dead or 'none'}",
        f"Circuit: {breaker.state.value.upper()}{opened}",
        f"Worker: {worker['doing'] or 'running' if worker['running'] else 'not running'}",
    ]
