from __future__ import annotations

import http.client
import inspect
import socket
import ssl
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import plexapi.exceptions
import pytest
import requests.exceptions
import urllib3.exceptions
from urllib3.connection import HTTPConnection

from plex.errors import (
    PlexAuthError,
    PlexError,
    PlexServerDown,
    PlexServerError,
    PlexSetup,
    PlexTimeout,
    Rejected,
)
from plex.translate import translate, translated

if TYPE_CHECKING:
    from types import ModuleType

REQUEST = "GET http://plex:32400/identity"

# Every exception of requests and plexapi, raised on its own. A class new in some version fails until it has a row here.
EXPECTED: dict[str, type[PlexError]] = {
    "requests.RequestException": PlexServerError,
    "requests.InvalidJSONError": PlexServerError,
    "requests.JSONDecodeError": PlexServerError,
    "requests.HTTPError": PlexServerError,
    "requests.ConnectionError": PlexServerDown,
    "requests.ProxyError": PlexServerDown,
    "requests.SSLError": PlexSetup,
    "requests.Timeout": PlexTimeout,
    "requests.ConnectTimeout": PlexTimeout,
    "requests.ReadTimeout": PlexTimeout,
    "requests.URLRequired": PlexSetup,
    "requests.TooManyRedirects": PlexSetup,
    "requests.MissingSchema": PlexSetup,
    "requests.InvalidSchema": PlexSetup,
    "requests.InvalidURL": PlexSetup,
    "requests.InvalidHeader": PlexSetup,
    "requests.InvalidProxyURL": PlexSetup,
    "requests.ChunkedEncodingError": PlexServerError,
    "requests.ContentDecodingError": PlexServerError,
    "requests.StreamConsumedError": PlexServerError,
    "requests.RetryError": PlexServerError,
    "requests.UnrewindableBodyError": PlexServerError,
    "plexapi.PlexApiException": PlexServerError,
    "plexapi.BadRequest": Rejected,
    "plexapi.NotFound": Rejected,
    "plexapi.UnknownType": PlexServerError,
    "plexapi.Unsupported": PlexServerError,
    "plexapi.Unauthorized": PlexAuthError,
    "plexapi.TwoFactorRequired": PlexAuthError,
}


def exceptions_of(module: ModuleType, prefix: str) -> dict[str, type[Exception]]:
    return {
        f"{prefix}.{name}": kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__
    }


FOREIGN = exceptions_of(requests.exceptions, "requests") | exceptions_of(plexapi.exceptions, "plexapi")


def made(kind: type[Exception]) -> Exception:
    return kind("text", "document", 0) if issubclass(kind, requests.exceptions.JSONDecodeError) else kind("text")


@pytest.mark.parametrize("name", sorted(FOREIGN | EXPECTED))
def test_each_exception_of_the_libraries_has_its_error(name: str) -> None:
    assert type(translate(made(FOREIGN[name]), REQUEST)) is EXPECTED[name]


URLLIB3 = exceptions_of(urllib3.exceptions, "urllib3")


@pytest.mark.parametrize("name", sorted(URLLIB3))
def test_an_exception_of_urllib3_that_leaks_through_is_translated(name: str) -> None:
    kind = URLLIB3[name]
    error = kind.__new__(kind)  # their constructors need connection pools and answers
    if not isinstance(error, urllib3.exceptions.HTTPError):
        pytest.skip("only raised for proxies, which are never used")
    with pytest.raises(PlexError), translated(REQUEST):
        raise error


CONNECTION = HTTPConnection("plex")
RESET = ConnectionResetError(104, "Connection reset by peer")
WRAPPED = [
    (requests.ConnectionError(urllib3.exceptions.ReadTimeoutError(None, "/", "timed out")), PlexTimeout),  # type: ignore[arg-type]
    (requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", RESET)), PlexServerDown),
    (
        requests.ConnectionError(
            urllib3.exceptions.MaxRetryError(
                None,  # type: ignore[arg-type]
                "/",
                urllib3.exceptions.NewConnectionError(CONNECTION, "refused"),
            )
        ),
        PlexServerDown,
    ),
    (
        requests.ConnectionError(
            urllib3.exceptions.MaxRetryError(
                None,  # type: ignore[arg-type]
                "/",
                urllib3.exceptions.NameResolutionError("plex", CONNECTION, socket.gaierror(-2, "unknown")),
            )
        ),
        PlexServerDown,
    ),
    (
        requests.exceptions.ChunkedEncodingError(
            urllib3.exceptions.ProtocolError("Connection broken", urllib3.exceptions.IncompleteRead(1, 2))
        ),
        PlexServerError,
    ),
    (requests.ConnectionError(http.client.RemoteDisconnected("closed")), PlexServerDown),
    (requests.ConnectionError(http.client.BadStatusLine("220 smtp")), PlexServerDown),
    (requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed")), PlexSetup),
    (requests.exceptions.SSLError(ssl.SSLEOFError(8, "EOF")), PlexServerDown),
    (http.client.IncompleteRead(b"half"), PlexServerError),
    (http.client.BadStatusLine("220 smtp"), PlexServerError),
    (http.client.RemoteDisconnected("closed"), PlexServerDown),
    (http.client.InvalidURL("control characters"), PlexSetup),
    (UnicodeError("label too long"), PlexSetup),
    (ET.ParseError("no element found"), PlexServerError),
    (TimeoutError("timed out"), PlexTimeout),
    (socket.gaierror(-2, "unknown"), PlexServerDown),
    (OSError(113, "No route to host"), PlexServerDown),
]


@pytest.mark.parametrize(("error", "kind"), WRAPPED, ids=lambda value: repr(value)[:60])
def test_the_wrapped_cause_decides(error: Exception, kind: type[PlexError]) -> None:
    with pytest.raises(PlexError) as raised, translated(REQUEST):
        raise error
    assert type(raised.value) is kind


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), ZeroDivisionError()])
def test_a_bug_does_not_look_like_a_failure_of_plex(error: Exception) -> None:
    with pytest.raises(type(error)), translated(REQUEST):
        raise error


def test_a_header_error_does_not_contain_the_token() -> None:
    with pytest.raises(PlexSetup) as raised, translated(REQUEST):
        raise requests.exceptions.InvalidHeader("bad header value: 'sEcReT\\n'")
    assert "sEcReT" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
