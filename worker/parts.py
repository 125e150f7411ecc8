"""What a worker is made of, and why it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from local.clock import Clock
    from outages.resilience import Resilience
    from push.plex_link import PlexLink
    from store.ledger import Ledger
    from store.queue import JobQueue
    from store.worker_file import WorkerFile
    from worker.intake import Intake
    from worker.stash_link import StashLink


class Leave(str, Enum):
    """Why the worker ends."""

    IDLE = "nothing is left to do"
    STASH_AWAY = "Stash is away; what is pending waits for its return"
    UPDATED = "the plugin was updated"
    REMOVED = "the plugin was removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the worker works with; all of it open and its own."""

    directory: str
    queue: JobQueue
    ledger: Ledger
    intake: Intake
    stash: StashLink
    plex: PlexLink
    resilience: Resilience
    worker_file: WorkerFile
    clock: Clock
    log: logging.Logger
