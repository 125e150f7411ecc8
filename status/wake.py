"""The operation `wake`: starts a worker where work is pending and none lives. For a page that looks in now and then.

It writes nothing to the log, and asks neither Plex nor Stash.
"""

from __future__ import annotations

import json

from status import files
from status.worker import is_worker_running
from store.reader import Reader

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from status.answers import WakeAnswer
    from status.look import Asked


def wake(asked: Asked) -> WakeAnswer:
    """Start a worker if one is needed. Raises OSError if it cannot be started.

    A damaged queue hides what is pending, and the worker mends it.
    """
    reader = Reader(asked.directory, is_brief=True)
    pending = reader.counts(asked.now).pending
    is_needed = pending > 0 or bool(reader.problems)
    is_living = is_worker_running(asked.directory, files.read_report(asked.directory).started_at)
    if is_needed and not is_living:
        start_worker_if_none(asked)
    return {"pending": pending, "worker": is_living or is_needed}


def start_worker_if_none(asked: Asked) -> None:
    """Make sure that a worker runs and knows how to reach Stash. Raises OSError."""
    from local import start  # noqa: PLC0415 - seldom needed

    connection = json.dumps({"server_connection": asked.connection}).encode()
    start.start_worker_if_none(asked.script, asked.directory, connection)
