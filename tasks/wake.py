"""The operation `wake`: starts a worker where work is pending and none lives. For a page that looks in now and then.

It writes nothing to the log, needs no installed package, and asks neither Plex nor Stash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.overview import count_queue
from store.worker_file import read_worker_report
from tasks.answers import WakeAnswer
from tasks.status import worker_status
from tasks.worker_link import start_worker_if_none

if TYPE_CHECKING:
    from tasks.context import Context


def wake(context: Context) -> WakeAnswer:
    """Start a worker if one is needed. Raises OSError if it cannot be started."""
    pending = count_queue(context.directory, context.now).pending
    is_living = worker_status(context.directory, read_worker_report(context.directory)).running
    if pending and not is_living:
        start_worker_if_none(context)
    return WakeAnswer(pending=pending, worker=is_living or pending > 0)
