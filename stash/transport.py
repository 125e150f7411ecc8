"""HTTP towards Stash: one session that is bounded in every direction, and one translator for its failures.

It follows no redirect (the way to the login page would end as a 200 with HTML), reads no proxy, netrc or
certificate setting of the environment, always has a timeout, and never reads more than it was told to.
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

from stash.errors import StashLoginNeeded, StashUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stash.connection import StashConnection

CONNECT_TIMEOUT_S = 5.0  # Stash is on this machine or next to it
CHUNK_BYTES = 65_536


class StashSession(requests.Session):
    """A session for one Stash; `timeout_s` is the longest silence while an answer is awaited or read."""

    def __init__(self, connection: StashConnection, *, timeout_s: float) -> None:
        super().__init__()
        self.timeout_s = timeout_s
        self.trust_env = False
        # Stash with https has the certificate that its owner made for it, and says itself where it listens.
        self.verify = False
        if connection.url.startswith("https:"):
            # A warning on standard error would break Stash's log protocol, once per request.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # the session's cookie is kept by hand below
        self._cookie_name = connection.cookie_name
        self._cookie = f"{connection.cookie_name}={connection.cookie_value}" if connection.cookie_name else ""
        self.use_key(connection.api_key)

    @property
    def has_key(self) -> bool:
        """Whether requests carry the API key rather than the session cookie."""
        return "ApiKey" in self.headers

    def use_key(self, api_key: str) -> None:
        """Log in with the API key from now on, with the session cookie when it is empty."""
        self.headers.pop("ApiKey", None)
        self.headers.pop("Cookie", None)
        if api_key:
            self.headers["ApiKey"] = api_key
        elif self._cookie:
            self.headers["Cookie"] = self._cookie

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Every request of the session comes through here, whoever made it."""
        timeouts = min(CONNECT_TIMEOUT_S, self.timeout_s), self.timeout_s
        response = super().send(request, **{**kwargs, "timeout": timeouts, "allow_redirects": False, "stream": True})
        self._renew_cookie(response)
        return response

    def _renew_cookie(self, response: requests.Response) -> None:
        """Stash renews the cookie with each answer, which keeps the login alive where there is no API key."""
        renewed = response.cookies.get_dict().get(self._cookie_name, "")
        if "Cookie" in self.headers and renewed and response.ok:
            self._cookie = self.headers["Cookie"] = f"{self._cookie_name}={renewed}"

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - the library's signature
        """None: even with redirects off, requests would read the redirect's body and parse its target."""
        return


@contextmanager
def translated(url: str, timeout_s: float) -> Iterator[None]:
    """Turn every failure of the network, at any depth of the libraries, into StashUnavailable."""
    try:
        yield
    except requests.Timeout as error:
        raise StashUnavailable(f"Stash at {url} gives no answer within {timeout_s:g} s") from error
    except requests.exceptions.SSLError as error:
        raise StashUnavailable(f"Stash at {url} does not speak https as expected") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        raise StashUnavailable(f"Stash at {url} cannot be reached: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """In words what lies at the bottom of the libraries' chain of exceptions."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError):
            return "connection refused"
        if isinstance(seen, (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)):
            return "connection dropped"
        if isinstance(seen, (TimeoutError, urllib3.exceptions.ReadTimeoutError)):
            return "it fell silent in the middle of an answer"
        if isinstance(seen, socket.gaierror):
            return "its name is not known"
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__


def read_body(response: requests.Response, limit_bytes: int) -> bytes:
    """The decoded body, but at most `limit_bytes` of it; StashUnavailable when it ends before its stated length."""
    parts: list[bytes] = []
    total = 0
    with response:
        for chunk in response.iter_content(CHUNK_BYTES):
            parts.append(chunk)
            total += len(chunk)
            if total >= limit_bytes:
                return b"".join(parts)[:limit_bytes]
    stated = response.headers.get("Content-Length", "")
    if "Content-Encoding" not in response.headers and stated.isdigit() and total < int(stated):
        # urllib3 before 2.0, which some systems ship, takes a cut answer for a whole one.
        raise StashUnavailable(f"Stash's answer broke off after {total} of {stated} bytes")
    return b"".join(parts)


def check_login(response: requests.Response) -> None:
    """Raise for the ways in which Stash says "who are you?" or "not now", before anything else is read."""
    status = response.status_code
    content_type = response.headers.get("Content-Type", "")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise StashLoginNeeded(f"Stash rejects the login ({status}): the session has expired or the API key is new")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_MODIFIED:
        raise StashLoginNeeded(f"Stash answers with a redirect ({status}), as it does to who is not logged in")
    if status == HTTPStatus.OK and content_type.lower().startswith("text/html"):
        raise StashLoginNeeded("Stash answers with a web page, as it does to who is not logged in")
