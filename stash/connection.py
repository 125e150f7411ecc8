"""How to reach Stash: the `server_connection` that Stash passes to each plugin process."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local import inbox
from local.data_directory import STASH_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Iterator

# Addresses that mean "listen on all interfaces". For each of them Go listens on IPv4 and IPv6; 127.0.0.1 works even if
# IPv6 is disabled.
ALL_INTERFACES = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 - recognised, not bound
_HOST = re.compile(r"[A-Za-z0-9._~-]+|\[?[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?\]?")
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COOKIE_VALUE = re.compile(r"[!-:<-~]*")  # safe in a header: printable ASCII, no space, no semicolon


@dataclass(frozen=True, slots=True, kw_only=True)
class StashConnection:
    """`url` is `scheme://host:port` without a path; `cookie_name` is empty if Stash requires no login."""

    url: str
    cookie_name: str = ""
    cookie_value: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    plugin_dir: str = ""


def parse_connection(server_connection: object) -> StashConnection:
    """Parse `server_connection`. Raises ValueError, whose message never contains the cookie's value."""
    given = _mapping(server_connection, "server_connection")
    name, value = _cookie(given.get("SessionCookie"))
    return StashConnection(
        url=f"{_scheme(given.get('Scheme'))}://{_host(given.get('Host'))}:{_port(given.get('Port'))}",
        cookie_name=name,
        cookie_value=value,
        plugin_dir=_text(given.get("PluginDir"), "PluginDir"),
    )


def known_connections(directory: str, now: float) -> Iterator[tuple[StashConnection, bytes]]:
    """The connections known in this data directory, with the file that holds each, the likeliest to work first.

    These are that of the newest event in the inbox, whose session is fresh, and the one that the last worker stored.
    """
    entries, _ = inbox.list_entries(directory, now)
    newest = [entry.path for entry in reversed(entries) if entry.kind not in (inbox.BATCH, inbox.COMMAND)]
    for path in (*newest[:1], os.path.join(directory, STASH_CONNECTION)):
        try:
            with open(path, "rb") as file:
                content = file.read()
            known = parse_connection(json.loads(content).get("server_connection"))
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
        yield known, content


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {type(value).__name__}; Stash sends an object")  # noqa: TRY004 - callers catch one type
    return value


def _text(value: object, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"server_connection.{name} is {type(value).__name__}; Stash sends text")  # noqa: TRY004 - as above
    return value


def _scheme(value: object) -> str:
    scheme = _text(value, "Scheme").lower()
    if scheme not in {"http", "https"}:
        raise ValueError(f"server_connection.Scheme is {scheme[:20]!r}; Stash sends http or https")
    return scheme


def _host(value: object) -> str:
    host = _text(value, "Host").strip()
    if host in ALL_INTERFACES:
        return "127.0.0.1"
    if not _HOST.fullmatch(host):
        raise ValueError(f"server_connection.Host is {host[:80]!r}; Stash sends a name or an address")
    return f"[{host.strip('[]')}]" if ":" in host else host


def _port(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:  # noqa: PLR2004 - TCP ports
        raise ValueError(f"server_connection.Port is {str(value)[:20]!r}; Stash sends a number from 1 to 65535")
    return value


def _cookie(value: object) -> tuple[str, str]:
    if value is None:
        return "", ""
    cookie = _mapping(value, "server_connection.SessionCookie")
    name, content = _text(cookie.get("Name"), "SessionCookie.Name"), _text(cookie.get("Value"), "SessionCookie.Value")
    if not name:
        return "", ""
    if not _COOKIE_NAME.fullmatch(name) or not _COOKIE_VALUE.fullmatch(content):
        raise ValueError("server_connection.SessionCookie holds characters that no cookie may have")
    return name, content
