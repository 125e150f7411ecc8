"""A network in this process's memory: the simulators answer requests in the thread that sends them.

Everything but the socket is real: requests, urllib3 and http.client write and read the bytes, and the simulator's own
handler answers them, with its faults. No thread has to be waited for, so a history runs faster, and always alike.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError

from network import bounded
from sim.port import HOST
from sim.stash.server import TEST_HEADER
from sim.stash.simulator import GraphQLRefusedError, StashSim

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from urllib3.connection import HTTPConnection

    from sim.port import Handler, Port


class MemoryPort:
    """In place of a simulator's port: keeps its number, but nobody listens there."""

    def __init__(self, port: Port) -> None:
        self.number = port.number
        self._port = port
        self.handler = _in_memory(port._handler)
        self.service: Any = None  # None while the port is closed

    def open(self, service: Any) -> None:
        service.faults.uncut()
        self.service = service

    def close(self) -> None:
        if self.service is not None:
            self.service.faults.cut()
        self.service = None

    def release(self) -> None:
        self.close()
        self._port.release()


class _ServerSide:
    """What a handler takes for its connection."""

    def __init__(self, request: bytes, never_readable: int) -> None:
        self._request = request
        self._never_readable = never_readable
        self.answer = b""

    def makefile(self, mode: str, _buffering: int = -1) -> io.BytesIO:
        return io.BytesIO(self._request) if "r" in mode else _Answer(self)

    def fileno(self) -> int:
        return self._never_readable

    def setsockopt(self, *_option: object) -> None: ...


class _Answer(io.BytesIO):
    def __init__(self, side: _ServerSide) -> None:
        super().__init__()
        self._side = side

    def close(self) -> None:
        if not self.closed:
            self._side.answer = self.getvalue()
        super().close()


class MemorySocket:
    """The client's end of a connection that is kept alive until the handler ends it."""

    def __init__(self, port: MemoryPort, never_readable: int) -> None:
        self._port = port
        self._never_readable = never_readable
        self._sent = bytearray()
        self.is_open = True

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, _mode: str, _buffering: int = -1) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._answer()))  # not raw, but readable alike

    def _answer(self) -> bytes:
        request, self._sent = bytes(self._sent), bytearray()
        service = self._port.service
        if service is None:
            self.is_open = False
            return b""
        side = _ServerSide(request, self._never_readable)
        server = SimpleNamespace(service=service)
        handler = self._port.handler(cast("Any", side), (HOST, 0), cast("Any", server))
        self.is_open = not handler.close_connection
        return side.answer

    def gettimeout(self) -> None: ...

    def settimeout(self, _seconds: object) -> None: ...

    def shutdown(self, _how: int) -> None: ...

    def close(self) -> None:
        self.is_open = False


def _in_memory(handler: type[Handler]) -> type[Handler]:
    class OneRequest(handler):  # type: ignore[valid-type, misc]
        def handle(self) -> None:
            self.close_connection = True
            self.handle_one_request()

    return cast("type[Handler]", OneRequest)


class MemoryStash(StashSim):
    """Its user's requests take the same way as the plugin's."""

    connection: HTTPConnection

    def gql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        headers = {"Content-Type": "application/json", TEST_HEADER: self._key}
        self.connection.request("POST", "/graphql", body=body, headers=headers)
        answer = self.connection.getresponse()
        got = json.loads(answer.data)
        if got.get("errors"):
            raise GraphQLRefusedError(answer.status, got["errors"])
        return dict(got["data"])


@contextmanager
def memory_network(*ports: MemoryPort) -> Iterator[type[HTTPConnection]]:
    """From now on, the plugin reaches these ports in memory; returns its class of connections."""
    by_number = {port.number: port for port in ports}
    read_end, write_end = os.pipe()

    class MemoryConnection(bounded._Connection):
        def _new_conn(self) -> socket.socket:
            port = by_number[self.port or 0]
            if port.service is None:
                raise NewConnectionError(self, "[Errno 111] Connection refused") from ConnectionRefusedError(111, "")
            return cast("socket.socket", MemorySocket(port, read_end))

        @property
        def is_connected(self) -> bool:
            return self.sock is not None and cast("MemorySocket", self.sock).is_open

    class MemoryPool(HTTPConnectionPool):
        ConnectionCls = MemoryConnection

    before = bounded._Pool
    setattr(bounded, "_Pool", MemoryPool)  # noqa: B010 - mypy lets nobody assign to a class
    try:
        yield MemoryConnection
    finally:
        setattr(bounded, "_Pool", before)  # noqa: B010 - as above
        os.close(read_end)
        os.close(write_end)
