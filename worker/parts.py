"""What a worker is made of, what it does beside the jobs, and why it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from worker.probe import probe_plex

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from local.clock import Clock
    from outages.resilience import Resilience
    from outages.transitions import ProbeResult
    from push.plex_link import PlexLink
    from store.ledger import Ledger
    from store.queue import JobQueue
    from store.worker_file import WorkerFile
    from worker.commands import Handler
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

    def probe(self) -> ProbeResult:
        """Ask Plex how it is. Raises StashUnavailable when the settings were never read."""
        return probe_plex(self.plex, self.stash)


def planned(at: float, now: float, most_s: float) -> float:
    """`at`, which was planned for `most_s` ahead or less; `now` where the clock was put back since."""
    return at if at - now <= most_s else now


class Background(Protocol):
    """Work beside the jobs: done in short steps between them, never before an edit that a user waits for.

    The worker's own are catch-up and the look for missing scenes; the command line hands it the rest, which stands
    above the worker and imports it.
    """

    def due_at(self, now: float) -> float | None:
        """When the next step is due (epoch seconds); None while nothing is planned. A due step keeps the worker."""

    def step(self, now: float, obstacle: str | None) -> None:
        """Do a few seconds' work at most. `obstacle`: why Plex must not be asked now.

        Raises StashUnavailable and LocalStorage, after which the same step comes again, and PlexError.
        """

    def break_off(self, why: str, *, is_passing: bool = False) -> None:
        """A step failed. `is_passing`: Plex is well otherwise. The loop has taken care of the circuit."""


class AskedWork(Background, Protocol):
    """Background work that tasks can ask for."""

    @property
    def is_under_way(self) -> bool:
        """Whether there is more to do, if only later: the worker stays for it."""

    def commands(self) -> Mapping[str, Handler]:
        """What carries out the commands about it, by the command's word."""
