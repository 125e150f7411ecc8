"""What a look at Plex's health means for the circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outages.transitions import ProbeKind, ProbeResult
from plex.errors import PlexAuthError, PlexBusy, PlexSetup, ServerFailure

if TYPE_CHECKING:
    from plex.health import Health


def probe_result(health: Health) -> ProbeResult:
    """A refusal of the token or a wrong set-up means that the server is up; any other failure that it is not."""
    error = health.error
    if error is None:
        return ProbeResult(kind=ProbeKind.OK)
    if isinstance(error, PlexBusy):
        return ProbeResult(kind=ProbeKind.BUSY, text=str(error), retry_after_s=error.retry_after_s)
    kinds = ((PlexAuthError, ProbeKind.AUTH), (PlexSetup, ProbeKind.SETUP), (ServerFailure, ProbeKind.DOWN))
    kind = next((kind for error_class, kind in kinds if isinstance(error, error_class)), ProbeKind.DOWN)
    return ProbeResult(kind=kind, text=str(error))
