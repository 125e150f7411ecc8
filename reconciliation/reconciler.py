"""Runs reconciliations inside the worker: starts them on request and by schedule, one at a time, and answers the tasks.

There is only one worker for all processes; that is what keeps runs from overlapping.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from local.clock import Countdown, Stopwatch
from local.files import write_atomically
from local.log_marks import SAID_OTHERWISE
from plex.errors import LibraryGone
from reconciliation.cache import ReconciliationCache
from reconciliation.errors import RunRefused
from reconciliation.gap_closer import GapCloser
from reconciliation.run import Run, RunContext, with_duration
from reconciliation.schedule import MAX_STEP_RETRIES, STEP_RETRY_S, delays, next_run_at, parse_scope_argument
from reconciliation.state import COMMAND, RunProgress, RunRequest, interruption_message, state_file
from stash.errors import StashRefused, StashUnavailable
from store.requests import result_path
from worker.commands import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciliation.state import Result
    from store.requests import Command
    from worker.commands import Handler
    from worker.parts import Parts

# How often progress is written for the tasks that watch it.
REPORT_EVERY_S = 1.0


class Reconciler:
    """Background work of the worker that tasks can request (see worker/parts.py)."""

    asks_plex = True
    changes_fields = False

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._delays = delays(parts.clock)
        self._file = state_file(parts.directory, clock=parts.clock, log=parts.log)
        self._state = self._file.read()
        self._cache: ReconciliationCache | None = None
        self._run: Run | None = None
        self._until_report = Countdown(parts.clock)
        self._until_unblocked = Countdown(parts.clock)
        self._until_retry = Countdown(parts.clock)
        self._step_retries = 0
        self._stash_absence = Stopwatch(parts.clock)
        # Left by a worker that was killed or that was replaced in an update of the plugin.
        self._request = self._state.running.request if self._state.running else None

    # Called by the worker's loop

    @property
    def is_running(self) -> bool:
        """Whether a run is in progress, even if it waits to retry. Always False until Stash's address is known."""
        return self._request is not None and self._parts.stash.is_known

    def due_at(self, now: float) -> float | None:
        """Immediately while a run is in progress, otherwise by the schedule. None until the settings are known."""
        if not self._parts.stash.is_known:
            return None
        if self._request:
            return now + self._until_retry.left_s
        settings = self._parts.stash.settings
        if settings is None:
            return None
        at = next_run_at(
            settings.reconcile_interval,
            self._delays,
            now=now,
            last_run_at=self._state.last_run_at,
            failed_at=self._state.failed_at,
        )
        return None if at is None else max(at, now + self._until_unblocked.left_s)

    def step(self, now: float, obstacle: str | None) -> None:
        """Process one page of the run, or start the run that is due. An obstacle ends a run that is in progress."""
        if obstacle:
            self._until_unblocked.start(self._delays.blocked_retry_s)
            if self._request:
                self.abort(obstacle)
            return
        request = self._request or self._scheduled_request(now)
        if self._request is None:
            self._begin(request)
        try:
            if self._run is None:
                self._run = self._make_run(request)
            else:
                self._step_run(self._run, request)
        except (StashUnavailable, StashRefused) as error:
            self._note_stash_away(str(error))
            raise
        self._stash_absence.stop()

    def _note_stash_away(self, text: str) -> None:
        self._stash_absence.start()
        if self._stash_absence.passed_s >= self._delays.stash_timeout_s:
            self.abort(f"Stash does not answer: {text}")

    def abort(self, reason: str, *, is_transient: bool = False) -> None:
        """End the run; what it queued stays queued. A passing failure is retried a few times first."""
        request, run = self._request, self._run
        if request is None:
            return
        if run and is_transient and self._step_retries < MAX_STEP_RETRIES:
            factor = 2.0**self._step_retries
            self._step_retries += 1
            self._until_retry.start(self._delays.step_retry_s * factor)
            # The log shows the unscaled delay.
            text = "the reconciliation waits %.0f s and tries again: %s"
            self._parts.log.info(text, STEP_RETRY_S * factor, reason)
            return
        checked, total = (run.checked, run.total) if run else (0, 0)
        self._fail(request, interruption_message(request, reason, checked=checked, total=total))

    def commands(self) -> Mapping[str, Handler]:
        """The only command: start a run, or join an equivalent one."""
        return {COMMAND: self.start_or_join}

    # Called by tasks

    def start_or_join(self, command: Command) -> Mapping[str, object]:
        """Start a run or join an equivalent one; answer with its id. Raises CommandRefused while another one runs."""
        now = self._clock.now()
        request = _request_of(command, now)
        if self._request and self._request.is_equivalent(request):
            self._join(self._request)
            return {"run": self._request.id}
        if self._request and not self._request.is_scheduled:
            raise CommandRefused(f"{self._describe_running()} Only one runs at a time: try again when it has ended.")
        finished = self._state.finished
        if finished and finished.request.is_equivalent(request) and command.at <= finished.ended_at <= now:
            return {"run": finished.request.id}  # requested while that one was still running
        self._discard_run()
        self._begin(request)
        return {"run": request.id}

    def _join(self, request: RunRequest) -> None:
        """A task now waits for the run. If it is a scheduled one, other requests no longer replace it."""
        if request.is_scheduled:
            self._request = replace(request, is_scheduled=False)
            checked, total = (self._run.checked, self._run.total) if self._run else (0, 0)
            self._report(RunProgress(request=self._request, checked=checked, total=total), self._clock.now())

    def _describe_running(self) -> str:
        checked, total = (self._run.checked, self._run.total) if self._run else (0, 0)
        kind = "A preview" if self._request and self._request.is_preview else "A reconciliation"
        scope = self._request.scope if self._request else ""
        return f"{kind} of scope {scope} is under way ({checked} of {total} scenes)."

    # A run's life

    def _scheduled_request(self, now: float) -> RunRequest:
        settings = self._parts.stash.last_settings()
        return RunRequest(
            id=f"scheduled-{now * 1000:.0f}", scope=settings.reconcile_scope, is_scheduled=True, started_at=now
        )

    def _begin(self, request: RunRequest) -> None:
        self._state = self._file.update(lambda state: state.started(request))
        self._request = request
        kind = "preview of a reconciliation" if request.is_preview else "reconciliation"
        by = "by schedule" if request.is_scheduled else "by hand"
        self._parts.log.info("%s begins, %s: scope %s%s", kind, by, request.scope, _library_suffix(request))

    def _make_run(self, request: RunRequest) -> Run:
        """Raises StashUnavailable, PlexSetup and LocalStorage."""
        parts = self._parts
        pusher = parts.plex.pusher(parts.stash.read_settings())
        self._close_cache()
        self._cache = ReconciliationCache(parts.directory)
        gap_closer = GapCloser(
            pusher=pusher, queue=parts.queue, ledger=parts.ledger, clock=parts.clock
        )
        context = RunContext(
            pusher=pusher, stash=parts.stash.client(), cache=self._cache,
            gap_closer=None if request.is_preview else gap_closer, clock=parts.clock, log=parts.log,
        )  # fmt: skip
        return Run(request, context)

    def _step_run(self, run: Run, request: RunRequest) -> None:
        settings = self._parts.stash.last_settings()
        if not run.uses(self._parts.plex.pusher(settings)):
            self._run = None  # the settings have changed: start over under the new ones
            return
        try:
            result = run.step()
        except RunRefused as refusal:
            self._fail(request, str(refusal))
            return
        except LibraryGone:
            self._run = None  # start over with the libraries that there are now
            return
        now = self._clock.now()
        if run.checked:
            self._step_retries = 0  # not before a page was compared: a sweep may fail at the same page each time
        if result:
            self._finish(request, run, with_duration(result, request.started_at, now))
        elif self._until_report.is_over:
            self._report(RunProgress(request=request, checked=run.checked, total=run.total), now)

    def _report(self, progress: RunProgress, now: float) -> None:
        self._until_report.start(REPORT_EVERY_S)
        self._state = self._file.update(lambda state: state.progressed(progress))
        self._parts.worker_file.report(f"reconciling: {progress.checked} of {progress.total} scenes", now)

    def _finish(self, request: RunRequest, run: Run, result: Result) -> None:
        output = {**result.as_mapping(), "scenes": list(run.scenes)}
        if request.is_preview:
            output["changes"] = list(run.changes)
        self._answer(request, {"output": output})
        now = self._clock.now()
        self._state = self._file.update(lambda state: state.succeeded(request, result, now))
        self._discard_run()
        what = f"scope {request.scope}{_library_suffix(request)}"
        self._parts.log.info("reconciliation ended, %s: %s", what, result.in_words)

    def _fail(self, request: RunRequest, error: str) -> None:
        self._answer(request, {"error": error})
        now = self._clock.now()
        self._state = self._file.update(lambda state: state.failed(request, error, now))
        self._discard_run()
        # A task that waits for the answer shows the error itself.
        self._parts.log.warning("%s", error, extra={} if request.is_scheduled else SAID_OTHERWISE)

    def _answer(self, request: RunRequest, answer: Mapping[str, object]) -> None:
        """Write the answer before the state says that the run has ended: a kill in between only repeats the run."""
        write_atomically(result_path(self._parts.directory, request.id), json.dumps(answer).encode())

    def _discard_run(self) -> None:
        self._request = self._run = None
        self._stash_absence.stop()
        self._until_retry.stop()
        self._step_retries = 0
        self._close_cache()

    def _close_cache(self) -> None:
        if self._cache:
            self._cache.close()
        self._cache = None


def _request_of(command: Command, now: float) -> RunRequest:
    """Raises CommandRefused."""
    arguments = command.arguments
    try:
        scope = parse_scope_argument(arguments.get("scope"), "all")
    except ValueError as error:
        raise CommandRefused(str(error)) from None
    return RunRequest(
        id=command.id,
        scope=scope,
        library=str(arguments.get("library") or "").strip(),
        is_preview=arguments.get("preview") is True,
        started_at=now,
    )


def _library_suffix(request: RunRequest) -> str:
    return f", library {request.library}" if request.library else ""
