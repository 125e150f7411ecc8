"""Runs a task for a person with a shell: the same words as in Stash, as plain lines on standard output."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from local.clock import clock_from_environment
from local.hide_paths import PathHider
from local.log_text import OneLineFormatter
from local.redact import Redactor
from local.scale import scale_from_environment
from shell.owner import become_owner
from stash.connection import StashConnection, known_connections
from stash.protocol import TaskInput
from status.look import Asked
from status.queue_status import queue_status
from store.worker_file import read_worker_report
from tasks.context import Context, TaskError
from tasks.health import health_check
from tasks.run import log_with, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.setup_answers import HealthAnswer

FAILED = 1


def show_status(directory: str, script: str) -> int:
    """View Queue Status. Changes nothing."""

    def look(context: Context) -> None:
        asked = Asked(
            directory=directory, script=script, now=context.now, scale=scale_from_environment(), arguments={},
            connection=None,
        )  # fmt: skip
        queue_status(asked)
        for level, text in asked.log:
            context.log.log(level, "%s", text)

    return _run(look, directory, script)


def show_health(directory: str, script: str) -> int:
    """Health Check, with the settings from the Stash of the last event. Returns 0 if no step failed."""

    def check(context: Context) -> HealthAnswer:
        if not context.input.connection.url:
            raise TaskError(
                "PlexSync does not know where Stash is, since Stash has not started it yet. Save a scene in Stash, or "
                "run one of PlexSync's tasks there, and then this again."
            )
        return health_check(context)

    return _run(check, directory, script)


def _run(task: Callable[[Context], object], directory: str, script: str) -> int:
    redactor, hider = Redactor(), PathHider(directory, os.path.dirname(script))
    logging.raiseExceptions = False  # `| head`: the reader has left
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_PlainText("%(message)s"))
    log = log_with(handler, redactor, hider)

    def run() -> object:
        become_owner(directory)
        hider.is_on = read_worker_report(directory).hide_paths
        return task(_context(directory, script, log, redactor, hider))

    answer = outcome_of(run, log=log, directory=directory, redactor=redactor, hider=hider)
    if isinstance(answer, str):
        sys.stderr.write(f"{answer}\n")
        return FAILED
    return 0


class _PlainText(OneLineFormatter):
    """Whatever the terminal cannot show is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """One or more lines."""
        encoding = sys.stdout.encoding or "utf-8"
        return super().format(record).encode(encoding, "backslashreplace").decode(encoding)


def _context(directory: str, script: str, log: logging.Logger, redactor: Redactor, hider: PathHider) -> Context:
    clock = clock_from_environment()
    connection, entry = next(known_connections(directory, clock.now()), (StashConnection(url=""), b""))
    redactor.add("cookie", connection.cookie_value)
    return Context(
        input=TaskInput(connection=connection, mode="", args={"bad_is_error": True}),
        connection_entry=entry,
        directory=directory,
        script=script,
        clock=clock,
        log=log,
        redactor=redactor,
        hider=hider,
        progress=lambda _: None,
    )
