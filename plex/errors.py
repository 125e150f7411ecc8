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

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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


_UNAUTHORIZED, _FORBIDDEN, _REQUEST_TIMEOUT, _TOO_MANY, _UNAVAILABLE = 401, 403, 408, 429, 503
_REDIRECTS = range(300, 400)
_REFUSALS = range(400, 500)
COPY_AGAIN = "plex_token holds characters that no token has; copy it again."
CHECK_URL = "check plex_url (like http://host:32400)"


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
        return PlexSetup(f"{asked} is redirected ({status}), not followed as the token would go along; {CHECK_URL}.")
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
