"""Bounds every HTTP answer in bytes and in time, whatever the server sends.

requests limits only the silence between two packets: an answer that drips may last for hours, an endless line or body
fills the memory, and a small compressed one may hold gigabytes.
"""

from __future__ import annotations

import http.client
import io
import threading
import zlib
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError

from local.clock import Clock, Countdown

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import requests

ExceptionT = TypeVar("ExceptionT", bound=BaseException)

# An answer has to be complete within this many times the longest silence that is allowed.
WHOLE_TIMES = 1.5
# An answer as it is sent, with its headers. What is of use is limited by the reader, far below this.
RECEIVED_BYTES = 32 << 20
# A large request, such as a picture, has to be sent within this time.
SEND_S = 30.0
_PIECE_BYTES = 256 << 10
_CHUNK_BYTES = 64 << 10
# Sent with every request; what no server may choose by itself is refused.
ACCEPTED_ENCODINGS = "gzip, deflate"
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15


class AnswerTooLarge(OSError):  # noqa: N818 - named for what happened, like all our errors
    """The answer has more bytes than any that is of use."""


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it wraps: in `args`, in `reason`, as its cause or as its context."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
        waiting.extend(one for one in inner if isinstance(one, BaseException))


def without_frames(error: ExceptionT) -> ExceptionT:
    """The error, which no longer leads to the frames where it and its causes were raised.

    These hold what was read, and the errors themselves: rings that Python 3.12 and newer come to collect late.
    """
    for each in causes_of(error):
        each.__traceback__ = None
    return error


class BoundedAdapter(HTTPAdapter):
    """For a session of requests; its timeout must be set for each request."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        """Use connections that limit what they receive."""
        super().init_poolmanager(*sizes, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def read_body(response: requests.Response, limit_bytes: int) -> bytes:
    """The decoded body of a response that was asked for with `stream`. Raises AnswerTooLarge beyond the limit."""
    body = read_start(response, limit_bytes + 1)
    if len(body) > limit_bytes:
        raise AnswerTooLarge(f"the answer is larger than {limit_bytes >> 20} MB")
    return body


def read_start(response: requests.Response, limit_bytes: int) -> bytes:
    """The decoded body, cut off at the limit. Raises what urllib3 raises for one that is cut short or unreadable."""
    body = bytearray()
    received = response.raw.stream(_CHUNK_BYTES, decode_content=False)
    try:
        for piece in _decoded(received, response.headers):
            body += piece
            if len(body) >= limit_bytes:
                response.raw.close()  # or the rest would be read before the next request
                return bytes(body[:limit_bytes])
    except BaseException:
        response.raw.close()  # the connection is of no further use
        raise
    response.raw.release_conn()
    return bytes(body)


def _decoded(received: Iterable[bytes], headers: Mapping[str, str]) -> Iterator[bytes]:
    """The body in pieces that are small, however much was compressed into it."""
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from received
    elif encoding in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(received)
    else:
        raise DecodeError("the answer is compressed in a way that was not asked for")


def _inflated(received: Iterable[bytes]) -> Iterator[bytes]:
    packer, is_first = zlib.decompressobj(_GZIP_OR_ZLIB), True
    try:
        for piece in received:
            chunk = piece
            if is_first and chunk:
                packer, is_first = _decompressor(chunk), False
            while chunk and not packer.eof:  # whatever follows the end is skipped
                yield packer.decompress(chunk, _PIECE_BYTES)
                chunk = packer.unconsumed_tail
    except zlib.error as error:
        raise DecodeError("the compressed answer is damaged") from error
    if not is_first and not packer.eof:
        raise DecodeError("the compressed answer was cut short")


def _decompressor(start: bytes) -> Any:
    """For gzip and zlib, or for what some servers call deflate: the same without a header."""
    is_zlib = len(start) > 1 and start[0] & 15 == zlib.DEFLATED and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.decompressobj(_GZIP_OR_ZLIB if is_zlib or start[:1] == b"\x1f" else _RAW_DEFLATE)


class _Received(io.RawIOBase):
    """What comes in over a socket, until it is too much or takes too long."""

    def __init__(self, stream: io.RawIOBase, connection: socket.socket) -> None:
        super().__init__()
        self._stream = stream
        self._connection = connection
        self._silence_s = connection.gettimeout()
        self._countdown = Countdown(Clock())
        self._countdown.start((self._silence_s or float("inf")) * WHOLE_TIMES)
        self._left_bytes = RECEIVED_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._left_bytes <= 0:
            raise AnswerTooLarge(f"the answer goes on after {RECEIVED_BYTES >> 20} MB")
        left_s = self._countdown.left_s
        if not left_s:
            raise TimeoutError("the answer was not complete in time")
        if self._silence_s is not None and left_s < self._silence_s:  # otherwise it is set, and setting it takes time
            self._connection.settimeout(left_s)
        count: int | None = self._stream.readinto(buffer)
        self._left_bytes -= count or 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *rest: Any, **options: Any) -> None:
        super().__init__(sock, *rest, **options)
        self.fp = io.BufferedReader(_Received(self.fp.detach(), sock))


class _Sending(threading.local):
    when_sent: Callable[[], object] = staticmethod(lambda: None)


_sending = _Sending()


def call_when_sent(call: Callable[[], object]) -> None:
    """For each request of this thread: call this once it is sent, and before its answer is waited for."""
    _sending.when_sent = call


class _Connection(HTTPConnection):
    response_class: ClassVar[type[http.client.HTTPResponse]] = _BoundedResponse  # type: ignore[misc] # no ClassVar there

    def getresponse(self) -> Any:
        _sending.when_sent()
        return super().getresponse()

    def send(self, data: Any) -> None:
        for piece in _in_pieces(data):
            super().send(piece)


class _TlsConnection(_Connection, HTTPSConnection):
    """In the methods of `_Connection`, `super()` is HTTPSConnection here."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _in_pieces(data: Any) -> Iterator[Any]:
    """Each piece is sent within the connection's timeout, all of them within SEND_S."""
    if not isinstance(data, bytes):
        yield data
        return
    countdown = Countdown(Clock())
    countdown.start(SEND_S)
    for first in range(0, len(data), _PIECE_BYTES):
        if countdown.is_over:
            raise TimeoutError("the request could not be sent in time")
        yield data[first : first + _PIECE_BYTES]
