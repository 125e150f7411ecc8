"""Runs what the user started: one JSON object on standard output, log lines for Stash on standard error."""

from __future__ import annotations

import json
import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

from local.clock import clock_from_environment
from local.hide_paths import PathHider
from local.log_lines import one_line
from local.log_marks import is_said_otherwise
from local.log_text import OneLineFormatter, quieten_libraries
from local.path_marks import without_any_marks
from local.redact import Redactor
from local.storage import LocalStorage
from stash.protocol import StashLogHandler, answer_error, answer_output, parse_task_input, progress_line
from status.answer import MODES
from store.worker_file import read_worker_report
from tasks.answers import as_json
from tasks.context import Context, TaskError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from tasks.answers import TaskAnswer

T = TypeVar("T")

# Every mode, whether of a task of the manifest or an operation only, but for those that `status.answer` answers. By
# mode, the module with the function of this name: it is loaded while the worker starts.
TASKS: Final = {
    "process_queue": "process_queue",
    "health_check": "health",
    "recover_outage_jobs": "recover",
    "sync_all": "sync",
    "sync_recent": "sync",
    "reconcile_all": "reconcile",
    "reconcile_recent": "reconcile",
    "reconcile_7days": "reconcile",
    "reconcile_preview": "reconcile",
    "clear_queue": "clear",
    "clear_dlq": "clear",
    "purge_dlq": "clear",
    "restore_cleared": "clear",
    "link_plex": "link",
    "undo_all": "undo",
    "preview": "preview",
    "sync_scene": "sync",
    "ignore": "ignore",
    "stop_ignoring": "ignore",
    "link_begin": "link",
    "link_check": "link",
}
# Health Check probes Plex itself, and starts a worker only if one has to go on probing; a sign-in, when it has worked.
WAKES_NO_WORKER = ("health_check", "link_plex", "link_begin", "link_check")
PROGRESS_STEP = 0.001


def run_task(data: bytes, *, directory: str, script: str) -> None:
    """Answer a task or operation on standard output. Never raises: whatever goes wrong becomes the answer."""
    redactor, hider = Redactor(), PathHider(directory, os.path.dirname(script))
    hider.is_on = read_worker_report(directory).hide_paths  # until this task has read the settings itself
    stream = os.fdopen(os.dup(2), "wb", buffering=0)
    handler = StashLogHandler(stream)
    handler.setFormatter(OneLineFormatter("%(message)s"))
    log = log_with(handler, redactor, hider)

    def run() -> bytes:
        context = _context(data, directory, script, log, redactor, hider, stream)
        return answer_output(without_any_marks(as_json(_run(context))))

    answer = outcome_of(run, log=log, directory=directory, redactor=redactor, hider=hider)
    sys.stdout.buffer.write(answer_error(answer) if isinstance(answer, str) else answer)
    sys.stdout.flush()


def outcome_of(
    run: Callable[[], T], *, log: logging.Logger, directory: str, redactor: Redactor, hider: PathHider
) -> T | str:
    """What `run` returns, or in words why it failed. Never raises.

    The words are redacted and on one line, since Stash logs them; without paths if the user hides them.
    """
    try:
        return run()
    except (TaskError, LocalStorage, ValueError) as error:
        words = str(error)
    except OSError as error:
        words = _words_for(error, directory)
    except Exception as error:
        log.debug("the traceback behind the answer", exc_info=True)
        words = f"PlexSync failed: {type(error).__name__}: {error}"
    return one_line(hider.show(redactor.clean(words)))


def _context(  # noqa: PLR0917 - what run_task has made
    data: bytes, directory: str, script: str, log: logging.Logger,
    redactor: Redactor, hider: PathHider, stream: BinaryIO,
) -> Context:  # fmt: skip
    given = parse_task_input(data)
    redactor.add("cookie", given.connection.cookie_value)
    return Context(
        input=given,
        connection_entry=json.dumps({"server_connection": json.loads(data)["server_connection"]}).encode(),
        directory=directory,
        script=script,
        clock=clock_from_environment(),
        log=log,
        redactor=redactor,
        hider=hider,
        progress=_progress_to(stream),
    )


def _run(context: Context) -> TaskAnswer:
    mode = context.input.mode
    if mode not in TASKS:
        raise TaskError(f"PlexSync knows no task {mode!r}. It knows {', '.join((*TASKS, *MODES))}.")
    try:
        if mode not in WAKES_NO_WORKER:
            # This way each task helps to notice that Plex is back: a new worker looks at Plex first.
            context.start_worker_if_none()
    except OSError as error:
        context.log.warning("%s", _words_for(error, context.directory))
    return task_of(mode)(context)


def task_of(mode: str) -> Callable[[Context], TaskAnswer]:
    """The function of one of TASKS."""
    task: Callable[[Context], TaskAnswer] = getattr(import_module(f"tasks.{TASKS[mode]}"), mode)
    return task


def _words_for(error: OSError, directory: str) -> str:
    cure = getattr(
        error, "cure", "Make room or make it writable for Stash, or set PLEXSYNC_DATA_DIR to a folder on a local disk"
    )
    return f"the data directory {directory} cannot be used: {error}. {cure}."


def log_with(handler: logging.Handler, redactor: Redactor, hider: PathHider) -> logging.Logger:
    """The log of this process, which writes to this handler alone."""
    # What the worker says in Stash's log by itself: a task does not repeat it.
    handler.addFilter(lambda record: not is_said_otherwise(record))
    handler.addFilter(redactor)
    handler.addFilter(hider)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    quieten_libraries()
    log = logging.getLogger("plexsync")
    log.setLevel(logging.INFO)
    return log


def _progress_to(stream: BinaryIO) -> Callable[[float], None]:
    last = -1.0

    def progress(fraction: float) -> None:
        nonlocal last
        if abs(fraction - last) < PROGRESS_STEP and fraction < 1:
            return
        last = fraction
        try:
            stream.write(progress_line(fraction).encode())
        except OSError:
            pass  # Stash has stopped listening

    return progress
