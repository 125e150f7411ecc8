"""Clear, purge, restore and recover, and Sync Scene: what the worker does on a task's behalf, told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.words import counted
from tasks.arguments import days_of, error_types_of, outage_of, scene_id_of
from tasks.prerequisites import need_packages
from tasks.worker_link import WorkerLink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.context import Context


def clear_queue(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Clear Pending Queue."""
    answer = _ask(context, "clear_queue")
    _say_cleared(context, answer["cleared"], "pending job", answer)
    return answer


def clear_dlq(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Clear Dead Letter Queue."""
    answer = _ask(context, "clear_dlq")
    _say_cleared(context, answer["cleared"], "dead letter", answer)
    return answer


def purge_dlq(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Purge Old Dead Letters."""
    days = days_of(context.input.args)
    answer = _ask(context, "purge_dlq", {"days": days})
    _say_cleared(context, answer["purged"], "dead letter", answer, f" older than {days:g} days")
    return answer


def restore_cleared(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Restore Cleared Jobs."""
    answer = _ask(context, "restore_cleared")
    if answer["backup"] is None:
        context.log.info("There is no backup that was not restored yet: nothing to bring back.")
    else:
        context.log.info("Brought back what %s held: %d in all.", answer["backup"], answer["restored"])
    return answer


def recover_outage_jobs(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Recover Outage Jobs."""
    error_types = error_types_of(context.input.args)
    arguments = {"error_types": list(error_types), "outage": outage_of(context.input.args)}
    answer = _ask(context, "recover_outage_jobs", arguments)
    for line in _recovery_lines(answer, error_types):
        context.log.info("%s", line)
    return answer


def sync_scene(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of `sync_scene`."""
    scene_id = scene_id_of(context.input.args)
    answer = _ask(context, "sync_scene", {"scene_id": scene_id})
    reason = f" ({answer['message']})" if answer.get("message") else ""
    context.log.info("scene %d: %s%s", scene_id, answer["verdict"], reason)
    return answer


def _ask(context: Context, what: str, arguments: Mapping[str, object] | None = None) -> Mapping[str, Any]:
    """What the worker answers, which cannot live without the packages."""
    need_packages(context)
    return WorkerLink(context).ask(what, arguments)


def _say_cleared(context: Context, count: int, what: str, answer: Mapping[str, Any], more: str = "") -> None:
    if not count:
        context.log.info("There is no %s%s: nothing was set aside.", what, more)
        return
    text = "Set aside %s%s. Restore Cleared Jobs brings back what lies in %s."
    context.log.info(text, counted(count, what), more, answer["backup"])


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
