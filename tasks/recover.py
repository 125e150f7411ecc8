"""Recover Outage Jobs: dead letters of an outage become jobs again, told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.words import counted
from tasks.arguments import error_types_of, outage_of
from tasks.worker_link import ask_worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.context import Context


def recover_outage_jobs(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Recover Outage Jobs."""
    error_types = error_types_of(context.input.args)
    arguments = {"error_types": list(error_types), "outage": outage_of(context.input.args)}
    answer = ask_worker(context, "recover_outage_jobs", arguments)
    for line in _recovery_lines(answer, error_types):
        context.log.info("%s", line)
    return answer


def _recovery_lines(answer: Mapping[str, Any], error_types: Sequence[str]) -> list[str]:
    if answer["outage"] is None:
        return ["No outage is on record: there is nothing to recover."]
    lines = [f"{counted(answer['recovered'], 'job')} of outage {answer['outage']} queued again."]
    said = (
        ("skipped_already_queued", "queued already"),
        ("skipped_scene_missing", "no longer in Stash"),
        ("skipped_plex_down", f"left as dead letters since Plex is not well now: {answer.get('message', '')}"),
        ("failed", "could not be queued"),
        ("other_types", f"of other classes than {', '.join(error_types)}: error_types names more, or all"),
    )
    return lines + [f"{answer[key]} {words}" for key, words in said if answer[key]]
