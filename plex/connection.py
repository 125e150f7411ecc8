"""How one Plex server is reached, and the HTTP session for it."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

from plex.errors import COPY_AGAIN, PlexSetup

if TYPE_CHECKING:
    from collections.abc import Callable

VERIFY, INSECURE = "verify", "insecure"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexConnection:
    """How to reach the server. `libraries`: names, empty for all of type movie.

    `tls`: "verify", "insecure" (any certificate, for this server only) or the path of a CA file.
    """

    url: str
    token: str = field(repr=False)
    libraries: tuple[str, ...] = ()
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    tls: str = "verify"
    client_identifier: str = "plexsync"


def checked(connection: PlexConnection) -> PlexConnection:
    """The connection with address and token trimmed. Raises PlexSetup, which quotes neither: both may hold secrets."""
    url, token = connection.url.strip().rstrip("/"), connection.token.strip()
    if not url or not token:
        missing, what = ("plex_token", "a token") if url else ("plex_url", "an address")
        raise PlexSetup(f"{missing} is not set, or not to {what}; enter it in the plugin's settings.")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise PlexSetup(COPY_AGAIN)
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, or half an IPv6 address
        is_address = False
    if not is_address or "?" in url or "#" in url or not url.isprintable() or " " in url:
        raise PlexSetup("plex_url is no address like http://host:32400 (no page, no token in it); correct it.")
    if connection.tls not in (VERIFY, INSECURE) and not os.path.exists(connection.tls):
        raise PlexSetup(f"tls is neither verify nor insecure, and there is no CA file {connection.tls}; correct it.")
    return replace(connection, url=url, token=token)


def shown_address(url: str) -> str:
    """Scheme, host and port: what may stand in a message, which a password in the address may not."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


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
