"""Undo PlexSync in Plex, and its preview: has the worker give back what PlexSync changed, and reports what it did.

The worker goes on if the task is stopped, and waits by itself until an outage is over; the task does not.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from local.words import counted, named, sentence
from outages.notices import Notice
from outages.resilience import Resilience
from outages.transitions import GateKind
from store.overview import Overview
from store.undo import ItemState, entry_of
from tasks.answers import UndoAnswer, UndoEntry
from tasks.arguments import preview_of
from tasks.prerequisites import need_packages
from tasks.report import ProgressLog, log_report, value_in_words
from tasks.run_watch import RequestedRun, RunWatch
from tasks.worker_link import WorkerLink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outages.transitions import Gate
    from store.undo import UndoneItem
    from tasks.context import Context

COMMAND = "undo_all"
_DONE = (
    '"Pause" is on in PlexSync\'s settings, so nothing is pushed any more: disable or remove the plugin now. To push '
    'again, switch off "Pause" and run Sync All Scenes.'
)


class _PlexAway(Exception):  # noqa: N818 - what happened
    """Something stops the undo for now."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.message)
        self.gate = gate


def undo_all(context: Context) -> UndoAnswer:
    """Undo PlexSync in Plex; with the argument `preview`, show what that would do.

    Raises TaskError if refused or lost, or if nothing moves for PATIENCE_S.
    """
    is_preview = preview_of(context.input.args)
    need_packages(context)
    link = WorkerLink(context)
    asked = link.ask(RequestedRun, COMMAND, {"preview": is_preview})
    context.log.info(
        "Looking at what PlexSync changed in Plex. Nothing is written."
        if is_preview
        else "Restoring what PlexSync changed in Plex. The worker continues if this task is stopped."
    )
    progress = _UndoProgress(context, asked.run, is_preview=is_preview)
    name = "preview" if is_preview else "undo"
    watch = RunWatch(context, link, asked.run, what=name, result_in="plexsync.log", show=progress.show)
    try:
        output = watch.until_it_ends()
    except _PlexAway as stop:
        answer = _waiting(Overview(context.directory).undone(), stop.gate)
    else:
        message = "Nothing was changed." if is_preview else _DONE
        answer = _answer([entry_of(each) for each in output["entries"]], preview=is_preview, message=message)
    _report(context, answer)
    return answer


class _UndoProgress:
    """Shows how far one run has come, and ends the wait for an undo that something stops."""

    def __init__(self, context: Context, run_id: str, *, is_preview: bool) -> None:
        self._context = context
        self._run_id = run_id
        self._is_preview = is_preview
        self._overview = Overview(context.directory)
        self._resilience = Resilience(context.directory, clock=context.clock, log=context.log)
        self._progress = ProgressLog(context.clock, context.log)

    def show(self) -> int | None:
        """How many items are done, None if the worker does not know of the run."""
        run = self._overview.undo()
        if run is None or run.id != self._run_id:
            return None
        done = self._overview.count_undone()
        self._context.progress(done / max(1, run.total))
        self._progress.note(lambda: f"{done} of {counted(run.total, 'item')} done")
        self._end_while_plex_is_away()
        return done

    def _end_while_plex_is_away(self) -> None:
        """A preview ends by itself."""
        self._resilience.refresh(self._context.now)
        gate = self._resilience.gate(self._context.now)
        if gate.kind is GateKind.WAIT and not self._is_preview:
            raise _PlexAway(gate)


def _waiting(entries: Sequence[UndoneItem], gate: Gate) -> UndoAnswer:
    message = (
        f"{sentence(gate.message or 'Plex cannot be asked now')} The undo continues by itself after that; run it "
        'again to watch it. PlexSync must stay enabled until then. "Pause" is on, so nothing is pushed meanwhile.'
    )
    return _answer(entries, preview=False, message=message, stopped_by=gate.stopped_by)


def _answer(
    entries: Sequence[UndoneItem], *, preview: bool, message: str, stopped_by: str | None = None
) -> UndoAnswer:
    return UndoAnswer(
        preview=preview,
        finished=stopped_by is None,
        items=sum(each.state is ItemState.DONE for each in entries),
        fields=sum(len(each.fields) for each in entries),
        unlocked=sum(len(each.unlocked) for each in entries),
        kept=sum(len(each.kept) for each in entries),
        gone=sum(each.state is ItemState.GONE for each in entries),
        failed=sum(each.state is ItemState.FAILED for each in entries),
        changes=tuple(
            UndoEntry(
                scene_id=each.scene_id, rating_key=each.rating_key, title=each.title, fields=each.fields,
                unlocked=each.unlocked, kept=each.kept, problem=each.problem or None,
            )
            for each in entries
            if not each.is_trivial
        ),
        stopped_by=stopped_by,
        message=message,
    )  # fmt: skip


def _report(context: Context, answer: UndoAnswer) -> None:
    is_well = answer.finished and not answer.failed
    headline = Notice(level=logging.INFO if is_well else logging.WARNING, text=f"{in_words(answer)} {answer.message}")
    telling = [each for each in answer.changes if each.kept or each.problem]
    others = [each for each in answer.changes if each not in telling] if answer.preview else []
    log_report(context.log, headline, [_words_about(each, preview=answer.preview) for each in (*telling, *others)])


def in_words(answer: UndoAnswer) -> str:
    """The counts."""
    verb = "would be" if answer.preview else "were"
    text = (
        f"{counted(answer.items, 'item')}: {counted(answer.fields, 'field')} {verb} restored, "
        f"{counted(answer.unlocked, 'lock')} removed."
    )
    if answer.kept:
        text += f" Left alone: {counted(answer.kept, 'field')} that somebody has changed in Plex since."
    if answer.gone:
        text += f" No longer in Plex: {counted(answer.gone, 'item')}."
    if answer.failed:
        text += f" Failed: {counted(answer.failed, 'item')}; run it again for them."
    return text


def _words_about(entry: UndoEntry, *, preview: bool) -> str:
    scene = named(entry.title, entry.scene_id) if entry.scene_id else f"{entry.title!r} (item {entry.rating_key})"
    kept = f"somebody has changed {', '.join(entry.kept)} in Plex, which stays" if entry.kept else ""
    parts = [kept, entry.problem, *(_preview_words(entry) if preview else ())]
    return sentence(f"{scene}: {'; '.join(part for part in parts if part)}")


def _preview_words(entry: UndoEntry) -> Iterator[str]:
    for field, (before, after) in entry.fields.items():
        yield f"{field} from {value_in_words(before)} back to {value_in_words(after)}"
    if entry.unlocked:
        yield f"{', '.join(entry.unlocked)} would be unlocked"
