"""Reconcile Library and Preview Reconciliation: ask the worker for a run, show how far it is, hand on its answer.

The worker does the run, and goes on with it when this task is stopped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.words import counted
from reconciliation.schedule import chosen_scope
from reconciliation.state import COMMAND, ReconciliationState, result_path, state_file
from store.worker_file import read_worker_status
from tasks.context import TaskError
from tasks.prerequisites import need_packages
from tasks.relay import relay_worker_log
from tasks.worker_link import WorkerLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.state_file import StateFile
    from tasks.context import Context

LOOK_S = 0.2
LINE_S = 5.0
# The part of the bar that belongs to the sweep of Plex, before the first scene is compared.
SWEPT = 0.05
# A run that has ended has left its answer just before; one that is not there then was lost.
LOST_AFTER_S = 10.0
# Stash may be busy for a moment.
STASH_PATIENCE_S = 5.0


def reconcile_all(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of `reconcile_*`, over all scenes."""
    return _reconcile(context, default_scope="all", is_preview=False)


def reconcile_recent(context: Context) -> Mapping[str, object]:
    """The same over the scenes that changed within a day."""
    return _reconcile(context, default_scope="24h", is_preview=False)


def reconcile_7days(context: Context) -> Mapping[str, object]:
    """The same over the scenes that changed within a week."""
    return _reconcile(context, default_scope="7days", is_preview=False)


def reconcile_preview(context: Context) -> Mapping[str, object]:
    """The same over all scenes, with what would change; nothing is queued."""
    return _reconcile(context, default_scope="all", is_preview=True)


def _reconcile(context: Context, *, default_scope: str, is_preview: bool) -> Mapping[str, object]:
    given = context.input.args
    try:
        scope = chosen_scope(given.get("scope"), default_scope)
    except ValueError as error:
        raise TaskError(str(error)) from error
    library = str(given.get("library") or "").strip()
    need_packages(context)
    link = WorkerLink(context)
    asked = link.ask(COMMAND, {"scope": scope, "library": library, "preview": is_preview})
    what = "queues nothing" if is_preview else "what it finds is queued"
    text = "Comparing Stash with Plex, scope %s; %s. The worker goes on if this task is stopped."
    context.log.info(text, scope, what)
    return _RunWatch(context, link, str(asked["run"])).until_it_ends()


class _RunWatch:
    """Looks at the run until its answer is there."""

    def __init__(self, context: Context, link: WorkerLink, run_id: str) -> None:
        self._context = context
        self._link = link
        self._run_id = run_id
        self._file: StateFile[ReconciliationState] = state_file(context.directory, clock=context.clock, log=context.log)
        self._line_at = context.clock.monotonic() + LINE_S
        self._lost_since: float | None = None
        self._stash_away_since: float | None = None

    def until_it_ends(self) -> Mapping[str, object]:
        """The output. Raises TaskError with what the run was refused or broken off for."""
        while (answer := self._answer()) is None:
            self._end_while_stash_is_away()
            self._link.keep_alive()
            self._show(self._file.read())
            self._context.clock.sleep(LOOK_S)
        relay_worker_log(self._context.directory, self._context.log)
        if "error" in answer:
            raise TaskError(str(answer["error"]))
        self._context.progress(1.0)
        output: Mapping[str, object] = answer["output"]
        self._context.log.info("%s", in_words(output))
        return output

    def _answer(self) -> Mapping[str, Any] | None:
        """Left in place: other tasks may watch the same run."""
        try:
            with open(result_path(self._context.directory, self._run_id), encoding="utf-8") as file:
                answer: Mapping[str, Any] = json.load(file)
        except FileNotFoundError:
            return None
        return answer

    def _end_while_stash_is_away(self) -> None:
        """A worker that waits for Stash ends after a while, and the next one waits again: not for a task to watch."""
        now = self._context.clock.monotonic()
        if read_worker_status(self._context.directory).stopped_by != "stash":
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
        self._context.progress(SWEPT + (1 - SWEPT) * min(1.0, running.checked / running.total))
        if now >= self._line_at:
            self._line_at = now + LINE_S
            self._context.log.info("%d of %d scenes compared", running.checked, running.total)


def in_words(output: Mapping[str, Any]) -> str:
    """The summary by type."""
    gaps, queued, unclaimed = output["gaps"], output["queued"], output["unclaimed"]
    text = (
        f"{output['checked']} scenes checked in {output['took_s']:.1f} s. Gaps: {gaps['empty']} empty, "
        f"{gaps['stale']} stale, {gaps['missing']} missing in Plex. Queued: {queued['empty']} empty, "
        f"{queued['stale']} stale, {queued['missing']} for a scan. {output['skipped']} skipped."
    )
    return text if unclaimed is None else f"{text} {counted(unclaimed, 'item')} of Plex without a scene."
