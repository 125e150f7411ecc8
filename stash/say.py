"""Has Stash run the operation `say`, which writes lines to its log.

`say_without_packages` is for a worker that ends because it lacks them, or by an error before it has a client.
"""

from __future__ import annotations

import json
import logging
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any

from stash.connection import known_connections

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stash.connection import StashConnection

PLUGIN_ID = "plexsync"
SAY = "mutation($plugin: ID!, $args: Map!) { runPluginOperation(plugin_id: $plugin, args: $args) }"
TIMEOUT_S = 10.0

# A level of `logging`, and a text.
Line = tuple[int, str]


def say_variables(lines: Sequence[Line]) -> Mapping[str, object]:
    """The variables of the query SAY."""
    given = [{"level": logging.getLevelName(level).lower(), "text": text} for level, text in lines]
    return {"plugin": PLUGIN_ID, "args": {"mode": "say", "lines": given}}


def say_without_packages(directory: str, lines: Sequence[Line], *, now: float) -> bool:
    """Try it with the newest connection that is known in this data directory; False if Stash took nothing."""
    for connection, _ in known_connections(directory, now):
        try:
            return _post(connection, {"query": SAY, "variables": say_variables(lines)})
        except (OSError, ValueError, AttributeError, RecursionError):  # noqa: PERF203 - there are at most a few
            continue
    return False


def _post(connection: StashConnection, body: Mapping[str, object]) -> bool:
    headers = {"Content-Type": "application/json"}
    if connection.cookie_name:
        headers["Cookie"] = f"{connection.cookie_name}={connection.cookie_value}"
    request = urllib.request.Request(  # noqa: S310 - `parse_connection` takes http and https only
        f"{connection.url}/graphql", data=json.dumps(body).encode(), headers=headers
    )
    # As in stash/transport.py: no proxy, no redirect, and any certificate, since the address comes from Stash itself.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), _NoRedirect, urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        return "errors" not in json.loads(answer.read())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None makes urllib raise the redirect as an error: it leads to the login page."""
