"""Clear, purge and restore: has the worker set jobs aside or bring them back, and logs how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.words import counted
from tasks.answers import ClearAnswer, PurgeAnswer, RestoreAnswer
from tasks.arguments import days_of
from tasks.worker_link import ask_worker

if TYPE_CHECKING:
    from tasks.context import Context


def clear_queue(context: Context) -> ClearAnswer:
    """Clear Pending Queue: sets pending jobs aside, those in the inbox included."""
    answer = ask_worker(context, ClearAnswer, "clear_queue")
    _log_cleared(context, answer.cleared, "pending job", answer.backup)
    return answer


def clear_dlq(context: Context) -> ClearAnswer:
    """Clear Dead Letter Queue: sets all dead letters aside."""
    answer = ask_worker(context, ClearAnswer, "clear_dlq")
    _log_cleared(context, answer.cleared, "dead letter", answer.backup)
    return answer


def purge_dlq(context: Context) -> PurgeAnswer:
    """Purge Old Dead Letters: sets aside those whose last failure is more than `days` ago."""
    days = days_of(context.input.args)
    answer = ask_worker(context, PurgeAnswer, "purge_dlq", {"days": days})
    _log_cleared(context, answer.purged, "dead letter", answer.backup, f" older than {days:g} days")
    return answer


def restore_cleared(context: Context) -> RestoreAnswer:
    """Restore Cleared Jobs: brings back the newest backup that was not restored yet."""
    answer = ask_worker(context, RestoreAnswer, "restore_cleared")
    if answer.backup is None:
        context.log.info("There is no backup left to restore.")
    else:
        context.log.info("Restored %s: %d in all.", answer.backup, answer.restored)
    return answer


def _log_cleared(context: Context, count: int, what: str, backup: str | None, more: str = "") -> None:
    if not count:
        context.log.info("There is no %s%s: nothing was set aside.", what, more)
        return
    text = "Set aside %s%s in %s. Restore Cleared Jobs brings them back."
    context.log.info(text, counted(count, what), more, backup)
