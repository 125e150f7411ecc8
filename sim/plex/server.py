"""The HTTP side of the simulated Plex: token, request log and faults around the routes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from sim.faults import FaultKind, FaultPlan, Request, RequestLog
from sim.plex.calls import PlexAnswer, PlexCall, refusal
from sim.port import Handler, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.plex.accounts import Accounts
    from sim.plex.quirks import Quirks
    from sim.plex.routes import Routes

# Longer than any request line: only `Quirks` limit what the simulator takes.
LONGEST_LINE_BYTES = 10_000_000
TOO_LARGE = 413


class PlexService:
    """What all connections share; it outlives the listening socket, which may close and reopen."""

    def __init__(self, routes: Routes, accounts: Accounts, quirks: Quirks, *, clock: Callable[[], float]) -> None:
        self.routes, self.accounts, self.quirks = routes, accounts, quirks
        self.clock = clock
        self.log = RequestLog()
        self.faults = FaultPlan()
        self.latency_s = 0.0

    def answer(self, call: PlexCall) -> PlexAnswer:
        """The answer without faults. The limits of length come first; a wrong or missing token is refused everywhere
        except at `/identity`.
        """
        limit, most = self.quirks.request_line_bytes, self.quirks.body_bytes
        if limit is not None and call.request.line_bytes > limit:
            return refusal(self.quirks.long_line_status)
        if most is not None and call.request.body_bytes > most:
            return refusal(TOO_LARGE)
        if call.request.path == "/identity":
            return self.routes.answer(call)
        account = self.accounts.behind(call.header_or_query("X-Plex-Token"))
        if isinstance(account, int):
            return refusal(account)
        status = account.refusal_of(call.request)
        return self.routes.answer(replace(call, account=account)) if status is None else refusal(status)


class _Lost(Exception):  # noqa: N818 - not an error: the fault asks for it
    """The connection ends here."""


class PlexHandler(Handler):
    """All of its connections end when the server stops, whatever they wait for."""

    server: Server
    server_version = "PlexMediaServer"

    def handle_one_request(self) -> None:
        """As the base class does, without its limit of 64 KiB for the request line."""
        self.raw_requestline = self.rfile.readline(LONGEST_LINE_BYTES)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self.do_GET()
            self.wfile.flush()

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
        # Before the answer is sent, so that a client that has it finds it in the log.
        service.log.answered(number, answer.status)
        self._send(answer, share)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The server's own time, for the header Date."""
        return super().date_time_string(self.server.service.clock() if timestamp is None else timestamp)

    def _read_call(self) -> PlexCall:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            method=self.command,
            path=unquote(target.path),
            query=tuple(parse_qsl(target.query, keep_blank_values=True)),
            headers=frozenset(headers),
            line_bytes=len(self.raw_requestline.rstrip(b"\r\n")),
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
