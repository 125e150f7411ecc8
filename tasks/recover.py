"""Recover Outage Jobs: has the worker queue the dead letters of an outage again, and logs what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.words import counted
from tasks.answers import RecoverAnswer
from tasks.arguments import error_types_of, outage_of
from tasks.report import log_report
from tasks.worker_link import ask_worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.context import Context


def recover_outage_jobs(context: Context) -> RecoverAnswer:
    """Recover Outage Jobs. The worker probes Plex first, and recovers nothing unless the probe passes.

    Ends as `ask_worker` does.
    """
    error_types = error_types_of(context.input.args)
    arguments = {"error_types": list(error_types), "outage": outage_of(context.input.args)}
    answer = ask_worker(context, RecoverAnswer, "recover_outage_jobs", arguments)
    headline, *details = _recovery_lines(answer, error_types)
    log_report(context.log, headline, details)
    return answer


def _recovery_lines(answer: RecoverAnswer, error_types: Sequence[str]) -> list[str]:
    if answer.outage is None:
        return ["No outage is on record: there is nothing to recover."]
    lines = [f"{counted(answer.recovered, 'job')} of outage {answer.outage} queued again."]
    others = (
        (answer.skipped_plex_down, f"left as they are, since Plex is not well now: {answer.message or ''}"),
        (answer.skipped_already_queued, "queued already"),
        (answer.skipped_scene_missing, "no longer in Stash"),
        (answer.failed, "could not be queued"),
        (answer.other_types, f"of other classes than {', '.join(error_types)}: pass error_types to include them"),
    )
    return lines + [f"Dead letters of outage {answer.outage}: {count} {words}" for count, words in others if count]
