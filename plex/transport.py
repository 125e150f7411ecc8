"""HTTP towards Plex: one session that goes to this server only."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

from plex.connection import INSECURE, VERIFY

if TYPE_CHECKING:
    from collections.abc import Callable

    from plex.connection import PlexConnection


class _OnceMore(HTTPAdapter):
    """Sends a read a second time when it met a kept connection that the other side had given up meanwhile.

    That says nothing of Plex's health, and an edit after a quiet while, which begins with a read, would wait out a
    back-off for it. What fails on a new connection, as in an outage, is not repeated; nor is what changes Plex.
    """

    def send(self, request: requests.PreparedRequest, *rest: Any, **how: Any) -> requests.Response:
        pool = self.get_connection_with_tls_context(request, how["verify"], how["proxies"], how["cert"])
        opened = pool.num_connections
        try:
            return super().send(request, *rest, **how)
        except requests.ConnectionError:
            if request.method != "GET" or not 0 < opened == pool.num_connections:
                raise
        return super().send(request, *rest, **how)


def open_session(connection: PlexConnection, look_at: Callable[..., None]) -> requests.Session:
    """A session that goes to this server only. `look_at` sees each answer before anyone acts on it."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _OnceMore())
    session.trust_env = False  # neither a proxy nor ~/.netrc shall see or replace the token
    session.headers["User-Agent"] = "PlexSync"
    session.hooks["response"].append(look_at)
    if connection.tls == INSECURE:
        session.verify = False
        warnings.simplefilter("ignore", InsecureRequestWarning)  # it was asked for, and stderr is Stash's log
    elif connection.tls != VERIFY:
        session.verify = connection.tls
    return session
