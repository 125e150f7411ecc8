"""The parts of a worker, its probe of Plex, the interface of its background work, and the reasons why it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from outages.transitions import ProbeKind, ProbeResult
from plex.errors import EditsRefused, PlexAuthError, PlexBusy, PlexSetup, ServerFailure
from store.evidence import Evidence

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from local.clock import Clock
    from news.speaker import Speaker
    from outages.resilience import Resilience
    from plex.health import Health
    from push.plex_link import PlexLink
    from store.ledger import Ledger
    from store.queue import JobQueue
    from store.worker_file import WorkerFile
    from worker.commands import Handler
    from worker.intake import Intake
    from worker.stash_link import StashLink


class LeaveReason(str, Enum):
    """Why the worker ends."""

    IDLE = "nothing is left to do"
    STASH_AWAY = "Stash is away; what is pending waits for its return"
    DISABLED = "PlexSync is disabled in Stash; what is pending waits until it is enabled"
    UPDATED = "the plugin was updated"
    REMOVED = "the plugin was removed"
    PYTHON_CHANGED = "Python was updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the worker works with. The worker owns all of it; files and connections are open."""

    directory: str
    queue: JobQueue
    ledger: Ledger
    intake: Intake
    stash: StashLink
    plex: PlexLink
    resilience: Resilience
    worker_file: WorkerFile
    speaker: Speaker
    clock: Clock
    log: logging.Logger

    def probe(self, *, asks_owner: bool = False) -> ProbeResult:
        """Probe Plex with the settings last read. Raises StashUnavailable if there are none and Stash is away.

        `asks_owner`: also find out whether the token may edit.
        """
        try:
            return probe_result(self.plex.probe(self.stash.last_settings(), asks_owner=asks_owner))
        except PlexSetup as error:
            return ProbeResult(kind=ProbeKind.SETUP, text=str(error))


def probe_result(health: Health) -> ProbeResult:
    """A rejected token or a wrong setup proves that the server is up; PlexBusy proves nothing; the rest means down."""
    error = health.error
    if error is None:
        return ProbeResult(kind=ProbeKind.OK)
    if isinstance(error, PlexBusy):
        return ProbeResult(kind=ProbeKind.BUSY, text=str(error), retry_after_s=error.retry_after_s)
    if isinstance(error, EditsRefused):
        return ProbeResult(kind=ProbeKind.AUTH, text=str(error), evidence=Evidence.WRITE)
    kinds = ((PlexAuthError, ProbeKind.AUTH), (PlexSetup, ProbeKind.SETUP), (ServerFailure, ProbeKind.DOWN))
    kind = next((kind for error_class, kind in kinds if isinstance(error, error_class)), ProbeKind.DOWN)
    return ProbeResult(kind=kind, text=str(error))


def due_time(planned_at: float, now: float, max_delay_s: float) -> float:
    """`planned_at`, or `now` if that is more than `max_delay_s` ahead: the clock must have been set back."""
    return planned_at if planned_at - now <= max_delay_s else now


class BackgroundWork(Protocol):
    """Work done in short steps between jobs, never before an edit that a user waits for.

    The worker has three of its own: locking pictures, catch-up, and the look for missing scenes. The command line
    passes in the rest, which belongs to higher layers and imports the worker.
    """

    @property
    def asks_plex(self) -> bool:
        """Whether a step may ask Plex. If none does, jobs may be under way meanwhile."""

    @property
    def changes_fields(self) -> bool:
        """Whether a step may change fields of items. If so, nothing that was read ahead is believed after it."""

    def due_at(self, now: float) -> float | None:
        """When the next step is due, in epoch seconds; None if none is planned. While one is due the worker stays."""

    def step(self, now: float, obstacle: str | None) -> None:
        """Work for a few seconds at most. `obstacle`: why Plex must not be asked now.

        Raises StashUnavailable, StashRefused and LocalStorage, after which the same step is repeated, and PlexError.
        After that or a bug, `abort` is called.
        """

    def abort(self, reason: str, *, is_transient: bool = False) -> None:
        """Stop the work in progress, since a step failed. The loop has told the circuit breaker already.

        `is_transient`: Plex works otherwise, so a retry may help.
        """


class RequestedWork(BackgroundWork, Protocol):
    """Background work that tasks can request."""

    @property
    def is_running(self) -> bool:
        """Whether work is left, even if only for later. The worker stays until none is left."""

    def commands(self) -> Mapping[str, Handler]:
        """The handlers of its commands, by command name (`Command.what`)."""
