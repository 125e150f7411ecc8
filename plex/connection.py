"""How to reach a Plex server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from local.hide_paths import as_path
from plex.errors import COPY_AGAIN, PlexSetup

VERIFY, INSECURE = "verify", "insecure"
_NOT_SET = "is not set or not valid; enter it in the plugin's settings."
NO_ADDRESS = f'"Plex address" {_NOT_SET}'


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexConnection:
    """Address, token and options of a connection. `libraries`: names, empty for all movie libraries.

    `tls`: "verify", "insecure" (accept any certificate, from this server only) or the path of a CA file.
    """

    url: str
    token: str = field(repr=False)
    libraries: tuple[str, ...] = ()
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    tls: str = "verify"
    client_identifier: str = "plexsync"


def validate(connection: PlexConnection) -> PlexConnection:
    """The connection with address and token trimmed.

    Raises PlexSetup for an unusable value. The message quotes neither address nor token: both may hold secrets.
    """
    url, token = connection.url.strip().rstrip("/"), connection.token.strip()
    if not url or not token:
        if url:
            raise PlexSetup(f'"Plex token" {_NOT_SET}', setting="plex_token")
        raise PlexSetup(NO_ADDRESS)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise PlexSetup(COPY_AGAIN, setting="plex_token")
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port, or half an IPv6 address
        is_address = False
    if not is_address or "?" in url or "#" in url or not url.isprintable() or " " in url:
        raise PlexSetup('"Plex address" must be like http://host:32400, without a page or a token; correct it.')
    if connection.tls not in (VERIFY, INSECURE) and not os.path.exists(connection.tls):
        raise PlexSetup(
            '"Plex certificate" must be verify, insecure or a CA file, but there is no file '
            f"{as_path(connection.tls)}; correct it.",
            setting="tls",
        )
    return replace(connection, url=url, token=token)


def display_address(url: str) -> str:
    """Scheme, host and port, for messages: an address may also contain a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
