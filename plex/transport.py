"""HTTP towards Plex: plexapi sends and parses; status, time-outs, TLS and redirects are handled here."""

from __future__ import annotations

import re
import warnings
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

import requests
from plexapi.server import PlexServer
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

from plex.connection import INSECURE, VERIFY, checked, shown_address
from plex.errors import PlexServerError, error_for_status, is_refusal, named_request
from plex.translate import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from xml.etree.ElementTree import Element

    from plex.connection import PlexConnection

Method = Literal["get", "put", "post"]

_REJECTION_CHARACTERS = 200
_SUCCESSES = (200, 201, 204)  # those that plexapi knows
_MARK_UP = re.compile(r"<[^>]*>")
_WEB_PAGE = re.compile(r"\s*<(?:!doctype\s+)?html\b", re.IGNORECASE)


class Transport:
    """Requests to one server over one session. `address`: scheme, host and port, for messages.

    `answered_at`: Plex's own time (epoch seconds) at its last answer, None when it gave none. Making one sends
    nothing, but raises PlexSetup for an unusable connection. A request raises a PlexError and nothing else for what
    the server or the network does.
    """

    def __init__(self, connection: PlexConnection) -> None:
        self._connection = checked(connection)
        self.address = shown_address(self._connection.url)
        self._session = open_session(self._connection, self._raise_for_status)
        self._server = _Server(self._connection, self._session)
        self.answered_at: int | None = None

    def close(self) -> None:
        """Close the kept connections; the next request opens new ones."""
        self._session.close()

    def read(
        self, path: str, parameters: Iterable[tuple[str, str]] = (), *, page: tuple[int, int] | None = None
    ) -> Element:
        """GET a MediaContainer. `page`: (start, size), None for everything."""
        names = ("X-Plex-Container-Start", "X-Plex-Container-Size")
        headers = {} if page is None else dict(zip(names, map(str, page), strict=True))
        answer = self.ask(path, parameters, method="get", headers=headers)
        if answer is None or answer.tag != "MediaContainer":
            raise PlexServerError(
                f"GET {self.address}{path}: the answer is not Plex's; is plex_url that of a Plex server?"
            )
        return answer

    def ask(
        self,
        path: str,
        parameters: Iterable[tuple[str, str]] = (),
        *,
        method: Method,
        headers: Mapping[str, str] | None = None,
    ) -> Element | None:
        """Send a request whose answer, if it has a body, is XML; return its root."""
        query = query_string(parameters)
        asked = named_request(method, self.address, path)
        with translated(asked):
            answer: Element | None = self._server.query(  # type: ignore[no-untyped-call]
                f"{path}?{query}" if query else path,
                method=getattr(self._session, method),
                headers=headers,
                allow_redirects=False,
            )
        if answer is not None and answer.tag.lower() == "html":
            raise PlexServerError(f"{asked}: a web page answered; is plex_url that of a Plex server?")
        return answer

    def send(
        self, path: str, parameters: Iterable[tuple[str, str]] = (), *, method: Method, content: bytes = b""
    ) -> None:
        """Send a request that Plex may answer with a line of text, which plexapi would take for broken XML."""
        query, asked = query_string(parameters), named_request(method, self.address, path)
        with translated(asked):
            response = self._session.request(
                method,
                f"{self._connection.url}{path}{'?' if query else ''}{query}",
                data=content,
                headers=self._server._headers(),  # noqa: SLF001 - of this module
                timeout=(self._connection.connect_timeout_s, self._connection.read_timeout_s),
                allow_redirects=False,
            )
        if _WEB_PAGE.match(response.text):
            raise PlexServerError(f"{asked}: a web page answered; is plex_url that of a Plex server?")

    def _raise_for_status(self, response: requests.Response, **_: Any) -> None:
        """Look at the status before plexapi does, which knows three kinds and fails at those it has no name for."""
        response.encoding = "utf-8"  # for text/xml without a charset, requests takes Latin-1
        status = response.status_code
        self.answered_at = _epoch_of(response.headers.get("Date", ""))
        if status in _SUCCESSES:
            return
        text = _start_of(response, self._connection.token) if is_refusal(status) else ""
        raise error_for_status(
            status,
            named_request(str(response.request.method), self.address, urlsplit(response.url).path),
            text=text,
            retry_after=response.headers.get("Retry-After"),
            date=response.headers.get("Date"),
        )


class _Server(PlexServer):
    """plexapi's server without its first query, and without what its configuration file or environment says."""

    def __init__(self, connection: PlexConnection, session: requests.Session) -> None:
        """Deliberately not calling the base class: it asks the server, and plexapi's own configuration."""
        self._baseurl = connection.url
        self._token = connection.token
        self._showSecrets = False  # plexapi would put the token into URLs
        self._session = session
        self._timeout = (connection.connect_timeout_s, connection.read_timeout_s)
        self._identifier = connection.client_identifier

    def _headers(self, **kwargs: str) -> dict[str, str]:
        return {
            "Accept": "application/xml",
            "X-Plex-Token": self._token,
            "X-Plex-Product": "PlexSync",
            "X-Plex-Device-Name": "PlexSync",
            "X-Plex-Client-Identifier": self._identifier,
            **kwargs,
        }


class _OnceMore(HTTPAdapter):
    """Sends a read a second time when it met a kept connection that the other side had given up meanwhile.

    That says nothing of Plex's health, and an edit after a quiet while, which begins with a read, would wait out a
    back-off for it. What fails on a new connection, as in an outage, is not repeated; nor is what changes Plex.
    """

    def send(self, request: requests.PreparedRequest, *rest: Any, **how: Any) -> requests.Response:
        pool = self.get_connection_with_tls_context(request, how["verify"], how["proxies"], how["cert"])
        opened = pool.num_connections
        try:
            return super().send(request, *rest, **how)
        except requests.ConnectionError:
            if request.method != "GET" or not 0 < opened == pool.num_connections:
                raise
        return super().send(request, *rest, **how)


def open_session(connection: PlexConnection, look_at: Callable[..., None]) -> requests.Session:
    """A session that goes to this server only. `look_at` sees each answer before anyone acts on it."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _OnceMore())
    session.trust_env = False  # neither a proxy nor ~/.netrc shall see or replace the token
    session.headers["User-Agent"] = "PlexSync"
    session.hooks["response"].append(look_at)
    if connection.tls == INSECURE:
        session.verify = False
        warnings.simplefilter("ignore", InsecureRequestWarning)  # it was asked for, and stderr is Stash's log
    elif connection.tls != VERIFY:
        session.verify = connection.tls
    return session


def query_string(parameters: Iterable[tuple[str, str]]) -> str:
    """As python-plexapi writes it (utils.joinArgs): names as they are, values escaped to the last character."""
    return "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in parameters)


def _start_of(response: requests.Response, secret: str) -> str:
    """The first words of an error page, which may quote what it was asked."""
    try:
        text = _MARK_UP.sub(" ", response.text.replace(secret, "***"))
    except requests.RequestException:
        return ""  # the status says enough
    return " ".join(text.split())[:_REJECTION_CHARACTERS]


def _epoch_of(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError):  # Python 3.10 does not know how to say that it is none
        return None
