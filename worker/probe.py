"""Asks Plex how it is, and says what that means for the circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outages.transitions import ProbeKind, ProbeResult
from plex.errors import PlexAuthError, PlexBusy, PlexSetup, ServerFailure

if TYPE_CHECKING:
    from plex.health import Health
    from push.plex_link import PlexLink
    from worker.stash_link import StashLink


def probe_plex(plex: PlexLink, stash: StashLink) -> ProbeResult:
    """Probe under the settings that were last read. Raises StashUnavailable when they were never read."""
    try:
        return probe_result(plex.probe(stash.last_settings()))
    except PlexSetup as error:
        return ProbeResult(kind=ProbeKind.SETUP, text=str(error))


def probe_result(health: Health) -> ProbeResult:
    """A rejected token or a wrong set-up means that the server is up; any other failure means that it is not."""
    error = health.error
    if error is None:
        return ProbeResult(kind=ProbeKind.OK)
    if isinstance(error, PlexBusy):
        return ProbeResult(kind=ProbeKind.BUSY, text=str(error), retry_after_s=error.retry_after_s)
    kinds = ((PlexAuthError, ProbeKind.AUTH), (PlexSetup, ProbeKind.SETUP), (ServerFailure, ProbeKind.DOWN))
    kind = next((kind for error_class, kind in kinds if isinstance(error, error_class)), ProbeKind.DOWN)
    return ProbeResult(kind=kind, text=str(error))
