"""A small server on loopback that answers as Stash does, or as only a broken one would."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from stash.client import StashClient
from stash.connection import StashConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COOKIE = "c00kie-secret"


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    client_port: int


@dataclass
class Answer:
    """What to send back. `cut` announces more bytes than it sends; `silent` sends nothing until the test ends."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    silent: bool = False


class FakeStash:
    """Answers each request with what `respond` returns, and records the requests."""

    def __init__(self, respond: Callable[[Asked], Answer], certificate: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler(respond))
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}"

    def handler(self, respond: Callable[[Asked], Answer]) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.path, dict(self.headers), json.loads(body) if body else {}, self.client_address[1])
                fake.asked.append(asked)
                self.give(respond(asked))

            do_GET = do_POST  # noqa: N815 - the library's name

            def give(self, answer: Answer) -> None:
                if answer.silent:
                    fake.over.wait(20)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + (1000 if answer.cut else 0)))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.cut:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Write nothing to stderr."""

        return Handler

    def __enter__(self) -> FakeStash:  # noqa: PYI034 - Self came with Python 3.11
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def as_json(data: object, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(data).encode(), headers={"Content-Type": "application/json"})


@contextmanager
def client_of(answer: Answer | Callable[[Asked], Answer], **options: Any) -> Iterator[tuple[FakeStash, StashClient]]:
    respond = answer if callable(answer) else lambda _: answer
    with FakeStash(respond) as fake:
        client = StashClient(
            StashConnection(url=fake.url, cookie_name="session", cookie_value=COOKIE),
            timeout_s=options.get("timeout_s", 5),
        )
        yield fake, client
        client.close()


LOGIN_PAGE = Answer(body=b"<!DOCTYPE html><html>login", headers={"Content-Type": "text/html; charset=utf-8"})
REDIRECT = Answer(status=302, body=b"<a href>", headers={"Location": "/login?returnURL=%2Fgraphql"})
