"""Clear, purge and restore: what the worker does on a task's behalf, told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.words import counted
from tasks.arguments import days_of
from tasks.worker_link import ask_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.context import Context


def clear_queue(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Clear Pending Queue."""
    answer = ask_worker(context, "clear_queue")
    _say_cleared(context, answer["cleared"], "pending job", answer)
    return answer


def clear_dlq(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Clear Dead Letter Queue."""
    answer = ask_worker(context, "clear_dlq")
    _say_cleared(context, answer["cleared"], "dead letter", answer)
    return answer


def purge_dlq(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Purge Old Dead Letters."""
    days = days_of(context.input.args)
    answer = ask_worker(context, "purge_dlq", {"days": days})
    _say_cleared(context, answer["purged"], "dead letter", answer, f" older than {days:g} days")
    return answer


def restore_cleared(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Restore Cleared Jobs."""
    answer = ask_worker(context, "restore_cleared")
    if answer["backup"] is None:
        context.log.info("There is no backup that was not restored yet: nothing to bring back.")
    else:
        context.log.info("Brought back what %s held: %d in all.", answer["backup"], answer["restored"])
    return answer


def _say_cleared(context: Context, count: int, what: str, answer: Mapping[str, Any], more: str = "") -> None:
    if not count:
        context.log.info("There is no %s%s: nothing was set aside.", what, more)
        return
    text = "Set aside %s%s. Restore Cleared Jobs brings back what lies in %s."
    context.log.info(text, counted(count, what), more, answer["backup"])
