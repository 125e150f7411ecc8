"""The simulated Plex as plexapi, an independent client, sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plexapi.server import PlexServer

if TYPE_CHECKING:
    from sim.plex.simulator import PlexSim

TOKEN = "right"


def connect(plex: PlexSim) -> Any:
    """A client with the right token."""
    untyped: Any = PlexServer
    return untyped(plex.url, TOKEN)
