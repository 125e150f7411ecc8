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
    Ambiguous,
    NotInPlex,
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexServerDown,
    PlexServerError,
    PlexSetup,
    PlexTimeout,
    Rejected,
    ServerFailure,
    error_for_status,
    named_request,
    retry_after_s,
    translate,
    translated,
)

if TYPE_CHECKING:
    from types import ModuleType

ASKED = "GET http://plex:32400/identity"

# Every exception of requests and plexapi, raised bare. A class of a new version fails until it has a line here.
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
    assert type(translate(made(FOREIGN[name]), ASKED)) is EXPECTED[name]


URLLIB3 = exceptions_of(urllib3.exceptions, "urllib3")


@pytest.mark.parametrize("name", sorted(URLLIB3))
def test_an_exception_of_urllib3_that_leaks_is_translated(name: str) -> None:
    kind = URLLIB3[name]
    error = kind.__new__(kind)  # their constructors want pools and answers
    if not isinstance(error, urllib3.exceptions.HTTPError):
        pytest.skip("raised for proxies only, which are never used")
    with pytest.raises(PlexError), translated(ASKED):
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
    with pytest.raises(PlexError) as raised, translated(ASKED):
        raise error
    assert type(raised.value) is kind


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), ZeroDivisionError()])
def test_a_bug_is_not_made_to_look_like_a_failure_of_plex(error: Exception) -> None:
    with pytest.raises(type(error)), translated(ASKED):
        raise error


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, PlexSetup),
        (302, PlexSetup),
        (308, PlexSetup),
        (400, Rejected),
        (401, PlexAuthError),
        (403, PlexAuthError),
        (404, Rejected),
        (408, PlexTimeout),
        (409, Rejected),
        (414, Rejected),
        (422, Rejected),
        (429, PlexBusy),
        (499, Rejected),
        (500, PlexServerError),
        (502, PlexServerError),
        (503, PlexServerDown),
        (504, PlexServerError),
        (520, PlexServerError),
        (999, PlexServerError),
        (206, PlexServerError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[PlexError]) -> None:
    assert type(error_for_status(status, ASKED)) is kind


def test_only_failures_of_the_server_count_as_such() -> None:
    failures = {kind for kind in (PlexServerDown, PlexTimeout, PlexServerError) if issubclass(kind, ServerFailure)}
    assert failures == {PlexServerDown, PlexTimeout, PlexServerError}
    for kind in (PlexBusy, PlexAuthError, PlexSetup, NotInPlex, Ambiguous, Rejected):
        assert not issubclass(kind, ServerFailure)


@pytest.mark.parametrize(
    ("retry_after", "date", "pause"),
    [
        ("7", None, 7.0),
        ("0", None, 0.0),
        (None, None, None),
        ("", None, None),
        ("soon", None, None),
        ("-5", None, None),
        ("²", None, None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", None, None),
        ("Wed, 21 Oct 2026 07:28:30", "Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str | None, date: str | None, pause: float | None) -> None:
    assert retry_after_s(retry_after, date) == pause


def test_messages_say_what_happened_to_what() -> None:
    for status in (302, 401, 404, 429, 500, 503):
        assert ASKED in str(error_for_status(status, ASKED))
    assert "/media/a.mp4" in str(NotInPlex(["/media/a.mp4"]))
    assert "7: A" in str(Ambiguous(["7: A", "8: A"]))
    assert "no such thing" in str(Rejected(404, "no such thing"))


def test_errors_are_named_for_reports() -> None:
    assert PlexBusy("x").name == "PlexBusy"
    assert NotInPlex([]).name == "NotInPlex"


def test_a_header_error_does_not_carry_the_token_along() -> None:
    with pytest.raises(PlexSetup) as raised, translated(ASKED):
        raise requests.exceptions.InvalidHeader("bad header value: 'sEcReT\\n'")
    assert "sEcReT" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/library/metadata/1,22,3", "/library/metadata/1,22,3"),
        ("/library/metadata/1,22,3,4,5", "/library/metadata/1,22,3,…"),
        ("/library/sections/1/all", "/library/sections/1/all"),
    ],
)
def test_a_message_names_three_of_the_items_that_were_asked_for(path: str, shown: str) -> None:
    assert named_request("get", "http://plex:32400", path) == f"GET http://plex:32400{shown}"
