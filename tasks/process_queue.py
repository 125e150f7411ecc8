"""Process Queue: watches the worker drain the queue, and reports when it is done or what stops it.

The worker does the work, so stopping the task stops nothing. The task does not wait for back-offs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from local.clock import Stopwatch
from local.words import counted, duration_in_words, sentence
from outages.notices import Notice
from outages.resilience import Resilience
from outages.stops import CONTINUES_BY_ITSELF, PUSHES_NOTHING, stop_reported
from outages.transitions import GateKind
from store.overview import Overview
from store.worker_file import DISABLED, read_worker_report
from tasks.answers import DrainAnswer
from tasks.drain_progress import Drain
from tasks.patience import PATIENCE_S, Patience
from tasks.prerequisites import need_packages
from tasks.report import ProgressLog, log_report
from tasks.unfinished import unfinished_lines
from tasks.worker_link import PluginOff, WorkerLink, WorkerSilent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.worker_file import WorkerReport
    from tasks.context import Context
    from tasks.drain_progress import Remaining

# The pause between two looks: this long at least, and a multiple of the look itself (slow with 100,000 jobs).
LOOK_S = 0.2
PAUSE_PER_LOOK = 10
_OUTCOMES: tuple[tuple[str, str], ...] = (
    ("pushed", "pushed"),
    ("unchanged", "unchanged"),
    ("skipped", "left alone"),
    ("missing", "not in Plex"),
    ("gone", "gone from Stash or cleared"),
    ("dead", "given up (dead letters)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStop:
    """What stops the drain: a `stopped_by` of docs/reference.md, a sentence, and until when (epoch seconds)."""

    by: str
    message: str
    until: float | None = None


SILENT_STOP = DrainStop(
    by="silent",
    message=f"nothing has moved for {duration_in_words(PATIENCE_S)}: Plex or Stash does not finish an answer, or the "
    "worker hangs; its log, plexsync.log, may say more",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookAnswer:
    """The worker's answer to `look`; all None when nothing stops the drain."""

    stopped_by: str | None = None
    message: str | None = None
    until: float | None = None


def process_queue(context: Context) -> DrainAnswer:
    """Process Queue. Raises WorkerMissing if no worker stays alive.

    Ends when nothing is due, when something stops the drain, or when nothing has moved for PATIENCE_S.
    """
    need_packages(context)  # the worker cannot live without them
    return watch_drain(context, since=context.now)


def watch_drain(
    context: Context, *, since: float, queued: Iterable[int] = (), from_fraction: float = 0.0
) -> DrainAnswer:
    """Watch until none of the jobs pending now is due, or something stops the drain.

    `since`: epoch seconds; what was settled from then on counts. `queued`: scenes that the task queued itself; some may
    be done already. The progress bar moves from `from_fraction` to 1.
    """
    return _DrainWatch(context, since, queued, from_fraction).run()


def have_worker_look(link: WorkerLink) -> DrainStop | None:
    """Have the worker look at the settings and at Plex now; what stops the drain.

    So a repair made just before counts, and so does another server behind the same address.
    """
    try:
        answer = link.ask(_LookAnswer, "look")
    except WorkerSilent:
        return None  # busy with something long; what it does shows anyway
    except PluginOff as off:
        return DrainStop(by=DISABLED, message=str(off))
    return _stop_of(answer)


class _DrainWatch:
    def __init__(self, context: Context, since: float, queued: Iterable[int], from_fraction: float) -> None:
        self._context = context
        self._since = since
        self._from = from_fraction
        self._overview = Overview(context.directory)
        self._link = WorkerLink(context)
        self._took = Stopwatch(context.clock)
        self._took.start()
        self._heartbeat_before = read_worker_report(context.directory).heartbeat_at
        self._resilience = Resilience(context.directory, clock=context.clock, log=context.log)
        pending = self._overview.pending(context.now)
        self._patience = Patience(context)
        self._drain = Drain({*pending.due_at, *queued}, entities=pending.entities)

    def run(self) -> DrainAnswer:
        self._silence(self._note())
        stop = have_worker_look(self._link)
        remaining = self._note()
        if self._drain.found:
            self._context.log.info(
                '%s pending. The worker pushes them even if this task is stopped; to stop it, switch on "Pause" in the '
                "settings.",
                counted(self._drain.found, "scene"),
            )
        progress = ProgressLog(self._context.clock, self._context.log)
        while remaining.due and stop is None:
            remaining = self._note()
            stop = self._stop() or self._silence(remaining)
            progress.note(partial(self._drain.line, remaining))
        return self._close(remaining, stop)

    def _note(self) -> Remaining:
        """Look at queue and ledger, then sleep in proportion to the look."""
        clock = self._context.clock
        began = clock.monotonic()
        remaining = self._look_once()
        if not remaining.due:  # what was settled between the two reads of the look may have its cover left
            remaining = self._look_once()
        if remaining.due:
            clock.sleep(max(LOOK_S, PAUSE_PER_LOOK * (clock.monotonic() - began)))
        if self._drain.found:
            self._context.progress(self._from + (1 - self._from) * self._drain.fraction)
        return remaining

    def _look_once(self) -> Remaining:
        now = self._context.now
        pending = self._overview.pending(now)
        settled = self._overview.judged_since(self._since)
        return self._drain.note(
            pending.due_at, settled, covers_left=pending.covers_left, entities=pending.entities, now=now
        )

    def _stop(self) -> DrainStop | None:
        try:
            self._link.keep_alive()
        except PluginOff as off:
            return DrainStop(by=DISABLED, message=str(off))
        now = self._context.now
        self._resilience.refresh(now)
        gate = self._resilience.gate(now)
        if gate.kind is GateKind.WAIT:
            return DrainStop(by=gate.stopped_by or "circuit", message=gate.message or "", until=gate.until)
        report = read_worker_report(self._context.directory)
        if report.heartbeat_at == self._heartbeat_before:
            return None  # written by an earlier worker
        return stop_reported_in(report)

    def _silence(self, remaining: Remaining) -> DrainStop | None:
        """A stop if nothing has moved for long, whether or not anybody reports why."""
        jobs_done = read_worker_report(self._context.directory).jobs_done
        if not self._patience.is_over((remaining, self._drain.done, jobs_done)):
            return None
        if remaining.due > remaining.entities:
            return SILENT_STOP
        count, kinds = remaining.entities, "changed tags, performers, studios or groups"
        left = "a changed tag, performer, studio or group" if count == 1 else f"{count} {kinds}"
        return DrainStop(by="stash", message=f"Stash does not name the scenes of {left}; it is asked again later")

    def _close(self, remaining: Remaining, stop: DrainStop | None) -> DrainAnswer:
        context, tally = self._context, self._drain.tally
        waiting = remaining.waiting + remaining.due
        next_due_at = remaining.next_due_at if not remaining.due else (stop.until if stop else None)
        parts = [f"{tally[key]} {words}" for key, words in _OUTCOMES if tally[key] or key in ("pushed", "unchanged")]
        if waiting:
            when = f" (the next in {duration_in_words(next_due_at - context.now)})" if next_due_at else ""
            parts.append(f"{waiting} waiting{when}")
        took = duration_in_words(self._took.passed_s)
        headline = Notice(level=logging.INFO, text=f"Done in {took}: {', '.join(parts)}.")
        if stop is not None:
            why = f"{sentence(stop.message)} {_next(stop, context.now)}"
            text = f"{PUSHES_NOTHING}: {why} So far, in {took}: {', '.join(parts)}."
            headline = Notice(level=logging.WARNING, text=text)
        else:
            context.progress(1.0)
        log_report(context.log, headline, unfinished_lines(context, self._drain.missing))
        return DrainAnswer(
            pushed=tally["pushed"],
            unchanged=tally["unchanged"],
            skipped=tally["skipped"],
            missing=tally["missing"],
            gone=tally["gone"],
            dead=tally["dead"],
            waiting=waiting,
            next_due_at=next_due_at,
            stopped_by=stop.by if stop else None,
            message=stop.message if stop else None,
        )


def stop_reported_in(report: WorkerReport) -> DrainStop | None:
    """A stop that only `worker.json` reports; None if there is none."""
    stop = stop_reported(report.stopped_by, report.stopped_message)
    return DrainStop(by=stop[0], message=stop[1]) if stop else None


def _next(stop: DrainStop, now: float) -> str:
    if stop.by == "busy" and stop.until:
        return f"It continues in {duration_in_words(stop.until - now)}."
    if stop.until:
        return f"Next check in {duration_in_words(stop.until - now)}."
    return CONTINUES_BY_ITSELF


def _stop_of(answer: _LookAnswer) -> DrainStop | None:
    if not answer.stopped_by:
        return None
    return DrainStop(by=answer.stopped_by, message=answer.message or "", until=answer.until)
