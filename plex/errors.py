"""What can go wrong with Plex, one class for each way of dealing with it.

    PlexError
    |- ServerFailure        the whole server; retried later, by the code that watches for outages
    |  |- PlexServerDown    connection refused or dropped, name not found, unreachable, 503 during start-up
    |  |- PlexTimeout       no answer in time
    |  `- PlexServerError   any other 5xx, an answer cut short or unreadable, a read refused
    |     |- LibraryGone      a library that was there is not any more: the others are looked at instead
    |     `- OversizedAnswer  more than any answer of Plex holds; users see it as PlexServerError
    |- PlexBusy             429
    |- PlexAuthError        401, 403, 498
    |  `- EditsRefused      the token reads, but only the owner's may edit
    |- PlexSetup            a setting must change: library, certificate, address, redirect
    |  `- PathsHidden       the token sees files, but no path of any
    |- LeftOff              reading a whole library gives way to other work
    |- NotInPlex            no item has the file
    |- Ambiguous            several items fit
    `- Rejected             any other 4xx of an edit, or 404 of a read: only this request is at fault

A message says what happened, to what, and what to do. It never holds the token, or a title or file name from a
request's parameters.
"""

# ruff: noqa: N818 - users read these names in reports; "PlexBusyError" says no more than "PlexBusy"

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from local.hide_paths import as_path

if TYPE_CHECKING:
    from collections.abc import Sequence

_MANY_KEYS = re.compile(r"(\d+,\d+,\d+)(?:,\d+)+")


class PlexError(Exception):
    """Base class: everything that this package raises about Plex.

    `of_write`: the request was to change something. `has_written`: other changes of the same edit have arrived.
    """

    of_write = False
    has_written = False

    @property
    def name(self) -> str:
        """The class's name, as dead letters and reports show it."""
        return type(self).__name__


class ServerFailure(PlexError):
    """The whole server failed; a probe decides whether it is an outage."""


class PlexServerDown(ServerFailure):
    """There is no connection, or Plex is still starting."""


class PlexTimeout(ServerFailure):
    """No connection or no answer in time."""


class PlexServerError(ServerFailure):
    """An answer came, but it was a 5xx, cut short, unreadable, or the refusal of a read: no scene is at fault."""


class LibraryGone(PlexServerError):
    """A library is not there any more; the list of libraries was read anew. Whoever meets it looks again, once."""

    @property
    def name(self) -> str:
        """That of its base class: no report shows this one."""
        return PlexServerError.__name__


class OversizedAnswer(PlexServerError):
    """Too many bytes or elements; a question about fewer items may get a smaller answer."""

    @property
    def name(self) -> str:
        """That of its base class: no report shows this one."""
        return PlexServerError.__name__


class PlexBusy(PlexError):
    """429. `retry_after_s`: the pause in seconds that Plex asks for, at least 0; None when it asks for none."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PlexAuthError(PlexError):
    """401, 403 or 498."""


class EditsRefused(PlexAuthError):
    """The token is not the owner's: it reads everything, and each edit is refused."""

    def __init__(self) -> None:
        super().__init__(
            'this token may read but not edit: "Plex token" belongs to a shared or home user; set it to the token of '
            "the server's owner."
        )


class PlexSetup(PlexError):
    """Nothing will work until a setting, or the set-up of the server, changes. `setting`: the key of that one."""

    def __init__(self, message: str, *, setting: str = "plex_url") -> None:
        super().__init__(message)
        self.setting = setting


class PathsHidden(PlexSetup):
    """Plex shows this token items and their files, but not where any file is. No scene can be found then."""

    def __init__(self) -> None:
        super().__init__(
            "this token may not see the paths of the files: Plex lists the items of its libraries without saying where "
            'any file is. "Plex token" belongs to a shared or home user; set it to the token of the server\'s owner.',
            setting="plex_token",
        )


class LeftOff(PlexError):
    """Nothing failed: whoever asks again goes on where the reading of this library was left off."""

    def __init__(self, library: str) -> None:
        super().__init__(
            f"finding the scene takes reading the whole library {library}, which other work has interrupted; it "
            "continues by itself"
        )


class NotInPlex(PlexError):
    """No item has any of the files `paths`, spelled as Plex would see them.

    `near_misses`: items whose file has the same name and size but is another scene's, each as "rating key: title (path)
    of scene 7".
    """

    def __init__(self, paths: Sequence[str], near_misses: Sequence[str] = ()) -> None:
        near = f" {near_misses_in_words(near_misses)}"
        super().__init__(
            f"Plex has no item with the file {' or '.join(map(as_path, paths)) or '(the scene has none)'}; "
            f'scan the library in Plex, or set "Path map" if Plex sees the file under another path.'
            f"{near if near_misses else ''}"
        )
        self.paths = tuple(paths)
        self.near_misses = tuple(near_misses)


def near_misses_in_words(near_misses: Sequence[str]) -> str:
    """`near_misses`: as in NotInPlex."""
    return f"A file of the same name and size belongs to another scene: {'; '.join(near_misses)}."


class Ambiguous(PlexError):
    """Several unrelated items match equally well. `candidates`: each as "rating key: title (path)"."""

    def __init__(self, candidates: Sequence[str]) -> None:
        super().__init__(
            f"several Plex items fit equally well ({'; '.join(candidates)}); "
            'set "Path map" so that full paths agree, or switch on "Take the best of several matches".'
        )
        self.candidates = tuple(candidates)


class Rejected(PlexError):
    """Plex refuses this request and would refuse it again.

    `status`: the HTTP status; `text`: the beginning of the answer, without mark-up, at most 200 characters.
    """

    def __init__(self, status: int, text: str, *, request: str = "the request") -> None:
        words = f": {text}" if text else ""
        super().__init__(f"Plex refused {request} with {status}{words}; it would refuse the same request again.")
        self.status = status
        self.text = text


class RequestTooLong(Rejected):
    """Plex, or a proxy in front of it, refuses a request for its length. `line_bytes`: of the request line."""

    def __init__(self, refused: Rejected, line_bytes: int) -> None:
        super().__init__(refused.status, refused.text, request=f"a request of {line_bytes} bytes")
        self.line_bytes = line_bytes


_NOT_FOUND, _REQUEST_TIMEOUT, _TOO_MANY, _UNAVAILABLE = 404, 408, 429, 503
_TOKEN_REFUSED = (401, 403, 498)  # 498: a token of plex.tv that was valid for a short time only
_REDIRECTS = range(300, 400)
_REFUSALS = range(400, 500)
COPY_AGAIN = '"Plex token" holds characters that no token has; copy it again.'
CHECK_URL = 'check "Plex address" (like http://host:32400)'
NOT_PLEX = f"that is not a Plex server, or a proxy answers in its place; {CHECK_URL}"


def is_refusal(status: int) -> bool:
    """Whether the status is a 4xx: HTTP blames the request."""
    return status in _REFUSALS


def describe_request(method: str, address: str, path: str) -> str:
    """The request as messages name it. A path may list up to 250 rating keys: the first three identify it."""
    return f"{method.upper()} {address}" + _MANY_KEYS.sub(r"\1,…", path)


def error_for_status(
    status: int,
    request: str,
    *,
    is_read: bool = False,
    text: str = "",
    retry_after: str | None = None,
    date: str | None = None,
) -> PlexError:
    """The error for an HTTP status that is not a success.

    `request`: from `describe_request`. `is_read`: it contains nothing from a scene that Plex could object to.
    `retry_after` and `date`: the answer's headers of these names.
    """
    if status in _REDIRECTS:
        return PlexSetup(f"{request} is redirected ({status}), which PlexSync does not follow; {CHECK_URL}.")
    if status == _TOO_MANY:
        return PlexBusy(f"Plex asks for a pause ({request}: 429).", retry_after_s(retry_after, date))
    if is_refusal(status):
        return _error_for_refusal(status, request, text, is_read=is_read)
    if status == _UNAVAILABLE:
        return PlexServerDown(f"Plex is starting up or under maintenance ({request}: 503); it is asked again later.")
    return PlexServerError(f"Plex failed ({request}: {status}); if this persists, see Plex's own log.")


def _error_for_refusal(status: int, request: str, text: str, *, is_read: bool) -> PlexError:
    if status in _TOKEN_REFUSED:
        return PlexAuthError(f'Plex rejected the token ({request}: {status}); set "Plex token" to a valid one.')
    if status == _REQUEST_TIMEOUT:
        return PlexTimeout(f"the request took too long to arrive ({request}: 408); it is sent again later.")
    if is_read and status != _NOT_FOUND:
        words = f": {text}" if text else ""
        return PlexServerError(
            f'Plex refused a read ({request}: {status}{words}), whatever the scene. Is "Plex address" that of a '
            "Plex server? If so, see Plex's own log."
        )
    return Rejected(status, text, request=request)


def retry_after_s(retry_after: str | None, date: str | None) -> float | None:
    """The pause in seconds that a Retry-After header asks for, None without a valid one.

    An absolute time is compared with the answer's own `Date`, so a wrong clock on this machine does no harm.
    """
    value = (retry_after or "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        pause = parsedate_to_datetime(value) - parsedate_to_datetime(date or "")
    except (ValueError, TypeError):  # not a date, or only one of the two has a time zone
        return None
    return max(0.0, pause.total_seconds())
