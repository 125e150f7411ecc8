"""HTTP to Stash: a session with limits on time, size and destination, and one translator for its failures.

The session follows no redirects (one to the login page would end as a 200 with HTML), ignores proxy, netrc and
certificate settings of the environment, and always has a timeout; network/bounded.py limits the rest.
"""

from __future__ import annotations

import http.client
import socket
from contextlib import contextmanager
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from network.bounded import ACCEPTED_ENCODINGS, AnswerTooLarge, BoundedAdapter, causes_of, without_frames
from stash.errors import StashAnswerTooLarge, StashLoginNeeded, StashUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stash.connection import StashConnection

CONNECT_TIMEOUT_S = 5.0  # Stash runs on this machine or in the same network


class StashSession(requests.Session):
    """A session for one Stash. `timeout_s`: the longest silence before and during a response."""

    def __init__(self, connection: StashConnection, *, timeout_s: float) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, BoundedAdapter())
        self.headers["Accept-Encoding"] = ACCEPTED_ENCODINGS
        self.timeout_s = timeout_s
        self.trust_env = False
        # With https, Stash uses a certificate from its owner, usually self-signed; the address comes from Stash itself.
        self.verify = False
        if connection.url.startswith("https:"):
            # Each request would print a warning on standard error, which would break Stash's log protocol.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # the cookie header is set below
        self._cookie_name = connection.cookie_name
        self._cookie = f"{connection.cookie_name}={connection.cookie_value}" if connection.cookie_name else ""
        self.use_key(connection.api_key)

    @property
    def has_key(self) -> bool:
        """Whether requests carry the API key rather than the session cookie."""
        return "ApiKey" in self.headers

    def use_key(self, api_key: str) -> None:
        """Use the API key from now on, or the session cookie if `api_key` is empty."""
        self.headers.pop("ApiKey", None)
        self.headers.pop("Cookie", None)
        if api_key:
            self.headers["ApiKey"] = api_key
        elif self._cookie:
            self.headers["Cookie"] = self._cookie

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send with the session's timeouts and without redirects. Every request of the session passes through here."""
        timeouts = min(CONNECT_TIMEOUT_S, self.timeout_s), self.timeout_s
        response = super().send(request, **{**kwargs, "timeout": timeouts, "allow_redirects": False, "stream": True})
        self._renew_cookie(response)
        return response

    def _renew_cookie(self, response: requests.Response) -> None:
        """Stash renews the cookie with each response; that keeps the login alive if there is no API key."""
        renewed = response.cookies.get_dict().get(self._cookie_name, "")
        if "Cookie" in self.headers and renewed and response.ok:
            self._cookie = self.headers["Cookie"] = f"{self._cookie_name}={renewed}"

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - the library's signature
        """Always None: even with redirects off, requests would read the redirect's body and parse its target."""
        return


@contextmanager
def translated(url: str, timeout_s: float) -> Iterator[None]:
    """Raise every network failure, from whichever library, as StashUnavailable."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        raise _as_stash_error(error, url, timeout_s) from without_frames(error)


def _as_stash_error(error: Exception, url: str, timeout_s: float) -> StashUnavailable | StashAnswerTooLarge:
    if isinstance(error, requests.Timeout):
        return StashUnavailable(f"Stash at {url} did not answer within {timeout_s:g} s")
    if isinstance(error, requests.exceptions.SSLError):
        return StashUnavailable(f"Stash at {url} does not speak https as expected")
    if any(isinstance(each, AnswerTooLarge) for each in causes_of(error)):
        return StashAnswerTooLarge(f"Stash at {url} sends a larger answer than PlexSync can use")
    return StashUnavailable(f"Stash at {url} cannot be reached: {_reason(error)}")


def _reason(error: Exception) -> str:
    """The root cause in the libraries' chain of exceptions, in words."""
    for seen in causes_of(error):
        if isinstance(seen, ConnectionRefusedError):
            return "connection refused"
        if isinstance(seen, (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)):
            return "connection dropped"
        if isinstance(seen, (TimeoutError, urllib3.exceptions.ReadTimeoutError)):
            return "it stopped, or was too slow, in the middle of an answer"
        if isinstance(seen, socket.gaierror):
            return "its name was not found"
    return type(error).__name__


def check_login(response: requests.Response) -> None:
    """Raise StashLoginNeeded if Stash rejects the login. Call it before reading the body."""
    status = response.status_code
    content_type = response.headers.get("Content-Type", "")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise StashLoginNeeded(f"Stash rejects the login ({status}): the session has expired or the API key is new")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_MODIFIED:
        raise StashLoginNeeded(f"Stash redirects ({status}), as it does without a login")
    if status == HTTPStatus.OK and content_type.lower().startswith("text/html"):
        raise StashLoginNeeded("Stash answers with a web page, as it does without a login")
