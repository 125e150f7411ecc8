"""The HTTP side of the simulated Stash: GraphQL, pictures and login, with credentials and faults."""

from __future__ import annotations

import hashlib
import json
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from sim import faults
from sim.port import HOST, Handler, Server
from sim.stash.access import COOKIE_NAME, Visitor
from sim.stash.go_json import encode, without_whole_floats
from sim.stash.plugins import StashCall
from sim.stash.web import SECURITY_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.stash.access import Access
    from sim.stash.graphql_engine import GraphQLAnswer
    from sim.stash.web import StashWeb

TEST_HEADER = "X-Sim-Test"  # the tests' own requests: no faults, not in the log of requests
YEAR = "private, max-age=31536000, immutable"


@dataclass(slots=True, kw_only=True)
class StashRequest:
    """One request, other than the tests' own. `by`: key, cookie or nothing. `status` is None before the answer."""

    method: str
    path: str
    query: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    by: str = "nothing"
    at: float = 0.0
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """`is_stand_in`: a placeholder of Stash's, shown because it has no picture."""

    content: bytes
    content_type: str
    is_stand_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, kw_only=True)
class StashService:
    """What the handlers share. `pictures` returns None if there is nothing, and raises ValueError for a bad id."""

    access: Access
    ask: Callable[[str, dict[str, Any], str | None, StashCall], GraphQLAnswer]
    pictures: Callable[[str], ShownPicture | None]
    test_key: str
    web: StashWeb | None = None
    faults: faults.FaultPlan = field(default_factory=faults.FaultPlan)
    requests: list[StashRequest] = field(default_factory=list)


JSON = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
PLAIN = (("Content-Type", "text/plain; charset=utf-8"),)
HTML_OF_GO = (("Content-Type", "text/html; charset=utf-8"),)
HTML = (("Content-Type", "text/html"),)
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Login</title></head><body><form></form></body></html>"
INDEX_PAGE = b"<!DOCTYPE html><html><head><title>Stash</title></head><body><div id=root></div></body></html>"


class _LostError(Exception):
    """The fault asks to end the connection here."""


class StashHandler(Handler):
    """A stop does not wait for connections: a hook that runs in one may query Stash."""

    server: Server
    server_version = "Stash"

    def do_GET(self) -> None:
        """Serve every method alike."""
        service, target = self.server.service, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = StashRequest(method=self.command, path=target.path, at=time.time())
        if target.path == "/graphql":
            self._read_question(request, body)
        is_own = self.headers.get(TEST_HEADER) == service.test_key
        if not is_own:
            service.requests.append(request)
        try:
            reply, share = self._decide(service, request, body, is_own=is_own)
        except _LostError:
            self.close_connection = True
            return
        request.status = reply.status
        self._send(reply, share)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the base class's names

    def _read_question(self, request: StashRequest, body: bytes) -> None:
        with suppress(ValueError):
            asked = json.loads(body)
            if isinstance(asked, dict):
                request.query, request.variables = str(asked.get("query") or ""), dict(asked.get("variables") or {})

    def _decide(
        self, service: StashService, request: StashRequest, body: bytes, *, is_own: bool
    ) -> tuple[Reply, float]:
        """The reply, and the share of its body to send."""
        asked = (("query", request.query), ("variables", json.dumps(request.variables)))
        question = asked if request.query else ()
        seen = faults.Request(
            method=request.method, path=request.path, query=question, body_bytes=len(body), at=request.at
        )
        rule = None if is_own else service.faults.take(seen)
        if rule is None:
            return self._reply(service, request, body, is_own=is_own), 1.0
        fault = rule.fault
        if fault.kind is faults.FaultKind.SLOW:
            service.faults.hold(rule, fault.delay_s)
            return self._reply(service, request, body, is_own=False), 1.0
        if fault.kind is faults.FaultKind.TRUNCATED:
            return self._reply(service, request, body, is_own=False), 0.5
        if fault.kind is faults.FaultKind.ANSWER:
            headers = (("Content-Type", fault.content_type), *fault.headers)
            return Reply(status=fault.status, body=fault.body, headers=headers), 1.0
        if fault.kind is faults.FaultKind.HANG:
            service.faults.hold(rule, None)
        raise _LostError

    def _reply(self, service: StashService, request: StashRequest, body: bytes, *, is_own: bool) -> Reply:
        visitor = Visitor(is_welcome=True, user=service.access.username) if is_own else self._visitor(service)
        request.by = visitor.by
        if request.path == "/login":
            return self._log_in(service, body)
        if not visitor.is_welcome:
            return self._refusal(request, visitor)
        if request.path == "/graphql":
            return self._graphql(service, request, body, visitor)
        parts = request.path.strip("/").split("/")
        is_picture = len(parts) == 3 and parts[2] in {"screenshot", "image", "frontimage", "backimage"}  # noqa: PLR2004 - kind, id, name
        return self._picture(service, request.path) if is_picture else self._web(service, request.path)

    def _web(self, service: StashService, path: str) -> Reply:
        if service.web is None:
            return Reply(status=200, body=INDEX_PAGE, headers=HTML)
        file = service.web.find(path)
        if file is None:
            return Reply(status=404, body=b"404 page not found\n", headers=PLAIN)
        headers = (("Content-Type", file.content_type), ("Cache-Control", "no-cache"))
        is_page = file.content_type.startswith("text/html")
        policy = (("Content-Security-Policy", SECURITY_POLICY),) if is_page else ()
        return Reply(status=200, body=file.content, headers=(*headers, *policy))

    def _visitor(self, service: StashService) -> Visitor:
        key = self.headers.get("ApiKey") or parse_qs(urlsplit(self.path).query).get("apikey", [""])[0]
        cookies = SimpleCookie()
        with suppress(CookieError):
            cookies.load(self.headers.get("Cookie") or "")
        return service.access.visitor(key, cookies[COOKIE_NAME].value if COOKIE_NAME in cookies else "")

    def _refusal(self, request: StashRequest, visitor: Visitor) -> Reply:
        """A wrong key gets a bare 401, and so does GraphQL; everything else is redirected to the login page."""
        if visitor.by == "key" or request.path == "/graphql":
            return Reply(status=401, headers=(("WWW-Authenticate", "FormBased"),))
        target = f"/login?returnURL={quote(self.path, safe='')}"
        page = f'<a href="{target}">Found</a>.\n\n'.encode()
        return Reply(status=302, body=page, headers=(*HTML_OF_GO, ("Location", target)))

    def _log_in(self, service: StashService, body: bytes) -> Reply:
        if self.command != "POST":
            return Reply(status=200, body=LOGIN_PAGE, headers=HTML)
        form = {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
        cookie = service.access.log_in(form.get("username", ""), form.get("password", ""))
        if cookie is None:
            return Reply(status=401, body=b"Username or password is invalid\n", headers=PLAIN)
        age_s = int(service.access.max_session_age_s)
        return Reply(status=200, headers=(("Set-Cookie", f"{COOKIE_NAME}={cookie}; Path=/; Max-Age={age_s}"),))

    def _graphql(self, service: StashService, request: StashRequest, body: bytes, visitor: Visitor) -> Reply:
        kind = (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        if self.command != "POST" or kind != "application/json":
            return Reply(status=400, body=encode(_error("transport not supported")), headers=PLAIN)
        try:
            asked = json.loads(body)
        except ValueError as error:
            return _undecodable(str(error))
        if not isinstance(asked, dict):
            return _undecodable("json: cannot unmarshal into Go value of type graphql.RawParams")
        call = StashCall(
            base_url=f"http://{self.headers.get('Host') or HOST}",
            user=visitor.user,
            visited=visitor.visited,
            is_cancelled=self._has_gone,
        )
        answer = service.ask(request.query, request.variables, asked.get("operationName"), call)
        return Reply(status=answer.status, body=encode(without_whole_floats(answer.body)), headers=JSON)

    def _has_gone(self) -> bool:
        """Whether the client has closed its connection; Stash then cancels the request."""
        with suppress(OSError, ValueError):
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        return True

    def _picture(self, service: StashService, path: str) -> Reply:
        try:
            picture = service.pictures(path)
        except ValueError:
            return Reply(status=400, body=b"Bad Request\n", headers=PLAIN)
        if picture is None:
            return Reply(status=404, body=b"Not Found\n", headers=PLAIN)
        etag = f'"{hashlib.md5(picture.content, usedforsecurity=False).hexdigest()}"'
        has_time = "t" in parse_qs(urlsplit(self.path).query) and not picture.is_stand_in
        headers = (("ETag", etag), ("Cache-Control", YEAR if has_time else "no-cache"))
        if etag in (self.headers.get("If-None-Match") or ""):
            return Reply(status=304, headers=headers)
        return Reply(status=200, body=picture.content, headers=(("Content-Type", picture.content_type), *headers))

    def _send(self, reply: Reply, share: float) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status != 304:  # noqa: PLR2004 - Not Modified has no body, so no length
            self.send_header("Content-Length", str(len(reply.body)))
        if share < 1.0:
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: int(len(reply.body) * share)])


def _error(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message}], "data": None}


def _undecodable(why: str) -> Reply:
    body = encode(_error(f"json request body could not be decoded: {why}"))
    return Reply(status=400, body=body, headers=JSON)
