"""The operation `watch`: somebody is looking at the page. The worker then probes Plex every 3 s, well or not."""

from __future__ import annotations

from local import inbox
from outages.watched import note_watched
from status import files
from status.wake import start_worker_if_none
from status.worker import is_worker_running

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from status.answers import WatchAnswer
    from status.look import Asked


def watch(asked: Asked) -> WatchAnswer:
    """Note it, and start a worker if none is running. Raises OSError."""
    inbox.prepare(asked.directory)
    note_watched(asked.directory, asked.now)
    is_living = is_worker_running(asked.directory, files.read_report(asked.directory).started_at)
    if not is_living:
        start_worker_if_none(asked)
    return {"was_running": is_living}
