"""The worker's link to Plex: client, finder and pusher, rebuilt when the settings change."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexSetup
from plex.find import Finder
from plex.health import probe
from plex.index import Index
from plex.scan import Scans
from push.picture_locks import PictureLocks
from push.pusher import Pusher

if TYPE_CHECKING:
    import logging

    from local.clock import Clock
    from plex.health import Health
    from stash.settings import Settings
    from store.ledger import Ledger


def plex_connection(settings: Settings, directory: str) -> PlexConnection:
    """The connection that the settings describe. Raises PlexSetup if the address is missing."""
    if not settings.plex_url:
        raise PlexSetup(
            "plex_url is not set, or not to an address: enter Plex's, as in http://host:32400, in the plugin's settings"
        )
    return PlexConnection(
        url=settings.plex_url,
        token=settings.plex_token,
        libraries=settings.plex_library,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
        tls=settings.tls,
        client_identifier=client_identifier(directory),
    )


def client_identifier(directory: str) -> str:
    """The same at every start with this data directory, so that Plex lists one device and not many."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"plexsync:{directory}"))


def index_scope(settings: Settings) -> str:
    """What an index covers: a change of server or libraries needs a new index."""
    return json.dumps([settings.plex_url, *settings.plex_library])


class PlexLink:
    """Keeps one pusher, for the settings that it was made with."""

    def __init__(self, *, directory: str, ledger: Ledger, clock: Clock, log: logging.Logger) -> None:
        self._directory = directory
        self._ledger = ledger
        self._clock = clock
        self._index: Index | None = None
        self._pusher: Pusher | None = None
        self._log = log
        self.picture_locks = PictureLocks(ledger, clock)

    def pusher(self, settings: Settings) -> Pusher:
        """The pusher for these settings; other settings replace it. Raises PlexSetup."""
        if self._pusher is None or self._pusher.settings != settings:
            self.close()
            plex = PlexClient(plex_connection(settings, self._directory))
            self._index = Index(self._directory, index_scope(settings))
            self._pusher = self._make_pusher(plex, self._index, settings)
        return self._pusher

    def _make_pusher(self, plex: PlexClient, index: Index, settings: Settings) -> Pusher:
        finder = Finder(
            plex,
            index,
            clock=self._clock,
            log=self._log,
            rules=[(rule.stash, rule.plex) for rule in settings.path_map],
            allow_ambiguous=settings.allow_ambiguous,
        )
        scans = Scans(plex, index, clock=self._clock, log=self._log) if settings.scan_plex else None
        return Pusher(
            plex=plex,
            finder=finder,
            ledger=self._ledger,
            settings=settings,
            clock=self._clock,
            log=self._log,
            scans=scans,
            picture_locks=self.picture_locks,
        )

    def probe(self, settings: Settings) -> Health:
        """Probe Plex with a client and timeouts of its own. Raises PlexSetup."""
        return probe(plex_connection(settings, self._directory), clock=self._clock)

    def close(self) -> None:
        """Close the connection and the index."""
        if self._pusher:
            self._pusher.plex.close()
        if self._index:
            self._index.close()
        self._pusher = self._index = None
