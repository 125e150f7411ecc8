"""Reconcile Library and Preview Reconciliation: ask the worker for a run, show its progress, return its answer.

The worker does the run, and goes on with it if the task is stopped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.words import counted, named
from reconciliation.gaps import GapType
from reconciliation.state import COMMAND, ReconciliationState, state_file
from store.state_file import from_json
from tasks.answers import GapEntry, ReconciliationAnswer, ReconciliationPreviewAnswer
from tasks.arguments import library_of, scope_of
from tasks.prerequisites import need_packages
from tasks.report import ProgressLog, log_report, value_in_words
from tasks.run_watch import RequestedRun, RunWatch
from tasks.unfinished import missing_line
from tasks.worker_link import WorkerLink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciliation.state import RunProgress
    from store.state_file import StateFile
    from tasks.answers import FieldValue
    from tasks.context import Context

# The share of the progress bar that belongs to the sweep of Plex, before the first scene is compared.
SWEEP_SHARE = 0.05
_WHERE = "the result of the reconciliation"


def reconcile_all(context: Context) -> ReconciliationAnswer:
    """Reconcile Library (All). Raises TaskError if the run is refused, interrupted or lost, or if nothing moves for
    PATIENCE_S, as the others do.
    """
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
    log_report(context.log, in_words(answer), preview_lines(answer))
    return answer


def _reconcile(context: Context, *, default_scope: str) -> ReconciliationAnswer:
    output = _run(context, default_scope=default_scope, is_preview=False)
    answer = from_json(ReconciliationAnswer, output, _WHERE)
    log_report(context.log, in_words(answer), missing_lines(answer))
    return answer


def _run(context: Context, *, default_scope: str, is_preview: bool) -> Mapping[str, Any]:
    scope, library = scope_of(context.input.args, default_scope), library_of(context.input.args)
    need_packages(context)
    link = WorkerLink(context)
    asked = link.ask(RequestedRun, COMMAND, {"scope": scope, "library": library, "preview": is_preview})
    what = "queues nothing" if is_preview else "what it finds is queued"
    text = "Comparing Stash with Plex, scope %s; %s. The worker continues if this task is stopped."
    context.log.info(text, scope, what)
    show = _ReconciliationProgress(context, asked.run).show
    watch = RunWatch(
        context, link, asked.run, what="reconciliation", result_in="View Queue Status", show=show
    )
    return watch.until_it_ends()


class _ReconciliationProgress:
    """Shows how far one run has come."""

    def __init__(self, context: Context, run_id: str) -> None:
        self._context = context
        self._run_id = run_id
        self._file: StateFile[ReconciliationState] = state_file(context.directory, clock=context.clock, log=context.log)
        self._progress = ProgressLog(context.clock, context.log)

    def show(self) -> RunProgress | None:
        """What the worker knows of the run, None for nothing."""
        running = self._file.read().running
        if running is None or running.request.id != self._run_id:
            return None
        if running.total:
            share = SWEEP_SHARE + (1 - SWEEP_SHARE) * min(1.0, running.checked / running.total)
            self._context.progress(share)
            self._progress.note(lambda: f"{running.checked} of {running.total} scenes compared")
        return running


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
    return text if unclaimed is None else f"{text} {counted(unclaimed, 'item')} in Plex without a scene."


def missing_lines(answer: ReconciliationAnswer) -> Iterator[str]:
    """A line for each of the scenes that Plex lacks; the other gaps are being closed."""
    for scene in answer.scenes:
        if scene.type == GapType.MISSING.value:
            yield missing_line(named(scene.title, scene.scene_id), scene.paths)


def preview_lines(answer: ReconciliationPreviewAnswer) -> Iterator[str]:
    """A line for each gap: the scene, and of each field the value in Plex and the one in Stash."""
    for scene, change in zip(answer.scenes, answer.changes, strict=False):
        name = named(scene.title, scene.scene_id)
        if change.type == GapType.MISSING.value:
            yield missing_line(name, scene.paths)
            continue
        fields = [
            f"{field} is {value_in_words(old)} in Plex, {value_in_words(new)} in Stash"
            for field, (old, new) in change.fields.items()
        ]
        yield f"{name}, {change.type}: {'; '.join(fields)}."
