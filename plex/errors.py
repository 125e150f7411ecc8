"""What can go wrong with Plex, in the words of the decision it leads to.

    PlexError
    |- ServerFailure        the server as a whole; asked again later, by whoever watches for outages
    |  |- PlexServerDown    refused, name not found, unreachable, dropped, 503 while it starts
    |  |- PlexTimeout       no answer in time
    |  `- PlexServerError   another 5xx, an answer cut short or unreadable
    |- PlexBusy             429
    |- PlexAuthError        401, 403
    |- PlexSetup            a setting has to change: library, certificate, address, redirect
    |- NotInPlex            no item has the file
    |- Ambiguous            several items fit
    `- Rejected             another 4xx: this request alone

A message says what happened, to what, and what to do. None holds the token, a title or a file's name from a request.
"""

# ruff: noqa: N818 - users read these names in reports; "PlexBusyError" says no more than "PlexBusy"

from __future__ import annotations

import http.client
import re
import ssl
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

import plexapi.exceptions
import requests.exceptions
import urllib3.exceptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MANY_KEYS = re.compile(r"(\d+,\d+,\d+)(?:,\d+)+")


class PlexError(Exception):
    """Base of all errors of this package."""

    @property
    def name(self) -> str:
        """The class's name, as dead letters and reports show it."""
        return type(self).__name__


class ServerFailure(PlexError):
    """The server failed as a whole; whether it is an outage, a probe tells."""


class PlexServerDown(ServerFailure):
    """Nothing that serves answers."""


class PlexTimeout(ServerFailure):
    """Connected or not, no answer came in time."""


class PlexServerError(ServerFailure):
    """An answer came, but 5xx, cut short or unreadable."""


class PlexBusy(PlexError):
    """429. `retry_after_s`: the pause in seconds that Plex asks for, not below 0; None when it names none."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PlexAuthError(PlexError):
    """401 or 403."""


class PlexSetup(PlexError):
    """Nothing will work until a setting or the server's set-up changes."""


class NotInPlex(PlexError):
    """No item holds one of `paths` (as Plex would see them)."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(
            f"Plex has no item with the file {' or '.join(paths) or '(the scene has none)'}; "
            "scan the library in Plex, or set path_map if Plex sees the file under another path."
        )
        self.paths = tuple(paths)


class Ambiguous(PlexError):
    """Several unrelated items fit equally well. `candidates`: each as "rating key: title"."""

    def __init__(self, candidates: Sequence[str]) -> None:
        super().__init__(
            f"several Plex items fit equally well ({'; '.join(candidates)}); "
            "set path_map so that full paths agree, or turn allow_ambiguous on to take the first."
        )
        self.candidates = tuple(candidates)


class Rejected(PlexError):
    """Plex refuses this request and would refuse it again. `status`: HTTP's; `text`: the answer's start."""

    def __init__(self, status: int, text: str, *, asked: str = "the request") -> None:
        words = f": {text}" if text else ""
        super().__init__(f"Plex refused {asked} with {status}{words}; it would refuse it again as it is.")
        self.status = status
        self.text = text


_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _REQUEST_TIMEOUT, _TOO_MANY, _UNAVAILABLE = 401, 403, 404, 408, 429, 503
_REDIRECTS = range(300, 400)
_REFUSALS = range(400, 500)
COPY_AGAIN = "plex_token holds characters that no token has; copy it again."
_CHECK_URL = "check plex_url (like http://host:32400)"


def is_refusal(status: int) -> bool:
    """Whether HTTP blames the request (4xx)."""
    return status in _REFUSALS


def named_request(method: str, address: str, path: str) -> str:
    """The request as messages name it: of many items, up to 250, three say which one it was."""
    return f"{method.upper()} {address}" + _MANY_KEYS.sub(r"\1,…", path)


def error_for_status(
    status: int, asked: str, *, text: str = "", retry_after: str | None = None, date: str | None = None
) -> PlexError:
    """The error that an HTTP status other than success means.

    `asked`: method, address and path. `retry_after` and `date`: these headers of the answer.
    """
    if status in _REDIRECTS:
        return PlexSetup(f"{asked} is redirected ({status}), not followed as the token would go along; {_CHECK_URL}.")
    if status == _TOO_MANY:
        return PlexBusy(f"Plex asks for a pause ({asked}: 429).", retry_after_s(retry_after, date))
    if is_refusal(status):
        return _error_for_refusal(status, asked, text)
    if status == _UNAVAILABLE:
        return PlexServerDown(f"Plex is starting up or under maintenance ({asked}: 503); it is asked again later.")
    return PlexServerError(f"Plex failed ({asked}: {status}); if it stays, see Plex's own log.")


def _error_for_refusal(status: int, asked: str, text: str) -> PlexError:
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        return PlexAuthError(f"Plex rejected the token ({asked}: {status}); set plex_token to a valid one.")
    if status == _REQUEST_TIMEOUT:
        return PlexTimeout(f"the request took too long to arrive ({asked}: 408); it is sent again later.")
    return Rejected(status, text, asked=asked)


def retry_after_s(retry_after: str | None, date: str | None) -> float | None:
    """Seconds that the header asks to wait, None without one.

    A time of day counts from the answer's own `Date`: no clock is needed, and a wrong one does no harm.
    """
    words = (retry_after or "").strip()
    if words.isascii() and words.isdigit():
        return float(words)
    try:
        pause = parsedate_to_datetime(words) - parsedate_to_datetime(date or "")
    except (ValueError, TypeError):  # no date, or only one of them has a zone
        return None
    return max(0.0, pause.total_seconds())


# What the libraries raise. Everything else is a bug and is left alone.
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
# A TLS handshake that just ends is a dropped connection, not a certificate's fault.
_TLS_DROPPED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


# The first row of which a kind is anywhere in the chain decides: what is refused is also a connection error, what was
# not resolved also "not connected", and urllib3 counts both among its timeouts.
_CONNECTION_ERRORS: tuple[tuple[tuple[type[BaseException], ...], type[PlexError], str], ...] = (
    (
        (urllib3.exceptions.NameResolutionError,),
        PlexServerDown,
        "the host's name was not found; check plex_url and the network's DNS.",
    ),
    (
        (ConnectionRefusedError,),
        PlexServerDown,
        "connection refused; is Plex running, and is its port the one in plex_url?",
    ),
    (
        (urllib3.exceptions.NewConnectionError,),
        PlexServerDown,
        "the host is unreachable; check the network.",
    ),
    (
        (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        PlexTimeout,
        "no answer in time; Plex is busy, or something on the way drops the packets.",
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
        f"the answer is not what Plex sends; {_CHECK_URL}.",
    ),
)


@contextmanager
def translated(asked: str) -> Iterator[None]:
    """Turn what requests, urllib3, plexapi or the XML parser raise into one of our errors.

    `asked` names the request in the message: method, address and path, no query.
    """
    try:
        yield
    except PlexError:
        raise
    except (requests.exceptions.InvalidHeader, urllib3.exceptions.InvalidHeader):
        # Its text quotes the header's value, which is the token: it must not even be the cause.
        raise PlexSetup(COPY_AGAIN) from None
    except _FOREIGN as error:
        raise translate(error, asked) from error


def translate(error: Exception, asked: str) -> PlexError:
    """Our error for one of the libraries' (or of the system's, as they let it through)."""
    if isinstance(error, plexapi.exceptions.PlexApiException):
        return _from_plexapi(error, asked)
    chain = tuple(_chain(error))
    if _has(chain, _BAD_ADDRESS):
        return PlexSetup(f"{asked}: that is no address one can connect to; {_CHECK_URL}.")
    if _has(chain, (requests.exceptions.InvalidHeader, urllib3.exceptions.InvalidHeader)):
        return PlexSetup(COPY_AGAIN)
    if _has(chain, (requests.exceptions.TooManyRedirects,)):
        return PlexSetup(f"{asked} is redirected again and again; {_CHECK_URL}.")
    if _has(chain, (requests.exceptions.SSLError, urllib3.exceptions.SSLError, ssl.SSLError)):
        return _from_tls(chain, asked)
    return _from_connection(chain, asked)


def _from_plexapi(error: plexapi.exceptions.PlexApiException, asked: str) -> PlexError:
    """Only for what gets past our own look at the status: plexapi keeps the number in the text alone."""
    if isinstance(error, plexapi.exceptions.Unauthorized):
        return error_for_status(_UNAUTHORIZED, asked)
    if isinstance(error, plexapi.exceptions.NotFound):
        return error_for_status(_NOT_FOUND, asked)
    if isinstance(error, plexapi.exceptions.BadRequest):
        return error_for_status(400, asked)
    return PlexServerError(f"{asked}: the answer is none that plexapi understands ({type(error).__name__}).")


def _from_tls(chain: tuple[BaseException, ...], asked: str) -> PlexError:
    if _has(chain, (ssl.SSLCertVerificationError,)):
        return PlexSetup(
            f"{asked}: the server's certificate is not trusted; use http://, the server's plex.direct address, "
            "or set tls to a CA file or to insecure."
        )
    if _has(chain, _TLS_DROPPED):
        return PlexServerDown(f"{asked}: the connection was dropped during the TLS handshake; is Plex running?")
    return PlexSetup(f"{asked}: no TLS connection is possible; try http:// in plex_url, and check tls.")


def _from_connection(chain: tuple[BaseException, ...], asked: str) -> PlexError:
    for kinds, meaning, words in _CONNECTION_ERRORS:
        if _has(chain, kinds):
            return meaning(f"{asked}: {words}")
    return PlexServerDown(f"{asked}: the network failed; check that this machine reaches Plex.")


def _has(chain: Sequence[BaseException], kinds: tuple[type[BaseException], ...]) -> bool:
    return any(isinstance(error, kinds) for error in chain)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps: these libraries put the cause into `args`, `reason` or the context."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
        waiting.extend(one for one in inner if isinstance(one, BaseException))
