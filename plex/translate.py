"""Turns the exceptions of plexapi, requests, urllib3 and the XML parser into the errors of plex/errors.py."""

from __future__ import annotations

import http.client
import re
import ssl
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

import plexapi.exceptions
import requests.exceptions
import urllib3.exceptions

from local.container import is_in_container
from network.bounded import AnswerTooLarge, causes_of, without_frames
from plex.errors import (
    CHECK_URL,
    COPY_AGAIN,
    NOT_PLEX,
    OversizedAnswer,
    PlexError,
    PlexServerDown,
    PlexServerError,
    PlexSetup,
    PlexTimeout,
    error_for_status,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Everything that the libraries raise for a failure. Anything else is a bug and passes through.
_FOREIGN = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    plexapi.exceptions.PlexApiException,
    http.client.HTTPException,
    ParseError,
    UnicodeError,
    OSError,
)
_BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.URLRequired,
    urllib3.exceptions.LocationValueError,
    http.client.InvalidURL,
    UnicodeError,  # a host name that no encoding takes
)
_UNREADABLE = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.InvalidJSONError,
    urllib3.exceptions.DecodeError,
    urllib3.exceptions.ResponseNotChunked,
    urllib3.exceptions.BodyNotHttplibCompatible,
    http.client.IncompleteRead,
    ParseError,
)
_THIS_MACHINE = re.compile(r"://(?:localhost|127\.[\d.]+|\[::1\])(?:[:/]|$)", re.IGNORECASE)
# A TLS handshake that just ends is a dropped connection, not a problem with the certificate.
_TLS_DROPPED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)

# The first row with a class that occurs anywhere in the chain decides. The order matters: a refused connection is also
# a ConnectionError, an unresolved name is also a NewConnectionError, and urllib3 counts both among its timeouts.
_CONNECTION_ERRORS: tuple[tuple[tuple[type[BaseException], ...], type[PlexError], str], ...] = (
    (
        (urllib3.exceptions.NameResolutionError,),
        PlexServerDown,
        "the host's name was not found; check \"Plex address\" and the network's DNS.",
    ),
    (
        (ConnectionRefusedError,),
        PlexServerDown,
        'connection refused; is Plex running, and is its port the one in "Plex address"?',
    ),
    (
        (urllib3.exceptions.NewConnectionError,),
        PlexServerDown,
        "the host is unreachable; check the network.",
    ),
    (
        (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        PlexTimeout,
        "no complete answer in time; Plex is busy, or something on the way drops the packets.",
    ),
    (
        (AnswerTooLarge,),
        OversizedAnswer,
        f"the answer is larger than any that Plex gives: {NOT_PLEX}.",
    ),
    (
        _UNREADABLE,
        PlexServerError,
        "the answer was cut short or is not readable.",
    ),
    (
        (
            requests.exceptions.ConnectionError,
            http.client.RemoteDisconnected,
            urllib3.exceptions.ProxyError,
            urllib3.exceptions.PoolError,
            ConnectionError,
        ),
        PlexServerDown,
        "the connection was dropped; is Plex running?",
    ),
    (
        (http.client.HTTPException, urllib3.exceptions.HTTPError, requests.exceptions.RequestException),
        PlexServerError,
        f"the answer is not what Plex sends; {CHECK_URL}.",
    ),
)


@contextmanager
def translated(request: str, *, of_write: bool = False) -> Iterator[None]:
    """Turn what requests, urllib3, plexapi or the XML parser raise into a PlexError.

    `request`: from `describe_request`, for the message. `of_write`: it changes something.
    """
    try:
        with _as_plex_error(request):
            yield
    except PlexError as error:
        error.of_write = of_write
        raise


@contextmanager
def _as_plex_error(request: str) -> Iterator[None]:
    try:
        yield
    except PlexError:
        raise
    except (requests.exceptions.InvalidHeader, urllib3.exceptions.InvalidHeader):
        # Its text quotes the header's value, which is the token: it must not become the cause either.
        raise PlexSetup(COPY_AGAIN, setting="plex_token") from None
    except _FOREIGN as error:
        raise translate(error, request) from without_frames(error)


def translate(error: Exception, request: str) -> PlexError:
    """The PlexError for an exception of the libraries, or of the system where they let it through."""
    if isinstance(error, plexapi.exceptions.PlexApiException):
        return _from_plexapi(error, request)
    chain = tuple(causes_of(error))
    if _has(chain, _BAD_ADDRESS):
        return PlexSetup(f"{request}: that is not an address to connect to; {CHECK_URL}.")
    if _has(chain, (requests.exceptions.InvalidHeader, urllib3.exceptions.InvalidHeader)):
        return PlexSetup(COPY_AGAIN, setting="plex_token")
    if _has(chain, (requests.exceptions.TooManyRedirects,)):
        return PlexSetup(f"{request} is redirected again and again; {CHECK_URL}.")
    if _has(chain, (requests.exceptions.SSLError, urllib3.exceptions.SSLError, ssl.SSLError)):
        return _from_tls(chain, request)
    return _from_connection(chain, request)


def _from_plexapi(error: plexapi.exceptions.PlexApiException, request: str) -> PlexError:
    """For what gets past the transport's status check. plexapi gives the status only in the text of its exceptions."""
    if isinstance(error, plexapi.exceptions.Unauthorized):
        return error_for_status(HTTPStatus.UNAUTHORIZED, request)
    if isinstance(error, plexapi.exceptions.NotFound):
        return error_for_status(HTTPStatus.NOT_FOUND, request)
    if isinstance(error, plexapi.exceptions.BadRequest):
        return error_for_status(HTTPStatus.BAD_REQUEST, request)
    return PlexServerError(f"{request}: plexapi does not understand the answer ({type(error).__name__}).")


def _from_tls(chain: tuple[BaseException, ...], request: str) -> PlexError:
    if _has(chain, (ssl.SSLCertVerificationError,)):
        return PlexSetup(
            f"{request}: the server's certificate is not trusted; use http://, the server's plex.direct address, "
            'or set "Plex certificate" to a CA file or to insecure.',
            setting="tls",
        )
    if _has(chain, _TLS_DROPPED):
        return PlexServerDown(f"{request}: the connection was dropped during the TLS handshake; is Plex running?")
    return PlexSetup(
        f'{request}: no TLS connection is possible; try http:// in "Plex address", and check "Plex certificate".',
        setting="tls",
    )


def _from_connection(chain: tuple[BaseException, ...], request: str) -> PlexError:
    for kinds, meaning, words in _CONNECTION_ERRORS:
        if _has(chain, kinds):
            return meaning(f"{request}: {words}{_hint(request) if meaning is PlexServerDown else ''}")
    return PlexServerDown(f"{request}: the network failed; check that this machine reaches Plex.")


def _hint(request: str) -> str:
    """What may be wrong with an address of this machine."""
    if not _THIS_MACHINE.search(request) or not is_in_container():
        return ""
    return (
        " Stash runs in a container, where localhost means the container itself: enter the address of the machine that "
        'runs Plex in "Plex address".'
    )


def _has(chain: Sequence[BaseException], kinds: tuple[type[BaseException], ...]) -> bool:
    return any(isinstance(error, kinds) for error in chain)
