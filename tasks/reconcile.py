"""Reconcile Library and Preview Reconciliation: ask the worker for a run, show its progress, return its answer.

The worker does the run, and goes on with it if the task is stopped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.words import counted
from reconciliation.state import COMMAND, ReconciliationState, result_path, state_file
from store.state_file import from_json
from store.worker_file import read_worker_report
from tasks.answers import GapEntry, ReconciliationAnswer, ReconciliationPreviewAnswer
from tasks.arguments import library_of, scope_of
from tasks.context import TaskError
from tasks.prerequisites import need_packages
from tasks.worker_link import WorkerLink
from tasks.worker_log import relay_worker_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.state_file import StateFile
    from tasks.answers import FieldValue
    from tasks.context import Context

LOOK_S = 0.2
LINE_S = 5.0
# The share of the progress bar that belongs to the sweep of Plex, before the first scene is compared.
SWEEP_SHARE = 0.05
# A run leaves its answer before it ends. One that has been neither running nor answered for this long was lost.
LOST_AFTER_S = 10.0
# Stash may be busy for a moment; a longer absence ends the task.
STASH_PATIENCE_S = 5.0
_WHERE = "the result of the reconciliation"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RequestedRun:
    """The worker's answer to the command: the id of the run that it began or joined."""

    run: str


def reconcile_all(context: Context) -> ReconciliationAnswer:
    """Reconcile Library (All). Raises TaskError if the run is refused or interrupted, as the others do."""
    return _reconcile(context, default_scope="all")


def reconcile_recent(context: Context) -> ReconciliationAnswer:
    """Reconcile Library (Recent): scenes that changed in the last 24 hours."""
    return _reconcile(context, default_scope="24h")


def reconcile_7days(context: Context) -> ReconciliationAnswer:
    """Reconcile Library (Last 7 Days): scenes that changed in the last 7 days."""
    return _reconcile(context, default_scope="7days")


def reconcile_preview(context: Context) -> ReconciliationPreviewAnswer:
    """Preview Reconciliation: compares all scenes, queues nothing."""
    answer = _preview_of(_run(context, default_scope="all", is_preview=True))
    context.log.info("%s", in_words(answer))
    return answer


def _reconcile(context: Context, *, default_scope: str) -> ReconciliationAnswer:
    output = _run(context, default_scope=default_scope, is_preview=False)
    answer = from_json(ReconciliationAnswer, output, _WHERE)
    context.log.info("%s", in_words(answer))
    return answer


def _run(context: Context, *, default_scope: str, is_preview: bool) -> Mapping[str, Any]:
    scope, library = scope_of(context.input.args, default_scope), library_of(context.input.args)
    need_packages(context)
    link = WorkerLink(context)
    asked = link.ask(_RequestedRun, COMMAND, {"scope": scope, "library": library, "preview": is_preview})
    what = "queues nothing" if is_preview else "what it finds is queued"
    text = "Comparing Stash with Plex, scope %s; %s. The worker goes on if this task is stopped."
    context.log.info(text, scope, what)
    return _RunWatch(context, link, asked.run).until_it_ends()


class _RunWatch:
    """Watches one run until its answer is there."""

    def __init__(self, context: Context, link: WorkerLink, run_id: str) -> None:
        self._context = context
        self._link = link
        self._run_id = run_id
        self._file: StateFile[ReconciliationState] = state_file(context.directory, clock=context.clock, log=context.log)
        self._line_at = context.clock.monotonic() + LINE_S
        self._lost_since: float | None = None
        self._stash_away_since: float | None = None

    def until_it_ends(self) -> Mapping[str, Any]:
        """The output of the run. Raises TaskError with the reason if it was refused or interrupted."""
        while (answer := self._answer()) is None:
            self._end_while_stash_is_away()
            self._link.keep_alive()
            self._show(self._file.read())
            self._context.clock.sleep(LOOK_S)
        relay_worker_log(self._context.directory, self._context.log)
        if "error" in answer:
            raise TaskError(str(answer["error"]))
        self._context.progress(1.0)
        output: Mapping[str, Any] = answer["output"]
        return output

    def _answer(self) -> Mapping[str, Any] | None:
        """The file stays in place, since other tasks may watch the same run."""
        try:
            with open(result_path(self._context.directory, self._run_id), encoding="utf-8") as file:
                answer: Mapping[str, Any] = json.load(file)
        except FileNotFoundError:
            return None
        return answer

    def _end_while_stash_is_away(self) -> None:
        """A worker that waits for Stash ends after a while and the next one waits again: the task would never end."""
        now = self._context.clock.monotonic()
        if read_worker_report(self._context.directory).stopped_by != "stash":
            self._stash_away_since = None
            return
        self._stash_away_since = self._stash_away_since or now
        if now - self._stash_away_since >= STASH_PATIENCE_S:
            raise TaskError(
                "Stash does not answer PlexSync's worker. Is Stash running, and does it take its own session? The "
                "reconciliation goes on by itself when Stash answers; View Queue Status shows its result."
            )

    def _show(self, state: ReconciliationState) -> None:
        running, now = state.running, self._context.clock.monotonic()
        if running is None or running.request.id != self._run_id:
            self._lost_since = self._lost_since or now
            if now - self._lost_since >= LOST_AFTER_S:
                raise TaskError("The worker no longer knows of this reconciliation. Run it again.")
            return
        self._lost_since = None
        if not running.total:
            return
        share = SWEEP_SHARE + (1 - SWEEP_SHARE) * min(1.0, running.checked / running.total)
        self._context.progress(share)
        if now >= self._line_at:
            self._line_at = now + LINE_S
            self._context.log.info("%d of %d scenes compared", running.checked, running.total)


def _preview_of(output: Mapping[str, Any]) -> ReconciliationPreviewAnswer:
    counts = from_json(ReconciliationPreviewAnswer, {**output, "changes": []}, _WHERE)
    return replace(counts, changes=tuple(_gap_of(change) for change in output["changes"]))


def _gap_of(change: Mapping[str, Any]) -> GapEntry:
    fields = {name: (_value(old), _value(new)) for name, (old, new) in change["fields"].items()}
    return GapEntry(scene_id=change["scene_id"], type=change["type"], fields=fields)


def _value(shown: str | list[str]) -> FieldValue:
    return shown if isinstance(shown, str) else tuple(shown)


def in_words(answer: ReconciliationAnswer) -> str:
    """The summary for the log, by type of gap."""
    gaps, queued, unclaimed = answer.gaps, answer.queued, answer.unclaimed
    text = (
        f"{answer.checked} scenes checked in {answer.took_s:.1f} s. Gaps: {gaps.empty} empty, "
        f"{gaps.stale} stale, {gaps.missing} missing in Plex. Queued: {queued.empty} empty, "
        f"{queued.stale} stale, {queued.missing} for a scan. {answer.skipped} skipped."
    )
    return text if unclaimed is None else f"{text} {counted(unclaimed, 'item')} of Plex without a scene."
