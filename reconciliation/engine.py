"""The worker's reconciliation: starts runs by request and by schedule, one at a time, and answers for them.

It lives in the worker, of which there is one for all processes: that is what makes runs exclude each other.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from local.files import write_atomically
from reconciliation.closing import Closing
from reconciliation.errors import RunRefused
from reconciliation.memory import Memory
from reconciliation.run import Run, Tools, timed
from reconciliation.schedule import chosen_scope, next_run_at
from reconciliation.state import COMMAND, Progress, RunRequest, result_path, state_file, words_for_break_off
from stash.errors import StashRefused, StashUnavailable
from worker.commands import CommandRefused
from worker.parts import due_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciliation.state import Result
    from store.requests import Command
    from worker.commands import Handler
    from worker.parts import Parts

# What a task watches is written this often.
TOLD_EVERY_S = 1.0
# A schedule that meets an obstacle is looked at again after this long.
OBSTACLE_RETRY_S = 60.0
# A time-out or a broken answer, while Plex answers otherwise, is no reason to begin anew.
MOST_STUMBLES = 3
STUMBLE_WAIT_S = 5.0
LONGEST_WAIT_S = STUMBLE_WAIT_S * 2.0**MOST_STUMBLES
# A Stash that restarts is waited for; whoever asked for the run is not kept for ever.
STASH_PATIENCE_S = 60.0


class Reconciler:
    """Work beside the worker's jobs (see worker/parts.py)."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._file = state_file(parts.directory, clock=parts.clock, log=parts.log)
        self._state = self._file.read()
        self._memory: Memory | None = None
        self._run: Run | None = None
        self._told_at = 0.0
        self._not_before = 0.0
        self._resume_at = 0.0
        self._stumbles = 0
        self._stash_away_since: float | None = None
        # Left by a worker that was killed, or that an update of the plugin replaced.
        self._request = self._state.running.request if self._state.running else None

    # What the loop asks

    @property
    def is_running(self) -> bool:
        """Whether a run is, also one that waits for a failure to pass. Who knows no way to Stash gets on with none."""
        return self._request is not None and self._parts.stash.is_known

    def due_at(self, now: float) -> float | None:
        """At once while a run is under way, else by the schedule, as far as the settings are known."""
        if not self._parts.stash.is_known:
            return None
        if self._request:
            return due_time(self._resume_at, now, self._clock.interval(LONGEST_WAIT_S))
        settings = self._parts.stash.settings
        if settings is None:
            return None
        at = next_run_at(
            settings.reconcile_interval,
            now=now,
            last_run_at=self._state.last_run_at,
            failed_at=self._state.failed_at,
            scaled=self._clock.interval,
        )
        not_before = due_time(self._not_before, now, self._clock.interval(OBSTACLE_RETRY_S))
        return None if at is None else max(at, not_before)

    def step(self, now: float, obstacle: str | None) -> None:
        """Do one page of the run, or begin the one that is due."""
        if obstacle:
            self._not_before = now + self._clock.interval(OBSTACLE_RETRY_S)
            if self._request:
                self.abort(obstacle)
            return
        request = self._request or self._scheduled(now)
        if self._request is None:
            self._begin(request)
        try:
            if self._run is None:
                self._run = self._make_run(request)
            else:
                self._step_run(self._run, request)
        except (StashUnavailable, StashRefused) as error:
            self._note_stash_away(str(error), now)
            raise
        self._stash_away_since = None

    def _note_stash_away(self, text: str, now: float) -> None:
        self._stash_away_since = self._stash_away_since or now
        if now - self._stash_away_since >= self._clock.interval(STASH_PATIENCE_S):
            self.abort(f"Stash does not answer: {text}")

    def abort(self, reason: str, *, is_transient: bool = False) -> None:
        """End the run, what it queued stays queued; a failure that passes is waited out a few times first."""
        request, run = self._request, self._run
        if request is None:
            return
        if run and is_transient and self._stumbles < MOST_STUMBLES:
            wait_s = STUMBLE_WAIT_S * 2.0**self._stumbles
            self._stumbles += 1
            self._resume_at = self._clock.now() + self._clock.interval(wait_s)
            self._parts.log.info("the reconciliation waits %.0f s and tries again: %s", wait_s, reason)
            return
        checked, total = (run.checked, run.total) if run else (0, 0)
        self._fail(request, words_for_break_off(request, reason, checked=checked, total=total))

    def commands(self) -> Mapping[str, Handler]:
        """What tasks may ask."""
        return {COMMAND: self.ask}

    # What tasks ask

    def ask(self, command: Command) -> Mapping[str, object]:
        """Begin a run, or join the one that answers the same; its id. Raises CommandRefused."""
        now = self._clock.now()
        request = _request_of(command, now)
        if self._request and self._request.is_like(request):
            self._await(self._request)
            return {"run": self._request.id}
        if self._request and not self._request.is_scheduled:
            raise CommandRefused(f"{self._describe_running()} Only one runs at a time: try again when it has ended.")
        finished = self._state.finished
        if finished and finished.request.is_like(request) and command.at <= finished.ended_at <= now:
            return {"run": finished.request.id}  # asked for while that one was under way
        self._drop_run()
        self._begin(request)
        return {"run": request.id}

    def _await(self, request: RunRequest) -> None:
        """A task waits for it from now on: one by schedule gives way to no other any more."""
        if request.is_scheduled:
            self._request = replace(request, is_scheduled=False)
            checked, total = (self._run.checked, self._run.total) if self._run else (0, 0)
            self._tell(Progress(request=self._request, checked=checked, total=total), self._clock.now())

    def _describe_running(self) -> str:
        checked, total = (self._run.checked, self._run.total) if self._run else (0, 0)
        kind = "A preview" if self._request and self._request.is_preview else "A reconciliation"
        scope = self._request.scope if self._request else ""
        return f"{kind} of scope {scope} is under way ({checked} of {total} scenes)."

    # A run's life

    def _scheduled(self, now: float) -> RunRequest:
        settings = self._parts.stash.last_settings()
        return RunRequest(
            id=f"scheduled-{now * 1000:.0f}", scope=settings.reconcile_scope, is_scheduled=True, started_at=now
        )

    def _begin(self, request: RunRequest) -> None:
        self._state = self._file.update(lambda state: state.started(request))
        self._request = request
        kind = "preview of a reconciliation" if request.is_preview else "reconciliation"
        by = "by schedule" if request.is_scheduled else "by hand"
        self._parts.log.info("%s begins, %s: scope %s%s", kind, by, request.scope, _of_library(request))

    def _make_run(self, request: RunRequest) -> Run:
        """Raises StashUnavailable, PlexSetup and LocalStorage."""
        parts = self._parts
        pusher = parts.plex.pusher(parts.stash.read_settings())
        self._close_memory()
        self._memory = Memory(parts.directory)
        closing = Closing(
            pusher=pusher, queue=parts.queue, ledger=parts.ledger, clock=parts.clock
        )
        tools = Tools(
            pusher=pusher, stash=parts.stash.client(), memory=self._memory, sharing=pusher.shared,
            closing=None if request.is_preview else closing, clock=parts.clock, log=parts.log,
        )  # fmt: skip
        return Run(request, tools)

    def _step_run(self, run: Run, request: RunRequest) -> None:
        settings = self._parts.stash.last_settings()
        if not run.is_under(self._parts.plex.pusher(settings)):
            self._run = None  # the settings changed: begin anew under those of now
            return
        try:
            result = run.step()
        except RunRefused as refusal:
            self._fail(request, str(refusal))
            return
        now = self._clock.now()
        if run.checked:
            self._stumbles = 0  # a page was compared; a sweep may stumble at the same page again and again
        if result:
            self._finish(request, run, timed(result, request.started_at, now))
        elif abs(now - self._told_at) >= TOLD_EVERY_S:
            self._tell(Progress(request=request, checked=run.checked, total=run.total), now)

    def _tell(self, progress: Progress, now: float) -> None:
        self._told_at = now
        self._state = self._file.update(lambda state: state.progressed(progress))
        self._parts.worker_file.tell(f"reconciling: {progress.checked} of {progress.total} scenes", now)

    def _finish(self, request: RunRequest, run: Run, result: Result) -> None:
        output = result.as_mapping()
        if request.is_preview:
            output["changes"] = list(run.changes)
        self._answer(request, {"output": output})
        now = self._clock.now()
        self._state = self._file.update(lambda state: state.succeeded(request, result, now))
        self._drop_run()
        what = f"scope {request.scope}{_of_library(request)}"
        self._parts.log.info("reconciliation ended, %s: %s", what, result.in_words)

    def _fail(self, request: RunRequest, error: str) -> None:
        self._answer(request, {"error": error})
        now = self._clock.now()
        self._state = self._file.update(lambda state: state.failed(request, error, now))
        self._drop_run()
        self._parts.log.warning("%s", error)

    def _answer(self, request: RunRequest, answer: Mapping[str, object]) -> None:
        """Before the state says that it has ended: a kill between the two only repeats the run."""
        write_atomically(result_path(self._parts.directory, request.id), json.dumps(answer).encode())

    def _drop_run(self) -> None:
        self._request = self._run = self._stash_away_since = None
        self._stumbles, self._resume_at = 0, 0.0
        self._close_memory()

    def _close_memory(self) -> None:
        if self._memory:
            self._memory.close()
        self._memory = None


def _request_of(command: Command, now: float) -> RunRequest:
    """Raises CommandRefused."""
    arguments = command.arguments
    try:
        scope = chosen_scope(arguments.get("scope"), "all")
    except ValueError as error:
        raise CommandRefused(str(error)) from None
    return RunRequest(
        id=command.id,
        scope=scope,
        library=str(arguments.get("library") or "").strip(),
        is_preview=arguments.get("preview") is True,
        started_at=now,
    )


def _of_library(request: RunRequest) -> str:
    return f", library {request.library}" if request.library else ""
