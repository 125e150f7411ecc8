"""Answers of a server that is broken or means harm: endless, slow, or small and swelling. The tables name each kind."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from tests.support.raw_server import answer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tests.support.raw_server import RawServer

MIB = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
DRIP_S = 0.05  # always shorter than the silence that a client allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """`respond`: sends the answer over the connection; an endless one ends when the client leaves.

    `prepare`: call it first, or the client waits for the making of what is sent.
    """

    name: str
    respond: Callable[[socket.socket, RawServer], None]
    prepare: Callable[[], object] = bytes


def whole(name: str, make: Callable[[], bytes]) -> Hostile:
    """An answer that ends."""
    prepared = lru_cache(1)(make)
    return Hostile(name=name, respond=lambda connection, _: connection.sendall(prepared()), prepare=prepared)


def endless(name: str, head: bytes, more: bytes) -> Hostile:
    """As fast as the client takes it."""

    def respond(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(head)
        while not server.is_over:
            connection.sendall(more)

    return Hostile(name=name, respond=respond)


def dripping(name: str, head: bytes, more: bytes) -> Hostile:
    """A few bytes at a time, never silent for long."""

    def respond(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(head)
        while not server.is_over:
            connection.sendall(more)
            time.sleep(DRIP_S)

    return Hostile(name=name, respond=respond)


@cache
def deflated(megabytes: int, wbits: int) -> bytes:
    """So many megabytes of blanks, compressed to a thousandth."""
    packer, blanks = zlib.compressobj(1, wbits=wbits), b" " * MIB
    return b"".join(packer.compress(blanks) for _ in range(megabytes)) + packer.flush()


GZIP, ZLIB, RAW = 31, 15, -15


def packed(encoding: str, body: bytes) -> bytes:
    return answer("200 OK", body, f"Content-Encoding: {encoding}\r\n")


# What any server may do, whatever it was asked.
OF_ANY_SERVER = (
    Hostile(name="silence", respond=lambda _, server: server.hang()),
    dripping("status line drips", b"HTTP/1.1 200 ", b"O"),
    dripping("headers drip", OK, b"X-A: b\r\n"),
    dripping("a header line drips", OK + b"X-A: ", b"b"),
    dripping("body drips", OK + b"Content-Length: 999999\r\n\r\n<", b" "),
    dripping("body without a length drips", OK + b"\r\n<", b" "),
    dripping("chunks drip", CHUNKED, b"1\r\n \r\n"),
    dripping("a chunk's length drips", CHUNKED, b"0"),
    dripping("nothing but 100 Continue, slowly", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    endless("nothing but 100 Continue", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    endless("headers without end", OK, b"X-A: b\r\n" * 1000),
    endless("a header line without end", OK + b"X-A: ", b"b" * MIB),
    endless("a status line without end", b"HTTP/1.1 200 ", b"b" * MIB),
    endless("a body without length or end", OK + b"\r\n", b" " * MIB),
    endless("a body of a terabyte", OK + b"Content-Length: 1000000000000\r\n\r\n", b" " * MIB),
    endless("chunks without end", CHUNKED, b"100000\r\n" + b" " * MIB + b"\r\n"),
    endless("one chunk of a terabyte", CHUNKED + b"E8D4A51000\r\n", b" " * MIB),
    endless("a chunk's length without end", CHUNKED + b"1;a=", b"b" * MIB),
    endless("trailers without end", CHUNKED + b"0\r\n", b"X-A: b\r\n" * 1000),
    endless("an error page without end", b"HTTP/1.1 404 Not Found\r\n\r\n", b"<" * MIB),
    endless("a refusal without end", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<" * MIB),
    endless("a broken server's page without end", b"HTTP/1.1 500 Broken\r\n\r\n", b" " * MIB),
    endless("a login page without end", b"HTTP/1.1 401 Unauthorized\r\n\r\n", b" " * MIB),
    endless("a redirect without end", b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b" " * MIB),
    whole("500 MB of blanks in gzip", lambda: packed("gzip", deflated(500, GZIP))),
    whole("500 MB of blanks in zlib", lambda: packed("deflate", deflated(500, ZLIB))),
    whole("500 MB of blanks in raw deflate", lambda: packed("deflate", deflated(500, RAW))),
    whole("gzip in gzip", lambda: packed("gzip, gzip", gzip.compress(deflated(500, GZIP), 1))),
    whole("many small gzips", lambda: packed("gzip", gzip.compress(b"", 1) * 100_000)),
    whole("an unknown compression", lambda: packed("br", b"x" * MIB)),
    whole("gzip that is none", lambda: packed("gzip", b"x" * MIB)),
    whole("gzip cut short", lambda: packed("gzip", gzip.compress(b" " * MIB)[:-20])),
    whole("a pause of 400 digits", lambda: answer("429 Busy", b"", f"Retry-After: {'9' * 400}\r\n")),
    whole("a date of no year", lambda: answer("200 OK", b"", "Date: Mon, 01 Jan 0000 00:00:00 -9999\r\n")),
    whole("headers that are none", lambda: OK + b"\x00\xff: \x01\r\nno colon\r\n\r\n"),
    whole("not HTTP", lambda: b"\x00" * MIB),
)


def xml(body: bytes) -> bytes:
    return answer("200 OK", body, "Content-Type: text/xml\r\n")


def of_xml(name: str, make: Callable[[], bytes]) -> Hostile:
    return whole(name, lambda: xml(make()))


LAUGHS = b'<!DOCTYPE l [<!ENTITY a "' + b"ha" * 500 + b'">' + b"".join(
    b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 50) for letter in b"bcde"
) + b"]><MediaContainer>&e;</MediaContainer>"  # fmt: skip

OF_PLEX = (
    of_xml("two million nested elements", lambda: b"<MediaContainer>" + b"<a>" * 2_000_000),
    of_xml("two million elements", lambda: b"<MediaContainer>" + b"<a/>" * 2_000_000 + b"</MediaContainer>"),
    of_xml("two million libraries", lambda: b"<MediaContainer>" + b'<Directory key="1"/>' * 2_000_000),
    of_xml(
        "as many videos as are allowed", lambda: b"<MediaContainer>" + b'<Video a="" ratingKey="1" b="c"/>' * 59_000
    ),
    of_xml(
        "as many attributes as are allowed",
        lambda: b"<MediaContainer>" + b'<a b="1" c="2" d="3" e="4" f="&#x1f600;"/>' * 59_900 + b"</MediaContainer>",
    ),
    of_xml(
        "299,000 names",
        lambda: b"<MediaContainer " + b" ".join(b'a%d="%d"' % (n, n) for n in range(299_000)) + b"/>",
    ),
    of_xml(
        "as many names as are allowed",
        lambda: b"<MediaContainer " + b" ".join(b'a%d="%d"' % (n, n) for n in range(99_000)) + b"/>",
    ),
    of_xml(
        "a million attributes",
        lambda: b"<MediaContainer " + b" ".join(b'a%d="1"' % n for n in range(1_000_000)) + b"/>",
    ),
    endless("an attribute without end", OK + b'\r\n<MediaContainer a="', b"x" * MIB),
    endless("an element's name without end", OK + b"\r\n<", b"x" * MIB),
    of_xml("6 MB with one emoji", lambda: b'<MediaContainer a="' + "\U0001f600".encode() + b"x" * 6_000_000 + b'"/>'),
    of_xml("a billion laughs", lambda: LAUGHS),
    of_xml(
        "elements in another alphabet",
        lambda: b'<?xml version="1.0" encoding="cp037"?>' + "".join(["<M>", *["<a/>"] * 1_000_000]).encode("cp037"),
    ),
    of_xml("elements in UTF-16", lambda: "".join(["<M>", *["<a/>"] * 1_000_000]).encode("utf-16")),
    of_xml("a list that says it goes on for ever", lambda: (
        b'<MediaContainer size="1" totalSize="1000000000"><Directory key="1" type="movie" title="Movies"/>'
        b'<Video ratingKey="7"/></MediaContainer>'
    )),
    of_xml("numbers of 5,000 digits", lambda: (
        b'<MediaContainer totalSize="%b"><Directory key="%b" type="movie" title="M"/><Video ratingKey="%b"/>'
        b"</MediaContainer>" % ((b"9" * 5000,) * 3)
    )),
    of_xml("a number beyond 64 bits", lambda: (
        b'<MediaContainer size="1"><Directory key="1" type="movie" title="Movies"/><Video ratingKey="%b" title="a">'
        b'<Media><Part file="/media/scene.mp4" size="%b"/></Media></Video></MediaContainer>' % ((b"9" * 30,) * 2)
    )),
)  # fmt: skip


def as_json(body: bytes) -> bytes:
    return answer("200 OK", body, "Content-Type: application/json\r\n")


def of_json(name: str, make: Callable[[], bytes]) -> Hostile:
    return whole(name, lambda: as_json(make()))


OF_STASH = (
    of_json("two million nested lists", lambda: b'{"data":' + b"[" * 2_000_000),
    of_json("ten million numbers", lambda: b'{"data":{"a":[' + b"0," * 10_000_000 + b"0]}}"),
    of_json("five million objects", lambda: b'{"data":{"a":[' + b"{}," * 5_000_000 + b"{}]}}"),
    of_json("a million keys", lambda: json.dumps({"data": {str(n): 0 for n in range(1_000_000)}}).encode()),
    endless("a text without end", OK + b'\r\n{"data":{"a":"', b"x" * MIB),
    of_json("6 MB with one emoji", lambda: b'{"data":{"a":"' + "\U0001f600".encode() + b"x" * 6_000_000 + b'"}}'),
    of_json("objects in UTF-16", lambda: ('{"data":{"a":[' + "{}," * 2_000_000 + "{}]}}").encode("utf-16-le")),
    of_json("a number of 200,000 digits", lambda: b'{"data":{"s1":{"id":' + b"9" * 200_000 + b"}}}"),
    of_json("errors without end", lambda: b'{"errors":[' + b'{"message":"no"},' * 100_000 + b'{"message":"no"}]}'),
    of_json("an error of 3 MB", lambda: json.dumps({"errors": [{"message": "no " * MIB}]}).encode()),
)
