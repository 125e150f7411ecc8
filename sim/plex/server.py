"""The HTTP side of the simulated Plex: token, request log and faults around the routes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from sim.faults import FaultKind, FaultPlan, Request, RequestLog
from sim.plex.routes import PlexAnswer, PlexCall, Routes, refusal
from sim.port import Handler, Server

if TYPE_CHECKING:
    from collections.abc import Callable


class PlexService:
    """What all connections share; it outlives the listening socket, which may close and reopen."""

    def __init__(self, routes: Routes, *, token: str, clock: Callable[[], float]) -> None:
        self.routes = routes
        self.token = token
        self.clock = clock
        self.log = RequestLog()
        self.faults = FaultPlan()
        self.latency_s = 0.0

    def answer(self, call: PlexCall) -> PlexAnswer:
        """The answer without faults; a wrong or missing token gives 401 everywhere except at `/identity`."""
        if call.request.path != "/identity" and call.header_or_query("X-Plex-Token") != self.token:
            return refusal(401, "Unauthorized")
        return self.routes.answer(call)


class _Lost(Exception):  # noqa: N818 - not an error: the fault asks for it
    """The connection ends here."""


class PlexHandler(Handler):
    """All of its connections end when the server stops, whatever they wait for."""

    server: Server
    server_version = "PlexMediaServer"

    def do_GET(self) -> None:
        """Serve every method alike."""
        service = self.server.service
        call = self._read_call()
        number = service.log.arrived(call.request)
        try:
            answer, share = self._decide(service, call)
        except _Lost:
            self.close_connection = True
            return
        # First, so that a client with the answer finds it in the log.
        service.log.answered(number, answer.status)
        self._send(answer, share)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the base class names them so

    def _read_call(self) -> PlexCall:
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
        return PlexCall(request=request, headers=headers, body=body)

    def _decide(self, service: PlexService, call: PlexCall) -> tuple[PlexAnswer, float]:
        """The answer, and the share of its body to send. Raises _Lost if there is none."""
        if service.latency_s and not service.faults.hold(None, service.latency_s):
            raise _Lost
        rule = service.faults.take(call.request)
        if rule is None:
            return service.answer(call), 1.0
        fault = rule.fault
        early = service.answer(call) if fault.after else None
        if fault.kind is FaultKind.ANSWER:
            answer = PlexAnswer(
                status=fault.status, body=fault.body, content_type=fault.content_type, headers=fault.headers
            )
            return answer, 1.0
        if fault.kind is FaultKind.SLOW and service.faults.hold(rule, fault.delay_s):
            return early or service.answer(call), 1.0
        if fault.kind is FaultKind.HANG:
            service.faults.hold(rule, None)
        if fault.kind is FaultKind.TRUNCATED and early is not None:
            # An edit's answer is empty: announce more than there is.
            return (early, 0.5) if early.body else (PlexAnswer(status=early.status, body=b" " * 100), 0.0)
        raise _Lost

    def _send(self, answer: PlexAnswer, share: float) -> None:
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
