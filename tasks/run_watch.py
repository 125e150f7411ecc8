"""Watches a long run of the worker until its result is there. The worker goes on with it if the task is stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.clock import Stopwatch
from local.words import duration_in_words
from store.requests import result_path
from store.worker_file import read_worker_report
from tasks.context import TaskError
from tasks.patience import PATIENCE_S, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.context import Context
    from tasks.worker_link import WorkerLink

LOOK_S = 0.2
# A run leaves its result before it ends. One that has been neither running nor finished for this long was lost.
LOST_AFTER_S = 10.0
# Stash may be busy for a moment; a longer absence ends the task.
STASH_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedRun:
    """The worker's answer to the command: the id of the run that it began or joined."""

    run: str


class RunWatch:
    """`what`: the run in a word. `result_in`: where its result is found if the task does not see its end.

    `show`: shows its progress and returns it, as any value; None if the worker does not know of the run.
    """

    def __init__(
        self,
        context: Context,
        link: WorkerLink,
        run_id: str,
        *,
        what: str,
        result_in: str,
        show: Callable[[], object | None],
    ) -> None:
        self._context = context
        self._link = link
        self._run_id = run_id
        self._what = what
        self._result_in = result_in
        self._show = show
        self._lost = Stopwatch(context.clock)
        self._stash_away = Stopwatch(context.clock)
        self._patience = Patience(context)

    def until_it_ends(self) -> Mapping[str, Any]:
        """The output of the run.

        Raises TaskError with the reason if it was refused, interrupted or lost, or if nothing has moved for PATIENCE_S.
        """
        while (answer := self._answer()) is None:
            self._end_while_stash_is_away()
            self._link.keep_alive()
            self._note(self._show())
            self._context.clock.sleep(LOOK_S)
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
        if read_worker_report(self._context.directory).stopped_by != "stash":
            self._stash_away.stop()
            return
        self._stash_away.start()
        if self._stash_away.passed_s >= STASH_PATIENCE_S:
            raise TaskError(
                "Stash does not answer PlexSync's worker. Check that Stash is running. The "
                f"{self._what} continues by itself when Stash answers; {self._result_in} shows its result."
            )

    def _note(self, progress: object | None) -> None:
        if self._patience.is_over(progress):
            raise TaskError(
                f"Nothing has moved for {duration_in_words(PATIENCE_S)}: Plex or Stash does not finish an answer, or "
                f"the worker hangs. The {self._what} continues by itself; {self._result_in} shows its result."
            )
        if progress is not None:
            self._lost.stop()
            return
        self._lost.start()
        if self._lost.passed_s >= LOST_AFTER_S:
            raise TaskError(f"The worker no longer knows of this {self._what}. Run it again.")
