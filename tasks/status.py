"""View Queue Status: the state of everything, as the answer and as a block of lines for the log.

It uses no package that has to be installed, so it works before anything else does.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from local import lock
from local.data_directory import PACKAGES_NOTE
from local.storage import LocalStorage, takes_writes
from outages.notices import Notice
from outages.resilience import Resilience
from push.verdicts import StopReason, advice_for
from reconciliation.state import ReconciliationState, state_file
from store.overview import Overview
from store.state_file import from_json
from store.worker_file import WorkerReport, read_worker_report
from tasks.answers import (
    CircuitStatus,
    DeadLetterExample,
    DrainStatus,
    OutageEntry,
    QueueStatus,
    ReconciliationStatus,
    RecoveryStatus,
    StatusAnswer,
    SyncStatus,
    WorkerStatus,
)
from tasks.process_queue import STORAGE_STOP, stop_reported_in
from tasks.report import log_report
from tasks.status_lines import WAITING_SHOWN, Status, status_lines

if TYPE_CHECKING:
    from outages.history import Outage
    from store.dead_letters import DeadLetter
    from tasks.context import Context

# Dead letters shown of each error class.
EXAMPLES = 3


def queue_status(context: Context) -> StatusAnswer:
    """View Queue Status. What cannot be read counts as empty and is logged as a warning.

    Reads the data directory alone, so it waits for nobody but a file's lock.
    """
    now = context.now
    report = read_worker_report(context.directory)
    status = _look(context, report, now)
    headline, *details = status_lines(status, now)
    problems = [Notice(level=logging.WARNING, text=problem) for problem in status.problems]
    log_report(context.log, headline, [*problems, *details])
    return _answer(status, now)


def _look(context: Context, report: WorkerReport, now: float) -> Status:
    overview = Overview(context.directory)
    resilience = Resilience(context.directory, clock=context.clock, log=context.log)
    if report.recovery_rate and report.recovery_minutes:
        resilience.set_pace(rate_per_s=report.recovery_rate, minutes=report.recovery_minutes)
    resilience.refresh(now)
    worker = worker_status(context.directory, report)
    counts, examples = overview.counts(now), overview.examples(EXAMPLES)
    sync = from_json(SyncStatus, overview.statistics(now), "the statistics")
    return Status(
        counts=counts,
        waiting_by_error=overview.waiting_by_error(now) if counts.waiting else {},
        examples=examples,
        waiting=overview.waiting_jobs(WAITING_SHOWN, now) if counts.waiting else (),
        sync=sync,
        resilience=resilience,
        outages=_outages(resilience, overview.problems),
        reconciliation=_reconciliation(context, overview.problems),
        worker=worker,
        draining=_draining(context.directory, resilience, report if worker.running else None, now),
        path_map_inferred=overview.inferred_path_map(),
        problems=overview.problems,
    )


def _answer(status: Status, now: float) -> StatusAnswer:
    counts, breaker, last_run = status.counts, status.resilience.breaker, status.reconciliation
    return StatusAnswer(
        queue=QueueStatus(
            pending=counts.pending,
            covers_left=counts.covers_left,
            waiting=counts.waiting,
            waiting_by_error=status.waiting_by_error,
            in_progress=counts.in_progress,
            next_due_at=counts.next_due_at,
            dead_letters=sum(counts.dead_letters.values()),
            dead_letters_by_error=counts.dead_letters,
        ),
        dead_letter_examples=tuple(_example(letter) for letter in status.examples),
        circuit=CircuitStatus(
            state=breaker.state.value,
            failures=breaker.failure_count,
            opened_at=breaker.opened_at,
            last_error=breaker.last_error,
        ),
        recovery=_recovery(status.resilience, now),
        outages=tuple(_outage(outage) for outage in status.outages),
        reconciliation=ReconciliationStatus(
            last_run_at=last_run.last_run_at,
            scope=last_run.scope,
            checked=last_run.checked,
            gaps=last_run.gaps,
            queued=last_run.queued,
        ),
        worker=status.worker,
        draining=status.draining,
        sync=status.sync,
        path_map_inferred=tuple(status.path_map_inferred),
    )


def _example(letter: DeadLetter) -> DeadLetterExample:
    return DeadLetterExample(
        scene_id=letter.scene_id,
        title=letter.title,
        path=letter.path,
        error_class=letter.error_class,
        error_text=letter.error_text,
        attempts=letter.attempts,
        failed_first_at=letter.failed_first_at,
        failed_last_at=letter.failed_last_at,
        outage_id=letter.outage_id or None,
        advice=advice_for(letter.error_class),
    )


def _outage(outage: Outage) -> OutageEntry:
    return OutageEntry(
        id=outage.id,
        started_at=outage.started_at,
        ended_at=outage.ended_at,
        duration_s=outage.duration_s,
        jobs_affected=outage.jobs_affected,
        cause=outage.cause,
    )


def _outages(resilience: Resilience, problems: list[str]) -> tuple[Outage, ...]:
    try:
        return resilience.outages()
    except LocalStorage as error:
        problems.append(str(error))
        return ()


def _recovery(resilience: Resilience, now: float) -> RecoveryStatus:
    scheduler = resilience.scheduler
    return RecoveryStatus(
        last_check_at=scheduler.last_check_at,
        next_check_at=resilience.next_check_at(),
        consecutive_successes=scheduler.consecutive_successes,
        last_recovery_at=scheduler.last_recovery_at,
        recovery_until=resilience.recovery_until(now),
        rate_per_s=resilience.rate_per_s(now),
    )


def worker_status(directory: str, report: WorkerReport) -> WorkerStatus:
    """The lock says whether a worker is running. On Windows, where a probe would disturb it, `worker.json` does."""
    try:
        running = report != WorkerReport() if lock.PROBES_DISTURB else not lock.is_free(directory)
    except OSError:
        running = False
    if not running:
        return WorkerStatus(running=False)
    return WorkerStatus(
        running=True, pid=report.pid, since=report.started_at, doing=report.doing, jobs_done=report.jobs_done
    )


def _draining(directory: str, resilience: Resilience, report: WorkerReport | None, now: float) -> DrainStatus:
    """`report`: of the worker, None if none runs."""
    if missing := _missing_packages(directory):
        return DrainStatus(stopped_by=StopReason.SETUP.value, message=missing, until=None)
    gate = resilience.gate(now)
    if gate.stopped_by:
        return DrainStatus(stopped_by=gate.stopped_by, message=gate.message, until=gate.until)
    stop = stop_reported_in(report) if report else None
    if report and stop is None and not takes_writes(directory):
        stop = STORAGE_STOP  # the worker cannot report it
    return DrainStatus(stopped_by=stop.by if stop else None, message=stop.message if stop else None, until=None)


def _reconciliation(context: Context, problems: list[str]) -> ReconciliationState:
    try:
        return state_file(context.directory, clock=context.clock, log=context.log).read()
    except LocalStorage as error:
        problems.append(str(error))
        return ReconciliationState()


def _missing_packages(directory: str) -> str:
    """What the worker lacks, and how to install it; "" if it lacks nothing."""
    try:
        with open(os.path.join(directory, PACKAGES_NOTE), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
