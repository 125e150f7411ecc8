"""A server on loopback that answers each request with exactly the given bytes, valid HTTP or not."""

from __future__ import annotations

import re
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

TLS_HANDSHAKE = b"\x16"  # the first byte from a client that expects TLS


def answer(status: str, body: bytes = b"", headers: str = "", *, length: int | None = None) -> bytes:
    """A complete HTTP answer, unless `length` announces more bytes than `body` has."""
    announced = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {announced}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


class RawServer:
    """Calls `respond(head of the request, connection)` for each connection, then closes it. `heads`: those received.

    One connection after the other, unless `is_parallel`.
    """

    def __init__(
        self,
        respond: Callable[[bytes, socket.socket], None] | bytes,
        *,
        tls: ssl.SSLContext | None = None,
        is_parallel: bool = False,
    ) -> None:
        self._is_parallel = is_parallel
        self._respond = respond
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._over = threading.Event()
        self.heads: list[bytes] = []

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def is_over(self) -> bool:
        """Whether the server has been stopped."""
        return self._over.is_set()

    def hang(self) -> None:
        """Block until the server is stopped, at most 30 s."""
        self._over.wait(30)

    def __enter__(self) -> RawServer:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._is_parallel:
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
            else:
                self._answer(connection)

    def _answer(self, accepted: socket.socket) -> None:
        with accepted:
            self._answer_open(accepted)

    def _answer_open(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head and not head.startswith(TLS_HANDSHAKE):
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            length = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
            left = int(length[1]) - len(head.partition(b"\r\n\r\n")[2]) if length else 0
            while left > 0 and (more := connection.recv(65536)):
                left -= len(more)
            self.heads.append(head)
            if isinstance(self._respond, bytes):
                connection.sendall(self._respond)
            else:
                self._respond(head, connection)
            connection.close()
        except OSError:
            pass  # the client has left, or rejects the certificate
