"""The worker's link to Plex: client, finder and pusher, rebuilt when the settings change."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING

from local import inbox
from plex.client import PlexClient
from plex.connection import NO_ADDRESS, PlexConnection
from plex.errors import PlexError, PlexSetup
from plex.find import Finder
from plex.health import probe
from plex.index import Index
from plex.scan import Scans
from push.picture_locks import PictureLocks
from push.pusher import Pusher
from push.writes import Clients

if TYPE_CHECKING:
    import logging

    from local.clock import Clock
    from plex.health import Health
    from stash.settings import Settings
    from store.ledger import Ledger


def plex_connection(settings: Settings, directory: str) -> PlexConnection:
    """The connection that the settings describe. Raises PlexSetup if the address is missing."""
    if not settings.plex_url:
        raise PlexSetup(NO_ADDRESS)
    return PlexConnection(
        url=settings.plex_url,
        token=settings.plex_token,
        libraries=settings.plex_library,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
        tls=settings.tls,
        client_identifier=client_identifier(directory),
    )


def address_digest(settings: Settings) -> str:
    """Tells addresses apart, together with what proves that it is the right server there."""
    return hashlib.sha256(f"{settings.plex_url} {settings.tls}".encode()).hexdigest()[:16]


def client_identifier(directory: str) -> str:
    """The same at every start with this data directory, so that Plex lists one device and not many."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"plexsync:{directory}"))


def index_scope(server: str, settings: Settings) -> str:
    """What an index covers: another server or other libraries need a new index."""
    return json.dumps([server, *settings.plex_library])


class PlexLink:
    """Keeps one pusher, for the settings that it was made with."""

    def __init__(self, *, directory: str, ledger: Ledger, clock: Clock, log: logging.Logger) -> None:
        self._directory = directory
        self._ledger = ledger
        self._clock = clock
        self._index: Index | None = None
        self._pusher: Pusher | None = None
        self._server = ""  # as the last probe found it at the address of the pusher
        self.openings = 0  # how often a pusher was made
        self._log = log
        self.picture_locks = PictureLocks(ledger, clock, ledger.server_in_use())

    @property
    def is_open(self) -> bool:
        """Whether there is a pusher."""
        return self._pusher is not None

    def pusher(self, settings: Settings) -> Pusher:
        """The pusher for these settings and the server behind them; others replace it.

        Raises PlexError: before anything is believed of a server, it has to say who it is.
        """
        if self._pusher and self._pusher.settings == settings and self._server in ("", self._pusher.server):
            return self._pusher
        self.close()
        connection = plex_connection(settings, self._directory)
        plex, beside = (PlexClient(connection, clock=self._clock) for _ in range(2))
        try:
            server = plex.identity().machine_identifier
        except PlexError:
            plex.close()
            raise
        if self._ledger.use_server(server, now=self._clock.now()):
            self._log.warning(
                "Plex is a different server now: what PlexSync knows of the items on the old one does not count here, "
                "and a scene is pushed when it is next due. Sync All Scenes pushes all of them."
            )
        if self.picture_locks.server != server:
            self.picture_locks = PictureLocks(self._ledger, self._clock, server)
        self.openings += 1
        self._index = Index(self._directory, index_scope(server, settings))
        self._pusher = self._make_pusher(Clients(here=plex, beside=beside), self._index, settings, server)
        return self._pusher

    def _make_pusher(self, clients: Clients, index: Index, settings: Settings, server: str) -> Pusher:
        plex = clients.here
        finder = Finder(
            plex,
            index,
            clock=self._clock,
            log=self._log,
            rules=[(rule.stash, rule.plex) for rule in settings.path_map],
            allow_ambiguous=settings.allow_ambiguous,
            is_wanted_elsewhere=lambda: inbox.has_news(self._directory),
        )
        scans = Scans(plex, index, clock=self._clock, log=self._log) if settings.scan_plex else None
        return Pusher(
            clients=clients,
            finder=finder,
            ledger=self._ledger,
            server=server,
            settings=settings,
            clock=self._clock,
            log=self._log,
            scans=scans,
            picture_locks=self.picture_locks,
        )

    def confirm_server(self, settings: Settings) -> None:
        """Ask the server again who it is; of another one nothing is known. Raises PlexError."""
        self._server = self.pusher(settings).plex.identity().machine_identifier
        self.pusher(settings)

    def probe(self, settings: Settings, *, asks_owner: bool = False) -> Health:
        """Probe Plex with a client and timeouts of its own. Raises PlexSetup."""
        health = probe(plex_connection(settings, self._directory), clock=self._clock, asks_owner=asks_owner)
        self._server = health.machine_identifier or self._server
        return health

    def close(self) -> None:
        """Close the connection and the index. Used again, it asks the server who it is before it believes anything."""
        if self._pusher:
            self._pusher.clients.close()
        if self._index:
            self._index.close()
        self._pusher = self._index = None
        self._server = ""
