"""A simulated Plex as seen with a token that may not see the paths of files."""

from __future__ import annotations

import http.client
import re
from typing import TYPE_CHECKING

from tests.support.raw_server import RawServer, answer

if TYPE_CHECKING:
    import socket
    from types import TracebackType

    from sim.plex.simulator import PlexSim

_FILE = re.compile(rb' file="[^"]*"')


class PathHider:
    """Passes requests on to the simulated Plex. `hides`: whether it removes the paths from the answers."""

    def __init__(self, plex: PlexSim) -> None:
        self.hides = True
        self._plex = plex
        self._server = RawServer(self._respond)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> PathHider:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def _respond(self, head: bytes, connection: socket.socket) -> None:
        request, *lines = head.decode().split("\r\n\r\n")[0].split("\r\n")
        method, target, _ = request.split(" ")
        plex = http.client.HTTPConnection("127.0.0.1", self._plex.port, timeout=10)
        plex.request(method, target, headers=dict(line.split(": ", 1) for line in lines))
        answered = plex.getresponse()
        body = answered.read()
        plex.close()
        connection.sendall(answer(f"{answered.status} x", _FILE.sub(b"", body) if self.hides else body))
