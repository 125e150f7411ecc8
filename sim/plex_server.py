"""HTTP/1.1 with keep-alive around the routes: token, request log, faults, and a port that can go away and come back.

Every connection has a thread of its own; all of them end when the server stops, whatever they wait for.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sim.faults import FaultPlan, Kind, Request, RequestLog
from sim.plex_routes import Answer, Call, Routes, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"

# How often the accepting thread looks whether it should end; bounds how long a stop takes.
POLL_S = 0.02


class Service:
    """What all connections share: it outlives the listening socket, which may come and go."""

    def __init__(self, routes: Routes, *, token: str, clock: Callable[[], float]) -> None:
        self.routes = routes
        self.token = token
        self.clock = clock
        self.log = RequestLog()
        self.faults = FaultPlan()
        self.latency_s = 0.0

    def answer(self, call: Call) -> Answer:
        """The answer without faults; a wrong or missing token is 401 everywhere but at `/identity`."""
        if call.request.path != "/identity" and call.header_or_query("X-Plex-Token") != self.token:
            return refusal(401, "Unauthorized")
        return self.routes.answer(call)


class _Lost(Exception):  # noqa: N818 - not an error: the fault asked for it
    """The connection ends here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "PlexMediaServer"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    server: _Server

    def do_GET(self) -> None:
        """Every method goes the same way."""
        service = self.server.service
        call = self._read_call()
        number = service.log.arrived(call.request)
        try:
            answer, share = self._decide(service, call)
        except _Lost:
            self.close_connection = True
            return
        # Noted first: who has the answer in hand must find it in the log.
        service.log.answered(number, answer.status)
        self._send(answer, share)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the base class calls them so

    def _read_call(self) -> Call:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            method=self.command,
            path=unquote(target.path),
            query=tuple(parse_qsl(target.query, keep_blank_values=True)),
            headers=frozenset(headers),
            body_bytes=len(body),
            at=self.server.service.clock(),
        )
        return Call(request=request, headers=headers, body=body)

    def _decide(self, service: Service, call: Call) -> tuple[Answer, float]:
        """The answer and the share of its body to send. Raises _Lost when there will be none."""
        if service.latency_s and not service.faults.hold(None, service.latency_s):
            raise _Lost
        rule = service.faults.take(call.request)
        if rule is None:
            return service.answer(call), 1.0
        fault = rule.fault
        early = service.answer(call) if fault.after else None
        if fault.kind is Kind.ANSWER:
            answer = Answer(
                status=fault.status, body=fault.body, content_type=fault.content_type, headers=fault.headers
            )
            return answer, 1.0
        if fault.kind is Kind.SLOW and service.faults.hold(rule, fault.delay_s):
            return early or service.answer(call), 1.0
        if fault.kind is Kind.HANG:
            service.faults.hold(rule, None)
        if fault.kind is Kind.TRUNCATED and early is not None:
            # An edit's answer is empty: then more is announced than there is.
            return (early, 0.5) if early.body else (Answer(status=early.status, body=b" " * 100), 0.0)
        raise _Lost

    def _send(self, answer: Answer, share: float) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("X-Plex-Protocol", "1.0")
        for name, value in answer.headers:
            self.send_header(name, value)
        if share < 1.0:
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: int(len(answer.body) * share)])

    def handle(self) -> None:
        # The client may go away at any time, and a stop cuts every connection.
        with suppress(ConnectionError, TimeoutError, ValueError):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Nothing goes to stderr; the request log has it all."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for each
    block_on_close = True
    request_queue_size = 128

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A fault of the simulator itself must be seen; a client that went away was caught before."""
        super().handle_error(request, client_address)

    def cut_connections(self) -> None:
        """End every connection, also those that wait for a next request."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Listener:
    """The port. It stays ours while nobody listens: a second socket, bound and not listening, keeps others off it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind((HOST, 0))
        self.port: int = self._reservation.getsockname()[1]
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Listen; nothing happens when it does."""
        if self._server is None:
            self._service.faults.uncut()
            self._server = _Server(self._service, self.port)
            self._thread = threading.Thread(
                target=self._server.serve_forever, args=(POLL_S,), name="plex-sim", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Refuse connections and cut those that are open; nothing happens when it does already."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        self._thread.join()
        server.socket.close()
        self._service.faults.cut()
        server.cut_connections()
        server.server_close()

    def release(self) -> None:
        """Give the port up."""
        self._reservation.close()
