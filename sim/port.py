"""A server on loopback whose port can close and reopen; every connection has its own thread."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
# How often the accepting thread checks whether to end; an upper bound for the time a stop takes.
POLL_S = 0.02


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive; `server.service` answers."""

    protocol_version = "HTTP/1.1"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def handle(self) -> None:
        """Ignore lost connections: the client may leave at any time, and a stop cuts every connection."""
        with suppress(ConnectionError, TimeoutError, ValueError):
            super().handle()

    def finish(self) -> None:
        """Ignore lost connections, as `handle` does."""
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Write nothing to stderr; the log of requests has everything."""


class Server(ThreadingHTTPServer):
    """`service` is for the handlers and outlives the server. Without `daemon_threads` a stop waits for all handlers."""

    request_queue_size = 128

    def __init__(self, service: Any, port: int, handler: type[Handler], *, daemon_threads: bool) -> None:
        self.service = service
        self.daemon_threads, self.block_on_close = daemon_threads, not daemon_threads
        self._open: set[Any] = set()
        self._guard = threading.Lock()
        super().__init__((HOST, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Register a new connection."""
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ends."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        """Cut every connection, including those that are idle."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Port:
    """Keeps its number while nothing listens: a second socket, bound but not listening, keeps others away."""

    def __init__(self, handler: type[Handler], *, daemon_threads: bool) -> None:
        self._handler, self._daemon_threads = handler, daemon_threads
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind((HOST, 0))
        self.number: int = self._reservation.getsockname()[1]
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def open(self, service: Any) -> None:
        """Listen; does nothing if it already does. `service` has `faults`, a FaultPlan, and what its handler needs."""
        if self._server is None:
            service.faults.uncut()
            self._server = server = Server(service, self.number, self._handler, daemon_threads=self._daemon_threads)
            self._thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Refuse connections and cut the open ones; does nothing if it is already closed."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        self._thread.join()
        server.socket.close()
        server.service.faults.cut()
        server.cut_connections()
        server.server_close()

    def release(self) -> None:
        """Close the port and give up its number."""
        self.close()
        self._reservation.close()
