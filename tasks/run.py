"""Runs what the user started: one JSON object on standard output, log lines for Stash on standard error."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING

from local import inbox, lock, start
from local.clock import clock_from_environment
from local.redact import Redactor
from stash.protocol import StashLogHandler, answer_error, answer_output, parse_task_input
from tasks.context import Context, TaskError
from tasks.status import queue_status

if TYPE_CHECKING:
    from collections.abc import Callable

# Every mode of the manifest and of the page inside Stash; None: not there yet.
TASKS: tuple[tuple[str, Callable[[Context], object] | None], ...] = (
    ("process_queue", None),
    ("health_check", None),
    ("queue_status", queue_status),
    ("outage_summary", None),
    ("recover_outage_jobs", None),
    ("sync_all", None),
    ("sync_recent", None),
    ("reconcile_all", None),
    ("reconcile_recent", None),
    ("reconcile_7days", None),
    ("reconcile_preview", None),
    ("clear_queue", None),
    ("clear_dlq", None),
    ("purge_dlq", None),
    ("restore_cleared", None),
    ("preview", None),
    ("sync_scene", None),
)


def run_task(data: bytes, *, directory: str, script: str) -> None:
    """Answer the input of a task or operation. Never raises: what went wrong is the answer."""
    redactor = Redactor()
    log = _log_to_stash(redactor)
    try:
        given = parse_task_input(data)
        redactor.add(given.connection.cookie_value)
        context = Context(
            input=given, directory=directory, script=script, clock=clock_from_environment(), log=log, redactor=redactor
        )
        task = _task(given.mode)
        _wake_worker(context, data)
        answer = answer_output(task(context))
    except (TaskError, ValueError) as error:
        answer = answer_error(redactor.clean(str(error)))
    except Exception as error:
        log.debug("the traceback behind the answer", exc_info=True)
        answer = answer_error(redactor.clean(f"PlexSync failed: {type(error).__name__}: {error}"))
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()


def _task(mode: str) -> Callable[[Context], object]:
    known = dict(TASKS)
    if mode not in known:
        raise TaskError(f"PlexSync knows no task {mode!r}. It knows {', '.join(known)}.")
    task = known[mode]
    if task is None:
        raise TaskError(f"{mode} is not available yet.")
    return task


def _wake_worker(context: Context, data: bytes) -> None:
    """A task's share in noticing that Plex is back: the worker, started if none lives, looks first of all."""
    try:
        inbox.publish(context.directory, inbox.CONNECTION, _connection_of(data))
        if lock.is_free(context.directory):
            start.start_worker(context.script, context.directory)
    except OSError as error:
        context.log.warning(
            "the data directory %s cannot be used: %s. Make room or make it writable for Stash, or set "
            "PLEXSYNC_DATA_DIR to a folder on a local disk.",
            context.directory,
            error,
        )


def _connection_of(data: bytes) -> bytes:
    return json.dumps({"server_connection": json.loads(data)["server_connection"]}).encode()


def _log_to_stash(redactor: Redactor) -> logging.Logger:
    handler = StashLogHandler(os.fdopen(os.dup(2), "wb", buffering=0))
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(redactor)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log = logging.getLogger("plexsync")
    log.setLevel(logging.INFO)
    return log
