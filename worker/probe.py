"""Probes Plex and translates its health for the circuit breaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outages.transitions import ProbeKind, ProbeResult
from plex.errors import EditsRefused, PlexAuthError, PlexBusy, PlexSetup, ServerFailure
from store.evidence import Evidence

if TYPE_CHECKING:
    from plex.health import Health
    from push.plex_link import PlexLink
    from worker.stash_link import StashLink


def probe_plex(plex: PlexLink, stash: StashLink, *, asks_owner: bool = False) -> ProbeResult:
    """Probe with the settings last read. Raises StashUnavailable if there are none and Stash is away.

    `asks_owner`: also find out whether the token may edit.
    """
    try:
        return probe_result(plex.probe(stash.last_settings(), asks_owner=asks_owner))
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
